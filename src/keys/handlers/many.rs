//! Many keys at once: one for each of some groups, and the state of those that are ticked (R-KEY-04).

use actix_web::{HttpResponse, web::Data};

use super::{
    super::{
        Kind,
        forms::{KeyForm, ManyForm, NewQuery},
        key::Deed,
        mass, rules, secret,
        views::{Edit, Many, ShownKey, ShownOnce},
    },
    edit_page, fault,
};
use crate::{
    access::{Can, permission::KeyManage},
    app::App,
    error::{Error, Result},
    groups::{self, Group},
    limits::settings,
    shell,
    web::{
        filters::plural,
        form::{FieldErrors, Form},
        layout::{Choice, Tab},
        request::Ctx,
        respond::{self, said},
    },
};

/// The form of one key for each of some groups.
pub async fn new(app: Data<App>, by: Can<KeyManage>, ctx: Ctx) -> Result<HttpResponse> {
    let rules = rules::find(&mut app.db.read(), by.org().id).await?;
    let form = KeyForm {
        name: "{group}".to_owned(),
        ..KeyForm::blank(&rules, &NewQuery::default())
    };
    respond::page(&new_page(&app, &by, &ctx, form, FieldErrors::default(), false).await?)
}

async fn new_page(
    app: &App,
    by: &Can<KeyManage>,
    ctx: &Ctx,
    form: KeyForm,
    errors: FieldErrors,
    is_planned: bool,
) -> Result<Edit> {
    let chosen = form.each.clone();
    let name = form.name.clone();
    let title = ("Create keys for groups", Some(Kind::Group));
    let mut page = edit_page(app, by, ctx, title, None, form, errors).await?;
    page.lead = "One key for each group that you choose, all alike. Their secrets are shown once, right after.";
    page.action = by.path("/keys/groups");
    page.save = if is_planned { "Create keys" } else { "Continue" };
    page.each = std::mem::take(&mut page.groups)
        .into_iter()
        .map(|group| Choice {
            selected: chosen.contains(&group.value),
            ..group
        })
        .collect();
    page.binds = false;
    if is_planned {
        let planned = page.each.iter().filter(|group| group.selected);
        page.plan = planned.map(|group| mass::name_for(&name, &group.label)).collect();
    }
    if page.each.is_empty() {
        "There are no groups yet.".clone_into(&mut page.refused);
    }
    Ok(page)
}

async fn chosen(app: &App, by: &Can<KeyManage>, form: &KeyForm) -> Result<Vec<Group>> {
    let mut all = groups::list(&mut app.db.read(), by.org().id).await?;
    if form
        .each
        .iter()
        .any(|id| all.iter().all(|group| group.id.to_string() != *id))
    {
        return Err(Error::invalid("each", "Choose groups from the list."));
    }
    all.retain(|group| form.each.contains(&group.id.to_string()));
    if all.is_empty() {
        return Err(Error::invalid("each", "Choose at least one group."));
    }
    Ok(all)
}

/// Says which keys would be made, and then makes them and shows their secrets, once.
pub async fn create(app: Data<App>, by: Can<KeyManage>, ctx: Ctx, form: Form<KeyForm>) -> Result<HttpResponse> {
    let (form, now) = (form.0, app.clock.now());
    if form.step == "check" {
        let checked = match chosen(&app, &by, &form).await {
            Ok(_) => (200, FieldErrors::default()),
            Err(error) => (422, fault(error)?),
        };
        let is_planned = checked.0 == 200;
        let page = new_page(&app, &by, &ctx, form, checked.1, is_planned).await?;
        return respond::page_with(checked.0, &page);
    }
    let made = async {
        let groups = chosen(&app, &by, &form).await?;
        let settings = settings::find(&mut app.db.read(), by.org()).await?;
        let draft = form.draft(&by.org().zone, settings.unit, None, now)?;
        let own = secret::nonce();
        let nonce = if form.nonce.is_empty() { &own } else { &form.nonce };
        let mut tx = app.db.write().await?;
        let made = mass::create_each(&mut tx, &by, &groups, &draft, nonce, now).await?;
        tx.commit().await?;
        Ok(made)
    };
    match made.await {
        Ok(made) => respond::page(&ShownOnce {
            l: shell::org(&app, &ctx, &by, "API keys created", Tab::Keys).await?,
            list_href: by.path("/keys"),
            list_title: "API Keys",
            heading: format!("{} created", plural(made.len() as i64, "key was", "keys were")),
            lead: "Copy the keys now, they are shown only once.".to_owned(),
            keys: made
                .into_iter()
                .map(|(id, name, key)| ShownKey::new(&name, by.path(&format!("/keys/{id}")), key))
                .collect(),
        }),
        Err(Error::Conflict(why)) => {
            let mut toast = said(why);
            toast.kind = crate::web::layout::ToastKind::Warn;
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/keys")))
        }
        Err(error) => {
            let page = new_page(&app, &by, &ctx, form, fault(error)?, false).await?;
            respond::page_with(422, &page)
        }
    }
}

/// What an act on the ticked keys would come to. Changes nothing.
pub async fn check(app: Data<App>, by: Can<KeyManage>, ctx: Ctx, form: Form<ManyForm>) -> Result<HttpResponse> {
    let deed = Deed::find(&form.0.deed).ok_or_else(|| Error::invalid("do", "Choose what is to be done."))?;
    let plan = mass::plan(&mut app.db.read(), by.org().id, &form.0.keys(), deed).await?;
    let l = shell::org(&app, &ctx, &by, deed.title(), Tab::Keys).await?;
    respond::page(&Many::new(l, &by, deed, &plan, String::new()))
}

/// Does it; revoking many asks for their number first.
pub async fn update(app: Data<App>, by: Can<KeyManage>, ctx: Ctx, form: Form<ManyForm>) -> Result<HttpResponse> {
    let form = form.0;
    let deed = Deed::find(&form.deed).ok_or_else(|| Error::invalid("do", "Choose what is to be done."))?;
    let mut tx = app.db.write().await?;
    let plan = mass::set_states(&mut tx, &by, &form.keys(), deed, app.clock.now()).await?;
    let count = plan.changes.len();
    if deed == Deed::Revoke && form.confirm.trim() != count.to_string() {
        drop(tx);
        let l = shell::org(&app, &ctx, &by, deed.title(), Tab::Keys).await?;
        let page = Many::new(l, &by, deed, &plan, format!("Type {count} to confirm."));
        return respond::page_with(422, &page);
    }
    tx.commit().await?;
    let toast = said(format!(
        "{} {}.",
        plural(count as i64, "key was", "keys were"),
        deed.past()
    ));
    Ok(respond::done_to(&app, &ctx, &toast, &by.path("/keys")))
}
