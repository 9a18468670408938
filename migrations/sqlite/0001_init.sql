-- One node's database. Times are unix microseconds UTC, enums are integers, ids of organization-owned rows are org_id << 32 | n
-- with n from orgs.next_seq, so that a foreign id is refused without a query and an organization's rows lie together.
-- PostgreSQL's twin is migrations/postgres/0001_init.sql; tests/portal compares the two.

CREATE TABLE sequences (
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE enterprise (
  id              INTEGER PRIMARY KEY CHECK (id = 1),
  name            TEXT    NOT NULL,
  support_contact TEXT    NOT NULL,
  zone            TEXT    NOT NULL,
  created_at      INTEGER NOT NULL,
  version         INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE orgs (
  id               INTEGER PRIMARY KEY CHECK (id > 0 AND id < 2097152),
  slug             TEXT    NOT NULL UNIQUE,
  name             TEXT    NOT NULL,
  name_key         TEXT    NOT NULL,
  state            INTEGER NOT NULL DEFAULT 1 CHECK (state IN (1, 2)),          -- active, archived
  zone             TEXT    NOT NULL,
  support_contact  TEXT    NOT NULL,
  invite_days      INTEGER CHECK (invite_days BETWEEN 1 AND 30),                -- null: invitations never expire
  default_role     INTEGER NOT NULL DEFAULT 30 CHECK (default_role IN (20, 30, 40, 50, 60)),
  managers_invite  INTEGER NOT NULL DEFAULT 1 CHECK (managers_invite IN (0, 1)),
  links_visible    INTEGER NOT NULL DEFAULT 1 CHECK (links_visible IN (0, 1)),  -- may inviters see and copy invitation links
  next_seq         INTEGER NOT NULL DEFAULT 1,
  created_at       INTEGER NOT NULL,
  archived_at      INTEGER,
  version          INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX orgs_name ON orgs (name_key, id);

CREATE TABLE org_domains (
  org_id INTEGER NOT NULL REFERENCES orgs (id),
  domain TEXT    NOT NULL,
  PRIMARY KEY (org_id, domain)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  id               INTEGER PRIMARY KEY,
  email            TEXT    NOT NULL,
  email_key        TEXT    NOT NULL UNIQUE,
  email_proof      INTEGER NOT NULL DEFAULT 0 CHECK (email_proof IN (0, 1, 2)), -- none, vouched for by a person, proved by mail
  vouched_by       INTEGER,
  name             TEXT    NOT NULL,
  password_hash    TEXT,
  password_set_at  INTEGER,
  state            INTEGER NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3)),       -- active, disabled, erased
  enterprise_role  INTEGER CHECK (enterprise_role IN (70, 80, 100)),
  theme            INTEGER NOT NULL DEFAULT 0 CHECK (theme IN (0, 1, 2)),
  last_sign_in_at  INTEGER,
  created_at       INTEGER NOT NULL,
  version          INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX users_enterprise ON users (enterprise_role) WHERE enterprise_role IS NOT NULL;

CREATE TABLE members (
  id              INTEGER PRIMARY KEY,
  org_id          INTEGER NOT NULL REFERENCES orgs (id),
  user_id         INTEGER NOT NULL REFERENCES users (id),
  email           TEXT    NOT NULL,
  email_key       TEXT    NOT NULL,
  name            TEXT    NOT NULL,
  name_key        TEXT    NOT NULL,
  role            INTEGER NOT NULL CHECK (role IN (20, 30, 40, 50, 60)),
  status          INTEGER NOT NULL CHECK (status IN (1, 2, 3, 4, 5)),           -- active, inactive, suspended, disabled, removed
  is_primary      INTEGER NOT NULL DEFAULT 0 CHECK (is_primary IN (0, 1)),
  source          INTEGER NOT NULL CHECK (source IN (1, 2, 3, 4)),              -- set-up, invitation, administrator, import
  joined_at       INTEGER NOT NULL,
  last_active_at  INTEGER NOT NULL DEFAULT 0,
  context_at      INTEGER,
  expires_at      INTEGER,
  suspended_until INTEGER,
  state_reason    TEXT    NOT NULL DEFAULT '',
  state_by        TEXT    NOT NULL DEFAULT '',
  state_at        INTEGER,
  version         INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX members_email ON members (org_id, email_key) WHERE status < 5;
CREATE UNIQUE INDEX members_user ON members (user_id, org_id) WHERE status < 5;
CREATE UNIQUE INDEX members_primary ON members (user_id) WHERE is_primary = 1;
CREATE INDEX members_people ON members (name_key, id) WHERE is_primary = 1;
CREATE INDEX members_name ON members (org_id, name_key, id, role, status, email_key);
CREATE INDEX members_active ON members (org_id, last_active_at, id, role, status);
CREATE INDEX members_joined ON members (org_id, joined_at, id, role, status);
CREATE INDEX members_role ON members (org_id, role, name_key, id, status);
CREATE INDEX members_status ON members (org_id, status, name_key, id, role);

CREATE VIRTUAL TABLE members_fts USING fts5(t, content='', contentless_delete=1, detail=none, tokenize='trigram remove_diacritics 1');

CREATE TABLE member_counts (
  org_id INTEGER NOT NULL,
  role   INTEGER NOT NULL,
  status INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (org_id, role, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
  id           INTEGER PRIMARY KEY,
  org_id       INTEGER NOT NULL REFERENCES orgs (id),
  name         TEXT    NOT NULL,
  name_key     TEXT    NOT NULL,
  kind         INTEGER NOT NULL DEFAULT 1 CHECK (kind IN (1, 2, 3, 4)),         -- group, team, department, project
  member_count INTEGER NOT NULL DEFAULT 0,
  created_at   INTEGER NOT NULL,
  version      INTEGER NOT NULL DEFAULT 1,
  UNIQUE (org_id, name_key)
) STRICT;

CREATE TABLE group_members (
  group_id   INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  member_id  INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  org_id     INTEGER NOT NULL,
  is_lead    INTEGER NOT NULL DEFAULT 0 CHECK (is_lead IN (0, 1)),
  expires_at INTEGER,
  PRIMARY KEY (group_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_member ON group_members (member_id, group_id);

CREATE TABLE invitations (
  id           INTEGER PRIMARY KEY,
  org_id       INTEGER NOT NULL REFERENCES orgs (id),
  email        TEXT    NOT NULL,
  email_key    TEXT    NOT NULL,
  role         INTEGER NOT NULL CHECK (role IN (20, 30, 40, 50, 60)),
  generation   INTEGER NOT NULL DEFAULT 1,
  token_hash   BLOB    NOT NULL UNIQUE,                                          -- SHA-256 of the derived token
  state        INTEGER NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3, 4)),        -- pending, accepted, declined, revoked
  delivery     INTEGER NOT NULL DEFAULT 1 CHECK (delivery IN (1, 2, 3, 4, 5)),  -- queued, sent, deferred, bounced, link only
  last_error   TEXT    NOT NULL DEFAULT '',
  send_count   INTEGER NOT NULL DEFAULT 0,
  last_sent_at INTEGER,
  opened_at    INTEGER,
  reminded_at  INTEGER,
  renewal_at   INTEGER,                                                          -- the invited person asked for a new link
  invited_by   INTEGER NOT NULL,
  inviter_name TEXT    NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER,
  decided_at   INTEGER,
  accepted_by  INTEGER,
  member_until INTEGER,
  batch_id     INTEGER,
  version      INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX invitations_open ON invitations (org_id, email_key) WHERE state = 1;
CREATE INDEX invitations_list ON invitations (org_id, state, created_at, id);
CREATE INDEX invitations_address ON invitations (email_key, state);

CREATE TABLE invitation_groups (
  invitation_id INTEGER NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
  group_id      INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  org_id        INTEGER NOT NULL,
  PRIMARY KEY (invitation_id, group_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE invite_batches (
  id         INTEGER PRIMARY KEY,
  org_id     INTEGER NOT NULL REFERENCES orgs (id),
  created_by INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  role       INTEGER NOT NULL,
  total      INTEGER NOT NULL,
  invited    INTEGER NOT NULL
) STRICT;

CREATE TABLE invite_batch_items (
  batch_id INTEGER NOT NULL REFERENCES invite_batches (id) ON DELETE CASCADE,
  n        INTEGER NOT NULL,
  org_id   INTEGER NOT NULL,
  text     TEXT    NOT NULL,
  outcome  INTEGER NOT NULL,
  PRIMARY KEY (batch_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE invite_suppressions (                                                -- "report this invitation" and hard bounces
  email_key  TEXT    NOT NULL,
  org_id     INTEGER NOT NULL,
  reason     INTEGER NOT NULL CHECK (reason IN (1, 2)),                           -- reported, bounced
  created_at INTEGER NOT NULL,
  PRIMARY KEY (email_key, org_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  token_hash BLOB    PRIMARY KEY,
  id         INTEGER NOT NULL UNIQUE,
  user_id    INTEGER NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  idle_until INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ip         TEXT    NOT NULL,
  agent      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE password_resets (
  id         INTEGER PRIMARY KEY,
  token_hash BLOB    NOT NULL UNIQUE,
  user_id    INTEGER NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX password_resets_user ON password_resets (user_id);

CREATE TABLE address_codes (
  user_id    INTEGER PRIMARY KEY REFERENCES users (id),
  nonce      INTEGER NOT NULL,
  tries      INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE ladders (                                                             -- failures by address, known or not: equal answers
  key        BLOB    PRIMARY KEY,
  failures   INTEGER NOT NULL,
  last_at    INTEGER NOT NULL,
  open_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  id         INTEGER PRIMARY KEY,
  org_id     INTEGER NOT NULL DEFAULT 0,                                           -- 0: no organization
  recipient  TEXT    NOT NULL,
  message    TEXT    NOT NULL,                                                     -- typed message as JSON, never a secret
  subject_id INTEGER,                                                              -- the invitation it carries
  message_id TEXT    NOT NULL UNIQUE,
  state      INTEGER NOT NULL CHECK (state IN (1, 2, 3, 4, 5, 6)),                 -- queued, sent, deferred, bounced, link only, cancelled
  attempts   INTEGER NOT NULL DEFAULT 0,
  next_at    INTEGER NOT NULL,
  last_error TEXT    NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  sent_at    INTEGER
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at, id) WHERE state IN (1, 3);
CREATE INDEX outbox_subject ON outbox (subject_id);
CREATE INDEX outbox_state ON outbox (state, id);

CREATE TABLE audit_heads (
  org_id INTEGER PRIMARY KEY,
  seq    INTEGER NOT NULL,
  hash   BLOB    NOT NULL
) STRICT;

CREATE TABLE audit (
  org_id      INTEGER NOT NULL,                                                    -- 0: the enterprise
  seq         INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  actor_kind  INTEGER NOT NULL,
  actor_id    INTEGER NOT NULL,
  actor_name  TEXT    NOT NULL,
  via         TEXT    NOT NULL,
  ip          TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  request_id  TEXT    NOT NULL,
  action      TEXT    NOT NULL,
  object_kind TEXT    NOT NULL,
  object_id   INTEGER NOT NULL,
  object_name TEXT    NOT NULL,
  before      TEXT    NOT NULL,
  after       TEXT    NOT NULL,
  result      INTEGER NOT NULL CHECK (result IN (1, 2, 3)),                        -- ok, denied, error
  prev_hash   BLOB    NOT NULL,
  hash        BLOB    NOT NULL,
  PRIMARY KEY (org_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_actor ON audit (org_id, actor_id, seq);
CREATE INDEX audit_action ON audit (org_id, action, seq);
CREATE INDEX audit_object ON audit (org_id, object_id, seq);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END;
