-- Import of members from files: what was uploaded, line by line, and what becomes of each line; limits that an invitation promises.

CREATE TABLE imports (
  id          BIGINT PRIMARY KEY,
  org_id      BIGINT NOT NULL REFERENCES orgs (id),
  user_id     BIGINT NOT NULL,                                                  -- who uploaded it, and alone sees it
  actor_name  TEXT    NOT NULL,
  ip          TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  request_id  TEXT    NOT NULL,
  state       BIGINT NOT NULL CHECK (state BETWEEN 1 AND 8),                    -- reading, read, checking, checked, running, done, stopped, discarded
  name        TEXT    NOT NULL,                                                  -- of the file
  format      TEXT    NOT NULL DEFAULT '',                                       -- in words
  notice      TEXT    NOT NULL DEFAULT '',
  width       BIGINT NOT NULL DEFAULT 0,                                        -- columns of the widest line
  total       BIGINT NOT NULL DEFAULT 0,                                        -- lines with something in them
  plan        TEXT    NOT NULL DEFAULT '{}',                                     -- columns, way and role, as JSON
  round       BIGINT NOT NULL DEFAULT 0,                                        -- rises with every check
  place       BIGINT NOT NULL DEFAULT 0,                                        -- the last line that was checked or imported
  counts      TEXT    NOT NULL DEFAULT '{}',                                     -- lines by verdict, as JSON
  changed     BIGINT NOT NULL DEFAULT 0,                                        -- people invited or added
  note        TEXT    NOT NULL DEFAULT '',
  created_at  BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE INDEX imports_open ON imports (id) WHERE state IN (3, 5);
CREATE INDEX imports_mine ON imports (org_id, user_id, id);

CREATE TABLE import_rows (
  import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
  n         BIGINT NOT NULL,                                                    -- 1, 2, 3 …
  org_id    BIGINT NOT NULL,
  line      BIGINT NOT NULL,                                                    -- where it begins in the file
  cells     TEXT    NOT NULL,                                                    -- as JSON
  PRIMARY KEY (import_id, n)
);

CREATE TABLE import_verdicts (
  import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
  round     BIGINT NOT NULL,
  n         BIGINT NOT NULL,
  org_id    BIGINT NOT NULL,
  line      BIGINT NOT NULL,
  email     TEXT    NOT NULL,                                                    -- as it stands in the file
  email_key TEXT COLLATE "C" NOT NULL,                                                    -- empty for what is no address
  verdict   BIGINT NOT NULL,
  note      TEXT    NOT NULL,
  PRIMARY KEY (import_id, round, n)
);
CREATE INDEX import_verdicts_key ON import_verdicts (import_id, round, email_key, n);

CREATE TABLE invitation_limits (
  invitation_id BIGINT NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
  period        BIGINT NOT NULL,
  org_id        BIGINT NOT NULL,
  amount        BIGINT,                                                         -- micro-credits; null for unlimited
  set_by        TEXT    NOT NULL,
  PRIMARY KEY (invitation_id, period)
);
