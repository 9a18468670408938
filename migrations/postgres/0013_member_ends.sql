-- Memberships and deactivations that end by themselves are looked for every minute, and few of them do.
-- SQLite's twin is migrations/sqlite/0013_member_ends.sql.

CREATE INDEX members_end ON members (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX members_pause_end ON members (suspended_until) WHERE suspended_until IS NOT NULL;
