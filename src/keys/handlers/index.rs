//! The list of keys, and a new one of a group or of a service account.

use actix_web::{HttpResponse, web::Data};

use super::{
    super::{
        forms::{KeyForm, NewQuery, Search},
        key::{self, Made},
        list, rules,
        views::{Index, ShownKey, ShownOnce},
    },
    edit_page, fault,
};
use crate::{
    access::{Can, permission::KeyManage},
    app::App,
    error::Result,
    groups,
    limits::settings,
    shell,
    web::{
        form::{FieldErrors, Form, Query},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// The list.
pub async fn index(app: Data<App>, by: Can<KeyManage>, ctx: Ctx, search: Query<Search>) -> Result<HttpResponse> {
    let (query, now) = (search.0.query(), app.clock.now());
    let mut db = app.db.read();
    let counts = key::counts(&mut db, by.org().id).await?;
    let all_groups = groups::list(&mut db, by.org().id).await?;
    let found = list::find(&mut db, by.org().id, &query, now).await?;
    let l = shell::org(&app, &ctx, &by, "API Keys", Tab::Keys).await?;
    let page = Index::new(l, &by, ctx.hx.on, &query, &counts, &all_groups, &found, now);
    if ctx.hx.on {
        respond::page(&page.as_rows())
    } else {
        respond::page(&page)
    }
}

/// The form of a new key.
pub async fn new(app: Data<App>, by: Can<KeyManage>, ctx: Ctx, asked: Query<NewQuery>) -> Result<HttpResponse> {
    let rules = rules::find(&mut app.db.read(), by.org().id).await?;
    let form = KeyForm::blank(&rules, &asked.0);
    respond::page(&new_page(&app, &by, &ctx, form, FieldErrors::default()).await?)
}

async fn new_page(
    app: &App,
    by: &Can<KeyManage>,
    ctx: &Ctx,
    form: KeyForm,
    errors: FieldErrors,
) -> Result<super::super::views::Edit> {
    let mut page = edit_page(app, by, ctx, ("Create API key", None), None, form, errors).await?;
    page.lead = "Its secret is shown once, right after. Whoever holds it can do what the key may be used for.";
    page.action = by.path("/keys");
    if page.owners.iter().all(|(_, list)| list.is_empty()) {
        "A key belongs to a group or to a service account, and there is neither yet.".clone_into(&mut page.refused);
    }
    Ok(page)
}

/// Makes a key and shows its secret, once. The same form sent again leads to the key that it has made.
pub async fn create(app: Data<App>, by: Can<KeyManage>, ctx: Ctx, form: Form<KeyForm>) -> Result<HttpResponse> {
    let (form, now) = (form.0, app.clock.now());
    let made = async {
        let settings = settings::find(&mut app.db.read(), by.org()).await?;
        let owner = form.owner()?;
        let draft = form.draft(&by.org().zone, settings.unit, None, now)?;
        let mut tx = app.db.write().await?;
        let made = key::create(&mut tx, &by, owner, &draft, &form.nonce, now).await?;
        tx.commit().await?;
        Ok(made)
    };
    match made.await {
        Ok(Made::New(id, key)) => {
            let href = by.path(&format!("/keys/{id}"));
            let name = form.name.trim();
            respond::page(&ShownOnce {
                l: shell::org(&app, &ctx, &by, "API key created", Tab::Keys).await?,
                list_href: by.path("/keys"),
                list_title: "API Keys",
                heading: format!("{name} was created"),
                lead: "Copy the key now, it is shown only once.".to_owned(),
                keys: vec![ShownKey::new(name, href, key)],
            })
        }
        Ok(Made::Before(id)) => {
            let mut toast = said("This key was created already.");
            "Its secret was shown once. Rotate the key if it was not kept.".clone_into(&mut toast.detail);
            Ok(respond::done_to(&app, &ctx, &toast, &by.path(&format!("/keys/{id}"))))
        }
        Err(error) => {
            let page = new_page(&app, &by, &ctx, form, fault(error)?).await?;
            respond::page_with(422, &page)
        }
    }
}
