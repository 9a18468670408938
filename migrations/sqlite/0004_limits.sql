-- How much people may use: policies, the settings they are read by, and what members ask for. Amounts are micro-credits.
-- PostgreSQL's twin is migrations/postgres/0004_limits.sql.

CREATE TABLE limit_settings (
  org_id         INTEGER NOT NULL REFERENCES orgs (id),
  display_unit   INTEGER NOT NULL DEFAULT 1 CHECK (display_unit IN (1, 2)),       -- credits, currency
  currency       TEXT    NOT NULL DEFAULT 'USD',
  group_conflict INTEGER NOT NULL DEFAULT 1 CHECK (group_conflict IN (1, 2, 3)),  -- highest, lowest, priority
  version        INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (org_id)
) STRICT;

CREATE TABLE limit_calendars (                                                     -- by which days and months begin, each from an instant on
  org_id     INTEGER NOT NULL REFERENCES orgs (id),
  since      INTEGER NOT NULL,
  zone       TEXT    NOT NULL,
  anchor_day INTEGER NOT NULL CHECK (anchor_day BETWEEN 1 AND 28),
  week_start INTEGER NOT NULL CHECK (week_start BETWEEN 1 AND 7),                  -- Monday to Sunday
  PRIMARY KEY (org_id, since)
) STRICT, WITHOUT ROWID;

CREATE TABLE limit_policies (
  id          INTEGER PRIMARY KEY,
  org_id      INTEGER NOT NULL REFERENCES orgs (id),
  scope       INTEGER NOT NULL CHECK (scope IN (1, 2, 3, 4, 5)),                   -- organization pool, group pool, group default, organization default, member
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
CREATE UNIQUE INDEX limit_policies_standing ON limit_policies (scope_id, scope, period) WHERE valid_until IS NULL;
CREATE UNIQUE INDEX limit_policies_raise ON limit_policies (scope_id, scope, period) WHERE valid_until IS NOT NULL;
CREATE INDEX limit_policies_scope ON limit_policies (scope_id, scope, period);
CREATE INDEX limit_policies_list ON limit_policies (org_id, scope, scope_id, period);
CREATE INDEX limit_policies_unlimited ON limit_policies (org_id, scope, scope_id) WHERE amount IS NULL;
CREATE INDEX limit_policies_until ON limit_policies (valid_until, org_id) WHERE valid_until IS NOT NULL;

CREATE TABLE limit_requests (
  id         INTEGER PRIMARY KEY,
  org_id     INTEGER NOT NULL REFERENCES orgs (id),
  member_id  INTEGER NOT NULL REFERENCES members (id),
  period     INTEGER NOT NULL CHECK (period IN (1, 2, 3, 4)),
  amount     INTEGER NOT NULL CHECK (amount >= 0),
  until      INTEGER,                                                              -- null: until further notice
  reason     TEXT    NOT NULL,
  state      INTEGER NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3, 4)),             -- open, approved, denied, expired
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  decided_at INTEGER,
  decided_by TEXT    NOT NULL DEFAULT '',
  answer     TEXT    NOT NULL DEFAULT '',
  granted    INTEGER,
  granted_until INTEGER
) STRICT;
CREATE UNIQUE INDEX limit_requests_open ON limit_requests (member_id, period) WHERE state = 1;
CREATE INDEX limit_requests_queue ON limit_requests (org_id, state, created_at, id);
CREATE INDEX limit_requests_member ON limit_requests (member_id, created_at);
CREATE INDEX limit_requests_expiry ON limit_requests (expires_at) WHERE state = 1;
