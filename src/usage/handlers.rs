//! The pages of usage.

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use serde::Deserialize;

use super::{
    across,
    chart::Size,
    export,
    figures::{self, Figures},
    grouping::Grouping,
    period::Choice,
    views::{Days, Index, LimitRow, OfMember, Shares, periods, strip},
};
use crate::{
    access::{
        Can, GroupCan, GroupUsage, Permission, Right,
        permission::{LimitRequest, UsageRead},
    },
    app::App,
    audit::Object,
    credits,
    db::Read,
    error::{Error, Result},
    gate::{LimitState, Principal, Who},
    groups,
    ids::{MemberId, UserId},
    limits::{
        self, Settings, Window,
        amount::{Unit, words},
    },
    members::{forms::MemberPath, member},
    metering::Scope,
    shell,
    web::{layout::Tab, request::Ctx, respond},
};

/// The address of a page of usage.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    p: String,
}

impl Asked {
    fn choice(&self) -> Choice {
        Choice::find(&self.p)
    }
}

/// A page, or its file, with the period that is chosen.
fn with(path: &str, choice: Choice) -> String {
    match choice.key() {
        "" => path.to_owned(),
        key => format!("{path}?p={key}"),
    }
}

/// The tables of a page; those without a row are left out.
async fn tables<P>(
    db: &mut impl Read,
    by: &Can<P>,
    found: &Figures,
    unit: Unit,
    groupings: Vec<Grouping>,
) -> Result<Vec<Shares>> {
    let mut tables = Vec::new();
    for grouping in groupings {
        let shares = grouping.shares(db, by.org().id, found).await?;
        if !shares.is_empty() {
            let href = |id: i64| grouping.href(by, id);
            tables.push(Shares::new(
                (grouping.id, grouping.title),
                &shares,
                (found.total, unit),
                href,
            ));
        }
    }
    Ok(tables)
}

/// What an organization has used (R-USE-04, R-USE-05).
pub async fn index(app: Data<App>, by: Can<UsageRead>, ctx: Ctx, asked: Query<Asked>) -> Result<HttpResponse> {
    let (org, now) = (by.org(), app.clock.now());
    let path = by.path("/usage");
    let choice = asked.choice();
    let db = &mut app.db.read();
    let settings = limits::settings::find(db, org).await?;
    let of = (Scope::Organization, org.id.raw());
    let found = figures::load(db, org.id, &settings, of, choice, now).await?;
    let manages_keys = by.may(Permission::KeyManage);
    let tables = tables(db, &by, &found, settings.unit, Grouping::of_org(&by)).await?;
    let mut figures_of = strip(
        &found,
        settings.unit,
        figures::pool(db, org.id, None, now).await?,
        by.zone(),
    );
    let costs = match found.period.month {
        Some(month) => credits::shown::costs(db, org.id, month).await?,
        None => credits::shown::costs_of_days(db, org.id, &found.period.starts()).await?,
    };
    if !costs.is_empty() {
        figures_of.push(super::views::Stat {
            label: "Cost".to_owned(),
            figure: costs.join(" + "),
            detail: "at the prices of credit pools then".to_owned(),
            meter: None,
            hint: String::new(),
        });
    }
    if let Some(count) = figures::spenders(db, org.id, &found).await? {
        let people = super::views::Stat {
            label: "Members who used something".to_owned(),
            figure: crate::web::filters::number(count),
            detail: String::new(),
            meter: None,
            hint: String::new(),
        };
        figures_of.push(people);
    }
    respond::page(&Index {
        l: shell::org(&app, &ctx, &by, "Usage", Tab::Usage).await?,
        organization: org.name.clone(),
        here: with(&path, choice),
        csv: with(&format!("{path}/export.csv"), choice),
        periods: periods(&path, choice),
        strip: figures_of,
        days: Days::new(&found, settings.unit, settings.zone(), Size::Page, now),
        tables,
        is_empty: found.ever_events == 0,
        mine_href: by.member().map(|_| by.path("/usage/mine")),
        keys_href: manages_keys.then(|| by.path("/keys")),
    })
}

/// The same as a file (B-16).
pub async fn index_csv(app: Data<App>, by: Can<UsageRead>, asked: Query<Asked>) -> Result<HttpResponse> {
    let org = by.org();
    let about = export::About {
        of: (Scope::Organization, org.id.raw()),
        object: Object::new("organization", org.id.raw(), org.name.clone()),
        name: format!("usage-{}", org.slug),
        groupings: Grouping::of_org(&by),
    };
    export::send(&app, &by, asked.choice(), about).await
}

/// What a page about one member says, whoever reads it.
struct About {
    member: MemberId,
    /// Whose usage elsewhere is shown too; none for whom that is no business.
    everywhere: Option<UserId>,
    name: String,
    path: String,
    is_own: bool,
    /// The group whose lead reads it: its name and its page; none for those who may read everybody's.
    led: Option<(String, String)>,
}

async fn page_of<P: Right>(app: &App, by: &Can<P>, ctx: &Ctx, asked: &Asked, about: About) -> Result<HttpResponse> {
    let (org, now) = (by.org(), app.clock.now());
    let choice = asked.choice();
    let settings: Settings = limits::settings::find(&mut app.db.read(), org).await?;
    let of = (Scope::Member, about.member.raw());
    let db = &mut app.db.read();
    let found: Figures = figures::load(db, org.id, &settings, of, choice, now).await?;
    let groupings = Grouping::of_member(about.member, about.is_own);
    let mut tables = tables(db, by, &found, settings.unit, groupings).await?;
    let mut strip = strip(&found, settings.unit, None, by.zone());
    if let Some(user) = about.everywhere {
        let own = about.is_own;
        let href = |place: &super::store::Membership| match own {
            true => place.acts.then(|| format!("/o/{}/usage/mine", place.slug)),
            false => Some(format!("/o/{}/members/{}/usage", place.slug, place.member)),
        };
        if let Some(across) = across::load(db, user, href).await? {
            strip.push(across.total);
            tables.push(across.table);
        }
    }
    let who = Who {
        org: org.id,
        principal: Principal::Member(about.member),
        key: None,
    };
    let quota = app.gate.quota(&who).await?;
    let states = quota.map(|(_, limits)| limits).unwrap_or_default();
    if choice == Choice::Month
        && let Some(used) = strip.first_mut()
        && let Some(spent) = spent_of_month(&states).filter(|spent| *spent != found.total)
    {
        used.hint = format!(
            "By when it happened, and whatever paid. The monthly limit counts {}, by when it was reported.",
            words(spent, settings.unit)
        );
    }
    let title = if about.is_own { "My usage" } else { "Usage" };
    let tab = match (about.is_own, &about.led) {
        (true, _) => Tab::Usage,
        (false, Some(_)) => Tab::Groups,
        (false, None) => Tab::Members,
    };
    let csv = match about.led {
        Some(_) => None,
        None => Some(with(&format!("{}/export.csv", about.path), choice)),
    };
    let mut above = match about.led {
        Some(group) => vec![("Groups".to_owned(), by.path("/groups")), group],
        None => vec![("Members".to_owned(), by.path("/members"))],
    };
    above.push((about.name.clone(), by.path(&format!("/members/{}", about.member))));
    if about.is_own {
        above.clear();
    }
    respond::page(&OfMember {
        l: shell::org(app, ctx, by, title, tab).await?,
        name: about.name,
        is_own: about.is_own,
        here: with(&about.path, choice),
        csv,
        above,
        periods: periods(&about.path, choice),
        strip,
        limits: LimitRow::all(&states, settings.unit, by.zone(), now),
        wallet: if about.is_own || by.may(Permission::PoolRead) {
            credits::shown::wallet_of(db, by, about.member, &settings).await?
        } else {
            None
        },
        request_href: (about.is_own && states.iter().any(can_rise)).then(|| by.path("/limits/request")),
        zone: by.zone().name().to_owned(),
        days: Days::new(&found, settings.unit, settings.zone(), Size::Page, now),
        tables,
        is_empty: found.ever_events == 0,
        keys_href: (about.is_own && by.may(Permission::KeyOwn)).then(|| "/me/keys".to_owned()),
    })
}

/// Whether a limit is one that its member can ask to be raised.
fn can_rise(state: &LimitState) -> bool {
    state.scope == Scope::Member && Window::OFFERED.contains(&state.window)
}

/// What a member's own monthly limit counts; none where there is none.
fn spent_of_month(states: &[LimitState]) -> Option<i64> {
    let is_asked = |state: &&LimitState| state.scope == Scope::Member && state.window == Window::Month;
    states.iter().find(is_asked).map(|state| state.spent)
}

/// The file of a page about one member; its name has the id, because a name may hold anything.
async fn file_of<P: Right>(app: &Data<App>, by: &Can<P>, asked: &Asked, about: About) -> Result<HttpResponse> {
    let about = export::About {
        of: (Scope::Member, about.member.raw()),
        object: Object::new("member", about.member.raw(), about.name),
        name: format!("usage-{}-{}", by.org().slug, about.member),
        groupings: Grouping::of_member(about.member, about.is_own),
    };
    export::send(app, by, asked.choice(), about).await
}

fn oneself(by: &Can<LimitRequest>) -> Result<About> {
    let member = by.member().ok_or(Error::NotFound)?;
    Ok(About {
        member,
        everywhere: by.person().map(|person| person.id),
        name: by.person().map_or_else(String::new, |person| person.name.clone()),
        path: by.path("/usage/mine"),
        is_own: true,
        led: None,
    })
}

/// What one has used oneself, how much is left, and what has used it (B-54).
pub async fn mine(app: Data<App>, by: Can<LimitRequest>, ctx: Ctx, asked: Query<Asked>) -> Result<HttpResponse> {
    page_of(&app, &by, &ctx, &asked, oneself(&by)?).await
}

/// The same as a file.
pub async fn mine_csv(app: Data<App>, by: Can<LimitRequest>, asked: Query<Asked>) -> Result<HttpResponse> {
    file_of(&app, &by, &asked, oneself(&by)?).await
}

async fn somebody(app: &App, by: &Can<UsageRead>, at: &MemberPath) -> Result<About> {
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    // Whoever reads usage here alone learns nothing of other organizations.
    let role = by.person().and_then(|person| person.enterprise_role);
    let sees_all = role.is_some_and(|role| role.may(Permission::EnterpriseRead) && role.may(Permission::UsageRead));
    Ok(About {
        member: member.id,
        everywhere: sees_all.then_some(member.user_id),
        path: by.path(&format!("/members/{}/usage", member.id)),
        name: member.name,
        is_own: false,
        led: None,
    })
}

/// What a member of a group has used, for whoever leads it (MODEL section 2.5). It is all that they have used, for other groups too:
/// a member's usage is kept in one sum. There is no file of it, and who has left the group is not found.
pub async fn led(
    app: Data<App>,
    by: GroupCan<GroupUsage>,
    at: Path<MemberPath>,
    ctx: Ctx,
    asked: Query<Asked>,
) -> Result<HttpResponse> {
    let (org, group) = (by.org().id, by.group());
    let db = &mut app.db.read();
    let standing = groups::belonging::find(db, &by, at.id()?, app.clock.now()).await?;
    let profile = groups::group::profile(db, org, group).await?;
    let about = About {
        member: standing.id,
        everywhere: None,
        path: by.path(&format!("/groups/{group}/members/{}/usage", standing.id)),
        name: standing.name,
        is_own: false,
        led: Some((profile.name, by.path(&format!("/groups/{group}")))),
    };
    page_of(&app, by.can(), &ctx, &asked, about).await
}

/// What one member has used (R-USE-01, R-USE-02, R-CRD-01 to R-CRD-07).
pub async fn member(
    app: Data<App>,
    by: Can<UsageRead>,
    at: Path<MemberPath>,
    ctx: Ctx,
    asked: Query<Asked>,
) -> Result<HttpResponse> {
    let about = somebody(&app, &by, &at).await?;
    page_of(&app, &by, &ctx, &asked, about).await
}

/// The same as a file.
pub async fn member_csv(
    app: Data<App>,
    by: Can<UsageRead>,
    at: Path<MemberPath>,
    asked: Query<Asked>,
) -> Result<HttpResponse> {
    let about = somebody(&app, &by, &at).await?;
    file_of(&app, &by, &asked, about).await
}
