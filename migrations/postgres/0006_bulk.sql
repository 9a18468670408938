-- Acts on many at once, and saved views of the members table.

CREATE TABLE bulk_jobs (
  id          BIGINT PRIMARY KEY,
  org_id      BIGINT NOT NULL REFERENCES orgs (id),
  kind        BIGINT NOT NULL CHECK (kind BETWEEN 1 AND 99),
  state       BIGINT NOT NULL CHECK (state IN (1, 2, 3, 4)),                    -- collecting, running, done, stopped
  user_id     BIGINT NOT NULL,                                                  -- 0: the operator
  actor_name  TEXT    NOT NULL,
  ip          TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  request_id  TEXT    NOT NULL,
  scope       TEXT    NOT NULL,                                                  -- who is meant, as JSON
  terms       TEXT    NOT NULL,                                                  -- what is to be done, as JSON
  title       TEXT    NOT NULL,
  undoes      BIGINT,
  total       BIGINT NOT NULL,
  done        BIGINT NOT NULL DEFAULT 0,
  changed     BIGINT NOT NULL DEFAULT 0,
  place       BIGINT NOT NULL DEFAULT 0,                                        -- the last subject that was collected or worked on
  note        TEXT    NOT NULL DEFAULT '',
  created_at  BIGINT NOT NULL,
  finished_at BIGINT,
  undone_at   BIGINT
);
CREATE INDEX bulk_jobs_open ON bulk_jobs (id) WHERE state IN (1, 2);

CREATE TABLE bulk_items (
  job_id     BIGINT NOT NULL REFERENCES bulk_jobs (id) ON DELETE CASCADE,
  subject_id BIGINT NOT NULL,                                                   -- a member or an invitation
  org_id     BIGINT NOT NULL,
  outcome    BIGINT NOT NULL DEFAULT 0 CHECK (outcome IN (0, 1, 2, 3)),         -- waits, changed, nothing to do, refused
  reason     BIGINT NOT NULL DEFAULT 0,
  before     TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (job_id, subject_id)
);

CREATE TABLE saved_views (
  id         BIGINT PRIMARY KEY,
  org_id     BIGINT NOT NULL REFERENCES orgs (id),
  user_id    BIGINT NOT NULL REFERENCES users (id),
  shared     BOOLEAN NOT NULL DEFAULT FALSE,
  name       TEXT    NOT NULL,
  name_key   TEXT COLLATE "C" NOT NULL,
  query      TEXT    NOT NULL,
  created_at BIGINT NOT NULL,
  version    BIGINT NOT NULL DEFAULT 1,
  UNIQUE (org_id, user_id, name_key)
);

CREATE TABLE saved_view_defaults (
  org_id  BIGINT NOT NULL,
  user_id BIGINT NOT NULL REFERENCES users (id),
  view_id BIGINT NOT NULL REFERENCES saved_views (id) ON DELETE CASCADE,
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX saved_view_defaults_view ON saved_view_defaults (view_id);
