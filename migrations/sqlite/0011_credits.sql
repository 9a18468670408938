-- Credit pools, what was put into them and moved out, and wallets of people; usage says who paid for it and what it cost.
-- Times are unix microseconds UTC, amounts micro-credits, prices millionths of the pool's currency for a credit.
-- PostgreSQL's twin is migrations/postgres/0011_credits.sql.

CREATE TABLE credit_pools (
  id          INTEGER PRIMARY KEY,
  org_id      INTEGER NOT NULL REFERENCES orgs (id),
  name        TEXT NOT NULL,
  name_key    TEXT NOT NULL,
  credit_type TEXT NOT NULL,                                                   -- "Standard", "GPU"
  currency    TEXT NOT NULL,
  price       INTEGER NOT NULL CHECK (price >= 0),                                 -- of a credit
  mode        INTEGER NOT NULL CHECK (mode IN (1, 2)),                             -- cap, allocated
  is_limited  INTEGER NOT NULL CHECK (is_limited IN (0, 1) AND (mode = 1 OR is_limited = 1)), -- 1: its credits run out; always so of allocated ones
  is_default  INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),             -- for members without a pool of their own
  valid_until INTEGER,                                                             -- null: for ever
  archived_at INTEGER,
  granted     INTEGER NOT NULL DEFAULT 0,                                          -- the sum of its entries without a member
  allocated   INTEGER NOT NULL DEFAULT 0,                                          -- what was moved to members and not moved back
  looked_at   INTEGER NOT NULL DEFAULT 0,                                          -- when its allowances were last looked through
  looked_seq  INTEGER NOT NULL DEFAULT 0,                                          -- as of which row of the record
  looked_for  INTEGER NOT NULL DEFAULT 0,                                          -- for the period that began then
  created_at  INTEGER NOT NULL,
  created_by  TEXT NOT NULL,
  version     INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX credit_pools_name ON credit_pools (org_id, name_key);
CREATE UNIQUE INDEX credit_pools_default ON credit_pools (org_id) WHERE is_default;
CREATE INDEX credit_pools_ends ON credit_pools (valid_until) WHERE valid_until IS NOT NULL AND archived_at IS NULL;

CREATE TABLE credit_allowances (                                               -- what was moved to a member for a billing period
  id         INTEGER PRIMARY KEY,
  org_id     INTEGER NOT NULL REFERENCES orgs (id),
  pool_id    INTEGER NOT NULL REFERENCES credit_pools (id),
  member_id  INTEGER NOT NULL REFERENCES members (id),
  start      INTEGER NOT NULL,                                                     -- when the period began
  amount     INTEGER NOT NULL,                                                     -- what is with the member now, spent or not
  closed_at  INTEGER,                                                              -- when the rest was moved back
  look_at    INTEGER,                                                              -- when a closed one is looked at again for late settlements
  UNIQUE (pool_id, member_id, start)
) STRICT;
CREATE INDEX credit_allowances_open ON credit_allowances (org_id, start, id) WHERE closed_at IS NULL;
CREATE INDEX credit_allowances_member ON credit_allowances (member_id, start);
CREATE INDEX credit_allowances_look ON credit_allowances (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE credit_entries (                                                  -- append-only; the balance is their sum
  id           INTEGER PRIMARY KEY,
  org_id       INTEGER NOT NULL REFERENCES orgs (id),
  pool_id      INTEGER NOT NULL REFERENCES credit_pools (id),
  member_id    INTEGER,                                                            -- to or from whom
  allowance_id INTEGER,
  kind         INTEGER NOT NULL CHECK (kind IN (1, 2, 3, 4, 5)),                   -- grant, adjust, expire, allocate, reclaim
  amount       INTEGER NOT NULL,                                                   -- what it does to the balance
  price        INTEGER NOT NULL,
  note         TEXT NOT NULL,
  set_by       TEXT NOT NULL,
  at           INTEGER NOT NULL,
  start        INTEGER                                                             -- of which period, for allowances
) STRICT;
CREATE INDEX credit_entries_pool ON credit_entries (org_id, pool_id, id);
CREATE INDEX credit_entries_member ON credit_entries (member_id, id) WHERE member_id IS NOT NULL;

CREATE TABLE wallet_settings (
  org_id  INTEGER PRIMARY KEY REFERENCES orgs (id),
  is_on   INTEGER NOT NULL CHECK (is_on IN (0, 1)),                                -- 1: wallets pay when members' own limits refuse
  version INTEGER NOT NULL
) STRICT;

CREATE TABLE wallet_entries (                                                  -- append-only; what was put in and taken out by hand
  id        INTEGER PRIMARY KEY,
  org_id    INTEGER NOT NULL REFERENCES orgs (id),
  member_id INTEGER NOT NULL REFERENCES members (id),
  kind      INTEGER NOT NULL CHECK (kind IN (1, 2)),                               -- top-up, adjustment
  amount    INTEGER NOT NULL,
  note      TEXT NOT NULL,
  set_by    TEXT NOT NULL,
  at        INTEGER NOT NULL
) STRICT;
CREATE INDEX wallet_entries_member ON wallet_entries (org_id, member_id, id);

ALTER TABLE members ADD COLUMN pool_id INTEGER REFERENCES credit_pools (id);
CREATE INDEX members_pool ON members (org_id, pool_id, status);

ALTER TABLE usage_events ADD COLUMN pool_id INTEGER;
ALTER TABLE usage_events ADD COLUMN allowance_id INTEGER;
ALTER TABLE usage_events ADD COLUMN wallet INTEGER NOT NULL DEFAULT 0 CHECK (wallet IN (0, 1));

-- Pools, wallets and allowances are summed too, and what things cost. SQLite cannot change a CHECK, so the tables are written anew.
CREATE TABLE usage_days_wide (                                                 -- start: when the local day began, or a week or month within it
  start    INTEGER NOT NULL,
  org_id   INTEGER NOT NULL,
  scope    INTEGER NOT NULL CHECK (scope BETWEEN 1 AND 11),                    -- … activity, app, flow, pool, wallet, allowance
  scope_id INTEGER NOT NULL,
  booked   INTEGER NOT NULL,                                                   -- what limits count
  occurred INTEGER NOT NULL,                                                   -- what reports count
  quantity INTEGER NOT NULL,
  events   INTEGER NOT NULL,
  cost     INTEGER NOT NULL DEFAULT 0,                                         -- beside occurred, in millionths of the pools' currencies
  PRIMARY KEY (start, org_id, scope, scope_id)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_days_wide (start, org_id, scope, scope_id, booked, occurred, quantity, events)
  SELECT start, org_id, scope, scope_id, booked, occurred, quantity, events FROM usage_days;
DROP TABLE usage_days;
ALTER TABLE usage_days_wide RENAME TO usage_days;

CREATE TABLE usage_months_wide (                                               -- start: when the billing period began
  start    INTEGER NOT NULL,
  org_id   INTEGER NOT NULL,
  scope    INTEGER NOT NULL CHECK (scope BETWEEN 1 AND 11),
  scope_id INTEGER NOT NULL,
  booked   INTEGER NOT NULL,
  occurred INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  events   INTEGER NOT NULL,
  cost     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (start, org_id, scope, scope_id)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_months_wide (start, org_id, scope, scope_id, booked, occurred, quantity, events)
  SELECT start, org_id, scope, scope_id, booked, occurred, quantity, events FROM usage_months;
DROP TABLE usage_months;
ALTER TABLE usage_months_wide RENAME TO usage_months;
CREATE INDEX usage_months_scope ON usage_months (org_id, scope, scope_id, start);

CREATE TRIGGER credit_no_update BEFORE UPDATE ON credit_entries BEGIN SELECT RAISE(ABORT, 'credit entries are append-only'); END;
CREATE TRIGGER wallet_no_update BEFORE UPDATE ON wallet_entries BEGIN SELECT RAISE(ABORT, 'wallet entries are append-only'); END;
