-- What people say and choose about themselves, what they are told, and what an organization keeps beside its settings.
-- Tables of their own: no row means every default, and the tables of 0001 stay as they are.

CREATE TABLE profiles (
  user_id INTEGER PRIMARY KEY REFERENCES users (id),
  phone   TEXT    NOT NULL DEFAULT '',
  contact TEXT    NOT NULL DEFAULT '',
  zone    TEXT    NOT NULL DEFAULT '',                                             -- empty: as the organization
  locale  TEXT    NOT NULL DEFAULT '',                                             -- empty: the product's own
  compact INTEGER NOT NULL DEFAULT 0 CHECK (compact IN (0, 1)),
  picture TEXT    NOT NULL DEFAULT ''                                              -- the key of the picture, empty for none
) STRICT;

CREATE TABLE pictures (
  user_id INTEGER PRIMARY KEY REFERENCES users (id),
  key     TEXT    NOT NULL UNIQUE,                                                 -- random, so that no address can be guessed
  format  INTEGER NOT NULL CHECK (format IN (1, 2)),                               -- PNG, JPEG
  bytes   BLOB    NOT NULL CHECK (length(bytes) <= 262144)
) STRICT;

CREATE TABLE devices (                                                             -- from where a person has signed in before
  user_id  INTEGER NOT NULL REFERENCES users (id),
  device   TEXT    NOT NULL,
  first_at INTEGER NOT NULL,
  last_at  INTEGER NOT NULL,
  PRIMARY KEY (user_id, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE notifications (
  id      INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  org_id  INTEGER NOT NULL DEFAULT 0,                                              -- 0: no organization
  kind    INTEGER NOT NULL,
  subject TEXT    NOT NULL,
  link    TEXT    NOT NULL,                                                        -- a path of the portal, empty for none
  at      INTEGER NOT NULL,
  read_at INTEGER
) STRICT;
CREATE INDEX notifications_list ON notifications (user_id, id);
CREATE INDEX notifications_unread ON notifications (user_id, id) WHERE read_at IS NULL;
CREATE INDEX notifications_age ON notifications (at);

CREATE TABLE notification_choices (                                                -- a kind without a row is as its default
  user_id INTEGER NOT NULL REFERENCES users (id),
  kind    INTEGER NOT NULL,
  portal  INTEGER NOT NULL CHECK (portal IN (0, 1)),
  mail    INTEGER NOT NULL CHECK (mail IN (0, 1)),
  PRIMARY KEY (user_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
  org_id          INTEGER PRIMARY KEY REFERENCES orgs (id),
  plan            TEXT    NOT NULL,
  seats           INTEGER CHECK (seats BETWEEN 1 AND 1000000),                     -- null: as many as there are people
  renews_on       TEXT    NOT NULL,                                                -- a day, empty for none
  reference       TEXT    NOT NULL,
  billing_contact TEXT    NOT NULL,
  version         INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE training (                                                            -- always read and written as a whole
  org_id    INTEGER PRIMARY KEY REFERENCES orgs (id),
  resources TEXT    NOT NULL,
  version   INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE dismissals (                                                          -- cards that a person has put away
  user_id INTEGER NOT NULL REFERENCES users (id),
  org_id  INTEGER NOT NULL REFERENCES orgs (id),
  card    INTEGER NOT NULL CHECK (card IN (1)),
  PRIMARY KEY (user_id, org_id, card)
) STRICT, WITHOUT ROWID;
