//! Whether wallets may pay.

use actix_web::{HttpResponse, web::Data};

use super::super::{forms::WalletsForm, views::Wallets, wallet};
use crate::{
    access::{Can, permission::LimitDefault},
    app::App,
    error::Result,
    shell,
    web::{
        form::Form,
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// The form.
pub async fn edit(app: Data<App>, by: Can<LimitDefault>, ctx: Ctx) -> Result<HttpResponse> {
    let (is_on, version) = wallet::settings(&mut app.db.read(), by.org().id).await?;
    respond::page(&Wallets {
        l: shell::org(&app, &ctx, &by, "Personal wallets", Tab::Credits).await?,
        organization: by.org().name.clone(),
        path: by.path("/credits/wallets"),
        back: back(&by),
        is_on,
        version,
    })
}

/// Where the form leads back: the pools for whoever may see them, else the limits.
fn back(by: &Can<LimitDefault>) -> String {
    if by.may(crate::access::Permission::PoolRead) {
        by.path("/credits")
    } else {
        by.path("/limits")
    }
}

/// Saves it.
pub async fn update(app: Data<App>, by: Can<LimitDefault>, ctx: Ctx, form: Form<WalletsForm>) -> Result<HttpResponse> {
    let is_on = form.0.is_on.is_some();
    let mut tx = app.db.write().await?;
    let version = form.0.version.parse().unwrap_or(-1);
    wallet::switch(&mut tx, &by, is_on, version, app.clock.now()).await?;
    tx.commit().await?;
    let text = if is_on {
        "Personal wallets pay now when members’ own limits have no room."
    } else {
        "Personal wallets no longer pay."
    };
    Ok(respond::done_to(&app, &ctx, &said(text), &back(&by)))
}
