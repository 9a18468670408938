//! [`Can`]: extractor and proof in one. It is built only here, so a handler that forgot the check does not compile.

use std::{future::Future, marker::PhantomData, pin::Pin};

use actix_session::SessionExt as _;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, web::Data};

use super::{
    EnterpriseRole, Permission, Permissions, Right, Role,
    decision::{self, Refusal, Standing, Stop},
    lattice::Power,
    session, store,
};
use crate::{
    app::App,
    audit::{self, Action, Actor, ActorKind, Entry, Object},
    clock::{Timestamp, Zone},
    error::{Error, Result},
    ids::{MemberId, OrgId, SessionId, UserId},
    record,
    web::{
        list,
        locale::Locale,
        request::{Matched, Trace},
    },
};

/// Whoever is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The role over the enterprise.
    pub enterprise_role: Option<EnterpriseRole>,
    /// The session at hand.
    pub session: SessionId,
    /// The theme: 0 system, 1 light, 2 dark.
    pub theme: i64,
    /// Whether the address was proved by mail; false while another person vouches for it.
    pub email_proved: bool,
    /// How pages look to this person, and this person on pages.
    pub display: Display,
}

/// What a person chose for pages.
#[derive(Debug, Clone, Default)]
pub struct Display {
    /// The own zone; none for the organization's.
    pub zone: Option<Zone>,
    /// The formats of dates and numbers.
    pub locale: Locale,
    /// Whether more is to fit on a screen.
    pub compact: bool,
    /// The key of the own picture, empty for none.
    pub picture: String,
}

impl Person {
    /// Reads who calls from what the session middleware loaded; `None` when nobody is signed in.
    pub fn of(req: &HttpRequest) -> Option<Self> {
        type Loaded = (
            i64,
            i64,
            String,
            String,
            Option<i64>,
            i64,
            i64,
            (String, String, bool, String),
        );
        let session = req.get_session();
        let entries = session.entries();
        let (session, id, name, email, enterprise_role, theme, proof, (zone, locale, compact, picture)): Loaded =
            serde_json::from_str(entries.get(session::CALLER)?).ok()?;
        let enterprise_role = match enterprise_role {
            Some(70) => Some(EnterpriseRole::Auditor),
            Some(80) => Some(EnterpriseRole::BillingManager),
            Some(100) => Some(EnterpriseRole::Administrator),
            _ => None,
        };
        Some(Self {
            id: UserId::from_raw(id),
            name,
            email,
            enterprise_role,
            session: SessionId::from_raw(session),
            theme,
            email_proved: proof == 2,
            display: Display {
                zone: Zone::find(&zone),
                locale: Locale::find(&locale).unwrap_or_default(),
                compact,
                picture,
            },
        })
    }
}

record! {
    /// An organization with the caller's membership, as one query gives it.
    pub struct OrgRow {
        /// The organization.
        pub id: OrgId,
        /// Its place in addresses.
        pub slug: String,
        /// Its name.
        pub name: String,
        /// 1 active, 2 archived.
        pub state: i64,
        /// Its zone.
        pub zone: String,
        /// Whom to ask.
        pub support_contact: String,
        /// How long invitations live.
        pub invite_days: Option<i64>,
        /// The role for new members.
        pub default_role: Role,
        /// Whether managers may invite.
        pub managers_invite: bool,
        /// Whether inviters see links.
        pub links_visible: bool,
        /// The caller's membership.
        pub member_id: Option<MemberId>,
        /// Its role.
        pub role: Option<Role>,
        /// Its status.
        pub status: Option<i64>,
        /// Its end.
        pub expires_at: Option<Timestamp>,
        /// The keys of what its additional roles permit, one space between.
        pub additional: Option<String>,
    }
}

/// The organization of a request.
#[derive(Debug, Clone)]
pub struct OrgRef {
    /// Its id.
    pub id: OrgId,
    /// Its place in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Whether it is read-only.
    pub archived: bool,
    /// Its zone.
    pub zone: Zone,
    /// Whom to ask.
    pub support_contact: String,
    /// How many days invitations live; none means for ever.
    pub invite_days: Option<i64>,
    /// The role for new members.
    pub default_role: Role,
    /// Whether managers may invite.
    pub managers_invite: bool,
    /// Whether inviters see links.
    pub links_visible: bool,
}

impl OrgRef {
    /// A path within the organization: `/o/{slug}` and what follows.
    pub fn path(&self, rest: &str) -> String {
        format!("/o/{}{rest}", self.slug)
    }
    /// What a built-in role permits here.
    pub fn permissions_of(&self, role: Role) -> Permissions {
        decision::permissions_of(role, !self.managers_invite)
    }
}

impl From<&OrgRow> for OrgRef {
    fn from(row: &OrgRow) -> Self {
        Self {
            id: row.id,
            slug: row.slug.clone(),
            name: row.name.clone(),
            archived: row.state != 1,
            zone: Zone::find_or_utc(&row.zone),
            support_contact: row.support_contact.clone(),
            invite_days: row.invite_days,
            default_role: row.default_role,
            managers_invite: row.managers_invite,
            links_visible: row.links_visible,
        }
    }
}

/// The member as whom a request was let in, for whoever notes that the member was here.
#[derive(Debug, Clone, Copy)]
pub struct Acting(pub MemberId);

/// The proof that whoever acts has the right `P` in one organization.
pub struct Can<P> {
    actor: Actor,
    person: Option<Person>,
    org: OrgRef,
    member: Option<MemberId>,
    standing: Standing,
    right: PhantomData<fn() -> P>,
}

impl<P> Can<P> {
    /// Who acts, for the record.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }
    /// The signed-in person; none for the operator and for Muster's own jobs.
    pub const fn person(&self) -> Option<&Person> {
        self.person.as_ref()
    }
    /// The person's id, or an id that no person has.
    pub fn user_id(&self) -> UserId {
        self.person.as_ref().map_or(UserId::from_raw(0), |person| person.id)
    }
    /// The organization.
    pub const fn org(&self) -> &OrgRef {
        &self.org
    }
    /// The zone in which the caller reads times: the own one, else the organization's.
    pub fn zone(&self) -> &Zone {
        let own = self.person.as_ref().and_then(|person| person.display.zone.as_ref());
        own.unwrap_or(&self.org.zone)
    }
    /// The caller's own membership; none for enterprise access and the operator.
    pub const fn member(&self) -> Option<MemberId> {
        self.member
    }
    /// The caller's role in the organization, if a member.
    pub fn role(&self) -> Option<Role> {
        self.standing.acting_role()
    }
    /// The caller's rank here: the higher of both roles; the operator stands above all.
    pub fn rank(&self) -> i64 {
        if self.person.is_none() {
            return i64::MAX;
        }
        self.role()
            .map_or(0, Role::rank)
            .max(self.standing.enterprise_role.map_or(0, EnterpriseRole::rank))
    }
    /// Whether the caller has another permission too, for what a page offers.
    pub fn may(&self, permission: Permission) -> bool {
        (permission.reads() || !self.org.archived) && decision::decide(&self.standing, permission).is_ok()
    }
    /// Everything that the caller may do here, by all roles together.
    pub fn permissions(&self) -> Permissions {
        self.standing.permissions()
    }
    /// What decisions about the caller are made by.
    pub(super) const fn standing(&self) -> &Standing {
        &self.standing
    }
    /// How far the caller reaches, for what changes others.
    pub fn power(&self) -> Power {
        Power {
            rank: self.rank(),
            permissions: self.permissions(),
        }
    }
    /// A path within the organization.
    pub fn path(&self, rest: &str) -> String {
        self.org.path(rest)
    }
    /// The same caller as proof of another right, if they have it.
    pub fn also<Q: Right>(&self) -> Result<Can<Q>> {
        if !self.may(Q::PERMISSION) {
            return Err(refusal(Q::PERMISSION, &self.org));
        }
        Ok(self.cast())
    }
    /// Whether a role gives the caller a permission, whatever the state of the organization.
    pub(super) fn holds(&self, permission: Permission) -> bool {
        self.standing.grants(permission).next().is_some()
    }
    /// The same caller as proof of another right, without a question: for this room alone, which has asked another one.
    pub(super) fn cast<Q>(&self) -> Can<Q> {
        Can {
            actor: self.actor.clone(),
            person: self.person.clone(),
            org: self.org.clone(),
            member: self.member,
            standing: self.standing.clone(),
            right: PhantomData,
        }
    }
}

pub(super) fn refusal(permission: Permission, org: &OrgRef) -> Error {
    if org.archived && !permission.reads() {
        return Error::conflict(format!(
            "{} is archived and read-only. An Enterprise Administrator can restore it.",
            org.name
        ));
    }
    Error::forbidden(format!(
        "Your role in {} does not allow you to {}. Ask an administrator of the organization.",
        org.name,
        permission.deed()
    ))
}

/// The operator's or a job's proof for one organization; only the command line and the worker hold such an actor.
pub async fn inside<P: Right>(db: &mut impl crate::db::Read, actor: Actor, org: OrgId) -> Result<Can<P>> {
    if !matches!(actor.kind, ActorKind::Operator | ActorKind::System) {
        return Err(Error::Internal("a client was given the operator's rights".to_owned()));
    }
    let row = store::find_org_by_id(db, org, UserId::from_raw(0))
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Can {
        actor,
        person: None,
        org: OrgRef::from(&row),
        member: None,
        standing: Standing {
            is_operator: true,
            ..Standing::default()
        },
        right: PhantomData,
    })
}

/// A person's proof for one organization outside a request, by the rules of a request: the demo's history is made of such acts.
pub async fn acting<P: Right>(
    db: &mut impl crate::db::Read,
    actor: Actor,
    person: Person,
    org: OrgId,
    now: Timestamp,
) -> Result<Can<P>> {
    let row = store::find_org_by_id(db, org, person.id)
        .await?
        .ok_or(Error::NotFound)?;
    let can = Can {
        actor,
        org: OrgRef::from(&row),
        member: row.member_id,
        standing: store::standing(&row, person.enterprise_role, now),
        person: Some(person),
        right: PhantomData,
    };
    if can.may(P::PERMISSION) {
        Ok(can)
    } else {
        Err(refusal(P::PERMISSION, &can.org))
    }
}

/// The present proof of whoever ordered work that goes on without them: asked again for each part of it, so that nobody's order
/// outlives their rights. User 0 is the operator.
pub(crate) async fn resumed<P: Right>(
    db: &mut impl crate::db::Read,
    actor: Actor,
    user: UserId,
    org: OrgId,
    now: Timestamp,
) -> Result<Can<P>> {
    if user.raw() == 0 {
        return inside(db, actor, org).await;
    }
    let Some(row) = store::find_person(db, user).await? else {
        return Err(Error::forbidden(
            "The account of whoever ordered this is closed.".to_owned(),
        ));
    };
    let person = Person {
        id: row.user_id,
        name: row.name,
        email: row.email,
        enterprise_role: row.enterprise_role,
        session: row.session_id,
        theme: row.theme,
        email_proved: row.email_proof == 2,
        display: Display::default(), // nobody looks
    };
    acting(db, actor, person, org, now).await
}

/// The operator's proof over the enterprise, as [`EnterpriseCan::operator`].
pub const fn operator<P: Right>(actor: Actor) -> EnterpriseCan<P> {
    EnterpriseCan::operator(actor)
}

/// The organization of a number, for work that is no request of a person.
pub(crate) async fn org(db: &mut impl crate::db::Read, org: OrgId) -> Result<OrgRef> {
    let row = store::find_org_by_id(db, org, UserId::from_raw(0)).await?;
    Ok(OrgRef::from(&row.ok_or(Error::NotFound)?))
}

/// The membership of somebody by the organization's place in addresses, with its role; none for whoever has none there.
pub async fn membership(
    db: &mut impl crate::db::Read,
    slug: &str,
    user: UserId,
) -> Result<Option<(OrgRef, MemberId, Option<Role>)>> {
    let row = store::find_org(db, slug, user).await?;
    Ok(row.and_then(|row| row.member_id.map(|member| (OrgRef::from(&row), member, row.role))))
}

/// What a request of this person would be decided by, read with the statement of a request.
pub(crate) async fn standing_of(
    db: &mut impl crate::db::Read,
    org: OrgId,
    user: UserId,
    enterprise_role: Option<EnterpriseRole>,
    now: Timestamp,
) -> Result<Standing> {
    let row = store::find_org_by_id(db, org, user).await?.ok_or(Error::NotFound)?;
    Ok(store::standing(&row, enterprise_role, now))
}

/// Whoever is signed in, for pages about oneself.
pub struct SignedIn {
    /// The person.
    pub person: Person,
    /// The person as an actor, for the record.
    pub actor: Actor,
}

/// The proof that whoever acts has the right `P` over the enterprise.
pub struct EnterpriseCan<P> {
    actor: Actor,
    person: Option<Person>,
    right: PhantomData<fn() -> P>,
}

impl<P> EnterpriseCan<P> {
    /// Who acts, for the record.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }
    /// The signed-in person; none for the operator.
    pub const fn person(&self) -> Option<&Person> {
        self.person.as_ref()
    }
    /// Whether the caller has another permission too.
    pub fn may(&self, permission: Permission) -> bool {
        self.person
            .as_ref()
            .is_none_or(|person| person.enterprise_role.is_some_and(|role| role.may(permission)))
    }
}

impl<P: Right> EnterpriseCan<P> {
    /// The operator's proof; only the command line and first-run set-up hold one.
    pub const fn operator(actor: Actor) -> Self {
        Self {
            actor,
            person: None,
            right: PhantomData,
        }
    }
}

pub(super) type Extraction<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

pub(super) fn app_of(req: &HttpRequest) -> Result<Data<App>> {
    req.app_data::<Data<App>>()
        .cloned()
        .ok_or_else(|| Error::Internal("no App".to_owned()))
}

/// Who acts in a request, signed in or not.
pub fn actor_of(req: &HttpRequest, app: &App) -> Actor {
    let person = Person::of(req);
    let trace = Trace::of(req);
    Actor::client(
        &app.keys,
        person.as_ref().map(|person| (person.id, person.name.as_str())),
        &trace.ip(),
        &trace.agent,
        trace.request_id.as_str(),
    )
}

impl FromRequest for SignedIn {
    type Error = Error;
    type Future = Extraction<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = Person::of(req).ok_or(Error::SignedOut).and_then(|person| {
            Ok(Self {
                person,
                actor: actor_of(req, &*app_of(req)?),
            })
        });
        Box::pin(async move { found })
    }
}

impl<P: Right> FromRequest for Can<P> {
    type Error = Error;
    type Future = Extraction<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let app = app_of(&req)?;
            let person = Person::of(&req).ok_or(Error::SignedOut)?;
            let slug = req.match_info().get("org").unwrap_or_default().to_owned();
            let actor = actor_of(&req, &app);
            let row = store::find_org(&mut app.db.read(), &slug, person.id).await?;
            let now = app.clock.now();
            let Some(row) = row else {
                deny(&app, &actor, None, &req, STRANGER, now).await;
                return Err(Error::NotFound);
            };
            let can = Self {
                actor,
                org: OrgRef::from(&row),
                member: row.member_id,
                standing: store::standing(&row, person.enterprise_role, now),
                person: Some(person),
                right: PhantomData,
            };
            if let Err(refusal) = decision::decide(&can.standing, P::PERMISSION) {
                return Err(refuse(&app, &can, refusal, &req, now).await);
            }
            req.extensions_mut().insert(can.org.clone());
            if let Some(member) = can.member {
                req.extensions_mut().insert(Acting(member));
            }
            Ok(can)
        })
    }
}

impl<P: Right> FromRequest for EnterpriseCan<P> {
    type Error = Error;
    type Future = Extraction<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let app = app_of(&req)?;
            let person = Person::of(&req).ok_or(Error::SignedOut)?;
            let actor = actor_of(&req, &app);
            let can = Self {
                actor,
                person: Some(person),
                right: PhantomData,
            };
            if !can.may(P::PERMISSION) {
                deny(&app, &can.actor, None, &req, P::PERMISSION.deed(), app.clock.now()).await;
                return Err(Error::forbidden(format!(
                    "Your account does not allow you to {}. Ask an Enterprise Administrator.",
                    P::PERMISSION.deed()
                )));
            }
            Ok(can)
        })
    }
}

/// Why somebody who has nothing to do with an organization was refused, for the record.
const STRANGER: &str = "no such organization for this person";

/// Records a refusal, leaves the way to its explanation for whoever may read it, and puts it into words.
async fn refuse<P: Right>(app: &App, can: &Can<P>, why: Refusal, req: &HttpRequest, now: Timestamp) -> Error {
    let (org, actor) = (&can.org, &can.actor);
    match why {
        Refusal::Stranger => {
            deny(app, actor, None, req, STRANGER, now).await;
            Error::NotFound
        }
        Refusal::Stopped(stop) => {
            deny(app, actor, Some(org.id), req, "membership is not active", now).await;
            Error::forbidden(ended_access(stop, org))
        }
        Refusal::Account | Refusal::Archived | Refusal::ManagersMayNotInvite | Refusal::Missing => {
            deny(app, actor, Some(org.id), req, P::PERMISSION.deed(), now).await;
            explain(can, P::PERMISSION, req);
            refusal(P::PERMISSION, org)
        }
    }
}

/// Leaves the way to the explanation of a refusal, for whoever may read it.
pub(super) fn explain<P>(can: &Can<P>, permission: Permission, req: &HttpRequest) {
    let about = match (can.member, &can.person) {
        (Some(member), _) => ("member", member.to_string()),
        (None, Some(person)) => ("q", person.email.clone()),
        (None, None) => ("q", String::new()),
    };
    if can.may(Permission::RoleRead) {
        let pairs = [(about.0, about.1.as_str()), ("permission", permission.key())];
        let href = list::href(&can.org.path("/access"), &pairs);
        req.extensions_mut().insert(Explanation(href));
    }
}

/// Where a refusal is explained, for whoever may see it.
#[derive(Debug, Clone)]
pub struct Explanation(pub String);

/// What a person reads whose membership does not act any more (MODEL section 2.6, step 4).
fn ended_access(stop: Stop, org: &OrgRef) -> String {
    let what = match stop {
        Stop::Disabled => "is disabled",
        Stop::Deactivated => "is deactivated",
        Stop::Ended => "has expired",
        Stop::Left => "is not active",
    };
    format!(
        "Your access to {} {what}. To get it back, contact {}.",
        org.name, org.support_contact
    )
}

/// Records a refusal; a failure to record does not turn the refusal into a success.
pub(super) async fn deny(app: &App, actor: &Actor, org: Option<OrgId>, req: &HttpRequest, why: &str, now: Timestamp) {
    let route = format!("{} {}", req.method(), Matched::of(req).pattern.unwrap_or_default());
    let detail = serde_json::json!({ "missing": why, "route": route });
    let entry = Entry::denied(Action::AccessDenied, Object::new("route", 0, route), detail);
    let written = async {
        let mut tx = app.db.write().await?;
        audit::record(&mut tx, actor, org, entry, now).await?;
        tx.commit().await
    };
    if let Err(error) = written.await {
        tracing::warn!(%error, "a refusal was not recorded");
    }
}
