//! What is allowed to change something, each time on a new organization with new people; and that it is recorded.

use std::time::Duration;

use muster::{
    access::{EnterpriseRole, GroupCan, Role, inside, permission},
    groups,
    ids::{KeyId, MemberId, ServiceId, UserId},
    mail::links,
    web::routes::{Kind, Needs, Route, Target},
};
use reqwest::Method;

use super::{
    rules::{PERMITTED, Standing},
    world::{self, Seen, Site, client, end, enterprise_role, invite, join, reset, send, site, some_mail, token},
};
use crate::support::{Portal, header_faults, raw, spawn, texts};

/// What must be so before the route can do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// The member is deactivated.
    Suspended,
    /// The organization is archived.
    Archived,
    /// The browser, signed in nowhere, has come by the invitation's link.
    Invited,
    /// The same, after the invitation has ended.
    InvitedLate,
    /// The browser has come by the link of a password reset.
    Reset,
    /// The caller's own address is not verified yet.
    Unproved,
    /// And a code was sent to it.
    CodeSent,
    /// Some minutes have passed since the invitation.
    Later,
    /// The catalogue has a permission of the organization, and one of the enterprise.
    HostPermission,
    /// The member stands in no group.
    OutOfGroup,
    /// The member's time in the group has an end.
    EndsSoon,
    /// The member leads the group.
    Leads,
    /// Default limits count for everybody.
    Limited,
    /// The member asks for a higher limit.
    Asked,
    /// The caller does.
    OwnAsked,
    /// The member has a limit with an end date.
    Raised,
    /// The caller has a picture.
    Pictured,
    /// The key is suspended.
    KeyOff,
    /// The service account is disabled.
    ServiceOff,
}

/// A request that succeeds, and what its chain holds then.
struct Example {
    before: Before,
    fields: &'static [(&'static str, &'static str)],
}

/// A value that stands for a file, which is sent as such.
const PICTURE: &str = "{a picture}";

const PASSWORD: &str = "seven green kettles whistle at dawn";

/// An example of every mutating route; `{…}` stands for what the stage has.
fn example(route: &Route) -> Option<Example> {
    use Before as B;
    let (before, fields): (Before, &[(&str, &str)]) = match (route.method.as_str(), route.path) {
        ("POST", "/preferences/theme") => (B::Nothing, &[("theme", "dark")]),
        ("POST", "/password/strength") => (B::Nothing, &[("password", "kettle")]),
        ("POST", "/sign-in") => (B::Nothing, &[("email", "{me}"), ("password", PASSWORD)]),
        ("POST", "/sign-out") => (B::Nothing, &[]),
        ("POST", "/forgot") => (B::Nothing, &[("email", "{me}")]),
        ("POST", "/reset") => (
            B::Reset,
            &[
                ("password", "nine blue lanterns drift past noon"),
                ("again", "nine blue lanterns drift past noon"),
            ],
        ),
        ("POST", "/me") => (B::Nothing, &[("name", "Robin Sparrow")]),
        ("POST", "/me/display") => (
            B::Nothing,
            &[
                ("theme", "dark"),
                ("density", "compact"),
                ("zone", "Europe/Oslo"),
                ("locale", "en-US"),
            ],
        ),
        ("POST", "/me/picture") => (B::Nothing, &[("picture", PICTURE)]),
        ("POST", "/me/picture/removal") => (B::Pictured, &[]),
        ("POST", "/me/notifications/read" | "/me/notifications/{notification}/read") => (B::Nothing, &[]),
        ("POST", "/me/notifications/preferences") => (B::Nothing, &[("portal.membership.added", "1")]),
        ("POST", "/me/address/code") => (B::Unproved, &[]),
        ("POST", "/me/address/confirmation") => (B::CodeSent, &[("code", "{code}")]),
        ("POST", "/me/password") => (
            B::Nothing,
            &[
                ("current", PASSWORD),
                ("password", "nine blue lanterns drift past noon"),
            ],
        ),
        ("POST", "/me/sessions/end-all" | "/me/sessions/{session}/end") | ("DELETE", "/me/sessions/{session}") => {
            (B::Nothing, &[])
        }
        ("POST", "/setup/{token}") => (
            B::Nothing,
            &[
                ("enterprise", "Halden Group"),
                ("organization", "Halden One"),
                ("support_contact", "help@halden.example"),
                ("zone", "Europe/Oslo"),
                ("name", "Robin Sparrow"),
                ("email", "robin@halden.example"),
                ("password", PASSWORD),
            ],
        ),
        ("POST", "/me/invitations/{invitation}/acceptance" | "/me/invitations/{invitation}/refusal") => {
            (B::Nothing, &[])
        }
        ("POST", "/i/opened" | "/i/decline") => (B::Invited, &[]),
        ("POST", "/i/accept") => (B::Invited, &[("name", "Robin Sparrow"), ("password", PASSWORD)]),
        ("POST", "/i/renewal-request") => (B::InvitedLate, &[]),
        ("POST", "/i/report") => (B::Invited, &[("confirm", "yes")]),
        ("POST", "/o/{org}/invites") => (
            B::Nothing,
            &[("email", "new@{word}-guests.example"), ("role", "member")],
        ),
        ("POST", "/o/{org}/invites/bulk") => (B::Nothing, &[("text", "one@{word}-guests.example")]),
        ("POST", "/o/{org}/invites/bulk/confirm") => (
            B::Nothing,
            &[
                ("text", "one@{word}-guests.example"),
                ("email", "one@{word}-guests.example"),
                ("role", "member"),
            ],
        ),
        ("POST", "/o/{org}/invites/{invitation}/deliveries" | "/o/{org}/invites/{invitation}/link") => (B::Later, &[]),
        ("POST", "/o/{org}/invites/{invitation}/revocation") | ("DELETE", "/o/{org}/invites/{invitation}") => {
            (B::Nothing, &[])
        }
        ("POST", "/o/{org}/members") => (
            B::Nothing,
            &[
                ("name", "Robin Sparrow"),
                ("email", "robin@{word}-people.example"),
                ("role", "member"),
            ],
        ),
        ("POST", "/o/{org}/members/{member}/role") => (B::Nothing, &[("role", "developer")]),
        ("POST", "/o/{org}/members/{member}/admin" | "/o/{org}/members/{member}/context") => (B::Nothing, &[]),
        ("POST", "/o/{org}/members/{member}/suspension") => (B::Nothing, &[("reason", "Away")]),
        ("POST", "/o/{org}/members/{member}/suspension/end") | ("DELETE", "/o/{org}/members/{member}/suspension") => {
            (B::Suspended, &[])
        }
        ("POST", "/o/{org}/members/{member}/disablement" | "/o/{org}/members/{member}/removal") => {
            (B::Nothing, &[("confirm", "ordinary@{word}-people.example")])
        }
        ("POST", "/o/{org}/members/{member}/roles") => (B::Nothing, &[("role", "member"), ("additional", "{role}")]),
        ("POST", "/o/{org}/roles") => (
            B::Nothing,
            &[
                ("name", "Support {word}"),
                ("permission", "member.read"),
                ("permission", "audit.read"),
            ],
        ),
        ("POST", "/o/{org}/roles/{role}") => (
            B::Nothing,
            &[("name", "Other {word}"), ("permission", "audit.read"), ("version", "1")],
        ),
        ("POST", "/o/{org}/roles/{role}/deletion") => (B::Nothing, &[("version", "1")]),
        ("POST", "/o/{org}/roles/permissions" | "/e/roles/permissions") => {
            (B::Nothing, &[("key", "flow.{word}"), ("title", "Publish flows")])
        }
        ("POST", "/o/{org}/roles/permissions/deletion" | "/e/roles/permissions/deletion") => {
            (B::HostPermission, &[("key", "old.{word}")])
        }
        ("POST", "/e/roles") => (
            B::Nothing,
            &[
                ("email", "ordinary@{word}-people.example"),
                ("role", "enterprise_auditor"),
            ],
        ),
        ("POST", "/e/roles/{account}/revocation") => (B::Nothing, &[]),
        ("POST", "/o/{org}/groups") => (B::Nothing, &[("name", "Night shift"), ("kind", "team")]),
        ("POST", "/o/{org}/groups/rules") => (B::Nothing, &[("leads_invite", "1")]),
        ("POST", "/o/{org}/groups/{group}") => (B::Nothing, &[("description", "For the {word} people")]),
        ("POST", "/o/{org}/groups/{group}/cards") => (B::Nothing, &[("order", "members"), ("show", "members")]),
        ("POST", "/o/{org}/groups/{group}/deletion") => (B::Nothing, &[("confirm", "{word} inner circle")]),
        ("POST", "/o/{org}/groups/{group}/members") => (B::Nothing, &[("member", "{keeper}")]),
        ("POST", "/o/{org}/groups/{group}/members/{member}/end") => (B::Nothing, &[("until", "2030-12-31")]),
        ("POST", "/o/{org}/groups/{group}/members/{member}/extension") => (B::EndsSoon, &[]),
        ("POST", "/o/{org}/groups/{group}/members/{member}/lead/end") => (B::Leads, &[]),
        (
            "POST",
            "/o/{org}/groups/{group}/members/{member}/lead" | "/o/{org}/groups/{group}/members/{member}/removal",
        ) => (B::Nothing, &[]),
        ("POST", "/o/{org}/groups/{group}/members/{member}/restoration") => (B::OutOfGroup, &[]),
        ("POST", "/o/{org}/groups/{group}/invitations") => (
            B::Nothing,
            &[("email", "new@{word}-guests.example"), ("role", "member")],
        ),
        ("POST", "/o/{org}/members/{member}/groups") => (B::OutOfGroup, &[("group", "{group}")]),
        ("POST", "/o/{org}/members/{member}/limit") => (
            B::Nothing,
            &[
                ("monthly_mode", "amount"),
                ("monthly", "1,000"),
                ("daily_mode", "inherit"),
                ("enforcement", "hard"),
            ],
        ),
        ("POST", "/o/{org}/members/{member}/limit/raise/end") => (B::Raised, &[]),
        ("POST", "/o/{org}/limits/defaults") => (
            B::Nothing,
            &[
                ("monthly_mode", "amount"),
                ("monthly", "300"),
                ("daily_mode", "inherit"),
                ("enforcement", "hard"),
                ("apply", "everyone"),
                ("version", "0"),
            ],
        ),
        ("POST", "/o/{org}/limits/groups") => (
            B::Nothing,
            &[
                ("group", "{group}"),
                ("monthly_mode", "amount"),
                ("monthly", "300"),
                ("daily_mode", "inherit"),
                ("enforcement", "hard"),
                ("pool_monthly_mode", "inherit"),
                ("pool_daily_mode", "inherit"),
                ("pool_enforcement", "hard"),
                ("version", "0"),
            ],
        ),
        ("POST", "/o/{org}/limits/pool") => (
            B::Nothing,
            &[
                ("monthly_mode", "amount"),
                ("monthly", "30000"),
                ("daily_mode", "inherit"),
                ("enforcement", "soft"),
                ("version", "0"),
            ],
        ),
        ("POST", "/o/{org}/limits/settings") => (
            B::Nothing,
            &[
                ("unit", "EUR"),
                ("conflict", "lowest"),
                ("anchor_day", "15"),
                ("week_start", "7"),
                ("version", "0"),
            ],
        ),
        ("POST", "/o/{org}/usage/alerts") => (
            B::Nothing,
            &[("parts", "50, 100"), ("spike_factor", "4"), ("version", "0")],
        ),
        ("POST", "/o/{org}/credits") => (
            B::Nothing,
            &[
                ("name", "Other {word}"),
                ("credit_type", "GPU"),
                ("currency", "EUR"),
                ("price", "0.05"),
                ("mode", "cap"),
                ("is_limited", "1"),
                ("grant", "500"),
            ],
        ),
        ("POST", "/o/{org}/credits/wallets") => (B::Nothing, &[("is_on", "1"), ("version", "0")]),
        ("POST", "/o/{org}/credits/{pool}") => (
            B::Nothing,
            &[("name", "{word} fund"), ("credit_type", "Other"), ("price", "2")],
        ),
        ("POST", "/o/{org}/credits/{pool}/grants") => (B::Nothing, &[("grant", "50"), ("note", "For May")]),
        ("POST", "/o/{org}/credits/{pool}/adjustments") => (
            B::Nothing,
            &[("direction", "take"), ("amount", "5"), ("note", "A mistake")],
        ),
        ("POST", "/o/{org}/credits/{pool}/archive") => (B::Nothing, &[("confirm", "{word} fund")]),
        ("POST", "/o/{org}/members/{member}/pool") => (B::Nothing, &[("pool", "{pool}")]),
        ("POST", "/o/{org}/members/{member}/wallet/topups") => (B::Nothing, &[("amount", "5")]),
        ("POST", "/o/{org}/members/{member}/wallet/adjustments") => (
            B::Nothing,
            &[("direction", "add"), ("amount", "5"), ("note", "A mistake")],
        ),
        ("POST", "/o/{org}/limits/request") => (
            B::Limited,
            &[("window", "daily"), ("amount", "90"), ("reason", "A large order")],
        ),
        ("POST", "/o/{org}/limits/request/withdrawal") => (B::OwnAsked, &[("window", "monthly")]),
        ("POST", "/o/{org}/limits/requests/{request}/approval") => (B::Asked, &[("amount", "400")]),
        ("POST", "/o/{org}/limits/requests/{request}/refusal") => (B::Asked, &[("answer", "Not this month")]),
        ("POST", "/o/{org}/members/selection") => (B::Nothing, &[("member", "{member}")]),
        ("POST", "/o/{org}/members/export") => (B::Nothing, &[("member", "{member}"), ("format", "xlsx")]),
        ("POST", "/o/{org}/members/bulk/groups" | "/o/{org}/members/bulk/groups/check") => (
            B::Nothing,
            &[("do", "group-add"), ("member", "{keeper}"), ("group", "{group}")],
        ),
        ("POST", "/o/{org}/members/bulk/roles" | "/o/{org}/members/bulk/roles/check") => {
            (B::Nothing, &[("member", "{member}"), ("role", "viewer")])
        }
        ("POST", "/o/{org}/members/bulk/suspensions" | "/o/{org}/members/bulk/suspensions/check") => {
            (B::Nothing, &[("do", "deactivate"), ("member", "{member}")])
        }
        ("POST", "/o/{org}/members/bulk/pools" | "/o/{org}/members/bulk/pools/check") => {
            (B::Nothing, &[("member", "{member}"), ("pool", "{pool}")])
        }
        ("POST", "/o/{org}/members/bulk/limits" | "/o/{org}/members/bulk/limits/check") => (
            B::Nothing,
            &[
                ("member", "{member}"),
                ("monthly_mode", "amount"),
                ("monthly", "300"),
                ("daily_mode", "keep"),
                ("enforcement", "hard"),
            ],
        ),
        (
            "POST",
            "/o/{org}/members/bulk/disablements"
            | "/o/{org}/members/bulk/disablements/check"
            | "/o/{org}/members/bulk/removals"
            | "/o/{org}/members/bulk/removals/check",
        ) => (B::Nothing, &[("member", "{member}"), ("confirm", "1")]),
        ("POST", "/o/{org}/invites/resends" | "/o/{org}/invites/resends/check") => {
            (B::Later, &[("invitation", "{invitation}")])
        }
        ("POST", path) if path.starts_with("/o/{org}/bulk/") => (B::Nothing, &[]),
        ("POST", "/o/{org}/imports") => (B::Nothing, &[("text", "email\nnew@{word}-guests.example")]),
        ("POST", "/o/{org}/imports/{import}/check") => {
            (B::Nothing, &[("head", "1"), ("column", "email"), ("role", "member")])
        }
        ("POST", "/o/{org}/imports/{import}/run") => (B::Nothing, &[("bad", "skip")]),
        ("POST", "/o/{org}/imports/{import}/stop" | "/o/{org}/imports/{import}/deletion") => (B::Nothing, &[]),
        ("POST", "/o/{org}/keys") => (
            B::Nothing,
            &[
                ("name", "{word} key"),
                ("owner", "group:{group}"),
                ("scope", "api.read"),
                ("expiry", "90"),
            ],
        ),
        ("POST", "/o/{org}/keys/groups") => (
            B::Nothing,
            &[
                ("name", "{group}"),
                ("each", "{group}"),
                ("scope", "api.read"),
                ("expiry", "90"),
            ],
        ),
        ("POST", "/o/{org}/keys/bulk" | "/o/{org}/keys/bulk/check") => {
            (B::Nothing, &[("do", "suspend"), ("key", "{key}")])
        }
        ("POST", "/o/{org}/keys/rules") => (
            B::Nothing,
            &[
                ("personal", "builders"),
                ("max_days", "365"),
                ("default_days", "90"),
                ("version", "0"),
            ],
        ),
        ("POST", "/o/{org}/keys/features") => (
            B::Nothing,
            &[("title", "Other {word}"), ("key", "other"), ("kind", "number")],
        ),
        ("POST", "/o/{org}/keys/features/{feature}") => {
            (B::Nothing, &[("title", "Other {word}"), ("default_value", "on")])
        }
        ("POST", "/o/{org}/keys/features/{feature}/removal") => (B::Nothing, &[("confirm", "batch")]),
        ("POST", "/o/{org}/keys/services") => (B::Nothing, &[("name", "Other {word}")]),
        ("POST", "/o/{org}/keys/services/{service}") => (B::Nothing, &[("name", "Other {word}")]),
        ("POST", "/o/{org}/keys/services/{service}/disablement") => (B::Nothing, &[]),
        ("POST", "/o/{org}/keys/services/{service}/disablement/end") => (B::ServiceOff, &[]),
        ("POST", "/o/{org}/keys/own") => (
            B::Nothing,
            &[("name", "My {word} key"), ("scope", "api.read"), ("expiry", "90")],
        ),
        ("POST", "/o/{org}/keys/own/{key}/rotation" | "/o/{org}/keys/{key}/rotation") => {
            (B::Nothing, &[("overlap", "24h")])
        }
        (
            "POST",
            "/o/{org}/keys/own/{key}/revocation" | "/o/{org}/keys/{key}/revocation" | "/o/{org}/keys/{key}/suspension",
        ) => (B::Nothing, &[]),
        ("POST", "/o/{org}/keys/{key}") => (
            B::Nothing,
            &[("name", "Other {word}"), ("scope", "api.read"), ("expiry", "never")],
        ),
        ("POST", "/o/{org}/keys/{key}/suspension/end") => (B::KeyOff, &[]),
        ("POST", "/o/{org}/views") => (B::Nothing, &[("name", "Viewers"), ("list", "role=viewer")]),
        ("POST", "/o/{org}/views/{view}") => (B::Nothing, &[("name", "Readers")]),
        ("POST", "/o/{org}/views/{view}/deletion") => (B::Nothing, &[]),
        ("POST", "/o/{org}/views/{view}/default") => (B::Nothing, &[("on", "yes")]),
        ("POST", "/o/{org}/settings") => (
            B::Nothing,
            &[
                ("section", "general"),
                ("version", "1"),
                ("name", "Other {word}"),
                ("slug", "other-{word}"),
                ("zone", "Europe/Oslo"),
                ("support_contact", "help@halden.example"),
            ],
        ),
        ("POST", "/o/{org}/subscription") => (
            B::Nothing,
            &[("version", "0"), ("plan", "Team {word}"), ("seats", "500")],
        ),
        ("POST", "/o/{org}/training") => (
            B::Nothing,
            &[
                ("version", "0"),
                ("title", "First steps"),
                ("url", "https://learn.example.com/"),
                ("description", ""),
            ],
        ),
        ("POST", "/o/{org}/getting-started/dismissal" | "/o/{org}/getting-started/dismissal/end") => (B::Nothing, &[]),
        ("POST", "/e/organizations") => (
            B::Nothing,
            &[
                ("name", "More {word}"),
                ("slug", "more-{word}"),
                ("zone", "Europe/Oslo"),
                ("support_contact", "help@halden.example"),
            ],
        ),
        ("POST", "/e/organizations/{organization}") => (
            B::Nothing,
            &[("name", "Other {word}"), ("slug", "other-{word}"), ("version", "1")],
        ),
        ("POST", "/e/organizations/{organization}/archive") => (B::Nothing, &[("confirm", "{slug}")]),
        ("POST", "/e/organizations/{organization}/restore") => (B::Archived, &[]),
        ("POST", "/e/settings") => (
            B::Nothing,
            &[
                ("name", "{word} Group"),
                ("support_contact", "help@halden.example"),
                ("zone", "Europe/Oslo"),
                ("version", "{enterprise}"),
            ],
        ),
        ("POST", "/e/outbox/{mail}/retry" | "/e/outbox/{mail}/cancellation") => (B::Nothing, &[]),
        _ => return None,
    };
    Some(Example { before, fields })
}

/// Routes that are sent a form and record nothing, each with its reason.
const UNRECORDED: [(&str, &str); 21] = [
    (
        "/o/{org}/imports",
        "it keeps a file for oneself for a day; importing it is recorded",
    ),
    ("/o/{org}/imports/{import}/check", DRY),
    (
        "/o/{org}/imports/{import}/deletion",
        "it throws away what nobody was brought in from",
    ),
    ("/me/notifications/read", "a mark for oneself"),
    ("/me/notifications/{notification}/read", "a mark for oneself"),
    ("/o/{org}/getting-started/dismissal", "it puts a card away, for oneself"),
    (
        "/o/{org}/getting-started/dismissal/end",
        "it calls the card back, for oneself",
    ),
    ("/preferences/theme", "a taste, not a deed"),
    ("/password/strength", "it answers and keeps nothing"),
    (
        "/o/{org}/invites/bulk",
        "it shows what a paste holds; confirming it is recorded",
    ),
    (
        "/o/{org}/members/selection",
        "it shows another page of the list with the selection kept",
    ),
    ("/o/{org}/members/bulk/groups/check", DRY),
    ("/o/{org}/members/bulk/roles/check", DRY),
    ("/o/{org}/members/bulk/suspensions/check", DRY),
    ("/o/{org}/members/bulk/limits/check", DRY),
    ("/o/{org}/members/bulk/pools/check", DRY),
    ("/o/{org}/members/bulk/disablements/check", DRY),
    ("/o/{org}/members/bulk/removals/check", DRY),
    ("/o/{org}/keys/bulk/check", DRY),
    ("/o/{org}/invites/resends/check", DRY),
    ("/o/{org}/views/{view}/default", "a taste, not a deed"),
];

const DRY: &str = "a dry run; the deed is recorded";

/// The fields of an example form of the route, as they stand in the table.
pub fn fields(route: &Route) -> Vec<(String, String)> {
    example(route).map_or_else(Vec::new, |example| {
        example
            .fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    })
}

/// A new organization with a browser of one kind of caller.
struct Stage {
    site: Site,
    /// The caller's membership, for a lead.
    own: Option<MemberId>,
    word: String,
    email: String,
    user: Option<UserId>,
    cookie: String,
    csrf: String,
}

async fn stage(portal: &Portal, http: &reqwest::Client, kind: &str, number: usize, hash: &str) -> Stage {
    let word = format!("stage{number}");
    let site = site(portal, &format!("Stage {number}"), &word).await;
    let email = format!("caller@{word}.example");
    let mut own = None;
    let user = match (kind, enterprise_role(kind)) {
        ("anonymous", _) => None,
        ("elsewhere", _) => {
            let cedar = portal.org(&format!("Cedar {number}")).await;
            Some(join(portal, &cedar, Role::Member, &email, None).await.0)
        }
        (_, Some(role)) => Some(portal.enterprise_member(role, &email).await.user),
        ("lead", _) => {
            let (user, member) = join(portal, &site.org, Role::Member, &email, None).await;
            world::make_lead(portal, &site, member).await;
            own = Some(member);
            Some(user)
        }
        _ => Some(
            join(portal, &site.org, Role::find(kind).expect("a role"), &email, None)
                .await
                .0,
        ),
    };
    let account = match user {
        Some(user) => user,
        None => portal.account(&email).await.0, // whose password anonymous browsers enter
    };
    raw(
        &portal.app.db,
        &format!("update users set password_hash = '{hash}' where id = {}", account.raw()),
    )
    .await;
    let cookie = match user {
        Some(user) => portal.session_of(user).await,
        None => String::new(),
    };
    let (csrf, visit) = token(http, portal, &cookie, "/nowhere").await;
    let cookie = if cookie.is_empty() { visit } else { cookie };
    Stage {
        site,
        own,
        word,
        email,
        user,
        cookie,
        csrf,
    }
}

impl Stage {
    /// Opens a page and keeps its cookies.
    async fn open(&mut self, portal: &Portal, http: &reqwest::Client, path: &str) {
        let seen = send(http.get(format!("{}{path}", portal.url)).header("cookie", &self.cookie)).await;
        assert!(seen.status < 400, "{path}: {}", seen.status);
        for pair in seen
            .headers
            .get_all("set-cookie")
            .iter()
            .filter_map(|value| value.to_str().ok()?.split("; ").next())
        {
            self.cookie = format!("{}; {pair}", self.cookie);
        }
    }

    /// Makes the state that the example needs; the value of `{code}`.
    async fn prepare(&mut self, portal: &Portal, http: &reqwest::Client, before: Before) -> String {
        let db = &portal.app.db;
        match before {
            Before::Nothing => {}
            Before::Suspended => {
                end(
                    portal,
                    &self.site.org,
                    "suspended",
                    self.site.member.parse().expect("an id"),
                )
                .await;
            }
            Before::Archived => {
                raw(
                    db,
                    &format!("update orgs set state = 2 where id = {}", self.site.org.id.raw()),
                )
                .await;
            }
            Before::HostPermission => {
                let key = format!("old.{}", self.word);
                for org in [0, self.site.org.id.raw()] {
                    let row = format!(
                        "insert into host_permissions (org_id, key, title, created_at) values ({org}, '{key}', 'Old', 0)"
                    );
                    raw(db, &row).await;
                }
            }
            Before::OutOfGroup | Before::EndsSoon => {
                let (group, member): (_, MemberId) = (self.site.group, self.site.member.parse().expect("an id"));
                let now = portal.clock.now();
                let mut tx = db.write().await.expect("a transaction");
                let can = inside::<permission::GroupManage>(&mut tx, portal.operator(), self.site.org.id)
                    .await
                    .expect("a proof");
                if before == Before::OutOfGroup {
                    groups::remove_member(&mut tx, &can, group, member, now)
                        .await
                        .expect("out of the group");
                } else {
                    let end = Some(now.plus(Duration::from_secs(86_400)));
                    groups::belonging::set_end(&mut tx, &GroupCan::managing(&can, group), member, end, now)
                        .await
                        .expect("an end");
                }
                tx.commit().await.expect("a commit");
            }
            Before::Leads => world::make_lead(portal, &self.site, self.site.member.parse().expect("an id")).await,
            Before::Limited => world::limit_everybody(portal, &self.site.org).await,
            Before::Asked => {
                self.site.request = world::ask_for_more(portal, &self.site.org, self.site.user).await;
            }
            Before::OwnAsked => {
                world::ask_for_more(portal, &self.site.org, self.user.expect("a person")).await;
            }
            Before::Raised => {
                let org = self.site.org.id.raw();
                let member: MemberId = self.site.member.parse().expect("an id");
                let ends = portal.clock.now().plus(Duration::from_secs(86_400)).micros();
                raw(
                    db,
                    &format!(
                        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, valid_until, set_by, set_at)
                         values ({}, {org}, 5, {}, 3, 500000000, 0, {ends}, 'Keeper', 0)",
                        (org << 32) + 900_000,
                        member.raw()
                    ),
                )
                .await;
            }
            Before::Pictured => {
                world::picture(portal, self.user.expect("a person")).await;
            }
            Before::KeyOff => {
                let key: KeyId = self.site.key.parse().expect("an id");
                raw(
                    db,
                    &format!(
                        "update api_keys set state = 2, suspended_by = 1 where id = {}",
                        key.raw()
                    ),
                )
                .await;
            }
            Before::ServiceOff => {
                let service: ServiceId = self.site.service.parse().expect("an id");
                raw(
                    db,
                    &format!("update service_accounts set state = 2 where id = {}", service.raw()),
                )
                .await;
            }
            Before::Later => portal.clock.advance(Duration::from_secs(300)),
            Before::Invited | Before::InvitedLate => {
                if before == Before::InvitedLate {
                    // Somebody who is still there has invited, not the operator.
                    let org = self.site.org.id.raw();
                    raw(
                        db,
                        &format!("update invitations set invited_by = (select min(user_id) from members where org_id = {org} and role = 60) where org_id = {org}"),
                    )
                    .await;
                    portal.clock.advance(Duration::from_secs(31 * 86_400));
                }
                let path = format!("/i/{}", self.site.link);
                self.open(portal, http, &path).await;
            }
            Before::Reset => {
                let (account, ..) = portal.account(&self.email).await;
                let path = format!("/reset/{}", reset(portal, account).await);
                self.open(portal, http, &path).await;
            }
            Before::Unproved | Before::CodeSent => {
                let user = self.user.expect("a person").raw();
                raw(db, &format!("update users set email_proof = 1 where id = {user}")).await;
                if before == Before::CodeSent {
                    let request = http
                        .post(format!("{}/me/address/code", portal.url))
                        .header("cookie", &self.cookie);
                    let seen = send(request.form(&[("csrf", &self.csrf)])).await;
                    assert_eq!(seen.status, 303, "{}", seen.body);
                    let nonce = texts(
                        db,
                        &format!("select cast(nonce as text) from address_codes where user_id = {user}"),
                    )
                    .await;
                    let nonce = nonce.first().and_then(|text| text.parse().ok()).expect("a code");
                    return links::address_code(&portal.app.keys, UserId::from_raw(user), nonce)
                        .expose()
                        .to_owned();
                }
            }
        }
        String::new()
    }
}

/// Who may use the route, the mightiest first.
fn allowed(route: &Route) -> Vec<&'static str> {
    match route.needs {
        Needs::Nothing if route.path.starts_with("/i/") || route.path == "/reset" => vec!["anonymous"],
        Needs::Nothing => vec!["anonymous", "member"],
        Needs::SignIn => vec!["member", "enterprise", "elsewhere"],
        Needs::Key(_) => unreachable!("a person asks no route for keys"),
        Needs::InGroup(_) => vec!["enterprise", "administrator", "manager", "lead"],
        Needs::InOrg(permission) | Needs::Enterprise(permission) => {
            let names = PERMITTED
                .iter()
                .find(|(of, _)| *of == permission)
                .map_or("", |(_, names)| names);
            names.rsplit(' ').collect()
        }
    }
}

async fn act(
    portal: &Portal,
    http: &reqwest::Client,
    route: &Route,
    kind: &str,
    number: usize,
    htmx: bool,
    hash: &str,
) -> Result<(), String> {
    let example = example(route).ok_or_else(|| format!("{} {} has no example", route.method, route.path))?;
    let mut stage = stage(portal, http, kind, number, hash).await;
    let code = stage.prepare(portal, http, example.before).await;
    let own = match (route.target, stage.user) {
        (Target::Invitation, Some(_)) if route.needs == Needs::SignIn => {
            let host = portal.org(&format!("Host {number}")).await;
            invite(portal, &host, &stage.email).await.0
        }
        (Target::Session, Some(user)) => world::another_session(portal, user).await,
        (Target::Notification, Some(user)) => world::notification(portal, user).await,
        (Target::Mail, _) => some_mail(portal, &stage.site.org).await,
        (Target::Account, _) => {
            let email = format!("overseer@{}.example", stage.word);
            let overseer = portal.enterprise_member(EnterpriseRole::Auditor, &email).await;
            overseer.user.to_string()
        }
        (Target::OwnKey, Some(user)) => world::personal_key(portal, &stage.site.org, user).await,
        (Target::View, Some(user)) => world::view(portal, &stage.site.org, user, "own").await,
        (Target::Import, Some(user)) => {
            let state = match route.path.rsplit('/').next() {
                Some("run") => 4,
                Some("stop") => 5,
                _ => 2,
            };
            world::import(portal, &stage.site.org, user, state).await
        }
        (Target::Job, _) => {
            let family = route.path.split('/').nth(4).unwrap_or_default();
            let kind = match family {
                "groups" => "group-add",
                "roles" => "role",
                "suspensions" => "deactivate",
                "disablements" => "disable",
                "removals" => "remove",
                "limits" => "limit",
                "pools" => "pool",
                _ => "resend",
            };
            let subject = match kind {
                "resend" => &stage.site.invitation,
                "group-add" => &stage.site.keeper,
                _ => &stage.site.member,
            };
            world::job(portal, &stage.site.org, kind, subject, route.path.ends_with("/undo")).await
        }
        _ => String::new(),
    };
    let site = &stage.site;
    // A lead steps down; that other leads do so is decided by whoever manages groups.
    let member = match stage.own {
        Some(own) if example.before == Before::Leads => own.to_string(),
        _ => site.member.clone(),
    };
    let path = route
        .path
        .replace("{org}", &site.org.slug)
        .replace("{organization}", &site.org.slug)
        .replace("{member}", &member)
        .replace("{group}", &site.group.to_string())
        .replace(
            "{invitation}",
            if route.needs == Needs::SignIn {
                &own
            } else {
                &site.invitation
            },
        )
        .replace(
            "{key}",
            if route.target == Target::OwnKey {
                &own
            } else {
                &site.key
            },
        )
        .replace("{feature}", &site.feature)
        .replace("{service}", &site.service)
        .replace("{pool}", &site.pool)
        .replace("{session}", &own)
        .replace("{notification}", &own)
        .replace("{mail}", &own)
        .replace("{account}", &own)
        .replace("{role}", &site.role)
        .replace("{job}", &own)
        .replace("{view}", &own)
        .replace("{import}", &own)
        .replace("{batch}", &site.batch)
        .replace("{request}", &site.request);
    let version = texts(&portal.app.db, "select cast(version as text) from enterprise")
        .await
        .concat();
    let fill = |text: &str| {
        text.replace("{word}", &stage.word)
            .replace("{me}", &stage.email)
            .replace("{slug}", &site.org.slug)
            .replace("{role}", &site.role)
            .replace("{group}", &site.group.to_string())
            .replace("{key}", &site.key)
            .replace("{pool}", &site.pool)
            .replace("{keeper}", &site.keeper)
            .replace("{code}", &code)
            .replace("{member}", &site.member)
            .replace("{invitation}", &site.invitation)
            .replace("{enterprise}", &version)
    };
    let mut request = http
        .request(
            Method::from_bytes(route.method.as_str().as_bytes()).expect("a method"),
            format!("{}{path}", portal.url),
        )
        .header("cookie", &stage.cookie)
        .header("x-csrf-token", &stage.csrf);
    if htmx {
        request = request.header("hx-request", "true");
    }
    if route.method.as_str() == "POST" {
        let fields: Vec<(&str, String)> = example
            .fields
            .iter()
            .map(|(name, value)| (*name, fill(value)))
            .collect();
        request = if example.fields.iter().any(|(_, value)| *value == PICTURE) {
            let (kind, body) =
                crate::support::multipart(&[], Some(("picture", "me.png", &crate::support::png(300, 200))));
            request.header("content-type", kind).body(body)
        } else {
            request.form(&fields)
        };
    }
    let seen = send(request).await;
    let what = format!(
        "{} {} by {kind}{}",
        route.method,
        route.path,
        if htmx { " with htmx" } else { "" }
    );
    judge(&what, &path, &seen)?;
    let Some(action) = route.records else { return Ok(()) };
    let request = seen.header("x-request-id");
    let recorded = texts(
        &portal.app.db,
        &format!("select action from audit where request_id = '{request}' and result = 1"),
    )
    .await;
    if recorded.iter().any(|name| name == action.name()) {
        Ok(())
    } else {
        Err(format!("{what} recorded {recorded:?}, not {}", action.name()))
    }
}

fn judge(what: &str, path: &str, seen: &Seen) -> Result<(), String> {
    let faults = header_faults(&seen.headers, path, false);
    if !faults.is_empty() {
        return Err(format!("{what}: {}", faults.join("; ")));
    }
    if matches!(seen.status, 200 | 201 | 204 | 303) {
        return Ok(());
    }
    let words = crate::support::Page::parse(&seen.body).text();
    let from = words.len().saturating_sub(300);
    let from = (from..=words.len()).find(|at| words.is_char_boundary(*at)).unwrap_or(0);
    Err(format!("{what}: {} {}", seen.status, &words[from..]))
}

#[actix_web::test]
async fn cve_c25_audit_gap_every_mutating_route_works_and_is_recorded() {
    let portal = spawn().await;
    portal.enterprise().await;
    let http = client();
    let hash = portal.app.hasher.hash(PASSWORD).await.expect("a hash");
    let mut wrong = Vec::new();
    let mut number = 0;
    let started = std::time::Instant::now();
    for route in &portal.app.table.routes {
        let reads = route.method.as_str() == "GET";
        let listed = UNRECORDED.iter().any(|(path, _)| *path == route.path);
        if reads || route.kind == Kind::Api {
            continue; // what a machine does stands in the ledger of usage
        }
        if route.records.is_some() == listed {
            wrong.push(format!(
                "{} {}: it records an action, or is listed with its reason",
                route.method, route.path
            ));
        }
        if route.path == "/setup/{token}" {
            continue; // see below
        }
        for (place, kind) in allowed(route).into_iter().enumerate() {
            for htmx in [false, true] {
                if htmx && place > 0 {
                    continue;
                }
                number += 1;
                wrong.extend(act(&portal, &http, route, kind, number, htmx, &hash).await.err());
            }
        }
    }
    println!("audit: {number} changes in {:.1} s", started.elapsed().as_secs_f64());
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    assert!(number > 60, "only {number} changes");
}

#[actix_web::test]
async fn cve_c25_audit_gap_setting_up_is_recorded() {
    let portal = spawn().await;
    let http = client();
    let secret = portal
        .app
        .setup
        .as_ref()
        .expect("nothing is set up")
        .expose()
        .to_owned();
    let route = portal
        .app
        .table
        .routes
        .iter()
        .find(|route| route.path == "/setup/{token}" && route.method.as_str() == "POST")
        .expect("the route");
    let (csrf, visit) = token(&http, &portal, "", &format!("/setup/{secret}")).await;
    let mut fields = fields(route);
    fields.push(("csrf".to_owned(), csrf));
    let seen = send(
        http.post(format!("{}/setup/{secret}", portal.url))
            .header("cookie", visit)
            .form(&fields),
    )
    .await;
    assert_eq!(seen.status, 303, "{}", seen.body);
    let actions: Vec<String> = portal.audit(None).await.into_iter().map(|row| row.action).collect();
    let action = route.records.expect("it records").name();
    assert!(actions.iter().any(|name| name == action), "{actions:?}");
}

#[test]
fn standing_names_are_roles() {
    for (name, standing) in world::KINDS {
        match standing {
            Standing::Role(_) => assert!(Role::find(name).is_some(), "{name}"),
            _ => assert!(enterprise_role(name).is_some(), "{name}"),
        }
    }
}
