-- How much people may use: policies, the settings they are read by, and what members ask for. Amounts are micro-credits.
-- SQLite's twin is migrations/sqlite/0004_limits.sql.

CREATE TABLE limit_settings (
  org_id         BIGINT NOT NULL REFERENCES orgs (id),
  display_unit   BIGINT NOT NULL DEFAULT 1 CHECK (display_unit IN (1, 2)),       -- credits, currency
  currency       TEXT    NOT NULL DEFAULT 'USD',
  group_conflict BIGINT NOT NULL DEFAULT 1 CHECK (group_conflict IN (1, 2, 3)),  -- highest, lowest, priority
  version        BIGINT NOT NULL DEFAULT 1,
  PRIMARY KEY (org_id)
);

CREATE TABLE limit_calendars (                                                     -- by which days and months begin, each from an instant on
  org_id     BIGINT NOT NULL REFERENCES orgs (id),
  since      BIGINT NOT NULL,
  zone       TEXT    NOT NULL,
  anchor_day BIGINT NOT NULL CHECK (anchor_day BETWEEN 1 AND 28),
  week_start BIGINT NOT NULL CHECK (week_start BETWEEN 1 AND 7),                  -- Monday to Sunday
  PRIMARY KEY (org_id, since)
);

CREATE TABLE limit_policies (
  id          BIGINT PRIMARY KEY,
  org_id      BIGINT NOT NULL REFERENCES orgs (id),
  scope       BIGINT NOT NULL CHECK (scope IN (1, 2, 3, 4, 5)),                   -- organization pool, group pool, group default, organization default, member
  scope_id    BIGINT NOT NULL,
  period      BIGINT NOT NULL CHECK (period IN (1, 2, 3, 4)),                     -- day, week, month, total
  amount      BIGINT CHECK (amount >= 0),                                         -- null: unlimited, by choice
  action      BIGINT NOT NULL DEFAULT 1 CHECK (action IN (1, 2)),                 -- hard, soft
  priority    BIGINT NOT NULL DEFAULT 0,                                          -- of a group's default among others; the lowest comes first
  valid_from  BIGINT NOT NULL,
  valid_until BIGINT,                                                             -- null: until further notice
  note        TEXT    NOT NULL DEFAULT '',
  set_by      TEXT    NOT NULL,
  set_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX limit_policies_standing ON limit_policies (scope_id, scope, period) WHERE valid_until IS NULL;
CREATE UNIQUE INDEX limit_policies_raise ON limit_policies (scope_id, scope, period) WHERE valid_until IS NOT NULL;
CREATE INDEX limit_policies_scope ON limit_policies (scope_id, scope, period);
CREATE INDEX limit_policies_list ON limit_policies (org_id, scope, scope_id, period);
CREATE INDEX limit_policies_unlimited ON limit_policies (org_id, scope, scope_id) WHERE amount IS NULL;
CREATE INDEX limit_policies_until ON limit_policies (valid_until, org_id) WHERE valid_until IS NOT NULL;

CREATE TABLE limit_requests (
  id         BIGINT PRIMARY KEY,
  org_id     BIGINT NOT NULL REFERENCES orgs (id),
  member_id  BIGINT NOT NULL REFERENCES members (id),
  period     BIGINT NOT NULL CHECK (period IN (1, 2, 3, 4)),
  amount     BIGINT NOT NULL CHECK (amount >= 0),
  until      BIGINT,                                                              -- null: until further notice
  reason     TEXT    NOT NULL,
  state      BIGINT NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3, 4)),             -- open, approved, denied, expired
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  decided_at BIGINT,
  decided_by TEXT    NOT NULL DEFAULT '',
  answer     TEXT    NOT NULL DEFAULT '',
  granted    BIGINT,
  granted_until BIGINT
);
CREATE UNIQUE INDEX limit_requests_open ON limit_requests (member_id, period) WHERE state = 1;
CREATE INDEX limit_requests_queue ON limit_requests (org_id, state, created_at, id);
CREATE INDEX limit_requests_member ON limit_requests (member_id, created_at);
CREATE INDEX limit_requests_expiry ON limit_requests (expires_at) WHERE state = 1;
