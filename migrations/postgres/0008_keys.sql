-- API keys, the services and features they belong to and carry, and the rules they are made by. A key's secret is never stored.
-- SQLite's twin is migrations/sqlite/0008_keys.sql.

CREATE TABLE service_accounts (
  id         BIGINT  PRIMARY KEY,
  org_id     BIGINT  NOT NULL REFERENCES orgs (id),
  name       TEXT    NOT NULL,
  name_key   TEXT COLLATE "C" NOT NULL,
  group_id   BIGINT  REFERENCES groups (id) ON DELETE SET NULL,                    -- the group that cares for it
  state      BIGINT  NOT NULL DEFAULT 1 CHECK (state IN (1, 2)),                   -- active, disabled
  created_at BIGINT  NOT NULL,
  created_by TEXT    NOT NULL,
  version    BIGINT  NOT NULL DEFAULT 1,
  UNIQUE (org_id, name_key)
);
CREATE INDEX service_accounts_group ON service_accounts (group_id) WHERE group_id IS NOT NULL;

CREATE TABLE api_keys (
  id             BIGINT  PRIMARY KEY,
  org_id         BIGINT  NOT NULL REFERENCES orgs (id),
  kind           BIGINT  NOT NULL CHECK (kind IN (1, 2, 3)),                       -- personal, group, service
  name           TEXT    NOT NULL,
  name_key       TEXT COLLATE "C" NOT NULL,
  public_id      TEXT    NOT NULL UNIQUE,                                          -- stands in the key in clear
  last_four      TEXT    NOT NULL,
  hash           BYTEA   NOT NULL UNIQUE,                                          -- SHA-256 of the whole key
  next_hash      BYTEA   UNIQUE,                                                   -- while two secrets work: the newer one
  next_four      TEXT    NOT NULL DEFAULT '',
  next_until     BIGINT,                                                          -- when the older one ends
  member_id      BIGINT  REFERENCES members (id),                                  -- whose a personal key is
  group_id       BIGINT  REFERENCES groups (id) ON DELETE SET NULL,                -- the group to which use is put down
  service_id     BIGINT  REFERENCES service_accounts (id),
  scopes         TEXT    NOT NULL,                                                 -- one space between
  not_before     BIGINT,
  expires_at     BIGINT,                                                          -- null: never
  warned         BIGINT,                                                          -- of how many days before the end people were told
  state          BIGINT  NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3)),            -- active, suspended, revoked
  suspended_by   BIGINT  NOT NULL DEFAULT 0 CHECK (suspended_by IN (0, 1, 2)),     -- nobody, a person, its owner's state
  state_by       TEXT    NOT NULL DEFAULT '',
  state_at       BIGINT,
  created_by     BIGINT  NOT NULL,                                                 -- an account; 0 for the operator
  creator_name   TEXT    NOT NULL,
  created_at     BIGINT  NOT NULL,
  rotated_at     BIGINT,
  last_used_at   BIGINT,
  last_used_ip   TEXT    NOT NULL DEFAULT '',
  nonce          TEXT    NOT NULL,                                                 -- of the form, so that sending it again makes no second key
  version        BIGINT  NOT NULL DEFAULT 1,
  UNIQUE (org_id, nonce)
);
CREATE INDEX api_keys_list ON api_keys (org_id, id);
CREATE INDEX api_keys_member ON api_keys (member_id, state) WHERE member_id IS NOT NULL;
CREATE INDEX api_keys_group ON api_keys (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX api_keys_service ON api_keys (service_id) WHERE service_id IS NOT NULL;
CREATE INDEX api_keys_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL AND state < 3;
CREATE INDEX api_keys_overlap ON api_keys (next_until) WHERE next_until IS NOT NULL;

CREATE TABLE key_groups (
  key_id   BIGINT  NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  group_id BIGINT  NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  org_id   BIGINT  NOT NULL,
  PRIMARY KEY (key_id, group_id)
);
CREATE INDEX key_groups_group ON key_groups (group_id, key_id);

CREATE TABLE key_members (
  key_id    BIGINT  NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  member_id BIGINT  NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  org_id    BIGINT  NOT NULL,
  PRIMARY KEY (key_id, member_id)
);
CREATE INDEX key_members_member ON key_members (member_id, key_id);

CREATE TABLE features (
  id            BIGINT  PRIMARY KEY,
  org_id        BIGINT  NOT NULL REFERENCES orgs (id),
  key           TEXT    NOT NULL,                                                  -- what programs compare
  title         TEXT    NOT NULL,
  kind          BIGINT  NOT NULL CHECK (kind IN (1, 2, 3, 4)),                     -- yes or no, number, choice, text
  choices       TEXT    NOT NULL DEFAULT '',                                       -- one a line
  default_value TEXT    NOT NULL DEFAULT '',                                       -- of keys that say nothing
  created_at    BIGINT  NOT NULL,
  version       BIGINT  NOT NULL DEFAULT 1,
  UNIQUE (org_id, key)
);

CREATE TABLE key_features (
  key_id     BIGINT  NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  feature_id BIGINT  NOT NULL REFERENCES features (id) ON DELETE CASCADE,
  org_id     BIGINT  NOT NULL,
  value      TEXT    NOT NULL,
  PRIMARY KEY (key_id, feature_id)
);
CREATE INDEX key_features_feature ON key_features (feature_id, key_id);

CREATE TABLE key_settings (
  org_id       BIGINT  PRIMARY KEY REFERENCES orgs (id),
  personal     BIGINT  NOT NULL CHECK (personal IN (1, 2, 3)),                     -- everybody, who builds on the platform, nobody
  max_days     BIGINT  CHECK (max_days BETWEEN 1 AND 3650),                        -- null: no limit
  default_days BIGINT  CHECK (default_days BETWEEN 1 AND 3650),                    -- null: never
  version      BIGINT  NOT NULL DEFAULT 1
);

-- Keys and service accounts have limits too.
ALTER TABLE limit_policies DROP CONSTRAINT limit_policies_scope_check;
ALTER TABLE limit_policies ADD CONSTRAINT limit_policies_scope_check CHECK (scope IN (1, 2, 3, 4, 5, 6, 7)); -- … member, API key, service account
