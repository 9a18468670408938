-- Custom roles of an organization and who holds them beside the built-in role in members.role, and the permissions of the host
-- platform that administrators add to the built-in catalogue.

CREATE TABLE roles (
  id          INTEGER PRIMARY KEY,
  org_id      INTEGER NOT NULL REFERENCES orgs (id),
  name        TEXT    NOT NULL,
  name_key    TEXT    NOT NULL,
  description TEXT    NOT NULL DEFAULT '',
  permissions TEXT    NOT NULL,                                                    -- stable keys, sorted, one space between
  created_at  INTEGER NOT NULL,
  version     INTEGER NOT NULL DEFAULT 1,
  UNIQUE (org_id, name_key)
) STRICT;

CREATE TABLE member_roles (
  role_id   INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  member_id INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  org_id    INTEGER NOT NULL,
  PRIMARY KEY (role_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_roles_member ON member_roles (member_id, role_id);

CREATE TABLE host_permissions (
  org_id     INTEGER NOT NULL,                                                     -- 0: every organization of the enterprise
  key        TEXT    NOT NULL,
  title      TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, key)
) STRICT, WITHOUT ROWID;
