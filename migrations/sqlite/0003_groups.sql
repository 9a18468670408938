-- Groups as pages of their own: what they are for, which cards their page shows, and since when people belong to them.
-- PostgreSQL's twin is migrations/postgres/0003_groups.sql.

ALTER TABLE groups ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE groups ADD COLUMN cards TEXT NOT NULL DEFAULT '';                                      -- see src/groups/cards.rs; empty: as they are built
ALTER TABLE group_members ADD COLUMN joined_at INTEGER NOT NULL DEFAULT 0;                         -- 0: before this was kept
ALTER TABLE group_members ADD COLUMN warned_at INTEGER;                                            -- when the mail before the end went out
ALTER TABLE orgs ADD COLUMN leads_invite INTEGER NOT NULL DEFAULT 0 CHECK (leads_invite IN (0, 1)); -- may leads invite into their groups

CREATE INDEX groups_size ON groups (org_id, member_count, id);
CREATE INDEX group_members_end ON group_members (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX group_members_joined ON group_members (group_id, joined_at);
CREATE INDEX group_members_leads ON group_members (group_id) WHERE is_lead = TRUE;
CREATE INDEX invitation_groups_group ON invitation_groups (group_id, invitation_id);
