//! What the invited person sees and does with a link, signed in or not. GET and HEAD change nothing.

use actix_web::{HttpRequest, HttpResponse, web::Data, web::Path};

use super::super::{
    acceptance::{self, Joined, Joiner, Pass, Place, Renewal, Standing, masked},
    addresses::Address,
    forms::{AcceptForm, LinkQuery, ReportForm},
    invitation::Invitation,
    views::{Landing, Outcome},
};
use crate::{
    access::can::actor_of,
    app::App,
    audit::Actor,
    auth::{self, account, password::Policy},
    clock::Timestamp,
    error::{Error, Result},
    shell, text,
    web::{
        form::{Form, Query},
        layout::Link,
        request::Ctx,
        respond::{page_with, redirect, said},
    },
};

const fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-inv" } else { "muster-inv" }
}

/// The link itself: the token becomes a cookie, and the address bar is clean.
pub async fn exchange(app: Data<App>, at: Path<String>, query: Query<LinkQuery>, ctx: Ctx) -> Result<HttpResponse> {
    let now = app.clock.now();
    let Some(pass) = acceptance::exchange(&mut app.db.read(), &app.keys, &at, &query.0.p, now).await? else {
        app.ceilings.token(&ctx.trace.ip())?;
        return no_link(&app, &ctx);
    };
    let mut cookie = app.settings.cookie(
        cookie_name(app.settings.is_https()),
        pass.seal(&app.keys).expose().to_owned(),
    );
    cookie.set_max_age(actix_web::cookie::time::Duration::seconds(Pass::LIFE.as_secs() as i64));
    ctx.set_cookie(cookie);
    Ok(redirect("/i"))
}

fn pass_of(app: &App, req: &HttpRequest, now: Timestamp) -> Option<Pass> {
    let cookie = req.cookie(cookie_name(app.settings.is_https()))?;
    Pass::open(&app.keys, cookie.value(), now)
}

fn no_link(app: &App, ctx: &Ctx) -> Result<HttpResponse> {
    let outcome = Outcome {
        l: shell::card(app, ctx, "No invitation"),
        title: "This link does not lead to an invitation".to_owned(),
        detail: "Open the link from the e-mail again, whole and in one piece. If there is a newer e-mail, use that one: a new link ends the old one.".to_owned(),
        ..Outcome::default()
    };
    page_with(404, &outcome)
}

/// Where the person of the request stands to the invitation.
enum Visitor {
    /// Nobody is signed in and the address has no account.
    New,
    /// Nobody is signed in and the address has an account.
    Known,
    /// The invited person is signed in.
    Ready(crate::ids::UserId),
    /// Somebody else is signed in, under this address.
    Other(String),
}

async fn visitor(app: &App, ctx: &Ctx, found: &Invitation) -> Result<Visitor> {
    if let Some(person) = &ctx.person {
        let own = Address::parse(&person.email).is_ok_and(|address| address.key() == found.email_key);
        return Ok(if own {
            Visitor::Ready(person.id)
        } else {
            Visitor::Other(person.email.clone())
        });
    }
    let account = account::find_by_key(&mut app.db.read(), &found.email_key).await?;
    Ok(if account.is_some() {
        Visitor::Known
    } else {
        Visitor::New
    })
}

/// The landing page, or why there is none.
pub async fn show(app: Data<App>, req: HttpRequest, ctx: Ctx) -> Result<HttpResponse> {
    let now = app.clock.now();
    let mut db = app.db.read();
    let Some(pass) = pass_of(&app, &req, now) else {
        return no_link(&app, &ctx);
    };
    let Some((found, place)) = acceptance::find(&mut db, &pass).await? else {
        return no_link(&app, &ctx);
    };
    let standing = acceptance::standing(&mut db, &found, &place, now).await?;
    if standing != Standing::Open {
        return refused(&app, &ctx, Some(&found), &place, &standing, false);
    }
    match visitor(&app, &ctx, &found).await? {
        Visitor::Other(email) => other(&app, &ctx, &found, &place, &email),
        Visitor::New => page_with(200, &landing(&app, &ctx, &found, &place, "new")),
        Visitor::Known => page_with(200, &landing(&app, &ctx, &found, &place, "known")),
        Visitor::Ready(_) => page_with(200, &landing(&app, &ctx, &found, &place, "ready")),
    }
}

fn landing(app: &App, ctx: &Ctx, found: &Invitation, place: &Place, mode: &'static str) -> Landing {
    let l = shell::card(app, ctx, &format!("Join {}", place.name));
    let mut page = Landing::new(l, found, place, mode);
    page.password_hint = format!(
        "At least {} characters. Several words that do not belong together are easy to keep in mind.",
        Policy::ALONE.min_chars()
    );
    page
}

fn other(app: &App, ctx: &Ctx, found: &Invitation, place: &Place, email: &str) -> Result<HttpResponse> {
    let outcome = Outcome {
        l: shell::card(app, ctx, "Another account"),
        title: "This invitation is for another account".to_owned(),
        detail: format!(
            "It invites {} to {}, and you are signed in as {email}. Sign out, then open the link from the e-mail again.",
            masked(&found.email),
            place.name
        ),
        sign_out: true,
        action: Some(Link {
            label: format!("Stay signed in as {email}"),
            href: "/".to_owned(),
        }),
        ..Outcome::default()
    };
    page_with(403, &outcome)
}

/// Why the invitation cannot be answered, with the way on.
fn refused(
    app: &App,
    ctx: &Ctx,
    found: Option<&Invitation>,
    place: &Place,
    standing: &Standing,
    acting: bool,
) -> Result<HttpResponse> {
    let name = &place.name;
    let contact = &place.support_contact;
    let inviter = found.map_or("the person who invited you", |found| found.inviter_name.as_str());
    let own = ctx
        .person
        .as_ref()
        .zip(found)
        .is_some_and(|(person, found)| person.email.eq_ignore_ascii_case(&found.email));
    let home = || {
        Some(Link {
            label: format!("Open {name}"),
            href: format!("/o/{}/members", place.slug),
        })
    };
    let sign_in = || {
        Some(Link {
            label: "Sign in".to_owned(),
            href: "/sign-in".to_owned(),
        })
    };
    let way = || if own { home() } else { sign_in() };
    let (status, title, detail, action) = match standing {
        Standing::Open => (
            409,
            "This invitation can be accepted".to_owned(),
            "Open it again.".to_owned(),
            Some(Link {
                label: "Open the invitation".to_owned(),
                href: "/i".to_owned(),
            }),
        ),
        Standing::Expired => (
            410,
            "This invitation has expired".to_owned(),
            format!("You can ask {inviter} for a new one. They get an e-mail about it."),
            None,
        ),
        Standing::Accepted if own => (
            if acting { 409 } else { 410 },
            format!("You have joined {name}"),
            "This invitation was used, by you.".to_owned(),
            home(),
        ),
        Standing::Accepted => (
            if acting { 409 } else { 410 },
            "This invitation was used already".to_owned(),
            format!("Each invitation works once. If it was you, sign in. If not, tell {contact}."),
            sign_in(),
        ),
        Standing::Declined => (
            410,
            "This invitation was declined".to_owned(),
            format!("To join {name} after all, ask {inviter} for a new invitation."),
            None,
        ),
        Standing::Revoked => (
            404,
            "This invitation was deleted".to_owned(),
            format!("Its link does not work any more. To join {name}, ask {inviter} for a new invitation."),
            None,
        ),
        Standing::Archived => (
            409,
            format!("{name} is archived"),
            format!("Nobody can join it at the moment. To ask about it, contact {contact}."),
            None,
        ),
        Standing::Member => (
            409,
            format!("You are a member of {name} already"),
            "There is nothing left to accept.".to_owned(),
            way(),
        ),
        Standing::Disabled => (
            409,
            format!("Your access to {name} is disabled"),
            format!("An invitation does not restore it. To get it back, contact {contact}."),
            None,
        ),
        Standing::AccountDisabled => (
            409,
            "Your account is disabled".to_owned(),
            format!("An invitation does not restore it. To get it back, contact {contact}."),
            None,
        ),
        Standing::Outside(sentence) => (409, "This address cannot join".to_owned(), sentence.clone(), None),
        Standing::Full => (
            409,
            format!("{name} has no seat left"),
            format!(
                "All its seats are taken. Your invitation stays open: ask {inviter} for a seat and open the link again."
            ),
            None,
        ),
    };
    let outcome = Outcome {
        l: shell::card(app, ctx, &title),
        title,
        detail,
        may_renew: *standing == Standing::Expired,
        action,
        ..Outcome::default()
    };
    page_with(status, &outcome)
}

/// Says that the landing page is seen; sent by the page itself, which mail scanners do not run.
pub async fn create_opening(app: Data<App>, req: HttpRequest) -> Result<HttpResponse> {
    let now = app.clock.now();
    if let Some(pass) = pass_of(&app, &req, now) {
        let mut tx = app.db.write().await?;
        acceptance::mark_opened(&mut tx, &actor_of(&req, &app), &pass, now).await?;
        tx.commit().await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Joins: with a new account, or with the one that is signed in.
pub async fn accept(app: Data<App>, req: HttpRequest, ctx: Ctx, form: Form<AcceptForm>) -> Result<HttpResponse> {
    let now = app.clock.now();
    let mut db = app.db.read();
    let Some(pass) = pass_of(&app, &req, now) else {
        return no_link(&app, &ctx);
    };
    let Some((found, _)) = acceptance::find(&mut db, &pass).await? else {
        return no_link(&app, &ctx);
    };
    // First the visitor, then the row: an account that somebody else's acceptance has just made is seen with that acceptance.
    let visitor = visitor(&app, &ctx, &found).await?;
    let Some((found, place)) = acceptance::find(&mut db, &pass).await? else {
        return no_link(&app, &ctx);
    };
    let standing = acceptance::standing(&mut db, &found, &place, now).await?;
    if standing != Standing::Open {
        return refused(&app, &ctx, Some(&found), &place, &standing, true);
    }
    let by = actor_of(&req, &app);
    match visitor {
        Visitor::Other(email) => other(&app, &ctx, &found, &place, &email),
        Visitor::Known => Ok(redirect("/sign-in?next=%2Fi")),
        Visitor::Ready(user) => {
            let mut tx = app.db.write().await?;
            match acceptance::accept(&mut tx, &by, &pass, Joiner::Account(user), now).await? {
                Ok(joined) => {
                    tx.commit().await?;
                    Ok(welcome(&app, &ctx, &joined))
                }
                Err(standing) => refused(&app, &ctx, Some(&found), &place, &standing, true),
            }
        }
        Visitor::New => join_new(&app, &req, &ctx, &by, &pass, (&found, &place), form.0, now).await,
    }
}

#[expect(clippy::too_many_arguments, reason = "the request in its parts")]
async fn join_new(
    app: &App,
    req: &HttpRequest,
    ctx: &Ctx,
    by: &Actor,
    pass: &Pass,
    (found, place): (&Invitation, &Place),
    form: AcceptForm,
    now: Timestamp,
) -> Result<HttpResponse> {
    let name = text::name("name", &form.name);
    let own = [form.name.as_str(), found.email.as_str(), place.name.as_str()];
    let password = Policy::ALONE.check(&form.password, &own);
    let (Ok(name), Ok(_)) = (&name, &password) else {
        let mut page = landing(app, ctx, found, place, "new");
        page.name_error = name.err().map_or_else(String::new, |error| error.to_string());
        page.password_error = password.err().map_or_else(String::new, |refusal| refusal.to_string());
        page.name = form.name;
        page.beacon = false;
        return page_with(422, &page);
    };
    // Hashing takes long: before the transaction, which others wait for.
    let hash = app.hasher.hash(&form.password).await?;
    let mut tx = app.db.write().await?;
    let joined = match acceptance::accept(
        &mut tx,
        by,
        pass,
        Joiner::New {
            name,
            password_hash: &hash,
        },
        now,
    )
    .await?
    {
        Ok(joined) => joined,
        Err(standing) => return refused(app, ctx, Some(found), place, &standing, true),
    };
    let session = auth::sign_in_as(&mut tx, &app.settings.sessions, joined.user, &ctx.trace, now).await?;
    tx.commit().await?;
    auth::remember(req, &session)?;
    Ok(welcome(app, ctx, &joined))
}

fn welcome(app: &App, ctx: &Ctx, joined: &Joined) -> HttpResponse {
    forget_pass(app, ctx);
    ctx.say(app, &said(format!("Welcome to {}, {}", joined.place.name, joined.name)));
    redirect(&format!("/o/{}/members", joined.place.slug))
}

/// The pass has served: the cookie goes.
fn forget_pass(app: &App, ctx: &Ctx) {
    ctx.set_cookie(crate::web::csrf::removal(app, cookie_name(app.settings.is_https())));
}

fn done(app: &App, ctx: &Ctx, title: String, detail: String) -> Result<HttpResponse> {
    let outcome = Outcome {
        l: shell::card(app, ctx, &title),
        title,
        detail,
        ..Outcome::default()
    };
    page_with(200, &outcome)
}

/// Says no.
pub async fn decline(app: Data<App>, req: HttpRequest, ctx: Ctx) -> Result<HttpResponse> {
    let now = app.clock.now();
    let Some(pass) = pass_of(&app, &req, now) else {
        return no_link(&app, &ctx);
    };
    let mut tx = app.db.write().await?;
    match acceptance::decline(&mut tx, &actor_of(&req, &app), &pass, now).await? {
        Ok(place) => {
            tx.commit().await?;
            forget_pass(&app, &ctx);
            done(
                &app,
                &ctx,
                "You declined the invitation".to_owned(),
                format!("{} is told, and the link no longer works.", place.name),
            )
        }
        Err(standing) => drop_tx_and_refuse(&app, &ctx, tx, &pass, &standing).await,
    }
}

/// Nothing was written: the transaction is dropped, and the page says why.
async fn drop_tx_and_refuse(
    app: &App,
    ctx: &Ctx,
    tx: crate::db::Tx,
    pass: &Pass,
    standing: &Standing,
) -> Result<HttpResponse> {
    drop(tx);
    match acceptance::find(&mut app.db.read(), pass).await? {
        Some((found, place)) => refused(app, ctx, Some(&found), &place, standing, true),
        None => no_link(app, ctx),
    }
}

/// Asks the inviter for a new link.
pub async fn create_renewal_request(app: Data<App>, req: HttpRequest, ctx: Ctx) -> Result<HttpResponse> {
    let now = app.clock.now();
    let Some(pass) = pass_of(&app, &req, now) else {
        return no_link(&app, &ctx);
    };
    let mut tx = app.db.write().await?;
    match acceptance::request_renewal(&mut tx, &actor_of(&req, &app), &pass, now).await? {
        Ok((Renewal::NotNeeded, _)) => Ok(redirect("/i")),
        Ok((Renewal::Asked, place)) => {
            tx.commit().await?;
            done(
                &app,
                &ctx,
                "A new invitation is asked for".to_owned(),
                format!(
                    "The person who invited you to {} gets an e-mail. A new link comes by e-mail too.",
                    place.name
                ),
            )
        }
        Ok((Renewal::AskedAlready, _)) => done(
            &app,
            &ctx,
            "A new invitation was asked for already".to_owned(),
            "The person who invited you got an e-mail within the last day.".to_owned(),
        ),
        Ok((Renewal::InviterGone, place)) => {
            let detail = format!(
                "The person who invited you has no access to {} any more. Contact {} instead.",
                place.name, place.support_contact
            );
            done(&app, &ctx, "Ask somebody else".to_owned(), detail)
        }
        Err(standing) => drop_tx_and_refuse(&app, &ctx, tx, &pass, &standing).await,
    }
}

/// Reports the invitation, after a second look at what that means.
pub async fn report(app: Data<App>, req: HttpRequest, ctx: Ctx, form: Form<ReportForm>) -> Result<HttpResponse> {
    let now = app.clock.now();
    let Some(pass) = pass_of(&app, &req, now) else {
        return no_link(&app, &ctx);
    };
    if form.0.confirm != "yes" {
        let Some((found, place)) = acceptance::find(&mut app.db.read(), &pass).await? else {
            return no_link(&app, &ctx);
        };
        let outcome = Outcome {
            l: shell::card(&app, &ctx, "Report this invitation"),
            title: "Report this invitation?".to_owned(),
            detail: format!(
                "It ends, and {} sends no more invitations to {}. That cannot be taken back here.",
                place.name,
                masked(&found.email)
            ),
            may_report: true,
            action: Some(Link {
                label: "Back to the invitation".to_owned(),
                href: "/i".to_owned(),
            }),
            ..Outcome::default()
        };
        return page_with(200, &outcome);
    }
    let mut tx = app.db.write().await?;
    match acceptance::report(&mut tx, &actor_of(&req, &app), &pass, now).await? {
        Ok(place) => {
            tx.commit().await?;
            forget_pass(&app, &ctx);
            done(
                &app,
                &ctx,
                "The invitation is reported".to_owned(),
                format!(
                    "{} sends you no more invitations, and its administrators see the report.",
                    place.name
                ),
            )
        }
        Err(standing) => drop_tx_and_refuse(&app, &ctx, tx, &pass, &standing).await,
    }
}

impl From<Standing> for Error {
    fn from(standing: Standing) -> Self {
        Self::conflict(match standing {
            Standing::Outside(sentence) => sentence,
            Standing::Full => {
                "All seats of this organization are taken. Your invitation stays open: ask for a seat and try again."
                    .to_owned()
            }
            Standing::Expired => "This invitation has expired. Ask for a new one.".to_owned(),
            Standing::Archived => "This organization is archived, and nobody can join it at the moment.".to_owned(),
            Standing::Member => "You are a member of this organization already.".to_owned(),
            Standing::Disabled | Standing::AccountDisabled => {
                "Your access is disabled, and an invitation does not restore it.".to_owned()
            }
            Standing::Open | Standing::Accepted | Standing::Declined | Standing::Revoked => {
                "This invitation was answered or deleted already.".to_owned()
            }
        })
    }
}
