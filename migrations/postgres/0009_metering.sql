-- What was used: the ledger, its sums, and the words it names things by. Times are unix microseconds UTC, amounts and quantities millionths.
-- SQLite's twin is migrations/sqlite/0009_metering.sql.

CREATE TABLE usage_names (                                                          -- activities, apps and flows of an organization
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  id     BIGINT NOT NULL,
  name   TEXT COLLATE "C"    NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, name)
);

CREATE TABLE usage_events (                                                         -- append-only; at is when it happened
  org_id             BIGINT NOT NULL,
  at                 BIGINT NOT NULL,
  key                BYTEA    NOT NULL,                                              -- the first 16 bytes of SHA-256(source, 0, id)
  kind               BIGINT NOT NULL CHECK (kind IN (1, 2)),                       -- usage, adjustment
  member_id          BIGINT,
  service_account_id BIGINT,
  key_id             BIGINT,
  group_id           BIGINT,                                                       -- the one group that it is attributed to
  activity           BIGINT,                                                       -- usage_names
  app                BIGINT,
  flow               BIGINT,
  amount             BIGINT NOT NULL,
  quantity           BIGINT NOT NULL,
  unit_price         BIGINT,
  booked_at          BIGINT NOT NULL,                                              -- by this instant limits count it
  reservation        BYTEA,
  digest             BIGINT NOT NULL,                                              -- of all that was said, to tell a repetition from another event
  flags              BIGINT NOT NULL,                                              -- 1 more than reserved, 2 late, 4 correction, 8 booked without asking, 16 over a soft limit
  PRIMARY KEY (org_id, at, key)
);

CREATE TABLE usage_untimed (                                                        -- events that came without a time, so that a repetition finds the first
  org_id BIGINT NOT NULL,
  key    BYTEA    NOT NULL,
  at     BIGINT NOT NULL,
  PRIMARY KEY (org_id, key)
);

CREATE TABLE usage_days (                                                           -- start: when the local day began, or a week or month within it
  start    BIGINT NOT NULL,
  org_id   BIGINT NOT NULL,
  scope    BIGINT NOT NULL CHECK (scope BETWEEN 1 AND 8),                          -- organization, group, member, service account, key, activity, app, flow
  scope_id BIGINT NOT NULL,
  booked   BIGINT NOT NULL,                                                        -- what limits count
  occurred BIGINT NOT NULL,                                                        -- what reports count
  quantity BIGINT NOT NULL,
  events   BIGINT NOT NULL,
  PRIMARY KEY (start, org_id, scope, scope_id)
);

CREATE TABLE usage_months (                                                         -- start: when the billing period began
  start    BIGINT NOT NULL,
  org_id   BIGINT NOT NULL,
  scope    BIGINT NOT NULL CHECK (scope BETWEEN 1 AND 8),
  scope_id BIGINT NOT NULL,
  booked   BIGINT NOT NULL,
  occurred BIGINT NOT NULL,
  quantity BIGINT NOT NULL,
  events   BIGINT NOT NULL,
  PRIMARY KEY (start, org_id, scope, scope_id)
);
CREATE INDEX usage_months_scope ON usage_months (org_id, scope, scope_id, start);

CREATE TABLE usage_activities (                                                     -- by member and activity, for a billing period, by when it happened
  start     BIGINT NOT NULL,
  org_id    BIGINT NOT NULL,
  member_id BIGINT NOT NULL,
  activity  BIGINT NOT NULL,
  amount    BIGINT NOT NULL,
  quantity  BIGINT NOT NULL,
  events    BIGINT NOT NULL,
  PRIMARY KEY (start, org_id, member_id, activity)
);

CREATE FUNCTION usage_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'usage events are append-only'; END $$;
CREATE TRIGGER usage_no_update BEFORE UPDATE ON usage_events FOR EACH ROW EXECUTE FUNCTION usage_append_only();
