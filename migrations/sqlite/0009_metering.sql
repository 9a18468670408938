-- What was used: the ledger, its sums, and the words it names things by. Times are unix microseconds UTC, amounts and quantities millionths.
-- PostgreSQL's twin is migrations/postgres/0009_metering.sql.

CREATE TABLE usage_names (                                                          -- activities, apps and flows of an organization
  org_id INTEGER NOT NULL REFERENCES orgs (id),
  id     INTEGER NOT NULL,
  name   TEXT    NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_events (                                                         -- append-only; at is when it happened
  org_id             INTEGER NOT NULL,
  at                 INTEGER NOT NULL,
  key                BLOB    NOT NULL,                                              -- the first 16 bytes of SHA-256(source, 0, id)
  kind               INTEGER NOT NULL CHECK (kind IN (1, 2)),                       -- usage, adjustment
  member_id          INTEGER,
  service_account_id INTEGER,
  key_id             INTEGER,
  group_id           INTEGER,                                                       -- the one group that it is attributed to
  activity           INTEGER,                                                       -- usage_names
  app                INTEGER,
  flow               INTEGER,
  amount             INTEGER NOT NULL,
  quantity           INTEGER NOT NULL,
  unit_price         INTEGER,
  booked_at          INTEGER NOT NULL,                                              -- by this instant limits count it
  reservation        BLOB,
  digest             INTEGER NOT NULL,                                              -- of all that was said, to tell a repetition from another event
  flags              INTEGER NOT NULL,                                              -- 1 more than reserved, 2 late, 4 correction, 8 booked without asking, 16 over a soft limit
  PRIMARY KEY (org_id, at, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_untimed (                                                        -- events that came without a time, so that a repetition finds the first
  org_id INTEGER NOT NULL,
  key    BLOB    NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (org_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_days (                                                           -- start: when the local day began, or a week or month within it
  start    INTEGER NOT NULL,
  org_id   INTEGER NOT NULL,
  scope    INTEGER NOT NULL CHECK (scope BETWEEN 1 AND 8),                          -- organization, group, member, service account, key, activity, app, flow
  scope_id INTEGER NOT NULL,
  booked   INTEGER NOT NULL,                                                        -- what limits count
  occurred INTEGER NOT NULL,                                                        -- what reports count
  quantity INTEGER NOT NULL,
  events   INTEGER NOT NULL,
  PRIMARY KEY (start, org_id, scope, scope_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_months (                                                         -- start: when the billing period began
  start    INTEGER NOT NULL,
  org_id   INTEGER NOT NULL,
  scope    INTEGER NOT NULL CHECK (scope BETWEEN 1 AND 8),
  scope_id INTEGER NOT NULL,
  booked   INTEGER NOT NULL,
  occurred INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  events   INTEGER NOT NULL,
  PRIMARY KEY (start, org_id, scope, scope_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_months_scope ON usage_months (org_id, scope, scope_id, start);

CREATE TABLE usage_activities (                                                     -- by member and activity, for a billing period, by when it happened
  start     INTEGER NOT NULL,
  org_id    INTEGER NOT NULL,
  member_id INTEGER NOT NULL,
  activity  INTEGER NOT NULL,
  amount    INTEGER NOT NULL,
  quantity  INTEGER NOT NULL,
  events    INTEGER NOT NULL,
  PRIMARY KEY (start, org_id, member_id, activity)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER usage_no_update BEFORE UPDATE ON usage_events BEGIN SELECT RAISE(ABORT, 'usage events are append-only'); END;
