-- Which alerts about usage were sent, once for each window, and what an organization wants to be told. Times are unix microseconds UTC.
-- SQLite's twin is migrations/sqlite/0010_alerts.sql.

CREATE TABLE usage_alerts (
  org_id    BIGINT  NOT NULL,
  member_id BIGINT  NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  kind      BIGINT  NOT NULL CHECK (kind IN (1, 2, 3)),                              -- limit, spike, nothing used
  period    BIGINT  NOT NULL CHECK (period BETWEEN 1 AND 4),                         -- day, week, month, ever: as in limit_policies
  start     BIGINT  NOT NULL,                                                        -- when that window began
  part      BIGINT  NOT NULL CHECK (part BETWEEN 0 AND 100),                         -- percent of the limit; 0 for other kinds
  at        BIGINT  NOT NULL,
  PRIMARY KEY (org_id, member_id, kind, period, start, part)
);
CREATE INDEX usage_alerts_member ON usage_alerts (member_id);

CREATE TABLE alert_settings (
  org_id       BIGINT  PRIMARY KEY REFERENCES orgs (id) ON DELETE CASCADE,
  thresholds   TEXT    NOT NULL,                                                  -- percents, ascending, with commas between
  tells_admins BOOLEAN NOT NULL,                                                     -- 1: administrators hear of every used-up limit
  spike_factor BIGINT  NOT NULL CHECK (spike_factor = 0 OR spike_factor BETWEEN 2 AND 20), -- so many times an ordinary day; 0: never
  tells_unused BOOLEAN NOT NULL,                                                     -- 1: administrators hear once a month who used nothing
  version      BIGINT  NOT NULL
);

CREATE TABLE alert_reviews (                                                      -- when an organization is next looked through for who used nothing
  org_id  BIGINT  PRIMARY KEY REFERENCES orgs (id) ON DELETE CASCADE,
  next_at BIGINT  NOT NULL
);
