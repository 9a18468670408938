-- The second database. Times are unix microseconds UTC, enums are integers, ids of organization-owned rows are org_id << 32 | n
-- with n from orgs.next_seq, so that a foreign id is refused without a query and an organization's rows lie together.
-- SQLite's twin is migrations/sqlite/0001_init.sql; tests/portal compares the two.

CREATE TABLE sequences (
  name TEXT PRIMARY KEY,
  next BIGINT NOT NULL
);

CREATE TABLE enterprise (
  id              BIGINT PRIMARY KEY CHECK (id = 1),
  name            TEXT    NOT NULL,
  support_contact TEXT    NOT NULL,
  zone            TEXT    NOT NULL,
  created_at      BIGINT NOT NULL,
  version         BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE orgs (
  id               BIGINT PRIMARY KEY CHECK (id > 0 AND id < 2097152),
  slug             TEXT COLLATE "C"    NOT NULL UNIQUE,
  name             TEXT    NOT NULL,
  name_key         TEXT COLLATE "C"    NOT NULL,
  state            BIGINT NOT NULL DEFAULT 1 CHECK (state IN (1, 2)),          -- active, archived
  zone             TEXT    NOT NULL,
  support_contact  TEXT    NOT NULL,
  invite_days      BIGINT CHECK (invite_days BETWEEN 1 AND 30),                -- null: invitations never expire
  default_role     BIGINT NOT NULL DEFAULT 30 CHECK (default_role IN (20, 30, 40, 50, 60)),
  managers_invite  BOOLEAN NOT NULL DEFAULT TRUE,
  links_visible    BOOLEAN NOT NULL DEFAULT TRUE,  -- may inviters see and copy invitation links
  next_seq         BIGINT NOT NULL DEFAULT 1,
  created_at       BIGINT NOT NULL,
  archived_at      BIGINT,
  version          BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX orgs_name ON orgs (name_key, id);

CREATE TABLE org_domains (
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  domain TEXT COLLATE "C"    NOT NULL,
  PRIMARY KEY (org_id, domain)
);

CREATE TABLE users (
  id               BIGINT PRIMARY KEY,
  email            TEXT    NOT NULL,
  email_key        TEXT COLLATE "C"    NOT NULL UNIQUE,
  email_proof      BIGINT NOT NULL DEFAULT 0 CHECK (email_proof IN (0, 1, 2)), -- none, vouched for by a person, proved by mail
  vouched_by       BIGINT,
  name             TEXT    NOT NULL,
  password_hash    TEXT,
  password_set_at  BIGINT,
  state            BIGINT NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3)),       -- active, disabled, erased
  enterprise_role  BIGINT CHECK (enterprise_role IN (70, 80, 100)),
  theme            BIGINT NOT NULL DEFAULT 0 CHECK (theme IN (0, 1, 2)),
  last_sign_in_at  BIGINT,
  created_at       BIGINT NOT NULL,
  version          BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX users_enterprise ON users (enterprise_role) WHERE enterprise_role IS NOT NULL;

CREATE TABLE members (
  id              BIGINT PRIMARY KEY,
  org_id          BIGINT NOT NULL REFERENCES orgs (id),
  user_id         BIGINT NOT NULL REFERENCES users (id),
  email           TEXT    NOT NULL,
  email_key       TEXT COLLATE "C"    NOT NULL,
  name            TEXT    NOT NULL,
  name_key        TEXT COLLATE "C"    NOT NULL,
  role            BIGINT NOT NULL CHECK (role IN (20, 30, 40, 50, 60)),
  status          BIGINT NOT NULL CHECK (status IN (1, 2, 3, 4, 5)),           -- active, inactive, suspended, disabled, removed
  is_primary      BOOLEAN NOT NULL DEFAULT FALSE,
  source          BIGINT NOT NULL CHECK (source IN (1, 2, 3, 4)),              -- set-up, invitation, administrator, import
  joined_at       BIGINT NOT NULL,
  last_active_at  BIGINT NOT NULL DEFAULT 0,
  context_at      BIGINT,
  expires_at      BIGINT,
  suspended_until BIGINT,
  state_reason    TEXT    NOT NULL DEFAULT '',
  state_by        TEXT    NOT NULL DEFAULT '',
  state_at        BIGINT,
  version         BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX members_email ON members (org_id, email_key) WHERE status < 5;
CREATE UNIQUE INDEX members_user ON members (user_id, org_id) WHERE status < 5;
CREATE UNIQUE INDEX members_primary ON members (user_id) WHERE is_primary;
CREATE INDEX members_people ON members (name_key, id) WHERE is_primary;
CREATE INDEX members_name ON members (org_id, name_key, id, role, status, email_key);
CREATE INDEX members_active ON members (org_id, last_active_at, id, role, status);
CREATE INDEX members_joined ON members (org_id, joined_at, id, role, status);
CREATE INDEX members_role ON members (org_id, role, name_key, id, status);
CREATE INDEX members_status ON members (org_id, status, name_key, id, role);

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX members_trgm ON members USING gin ((name_key || ' ' || email_key) gin_trgm_ops);

CREATE TABLE member_counts (
  org_id BIGINT NOT NULL,
  role   BIGINT NOT NULL,
  status BIGINT NOT NULL,
  n      BIGINT NOT NULL,
  PRIMARY KEY (org_id, role, status)
);

CREATE TABLE groups (
  id           BIGINT PRIMARY KEY,
  org_id       BIGINT NOT NULL REFERENCES orgs (id),
  name         TEXT    NOT NULL,
  name_key     TEXT COLLATE "C"    NOT NULL,
  kind         BIGINT NOT NULL DEFAULT 1 CHECK (kind IN (1, 2, 3, 4)),         -- group, team, department, project
  member_count BIGINT NOT NULL DEFAULT 0,
  created_at   BIGINT NOT NULL,
  version      BIGINT NOT NULL DEFAULT 1,
  UNIQUE (org_id, name_key)
);

CREATE TABLE group_members (
  group_id   BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  member_id  BIGINT NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  org_id     BIGINT NOT NULL,
  is_lead    BOOLEAN NOT NULL DEFAULT FALSE,
  expires_at BIGINT,
  PRIMARY KEY (group_id, member_id)
);
CREATE INDEX group_members_member ON group_members (member_id, group_id);

CREATE TABLE invitations (
  id           BIGINT PRIMARY KEY,
  org_id       BIGINT NOT NULL REFERENCES orgs (id),
  email        TEXT    NOT NULL,
  email_key    TEXT COLLATE "C"    NOT NULL,
  role         BIGINT NOT NULL CHECK (role IN (20, 30, 40, 50, 60)),
  generation   BIGINT NOT NULL DEFAULT 1,
  token_hash   BYTEA    NOT NULL UNIQUE,                                          -- SHA-256 of the derived token
  state        BIGINT NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3, 4)),        -- pending, accepted, declined, revoked
  delivery     BIGINT NOT NULL DEFAULT 1 CHECK (delivery IN (1, 2, 3, 4, 5)),  -- queued, sent, deferred, bounced, link only
  last_error   TEXT    NOT NULL DEFAULT '',
  send_count   BIGINT NOT NULL DEFAULT 0,
  last_sent_at BIGINT,
  opened_at    BIGINT,
  reminded_at  BIGINT,
  renewal_at   BIGINT,                                                          -- the invited person asked for a new link
  invited_by   BIGINT NOT NULL,
  inviter_name TEXT    NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT,
  decided_at   BIGINT,
  accepted_by  BIGINT,
  member_until BIGINT,
  batch_id     BIGINT,
  version      BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX invitations_open ON invitations (org_id, email_key) WHERE state = 1;
CREATE INDEX invitations_list ON invitations (org_id, state, created_at, id);
CREATE INDEX invitations_address ON invitations (email_key, state);

CREATE TABLE invitation_groups (
  invitation_id BIGINT NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
  group_id      BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  org_id        BIGINT NOT NULL,
  PRIMARY KEY (invitation_id, group_id)
);

CREATE TABLE invite_batches (
  id         BIGINT PRIMARY KEY,
  org_id     BIGINT NOT NULL REFERENCES orgs (id),
  created_by BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  role       BIGINT NOT NULL,
  total      BIGINT NOT NULL,
  invited    BIGINT NOT NULL
);

CREATE TABLE invite_batch_items (
  batch_id BIGINT NOT NULL REFERENCES invite_batches (id) ON DELETE CASCADE,
  n        BIGINT NOT NULL,
  org_id   BIGINT NOT NULL,
  text     TEXT    NOT NULL,
  outcome  BIGINT NOT NULL,
  PRIMARY KEY (batch_id, n)
);

CREATE TABLE invite_suppressions (                                                -- "report this invitation" and hard bounces
  email_key  TEXT COLLATE "C"    NOT NULL,
  org_id     BIGINT NOT NULL,
  reason     BIGINT NOT NULL CHECK (reason IN (1, 2)),                           -- reported, bounced
  created_at BIGINT NOT NULL,
  PRIMARY KEY (email_key, org_id)
);

CREATE TABLE sessions (
  token_hash BYTEA    PRIMARY KEY,
  id         BIGINT NOT NULL UNIQUE,
  user_id    BIGINT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  idle_until BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ip         TEXT    NOT NULL,
  agent      TEXT    NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE password_resets (
  id         BIGINT PRIMARY KEY,
  token_hash BYTEA    NOT NULL UNIQUE,
  user_id    BIGINT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX password_resets_user ON password_resets (user_id);

CREATE TABLE address_codes (
  user_id    BIGINT PRIMARY KEY REFERENCES users (id),
  nonce      BIGINT NOT NULL,
  tries      BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE TABLE ladders (                                                             -- failures by address, known or not: equal answers
  key        BYTEA    PRIMARY KEY,
  failures   BIGINT NOT NULL,
  last_at    BIGINT NOT NULL,
  open_at    BIGINT NOT NULL
);

CREATE TABLE outbox (
  id         BIGINT PRIMARY KEY,
  org_id     BIGINT NOT NULL DEFAULT 0,                                           -- 0: no organization
  recipient  TEXT    NOT NULL,
  message    TEXT    NOT NULL,                                                     -- typed message as JSON, never a secret
  subject_id BIGINT,                                                              -- the invitation it carries
  message_id TEXT COLLATE "C"    NOT NULL UNIQUE,
  state      BIGINT NOT NULL CHECK (state IN (1, 2, 3, 4, 5, 6)),                 -- queued, sent, deferred, bounced, link only, cancelled
  attempts   BIGINT NOT NULL DEFAULT 0,
  next_at    BIGINT NOT NULL,
  last_error TEXT    NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  sent_at    BIGINT
);
CREATE INDEX outbox_due ON outbox (next_at, id) WHERE state IN (1, 3);
CREATE INDEX outbox_subject ON outbox (subject_id);
CREATE INDEX outbox_state ON outbox (state, id);

CREATE TABLE audit_heads (
  org_id BIGINT PRIMARY KEY,
  seq    BIGINT NOT NULL,
  hash   BYTEA    NOT NULL
);

CREATE TABLE audit (
  org_id      BIGINT NOT NULL,                                                    -- 0: the enterprise
  seq         BIGINT NOT NULL,
  at          BIGINT NOT NULL,
  actor_kind  BIGINT NOT NULL,
  actor_id    BIGINT NOT NULL,
  actor_name  TEXT    NOT NULL,
  via         TEXT    NOT NULL,
  ip          TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  request_id  TEXT    NOT NULL,
  action      TEXT COLLATE "C"    NOT NULL,
  object_kind TEXT    NOT NULL,
  object_id   BIGINT NOT NULL,
  object_name TEXT    NOT NULL,
  before      TEXT    NOT NULL,
  after       TEXT    NOT NULL,
  result      BIGINT NOT NULL CHECK (result IN (1, 2, 3)),                        -- ok, denied, error
  prev_hash   BYTEA    NOT NULL,
  hash        BYTEA    NOT NULL,
  PRIMARY KEY (org_id, seq)
);
CREATE INDEX audit_actor ON audit (org_id, actor_id, seq);
CREATE INDEX audit_action ON audit (org_id, action, seq);
CREATE INDEX audit_object ON audit (org_id, object_id, seq);

CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'audit rows are append-only'; END $$;
CREATE TRIGGER audit_no_update BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
