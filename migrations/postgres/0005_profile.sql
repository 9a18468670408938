-- What people say and choose about themselves, what they are told, and what an organization keeps beside its settings.
-- Tables of their own: no row means every default, and the tables of 0001 stay as they are.

CREATE TABLE profiles (
  user_id BIGINT PRIMARY KEY REFERENCES users (id),
  phone   TEXT    NOT NULL DEFAULT '',
  contact TEXT    NOT NULL DEFAULT '',
  zone    TEXT    NOT NULL DEFAULT '',                                             -- empty: as the organization
  locale  TEXT    NOT NULL DEFAULT '',                                             -- empty: the product's own
  compact BOOLEAN NOT NULL DEFAULT FALSE,
  picture TEXT    NOT NULL DEFAULT ''                                              -- the key of the picture, empty for none
);

CREATE TABLE pictures (
  user_id BIGINT PRIMARY KEY REFERENCES users (id),
  key     TEXT COLLATE "C"    NOT NULL UNIQUE,                                                 -- random, so that no address can be guessed
  format  BIGINT NOT NULL CHECK (format IN (1, 2)),                               -- PNG, JPEG
  bytes   BYTEA    NOT NULL CHECK (length(bytes) <= 262144)
);

CREATE TABLE devices (                                                             -- from where a person has signed in before
  user_id  BIGINT NOT NULL REFERENCES users (id),
  device   TEXT COLLATE "C"    NOT NULL,
  first_at BIGINT NOT NULL,
  last_at  BIGINT NOT NULL,
  PRIMARY KEY (user_id, device)
);

CREATE TABLE notifications (
  id      BIGINT PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id),
  org_id  BIGINT NOT NULL DEFAULT 0,                                              -- 0: no organization
  kind    BIGINT NOT NULL,
  subject TEXT    NOT NULL,
  link    TEXT    NOT NULL,                                                        -- a path of the portal, empty for none
  at      BIGINT NOT NULL,
  read_at BIGINT
);
CREATE INDEX notifications_list ON notifications (user_id, id);
CREATE INDEX notifications_unread ON notifications (user_id, id) WHERE read_at IS NULL;
CREATE INDEX notifications_age ON notifications (at);

CREATE TABLE notification_choices (                                                -- a kind without a row is as its default
  user_id BIGINT NOT NULL REFERENCES users (id),
  kind    BIGINT NOT NULL,
  portal  BOOLEAN NOT NULL,
  mail    BOOLEAN NOT NULL,
  PRIMARY KEY (user_id, kind)
);

CREATE TABLE subscriptions (
  org_id          BIGINT PRIMARY KEY REFERENCES orgs (id),
  plan            TEXT    NOT NULL,
  seats           BIGINT CHECK (seats BETWEEN 1 AND 1000000),                     -- null: as many as there are people
  renews_on       TEXT    NOT NULL,                                                -- a day, empty for none
  reference       TEXT    NOT NULL,
  billing_contact TEXT    NOT NULL,
  version         BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE training (                                                            -- always read and written as a whole
  org_id    BIGINT PRIMARY KEY REFERENCES orgs (id),
  resources TEXT    NOT NULL,
  version   BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE dismissals (                                                          -- cards that a person has put away
  user_id BIGINT NOT NULL REFERENCES users (id),
  org_id  BIGINT NOT NULL REFERENCES orgs (id),
  card    BIGINT NOT NULL CHECK (card IN (1)),
  PRIMARY KEY (user_id, org_id, card)
);
