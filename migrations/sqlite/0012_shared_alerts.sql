-- Which alerts about limits that many share were sent, once for each window: of organizations, groups and credit pools. Times are unix
-- microseconds UTC. PostgreSQL's twin is migrations/postgres/0012_shared_alerts.sql.

CREATE TABLE shared_alerts (
  org_id   INTEGER NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  scope    INTEGER NOT NULL CHECK (scope IN (1, 2, 9)),                                -- organization, group, pool: as in usage_months
  scope_id INTEGER NOT NULL,
  period   INTEGER NOT NULL CHECK (period BETWEEN 1 AND 4),                            -- day, week, month, ever: as in limit_policies
  start    INTEGER NOT NULL,                                                           -- when that window began
  part     INTEGER NOT NULL CHECK (part BETWEEN 1 AND 100),                            -- percent of the limit
  at       INTEGER NOT NULL,
  PRIMARY KEY (org_id, scope, scope_id, period, start, part)
) STRICT, WITHOUT ROWID;
