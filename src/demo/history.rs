//! The small demonstration: 33 people in 13 organizations, told as the history of a year, act by act in the order of time.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    ENTERPRISE, KESTREL, PASSWORD, SUPPORT, SignIn,
    api_keys::{self, Of, OneKey},
    spending::{self, Spender},
};
use crate::{
    access::{
        self, Can, EnterpriseRole, GroupCan, Permissions, Person, Right, Role,
        permission::{
            BillingManage, GroupManage, InviteCreate, KeyManage, KeyOwn, LimitDefault, LimitRequest, LimitSet,
            MemberDisable, MemberManage, MemberRead, MemberSuspend, OrgSettings, PoolManage, RoleManage,
        },
    },
    audit::Actor,
    auth::{
        account::{self, NewAccount, Proof},
        profile,
    },
    clock::{Timestamp, hours, minutes},
    credits::{self, Mode, pool},
    db::{Db, Tx},
    error::{Error, Result},
    groups::{self, Kind, group::NewGroup},
    ids::{FeatureId, GroupId, KeyId, MemberId, OrgId, ServiceId, SessionId, UserId},
    invitations::{
        self, Delivery, Desk, Invitation, Terms,
        acceptance::{self, Pass},
    },
    keys::{self, Draft as KeyDraft, Made, Owner},
    limits::{
        self, Choice, Enforcement, Settings, Value, Window, Wish,
        amount::Amount,
        defaults::{self, Defaults, GroupWish},
        request,
    },
    mail::{Mail, address::Address, outbox, transport::Outcome},
    members::{
        assignment::{self, Assignment},
        member::{self, Change, NewMember, Source},
        saved::{self, NewView},
    },
    metering::past,
    orgs::{
        self, NewOrg,
        subscription::{self, Subscription},
        training::{self, Resource},
    },
    roles::{self, Draft, host},
    secret::Keys,
};

/// Minutes of an hour and of a day: everything here is told in minutes before now.
const HOUR: u64 = 60;
pub(super) const DAY: u64 = 24 * HOUR;
/// What the invented people browse with.
const BROWSER: &str = "Mozilla/5.0 (Muster demonstration)";

/// An organization: name, zone, days since it was founded, groups.
struct Org {
    name: &'static str,
    zone: &'static str,
    founded: u64,
    groups: &'static [(&'static str, Kind)],
}

/// How a membership stands.
enum State {
    /// Has a private context.
    Active,
    /// Has none yet.
    Inactive,
    /// Was deactivated so many days ago, for a reason.
    Deactivated(u64, &'static str),
    /// Was disabled so many days ago, for a reason.
    Disabled(u64, &'static str),
}

/// A membership. The first one of a person is in the primary organization.
struct Belonging {
    name: &'static str,
    email: &'static str,
    org: &'static str,
    role: Role,
    groups: &'static [&'static str],
    /// Days since the person joined.
    joined: u64,
    /// Minutes since the person was last here; none for never.
    seen: Option<u64>,
    state: State,
}

const fn org(name: &'static str, zone: &'static str, founded: u64, groups: &'static [(&'static str, Kind)]) -> Org {
    Org {
        name,
        zone,
        founded,
        groups,
    }
}

const MARKETING: &str = "Marketing Org";
const SALES: &str = "Sales Org";
const LABS: &str = "Kestrel Labs";
const FOUNDATION: &str = "Open Actuator Foundation";
const LOGISTICS: &str = "Halden Logistics";
const ORBITAL: &str = "Orbital Analytics";
const FJORD: &str = "Fjord Health";
const BAOBAB: &str = "Baobab Energy";
const SAKURA: &str = "Sakura Mobility";
const COBALT: &str = "Cobalt Learning";
const LUMEN: &str = "Lumen Studios";
const ATLAS: &str = "Atlas Field Services";

const ORGS: [Org; 13] = [
    org(
        KESTREL,
        "Europe/Berlin",
        400,
        &[
            ("Engineering", Kind::Department),
            ("Research", Kind::Department),
            ("Field Ops", Kind::Department),
            ("Customer Success", Kind::Team),
            ("Perception", Kind::Project),
            ("Leadership", Kind::Group),
        ],
    ),
    org(LABS, "Europe/Oslo", 399, &[("Prototypes", Kind::Project)]),
    org(
        LOGISTICS,
        "Europe/Oslo",
        390,
        &[("Dispatch", Kind::Team), ("Finance", Kind::Department)],
    ),
    org(
        MARKETING,
        "America/New_York",
        330,
        &[("Campaigns", Kind::Project), ("Brand", Kind::Team)],
    ),
    org(SALES, "America/New_York", 320, &[("Enterprise Accounts", Kind::Team)]),
    org(FOUNDATION, "Europe/Amsterdam", 280, &[("Maintainers", Kind::Group)]),
    org(ORBITAL, "Asia/Tokyo", 240, &[("Data Platform", Kind::Team)]),
    org(FJORD, "Europe/Oslo", 200, &[]),
    org(BAOBAB, "Africa/Accra", 170, &[("Grid", Kind::Department)]),
    org(SAKURA, "Asia/Tokyo", 140, &[]),
    org(COBALT, "Europe/Istanbul", 100, &[]),
    org(LUMEN, "Europe/Paris", 60, &[]),
    org(ATLAS, "Africa/Casablanca", 21, &[]),
];

#[expect(clippy::too_many_arguments, reason = "a row of the table below")]
const fn row(
    name: &'static str,
    email: &'static str,
    org: &'static str,
    role: Role,
    groups: &'static [&'static str],
    joined: u64,
    seen: Option<u64>,
    state: State,
) -> Belonging {
    Belonging {
        name,
        email,
        org,
        role,
        groups,
        joined,
        seen,
        state,
    }
}

use Role::{Administrator as Admin, Developer, Manager, Member, Viewer};
use State::{Active, Deactivated, Disabled, Inactive};

/// 33 people with 34 memberships. The first member of an organization founds it and is the one who acts there.
#[rustfmt::skip]
const BELONGINGS: [Belonging; 34] = [
    row("Priya Raman", "priya.raman@kestrel.example", KESTREL, Admin, &["Leadership", "Engineering"], 399, Some(4), Active),
    row("Zanele Dlamini", "zanele.dlamini@kestrel.example", KESTREL, Admin, &["Leadership"], 380, Some(3 * HOUR), Active),
    row("Tobias Renner", "tobias.renner@kestrel.example", KESTREL, Developer, &["Engineering"], 365, Some(41 * DAY), Disabled(40, "Left the company.")),
    row("Siobhán O’Rourke", "siobhan.orourke@kestrel.example", KESTREL, Manager, &["Customer Success", "Leadership"], 350, Some(DAY + 2 * HOUR), Active),
    row("Oluwaseun Adeyemi-Thompson", "oluwaseun.adeyemi@kestrel.example", KESTREL, Manager, &["Field Ops"], 341, Some(50), Active),
    row("Wei-Lin Chen", "weilin.chen@kestrel.example", KESTREL, Developer, &["Engineering", "Research"], 300, Some(12), Active),
    row("Aleksandra Wiśniewska", "aleksandra.wisniewska@kestrel.example", KESTREL, Developer, &["Research", "Perception", "Engineering"], 260, Some(26), Active),
    row("Jürgen Weiß", "juergen.weiss@kestrel.example", KESTREL, Developer, &["Engineering"], 233, Some(2 * HOUR), Active),
    row("Søren Kjærgaard", "soren.kjaergaard@kestrel.example", KESTREL, Member, &["Field Ops"], 210, Some(13 * DAY), Deactivated(12, "On parental leave.")),
    row("Mateus Carvalho", "mateus.carvalho@kestrel.example", KESTREL, Developer, &["Engineering", "Perception"], 181, Some(DAY + 5 * HOUR), Active),
    row("Haruki Tanabe", "haruki.tanabe@kestrel.example", KESTREL, Developer, &["Perception", "Research"], 120, Some(38), Active),
    row("Camille Laurent", "camille.laurent@kestrel.example", KESTREL, Member, &["Customer Success"], 95, Some(5 * HOUR), Active),
    row("Farid Haddad", "farid.haddad@kestrel.example", KESTREL, Member, &["Field Ops"], 77, Some(9 * DAY), Active),
    row("Rosa Delgado Ibáñez", "rosa.delgado@kestrel.example", KESTREL, Viewer, &["Leadership"], 64, Some(4 * HOUR), Active),
    row("Nguyễn Minh Anh", "minhanh.nguyen@kestrel.example", KESTREL, Member, &["Research"], 9, None, Inactive),
    row("Leilani Kahale", "leilani.kahale@kestrel.example", KESTREL, Member, &["Customer Success"], 3, Some(2 * DAY), Inactive),
    row("Ingrid Solberg", "ingrid.solberg@halden.example", LABS, Admin, &["Prototypes"], 398, Some(35), Active),
    row("Ravi Subramaniam", "ravi.subramaniam@labs.kestrel.example", LABS, Developer, &["Prototypes"], 250, Some(6 * HOUR), Active),
    row("Henrik Aas", "henrik.aas@logistics.halden.example", LOGISTICS, Admin, &["Dispatch"], 389, Some(7 * HOUR), Active),
    row("Beatriz Nogueira", "beatriz.nogueira@halden.example", LOGISTICS, Member, &["Finance"], 372, Some(3 * HOUR), Active),
    row("John Smith", "john@company.com", MARKETING, Admin, &["Campaigns", "Brand"], 329, Some(55), Active),
    row("Amara Okafor", "amara.okafor@marketing.halden.example", MARKETING, Member, &["Campaigns"], 150, Some(34 * DAY), Active),
    row("Giulia Marchetti", "giulia.marchetti@sales.halden.example", SALES, Admin, &["Enterprise Accounts"], 319, Some(DAY), Active),
    row("John Smith", "john@company.com", SALES, Member, &["Enterprise Accounts"], 190, Some(3 * DAY), Active),
    row("Noor van Dijk", "noor@openactuator.example", FOUNDATION, Admin, &["Maintainers"], 279, Some(2 * DAY), Active),
    row("Tomás Herrera", "tomas@openactuator.example", FOUNDATION, Developer, &["Maintainers"], 33, None, Inactive),
    row("Takeshi Nakamura", "t.nakamura@orbital.example", ORBITAL, Admin, &["Data Platform"], 239, Some(11 * HOUR), Active),
    row("Dagmar Lindqvist", "dagmar.lindqvist@halden.example", ORBITAL, Viewer, &[], 220, Some(2 * DAY), Active),
    row("Astrid Halvorsen", "astrid.halvorsen@fjord.example", FJORD, Admin, &[], 199, Some(8 * HOUR), Active),
    row("Kwame Mensah", "kwame.mensah@baobab.example", BAOBAB, Admin, &["Grid"], 169, Some(DAY), Active),
    row("Yuki Shimizu", "yuki.shimizu@sakura.example", SAKURA, Admin, &[], 139, Some(64 * DAY), Active),
    row("Elif Yılmaz", "elif.yilmaz@cobalt.example", COBALT, Admin, &[], 99, Some(20 * DAY), Active),
    row("Matthieu Garnier", "matthieu.garnier@lumen.example", LUMEN, Admin, &[], 59, Some(DAY), Active),
    row("Leïla Benali", "leila.benali@atlas.example", ATLAS, Admin, &[], 20, Some(5 * HOUR), Inactive),
];

/// Who leads a group, since when.
struct Led {
    org: &'static str,
    group: &'static str,
    email: &'static str,
    ago: u64,
}

const fn led(group: &'static str, email: &'static str, ago: u64) -> Led {
    Led {
        org: KESTREL,
        group,
        email,
        ago,
    }
}

/// Perception has no lead, so that the filter finds something.
const LED: [Led; 5] = [
    led("Leadership", "priya.raman@kestrel.example", 340 * DAY),
    led("Field Ops", "oluwaseun.adeyemi@kestrel.example", 338 * DAY),
    led("Engineering", "weilin.chen@kestrel.example", 250 * DAY),
    led("Research", "aleksandra.wisniewska@kestrel.example", 220 * DAY),
    led("Customer Success", "siobhan.orourke@kestrel.example", 90 * DAY),
];

/// A time in a group that ends: set so long ago, and ending so many days from now.
struct Stay {
    org: &'static str,
    group: &'static str,
    email: &'static str,
    ago: u64,
    ahead: u64,
}

const STAYS: [Stay; 2] = [
    Stay {
        org: KESTREL,
        group: "Engineering",
        email: "mateus.carvalho@kestrel.example",
        ago: 70 * DAY,
        ahead: 20 * DAY,
    },
    Stay {
        org: KESTREL,
        group: "Research",
        email: "haruki.tanabe@kestrel.example",
        ago: 40 * DAY,
        ahead: 26 * DAY,
    },
];

/// What some of the groups are for.
const PURPOSES: [(&str, &str); 4] = [
    ("Engineering", "Builds and ships the control stack"),
    ("Research", "Perception research and papers"),
    ("Field Ops", "On-site crews"),
    ("Perception", "Sensor fusion"),
];

/// What became of an invitation's mail, and of the invitation.
enum Fate {
    /// The mail was taken.
    Sent,
    /// The mail server asks to try later.
    Deferred(&'static str),
    /// The mail server refused it.
    Bounced(&'static str),
    /// No mail; the link is handed over by a person.
    LinkOnly,
    /// The mail was taken, and so many minutes ago the person said no.
    Declined(u64),
}

/// Somebody who was invited by an organization's founder and has not joined.
struct Invited {
    email: &'static str,
    org: &'static str,
    role: Role,
    groups: &'static [&'static str],
    /// Minutes since the invitation; one of more than a week has expired.
    ago: u64,
    fate: Fate,
}

const fn invited(
    email: &'static str,
    org: &'static str,
    role: Role,
    groups: &'static [&'static str],
    ago: u64,
    fate: Fate,
) -> Invited {
    Invited {
        email,
        org,
        role,
        groups,
        ago,
        fate,
    }
}

#[rustfmt::skip]
const INVITED: [Invited; 11] = [
    invited("henrik.lundqvist@kestrel.example", KESTREL, Developer, &["Research"], 31 * DAY, Fate::Sent),
    invited("thandi.mabaso@kestrel.example", KESTREL, Member, &[], 12 * DAY + 5 * HOUR, Fate::Sent),
    invited("sunniva.berg@kestrel.example", KESTREL, Manager, &[], 6 * DAY, Fate::Declined(5 * DAY)),
    invited("adebayo.ogunleye@kestrel.example", KESTREL, Manager, &["Field Ops"], 3 * DAY + HOUR, Fate::Sent),
    invited("emil.aas@kestrel.example", KESTREL, Member, &["Field Ops"], 2 * DAY, Fate::Bounced("550 5.1.1 There is no such mailbox here")),
    invited("jonas.weber@kestrel.example", KESTREL, Member, &["Customer Success"], DAY + 3 * HOUR, Fate::Sent),
    invited("elena.marchetti@kestrel.example", KESTREL, Developer, &["Engineering"], 5 * HOUR, Fate::LinkOnly),
    invited("ines.alvarez@kestrel.example", KESTREL, Developer, &["Engineering", "Perception"], 3 * HOUR, Fate::Sent),
    invited("luca.bianchi@kestrel.example", KESTREL, Viewer, &[], 30, Fate::Deferred("451 4.7.1 Greylisted, try again later")),
    invited("j.park@sales.halden.example", SALES, Member, &["Enterprise Accounts"], DAY, Fate::Sent),
    invited("maintainer@openactuator.example", FOUNDATION, Developer, &["Maintainers"], 4 * DAY, Fate::LinkOnly),
];

/// A permission that the platform of the first organization asks for.
const ADDED: (&str, &str) = ("robot.dispatch", "Dispatch robots");

/// A custom role of the first organization: name, description, what it permits, and who holds it.
type Special = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const SPECIALS: [Special; 2] = [
    ("Field dispatch", "Sends robots out and looks after their devices.", "device.manage host:robot.dispatch resource.monitor", &["oluwaseun.adeyemi@kestrel.example", "farid.haddad@kestrel.example"]),
    ("Security review", "Reads the audit log and what roles permit.", "audit.read role.read", &["haruki.tanabe@kestrel.example"]),
];

/// Who looks after the whole enterprise.
const OVERSEERS: [(&str, EnterpriseRole); 3] = [
    ("ingrid.solberg@halden.example", EnterpriseRole::Administrator),
    ("beatriz.nogueira@halden.example", EnterpriseRole::BillingManager),
    ("dagmar.lindqvist@halden.example", EnterpriseRole::Auditor),
];

/// Whom a visitor of the demonstration may want to be: one person for each role, and the one with two organizations.
const GUIDES: [&str; 9] = [
    "priya.raman@kestrel.example",
    "ingrid.solberg@halden.example",
    "beatriz.nogueira@halden.example",
    "dagmar.lindqvist@halden.example",
    "siobhan.orourke@kestrel.example",
    "weilin.chen@kestrel.example",
    "camille.laurent@kestrel.example",
    "rosa.delgado@kestrel.example",
    "john@company.com",
];

/// The organizations' names.
pub fn organizations() -> impl Iterator<Item = &'static str> {
    ORGS.iter().map(|org| org.name)
}

/// The people, by name and address; someone of two organizations comes once.
pub fn people() -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_first = |place: &usize| {
        BELONGINGS[..*place]
            .iter()
            .all(|other| other.email != BELONGINGS[*place].email)
    };
    (0..BELONGINGS.len())
        .filter(is_first)
        .map(|place| (BELONGINGS[place].name, BELONGINGS[place].email))
}

/// One act of the history.
#[derive(Clone, Copy)]
enum Act {
    /// The enterprise is set up.
    SetUp,
    /// An organization is made.
    Found(&'static Org),
    /// Its founder makes its groups.
    Group(&'static Org),
    /// Somebody joins.
    Join(&'static Belonging),
    /// Somebody gets a role over the enterprise.
    Oversee(&'static str, EnterpriseRole),
    /// The first organization makes its custom roles and gives them.
    Specialize,
    /// The platform provisions a private context.
    Context(&'static Belonging),
    /// Somebody was here.
    See(&'static Belonging),
    /// A founder writes down what was agreed, what new people can learn from, and how to be reached.
    Equip(&'static Belonging),
    /// An administrator ends or pauses a membership.
    End(&'static Belonging),
    /// A founder names a group's lead.
    Lead(&'static Led),
    /// A founder sets when somebody's time in a group ends.
    Leave(&'static Stay),
    /// A founder invites somebody.
    Invite(&'static Invited),
    /// An invited person says no.
    Decline(&'static Invited),
    /// A founder saves a view for everyone.
    View(&'static str, &'static str),
    /// Kestrel says which features its keys can have, and makes a service account.
    Features,
    /// A founder makes a key, or a member one of their own.
    Key(&'static OneKey),
    /// A key is used.
    Use(&'static OneKey),
    /// Kestrel limits what its people use, or somebody asks for more.
    Limit(Limiting),
}

/// What Kestrel's founder sets, and what one of its members asks for.
#[derive(Clone, Copy)]
enum Limiting {
    /// The credit pools, and who draws from another one than most.
    Pools,
    /// 250 a month and 25 a day for everybody.
    Default,
    /// Engineering gets more.
    Group,
    /// One member gets more still.
    Own,
    /// Another one does until a week from now.
    Raise,
    /// A third one asks.
    Ask,
}

const LIMITS: [(u64, Limiting); 6] = [
    (95 * DAY, Limiting::Pools),
    (90 * DAY, Limiting::Default),
    (80 * DAY, Limiting::Group),
    (18 * DAY, Limiting::Own),
    (2 * DAY, Limiting::Raise),
    (4 * HOUR, Limiting::Ask),
];

/// Every act with the minutes before now at which it happens, oldest first.
fn acts() -> Vec<(u64, Act)> {
    let mut acts = vec![(420 * DAY, Act::SetUp)];
    for org in &ORGS {
        acts.push((org.founded * DAY, Act::Found(org)));
    }
    for (place, belonging) in (0..).zip(&BELONGINGS) {
        // Not all at midnight.
        let joined = belonging.joined * DAY - place * 17;
        acts.push((joined, Act::Join(belonging)));
        if let Some(org) = ORGS.iter().find(|org| is_founder(belonging, org)) {
            acts.push((joined - 10, Act::Group(org)));
        }
        if !matches!(belonging.state, Inactive) {
            acts.push((joined - 25, Act::Context(belonging)));
        }
        if let Some(seen) = belonging.seen {
            acts.push((seen, Act::See(belonging)));
        }
        if let Deactivated(ago, _) | Disabled(ago, _) = belonging.state {
            acts.push((ago * DAY + place * 7, Act::End(belonging)));
        }
    }
    acts.extend(LED.iter().map(|led| (led.ago, Act::Lead(led))));
    acts.extend(STAYS.iter().map(|stay| (stay.ago, Act::Leave(stay))));
    if let Some(founder) = founder(KESTREL) {
        acts.push((30 * DAY, Act::Equip(founder)));
    }
    for (email, role) in OVERSEERS {
        let joined = BELONGINGS
            .iter()
            .find(|belonging| belonging.email == email)
            .map_or(0, |of| of.joined);
        acts.push((joined * DAY - 20 * HOUR, Act::Oversee(email, role)));
    }
    acts.push((58 * DAY, Act::Specialize));
    for invited in &INVITED {
        acts.push((invited.ago, Act::Invite(invited)));
        if let Fate::Declined(ago) = invited.fate {
            acts.push((ago, Act::Decline(invited)));
        }
    }
    acts.push((2 * DAY, Act::View("No context yet", "status=inactive&sort=joined")));
    acts.push((api_keys::BEGAN, Act::Features));
    for key in &api_keys::KEYS {
        acts.push((key.made, Act::Key(key)));
        acts.extend(key.used.map(|used| (used, Act::Use(key))));
    }
    acts.extend(LIMITS.map(|(ago, limiting)| (ago, Act::Limit(limiting))));
    acts.sort_by_key(|(ago, _)| std::cmp::Reverse(*ago));
    acts
}

fn founder(org: &str) -> Option<&'static Belonging> {
    BELONGINGS.iter().find(|belonging| belonging.org == org)
}

fn is_founder(belonging: &Belonging, org: &Org) -> bool {
    founder(org.name).is_some_and(|founder| belonging.org == org.name && founder.email == belonging.email)
}

/// Fills an empty, migrated database with the history and tells how to sign in.
pub async fn fill(db: &Db, keys: &Keys, password_hash: &str, now: Timestamp) -> Result<Vec<SignIn>> {
    let mut history = History {
        keys,
        password_hash,
        orgs: HashMap::new(),
        groups: HashMap::new(),
        users: HashMap::new(),
        members: HashMap::new(),
        invitations: HashMap::new(),
        features: HashMap::new(),
        service: None,
        api_keys: HashMap::new(),
    };
    let mut tx = db.write().await?;
    for (ago, act) in acts() {
        history.tell(&mut tx, act, now.minus(minutes(ago))).await?;
    }
    history.spend(&mut tx, now).await?;
    tx.commit().await?;
    db.analyze().await?;
    Ok(sign_ins())
}

/// How to sign in as each of the guides.
fn sign_ins() -> Vec<SignIn> {
    let of = |email: &&str| BELONGINGS.iter().find(|belonging| belonging.email == *email);
    GUIDES
        .iter()
        .filter_map(of)
        .map(|belonging| SignIn {
            name: belonging.name.to_owned(),
            email: belonging.email.to_owned(),
            password: PASSWORD,
            role: OVERSEERS
                .iter()
                .find(|(email, _)| *email == belonging.email)
                .map_or(belonging.role.title(), |(_, role)| role.title()),
            organization: belonging.org.to_owned(),
        })
        .collect()
}

/// What has happened so far.
struct History<'a> {
    keys: &'a Keys,
    password_hash: &'a str,
    orgs: HashMap<&'static str, OrgId>,
    groups: HashMap<(&'static str, &'static str), GroupId>,
    users: HashMap<&'static str, (UserId, &'static str)>,
    members: HashMap<(&'static str, &'static str), MemberId>,
    invitations: HashMap<&'static str, Invitation>,
    features: HashMap<&'static str, FeatureId>,
    service: Option<ServiceId>,
    api_keys: HashMap<&'static str, KeyId>,
}

impl History<'_> {
    async fn tell(&mut self, tx: &mut Tx, act: Act, then: Timestamp) -> Result<()> {
        match act {
            Act::SetUp => orgs::create_enterprise(tx, &self.operator(), ENTERPRISE, SUPPORT, "Europe/Oslo", then).await,
            Act::Found(org) => self.found(tx, org, then).await,
            Act::Group(org) => self.group(tx, org, then).await,
            Act::Join(belonging) => self.join(tx, belonging, then).await,
            Act::Oversee(email, role) => {
                let (user, _) = self.user(email)?;
                account::set_enterprise_role(tx, &self.operator(), user, Some(role), then).await
            }
            Act::Specialize => self.specialize(tx, then).await,
            Act::Context(belonging) => {
                let system = Actor::system(self.keys);
                let by = access::inside::<MemberManage>(tx, system, self.org(belonging.org)?).await?;
                member::provision_context(tx, &by, self.member(belonging)?, then).await?;
                Ok(())
            }
            Act::See(belonging) => member::touch_active(tx, self.member(belonging)?, then).await,
            Act::Equip(founder) => self.equip(tx, founder, then).await,
            Act::End(belonging) => self.end(tx, belonging, then).await,
            Act::Lead(led) => self.lead(tx, led, then).await,
            Act::Leave(stay) => self.leave(tx, stay, then).await,
            Act::Invite(invited) => self.invite(tx, invited, then).await,
            Act::Decline(invited) => self.decline(tx, invited, then).await,
            Act::View(name, list) => {
                let by = self.founder::<MemberRead>(tx, KESTREL, then).await?;
                let shared = true;
                saved::create(tx, &by, &NewView { name, list, shared }, then).await?;
                Ok(())
            }
            Act::Features => self.make_features(tx, then).await,
            Act::Key(key) => self.make_key(tx, key, then).await,
            Act::Use(key) => match self.api_keys.get(key.name) {
                Some(id) => keys::touch(tx, *id, then, "192.0.2.200").await,
                None => Err(too_early(key.name)),
            },
            Act::Limit(limiting) => self.limit(tx, limiting, then).await,
        }
    }

    /// What everybody has used who has a private context, and the keys of groups.
    async fn spend(&self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        let mut spenders = Vec::new();
        for belonging in BELONGINGS.iter().filter(|of| !matches!(of.state, Inactive)) {
            let until = match belonging.state {
                Deactivated(ago, _) | Disabled(ago, _) => ago,
                _ => 0,
            };
            spenders.push(Spender {
                name: belonging.email,
                org: self.org(belonging.org)?,
                org_name: belonging.org,
                member: Some(self.member(belonging)?),
                key: None,
                group: self.groups_of(belonging.org, belonging.groups)?.first().copied(),
                pool: None,
                price: None,
                since: belonging.joined,
                until,
            });
        }
        for key in &api_keys::KEYS {
            let (Of::Group(group), Some(id), Some(used)) = (&key.of, self.api_keys.get(key.name), key.used) else {
                continue;
            };
            spenders.push(Spender {
                name: key.name,
                org: self.org(KESTREL)?,
                org_name: KESTREL,
                member: None,
                key: Some(id.raw()),
                group: self.groups.get(&(KESTREL, *group)).copied(),
                pool: None,
                price: None,
                since: key.made / DAY,
                until: used / DAY, // what nobody has used for long has no usage since
            });
        }
        let mut settings: HashMap<OrgId, Settings> = HashMap::new();
        for spender in &mut spenders {
            if let Some(drawn) = credits::drawn(tx, spender.org, spender.member).await? {
                (spender.pool, spender.price) = (Some(drawn.id), Some(drawn.price));
            }
            let rules = match settings.entry(spender.org) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let by = access::inside::<MemberRead>(tx, self.operator(), spender.org).await?;
                    place.insert(limits::settings::find(tx, by.org()).await?)
                }
            };
            past::book(tx, rules, &spending::of(spender, now)).await?;
        }
        Ok(())
    }

    async fn found(&mut self, tx: &mut Tx, org: &'static Org, then: Timestamp) -> Result<()> {
        let by = access::operator(self.overseer().unwrap_or_else(|| self.operator()));
        let new = NewOrg {
            name: org.name.to_owned(),
            slug: None,
            zone: org.zone.to_owned(),
            support_contact: SUPPORT.to_owned(),
        };
        let id = orgs::create(tx, &by, new, then).await?;
        self.orgs.insert(org.name, id);
        Ok(())
    }

    async fn group(&mut self, tx: &mut Tx, org: &'static Org, then: Timestamp) -> Result<()> {
        let by = self.founder::<GroupManage>(tx, org.name, then).await?;
        for (name, kind) in org.groups {
            let purpose = PURPOSES.iter().find(|(group, _)| group == name);
            let new = NewGroup {
                name,
                kind: *kind,
                description: purpose.map_or("", |(_, purpose)| purpose),
            };
            let id = groups::group::create_described(tx, &by, &new, then).await?;
            self.groups.insert((org.name, name), id);
        }
        // Whoever made the groups stands in some.
        if let Some(founder) = founder(org.name) {
            let member = self.member(founder)?;
            for id in self.groups_of(founder.org, founder.groups)? {
                groups::add_members(tx, &by, id, &[member], then).await?;
            }
        }
        Ok(())
    }

    fn place(&self, org: &'static str, group: &'static str, email: &'static str) -> Result<(GroupId, MemberId)> {
        let group = self.groups.get(&(org, group)).ok_or(Error::NotFound)?;
        let belonging = BELONGINGS.iter().find(|of| of.org == org && of.email == email);
        Ok((*group, self.member(belonging.ok_or(Error::NotFound)?)?))
    }

    async fn lead(&self, tx: &mut Tx, led: &'static Led, then: Timestamp) -> Result<()> {
        let by = self.founder::<GroupManage>(tx, led.org, then).await?;
        let (group, member) = self.place(led.org, led.group, led.email)?;
        groups::belonging::make_lead(tx, &by, group, member, then).await?;
        Ok(())
    }

    async fn leave(&self, tx: &mut Tx, stay: &'static Stay, then: Timestamp) -> Result<()> {
        let by = self.founder::<GroupManage>(tx, stay.org, then).await?;
        let (group, member) = self.place(stay.org, stay.group, stay.email)?;
        let until = then.plus(minutes(stay.ago + stay.ahead));
        groups::belonging::set_end(tx, &GroupCan::managing(&by, group), member, Some(until), then).await?;
        Ok(())
    }

    async fn join(&mut self, tx: &mut Tx, belonging: &'static Belonging, then: Timestamp) -> Result<()> {
        let founder = founder(belonging.org).filter(|founder| founder.email != belonging.email);
        let by = match founder {
            Some(founder) => self.client(founder.email)?,
            None => self.overseer().unwrap_or_else(|| self.operator()),
        };
        let email = Address::parse(belonging.email).map_err(|error| Error::Internal(error.to_string()))?;
        let user = match self.users.get(belonging.email) {
            Some((user, _)) => *user,
            None => {
                let new = NewAccount {
                    email: &email,
                    name: belonging.name,
                    password_hash: Some(self.password_hash),
                    proof: Proof::Mailed,
                };
                account::create(tx, &by, new, then).await?
            }
        };
        self.users.insert(belonging.email, (user, belonging.name));
        let groups = if founder.is_some() {
            self.groups_of(belonging.org, belonging.groups)?
        } else {
            Vec::new()
        };
        let new = NewMember {
            user,
            email: &email,
            name: belonging.name,
            role: belonging.role,
            source: if founder.is_some() {
                Source::Administrator
            } else {
                Source::SetUp
            },
            groups: &groups,
            expires_at: None,
        };
        let id = member::join(tx, &by, self.org(belonging.org)?, new, then).await?;
        self.members.insert((belonging.org, belonging.email), id);
        Ok(())
    }

    async fn specialize(&self, tx: &mut Tx, then: Timestamp) -> Result<()> {
        let by = self.founder::<RoleManage>(tx, KESTREL, then).await?;
        host::add(tx, &by, ADDED.0, ADDED.1, then).await?;
        for (name, description, permits, holders) in SPECIALS {
            let draft = Draft {
                name: name.to_owned(),
                description: description.to_owned(),
                permissions: Permissions::parse(permits),
            };
            let role = roles::role::create(tx, &by, &draft, then).await?;
            for email in holders {
                let member = self.members.get(&(KESTREL, *email)).ok_or_else(|| too_early(email))?;
                let to = Assignment {
                    role: None,
                    additional: Some(vec![role]),
                };
                assignment::assign(tx, &by.also()?, Change::from(*member), to, then).await?;
            }
        }
        Ok(())
    }

    async fn equip(&mut self, tx: &mut Tx, founder: &'static Belonging, then: Timestamp) -> Result<()> {
        let by = self.founder::<BillingManage>(tx, founder.org, then).await?;
        let agreed = Subscription {
            plan: "Business".to_owned(),
            seats: Some(40),
            renews_on: "2027-03-31".to_owned(),
            reference: "HG-2026-0417".to_owned(),
            billing_contact: "finance@halden.example".to_owned(),
            version: 0,
        };
        subscription::update(tx, &by, agreed, then).await?;
        let by = self.founder::<OrgSettings>(tx, founder.org, then).await?;
        let resource = |title: &str, url: &str, description: &str| Resource {
            title: title.to_owned(),
            url: url.to_owned(),
            description: description.to_owned(),
        };
        let resources = [
            resource(
                "First steps",
                "https://learn.halden.example/first-steps",
                "Twenty minutes, with exercises.",
            ),
            resource(
                "Working with models",
                "https://learn.halden.example/models",
                "What they cost, and when to stop.",
            ),
        ];
        training::update(tx, &by, &resources, 0, then).await?;
        let (user, _) = self.user(founder.email)?;
        let account = account::find(tx, user).await?.ok_or(Error::NotFound)?;
        let client = self.client(founder.email)?;
        profile::update_contact(tx, &client, &account, "+49 30 5550 101", "Room 2.14", then).await
    }

    async fn end(&mut self, tx: &mut Tx, belonging: &'static Belonging, then: Timestamp) -> Result<()> {
        let id = self.member(belonging)?;
        match belonging.state {
            Deactivated(_, reason) => {
                let by = self.founder::<MemberSuspend>(tx, belonging.org, then).await?;
                member::suspend(tx, &by, id, None, reason, then).await?;
            }
            Disabled(_, reason) => {
                let by = self.founder::<MemberDisable>(tx, belonging.org, then).await?;
                member::disable(tx, &by, id, reason, then).await?;
            }
            Active | Inactive => {}
        }
        Ok(())
    }

    /// Invites somebody, and lets the mail meet its fate as the worker would write it down.
    async fn invite(&mut self, tx: &mut Tx, invited: &'static Invited, then: Timestamp) -> Result<()> {
        let by = self.founder::<InviteCreate>(tx, invited.org, then).await?;
        let email = Address::parse(invited.email).map_err(|error| Error::Internal(error.to_string()))?;
        let has_mail = !matches!(invited.fate, Fate::LinkOnly);
        let desk = Desk {
            keys: self.keys,
            has_mail,
            most_pending: 1_000,
        };
        let terms = Terms {
            role: invited.role,
            groups: self.groups_of(invited.org, invited.groups)?,
            member_until: None,
        };
        let made = invitations::invite(tx, &by, &desk, &email, &terms, then).await?;
        let (outcome, tries): (Outcome, &[u64]) = match invited.fate {
            Fate::Sent | Fate::Declined(_) => (Outcome::Sent("250 2.0.0 Queued".to_owned()), &[0]),
            Fate::Deferred(reason) => (Outcome::Deferred(reason.to_owned()), &[0, 1, 6, 21]),
            Fate::Bounced(reason) => (Outcome::Bounced(reason.to_owned()), &[0]),
            Fate::LinkOnly => (Outcome::Deferred(String::new()), &[0]),
        };
        for minute in tries {
            let at = then.plus(minutes(*minute));
            let waiting = outbox::list(tx, None, None, 1).await?;
            let mail = waiting.first().ok_or_else(|| too_early(invited.email))?;
            let delivered = outbox::settle(tx, mail, &outcome, has_mail, at).await?;
            if let Some(delivery) = Delivery::of(delivered.state) {
                let system = Actor::system(self.keys);
                invitations::delivery_changed(tx, &system, made.id, delivery, &delivered.error, at).await?;
            }
        }
        self.invitations.insert(invited.email, made);
        Ok(())
    }

    async fn decline(&mut self, tx: &mut Tx, invited: &'static Invited, then: Timestamp) -> Result<()> {
        let invitation = self
            .invitations
            .get(invited.email)
            .ok_or_else(|| too_early(invited.email))?;
        let pass = Pass {
            id: invitation.id,
            generation: invitation.generation,
            mailed: true,
            until: then.plus(hours(1)),
        };
        let by = Actor::client(self.keys, None, "198.51.100.7", BROWSER, "");
        match acceptance::decline(tx, &by, &pass, then).await? {
            Ok(_) => Ok(()),
            Err(standing) => Err(Error::Internal(format!(
                "{} cannot decline: {standing:?}",
                invited.email
            ))),
        }
    }

    async fn make_features(&mut self, tx: &mut Tx, then: Timestamp) -> Result<()> {
        let by = self.founder::<KeyManage>(tx, KESTREL, then).await?;
        for (title, key, default) in api_keys::FEATURES {
            let draft = keys::feature::Draft {
                key: key.to_owned(),
                title: title.to_owned(),
                kind: Some(keys::feature::Type::Switch),
                choices: String::new(),
                default_value: default.to_owned(),
            };
            let id = keys::feature::create(tx, &by, &draft, then).await?;
            self.features.insert(key, id);
        }
        let group = self.groups_of(KESTREL, &["Field Ops"])?.first().copied();
        let draft = keys::service::Draft {
            name: api_keys::SERVICE.to_owned(),
            group,
            ..Default::default()
        };
        self.service = Some(keys::service::create(tx, &by, &draft, then).await?);
        Ok(())
    }

    async fn make_key(&mut self, tx: &mut Tx, key: &'static OneKey, then: Timestamp) -> Result<()> {
        let draft = KeyDraft {
            name: key.name.to_owned(),
            scopes: key.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            features: key
                .features
                .iter()
                .filter_map(|(name, value)| Some((*self.features.get(name)?, (*value).to_owned())))
                .collect(),
            expires_at: key.lives.map(|lives| then.plus(hours(lives * 24))),
            ..KeyDraft::default()
        };
        let made = match key.of {
            Of::Group(name) => {
                let by = self.founder::<KeyManage>(tx, KESTREL, then).await?;
                let group = self.groups.get(&(KESTREL, name)).ok_or_else(|| too_early(name))?;
                keys::key::create(tx, &by, Owner::Group(*group), &draft, "", then).await?
            }
            Of::Service(name) => {
                let by = self.founder::<KeyManage>(tx, KESTREL, then).await?;
                let service = self.service.ok_or_else(|| too_early(name))?;
                keys::key::create(tx, &by, Owner::Service(service), &draft, "", then).await?
            }
            Of::Member(email) => {
                let by = self.acting::<KeyOwn>(tx, KESTREL, email, then).await?;
                keys::key::create_own(tx, &by, &draft, "", then).await?
            }
        };
        if let Made::New(id, _) = made {
            self.api_keys.insert(key.name, id);
        }
        Ok(())
    }

    async fn limit(&self, tx: &mut Tx, limiting: Limiting, then: Timestamp) -> Result<()> {
        let amount = |credits| Choice::Set(Value::Amount(Amount::credits(credits)));
        let both = |month, day| Defaults {
            month,
            day,
            enforcement: Enforcement::Hard,
        };
        let id = |email| {
            self.members
                .get(&(KESTREL, email))
                .copied()
                .ok_or_else(|| too_early(email))
        };
        let wish = |month, day, until, note: &str| Wish {
            month: Some(month),
            day: Some(day),
            enforcement: Enforcement::Hard,
            until,
            note: note.to_owned(),
        };
        match limiting {
            Limiting::Pools => {
                let by = self.acting::<PoolManage>(tx, KESTREL, OVERSEERS[1].0, then).await?;
                let pool = |name: &str, credit_type: &str, price, is_default| pool::Draft {
                    name: name.to_owned(),
                    credit_type: credit_type.to_owned(),
                    currency: "USD",
                    price,
                    mode: Mode::Cap,
                    is_limited: true,
                    is_default,
                    valid_until: None,
                };
                let standard = pool("Platform", "Standard", 20_000, true);
                pool::create(tx, &by, &standard, Amount::credits(60_000), then).await?;
                let gpu = pool("Model training", "GPU", 350_000, false);
                let gpu = pool::create(tx, &by, &gpu, Amount::credits(12_000), then).await?;
                pool::assign(tx, &by, id("weilin.chen@kestrel.example")?, Some(gpu), then).await?;
                Ok(())
            }
            Limiting::Default => {
                let by = self.founder::<LimitDefault>(tx, KESTREL, then).await?;
                defaults::set(tx, &by, &both(amount(250), amount(25)), 0, false, then).await
            }
            Limiting::Group => {
                let by = self.founder::<LimitDefault>(tx, KESTREL, then).await?;
                let groups = self.groups_of(KESTREL, &["Engineering"])?;
                let wish = GroupWish {
                    each: both(amount(400), Choice::Inherit),
                    together: both(amount(3_000), Choice::Inherit),
                    priority: 1,
                };
                for group in groups {
                    defaults::set_group(tx, &by, group, &wish, 1, then).await?;
                }
                Ok(())
            }
            Limiting::Own => {
                let by = self.founder::<LimitSet>(tx, KESTREL, then).await?;
                let wish = wish(amount(750), amount(80), None, "Runs the nightly evaluations");
                limits::set(tx, &by, id("weilin.chen@kestrel.example")?, &wish, then).await?;
                Ok(())
            }
            Limiting::Raise => {
                let by = self.founder::<LimitSet>(tx, KESTREL, then).await?;
                let until = Some(then.plus(hours(9 * 24)));
                let wish = wish(amount(600), Choice::Inherit, until, "Trade fair in Hanover");
                limits::set(tx, &by, id("farid.haddad@kestrel.example")?, &wish, then).await?;
                Ok(())
            }
            Limiting::Ask => {
                let by = self
                    .acting::<LimitRequest>(tx, KESTREL, "camille.laurent@kestrel.example", then)
                    .await?;
                let ask = request::Ask {
                    window: Window::Month,
                    amount: Amount::credits(400),
                    until: Some(then.plus(hours(20 * 24))),
                    reason: "Onboarding two large customers at once".to_owned(),
                };
                request::ask(tx, &by, &ask, then).await?;
                let sent = Outcome::Sent("250 2.0.0 Queued".to_owned());
                for mail in outbox::list(tx, None, None, 10).await? {
                    if matches!(mail.mail()?, Mail::LimitRequested { .. }) {
                        outbox::settle(tx, &mail, &sent, true, then).await?;
                    }
                }
                Ok(())
            }
        }
    }

    /// The proof of an organization's founder, who acts as from a browser.
    async fn founder<P: Right>(&self, tx: &mut Tx, org: &'static str, then: Timestamp) -> Result<Can<P>> {
        let email = founder(org).ok_or(Error::NotFound)?.email;
        self.acting(tx, org, email, then).await
    }

    /// The proof of somebody who acts as from a browser.
    async fn acting<P: Right>(
        &self,
        tx: &mut Tx,
        org: &'static str,
        email: &'static str,
        then: Timestamp,
    ) -> Result<Can<P>> {
        let (id, name) = self.user(email)?;
        let person = Person {
            id,
            name: name.to_owned(),
            email: email.to_owned(),
            enterprise_role: OVERSEERS
                .iter()
                .find(|(known, _)| *known == email)
                .map(|(_, role)| *role),
            session: SessionId::from_raw(0),
            theme: 0,
            email_proved: true,
            display: access::Display::default(),
        };
        access::acting(tx, self.client(email)?, person, self.org(org)?, then).await
    }

    fn operator(&self) -> Actor {
        Actor::operator(self.keys)
    }
    /// The Enterprise Administrator, once there is one.
    fn overseer(&self) -> Option<Actor> {
        self.client(OVERSEERS[0].0).ok()
    }
    /// A person at a browser somewhere, with an address from the block that is set aside for examples.
    fn client(&self, email: &'static str) -> Result<Actor> {
        let (user, name) = self.user(email)?;
        let ip = format!("192.0.2.{}", 10 + user.raw() % 200);
        Ok(Actor::client(self.keys, Some((user, name)), &ip, BROWSER, ""))
    }
    fn user(&self, email: &'static str) -> Result<(UserId, &'static str)> {
        self.users.get(email).copied().ok_or_else(|| too_early(email))
    }
    fn org(&self, name: &'static str) -> Result<OrgId> {
        self.orgs.get(name).copied().ok_or_else(|| too_early(name))
    }
    fn member(&self, belonging: &Belonging) -> Result<MemberId> {
        let key = (belonging.org, belonging.email);
        self.members
            .get(&key)
            .copied()
            .ok_or_else(|| too_early(belonging.email))
    }
    fn groups_of(&self, org: &'static str, names: &[&'static str]) -> Result<Vec<GroupId>> {
        let find = |name: &&'static str| self.groups.get(&(org, *name)).copied().ok_or_else(|| too_early(name));
        names.iter().map(find).collect()
    }
}

fn too_early(name: &str) -> Error {
    Error::Internal(format!("the demonstration's history mentions {name} before its time"))
}
