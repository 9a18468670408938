//! The pool and the wallet of one member.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::super::{
    forms::{AssignForm, PutForm},
    pool,
    views::{OfMember, WalletPanel},
    wallet,
};
use crate::{
    access::{
        Can, Permission, Right,
        permission::{PoolManage, PoolRead},
    },
    app::App,
    error::{Error, Result},
    gate::Withheld,
    ids::MemberId,
    limits::{amount::words, settings},
    members::{Change, forms::MemberPath, member},
    metering::Scope,
    shell,
    web::{
        form::{FieldErrors, Form},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// How many lines of a wallet's statement are shown.
const LINES: i64 = 50;

/// Says which pool the member draws from.
pub async fn update_pool(
    app: Data<App>,
    by: Can<PoolManage>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<AssignForm>,
) -> Result<HttpResponse> {
    let change = Change {
        id: at.id()?,
        expected: form.0.version(),
    };
    let href = by.path(&format!("/members/{}", change.id));
    member::find(&mut app.db.read(), by.org().id, change.id).await?;
    let mut tx = app.db.write().await?;
    let done = match form.0.pool() {
        Ok(chosen) => pool::assign(&mut tx, &by, change, chosen, app.clock.now()).await,
        Err(error) => Err(error),
    };
    // There is one field, and it is a list: whoever sends something else has an old page.
    let member = done.map_err(|error| match error {
        Error::Invalid { message, .. } => Error::conflict(message),
        other => other,
    })?;
    tx.commit().await?;
    let drawn = pool::drawn(&mut app.db.read(), by.org().id, Some(member.id)).await?;
    let text = match drawn {
        Some(drawn) => format!("{} draws from {} now.", member.name, drawn.name),
        None => format!("{} draws from no credit pool now.", member.name),
    };
    Ok(respond::done_to(&app, &ctx, &said(text), &href))
}

async fn page_of<P: Right>(app: &App, by: &Can<P>, ctx: &Ctx, id: MemberId) -> Result<OfMember> {
    let org = by.org();
    let db = &mut app.db.read();
    let member = member::find(db, org.id, id).await?;
    let counted = settings::find(db, org).await?;
    let unit = counted.unit;
    let found = wallet::find(db, org.id, id).await?;
    let entries = wallet::entries(db, org.id, id, LINES).await?;
    let paid = wallet::paid(db, org.id, id, LINES).await?;
    Ok(OfMember {
        l: shell::org(app, ctx, by, &format!("Wallet of {}", member.name), Tab::Members).await?,
        members_href: by.path("/members"),
        member_href: by.path(&format!("/members/{id}")),
        path: by.path(&format!("/members/{id}/wallet")),
        wallet: WalletPanel::new(found, &entries, &paid, &counted, by.zone()),
        may_manage: by.may(Permission::PoolManage),
        unit: unit.head().to_owned(),
        form: PutForm {
            direction: "add".to_owned(),
            ..PutForm::default()
        },
        is_adjusted: false,
        version: member.version,
        name: member.name,
        errors: FieldErrors::default(),
    })
}

/// The wallet of a member.
pub async fn show(app: Data<App>, by: Can<PoolRead>, at: Path<MemberPath>, ctx: Ctx) -> Result<HttpResponse> {
    respond::page(&page_of(&app, &by, &ctx, at.id()?).await?)
}

async fn done(
    app: &App,
    by: &Can<PoolManage>,
    ctx: &Ctx,
    (id, form, is_adjusted): (MemberId, PutForm, bool),
    done: Result<String>,
) -> Result<HttpResponse> {
    match done {
        Ok(text) => {
            let href = by.path(&format!("/members/{id}/wallet"));
            Ok(respond::done_to(app, ctx, &said(text), &href))
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let page = page_of(app, by, ctx, id).await?;
            respond::page_with(
                422,
                &OfMember {
                    form,
                    is_adjusted,
                    errors,
                    ..page
                },
            )
        }
    }
}

/// Puts credits into the wallet.
pub async fn create_top_up(
    app: Data<App>,
    by: Can<PoolManage>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<PutForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    member::find(&mut app.db.read(), by.org().id, id).await?;
    let unit = settings::find(&mut app.db.read(), by.org()).await?.unit;
    let put = async {
        let amount = form.0.amount(unit)?;
        let change = Change {
            id,
            expected: form.0.version(),
        };
        let mut tx = app.db.write().await?;
        let member = wallet::top_up(&mut tx, &by, change, amount, &form.0.note, app.clock.now()).await?;
        tx.commit().await?;
        Ok(format!(
            "{} were put into the wallet of {}.",
            amount.show(unit),
            member.name
        ))
    };
    let put = put.await;
    let form = PutForm {
        direction: "add".to_owned(),
        ..form.0
    };
    done(&app, &by, &ctx, (id, form, false), put).await
}

/// Puts the wallet right.
pub async fn create_adjustment(
    app: Data<App>,
    by: Can<PoolManage>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<PutForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    member::find(&mut app.db.read(), by.org().id, id).await?;
    let unit = settings::find(&mut app.db.read(), by.org()).await?.unit;
    let put = async {
        let amount = form.0.signed(unit)?;
        let change = Change {
            id,
            expected: form.0.version(),
        };
        let (org, out) = (by.org().id, (-amount).max(0));
        let held = app.metering.held_by(org, Scope::Wallet, id.raw());
        let withheld = if out == 0 {
            Withheld::Free
        } else {
            app.gate.withhold(org, id, out).await?
        };
        let taken = async {
            let mut tx = app.db.write().await?;
            let member = wallet::adjust(&mut tx, &by, change, amount, &form.0.note, held, app.clock.now()).await?;
            if withheld == Withheld::Used {
                return Err(Error::invalid(
                    "amount",
                    "The wallet is being used at this moment. Try again.",
                ));
            }
            tx.commit().await?;
            Ok(member)
        };
        let taken = taken.await;
        if taken.is_err() {
            app.gate.give_back(org, id, &withheld);
        }
        let member = taken?;
        Ok(format!(
            "The wallet of {} was adjusted by {}.",
            member.name,
            words(amount, unit)
        ))
    };
    let put = put.await;
    done(&app, &by, &ctx, (id, form.0, true), put).await
}
