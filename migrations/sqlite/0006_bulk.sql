-- Acts on many at once, and saved views of the members table.

CREATE TABLE bulk_jobs (
  id          INTEGER PRIMARY KEY,
  org_id      INTEGER NOT NULL REFERENCES orgs (id),
  kind        INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 99),
  state       INTEGER NOT NULL CHECK (state IN (1, 2, 3, 4)),                    -- collecting, running, done, stopped
  user_id     INTEGER NOT NULL,                                                  -- 0: the operator
  actor_name  TEXT    NOT NULL,
  ip          TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  request_id  TEXT    NOT NULL,
  scope       TEXT    NOT NULL,                                                  -- who is meant, as JSON
  terms       TEXT    NOT NULL,                                                  -- what is to be done, as JSON
  title       TEXT    NOT NULL,
  undoes      INTEGER,
  total       INTEGER NOT NULL,
  done        INTEGER NOT NULL DEFAULT 0,
  changed     INTEGER NOT NULL DEFAULT 0,
  place       INTEGER NOT NULL DEFAULT 0,                                        -- the last subject that was collected or worked on
  note        TEXT    NOT NULL DEFAULT '',
  created_at  INTEGER NOT NULL,
  finished_at INTEGER,
  undone_at   INTEGER
) STRICT;
CREATE INDEX bulk_jobs_open ON bulk_jobs (id) WHERE state IN (1, 2);

CREATE TABLE bulk_items (
  job_id     INTEGER NOT NULL REFERENCES bulk_jobs (id) ON DELETE CASCADE,
  subject_id INTEGER NOT NULL,                                                   -- a member or an invitation
  org_id     INTEGER NOT NULL,
  outcome    INTEGER NOT NULL DEFAULT 0 CHECK (outcome IN (0, 1, 2, 3)),         -- waits, changed, nothing to do, refused
  reason     INTEGER NOT NULL DEFAULT 0,
  before     TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (job_id, subject_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE saved_views (
  id         INTEGER PRIMARY KEY,
  org_id     INTEGER NOT NULL REFERENCES orgs (id),
  user_id    INTEGER NOT NULL REFERENCES users (id),
  shared     INTEGER NOT NULL DEFAULT 0 CHECK (shared IN (0, 1)),
  name       TEXT    NOT NULL,
  name_key   TEXT    NOT NULL,
  query      TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL DEFAULT 1,
  UNIQUE (org_id, user_id, name_key)
) STRICT;

CREATE TABLE saved_view_defaults (
  org_id  INTEGER NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users (id),
  view_id INTEGER NOT NULL REFERENCES saved_views (id) ON DELETE CASCADE,
  PRIMARY KEY (org_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX saved_view_defaults_view ON saved_view_defaults (view_id);
