-- Which alerts about usage were sent, once for each window, and what an organization wants to be told. Times are unix microseconds UTC.
-- PostgreSQL's twin is migrations/postgres/0010_alerts.sql.

CREATE TABLE usage_alerts (
  org_id    INTEGER NOT NULL,
  member_id INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  kind      INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),                              -- limit, spike, nothing used
  period    INTEGER NOT NULL CHECK (period BETWEEN 1 AND 4),                         -- day, week, month, ever: as in limit_policies
  start     INTEGER NOT NULL,                                                        -- when that window began
  part      INTEGER NOT NULL CHECK (part BETWEEN 0 AND 100),                         -- percent of the limit; 0 for other kinds
  at        INTEGER NOT NULL,
  PRIMARY KEY (org_id, member_id, kind, period, start, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_alerts_member ON usage_alerts (member_id);

CREATE TABLE alert_settings (
  org_id       INTEGER PRIMARY KEY REFERENCES orgs (id) ON DELETE CASCADE,
  thresholds   TEXT    NOT NULL,                                                  -- percents, ascending, with commas between
  tells_admins INTEGER NOT NULL CHECK (tells_admins IN (0, 1)),                                                     -- 1: administrators hear of every used-up limit
  spike_factor INTEGER NOT NULL CHECK (spike_factor = 0 OR spike_factor BETWEEN 2 AND 20), -- so many times an ordinary day; 0: never
  tells_unused INTEGER NOT NULL CHECK (tells_unused IN (0, 1)),                                                     -- 1: administrators hear once a month who used nothing
  version      INTEGER NOT NULL
) STRICT;

CREATE TABLE alert_reviews (                                                      -- when an organization is next looked through for who used nothing
  org_id  INTEGER PRIMARY KEY REFERENCES orgs (id) ON DELETE CASCADE,
  next_at INTEGER NOT NULL
) STRICT;
