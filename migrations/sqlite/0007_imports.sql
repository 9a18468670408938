-- Import of members from files: what was uploaded, line by line, and what becomes of each line; limits that an invitation promises.

CREATE TABLE imports (
  id          INTEGER PRIMARY KEY,
  org_id      INTEGER NOT NULL REFERENCES orgs (id),
  user_id     INTEGER NOT NULL,                                                  -- who uploaded it, and alone sees it
  actor_name  TEXT    NOT NULL,
  ip          TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  request_id  TEXT    NOT NULL,
  state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),                    -- reading, read, checking, checked, running, done, stopped, discarded
  name        TEXT    NOT NULL,                                                  -- of the file
  format      TEXT    NOT NULL DEFAULT '',                                       -- in words
  notice      TEXT    NOT NULL DEFAULT '',
  width       INTEGER NOT NULL DEFAULT 0,                                        -- columns of the widest line
  total       INTEGER NOT NULL DEFAULT 0,                                        -- lines with something in them
  plan        TEXT    NOT NULL DEFAULT '{}',                                     -- columns, way and role, as JSON
  round       INTEGER NOT NULL DEFAULT 0,                                        -- rises with every check
  place       INTEGER NOT NULL DEFAULT 0,                                        -- the last line that was checked or imported
  counts      TEXT    NOT NULL DEFAULT '{}',                                     -- lines by verdict, as JSON
  changed     INTEGER NOT NULL DEFAULT 0,                                        -- people invited or added
  note        TEXT    NOT NULL DEFAULT '',
  created_at  INTEGER NOT NULL,
  finished_at INTEGER
) STRICT;
CREATE INDEX imports_open ON imports (id) WHERE state IN (3, 5);
CREATE INDEX imports_mine ON imports (org_id, user_id, id);

CREATE TABLE import_rows (
  import_id INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
  n         INTEGER NOT NULL,                                                    -- 1, 2, 3 …
  org_id    INTEGER NOT NULL,
  line      INTEGER NOT NULL,                                                    -- where it begins in the file
  cells     TEXT    NOT NULL,                                                    -- as JSON
  PRIMARY KEY (import_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_verdicts (
  import_id INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
  round     INTEGER NOT NULL,
  n         INTEGER NOT NULL,
  org_id    INTEGER NOT NULL,
  line      INTEGER NOT NULL,
  email     TEXT    NOT NULL,                                                    -- as it stands in the file
  email_key TEXT    NOT NULL,                                                    -- empty for what is no address
  verdict   INTEGER NOT NULL,
  note      TEXT    NOT NULL,
  PRIMARY KEY (import_id, round, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX import_verdicts_key ON import_verdicts (import_id, round, email_key, n);

CREATE TABLE invitation_limits (
  invitation_id INTEGER NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
  period        INTEGER NOT NULL,
  org_id        INTEGER NOT NULL,
  amount        INTEGER,                                                         -- micro-credits; null for unlimited
  set_by        TEXT    NOT NULL,
  PRIMARY KEY (invitation_id, period)
) STRICT, WITHOUT ROWID;
