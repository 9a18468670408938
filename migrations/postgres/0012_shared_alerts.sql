-- Which alerts about limits that many share were sent, once for each window: of organizations, groups and credit pools. Times are unix
-- microseconds UTC. SQLite's twin is migrations/sqlite/0012_shared_alerts.sql.

CREATE TABLE shared_alerts (
  org_id   BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  scope    BIGINT NOT NULL CHECK (scope IN (1, 2, 9)),                                -- organization, group, pool: as in usage_months
  scope_id BIGINT NOT NULL,
  period   BIGINT NOT NULL CHECK (period BETWEEN 1 AND 4),                            -- day, week, month, ever: as in limit_policies
  start    BIGINT NOT NULL,                                                           -- when that window began
  part     BIGINT NOT NULL CHECK (part BETWEEN 1 AND 100),                            -- percent of the limit
  at       BIGINT NOT NULL,
  PRIMARY KEY (org_id, scope, scope_id, period, start, part)
);
