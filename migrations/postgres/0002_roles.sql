-- Custom roles of an organization and who holds them beside the built-in role in members.role, and the permissions of the host
-- platform that administrators add to the built-in catalogue.

CREATE TABLE roles (
  id          BIGINT PRIMARY KEY,
  org_id      BIGINT NOT NULL REFERENCES orgs (id),
  name        TEXT    NOT NULL,
  name_key    TEXT COLLATE "C"    NOT NULL,
  description TEXT    NOT NULL DEFAULT '',
  permissions TEXT    NOT NULL,                                                    -- stable keys, sorted, one space between
  created_at  BIGINT NOT NULL,
  version     BIGINT NOT NULL DEFAULT 1,
  UNIQUE (org_id, name_key)
);

CREATE TABLE member_roles (
  role_id   BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  member_id BIGINT NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  org_id    BIGINT NOT NULL,
  PRIMARY KEY (role_id, member_id)
);
CREATE INDEX member_roles_member ON member_roles (member_id, role_id);

CREATE TABLE host_permissions (
  org_id     BIGINT NOT NULL,                                                      -- 0: every organization of the enterprise
  key        TEXT COLLATE "C"    NOT NULL,
  title      TEXT    NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, key)
);
