-- Credit pools, what was put into them and moved out, and wallets of people; usage says who paid for it and what it cost.
-- Times are unix microseconds UTC, amounts micro-credits, prices millionths of the pool's currency for a credit.
-- SQLite's twin is migrations/sqlite/0011_credits.sql.

CREATE TABLE credit_pools (
  id          BIGINT PRIMARY KEY,
  org_id      BIGINT NOT NULL REFERENCES orgs (id),
  name        TEXT COLLATE "C" NOT NULL,
  name_key    TEXT COLLATE "C" NOT NULL,
  credit_type TEXT COLLATE "C" NOT NULL,                                                   -- "Standard", "GPU"
  currency    TEXT COLLATE "C" NOT NULL,
  price       BIGINT NOT NULL CHECK (price >= 0),                                 -- of a credit
  mode        BIGINT NOT NULL CHECK (mode IN (1, 2)),                             -- cap, allocated
  is_limited  BOOLEAN NOT NULL CHECK (mode = 1 OR is_limited), -- 1: its credits run out; always so of allocated ones
  is_default  BOOLEAN NOT NULL DEFAULT FALSE,             -- for members without a pool of their own
  valid_until BIGINT,                                                             -- null: for ever
  archived_at BIGINT,
  granted     BIGINT NOT NULL DEFAULT 0,                                          -- the sum of its entries without a member
  allocated   BIGINT NOT NULL DEFAULT 0,                                          -- what was moved to members and not moved back
  looked_at   BIGINT NOT NULL DEFAULT 0,                                          -- when its allowances were last looked through
  looked_seq  BIGINT NOT NULL DEFAULT 0,                                          -- as of which row of the record
  looked_for  BIGINT NOT NULL DEFAULT 0,                                          -- for the period that began then
  created_at  BIGINT NOT NULL,
  created_by  TEXT COLLATE "C" NOT NULL,
  version     BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX credit_pools_name ON credit_pools (org_id, name_key);
CREATE UNIQUE INDEX credit_pools_default ON credit_pools (org_id) WHERE is_default;
CREATE INDEX credit_pools_ends ON credit_pools (valid_until) WHERE valid_until IS NOT NULL AND archived_at IS NULL;

CREATE TABLE credit_allowances (                                               -- what was moved to a member for a billing period
  id         BIGINT PRIMARY KEY,
  org_id     BIGINT NOT NULL REFERENCES orgs (id),
  pool_id    BIGINT NOT NULL REFERENCES credit_pools (id),
  member_id  BIGINT NOT NULL REFERENCES members (id),
  start      BIGINT NOT NULL,                                                     -- when the period began
  amount     BIGINT NOT NULL,                                                     -- what is with the member now, spent or not
  closed_at  BIGINT,                                                              -- when the rest was moved back
  look_at    BIGINT,                                                              -- when a closed one is looked at again for late settlements
  UNIQUE (pool_id, member_id, start)
);
CREATE INDEX credit_allowances_open ON credit_allowances (org_id, start, id) WHERE closed_at IS NULL;
CREATE INDEX credit_allowances_member ON credit_allowances (member_id, start);
CREATE INDEX credit_allowances_look ON credit_allowances (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE credit_entries (                                                  -- append-only; the balance is their sum
  id           BIGINT PRIMARY KEY,
  org_id       BIGINT NOT NULL REFERENCES orgs (id),
  pool_id      BIGINT NOT NULL REFERENCES credit_pools (id),
  member_id    BIGINT,                                                            -- to or from whom
  allowance_id BIGINT,
  kind         BIGINT NOT NULL CHECK (kind IN (1, 2, 3, 4, 5)),                   -- grant, adjust, expire, allocate, reclaim
  amount       BIGINT NOT NULL,                                                   -- what it does to the balance
  price        BIGINT NOT NULL,
  note         TEXT COLLATE "C" NOT NULL,
  set_by       TEXT COLLATE "C" NOT NULL,
  at           BIGINT NOT NULL,
  start        BIGINT                                                             -- of which period, for allowances
);
CREATE INDEX credit_entries_pool ON credit_entries (org_id, pool_id, id);
CREATE INDEX credit_entries_member ON credit_entries (member_id, id) WHERE member_id IS NOT NULL;

CREATE TABLE wallet_settings (
  org_id  BIGINT PRIMARY KEY REFERENCES orgs (id),
  is_on   BOOLEAN NOT NULL,                                -- 1: wallets pay when members' own limits refuse
  version BIGINT NOT NULL
);

CREATE TABLE wallet_entries (                                                  -- append-only; what was put in and taken out by hand
  id        BIGINT PRIMARY KEY,
  org_id    BIGINT NOT NULL REFERENCES orgs (id),
  member_id BIGINT NOT NULL REFERENCES members (id),
  kind      BIGINT NOT NULL CHECK (kind IN (1, 2)),                               -- top-up, adjustment
  amount    BIGINT NOT NULL,
  note      TEXT COLLATE "C" NOT NULL,
  set_by    TEXT COLLATE "C" NOT NULL,
  at        BIGINT NOT NULL
);
CREATE INDEX wallet_entries_member ON wallet_entries (org_id, member_id, id);

ALTER TABLE members ADD COLUMN pool_id BIGINT REFERENCES credit_pools (id);
CREATE INDEX members_pool ON members (org_id, pool_id, status);

ALTER TABLE usage_events ADD COLUMN pool_id BIGINT;
ALTER TABLE usage_events ADD COLUMN allowance_id BIGINT;
ALTER TABLE usage_events ADD COLUMN wallet BOOLEAN NOT NULL DEFAULT FALSE;

-- Pools, wallets and allowances are summed too, and what things cost, beside what occurred, in millionths of the pools' currencies.
ALTER TABLE usage_days DROP CONSTRAINT usage_days_scope_check;
ALTER TABLE usage_days ADD CONSTRAINT usage_days_scope_check CHECK (scope BETWEEN 1 AND 11); -- … activity, app, flow, pool, wallet, allowance
ALTER TABLE usage_days ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_months DROP CONSTRAINT usage_months_scope_check;
ALTER TABLE usage_months ADD CONSTRAINT usage_months_scope_check CHECK (scope BETWEEN 1 AND 11);
ALTER TABLE usage_months ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;

CREATE FUNCTION credit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'credit and wallet entries are append-only'; END $$;
CREATE TRIGGER credit_no_update BEFORE UPDATE ON credit_entries FOR EACH ROW EXECUTE FUNCTION credit_append_only();
CREATE TRIGGER wallet_no_update BEFORE UPDATE ON wallet_entries FOR EACH ROW EXECUTE FUNCTION credit_append_only();
