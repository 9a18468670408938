//! The first start.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};

use super::{accepted, hint};
use crate::{
    access::can::actor_of,
    app::App,
    auth::{end_old_session, forms, remember, setup, sign_in_as, views},
    clock::Zone,
    error::{Error, Result},
    secret::same,
    shell,
    web::{
        form::{FieldErrors, Form},
        layout::Choice,
        request::Ctx,
        respond::{done_to, page, page_with, said},
    },
};

/// The page that sets everything up.
pub async fn new(app: Data<App>, ctx: Ctx, token: Path<String>) -> Result<HttpResponse> {
    admit(&app, &ctx, &token).await?;
    let blank = forms::Setup {
        zone: "UTC".to_owned(),
        ..forms::Setup::default()
    };
    page(&view(&app, &ctx, &token, &blank, &FieldErrors::default()))
}

/// Sets everything up and signs the first administrator in.
pub async fn create(
    app: Data<App>,
    req: HttpRequest,
    ctx: Ctx,
    token: Path<String>,
    form: Form<forms::Setup>,
) -> Result<HttpResponse> {
    admit(&app, &ctx, &token).await?;
    let mut form = form.0;
    let (mut errors, address) = form.check();
    let own = [&form.name, &form.email, &form.enterprise, &form.organization];
    let hash = match accepted(&app, &form.password, own.map(Clone::clone).to_vec()).await {
        Ok(hash) => hash,
        Err(Error::Invalid { field, message }) => {
            errors.add(field, message);
            String::new()
        }
        Err(other) => return Err(other),
    };
    let Some(email) = address.filter(|_| errors.is_empty()) else {
        return page_with(422, &view(&app, &ctx, &token, &form, &errors));
    };
    let new = setup::NewPortal {
        enterprise: &form.enterprise,
        organization: &form.organization,
        support_contact: &form.support_contact,
        zone: &form.zone,
        name: &form.name,
        email: &email,
        password_hash: &hash,
    };
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let user = match setup::complete(&mut tx, &actor_of(&req, &app), new, now).await {
        Ok(user) => user,
        Err(error) => return page_with(422, &view(&app, &ctx, &token, &form, &FieldErrors::take(error)?)),
    };
    end_old_session(&mut tx, &req).await?;
    let session = sign_in_as(&mut tx, &app.settings.sessions, user, &ctx.trace, now).await?;
    tx.commit().await?;
    remember(&req, &session)?;
    Ok(done_to(
        &app,
        &ctx,
        &said(format!("{} is set up.", form.enterprise)),
        "/",
    ))
}

/// Lets through who brings the token of this start, while nothing is set up.
async fn admit(app: &App, ctx: &Ctx, token: &str) -> Result<()> {
    app.ceilings.token(&ctx.trace.ip())?;
    let is_ours = |setup: &crate::secret::Secret| same(setup.expose().as_bytes(), token.as_bytes());
    if !app.setup.as_ref().is_some_and(is_ours) {
        return Err(Error::NotFound);
    }
    if !setup::is_open(&mut app.db.read()).await? {
        let text = "Muster is set up already, and this link has ended with that. Sign in instead.";
        return Err(Error::Gone(text.to_owned()));
    }
    Ok(())
}

fn view(app: &App, ctx: &Ctx, token: &str, form: &forms::Setup, errors: &FieldErrors) -> views::Setup {
    let zones = Zone::names().into_iter().map(|name| Choice {
        selected: name == form.zone,
        label: name.replace('_', " "),
        value: name,
    });
    let of = |field: &str| errors.of(field).to_owned();
    let again = if errors.is_empty() {
        ""
    } else {
        "Check the marked fields, and type the password again."
    };
    views::Setup {
        l: shell::card(app, ctx, "Set up Muster"),
        action: format!("/setup/{token}"),
        enterprise: form.enterprise.clone(),
        enterprise_error: of("enterprise"),
        organization: form.organization.clone(),
        organization_error: of("organization"),
        support_contact: form.support_contact.clone(),
        support_contact_error: of("support_contact"),
        zone_error: of("zone"),
        zones: zones.collect(),
        name: form.name.clone(),
        name_error: of("name"),
        email: form.email.clone(),
        email_error: of("email"),
        password_error: of("password"),
        hint: hint(),
        form_error: again.to_owned(),
    }
}
