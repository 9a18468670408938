//! API keys: made, shown once, used, rotated, ended; whose they are and what becomes of them with their owner (R-KEY, B-19, B-65, C11).

use std::time::Duration;

use muster::{
    access::{
        Can, Role, inside,
        permission::{self, Right},
    },
    groups,
    ids::{FeatureId, GroupId, KeyId, MemberId},
    keys::{self, Bearer, Kind, Presented, Standing, find_by_hash, touch},
    members::{
        mass::{self, Pause},
        member,
    },
};

use crate::support::{Answer, Client, Org, Portal, Someone, raw, spawn, texts};

const DAY: Duration = Duration::from_secs(86_400);

async fn start() -> (Portal, Org, Someone, Someone) {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    (portal, org, ann, ben)
}

async fn proof<P: Right>(portal: &Portal, org: &Org) -> Can<P> {
    inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("a proof")
}

pub async fn group(portal: &Portal, org: &Org, name: &str, members: &[MemberId]) -> GroupId {
    let by = proof::<permission::GroupManage>(portal, org).await;
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let id = groups::create(&mut tx, &by, name, groups::Kind::Team, now)
        .await
        .expect("a group");
    groups::add_members(&mut tx, &by, id, members, now)
        .await
        .expect("members");
    tx.commit().await.expect("a commit");
    id
}

/// The key that a page shows, once.
#[track_caller]
fn shown(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let page = answer.page(200);
    let key = page.attribute(".copy input", "value").expect("a key to copy");
    assert!(Presented::parse(&key).is_ok(), "{key}");
    key
}

/// Who comes with a key, as a gate asks.
async fn bearer(portal: &Portal, key: &str) -> Option<Bearer> {
    let presented = Presented::parse(key).ok()?;
    find_by_hash(&mut portal.app.db.read(), presented.hash(), portal.clock.now())
        .await
        .expect("a look-up")
}

/// Why a key does not work now; `Err` when nobody knows it.
async fn stop(portal: &Portal, key: &str) -> Result<Option<Standing>, ()> {
    let bearer = bearer(portal, key).await.ok_or(())?;
    let standing = bearer.standing(portal.clock.now());
    Ok((standing != Standing::Active).then_some(standing))
}

fn form<'a>(name: &'a str, owner: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", name),
        ("owner", owner),
        ("scope", "api.call"),
        ("expiry", "90"),
    ]
}

/// Makes a key of a group or a service account.
pub async fn make(by: &Client, org: &Org, name: &str, owner: &str) -> (String, String) {
    let answer = by.post(&org.path("/keys"), &form(name, owner)).await;
    let key = shown(&answer);
    (key, id_of(&answer))
}

#[track_caller]
fn id_of(answer: &Answer) -> String {
    let page = answer.page(200);
    let href = page.attribute(".page-head a.primary", "href").expect("the way on");
    href.rsplit('/').next().expect("an id").to_owned()
}

/// Makes a key of the caller's own.
async fn make_own(by: &Client, org: &Org, name: &str) -> (String, String) {
    let fields = [("name", name), ("scope", "api.call"), ("expiry", "90")];
    let answer = by.post(&org.path("/keys/own"), &fields).await;
    (shown(&answer), id_of(&answer))
}

/// Makes a service account with a key of these scopes; the key in plain text.
pub async fn service_key(by: &Someone, org: &Org, scopes: &str) -> String {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
    let name = format!("service {}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let there = by
        .post(&org.path("/keys/services"), &[("name", &name)])
        .await
        .redirects_to(&org.path("/keys/services"));
    let owner = format!("service:{}", there.rsplit('/').next().expect("an id"));
    let mut fields = vec![("name", "gate"), ("owner", &owner), ("expiry", "90")];
    fields.extend(scopes.split(' ').map(|scope| ("scope", scope)));
    shown(&by.post(&org.path("/keys"), &fields).await)
}

/// Makes a key of the caller's own with these scopes; in plain text.
pub async fn own_key(by: &Someone, org: &Org, scopes: &str) -> String {
    let mut fields = vec![("name", "own"), ("expiry", "90")];
    fields.extend(scopes.split(' ').map(|scope| ("scope", scope)));
    shown(&by.post(&org.path("/keys/own"), &fields).await)
}

async fn actions(portal: &Portal, org: &Org) -> Vec<String> {
    let rows = portal.audit(Some(org)).await;
    rows.into_iter().map(|row| row.action).collect()
}

#[actix_web::test]
async fn r_key_01_02_03_a_group_key_with_a_feature_is_shown_once() {
    let (portal, org, ann, ben) = start().await;
    let team = group(&portal, &org, "Engineering", &[ben.member.expect("a member")]).await;
    for fields in [
        ["Batch jobs", "batch", "bool", "", ""],
        ["Model", "model", "choice", "small\nlarge", "small"],
        ["Tokens", "tokens", "number", "", ""],
    ] {
        feature(&portal, &ann, &org, fields).await;
    }
    let page = ann.get(&org.path("/keys/new")).await.page(200);
    page.assert_says("Engineering");
    let ids = page.attributes("input[name=feature]", "value");
    assert_eq!(ids.len(), 3, "batch, model, tokens by title");
    let nonce = page.value("nonce").expect("a nonce");
    let owner = format!("group:{team}");
    let mut fields = form("warehouse-etl", &owner);
    fields.push(("nonce", &nonce));
    fields.push(("members", &ben.email));
    for (id, value) in ids.iter().zip(["on", "", "32000"]) {
        fields.push(("feature", id));
        fields.push(("value", value));
    }
    let bad = [fields.as_slice(), &[("feature", ids[2].as_str()), ("value", "many")]].concat();
    let refused = ann.post(&org.path("/keys"), &bad).await.page(422);
    refused.assert_says("Tokens: enter a whole number");
    assert_eq!(
        refused.value("name").as_deref(),
        Some("warehouse-etl"),
        "the form comes back"
    );

    let answer = ann.post(&org.path("/keys"), &fields).await;
    let key = shown(&answer);
    answer.page(200).assert_says("Copy the key now, it is shown only once.");
    let id = id_of(&answer);
    // Sending the form again makes no second key and shows nothing.
    let again = ann.post(&org.path("/keys"), &fields).await;
    again.redirects_to(&org.path(&format!("/keys/{id}")));
    assert_eq!(portal.number("select count(*) from api_keys").await, 1);
    for path in ["/keys", &format!("/keys/{id}"), &format!("/keys/{id}/edit"), "/audit"] {
        let page = ann.get(&org.path(path)).await;
        assert_eq!(page.status, 200);
        assert!(!page.body.contains(&key), "{path} shows the key");
    }
    let row = ann.get(&org.path("/keys")).await.page(200).row("warehouse-etl");
    row.assert_cell("Belongs to", "Engineering");
    row.assert_cell("Features", "Batch jobs Tokens: 32000");
    row.assert_cell("Last used", "Never");

    let found = bearer(&portal, &key).await.expect("somebody's key");
    assert_eq!(
        (found.kind, found.group, found.groups.as_slice()),
        (Kind::Group, Some(team), &[team][..])
    );
    assert_eq!(found.members, [ben.member.expect("a member")]);
    let mut values = found.features.clone();
    values.sort();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        values,
        [pair("batch", "on"), pair("model", "small"), pair("tokens", "32000")],
        "the default fills in"
    );
    assert_eq!(found.standing(portal.clock.now()), Standing::Active);
    assert!(found.allowed().has("api.call") && !found.allowed().has("app.deploy"));
    let shown_to_ben = portal
        .number("select count(*) from members where context_at is not null")
        .await;
    assert_eq!(shown_to_ben, 1, "a bound key is a first key (C-14)");

    // Nothing but the fingerprint is kept, and the record holds no secret.
    let secret = &key[17..];
    for row in portal.audit(Some(&org)).await {
        assert!(!row.after.contains(secret) && !row.before.contains(secret), "{row:?}");
    }
    let names = texts(
        &portal.app.db,
        "select name || public_id || last_four || scopes from api_keys",
    )
    .await;
    assert!(names.iter().all(|text| !text.contains(secret)));
    assert!(actions(&portal, &org).await.contains(&"key.create".to_owned()));
}

#[actix_web::test]
async fn r_key_06_r_sta_01_02_a_first_personal_key_makes_a_member_active() {
    let (portal, org, ann, ben) = start().await;
    let status = async || {
        let sql = format!(
            "select cast(status as text) from members where id = {}",
            ben.member.expect("a member").raw()
        );
        texts(&portal.app.db, &sql).await.concat()
    };
    assert_eq!(status().await, "2");
    ben.get("/me/keys").await.page(200).assert_says("None yet.");
    let (key, id) = make_own(&ben, &org, "laptop").await;
    assert_eq!(status().await, "1");
    let told = actions(&portal, &org).await;
    assert!(told.contains(&"member.context.provision".to_owned()), "{told:?}");
    let active = portal
        .number("select cast(coalesce(sum(n), 0) as bigint) from member_counts where status = 1")
        .await;
    assert_eq!(active, 1, "the counts follow");
    let found = bearer(&portal, &key).await.expect("Ben's key");
    let owner = found.owner.clone().expect("an owner");
    assert_eq!(
        (owner.member, owner.account, owner.role),
        (ben.member.expect("a member"), ben.user, Role::Developer)
    );
    ben.get("/me/keys").await.page(200).assert_says("laptop");
    let page = ben.get(&org.path(&format!("/keys/own/{id}"))).await.page(200);
    page.assert_heading("laptop");
    assert!(!page.html().contains(&key));
    // It stands on the member's page for themselves and for whoever manages keys, and for nobody else.
    let view = org.path(&format!("/members/{}", ben.id()));
    for who in [&ann, &ben] {
        who.get(&view).await.page(200).assert_says("laptop");
    }
    let eve = portal.member(&org, Role::Viewer, "eve").await;
    eve.get(&view).await.page(200).assert_silent("laptop");
    // Nobody else opens it as their own, and an administrator cannot take its secret over.
    let own = org.path(&format!("/keys/own/{id}"));
    assert_eq!(eve.get(&own).await.status, 404);
    assert_eq!(
        ann.post(&format!("{own}/rotation"), &[("overlap", "0")]).await.status,
        404
    );
    let there = org.path(&format!("/keys/{id}"));
    ann.get(&there).await.page(200).assert_silent("Rotate key");
    assert_eq!(
        ann.post(&format!("{there}/rotation"), &[("overlap", "0")]).await.status,
        403
    );
    assert_eq!(stop(&portal, &key).await, Ok(None));
    ben.post(&format!("{own}/revocation"), &[])
        .await
        .redirects_to("/me/keys");
    assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::Revoked)));
}

#[actix_web::test]
async fn c_34_rules_say_who_has_personal_keys_and_for_how_long() {
    let (portal, org, ann, ben) = start().await;
    let mia = portal.member(&org, Role::Member, "mia").await;
    make_own(&mia, &org, "first").await;
    let rules = org.path("/keys/rules");
    let set = [
        ("personal", "builders"),
        ("max_days", "90"),
        ("default_days", "30"),
        ("version", "0"),
    ];
    ann.post(&rules, &[set[0], set[1], ("default_days", "365"), set[3]])
        .await
        .page(422)
        .assert_says("Keys live at most 90 days");
    ann.post(&rules, &set).await.redirects_to(&org.path("/settings#keys"));
    ann.post(&rules, &[("personal", "nobody"), set[1], set[2], set[3]])
        .await
        .page(409)
        .assert_says("Somebody changed the rules of keys meanwhile");
    let policies = ann.get(&org.path("/policies")).await.page(200);
    policies
        .row("Who may have personal API keys")
        .assert_cell("Value", "Developers, Managers and Org Admins");
    ann.get(&org.path("/settings"))
        .await
        .page(200)
        .assert_says("Longest life 90 days");
    mia.get(&org.path("/keys/own/new"))
        .await
        .page(200)
        .assert_says("No key can be made here");
    let fields = [("name", "second"), ("scope", "api.call"), ("expiry", "30")];
    assert_eq!(mia.post(&org.path("/keys/own"), &fields).await.status, 403);
    let long = [("name", "long"), ("scope", "api.call"), ("expiry", "never")];
    ben.post(&org.path("/keys/own"), &long)
        .await
        .page(422)
        .assert_says("Keys of this organization live at most 90 days.");
    let day = [
        ("name", "long"),
        ("scope", "api.call"),
        ("expiry", "30"),
        ("expires_on", "2027-12-31"),
    ];
    assert_eq!(ben.post(&org.path("/keys/own"), &day).await.status, 422);
    make_own(&ben, &org, "fits").await;
    assert_eq!(
        portal.number("select count(*) from api_keys").await,
        2,
        "those that there are go on"
    );
    assert!(actions(&portal, &org).await.contains(&"key.rules".to_owned()));
    assert_eq!(ben.get(&rules).await.status, 403);
}

#[actix_web::test]
async fn cve_c11_no_key_is_stronger_than_its_maker_or_its_owner() {
    let (portal, org, ann, ben) = start().await;
    let vic = portal.member(&org, Role::Viewer, "vic").await;
    let max = portal.member(&org, Role::Manager, "max").await;
    let own = org.path("/keys/own");
    let ask = |scope: &'static str| [("name", "k"), ("scope", scope), ("expiry", "90")];
    // At its making: within the maker's permissions, and nothing of Muster itself.
    vic.post(&own, &ask("api.call"))
        .await
        .page(422)
        .assert_says("more than you may do yourself");
    vic.post(&own, &ask("api.read")).await.page(200);
    for scope in ["gate.decide", "member.manage", "host:flow.publish", ""] {
        assert_eq!(ben.post(&own, &ask(scope)).await.status, 422, "{scope}");
    }
    assert_eq!(ben.post(&own, &ask("app.deploy")).await.status, 422);
    let team = group(&portal, &org, "Engineering", &[]).await;
    let owner = format!("group:{team}");
    let mut duty = form("k", &owner);
    duty.push(("scope", "usage.write"));
    ann.post(&org.path("/keys"), &duty)
        .await
        .page(422)
        .assert_says("Only keys of service accounts");
    // At its use: never more than the owner may do at the moment.
    let (key, _) = make_own(&ben, &org, "ben's").await;
    assert!(bearer(&portal, &key).await.expect("a key").allowed().has("api.call"));
    ann.post(&org.path(&format!("/members/{}/role", ben.id())), &[("role", "viewer")])
        .await
        .redirects_to(&org.path("/members"));
    let found = bearer(&portal, &key).await.expect("a key");
    assert!(
        found.scopes.has("api.call") && !found.allowed().has("api.call"),
        "on the next request"
    );
    // Whoever rotates sees the secret, so the same holds for them.
    raw(
        &portal.app.db,
        &format!("insert into host_permissions (org_id, key, title, created_at) values ({}, 'flow.publish', 'Publish flows', 0)", org.id.raw()),
    )
    .await;
    let mut strong = form("strong", &owner);
    strong.push(("scope", "host:flow.publish"));
    assert_eq!(
        max.post(&org.path("/keys"), &strong).await.status,
        422,
        "a Manager has no such permission"
    );
    let answer = ann.post(&org.path("/keys"), &strong).await;
    let (key, id) = (shown(&answer), id_of(&answer));
    let there = org.path(&format!("/keys/{id}"));
    assert_eq!(
        max.post(&format!("{there}/rotation"), &[("overlap", "0")]).await.status,
        403
    );
    assert_eq!(stop(&portal, &key).await, Ok(None));
    // Changing its name keeps what it has; widening it does not go through.
    let keep = [
        ("name", "renamed"),
        ("scope", "api.call"),
        ("scope", "host:flow.publish"),
        ("expiry", "never"),
    ];
    max.post(&there, &keep).await.redirects_to(&there);
    let wider = [
        ("name", "wider"),
        ("scope", "api.call"),
        ("scope", "host:flow.other"),
        ("expiry", "never"),
    ];
    assert_eq!(max.post(&there, &wider).await.status, 422);
}

#[actix_web::test]
async fn b_65_service_accounts_own_keys_that_belong_to_no_person() {
    let (portal, org, ann, _) = start().await;
    let services = org.path("/keys/services");
    let there = ann
        .post(&services, &[("name", "prod-gateway")])
        .await
        .redirects_to(&services);
    ann.post(&services, &[("name", "Prod-Gateway")])
        .await
        .page(422)
        .assert_says("There is a service account");
    let id = there.rsplit('/').next().expect("an id").to_owned();
    let owner = format!("service:{id}");
    let mut fields = form("gate", &owner);
    fields.extend([("scope", "gate.decide"), ("scope", "usage.write")]);
    let key = shown(&ann.post(&org.path("/keys"), &fields).await);
    let found = bearer(&portal, &key).await.expect("a key");
    assert!(found.kind == Kind::Service && found.allowed().has("gate.decide") && !found.allowed().has("gate.reserve"));
    ann.post(&format!("{there}/disablement"), &[])
        .await
        .redirects_to(&there);
    assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::WithService)));
    assert_eq!(
        ann.post(&org.path("/keys"), &fields).await.status,
        422,
        "a disabled one gets no keys"
    );
    ann.get(&org.path("/keys"))
        .await
        .page(200)
        .row("gate")
        .assert_cell("Status", "Suspended with its service account");
    ann.post(&format!("{there}/disablement/end"), &[])
        .await
        .redirects_to(&there);
    assert_eq!(stop(&portal, &key).await, Ok(None));
    let renamed = [("name", "edge"), ("version", "3")];
    ann.post(&there, &renamed).await.redirects_to(&services);
    assert_eq!(
        ann.post(&there, &renamed).await.status,
        409,
        "somebody saw an older one"
    );
    // Ann leaves; the key stays.
    portal.member(&org, Role::Administrator, "zoe").await;
    end(&portal, &org, &ann, "removed").await;
    assert_eq!(stop(&portal, &key).await, Ok(None));
}

/// Brings a member into a state through the verb for one.
async fn end(portal: &Portal, org: &Org, who: &Someone, state: &str) {
    let (id, now) = (who.member.expect("a member"), portal.clock.now());
    let suspend = proof::<permission::MemberSuspend>(portal, org).await;
    let disable = proof::<permission::MemberDisable>(portal, org).await;
    let manage = proof::<permission::MemberManage>(portal, org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    match state {
        "suspended" => member::suspend(&mut tx, &suspend, id, None, "", now).await,
        "active" => member::activate(&mut tx, &suspend, id, now).await,
        "disabled" => member::disable(&mut tx, &disable, id, "", now).await,
        "restored" => member::restore(&mut tx, &disable, id, "A mistake", now).await,
        _ => member::remove(&mut tx, &manage, id, now).await,
    }
    .expect("it is done");
    tx.commit().await.expect("a commit");
}

#[actix_web::test]
async fn i_11_i_22_keys_follow_their_owner_at_once_and_only_those_come_back() {
    let (portal, org, ann, ben) = start().await;
    let (key, _) = make_own(&ben, &org, "laptop").await;
    let (paused, id) = make_own(&ben, &org, "paused").await;
    ann.post(&org.path(&format!("/keys/{id}/suspension")), &[])
        .await
        .redirects_to(&org.path("/keys"));
    assert_eq!(stop(&portal, &paused).await, Ok(Some(Standing::Suspended)));
    for (state, back) in [("suspended", "active"), ("disabled", "restored")] {
        end(&portal, &org, &ben, state).await;
        assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::WithOwner)), "{state}");
        assert_eq!(stop(&portal, &paused).await, Ok(Some(Standing::Suspended)));
        ann.get(&org.path("/keys"))
            .await
            .page(200)
            .row("laptop")
            .assert_cell("Status", "Suspended with its owner");
        end(&portal, &org, &ben, back).await;
        assert_eq!(stop(&portal, &key).await, Ok(None), "{back}");
        assert_eq!(
            stop(&portal, &paused).await,
            Ok(Some(Standing::Suspended)),
            "a person's suspension stays"
        );
    }
    raw(
        &portal.app.db,
        &format!("update users set state = 2 where id = {}", ben.user.raw()),
    )
    .await;
    assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::Account)));
    raw(
        &portal.app.db,
        &format!("update users set state = 1 where id = {}", ben.user.raw()),
    )
    .await;
    raw(
        &portal.app.db,
        &format!("update orgs set state = 2 where id = {}", org.id.raw()),
    )
    .await;
    assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::Archived)));
    raw(
        &portal.app.db,
        &format!("update orgs set state = 1 where id = {}", org.id.raw()),
    )
    .await;
    end(&portal, &org, &ben, "removed").await;
    for key in [&key, &paused] {
        assert_eq!(stop(&portal, key).await, Ok(Some(Standing::Revoked)));
    }
    let told = actions(&portal, &org).await;
    let count = |name: &str| told.iter().filter(|action| *action == name).count();
    assert_eq!(
        (count("key.suspend"), count("key.activate"), count("key.revoke")),
        (3, 2, 2)
    );
}

#[actix_web::test]
async fn i_25_keys_follow_many_owners_as_they_follow_one() {
    let (portal, org, _, _) = start().await;
    let mut keys = Vec::new();
    let mut ids = Vec::new();
    for name in ["p1", "p2"] {
        let who = portal.member(&org, Role::Developer, name).await;
        keys.push(make_own(&who, &org, name).await.0);
        ids.push(who.member.expect("a member"));
    }
    let now = portal.clock.now();
    let state = async |expected: Option<Standing>| {
        for key in &keys {
            assert_eq!(stop(&portal, key).await, Ok(expected));
        }
    };
    let suspend = proof::<permission::MemberSuspend>(&portal, &org).await;
    let wanted: Vec<_> = ids.iter().map(|id| (*id, Pause::default())).collect();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    mass::suspend(&mut tx, &suspend, &wanted, now).await.expect("suspended");
    tx.commit().await.expect("a commit");
    state(Some(Standing::WithOwner)).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    mass::activate(&mut tx, &suspend, &ids, now).await.expect("activated");
    tx.commit().await.expect("a commit");
    state(None).await;
    let disable = proof::<permission::MemberDisable>(&portal, &org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    mass::disable(&mut tx, &disable, &ids[..1], "", now)
        .await
        .expect("disabled");
    tx.commit().await.expect("a commit");
    assert_eq!(stop(&portal, &keys[0]).await, Ok(Some(Standing::WithOwner)));
    let manage = proof::<permission::MemberManage>(&portal, &org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    mass::remove(&mut tx, &manage, &ids, now).await.expect("removed");
    tx.commit().await.expect("a commit");
    state(Some(Standing::Revoked)).await;
}

#[actix_web::test]
async fn dialogs_say_how_many_keys_stop_working() {
    let (portal, org, ann, ben) = start().await;
    let member = org.path(&format!("/members/{}", ben.id()));
    let says = async |path: &str, words: &str| ann.get(path).await.page(200).assert_says(words);
    let none = ann.get(&format!("{member}/removal")).await;
    assert!(!none.body.contains("that stop"), "{}", none.body);
    make_own(&ben, &org, "laptop").await;
    says(&format!("{member}/disablement"), "1 API key that stops working").await;
    make_own(&ben, &org, "desktop").await;
    let (_, paused) = make_own(&ben, &org, "paused").await;
    ann.post(&org.path(&format!("/keys/{paused}/suspension")), &[])
        .await
        .redirects_to(&org.path("/keys"));
    says(&format!("{member}/disablement"), "2 API keys that stop working").await;
    says(&format!("{member}/removal"), "2 API keys that stop working").await;
    let team = group(&portal, &org, "Engineering", &[]).await;
    let deletion = org.path(&format!("/groups/{team}/deletion"));
    let none = ann.get(&deletion).await;
    assert!(!none.body.contains("that stop"), "{}", none.body);
    make(&ann, &org, "ci", &format!("group:{team}")).await;
    says(&deletion, "1 API key of the group that stops working").await;
    portal.clock.advance(91 * DAY);
    let ann = Someone {
        client: portal.sign_in(ann.user).await,
        ..ann
    };
    let ended = ann.get(&deletion).await;
    assert!(!ended.body.contains("that stop"), "{}", ended.body);
}

#[actix_web::test]
async fn b_19_rotation_lets_two_secrets_work_until_the_older_one_ends() {
    let (portal, org, ann, _) = start().await;
    let team = group(&portal, &org, "Engineering", &[]).await;
    let (first, id) = make(&ann, &org, "ci", &format!("group:{team}")).await;
    let there = org.path(&format!("/keys/{id}"));
    assert_eq!(
        ann.post(&format!("{there}/rotation"), &[("overlap", "9d")])
            .await
            .status,
        422
    );
    let page = ann.get(&there).await.page(200);
    let version = page
        .attribute("#rotation input[name=version]", "value")
        .expect("a version");
    let fields = [("overlap", "24h"), ("version", version.as_str())];
    let answer = ann.post(&format!("{there}/rotation"), &fields).await;
    let second = shown(&answer);
    answer.page(200).assert_says("The old secret works until");
    assert_ne!(first, second);
    assert_eq!(first[..17], second[..17], "it is the same key");
    assert_eq!(
        (stop(&portal, &first).await, stop(&portal, &second).await),
        (Ok(None), Ok(None))
    );
    // Reloading sends the form again: nothing is rotated and nothing shown.
    let again = ann.post(&format!("{there}/rotation"), &fields).await;
    again.redirects_to(&there);
    assert_eq!(stop(&portal, &first).await, Ok(None));
    portal.clock.advance(Duration::from_secs(86_399));
    assert_eq!(stop(&portal, &first).await, Ok(None));
    portal.clock.advance(Duration::from_secs(1));
    assert_eq!(
        (stop(&portal, &first).await, stop(&portal, &second).await),
        (Err(()), Ok(None)),
        "at its instant"
    );
    muster::jobs::tidy(&portal.app).await.expect("the minute's work");
    assert_eq!(
        (stop(&portal, &first).await, stop(&portal, &second).await),
        (Err(()), Ok(None))
    );
    let ann = portal.sign_in(ann.user).await;
    // A rotation within an overlap ends the oldest secret; one without ends all before.
    let third = shown(&ann.post(&format!("{there}/rotation"), &[("overlap", "7d")]).await);
    let fourth = shown(&ann.post(&format!("{there}/rotation"), &[("overlap", "1h")]).await);
    let now = (
        stop(&portal, &second).await,
        stop(&portal, &third).await,
        stop(&portal, &fourth).await,
    );
    assert_eq!(now, (Err(()), Ok(None), Ok(None)));
    let fifth = shown(&ann.post(&format!("{there}/rotation"), &[("overlap", "0")]).await);
    assert_eq!(
        (stop(&portal, &fourth).await, stop(&portal, &fifth).await),
        (Err(()), Ok(None))
    );
    // A mistyped key is refused before anybody is asked.
    let last = if fifth.ends_with('0') { "1" } else { "0" };
    assert!(Presented::parse(&format!("{}{last}", &fifth[..fifth.len() - 1])).is_err());
}

#[actix_web::test]
async fn b_19_ends_are_told_three_times_and_unused_keys_are_found() {
    let (portal, org, ann, ben) = start().await;
    let team = group(&portal, &org, "Engineering", &[]).await;
    make_own(&ben, &org, "laptop").await;
    let (gate, id) = make(&ann, &org, "gate", &format!("group:{team}")).await;
    let mut told = Vec::new();
    for day in 0..95 {
        muster::jobs::tidy(&portal.app).await.expect("the minute's work");
        if portal.mails_to(&ben.email).await > told.len() {
            told.push(90 - day);
        }
        portal.clock.advance(DAY);
    }
    assert_eq!(told, [30, 14, 3], "days before the end, once each");
    let mail = portal.mail_to(&ben.email).await;
    assert_eq!(mail.subject, "An API key of Acme expires soon");
    assert!(mail.text.contains("laptop") && mail.link().contains("/keys/own/"));
    assert_eq!(portal.mails_to(&ann.email).await, 3, "whoever made a group's key");
    assert_eq!(stop(&portal, &gate).await, Ok(Some(Standing::Expired)));

    let ann = portal.sign_in(ann.user).await;
    let list = async |query: &str| ann.get(&org.path(&format!("/keys{query}"))).await.page(200);
    assert!(list("?state=expired").await.find_row("gate").is_some());
    assert!(list("?state=active").await.find_row("gate").is_none());
    let page = list("?unused=1").await;
    page.row("gate").assert_cell("Key", "Unused");
    // A use is noted, and an older one that comes late changes nothing.
    let key: KeyId = id.parse().expect("an id");
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    touch(&mut tx, key, now, "203.0.113.9").await.expect("noted");
    touch(&mut tx, key, now.minus(DAY), "203.0.113.1").await.expect("noted");
    tx.commit().await.expect("a commit");
    assert!(list("?unused=1").await.find_row("gate").is_none());
    let page = ann.get(&org.path(&format!("/keys/{id}"))).await.page(200);
    page.assert_says("from 203.0.113.9");
    // It lives again with a later end.
    let edit = [("name", "gate"), ("scope", "api.call"), ("expiry", "7")];
    ann.post(&org.path(&format!("/keys/{id}")), &edit)
        .await
        .redirects_to(&org.path("/keys"));
    assert_eq!(stop(&portal, &gate).await, Ok(None));
    assert!(list("?expiring=1").await.find_row("gate").is_some());
    assert!(list("?kind=personal").await.find_row("gate").is_none());
    assert!(list(&format!("?group={team}")).await.find_row("gate").is_some());
    assert!(list("?q=GAT").await.find_row("gate").is_some());
    list("?q=nothing").await.assert_says("No key matches");
}

#[actix_web::test]
async fn i_22_a_keys_limit_never_exceeds_its_owners() {
    let (portal, org, ann, ben) = start().await;
    let limit = [
        ("monthly_mode", "amount"),
        ("monthly", "400"),
        ("daily_mode", "inherit"),
        ("enforcement", "hard"),
    ];
    ann.post(&org.path(&format!("/members/{}/limit", ben.id())), &limit)
        .await
        .redirects_to(&org.path("/members"));
    let own = org.path("/keys/own");
    let with = |monthly: &'static str, daily: &'static str| {
        [
            ("name", "laptop"),
            ("scope", "api.call"),
            ("expiry", "90"),
            ("monthly", monthly),
            ("daily", daily),
        ]
    };
    let page = ben.post(&own, &with("401", "")).await.page(422);
    page.assert_says("The monthly limit can’t be higher than what its owner may use: 400 credits.");
    assert_eq!(page.value("monthly").as_deref(), Some("401"));
    assert_eq!(
        ben.post(&own, &with("100", "200")).await.status,
        422,
        "a day above its month"
    );
    assert_eq!(ben.post(&own, &with("many", "")).await.status, 422);
    assert_eq!(
        portal.number("select count(*) from api_keys").await,
        0,
        "nothing of a refused key stays"
    );
    let answer = ben.post(&own, &with("400", "20")).await;
    let id = id_of(&answer);
    shown(&answer);
    ben.get(&org.path(&format!("/keys/own/{id}")))
        .await
        .page(200)
        .assert_says("Of this key 400 credits a month, 20 credits a day");
    assert_eq!(
        portal
            .number("select count(*) from limit_policies where scope = 6")
            .await,
        2
    );
    // What is nobody's own limit changes nothing about the member's.
    let row = ann.get(&org.path("/members")).await.page(200).row("Ben");
    row.assert_cell("Limit", "400 a month");
}

#[actix_web::test]
async fn r_key_04_one_key_for_each_of_some_groups_and_many_states_at_once() {
    let (portal, org, ann, _) = start().await;
    let (one, two) = (
        group(&portal, &org, "Alpha", &[]).await.to_string(),
        group(&portal, &org, "Beta", &[]).await.to_string(),
    );
    let path = org.path("/keys/groups");
    let nonce = ann.get(&path).await.page(200).value("nonce").expect("a nonce");
    let fields = [
        ("name", "{group} gateway"),
        ("each", one.as_str()),
        ("each", two.as_str()),
        ("scope", "api.call"),
        ("expiry", "90"),
        ("nonce", nonce.as_str()),
    ];
    let check = [fields.as_slice(), &[("step", "check")]].concat();
    let page = ann.post(&path, &check).await.page(200);
    page.assert_says("2 keys will be created: Alpha gateway, Beta gateway.");
    assert_eq!(portal.number("select count(*) from api_keys").await, 0, "a dry run");
    let none = [
        ("name", "x"),
        ("scope", "api.call"),
        ("expiry", "90"),
        ("step", "check"),
    ];
    ann.post(&path, &none)
        .await
        .page(422)
        .assert_says("Choose at least one group.");
    let made = ann.post(&path, &fields).await.page(200);
    let keys = made.attributes(".copy input", "value");
    assert_eq!(keys.len(), 2);
    ann.post(&path, &fields).await.redirects_to(&org.path("/keys"));
    assert_eq!(
        portal.number("select count(*) from api_keys").await,
        2,
        "the form sent again makes nothing"
    );

    let page = ann.get(&org.path("/keys")).await.page(200);
    let ids = page.attributes("tbody input[name=key]", "value");
    let foreign = KeyId::from_raw(99 << 32 | 7).to_string();
    let with = |deed: &'static str| -> Vec<(&str, &str)> {
        let mut all = vec![("do", deed), ("key", foreign.as_str())];
        all.extend(ids.iter().map(|id| ("key", id.as_str())));
        all
    };
    let check = ann
        .post(&org.path("/keys/bulk/check"), &with("suspend"))
        .await
        .page(200);
    check.assert_heading("Suspend 2 keys");
    assert_eq!(stop(&portal, &keys[0]).await, Ok(None), "nothing is done yet");
    ann.post(&org.path("/keys/bulk"), &with("suspend"))
        .await
        .redirects_to(&org.path("/keys"));
    for key in &keys {
        assert_eq!(stop(&portal, key).await, Ok(Some(Standing::Suspended)));
    }
    let check = ann
        .post(&org.path("/keys/bulk/check"), &with("suspend"))
        .await
        .page(200);
    check.assert_says("is suspended already");
    ann.post(&org.path("/keys/bulk"), &with("activate"))
        .await
        .redirects_to(&org.path("/keys"));
    let revoke = with("revoke");
    ann.post(&org.path("/keys/bulk"), &revoke)
        .await
        .page(422)
        .assert_says("Type 2 to confirm.");
    assert_eq!(stop(&portal, &keys[1]).await, Ok(None));
    let sure = [revoke.as_slice(), &[("confirm", "2")]].concat();
    ann.post(&org.path("/keys/bulk"), &sure)
        .await
        .redirects_to(&org.path("/keys"));
    for key in &keys {
        assert_eq!(stop(&portal, key).await, Ok(Some(Standing::Revoked)));
    }
    let told = actions(&portal, &org).await;
    let count = |name: &str| told.iter().filter(|action| *action == name).count();
    assert_eq!(
        (
            count("key.create"),
            count("key.suspend"),
            count("key.activate"),
            count("key.revoke")
        ),
        (2, 2, 2, 2)
    );
}

#[actix_web::test]
async fn r_key_01_a_key_whose_group_is_gone_authorizes_nothing() {
    let (portal, org, ann, _) = start().await;
    let team = group(&portal, &org, "Engineering", &[]).await;
    let other = group(&portal, &org, "Research", &[]).await.to_string();
    let (key, id) = make(&ann, &org, "gate", &format!("group:{team}")).await;
    ann.get(&org.path(&format!("/groups/{team}")))
        .await
        .page(200)
        .assert_says("gate");
    ann.post(
        &org.path(&format!("/groups/{team}/deletion")),
        &[("confirm", "Engineering")],
    )
    .await
    .redirects_to(&org.path("/groups"));
    assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::Homeless)));
    let there = org.path(&format!("/keys/{id}"));
    ann.get(&there)
        .await
        .page(200)
        .assert_says("The group that it belonged to is gone.");
    let edit = [
        ("name", "gate"),
        ("scope", "api.call"),
        ("expiry", "never"),
        ("group", other.as_str()),
    ];
    ann.post(&there, &edit).await.redirects_to(&there);
    assert_eq!(stop(&portal, &key).await, Ok(None));
    assert_eq!(
        bearer(&portal, &key)
            .await
            .and_then(|found| found.group)
            .map(|id| id.to_string()),
        Some(other)
    );
}

#[actix_web::test]
async fn r_key_02_features_are_kept_in_a_catalogue() {
    let (portal, org, ann, ben) = start().await;
    let path = org.path("/keys/features");
    ann.get(&path).await.page(200).assert_says("No features yet");
    let model = [
        ("title", "Model"),
        ("key", "model"),
        ("kind", "choice"),
        ("choices", "small\nlarge"),
    ];
    ann.post(&path, &model).await.redirects_to(&path);
    ann.post(&path, &model)
        .await
        .page(422)
        .assert_says("There is a feature model already.");
    ann.post(&path, &[("title", "X"), ("key", "Bad Key"), ("kind", "bool")])
        .await
        .page(422)
        .assert_says("Begin with a letter");
    assert_eq!(ben.get(&path).await.status, 403);
    let there = ann
        .get(&path)
        .await
        .page(200)
        .attribute("tbody a", "href")
        .expect("a link");
    let team = group(&portal, &org, "Engineering", &[]).await;
    let owner = format!("group:{team}");
    let id = there.rsplit('/').next().expect("an id");
    let mut fields = form("gate", &owner);
    fields.extend([("feature", id), ("value", "large")]);
    let key = shown(&ann.post(&org.path("/keys"), &fields).await);
    ann.get(&path)
        .await
        .page(200)
        .row("Model")
        .assert_cell("Set on", "1 key");
    let gone = [("title", "Model"), ("choices", "small\nmedium")];
    ann.post(&there, &gone)
        .await
        .page(422)
        .assert_says("Keys have the value “large”.");
    ann.post(
        &there,
        &[
            ("title", "Model size"),
            ("choices", "small\nlarge\nhuge"),
            ("version", "1"),
        ],
    )
    .await
    .redirects_to(&path);
    ann.post(&format!("{there}/removal"), &[("confirm", "")])
        .await
        .page(422)
        .assert_says("Type model to confirm.");
    ann.post(&format!("{there}/removal"), &[("confirm", "model")])
        .await
        .redirects_to(&path);
    assert!(bearer(&portal, &key).await.expect("a key").features.is_empty());
    let row = portal.audit(Some(&org)).await.pop().expect("a row");
    assert!(
        row.action == "feature.remove" && row.before.contains("\"keys\":1"),
        "{row:?}"
    );
}

#[actix_web::test]
async fn r_key_05_keys_are_managed_where_setting_up_asks_for_them() {
    let (portal, org, ann, _) = start().await;
    let step = ann.get(&org.path("/getting-started")).await.page(200);
    step.assert_says("Configure API keys");
    assert_eq!(portal.number("select count(*) from api_keys").await, 0);
    ann.get(&org.path("/keys"))
        .await
        .page(200)
        .assert_says("No API keys yet");
    ann.get(&org.path("/keys/new"))
        .await
        .page(200)
        .assert_says("No key can be made here");
    let team = group(&portal, &org, "Engineering", &[]).await;
    let (key, id) = make(&ann, &org, "gate", &format!("group:{team}")).await;
    let dialog = ann
        .htmx_get(&org.path(&format!("/keys/{id}/revocation")))
        .await
        .page(200);
    dialog.assert_says("The key stops with its next use and never works again.");
    ann.post(&org.path(&format!("/keys/{id}/revocation")), &[])
        .await
        .redirects_to(&org.path("/keys"));
    assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::Revoked)));
    assert_eq!(
        ann.post(&org.path(&format!("/keys/{id}/suspension/end")), &[])
            .await
            .status,
        409,
        "it is final"
    );
    assert_eq!(
        ann.post(&org.path(&format!("/keys/{id}/rotation")), &[("overlap", "0")])
            .await
            .status,
        303
    );
    assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::Revoked)));
    let early = [
        ("name", "later"),
        ("owner", &format!("group:{team}")),
        ("scope", "api.call"),
        ("expiry", "90"),
        ("not_before", "2026-12-01"),
    ];
    let key = shown(&ann.post(&org.path("/keys"), &early).await);
    assert_eq!(stop(&portal, &key).await, Ok(Some(Standing::Early)));
    portal.clock.advance(DAY * 11);
    assert_eq!(
        stop(&portal, &key).await,
        Ok(None),
        "from the organization's midnight on"
    );
    assert!(keys::key::any(&mut portal.app.db.read(), org.id).await.expect("a look"));
}

#[actix_web::test]
async fn the_list_of_keys_turns_pages_with_a_fixed_number_of_statements() {
    let (portal, org, ann, _) = start().await;
    let team = group(&portal, &org, "Engineering", &[]).await;
    make(&ann, &org, "pattern", &format!("group:{team}")).await;
    let hash = if crate::support::is_postgres() {
        "cast('n' || n as bytea)"
    } else {
        "cast('n' || n as blob)"
    };
    raw(
        &portal.app.db,
        &format!(
            "insert into api_keys (id, org_id, kind, name, name_key, public_id, last_four, hash, group_id, scopes, created_by, creator_name, created_at, nonce)
             with recursive r(n) as (select 1 union all select n + 1 from r where n < 120)
             select {} + n, {}, 2, 'Key ' || n, 'key ' || n, 'pub' || n, 'abcd', {hash}, {}, 'api.read', 0, 'Operator', 1, 'nonce' || n from r",
            org.id.row(500_000),
            org.id.raw(),
            team.raw()
        ),
    )
    .await;
    let page = ann.get(&org.path("/keys")).await.page(200);
    assert_eq!(page.rows().len(), 50);
    let mut seen = page.rows().len();
    let mut next = page.attribute("#page-next", "href");
    let mut back = None;
    while let Some(href) = next {
        let page = ann.get(&href).await.page(200);
        seen += page.rows().len();
        back = page.attribute("#page-previous", "href");
        next = page.attribute("#page-next", "href");
    }
    assert_eq!(seen, 121);
    let before = ann.get(&back.expect("a way back")).await.page(200);
    assert_eq!(before.rows().len(), 50);
    assert!(before.attribute("#page-next", "href").is_some());
}

/// SQLite cannot widen a CHECK, so the table of limits is written anew: nothing of it may be lost on the way.
#[actix_web::test]
async fn the_table_of_limits_is_widened_with_its_rows_and_indexes() {
    use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
    let mut db = SqliteConnection::connect("sqlite::memory:").await.expect("a database");
    let look = "select name || ' ' || coalesce(sql, '') from sqlite_schema where type = 'index' and tbl_name = 'limit_policies' order by name";
    let rows = "select id || ' ' || scope || ' ' || amount || ' ' || note from limit_policies";
    let mut files: Vec<_> = std::fs::read_dir("migrations/sqlite")
        .expect("the folder")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    let mut before = None;
    for file in files {
        if file.display().to_string().contains("0008_") {
            for text in [
                "insert into orgs (id, slug, name, name_key, zone, support_contact, created_at) values (1, 'a', 'A', 'a', 'UTC', 'x', 0)",
                "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, note, set_by, set_at) values (7, 1, 4, 1, 3, 250, 0, 'Kept', 'Ann', 0)",
            ] {
                sqlx::raw_sql(text).execute(&mut db).await.expect("a row");
            }
            let indexes: Vec<String> = sqlx::query_scalar(look).fetch_all(&mut db).await.expect("indexes");
            assert_eq!(indexes.len(), 6);
            before = Some(indexes);
        }
        let text = std::fs::read_to_string(&file).expect("a file");
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut db)
            .await
            .expect("a migration");
    }
    let after: Vec<String> = sqlx::query_scalar(look).fetch_all(&mut db).await.expect("indexes");
    assert_eq!(Some(after), before);
    let kept: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut db).await.expect("rows");
    assert_eq!(kept, ["7 4 250 Kept"]);
    for scope in [6, 7] {
        let text = format!(
            "insert into limit_policies (id, org_id, scope, scope_id, period, valid_from, set_by, set_at) values (1{scope}, 1, {scope}, 9, 3, 0, 'Ann', 0)"
        );
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut db)
            .await
            .expect("a wider scope");
    }
}

/// A feature of the catalogue; its id.
async fn feature(portal: &Portal, by: &Client, org: &Org, fields: [&str; 5]) -> String {
    let [title, key, kind, choices, default] = fields;
    let fields = [
        ("title", title),
        ("key", key),
        ("kind", kind),
        ("choices", choices),
        ("default_value", default),
    ];
    let there = org.path("/keys/features");
    by.post(&there, &fields).await.redirects_to(&there);
    let id = portal
        .number(&format!("select id from features where key = '{key}'"))
        .await;
    FeatureId::from_raw(id).to_string()
}

/// C11 and C-13 of the model: a key of one's own makes nothing possible that no key of one's groups does.
#[actix_web::test]
async fn c_13_nobody_gives_their_own_key_more_than_their_groups_have() {
    let (portal, org, ann, ben) = start().await;
    let mia = portal.member(&org, Role::Developer, "mia").await;
    let team = group(&portal, &org, "Engineering", &[ben.member.expect("a member")]).await;
    let batch = feature(&portal, &ann, &org, ["Batch jobs", "batch", "bool", "", ""]).await;
    let rows = feature(&portal, &ann, &org, ["Rows", "rows", "number", "", "100"]).await;
    let model = feature(
        &portal,
        &ann,
        &org,
        ["Model", "model", "choice", "small\nlarge", "small"],
    )
    .await;
    let note = feature(&portal, &ann, &org, ["Note", "note", "text", "", ""]).await;
    let owner = format!("group:{team}");
    let mut fields = vec![
        ("name", "etl"),
        ("owner", &owner),
        ("scope", "api.call"),
        ("expiry", "30"),
    ];
    for (id, value) in [(&batch, "on"), (&rows, "500"), (&note, "seven")] {
        fields.extend([("feature", id.as_str()), ("value", value)]);
    }
    shown(&ann.post(&org.path("/keys"), &fields).await);

    let own = async |by: &Someone, name: &str, id: &str, value: &str| {
        let fields = [
            ("name", name),
            ("scope", "api.call"),
            ("expiry", "90"),
            ("feature", id),
            ("value", value),
        ];
        by.post(&org.path("/keys/own"), &fields).await
    };
    for (id, value) in [(&batch, "on"), (&rows, "101"), (&model, "large"), (&note, "seven")] {
        let page = own(&mia, "mine", id, value).await.page(422);
        page.assert_says("no key of your groups has that much");
        assert_eq!(page.value("name").as_deref(), Some("mine"), "the form comes back");
    }
    for (n, (id, value)) in [(&batch, "off"), (&rows, "100"), (&model, "small")]
        .into_iter()
        .enumerate()
    {
        shown(&own(&mia, &format!("mine {n}"), id, value).await);
    }
    for (n, (id, value)) in [(&batch, "on"), (&rows, "500"), (&note, "seven")]
        .into_iter()
        .enumerate()
    {
        shown(&own(&ben, &format!("his {n}"), id, value).await);
    }
    own(&ben, "more", &rows, "501").await.page(422);
    // The form offers no more than that, and an administrator anything.
    let page = mia.get(&org.path("/keys/own/new")).await.page(200);
    page.assert_says("At most 100, as the keys of your groups have it.");
    let offered = page.attributes(&format!("#f-{batch} option"), "value");
    assert_eq!(offered, ["", "off"]);
    shown(&own(&ann, "hers", &model, "large").await);

    // Without a key people have what the keys of their groups do, for as long as those keys work.
    let gate = crate::keys::service_key(&ann, &org, "gate.decide").await;
    let may = async |who: &Someone, feature: &str| {
        let asked = serde_json::json!({
            "subject": { "type": "user", "id": who.email },
            "action": { "name": feature },
            "resource": { "type": "muster:org", "id": org.slug },
        });
        let client = portal.anonymous();
        let request = client.request(reqwest::Method::POST, "/access/v1/evaluation");
        let answer = client.send(request.bearer_auth(&gate).json(&asked)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body.contains("\"decision\":true")
    };
    assert!(may(&ben, "batch").await);
    assert!(!may(&mia, "batch").await);
    assert!(may(&mia, "rows").await, "the catalogue says so for everybody");
    // A platform behind a proxy reads them of whoever comes with the session of their browser.
    let behind = async |who: &Someone| {
        let request = who.request(reqwest::Method::GET, "/authz/forward?org=acme");
        let told = who.send(request).await;
        assert_eq!(told.status, 200, "{}", told.body);
        told.header("x-muster-features").to_owned()
    };
    assert_eq!(behind(&ben).await, "batch=on,model=small,note=seven,rows=500");
    assert_eq!(behind(&mia).await, "model=small,rows=100");
    portal.clock.advance(40 * DAY);
    assert!(!may(&ben, "batch").await, "the key of the group has ended");
}

/// B-65: what all keys of a service account together may use.
#[actix_web::test]
async fn b_65_a_service_account_has_limits_of_its_own() {
    let (portal, org, ann, _) = start().await;
    let services = org.path("/keys/services");
    let bad = [("name", "etl"), ("daily", "8"), ("monthly", "5")];
    let page = ann.post(&services, &bad).await.page(422);
    page.assert_says("can’t be higher than the monthly limit");
    assert_eq!(page.value("daily").as_deref(), Some("8"), "the form comes back");
    assert_eq!(portal.number("select count(*) from service_accounts").await, 0);
    let fields = [("name", "etl"), ("daily", "5"), ("monthly", "")];
    let there = ann.post(&services, &fields).await.redirects_to(&services);
    let page = ann.get(&there).await.page(200);
    assert_eq!(page.value("daily").as_deref(), Some("5"));
    let owner = format!("service:{}", there.rsplit('/').next().expect("an id"));
    let mut keys = Vec::new();
    for name in ["first", "second"] {
        let mut fields = form(name, &owner);
        fields.push(("scope", "gate.reserve"));
        fields.push(("scope", "usage.write"));
        keys.push(shown(&ann.post(&org.path("/keys"), &fields).await));
    }
    let spend = async |key: &str, id: &str, amount: &str| {
        let client = portal.anonymous();
        let request = client.request(reqwest::Method::POST, "/api/v1/usage").bearer_auth(key);
        let body = serde_json::json!({ "source": "test", "id": id, "amount": amount });
        client.send(request.json(&body)).await
    };
    assert_eq!(spend(&keys[0], "1", "3").await.status, 200);
    let refused = spend(&keys[1], "2", "3").await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.body.contains("service-account-daily"), "{}", refused.body);
    let version = page.value("version").expect("a version");
    let raised = [("name", "etl"), ("daily", "6"), ("monthly", ""), ("version", &version)];
    ann.post(&there, &raised).await.redirects_to(&services);
    assert_eq!(spend(&keys[1], "2", "3").await.status, 200);
    let rows = portal.audit(Some(&org)).await;
    let told = rows
        .iter()
        .any(|row| row.action == "service.update" && row.after.contains("\"daily_limit\":\"6"));
    assert!(told, "{rows:?}");
}
