-- API keys, the services and features they belong to and carry, and the rules they are made by. A key's secret is never stored.
-- PostgreSQL's twin is migrations/postgres/0008_keys.sql.

CREATE TABLE service_accounts (
  id         INTEGER PRIMARY KEY,
  org_id     INTEGER NOT NULL REFERENCES orgs (id),
  name       TEXT    NOT NULL,
  name_key   TEXT    NOT NULL,
  group_id   INTEGER REFERENCES groups (id) ON DELETE SET NULL,                    -- the group that cares for it
  state      INTEGER NOT NULL DEFAULT 1 CHECK (state IN (1, 2)),                   -- active, disabled
  created_at INTEGER NOT NULL,
  created_by TEXT    NOT NULL,
  version    INTEGER NOT NULL DEFAULT 1,
  UNIQUE (org_id, name_key)
) STRICT;
CREATE INDEX service_accounts_group ON service_accounts (group_id) WHERE group_id IS NOT NULL;

CREATE TABLE api_keys (
  id             INTEGER PRIMARY KEY,
  org_id         INTEGER NOT NULL REFERENCES orgs (id),
  kind           INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),                       -- personal, group, service
  name           TEXT    NOT NULL,
  name_key       TEXT    NOT NULL,
  public_id      TEXT    NOT NULL UNIQUE,                                          -- stands in the key in clear
  last_four      TEXT    NOT NULL,
  hash           BLOB    NOT NULL UNIQUE,                                          -- SHA-256 of the whole key
  next_hash      BLOB    UNIQUE,                                                   -- while two secrets work: the newer one
  next_four      TEXT    NOT NULL DEFAULT '',
  next_until     INTEGER,                                                          -- when the older one ends
  member_id      INTEGER REFERENCES members (id),                                  -- whose a personal key is
  group_id       INTEGER REFERENCES groups (id) ON DELETE SET NULL,                -- the group to which use is put down
  service_id     INTEGER REFERENCES service_accounts (id),
  scopes         TEXT    NOT NULL,                                                 -- one space between
  not_before     INTEGER,
  expires_at     INTEGER,                                                          -- null: never
  warned         INTEGER,                                                          -- of how many days before the end people were told
  state          INTEGER NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3)),            -- active, suspended, revoked
  suspended_by   INTEGER NOT NULL DEFAULT 0 CHECK (suspended_by IN (0, 1, 2)),     -- nobody, a person, its owner's state
  state_by       TEXT    NOT NULL DEFAULT '',
  state_at       INTEGER,
  created_by     INTEGER NOT NULL,                                                 -- an account; 0 for the operator
  creator_name   TEXT    NOT NULL,
  created_at     INTEGER NOT NULL,
  rotated_at     INTEGER,
  last_used_at   INTEGER,
  last_used_ip   TEXT    NOT NULL DEFAULT '',
  nonce          TEXT    NOT NULL,                                                 -- of the form, so that sending it again makes no second key
  version        INTEGER NOT NULL DEFAULT 1,
  UNIQUE (org_id, nonce)
) STRICT;
CREATE INDEX api_keys_list ON api_keys (org_id, id);
CREATE INDEX api_keys_member ON api_keys (member_id, state) WHERE member_id IS NOT NULL;
CREATE INDEX api_keys_group ON api_keys (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX api_keys_service ON api_keys (service_id) WHERE service_id IS NOT NULL;
CREATE INDEX api_keys_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL AND state < 3;
CREATE INDEX api_keys_overlap ON api_keys (next_until) WHERE next_until IS NOT NULL;

CREATE TABLE key_groups (
  key_id   INTEGER NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  org_id   INTEGER NOT NULL,
  PRIMARY KEY (key_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_groups_group ON key_groups (group_id, key_id);

CREATE TABLE key_members (
  key_id    INTEGER NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  member_id INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  org_id    INTEGER NOT NULL,
  PRIMARY KEY (key_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_members_member ON key_members (member_id, key_id);

CREATE TABLE features (
  id            INTEGER PRIMARY KEY,
  org_id        INTEGER NOT NULL REFERENCES orgs (id),
  key           TEXT    NOT NULL,                                                  -- what programs compare
  title         TEXT    NOT NULL,
  kind          INTEGER NOT NULL CHECK (kind IN (1, 2, 3, 4)),                     -- yes or no, number, choice, text
  choices       TEXT    NOT NULL DEFAULT '',                                       -- one a line
  default_value TEXT    NOT NULL DEFAULT '',                                       -- of keys that say nothing
  created_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL DEFAULT 1,
  UNIQUE (org_id, key)
) STRICT;

CREATE TABLE key_features (
  key_id     INTEGER NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  feature_id INTEGER NOT NULL REFERENCES features (id) ON DELETE CASCADE,
  org_id     INTEGER NOT NULL,
  value      TEXT    NOT NULL,
  PRIMARY KEY (key_id, feature_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_features_feature ON key_features (feature_id, key_id);

CREATE TABLE key_settings (
  org_id       INTEGER PRIMARY KEY REFERENCES orgs (id),
  personal     INTEGER NOT NULL CHECK (personal IN (1, 2, 3)),                     -- everybody, who builds on the platform, nobody
  max_days     INTEGER CHECK (max_days BETWEEN 1 AND 3650),                        -- null: no limit
  default_days INTEGER CHECK (default_days BETWEEN 1 AND 3650),                    -- null: never
  version      INTEGER NOT NULL DEFAULT 1
) STRICT;

-- Keys and service accounts have limits too. SQLite cannot change a CHECK, so the table is written anew.
CREATE TABLE limit_policies_wide (
  id          INTEGER PRIMARY KEY,
  org_id      INTEGER NOT NULL REFERENCES orgs (id),
  scope       INTEGER NOT NULL CHECK (scope IN (1, 2, 3, 4, 5, 6, 7)),             -- … member, API key, service account
  scope_id    INTEGER NOT NULL,
  period      INTEGER NOT NULL CHECK (period IN (1, 2, 3, 4)),                     -- day, week, month, total
  amount      INTEGER CHECK (amount >= 0),                                         -- null: unlimited, by choice
  action      INTEGER NOT NULL DEFAULT 1 CHECK (action IN (1, 2)),                 -- hard, soft
  priority    INTEGER NOT NULL DEFAULT 0,                                          -- of a group's default among others; the lowest comes first
  valid_from  INTEGER NOT NULL,
  valid_until INTEGER,                                                             -- null: until further notice
  note        TEXT    NOT NULL DEFAULT '',
  set_by      TEXT    NOT NULL,
  set_at      INTEGER NOT NULL
) STRICT;
INSERT INTO limit_policies_wide (id, org_id, scope, scope_id, period, amount, action, priority, valid_from, valid_until, note, set_by, set_at)
  SELECT id, org_id, scope, scope_id, period, amount, action, priority, valid_from, valid_until, note, set_by, set_at FROM limit_policies;
DROP TABLE limit_policies;
ALTER TABLE limit_policies_wide RENAME TO limit_policies;
CREATE UNIQUE INDEX limit_policies_standing ON limit_policies (scope_id, scope, period) WHERE valid_until IS NULL;
CREATE UNIQUE INDEX limit_policies_raise ON limit_policies (scope_id, scope, period) WHERE valid_until IS NOT NULL;
CREATE INDEX limit_policies_scope ON limit_policies (scope_id, scope, period);
CREATE INDEX limit_policies_list ON limit_policies (org_id, scope, scope_id, period);
CREATE INDEX limit_policies_unlimited ON limit_policies (org_id, scope, scope_id) WHERE amount IS NULL;
CREATE INDEX limit_policies_until ON limit_policies (valid_until, org_id) WHERE valid_until IS NOT NULL;
