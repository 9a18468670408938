//! The pages of keys.

pub mod catalogue;
pub mod index;
pub mod many;
pub mod own;
pub mod page;

use super::{
    Key, Kind, feature,
    forms::KeyForm,
    rules, service,
    views::{Edit, Parts},
};
use crate::{
    access::{
        Can,
        permission::{Permission, Right},
    },
    app::App,
    error::{Error, Result},
    groups,
    limits::{keyed, settings},
    roles, shell,
    web::{form::FieldErrors, layout::Tab, request::Ctx},
};

/// The form of a key, with everything that it offers.
async fn edit_page<P: Right>(
    app: &App,
    by: &Can<P>,
    ctx: &Ctx,
    (title, kind): (&str, Option<Kind>),
    key: Option<&Key>,
    form: KeyForm,
    errors: FieldErrors,
) -> Result<Edit> {
    let (org, now) = (by.org(), app.clock.now());
    let mut db = app.db.read();
    let is_own = kind == Some(Kind::Personal) && key.is_none();
    let owner = match (is_own, key) {
        (true, _) => by.member().map(keyed::Owner::Member),
        (false, Some(key)) => key.limited_by(),
        (false, None) => None,
    };
    let ceiling = match owner {
        Some(owner) => keyed::ceiling(&mut db, org, owner, now).await?,
        None => keyed::Amounts::default(),
    };
    let groups = if is_own {
        Vec::new()
    } else {
        groups::list(&mut db, org.id).await?
    };
    let services = if kind.is_none() {
        service::list(&mut db, org.id).await?
    } else {
        Vec::new()
    };
    let had = match by.member() {
        Some(own) if is_own && !by.may(Permission::KeyManage) => Some(feature::lent(&mut db, org.id, own, now).await?),
        _ => None,
    };
    let parts = Parts {
        features: &feature::list(&mut db, org.id).await?,
        had_features: had.as_deref(),
        hosts: &roles::host::list(&mut db, org.id).await?,
        groups: &groups,
        services: &services,
        rules: rules::find(&mut db, org.id).await?,
        unit: settings::find(&mut db, org).await?.unit,
        ceiling,
        had: key.map(Key::scopes).unwrap_or_default(),
        kind,
    };
    let tab = if is_own { Tab::Members } else { Tab::Keys };
    let l = shell::org(app, ctx, by, title, tab).await?;
    Ok(Edit {
        heading: title.to_owned(),
        ..Edit::new(l, by, &parts, form, errors)
    })
}

/// The fault of a field, for the form; any other error is handed back.
fn fault(error: Error) -> Result<FieldErrors> {
    FieldErrors::take(error)
}
