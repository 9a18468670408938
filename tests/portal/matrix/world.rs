//! Two organizations of one enterprise, with one caller of each kind.

use std::time::Duration;

use muster::{
    access::{EnterpriseRole, Role, inside, permission},
    app::Settings,
    auth::{account, profile},
    bulk::{
        self, Kind as BulkKind,
        job::{Meant, Order},
    },
    clock::Timestamp,
    credits, groups,
    ids::{
        BatchId, FeatureId, GroupId, ImportId, InvitationId, JobId, KeyId, LimitRequestId, MailId, MemberId,
        NotificationId, PoolId, RoleId, ServiceId, SessionId, UserId, ViewId,
    },
    invitations::{self, Desk, Terms},
    keys,
    limits::{
        Choice, Enforcement, Value,
        amount::Amount,
        defaults::{self, Defaults},
        request,
    },
    mail::{address::Address, links},
    members::{
        assignment::{self, Assignment},
        member::{self, Change, NewMember, Source},
        picks::Selection,
    },
    notifications::{self, Kind, News},
    roles::{self, Draft},
    web::routes::{Route, Target},
};
use reqwest::{Method, RequestBuilder, header::HeaderMap, redirect::Policy};

use super::rules::{CUSTOM, Place, Standing, Thing};
use crate::support::{Org, Portal, raw, spawn_with, watch};

/// A browser whose cookies the test holds in its hands.
pub struct Caller {
    pub name: &'static str,
    pub standing: Standing,
    pub user: Option<UserId>,
    pub cookie: String,
    pub csrf: String,
    /// Another session of the same person.
    pub session: String,
    /// Something that the person was told.
    pub notification: String,
}

/// An organization and what belongs to it.
pub struct Site {
    pub org: Org,
    pub member: String,
    pub invitation: String,
    pub batch: String,
    pub role: String,
    pub job: String,
    pub view: String,
    pub group: GroupId,
    /// A member who stands in no group.
    pub keeper: String,
    /// A request for a higher limit, where one was made.
    pub request: String,
    /// An API key of the group.
    pub key: String,
    /// A feature of keys.
    pub feature: String,
    /// A service account.
    pub service: String,
    /// A credit pool.
    pub pool: String,
    pub link: String,
    pub reset: String,
    /// The account of the ordinary member.
    pub user: UserId,
    /// The key of the member's picture.
    pub picture: String,
    /// What only this organization's people may read.
    pub canaries: Vec<String>,
}

/// Everything.
pub struct World {
    pub portal: Portal,
    /// What the route table says, in its order.
    pub declared: Vec<Route>,
    pub http: reqwest::Client,
    pub https: bool,
    pub callers: Vec<Caller>,
    pub own: Site,
    pub foreign: Site,
    pub mail: String,
    /// An account with a role over the enterprise.
    pub account: String,
    pub asset: String,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Seen {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"))
    }
}

pub const KINDS: [(&str, Standing); 7] = [
    ("viewer", Standing::Role("viewer")),
    ("member", Standing::Role("member")),
    ("developer", Standing::Role("developer")),
    ("manager", Standing::Role("manager")),
    ("administrator", Standing::Role("administrator")),
    ("auditor", Standing::Enterprise("auditor")),
    ("billing", Standing::Enterprise("billing")),
];

pub fn enterprise_role(name: &str) -> Option<EnterpriseRole> {
    match name {
        "auditor" => Some(EnterpriseRole::Auditor),
        "billing" => Some(EnterpriseRole::BillingManager),
        "enterprise" => Some(EnterpriseRole::Administrator),
        _ => None,
    }
}

pub async fn build(change: impl FnOnce(&mut Settings)) -> World {
    let mut https = false;
    let portal = spawn_with(|settings| {
        settings.metrics_token = Some(muster::config::Hidden::new("whoever scrapes figures".to_owned()));
        change(settings);
        https = settings.is_https();
    })
    .await;
    let http = client();
    let mut own = site(&portal, "Acme Instruments", "acme").await;
    let mut foreign = site(&portal, "Zyzzyva Works", "zyzzyva").await;
    for site in [&mut own, &mut foreign] {
        site.request = ask_for_more(&portal, &site.org, site.user).await;
        site.canaries.push(site.request.clone());
    }
    let elsewhere = portal.org("Cedar").await;
    let mut people: Vec<(&'static str, Standing, Option<UserId>)> = Vec::new();

    let expired = join(&portal, &own.org, Role::Administrator, "expired@acme.example", None).await;
    let old = portal.session_of(expired.0).await;
    portal.clock.advance(Duration::from_secs(13 * 3_600));

    for (name, standing) in KINDS {
        let email = format!("{name}@acme.example");
        let user = match enterprise_role(name) {
            Some(role) => portal.enterprise_member(role, &email).await.user,
            None => {
                join(&portal, &own.org, Role::find(name).expect("a role"), &email, None)
                    .await
                    .0
            }
        };
        people.push((name, standing, Some(user)));
    }
    let boss = portal
        .enterprise_member(EnterpriseRole::Administrator, "enterprise@acme.example")
        .await
        .user;
    people.push(("enterprise", Standing::Enterprise("enterprise"), Some(boss)));
    let (user, member) = join(&portal, &own.org, Role::Viewer, "custom@acme.example", None).await;
    custom_role(&portal, &own.org, "Watch", &CUSTOM, Some(member)).await;
    people.push(("custom", Standing::Custom, Some(user)));
    let overseer = portal
        .enterprise_member(EnterpriseRole::Auditor, "overseer@acme.example")
        .await
        .user;
    let (lead, member) = join(&portal, &own.org, Role::Member, "lead@acme.example", None).await;
    make_lead(&portal, &own, member).await;
    people.push(("lead", Standing::Lead("member"), Some(lead)));

    let ends = portal.clock.now().plus(Duration::from_secs(1));
    for name in ["suspended", "disabled", "ended", "removed"] {
        let email = format!("{name}@acme.example");
        let (user, member) = join(
            &portal,
            &own.org,
            Role::Administrator,
            &email,
            (name == "ended").then_some(ends),
        )
        .await;
        end(&portal, &own.org, name, member).await;
        let standing = if name == "removed" {
            Standing::Elsewhere
        } else {
            Standing::Ended
        };
        people.push((name, standing, Some(user)));
    }
    let (invited, _) = join(&portal, &elsewhere, Role::Administrator, "invited@cedar.example", None).await;
    invite(&portal, &own.org, "invited@cedar.example").await;
    people.push(("invited", Standing::Elsewhere, Some(invited)));
    portal.clock.advance(Duration::from_secs(2));

    let mut callers = Vec::new();
    for (name, standing, user) in people {
        let user = user.expect("a person");
        let cookie = portal.session_of(user).await;
        let session = another_session(&portal, user).await;
        let csrf = token(&http, &portal, &cookie, "/organizations").await.0;
        callers.push(Caller {
            name,
            standing,
            user: Some(user),
            cookie,
            csrf,
            session,
            notification: notification(&portal, user).await,
        });
    }
    let visit = |cookie: &str| {
        let cookie = cookie.to_owned();
        let (http, portal) = (&http, &portal);
        async move {
            let (csrf, visit) = token(http, portal, &cookie, "/nowhere").await;
            let joint = if cookie.is_empty() {
                visit
            } else {
                format!("{cookie}; {visit}")
            };
            (csrf, joint)
        }
    };
    let bad = format!("{}=AAAA", portal.app.settings.session_cookie());
    for (name, cookie) in [
        ("anonymous", ""),
        ("bad cookie", bad.as_str()),
        ("expired session", old.as_str()),
    ] {
        let (csrf, cookie) = visit(cookie).await;
        let session = String::new();
        callers.push(Caller {
            name,
            standing: Standing::SignedOut,
            user: None,
            cookie,
            csrf,
            session,
            notification: String::new(),
        });
    }
    // Everybody has an upload of their own in both organizations, whether or not they get to see it.
    for site in [&own, &foreign] {
        for user in callers.iter().filter_map(|caller| caller.user).chain([site.user]) {
            import(&portal, &site.org, user, 2).await;
            personal_key(&portal, &site.org, user).await;
        }
    }
    let mail = some_mail(&portal, &own.org).await;
    let asset = muster::web::assets::url("app.css")
        .trim_start_matches("/static/")
        .to_owned();
    watch(&portal.app.db).await;
    World {
        declared: muster::app::routes(),
        portal,
        http,
        https,
        callers,
        own,
        foreign,
        mail,
        account: overseer.to_string(),
        asset,
    }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .expect("a client")
}

/// The form token of a browser, and the cookie that it got on the way.
pub async fn token(http: &reqwest::Client, portal: &Portal, cookie: &str, path: &str) -> (String, String) {
    let request = http.get(format!("{}{path}", portal.url)).header("cookie", cookie);
    let answer = request.send().await.expect("an answer");
    let visit = answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter_map(|value| value.to_str().ok()?.split("; ").next())
        .find(|pair| pair.contains("visit="))
        .unwrap_or_default()
        .to_owned();
    let body = answer.text().await.expect("a body");
    let start = r#""X-CSRF-Token":""#;
    let at = body.find(start).unwrap_or_else(|| panic!("no token on {path}: {body}")) + start.len();
    let csrf = body[at..].split('"').next().unwrap_or_default().to_owned();
    assert_eq!(csrf.len(), 43, "{path} has no token");
    (csrf, visit)
}

pub async fn join(portal: &Portal, org: &Org, role: Role, email: &str, ends: Option<Timestamp>) -> (UserId, MemberId) {
    let (user, address, name) = portal.account(email).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let new = NewMember {
        user,
        email: &address,
        name: &name,
        role,
        source: Source::SetUp,
        groups: &[],
        expires_at: ends,
    };
    let member = member::join(&mut tx, &portal.operator(), org.id, new, portal.clock.now())
        .await
        .expect("a membership");
    tx.commit().await.expect("a commit");
    (user, member)
}

/// Brings a member into the state of this name.
pub async fn end(portal: &Portal, org: &Org, state: &str, member: MemberId) {
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let by = portal.operator();
    match state {
        "suspended" => {
            let can = inside::<permission::MemberSuspend>(&mut tx, by, org.id)
                .await
                .expect("a proof");
            member::suspend(&mut tx, &can, member, None, "", now)
                .await
                .expect("suspended");
        }
        "disabled" => {
            let can = inside::<permission::MemberDisable>(&mut tx, by, org.id)
                .await
                .expect("a proof");
            member::disable(&mut tx, &can, member, "", now).await.expect("disabled");
        }
        "removed" => {
            let can = inside::<permission::MemberManage>(&mut tx, by, org.id)
                .await
                .expect("a proof");
            member::remove(&mut tx, &can, member, now).await.expect("removed");
        }
        _ => {}
    }
    tx.commit().await.expect("a commit");
}

pub async fn another_session(portal: &Portal, user: UserId) -> String {
    portal.session_of(user).await;
    let list = muster::access::session::list(&mut portal.app.db.read(), user, portal.clock.now())
        .await
        .expect("sessions");
    list.first().expect("a session").id.to_string()
}

/// An organization with a member, an invitation, a batch, a group, and names that occur nowhere else.
pub async fn site(portal: &Portal, name: &str, word: &str) -> Site {
    let org = portal.org(name).await;
    let email = format!("ordinary@{word}-people.example");
    let (user, member) = join(portal, &org, Role::Member, &email, None).await;
    let (_, keeper) = join(
        portal,
        &org,
        Role::Administrator,
        &format!("keeper@{word}-people.example"),
        None,
    )
    .await;
    let guest = format!("guest@{word}-guests.example");
    let (invitation, link) = invite(portal, &org, &guest).await;
    let batch = batch(portal, &org, word).await;
    let group = format!("{word} inner circle");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::GroupManage>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let now = portal.clock.now();
    let group_id = groups::create(&mut tx, &can, &group, groups::Kind::Team, now)
        .await
        .expect("a group");
    groups::add_members(&mut tx, &can, group_id, &[member], now)
        .await
        .expect("a member");
    let can = inside::<permission::OrgSettings>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    muster::orgs::leads::set_may_invite(&mut tx, &can, true, now)
        .await
        .expect("leads may invite");
    tx.commit().await.expect("a commit");
    let role_name = format!("{word} stewards");
    let role = custom_role(portal, &org, &role_name, &[muster::access::Permission::AuditRead], None).await;
    let job = job(portal, &org, "deactivate", &member.to_string(), false).await;
    let view = view(portal, &org, user, "member").await;
    let (key, feature, service) = key_things(portal, &org, group_id, word).await;
    let pool = pool(portal, &org, word).await;
    let canaries = vec![
        pool.clone(),
        format!("{word} fund"),
        key.clone(),
        feature.clone(),
        service.clone(),
        format!("{word} gateway"),
        role_name,
        role.clone(),
        org.name.clone(),
        org.slug.clone(),
        email,
        guest,
        group,
        format!("{word}-people"),
        format!("{word}-guests"),
        org.id.to_string(),
        member.to_string(),
        invitation.clone(),
        batch.clone(),
        group_id.to_string(),
    ];
    let reset = reset(portal, user).await;
    let picture = picture(portal, user).await;
    Site {
        org,
        member: member.to_string(),
        invitation,
        batch,
        role,
        job,
        view,
        group: group_id,
        keeper: keeper.to_string(),
        request: String::new(),
        key,
        feature,
        service,
        pool,
        link,
        reset,
        user,
        picture,
        canaries,
    }
}

/// A credit pool with a hundred credits; its id.
async fn pool(portal: &Portal, org: &Org, word: &str) -> String {
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::PoolManage>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let draft = credits::pool::Draft {
        name: format!("{word} fund"),
        credit_type: "Standard".to_owned(),
        currency: "USD",
        price: 20_000,
        mode: credits::Mode::Cap,
        is_limited: true,
        is_default: false,
        valid_until: None,
    };
    let id = credits::pool::create(&mut tx, &can, &draft, Amount::credits(100), portal.clock.now())
        .await
        .expect("a pool");
    tx.commit().await.expect("a commit");
    id.to_string()
}

/// A key of a group, a feature and a service account; their ids.
async fn key_things(portal: &Portal, org: &Org, group: GroupId, word: &str) -> (String, String, String) {
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::KeyManage>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let feature = keys::feature::Draft {
        key: "batch".to_owned(),
        title: format!("{word} batches"),
        kind: Some(keys::feature::Type::Switch),
        ..keys::feature::Draft::default()
    };
    let feature = keys::feature::create(&mut tx, &can, &feature, now)
        .await
        .expect("a feature");
    let draft = keys::service::Draft {
        name: format!("{word} service"),
        ..Default::default()
    };
    let service = keys::service::create(&mut tx, &can, &draft, now)
        .await
        .expect("a service account");
    let draft = keys::Draft {
        name: format!("{word} gateway"),
        scopes: vec!["api.read".to_owned()],
        ..keys::Draft::default()
    };
    let made = keys::key::create(&mut tx, &can, keys::Owner::Group(group), &draft, "", now)
        .await
        .expect("a key");
    tx.commit().await.expect("a commit");
    let keys::Made::New(key, _) = made else {
        panic!("made before")
    };
    (key.to_string(), feature.to_string(), service.to_string())
}

/// The number within an organization of a person's own key.
fn own_key(org: &Org, user: UserId) -> KeyId {
    KeyId::from_raw(org.id.row(700_000 + user.raw()))
}

/// A personal key of a member; its id.
pub async fn personal_key(portal: &Portal, org: &Org, user: UserId) -> String {
    let id = own_key(org, user);
    let (org, user) = (org.id.raw(), user.raw());
    let hash = if crate::support::is_postgres() {
        format!("cast('{id}' as bytea)")
    } else {
        format!("cast('{id}' as blob)")
    };
    raw(
        &portal.app.db,
        &format!(
            "insert into api_keys (id, org_id, kind, name, name_key, public_id, last_four, hash, member_id, scopes, created_by, creator_name, created_at, nonce)
             select {}, org_id, 1, 'Own', 'own', '{id}', 'abcd', {hash}, id, 'api.read', {user}, 'Robin', 1, '{id}' from members where org_id = {org} and user_id = {user} and status < 5",
            id.raw()
        ),
    )
    .await;
    id.to_string()
}

/// Makes a custom role and gives it to a member; its id.
pub async fn custom_role(
    portal: &Portal,
    org: &Org,
    name: &str,
    permits: &[muster::access::Permission],
    holder: Option<MemberId>,
) -> String {
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::RoleManage>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let draft = Draft {
        name: name.to_owned(),
        description: String::new(),
        permissions: permits.iter().copied().collect(),
    };
    let id = roles::role::create(&mut tx, &can, &draft, now).await.expect("a role");
    if let Some(member) = holder {
        let can = can.also::<permission::RoleAssign>().expect("the same proof");
        let to = Assignment {
            role: None,
            additional: Some(vec![id]),
        };
        assignment::assign(&mut tx, &can, Change::from(member), to, now)
            .await
            .expect("assigned");
    }
    tx.commit().await.expect("a commit");
    id.to_string()
}

/// Puts a member into the group of a site, as its lead.
pub async fn make_lead(portal: &Portal, site: &Site, member: MemberId) {
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::GroupManage>(&mut tx, portal.operator(), site.org.id)
        .await
        .expect("a proof");
    groups::add_members(&mut tx, &can, site.group, &[member], now)
        .await
        .expect("added");
    groups::belonging::make_lead(&mut tx, &can, site.group, member, now)
        .await
        .expect("a lead");
    tx.commit().await.expect("a commit");
}

/// Gives the organization default limits.
pub async fn limit_everybody(portal: &Portal, org: &Org) {
    let amount = |credits| Choice::Set(Value::Amount(Amount::credits(credits)));
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::LimitDefault>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let new = Defaults {
        month: amount(250),
        day: amount(25),
        enforcement: Enforcement::Hard,
    };
    defaults::set(&mut tx, &can, &new, 0, false, portal.clock.now())
        .await
        .expect("defaults");
    tx.commit().await.expect("a commit");
}

/// Lets a member ask for more where there are default limits; the request's id.
pub async fn ask_for_more(portal: &Portal, org: &Org, user: UserId) -> String {
    limit_everybody(portal, org).await;
    let client = portal.sign_in(user).await;
    let fields = [("window", "monthly"), ("amount", "500"), ("reason", "A large order")];
    client
        .post(&org.path("/limits/request"), &fields)
        .await
        .redirects_to(&org.path("/limits/request"));
    let open = request::list_open(&mut portal.app.db.read(), org.id, portal.clock.now())
        .await
        .expect("requests");
    open.first().expect("a request").id.to_string()
}

/// Invites an address; the invitation's id and the token of its link.
pub async fn invite(portal: &Portal, org: &Org, email: &str) -> (String, String) {
    let address = Address::parse(email).expect("an address");
    let terms = Terms {
        role: Role::Member,
        groups: Vec::new(),
        member_until: None,
    };
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::InviteCreate>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let made = invitations::invite(&mut tx, &can, &desk(portal), &address, &terms, portal.clock.now())
        .await
        .expect("an invitation");
    tx.commit().await.expect("a commit");
    let token = links::invitation_token(&portal.app.keys, made.id, made.generation);
    (made.id.to_string(), token.expose().to_owned())
}

fn desk(portal: &Portal) -> Desk<'_> {
    Desk {
        keys: &portal.app.keys,
        has_mail: true,
        most_pending: 10_000,
    }
}

async fn batch(portal: &Portal, org: &Org, word: &str) -> String {
    let terms = Terms {
        role: Role::Member,
        groups: Vec::new(),
        member_until: None,
    };
    let one = format!("first@{word}-guests.example");
    let text = format!("{one} second@{word}-guests.example no-address@");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::InviteCreate>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let now = portal.clock.now();
    let made = invitations::bulk::invite_many(&mut tx, &can, &desk(portal), &text, &[one], &terms, now)
        .await
        .expect("a batch");
    tx.commit().await.expect("a commit");
    made.id.to_string()
}

/// An act on one member that has been ordered, or has been done; its id.
pub async fn job(portal: &Portal, org: &Org, kind: &str, subject: &str, done: bool) -> String {
    let kind = BulkKind::find(kind).expect("a kind");
    let meant = match kind {
        BulkKind::Resend => Meant::Invitations(vec![subject.parse().expect("an id")]),
        _ => Meant::Members(Selection::Ids(vec![subject.parse().expect("an id")])),
    };
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let can = inside::<permission::MemberRead>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let all = groups::list(&mut tx, org.id).await.expect("groups");
    let terms = bulk::Terms {
        role: Some(Role::Developer),
        groups: all.iter().map(|group| group.id).collect(),
        limit: Some(muster::limits::Wish {
            month: Some(muster::limits::Choice::Set(muster::limits::Value::Unlimited)),
            day: None,
            enforcement: muster::limits::Enforcement::Hard,
            until: None,
            note: String::new(),
        }),
        ..bulk::Terms::default()
    };
    let pools = credits::pool::list(&mut tx, org.id).await.expect("pools");
    let terms = bulk::Terms {
        pool: pools.first().map(|pool| pool.id),
        ..terms
    };
    let now = portal.clock.now();
    let order = Order {
        kind,
        title: kind.title(&terms, &all),
        terms,
        meant,
        total: 1,
    };
    let mut job = bulk::job::order(&mut tx, &can, order, now).await.expect("an order");
    if done {
        job = bulk::work::finish(&mut tx, &portal.app, &can, job, now)
            .await
            .expect("work");
    }
    tx.commit().await.expect("a commit");
    job.id.to_string()
}

/// A saved view of a person; its id.
pub async fn view(portal: &Portal, org: &Org, user: UserId, name: &str) -> String {
    let id = org.id.row(900_000 + user.raw());
    let (org, user) = (org.id.raw(), user.raw());
    raw(
        &portal.app.db,
        &format!("insert into saved_views (id, org_id, user_id, name, name_key, query, created_at) values ({id}, {org}, {user}, '{name}', '{name}', 'role=viewer', 1)"),
    )
    .await;
    ViewId::from_raw(id).to_string()
}

/// An import of the person in the organization, as far as `state`; its id.
pub async fn import(portal: &Portal, org: &Org, user: UserId, state: i64) -> String {
    let id = org.id.row(800_000 + user.raw());
    let (org, user, now) = (org.id.raw(), user.raw(), portal.clock.now().micros());
    let db = &portal.app.db;
    let plan = r#"{"head":true,"columns":["email"],"way":"invite"}"#;
    let (counts, head, cell) = (r#"{"1":1}"#, r#"["email"]"#, format!(r#"["new-{id}@guests.example"]"#));
    for text in [
        format!("delete from import_rows where import_id = {id}"),
        format!("delete from import_verdicts where import_id = {id}"),
        format!("delete from imports where id = {id}"),
        format!(
            "insert into imports (id, org_id, user_id, actor_name, ip, agent, request_id, state, name, width, total, plan, counts, round, created_at)
             values ({id}, {org}, {user}, 'Robin', '', '', '', {state}, 'people.csv', 1, 2, '{plan}', '{counts}', 1, {now})"
        ),
        format!("insert into import_rows (import_id, n, org_id, line, cells) values ({id}, 1, {org}, 1, '{head}'), ({id}, 2, {org}, 2, '{cell}')"),
        format!(
            "insert into import_verdicts (import_id, round, n, org_id, line, email, email_key, verdict, note)
             values ({id}, 1, 2, {org}, 2, 'new-{id}@guests.example', 'new-{id}@guests.example', 1, '')"
        ),
    ] {
        raw(db, &text).await;
    }
    ImportId::from_raw(id).to_string()
}

/// The token of a reset of the person's password.
pub async fn reset(portal: &Portal, user: UserId) -> String {
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let id = muster::auth::reset::issue(&mut tx, &portal.app.keys, user, Duration::from_secs(1_800), now)
        .await
        .expect("a reset");
    tx.commit().await.expect("a commit");
    links::reset_token(&portal.app.keys, id, now).expose().to_owned()
}

/// Gives the person a picture; its key.
pub async fn picture(portal: &Portal, user: UserId) -> String {
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let account = account::find(&mut tx, user).await.expect("a look").expect("an account");
    let made = profile::prepare(crate::support::png(300, 200))
        .await
        .expect("a picture");
    profile::set_picture(&mut tx, &portal.operator(), &account, made, portal.clock.now())
        .await
        .expect("a picture");
    let key = profile::find(&mut tx, user).await.expect("a profile").picture;
    tx.commit().await.expect("a commit");
    key
}

/// Tells the person something; its id.
pub async fn notification(portal: &Portal, user: UserId) -> String {
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let news = News {
        to: user,
        org: None,
        subject: "Your role is another one.".to_owned(),
        link: "/me".to_owned(),
        mail: None,
    };
    notifications::notify(&mut tx, Kind::RoleChanged, news, portal.clock.now())
        .await
        .expect("a notification");
    let list = notifications::list(&mut tx, user, None, true, 1).await.expect("a list");
    tx.commit().await.expect("a commit");
    list.first().expect("a notification").id.to_string()
}

/// The id of a mail of the organization.
pub async fn some_mail(portal: &Portal, org: &Org) -> String {
    let rows = muster::mail::outbox::list(&mut portal.app.db.read(), None, None, 10_000)
        .await
        .expect("the outbox");
    let found = rows
        .iter()
        .find(|row| row.org_id == org.id.raw())
        .expect("a mail of the organization");
    found.id.to_string()
}

/// Writes the path of a cell.
pub fn path(world: &World, caller: &Caller, pattern: &str, target: Target, place: Place, thing: Thing) -> String {
    let (site, other) = match place {
        Place::Own | Place::Missing => (&world.own, &world.foreign),
        Place::Foreign => (&world.foreign, &world.own),
    };
    let slug = match place {
        Place::Missing => "zyzzyvb-works", // as long as the foreign one's
        _ => &site.org.slug,
    };
    let raw = site.org.id.raw() << 32 | 0xF_423F;
    let pick = |fitting: &str, foreign: &str, missing: String| match thing {
        Thing::Fitting => fitting.to_owned(),
        Thing::Foreign => foreign.to_owned(),
        Thing::Malformed => missing
            .chars()
            .take(4)
            .chain("u".repeat(missing.len() - 4).chars())
            .collect(),
        Thing::Missing => missing,
    };
    let stranger = |caller: &Caller| {
        world
            .callers
            .iter()
            .find(|other| other.user.is_some() && other.user != caller.user)
    };
    let group = || {
        pick(
            &site.group.to_string(),
            &other.group.to_string(),
            GroupId::from_raw(raw).to_string(),
        )
    };
    let (name, value) = match target {
        Target::None => ("", String::new()),
        Target::Group => ("{group}", group()),
        Target::Member | Target::GroupMember => (
            "{member}",
            pick(&site.member, &other.member, MemberId::from_raw(raw).to_string()),
        ),
        Target::Invitation => (
            "{invitation}",
            pick(
                &site.invitation,
                &other.invitation,
                InvitationId::from_raw(raw).to_string(),
            ),
        ),
        Target::Batch => (
            "{batch}",
            pick(&site.batch, &other.batch, BatchId::from_raw(raw).to_string()),
        ),
        Target::Role => (
            "{role}",
            pick(&site.role, &other.role, RoleId::from_raw(raw).to_string()),
        ),
        Target::Account => (
            "{account}",
            pick(&world.account, "", UserId::from_raw(999_999).to_string()),
        ),
        Target::LimitRequest => (
            "{request}",
            pick(&site.request, &other.request, LimitRequestId::from_raw(raw).to_string()),
        ),
        Target::Job => ("{job}", pick(&site.job, &other.job, JobId::from_raw(raw).to_string())),
        Target::Key => ("{key}", pick(&site.key, &other.key, KeyId::from_raw(raw).to_string())),
        Target::OwnKey => {
            let own = own_key(&site.org, caller.user.unwrap_or(site.user)).to_string();
            // Not that of another organization alone: a colleague's key is nobody else's either.
            let foreign = own_key(&site.org, site.user).to_string();
            ("{key}", pick(&own, &foreign, KeyId::from_raw(raw).to_string()))
        }
        Target::Feature => (
            "{feature}",
            pick(&site.feature, &other.feature, FeatureId::from_raw(raw).to_string()),
        ),
        Target::Service => (
            "{service}",
            pick(&site.service, &other.service, ServiceId::from_raw(raw).to_string()),
        ),
        Target::Pool => (
            "{pool}",
            pick(&site.pool, &other.pool, PoolId::from_raw(raw).to_string()),
        ),
        Target::Import => {
            let own = caller
                .user
                .map(|user| ImportId::from_raw(site.org.id.row(800_000 + user.raw())).to_string());
            let foreign = other.org.id.row(800_000 + other.user.raw());
            (
                "{import}",
                pick(
                    own.as_ref().unwrap_or(&ImportId::from_raw(raw).to_string()),
                    &ImportId::from_raw(foreign).to_string(),
                    ImportId::from_raw(raw).to_string(),
                ),
            )
        }
        Target::View => {
            let own = caller
                .user
                .map(|user| ViewId::from_raw(site.org.id.row(900_000 + user.raw())).to_string());
            (
                "{view}",
                pick(
                    own.as_ref().unwrap_or(&site.view),
                    &other.view,
                    ViewId::from_raw(raw).to_string(),
                ),
            )
        }
        Target::Session => {
            let foreign = &stranger(caller).expect("another caller").session;
            (
                "{session}",
                pick(&caller.session, foreign, SessionId::from_raw(999_999).to_string()),
            )
        }
        Target::Picture => ("{picture}", pick(&site.picture, &other.picture, "0".repeat(32))),
        Target::Notification => {
            let foreign = &stranger(caller).expect("another caller").notification;
            (
                "{notification}",
                pick(
                    &caller.notification,
                    foreign,
                    NotificationId::from_raw(999_999).to_string(),
                ),
            )
        }
        Target::Mail => ("{mail}", pick(&world.mail, "", MailId::from_raw(999_999).to_string())),
        Target::Organization => ("{organization}", pick(&site.org.slug, "", "zyzzyvb-works".to_owned())),
        Target::Token if pattern.starts_with("/reset/") => {
            ("{token}", pick(&site.reset, "", format!("mst_rst_{}", "A".repeat(43))))
        }
        Target::Token => ("{token}", pick(&site.link, "", format!("mst_inv_{}", "A".repeat(43)))),
    };
    let mut path = pattern.replace("{org}", slug).replace("{file:.*}", &world.asset);
    // Of machines' addresses; `machines` asks them with keys.
    path = path
        .replace("{reservation}", "rsv_0000000000000")
        .replace("{permission}", "api.call")
        .replace("{tenant}", "acme")
        .replace("{path:.*}", "v1/chat");
    if pattern.starts_with("/api/") {
        path = path.replace("{member}", "mem_0000000000000");
    }
    if target == Target::GroupMember {
        path = path.replace("{group}", &group());
    }
    if !name.is_empty() {
        path = path.replace(name, &value);
    }
    assert!(!path.contains('{'), "{pattern}: the matrix cannot fill {path}");
    path
}

impl World {
    pub fn request(&self, caller: &Caller, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.portal.url));
        if caller.cookie.is_empty() {
            request
        } else {
            request.header("cookie", &caller.cookie)
        }
    }
    pub fn caller(&self, name: &str) -> &Caller {
        self.callers
            .iter()
            .find(|caller| caller.name == name)
            .expect("a caller")
    }
}

pub async fn send(request: RequestBuilder) -> Seen {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = answer.bytes().await.expect("a body");
    Seen {
        status,
        headers,
        body: String::from_utf8_lossy(&bytes).into_owned(),
    }
}
