//! The verbs: telling people, reading, and choosing what to be told.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    Kind, Notification,
    store::{self, ChoiceRow},
};
use crate::{
    audit::{self, Action, Actor, Entry, Object},
    clock::{Timestamp, days},
    db::{Read, Tx},
    error::{Error, Result},
    ids::{NotificationId, OrgId, UserId},
    mail::{self, Mail, address::Address},
    orgs,
};

/// What somebody is told.
#[derive(Debug, Clone)]
pub struct News {
    /// Whom it is for.
    pub to: UserId,
    /// The organization that it is about; none for the account.
    pub org: Option<OrgId>,
    /// What happened, in a sentence.
    pub subject: String,
    /// Where one sees more: a path of the portal, empty for nowhere.
    pub link: String,
    /// The mail that says the same, and where to; none where there is no such mail.
    pub mail: Option<(Address, Mail)>,
}

/// How somebody wants to be told of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The kind.
    pub kind: Kind,
    /// Whether it appears in the portal.
    pub portal: bool,
    /// Whether it comes by mail.
    pub mail: bool,
}

impl Choice {
    /// How a kind is told while nobody has chosen.
    pub const fn default_of(kind: Kind) -> Self {
        Self {
            kind,
            portal: true,
            mail: kind.mails(),
        }
    }
    fn of(kind: Kind, row: Option<&ChoiceRow>) -> Self {
        match row {
            Some(row) if !kind.is_mandatory() => Self {
                kind,
                portal: row.portal,
                mail: row.mail,
            },
            _ => Self::default_of(kind),
        }
    }
}

/// Tells somebody, in the portal and by mail, as far as they want to be told; in the transaction of what it tells of.
pub async fn notify(tx: &mut Tx, kind: Kind, news: News, now: Timestamp) -> Result<()> {
    notify_many(tx, kind, vec![news], now).await
}

/// Tells many people of the same kind of thing with four statements.
pub async fn notify_many(tx: &mut Tx, kind: Kind, news: Vec<News>, now: Timestamp) -> Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let people: Vec<UserId> = news.iter().map(|one| one.to).collect();
    let chosen: HashMap<i64, ChoiceRow> = if kind.is_mandatory() {
        HashMap::new()
    } else {
        let rows = store::list_choices_of(tx, kind, &people).await?;
        rows.into_iter().map(|row| (row.user_id.raw(), row)).collect()
    };
    let mut told: Vec<News> = Vec::new();
    let mut mails: HashMap<Option<OrgId>, Vec<(Address, Mail)>> = HashMap::new();
    for mut one in news {
        let choice = Choice::of(kind, chosen.get(&one.to.raw()));
        let mail = one.mail.take();
        if let Some(mail) = mail.filter(|_| choice.mail) {
            mails.entry(one.org).or_default().push(mail);
        }
        if choice.portal {
            told.push(one);
        }
    }
    if !told.is_empty() {
        let first = orgs::sequence(tx, "notification", told.len() as i64).await?;
        let rows = (first..).zip(told).map(|(id, one)| {
            let org = one.org.map_or(0, OrgId::raw);
            (
                NotificationId::from_raw(id),
                one.to,
                org,
                kind,
                one.subject,
                one.link,
                now,
            )
        });
        store::insert(tx, rows.collect()).await?;
    }
    for (org, mails) in mails {
        mail::enqueue_many(tx, org, &mails, now).await?;
    }
    Ok(())
}

/// Takes back what some people were told of a kind in an organization since an instant, because it did not last.
pub async fn withdraw(tx: &mut Tx, org: OrgId, kind: Kind, users: &[UserId], since: Timestamp) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    store::withdraw(tx, org, kind, users, since).await
}

/// A person's notifications before `before`, newest first, at most `limit`.
pub async fn list(
    db: &mut impl Read,
    user: UserId,
    before: Option<NotificationId>,
    unread: bool,
    limit: usize,
) -> Result<Vec<Notification>> {
    let before = before.unwrap_or(NotificationId::from_raw(i64::MAX));
    store::list(db, user, before, unread, limit as i64).await
}

/// Marks one of the person's notifications as read and gives it; somebody else's is not found.
pub async fn mark_read(tx: &mut Tx, user: UserId, id: NotificationId, now: Timestamp) -> Result<Notification> {
    let found = store::find(tx, user, id).await?.ok_or(Error::NotFound)?;
    store::set_read(tx, user, id, now).await?;
    Ok(found)
}

/// Marks all of the person's notifications as read; how many were not.
pub async fn mark_all_read(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<u64> {
    store::set_all_read(tx, user, now).await
}

/// How the person wants to be told of each kind.
pub async fn choices(db: &mut impl Read, user: UserId) -> Result<Vec<Choice>> {
    let rows = store::list_choices(db, user).await?;
    let choice = |kind: Kind| Choice::of(kind, rows.iter().find(|row| row.kind == kind as i64));
    Ok(Kind::ALL.into_iter().map(choice).collect())
}

/// Keeps how the person wants to be told; what is mandatory stays as it is.
pub async fn set_choices(
    tx: &mut Tx,
    by: &Actor,
    user: UserId,
    email: &str,
    wanted: &[Choice],
    now: Timestamp,
) -> Result<()> {
    let before = choices(tx, user).await?;
    let words = |choice: &Choice| match (choice.portal, choice.mail) {
        (true, true) => "portal and mail",
        (true, false) => "portal",
        (false, true) => "mail",
        (false, false) => "nothing",
    };
    let (mut was, mut is) = (Map::new(), Map::new());
    for old in before.iter().filter(|old| !old.kind.is_mandatory()) {
        let Some(new) = wanted.iter().find(|new| new.kind == old.kind && *new != old) else {
            continue;
        };
        store::put_choice(tx, user, new.kind, new.portal, new.mail).await?;
        was.insert(old.kind.title().to_owned(), json!(words(old)));
        is.insert(new.kind.title().to_owned(), json!(words(new)));
    }
    if is.is_empty() {
        return Ok(());
    }
    let entry = Entry::done(
        Action::ProfileUpdate,
        Object::new("account", user.raw(), email),
        Value::Object(was),
        Value::Object(is),
    );
    audit::record(tx, by, None, entry, now).await
}

/// Forgets what was read 90 days ago, and everything after a year.
pub async fn prune(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    store::prune(tx, now.minus(days(90)), now.minus(days(365))).await
}
