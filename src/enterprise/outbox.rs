//! The operator's outbox: every mail that Muster wrote, what became of it, and its words.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use serde_json::Value;

use super::{
    forms::OutboxSearch,
    views::{Mail, Outbox, ShowMail},
};
use crate::{
    access::{EnterpriseCan, permission::OperateMail},
    app::App,
    audit::{self, Action, Entry, Object},
    clock::{Timestamp, Zone, days},
    db::Read,
    error::{Error, Result},
    ids::MailId,
    mail::{
        links,
        message::Rendered,
        outbox::{self, MailRow, MailState},
    },
    orgs, shell,
    web::{
        filters,
        form::Query,
        layout::{EnterpriseTab, Fact, FilterLink},
        list::{PAGE, href},
        request::Ctx,
        respond::{done_to, page, said},
    },
};

/// What is due later than this waits for something else than time, see [`outbox::hold`](crate::mail::outbox::hold).
const HELD: std::time::Duration = days(36_500);
const OUTBOX: &str = "/e/outbox";

/// The mails, newest first.
pub async fn index(
    app: Data<App>,
    by: EnterpriseCan<OperateMail>,
    ctx: Ctx,
    query: Query<OutboxSearch>,
) -> Result<HttpResponse> {
    let (search, mut db) = (query.0, app.db.read());
    let zone = zone(&mut db).await?;
    let state = MailState::find(&search.state);
    let before = search.before.parse::<MailId>().ok();
    let mut rows = outbox::list(&mut db, state, before, PAGE as i64 + 1).await?;
    let counts = outbox::counts(&mut db).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let link = |of: Option<MailState>| FilterLink {
        id: of.map_or("all", MailState::key),
        label: of.map_or("All", MailState::title),
        count: Some(
            counts
                .iter()
                .filter(|count| of.is_none_or(|of| of == count.0))
                .map(|count| count.1)
                .sum(),
        ),
        href: href(OUTBOX, &[("state", of.map_or("", MailState::key))]),
        current: of == state,
    };
    let older = rows.last().filter(|_| more).map(|row| {
        href(
            OUTBOX,
            &[
                ("state", state.map_or("", MailState::key)),
                ("before", &row.id.to_string()),
            ],
        )
    });
    let now = app.clock.now();
    let shown = Outbox {
        l: shell::enterprise(&app, &ctx, &by, "Outbox", EnterpriseTab::Outbox).await?,
        partial: ctx.hx.on,
        path: OUTBOX.to_owned(),
        mail_off: app.sender.post.is_none(),
        states: std::iter::once(None)
            .chain(MailState::ALL.into_iter().map(Some))
            .map(link)
            .collect(),
        state: state.map_or("", MailState::key).to_owned(),
        range: filters::plural(rows.len() as i64, "e-mail", "e-mails"),
        rows: rows
            .iter()
            .map(|row| mail(row, &words(&app, row).subject, now, &zone))
            .collect(),
        older,
    };
    if ctx.hx.on {
        page(&shown.as_rows())
    } else {
        page(&shown)
    }
}

/// One mail with its words. Its secrets are shown only while no mail server takes them to their reader, and that is recorded.
pub async fn show(app: Data<App>, by: EnterpriseCan<OperateMail>, ctx: Ctx, at: Path<String>) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let row = outbox::find(&mut db, id(&at)?).await?;
    let zone = zone(&mut db).await?;
    let (plain, hidden) = (row.render(&app.settings, &app.keys)?, words(&app, &row));
    let has_secret = plain.text != hidden.text;
    let hides = has_secret && app.sender.post.is_some();
    if has_secret && !hides {
        let mut tx = app.db.write().await?;
        let entry = Entry::done(
            Action::MailView,
            Object::new("mail", row.id.raw(), &row.recipient),
            Value::Null,
            Value::Null,
        );
        audit::record(&mut tx, by.actor(), None, entry, app.clock.now()).await?;
        tx.commit().await?;
    }
    let now = app.clock.now();
    let shown = if hides { hidden } else { plain };
    let time = |at: Timestamp| filters::date_time(at.micros(), &zone.tz());
    let mut facts = vec![
        Fact {
            label: "To",
            value: row.recipient.clone(),
        },
        Fact {
            label: "Written",
            value: time(row.created_at),
        },
        Fact {
            label: "Attempts",
            value: filters::number(row.attempts),
        },
    ];
    if let Some(sent) = row.sent_at {
        facts.push(Fact {
            label: "Sent",
            value: time(sent),
        });
    }
    if !row.last_error.is_empty() {
        facts.push(Fact {
            label: "Last error",
            value: row.last_error.clone(),
        });
    }
    page(&ShowMail {
        l: shell::enterprise(&app, &ctx, &by, &shown.subject, EnterpriseTab::Outbox).await?,
        path: OUTBOX.to_owned(),
        mail: mail(&row, &shown.subject, now, &zone),
        facts,
        hides,
        text: shown.text,
        html: shown.html,
    })
}

/// Sends a mail again.
pub async fn retry(app: Data<App>, by: EnterpriseCan<OperateMail>, ctx: Ctx, at: Path<String>) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let row = outbox::retry(&mut tx, by.actor(), id(&at)?, app.clock.now()).await?;
    tx.commit().await?;
    Ok(done_to(
        &app,
        &ctx,
        &said(format!("The mail to {} is queued again.", row.recipient)),
        OUTBOX,
    ))
}

/// Takes back a mail that has not left.
pub async fn cancel(
    app: Data<App>,
    by: EnterpriseCan<OperateMail>,
    ctx: Ctx,
    at: Path<String>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let row = outbox::cancel(&mut tx, by.actor(), id(&at)?, app.clock.now()).await?;
    tx.commit().await?;
    Ok(done_to(
        &app,
        &ctx,
        &said(format!("The mail to {} is cancelled.", row.recipient)),
        OUTBOX,
    ))
}

fn id(text: &str) -> Result<MailId> {
    text.parse().map_err(|_| Error::NotFound)
}

async fn zone(db: &mut impl Read) -> Result<Zone> {
    let found = orgs::find_enterprise(db).await?;
    Ok(Zone::find_or_utc(found.as_ref().map_or("UTC", |found| &found.zone)))
}

fn mail(row: &MailRow, subject: &str, now: Timestamp, zone: &Zone) -> Mail {
    use MailState as S;
    let waits = matches!(row.state, S::Queued | S::Deferred);
    Mail {
        id: row.id.to_string(),
        href: format!("{OUTBOX}/{}", row.id),
        to: row.recipient.clone(),
        subject: subject.to_owned(),
        status: row.state.title(),
        status_class: match row.state {
            S::Sent => "ok",
            S::Deferred => "warn",
            S::Bounced => "bad",
            S::Queued | S::LinkOnly | S::Cancelled => "",
        },
        tries: filters::plural(row.attempts, "attempt", "attempts"),
        next_try: if waits && row.next_at > now.plus(HELD) {
            "when all of its import is in".to_owned()
        } else if waits {
            filters::until(now.micros(), row.next_at.micros(), &zone.tz())
        } else {
            String::new()
        },
        error: row.last_error.clone(),
        created: filters::date_time(row.created_at.micros(), &zone.tz()),
        created_iso: filters::iso(row.created_at.micros()),
        may_retry: matches!(row.state, S::Deferred | S::Bounced | S::LinkOnly | S::Cancelled),
        may_cancel: waits || row.state == S::LinkOnly,
    }
}

/// The mail in words without its secrets; a mail that cannot be read any more says so.
fn words(app: &App, row: &MailRow) -> Rendered {
    let rendered = row.render(&app.settings, &app.keys);
    let code = match row.mail() {
        Ok(outbox::Mail::VerifyAddress { user, nonce, .. }) => Some(links::address_code(&app.keys, user, nonce)),
        _ => None,
    };
    match rendered {
        Ok(words) => {
            let hide = |text: &str| {
                let text = hide_tokens(text);
                code.as_ref()
                    .map_or(text.clone(), |code| text.replace(code.expose(), "········"))
            };
            Rendered {
                subject: hide(&words.subject),
                text: hide(&words.text),
                html: hide(&words.html),
            }
        }
        Err(error) => Rendered {
            subject: format!("This mail cannot be read: {error}"),
            text: String::new(),
            html: String::new(),
        },
    }
}

/// Replaces what follows the prefix of a token, and the proof of a mailed link, by dots.
fn hide_tokens(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = [rest.find("mst_"), rest.find("?p=")].into_iter().flatten().min() {
        let start = at + if rest[at..].starts_with("mst_") { 4 } else { 3 };
        shown.push_str(&rest[..start]);
        shown.push('…');
        let is_secret = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        rest = rest[start..].trim_start_matches(is_secret);
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_proofs_are_hidden() {
        assert_eq!(
            hide_tokens("Open https://m.example/i/mst_inv_Ab-_9?p=Zz9-_ or https://m.example/reset/mst_rst_x."),
            "Open https://m.example/i/mst_…?p=… or https://m.example/reset/mst_…."
        );
        assert_eq!(hide_tokens("nothing"), "nothing");
    }
}
