//! Sign-in, sign-out, resets, set-up, the own profile and sessions.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use muster::{
    access::{EnterpriseRole, Role},
    app::Settings,
    auth::{
        account::{self, AddressProof, NewAccount, Proof},
        ladder::{self, Rung},
    },
    clock::{days, minutes},
    ids::UserId,
    mail::address::Address,
    members::member,
    orgs,
    secret::random_token,
};
use reqwest::Method;

use crate::support::{Answer, Client, Org, Portal, spawn, spawn_with};

/// Long, of ordinary words, and on no block-list.
const GOOD: &str = "violet harbour lantern 42";
const BETTER: &str = "eleven patient walnut bridges";
const WRONG: &str = "The address or the password is not right.";

/// What no verb does yet, and what only a test wants to look at.
mod rows {
    use muster::ids::UserId;
    muster::sql! {
        DISABLE: (UserId) => () = "update users set state = 2 where id = $1";
        SET_HASH: (UserId, String) => () = "update users set password_hash = $2 where id = $1";
        HASH: (UserId) => (String,) = "select password_hash from users where id = $1";
        SESSIONS: (UserId) => (i64,) = "select count(*) from sessions where user_id = $1";
        RESETS: (UserId) => (i64,) = "select count(*) from password_resets where user_id = $1";
        ENTERPRISES: () => (i64,) = "select count(*) from enterprise";
        USERS: () => (i64,) = "select count(*) from users";
    }
    pub async fn disable(portal: &super::Portal, user: UserId) {
        let mut tx = portal.app.db.write().await.unwrap();
        tx.run(DISABLE, (user,)).await.unwrap();
        tx.commit().await.unwrap();
    }
    pub async fn set_hash(portal: &super::Portal, user: UserId, hash: &str) {
        let mut tx = portal.app.db.write().await.unwrap();
        tx.run(SET_HASH, (user, hash)).await.unwrap();
        tx.commit().await.unwrap();
    }
    use muster::db::Read as _;
    pub async fn hash(portal: &super::Portal, user: UserId) -> String {
        portal.app.db.read().one(HASH, (user,)).await.unwrap().0
    }
    pub async fn sessions(portal: &super::Portal, user: UserId) -> i64 {
        portal.app.db.read().one(SESSIONS, (user,)).await.unwrap().0
    }
    pub async fn resets(portal: &super::Portal, user: UserId) -> i64 {
        portal.app.db.read().one(RESETS, (user,)).await.unwrap().0
    }
    pub async fn enterprises(portal: &super::Portal) -> i64 {
        portal.app.db.read().one(ENTERPRISES, ()).await.unwrap().0
    }
    pub async fn users(portal: &super::Portal) -> i64 {
        portal.app.db.read().one(USERS, ()).await.unwrap().0
    }
}

/// An account with a password, in no organization.
async fn account(portal: &Portal, email: &str, name: &str, password: &str) -> UserId {
    let address = Address::parse(email).unwrap();
    let hash = portal.app.hasher.hash(password).await.unwrap();
    let new = NewAccount {
        email: &address,
        name,
        password_hash: Some(&hash),
        proof: Proof::Mailed,
    };
    let mut tx = portal.app.db.write().await.unwrap();
    let user = account::create(&mut tx, &portal.operator(), new, portal.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    user
}

/// Ann of Acme, an administrator with a password who is not signed in.
async fn ann(portal: &Portal) -> (Org, UserId) {
    let org = portal.org("Acme").await;
    let user = account(portal, "ann@acme.example", "Ann Lee", GOOD).await;
    portal.member(&org, Role::Administrator, "ann@acme.example").await;
    (org, user)
}

async fn try_sign_in(client: &Client, email: &str, password: &str) -> Answer {
    client
        .post("/sign-in", &[("email", email), ("password", password)])
        .await
}

/// A new browser, signed in through the form.
async fn signed_in(portal: &Portal, email: &str, password: &str) -> Client {
    let client = portal.anonymous();
    try_sign_in(&client, email, password).await.redirects_to("/");
    client
}

async fn is_signed_in(client: &Client) -> bool {
    client.get("/me").await.status == 200
}

fn cookies(answer: &Answer) -> Vec<String> {
    let all = answer.headers.get_all("set-cookie");
    all.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// `name=value` of the cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> String {
    let found = cookies(answer)
        .into_iter()
        .find(|cookie| cookie.starts_with(&format!("{name}=")));
    let found = found.unwrap_or_else(|| panic!("no {name} in {:?}", cookies(answer)));
    found.split(';').next().unwrap().to_owned()
}

async fn actions(portal: &Portal) -> Vec<String> {
    portal.audit(None).await.into_iter().map(|row| row.action).collect()
}

/// Asks for a link and opens it: the browser then holds the token.
async fn open_reset(portal: &Portal, email: &str) -> (Client, String) {
    let client = portal.anonymous();
    client.post("/forgot", &[("email", email)]).await.page(200);
    let link = portal.mail_to(email).await.link();
    client.get(&link).await.redirects_to("/reset");
    (client, link)
}

async fn set_password(client: &Client, password: &str) -> Answer {
    client
        .post("/reset", &[("password", password), ("again", password)])
        .await
}

// ------------------------------------------------------------------------------------------------------------- sign-in

#[actix_web::test]
async fn signing_in_leads_to_the_primary_organization() {
    let portal = spawn().await;
    let (_, user) = ann(&portal).await;
    let client = portal.anonymous();
    client.get("/sign-in").await.page(200).assert_heading("Sign in");
    portal.clock.advance(minutes(3));
    let answer = try_sign_in(&client, " ANN@Acme.example ", GOOD).await;
    answer.redirects_to("/");
    assert!(cookie(&answer, "muster-sid").len() > 64);
    assert_eq!(client.get("/").await.redirects_to("/o/"), "/o/acme/members");
    client.get("/me").await.page(200).assert_heading("Your profile");
    let rows = portal.audit(None).await;
    let row = rows.iter().find(|row| row.action == "session.sign_in").unwrap();
    assert_eq!(
        (row.actor_id, row.actor_name.as_str(), row.object_id),
        (user.raw(), "Ann Lee", user.raw())
    );
    let account = account::find(&mut portal.app.db.read(), user).await.unwrap().unwrap();
    assert_eq!(account.last_sign_in_at, Some(portal.clock.now()));
    assert_eq!(
        client.get("/sign-in?next=%2Fme").await.redirects_to("/"),
        "/me",
        "signed in already"
    );
}

#[actix_web::test]
async fn only_paths_of_our_own_are_where_one_lands() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    for (next, lands) in [
        ("/me/security?x=1&y=%20", "/me/security?x=1&y=%20"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/ok\r\nx-evil: 1", "/"),
        ("\\/evil.example", "/"),
        ("me", "/"),
    ] {
        let fields = [("email", "ann@acme.example"), ("password", GOOD), ("next", next)];
        let answer = portal.anonymous().post("/sign-in", &fields).await;
        assert_eq!(answer.redirects_to("/"), lands, "{next}");
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = portal
            .anonymous()
            .get(&format!("/sign-in?next={query}"))
            .await
            .page(200);
        let kept = page.value("next");
        assert_eq!(kept, (lands != "/").then(|| lands.to_owned()), "{next}");
    }
}

#[actix_web::test]
async fn a_wrong_password_keeps_the_address_and_the_way_but_not_the_password() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    let fields = [("email", "ann@acme.example"), ("password", BETTER), ("next", "/me")];
    let answer = client.post("/sign-in", &fields).await;
    let page = answer.page(422);
    page.assert_says(WRONG);
    assert_eq!(page.value("email").as_deref(), Some("ann@acme.example"));
    assert_eq!(page.value("next").as_deref(), Some("/me"));
    assert!(!answer.body.contains(BETTER));
    assert!(!is_signed_in(&client).await);
    let invited = client.get("/sign-in?next=%2Fi").await.page(200);
    invited.assert_says("to answer your invitation");
    try_sign_in(&client, "typed my password here", GOOD)
        .await
        .page(422)
        .assert_says(WRONG);
    let rows = portal.audit(None).await;
    let failed: Vec<_> = rows.iter().filter(|row| row.action == "session.sign_in.fail").collect();
    assert_eq!(failed.len(), 2);
    assert_eq!(
        (failed[0].object_id, failed[0].object_name.as_str()),
        (user.raw(), "ann@acme.example")
    );
    assert_eq!(failed[1].object_name, "", "what is no address may be a password");
    assert!(rows.iter().all(|row| !format!("{row:?}").contains(BETTER)));
}

/// What an answer shows, without what differs from visit to visit or repeats what was typed.
fn shown(answer: &Answer, email: &str, token: &str) -> (u16, String, Vec<(String, String)>) {
    let body = answer.body.replace(email, "EMAIL").replace(token, "TOKEN");
    let varies = ["date", "x-request-id", "content-length"];
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !varies.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status, body, headers)
}

/// How long answers take for a known and an unknown address, in turns.
async fn times(portal: &Portal, path: &str, rounds: usize) -> [Vec<Duration>; 2] {
    let client = portal.anonymous();
    let token = client.csrf().await;
    let mut times = [const { Vec::new() }; 2];
    for round in 0..rounds {
        portal.clock.advance(minutes(6));
        if round % 50 == 49 {
            // A hundred failures in a row are another answer.
            portal.clock.advance(days(400));
            muster::jobs::tidy(&portal.app).await.unwrap();
        }
        for (email, times) in ["ann@acme.example", "nobody@acme.example"].iter().zip(&mut times) {
            let fields = [("csrf", token.as_str()), ("email", *email), ("password", BETTER)];
            let request = client.request(Method::POST, path).form(&fields);
            let began = Instant::now();
            let answer = client.send(request).await;
            times.push(began.elapsed());
            assert!([200, 422].contains(&answer.status), "{path}: {}", answer.status);
        }
    }
    times.each_mut().map(|times| {
        times.sort();
        std::mem::take(times)
    })
}

/// The z value of Mann and Whitney's test for two samples without ties.
fn mann_whitney(left: &[Duration], right: &[Duration]) -> f64 {
    let (n, m) = (left.len() as f64, right.len() as f64);
    let u: usize = left.iter().map(|l| right.iter().filter(|r| l > *r).count()).sum();
    (u as f64 - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

/// The long form, which takes a minute and a half and a machine with nothing else to do.
async fn measure_enumeration(portal: &Portal) {
    for (path, rounds) in [("/sign-in", 200), ("/forgot", 100)] {
        let [known, unknown] = times(portal, path, rounds).await;
        let (z, medians) = (mann_whitney(&known, &unknown), (known[rounds / 2], unknown[rounds / 2]));
        println!("{path}: z {z:.2}, medians {medians:?}");
        assert!(z.abs() < 2.576, "{path}: p < 0.01 (z {z:.2}), {medians:?}");
        assert!(
            medians.0.abs_diff(medians.1) < Duration::from_millis(5),
            "{path}: {medians:?}"
        );
    }
}

#[actix_web::test]
async fn cve_c22_enumeration() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let gone = account(&portal, "gone@acme.example", "Gone", GOOD).await;
    rows::disable(&portal, gone).await;
    let client = portal.anonymous();
    let token = client.csrf().await;
    let known = ["ann@acme.example", "nobody@acme.example", "gone@acme.example"];
    for (path, password) in [("/sign-in", BETTER), ("/sign-in", BETTER), ("/forgot", "")] {
        let mut answers = Vec::new();
        for email in known {
            let answer = client.post(path, &[("email", email), ("password", password)]).await;
            answers.push(shown(&answer, email, &token));
        }
        assert_eq!(answers[0], answers[1], "{path}");
        assert_eq!(answers[0], answers[2], "{path}");
    }
    // A disabled account's right password is as wrong as any, at once and while one has to wait.
    portal.clock.advance(minutes(1));
    try_sign_in(&client, "gone@acme.example", GOOD)
        .await
        .page(422)
        .assert_says(WRONG);
    assert!(!is_signed_in(&client).await);
    assert_eq!(
        portal.mails_to("gone@acme.example").await + portal.mails_to("nobody@acme.example").await,
        0
    );
    assert_eq!(portal.mails_to("ann@acme.example").await, 1);

    // The machine is shared, so the floors are compared: what would be seen is a missing hash, or a mail written inside the answer.
    for (path, most) in [("/sign-in", 3), ("/forgot", 20)] {
        let [known, unknown] = times(&portal, path, 12).await;
        let (known, unknown) = (known[1], unknown[1]);
        let bound = known / most + Duration::from_millis(4);
        assert!(known.abs_diff(unknown) < bound, "{path}: {known:?} and {unknown:?}");
    }
    if crate::support::is_long() {
        measure_enumeration(&portal).await;
    }
}

#[actix_web::test]
async fn failures_make_the_next_try_wait_longer_known_or_not() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    for email in ["ann@acme.example", "nobody@acme.example"] {
        let client = portal.anonymous();
        for wait in [1, 3, 5, 10, 10] {
            try_sign_in(&client, email, BETTER).await.page(422);
            let answer = try_sign_in(&client, email, GOOD).await;
            let page = answer.page(429);
            assert_eq!(answer.header("retry-after"), wait.to_string(), "{email}");
            page.assert_says("Too many tries. Wait");
            assert_eq!(page.value("email").as_deref(), Some(email));
            portal.clock.advance(Duration::from_millis(wait * 1_000 - 1));
            try_sign_in(&client, email, GOOD).await.page(429);
            portal.clock.advance(Duration::from_millis(1));
        }
    }
    // Another spelling of the address stands on the same rung; another address does not.
    let client = portal.anonymous();
    try_sign_in(&client, "ann@acme.example", BETTER).await.page(422);
    try_sign_in(&client, "ANN@ACME.EXAMPLE", GOOD).await.page(429);
    try_sign_in(&client, "ann+x@acme.example", GOOD).await.page(422);
    portal.clock.advance(Duration::from_secs(10));
    try_sign_in(&client, "ann@acme.example", GOOD).await.redirects_to("/");
    // Being right begins anew.
    let client = portal.anonymous();
    try_sign_in(&client, "ann@acme.example", BETTER).await.page(422);
    assert_eq!(
        try_sign_in(&client, "ann@acme.example", GOOD)
            .await
            .header("retry-after"),
        "1"
    );
}

#[actix_web::test]
async fn a_hundred_failures_in_a_row_take_a_reset() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    for email in ["ann@acme.example", "nobody@acme.example"] {
        let rung = Rung::of(&portal.app.keys, email);
        let mut tx = portal.app.db.write().await.unwrap();
        for _ in 0..99 {
            portal.clock.advance(Duration::from_secs(10));
            let step = ladder::climb(&mut tx, rung, portal.clock.now()).await.unwrap();
            assert_eq!(step, ladder::Step::Open);
        }
        tx.commit().await.unwrap();
        portal.clock.advance(days(20));
        let client = portal.anonymous();
        try_sign_in(&client, email, BETTER).await.page(422).assert_says(WRONG);
        portal.clock.advance(days(1));
        let answer = try_sign_in(&client, email, GOOD).await;
        answer.page(429).assert_says("too many wrong passwords in a row");
        assert!(!is_signed_in(&client).await);
    }
    let (client, _) = open_reset(&portal, "ann@acme.example").await;
    set_password(&client, BETTER).await.redirects_to("/sign-in");
    signed_in(&portal, "ann@acme.example", BETTER).await;
}

#[actix_web::test]
async fn many_guesses_at_once_are_one() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    let token = client.csrf().await;
    let guess = |n: usize| {
        let fields = [
            ("csrf", token.clone()),
            ("email", "ann@acme.example".into()),
            ("password", format!("guess number {n}")),
        ];
        client.send(client.request(Method::POST, "/sign-in").form(&fields))
    };
    let answers = futures_util::future::join_all((0..20).map(guess)).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 422).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((looked_at, refused), (1, 19));
    let failed = actions(&portal)
        .await
        .into_iter()
        .filter(|action| action == "session.sign_in.fail")
        .count();
    assert_eq!(failed, 1);
}

#[actix_web::test]
async fn a_weaker_hash_is_made_anew_when_the_password_is_known() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let strong = rows::hash(&portal, user).await;
    signed_in(&portal, "ann@acme.example", GOOD).await;
    assert_eq!(rows::hash(&portal, user).await, strong, "as strong as today's");
    let cheap = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(8 * 1024, 1, 1, None).unwrap(),
    );
    let weak = cheap.hash_password(GOOD.as_bytes()).unwrap().to_string();
    rows::set_hash(&portal, user, &weak).await;
    signed_in(&portal, "ann@acme.example", GOOD).await;
    let now = rows::hash(&portal, user).await;
    assert!(now != weak && now.contains("m=19456,t=2"), "{now}");
    signed_in(&portal, "ann@acme.example", GOOD).await;
}

#[actix_web::test]
async fn cve_c28_spoofed_ip() {
    let on = |settings: &mut Settings| settings.ceilings = true;
    let portal = spawn_with(on).await;
    let client = portal.anonymous();
    let token = client.csrf().await;
    let knock = |n: u32| {
        let fields = [
            ("csrf", token.clone()),
            ("email", format!("u{n}@acme.example")),
            ("password", GOOD.into()),
        ];
        let ip = format!("198.51.100.{n}");
        let request = client.request(Method::POST, "/sign-in").form(&fields);
        let request = request
            .header("x-forwarded-for", &ip)
            .header("x-real-ip", &ip)
            .header("cf-connecting-ip", &ip);
        client.send(request.header("forwarded", format!("for={ip}")))
    };
    let mut through = 0;
    for n in 1..=15 {
        let answer = knock(n).await;
        through += u32::from(answer.status == 422);
        if answer.status != 422 {
            answer.page(429).assert_heading("Sign in");
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
    }
    assert!((10..=11).contains(&through), "{through} tries of one address");

    // The same headers through a proxy that is trusted do tell callers apart.
    let portal = spawn_with(|settings| {
        settings.ceilings = true;
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let client = portal.anonymous();
    let token = client.csrf().await;
    for n in 1..=15 {
        let fields = [
            ("csrf", token.clone()),
            ("email", format!("u{n}@acme.example")),
            ("password", GOOD.into()),
        ];
        let request = client.request(Method::POST, "/sign-in").form(&fields);
        let answer = client
            .send(request.header("x-forwarded-for", format!("198.51.100.{n}")))
            .await;
        answer.page(422);
    }
}

// ------------------------------------------------------------------------------------------------------------ sessions

#[actix_web::test]
async fn a_planted_session_is_not_the_one_that_is_signed_in() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    account(&portal, "eve@acme.example", "Eve", GOOD).await;
    // Eve plants her own live session; Ann signs in over it.
    let eve = portal.anonymous();
    let planted = cookie(&try_sign_in(&eve, "eve@acme.example", GOOD).await, "muster-sid");
    let token = eve.csrf().await;
    let fields = [
        ("csrf", token.as_str()),
        ("email", "ann@acme.example"),
        ("password", GOOD),
    ];
    let answer = eve.send(eve.request(Method::POST, "/sign-in").form(&fields)).await;
    answer.redirects_to("/");
    let fresh = cookie(&answer, "muster-sid");
    assert_ne!(fresh, planted);
    let with = |cookie: &str| Client::with_cookie(&portal.url, cookie);
    assert!(!is_signed_in(&with(&planted)).await, "the old session has ended");
    with(&fresh).get("/me").await.page(200).assert_says("ann@acme.example");
    assert_eq!(rows::sessions(&portal, user).await, 1);
    // A value of the attacker's choice never becomes a session.
    let made_up = "muster-sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let client = with(made_up);
    let answer = try_sign_in(&client, "ann@acme.example", GOOD).await;
    assert_ne!(cookie(&answer, "muster-sid"), made_up);
    assert!(!is_signed_in(&with(made_up)).await);
}

#[actix_web::test]
async fn a_session_that_ended_on_the_sign_in_page_does_not_cost_the_new_one() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    let dead = cookie(&try_sign_in(&client, "ann@acme.example", GOOD).await, "muster-sid");
    portal.clock.advance(days(1));
    let client = portal.anonymous();
    let page = client.get("/sign-in").await;
    let visit = cookie(&page, "muster-visit");
    let token = page.page(200).value("csrf").unwrap();
    let fields = [
        ("csrf", token.as_str()),
        ("email", "ann@acme.example"),
        ("password", GOOD),
    ];
    let request = client
        .request(Method::POST, "/sign-in")
        .header("cookie", format!("{visit}; {dead}"));
    let answer = client.send(request.form(&fields)).await;
    answer.redirects_to("/");
    let set: Vec<String> = cookies(&answer)
        .into_iter()
        .filter(|one| one.starts_with("muster-sid="))
        .collect();
    assert_eq!(set.len(), 1, "{set:?}");
    assert!(is_signed_in(&Client::with_cookie(&portal.url, set[0].split(';').next().unwrap())).await);
}

/// Two tabs on the sign-in page: the second form is still one of ours after the first has signed in, and only there.
#[actix_web::test]
async fn a_second_tab_signs_in_after_the_first() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    let page = client.get("/sign-in").await;
    let visit = cookie(&page, "muster-visit");
    let token = page.page(200).value("csrf").unwrap();
    let fields = [
        ("csrf", token.as_str()),
        ("email", "ann@acme.example"),
        ("password", GOOD),
    ];
    let mut cookies = visit.clone();
    for _ in 0..2 {
        let request = client.request(Method::POST, "/sign-in").header("cookie", &cookies);
        let answer = client.send(request.form(&fields)).await;
        answer.redirects_to("/");
        cookies = format!("{visit}; {}", cookie(&answer, "muster-sid"));
    }
    let request = client.request(Method::POST, "/me").header("cookie", &cookies);
    let answer = client
        .send(request.form(&[("csrf", token.as_str()), ("name", "Eve")]))
        .await;
    assert_eq!(answer.status, 403, "what needs a session needs its token");
    let stranger = cookie(&portal.anonymous().get("/sign-in").await, "muster-visit");
    let session = cookies.split("; ").nth(1).unwrap();
    let request = client
        .request(Method::POST, "/sign-in")
        .header("cookie", format!("{stranger}; {session}"));
    assert_eq!(
        client.send(request.form(&fields)).await.status,
        403,
        "another browser's visit"
    );
}

#[actix_web::test]
async fn the_session_cookie_has_its_attributes() {
    let portal = spawn_with(|settings| settings.public_url = "https://portal.example".parse().unwrap()).await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    let page = client.get("/sign-in").await;
    let visit = cookie(&page, "__Host-visit");
    let token = page.page(200).value("csrf").unwrap();
    let fields = [
        ("csrf", token.as_str()),
        ("email", "ann@acme.example"),
        ("password", GOOD),
    ];
    let answer = client
        .send(
            client
                .request(Method::POST, "/sign-in")
                .header("cookie", visit)
                .form(&fields),
        )
        .await;
    answer.redirects_to("/");
    let set = cookies(&answer)
        .into_iter()
        .find(|one| one.starts_with("__Host-sid="))
        .unwrap();
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.split("; ").any(|part| part == attribute), "{attribute} in {set}");
    }
    assert!(
        !set.contains("Domain") && !set.contains("Max-Age") && !set.contains("Expires"),
        "{set}"
    );
}

#[actix_web::test]
async fn signing_out_ends_the_row_and_clears_the_browser() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    let kept = cookie(&try_sign_in(&client, "ann@acme.example", GOOD).await, "muster-sid");
    let answer = client.post("/sign-out", &[]).await;
    assert_eq!(answer.redirects_to("/sign-in"), "/sign-in?after=sign-out");
    assert_eq!(answer.header("clear-site-data"), "\"cache\", \"cookies\", \"storage\"");
    assert_eq!(rows::sessions(&portal, user).await, 0);
    assert!(
        !is_signed_in(&Client::with_cookie(&portal.url, &kept)).await,
        "a kept cookie is worth nothing"
    );
    client
        .get("/sign-in?after=sign-out")
        .await
        .page(200)
        .assert_says("You are signed out.");
    assert!(actions(&portal).await.contains(&"session.sign_out".to_owned()));
}

#[actix_web::test]
async fn sessions_end_when_idle_and_in_any_case() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = signed_in(&portal, "ann@acme.example", GOOD).await;
    // The last-seen time is saved beside the request.
    let visit = async |client: &Client, what: &str| {
        let idle_until = || portal.number("select coalesce(max(idle_until), 0) from sessions");
        let before = idle_until().await;
        assert!(is_signed_in(client).await, "{what}");
        for _ in 0..400 {
            if idle_until().await > before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the last-seen time was not saved");
    };
    portal.clock.advance(minutes(59));
    visit(&client, "within the hour").await;
    portal.clock.advance(minutes(59));
    visit(&client, "the page before counts").await;
    portal.clock.advance(minutes(60));
    let answer = client.get("/me").await;
    answer.redirects_to("/sign-in?next=%2Fme");
    assert!(
        cookies(&answer)
            .iter()
            .any(|one| one.starts_with("muster-sid=;") && one.contains("Max-Age=0"))
    );

    let client = signed_in(&portal, "ann@acme.example", GOOD).await;
    for _ in 0..14 {
        portal.clock.advance(minutes(50));
        visit(&client, "within twelve hours").await;
    }
    portal.clock.advance(minutes(20));
    assert!(!is_signed_in(&client).await, "twelve hours are the most");
}

#[actix_web::test]
async fn the_twenty_first_session_ends_the_first() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let mut browsers = Vec::new();
    for _ in 0..21 {
        portal.clock.advance(Duration::from_secs(1));
        browsers.push(portal.sign_in(user).await);
    }
    assert_eq!(rows::sessions(&portal, user).await, 20);
    assert!(!is_signed_in(&browsers[0]).await);
    assert!(is_signed_in(&browsers[1]).await && is_signed_in(&browsers[20]).await);
}

#[actix_web::test]
async fn one_sees_and_ends_ones_sessions_and_nobody_elses() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let bob = account(&portal, "bob@acme.example", "Bob", GOOD).await;
    let here = portal.anonymous();
    let token = here.csrf().await;
    let fields = [
        ("csrf", token.as_str()),
        ("email", "ann@acme.example"),
        ("password", GOOD),
    ];
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    here.send(
        here.request(Method::POST, "/sign-in")
            .header("user-agent", firefox)
            .form(&fields),
    )
    .await
    .redirects_to("/");
    portal.clock.advance(minutes(2));
    let other = signed_in(&portal, "ann@acme.example", GOOD).await;
    let third = signed_in(&portal, "ann@acme.example", GOOD).await;
    let stranger = portal.sign_in(bob).await;

    let page = here.get("/me/security").await.page(200);
    assert_eq!(page.rows().len(), 3);
    let row = page.row("Firefox on Linux");
    row.assert_cell("Device", "Signed in 21 Nov 2026");
    row.assert_cell("Last seen", "This session");
    row.assert_cell("Address", "127.0.0.1");
    let ends = page.attributes("table form", "action");
    assert_eq!(ends.len(), 2, "not the one at hand");

    stranger.post(&ends[0], &[]).await.page(404);
    stranger.htmx_delete(ends[0].trim_end_matches("/end")).await.page(404);
    here.post("/me/sessions/ses_0000000000000/end", &[]).await.page(404);
    here.post("/me/sessions/nonsense/end", &[]).await.page(404);
    assert_eq!(rows::sessions(&portal, user).await, 3);

    here.post(&ends[0], &[]).await.redirects_to("/me/security");
    assert_eq!(
        u8::from(is_signed_in(&other).await) + u8::from(is_signed_in(&third).await),
        1
    );
    let gone = here.htmx_delete(ends[1].trim_end_matches("/end")).await;
    assert_eq!((gone.status, gone.header("hx-redirect")), (200, "/me/security"));
    assert!(!is_signed_in(&other).await && !is_signed_in(&third).await && is_signed_in(&here).await);

    let away = signed_in(&portal, "ann@acme.example", GOOD).await;
    here.post("/me/sessions/end-all", &[])
        .await
        .redirects_to("/me/security");
    here.get("/me/security")
        .await
        .page(200)
        .assert_says("The other session has ended.");
    assert!(!is_signed_in(&away).await && is_signed_in(&here).await && is_signed_in(&stranger).await);
    let done = actions(&portal).await;
    assert_eq!(done.iter().filter(|action| *action == "session.revoke").count(), 2);
    assert_eq!(done.iter().filter(|action| *action == "session.revoke_all").count(), 1);
}

#[actix_web::test]
async fn fault_f30_bad_cookies() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let live = cookie(
        &try_sign_in(&portal.anonymous(), "ann@acme.example", GOOD).await,
        "muster-sid",
    );
    let value = live.strip_prefix("muster-sid=").unwrap();
    let foreign = {
        let other = spawn().await;
        account(&other, "ann@acme.example", "Ann Lee", GOOD).await;
        cookie(
            &try_sign_in(&other.anonymous(), "ann@acme.example", GOOD).await,
            "muster-sid",
        )
    };
    let flipped = format!("{}{}", if value.starts_with('x') { 'y' } else { 'x' }, &value[1..]);
    let bad: Vec<Vec<u8>> = vec![
        b"muster-sid=".to_vec(),
        b"muster-sid".to_vec(),
        b"=; muster-sid=;;;=".to_vec(),
        format!("muster-sid={}", &value[..value.len() - 1]).into_bytes(),
        format!("muster-sid={}", &value[..20]).into_bytes(),
        format!("muster-sid={flipped}").into_bytes(),
        format!("muster-sid={}{value}", &value[..44]).into_bytes(),
        foreign.into_bytes(),
        format!("muster-sid={}", "a".repeat(10_000)).into_bytes(),
        b"muster-sid=\xff\xfe\x80".to_vec(),
        "muster-sid=ünïcödé".as_bytes().to_vec(),
        b"muster-sid=%00%ff%zz".to_vec(),
        format!("muster-sid=junk; muster-sid={}", &value[..30]).into_bytes(),
        b"muster-reset=%ff; muster-visit=; theme=\xf0; flash=xx.yy".to_vec(),
    ];
    let client = portal.anonymous();
    for cookie in bad {
        let named = String::from_utf8_lossy(&cookie).chars().take(60).collect::<String>();
        let header = reqwest::header::HeaderValue::from_bytes(&cookie).unwrap();
        let answer = client
            .send(client.request(Method::GET, "/me").header("cookie", header.clone()))
            .await;
        assert_eq!(answer.status, 303, "{named}: {}", answer.body);
        assert_eq!(answer.location().as_deref(), Some("/sign-in?next=%2Fme"), "{named}");
        let answer = client
            .send(client.request(Method::GET, "/reset").header("cookie", header))
            .await;
        assert_eq!(answer.status, 410, "{named}");
    }
    let answer = client
        .send(client.request(Method::GET, "/me").header("cookie", "muster-sid=junk"))
        .await;
    assert!(
        cookies(&answer)
            .iter()
            .any(|one| one.starts_with("muster-sid=;") && one.contains("Max-Age=0"))
    );
    assert!(
        is_signed_in(&Client::with_cookie(&portal.url, &live)).await,
        "the good one still works"
    );
}

// -------------------------------------------------------------------------------------------------------------- resets

#[actix_web::test]
async fn a_forgotten_password_is_set_by_a_mailed_link() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let elsewhere = signed_in(&portal, "ann@acme.example", GOOD).await;
    let client = portal.anonymous();
    client.get("/forgot").await.page(200).assert_heading("Forgot password");
    let page = client.post("/forgot", &[("email", "ann@acme.example")]).await.page(200);
    page.assert_heading("Check your e-mail");
    page.assert_says("It works for 30 minutes");
    page.assert_says("This portal has no mail server yet.");
    let link = portal.mail_to("ann@acme.example").await.link();
    let token = link.strip_prefix("/reset/").unwrap();
    assert!(token.starts_with("mst_rst_") && token.len() == 51);
    assert_eq!(rows::resets(&portal, user).await, 1);

    let answer = client.get(&link).await;
    assert_eq!(answer.redirects_to("/reset"), "/reset", "the token leaves the address");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    let kept = cookies(&answer)
        .into_iter()
        .find(|one| one.starts_with("muster-reset="))
        .unwrap();
    assert!(
        kept.contains("HttpOnly") && kept.contains("SameSite=Lax") && kept.contains("Max-Age=1800"),
        "{kept}"
    );
    let answer = client.get("/reset").await;
    let page = answer.page(200);
    page.assert_heading("Set a new password");
    page.assert_says("Use at least 15 characters.");
    assert_eq!(page.value("email").as_deref(), Some("ann@acme.example"));
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert!(!answer.body.contains(token));

    // What is wrong is said, and the link waits.
    let differs = client.post("/reset", &[("password", BETTER), ("again", GOOD)]).await;
    differs.page(422).assert_says("The two passwords differ.");
    assert!(!differs.body.contains(BETTER));
    set_password(&client, "too short")
        .await
        .page(422)
        .assert_says("Use at least 15 characters. This one has 9.");
    set_password(&client, "Ann Lee ann@acme")
        .await
        .page(422)
        .assert_says("Leave them out.");
    assert!(is_signed_in(&elsewhere).await);

    portal.clock.advance(minutes(29));
    let answer = set_password(&client, BETTER).await;
    assert_eq!(answer.redirects_to("/sign-in"), "/sign-in?after=reset");
    assert!(!is_signed_in(&client).await, "nobody is signed in by a link");
    assert!(!is_signed_in(&elsewhere).await, "every session has ended");
    assert_eq!(rows::sessions(&portal, user).await, 0);
    client
        .get("/sign-in?after=reset")
        .await
        .page(200)
        .assert_says("Your new password is set.");
    assert_eq!(portal.mails_to("ann@acme.example").await, 2, "the link, and the notice");
    assert!(portal.mail_to("ann@acme.example").await.subject.contains("password"));
    try_sign_in(&client, "ann@acme.example", GOOD).await.page(422);
    portal.clock.advance(Duration::from_secs(2));
    try_sign_in(&client, "ann@acme.example", BETTER).await.redirects_to("/");
    let done = actions(&portal).await;
    assert!(done.contains(&"password.reset.request".to_owned()) && done.contains(&"password.reset".to_owned()));
    let audit = format!("{:?}", portal.audit(None).await);
    assert!(!audit.contains(token) && !audit.contains(BETTER));
}

#[actix_web::test]
async fn cve_c15_reset_flow_skipped() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    account(&portal, "eve@acme.example", "Eve", GOOD).await;
    let before = rows::hash(&portal, user).await;
    // Eve has a link of her own, so every step but the right token is at hand.
    let (eve, link) = open_reset(&portal, "eve@acme.example").await;
    let hers = link.strip_prefix("/reset/").unwrap();
    portal
        .anonymous()
        .post("/forgot", &[("email", "ann@acme.example")])
        .await;

    let client = portal.anonymous();
    client
        .get("/reset")
        .await
        .page(410)
        .assert_says("This link does not work any more.");
    set_password(&client, BETTER).await.page(410);
    let mut chars: Vec<char> = hers.chars().collect();
    let last = chars.last_mut().unwrap();
    *last = if *last == 'A' { 'E' } else { 'A' };
    let flipped: String = chars.into_iter().collect();
    let unknown = random_token("mst_rst_").expose().to_owned();
    let session = random_token("mst_inv_").expose().to_owned();
    for token in [
        flipped.as_str(),
        unknown.as_str(),
        session.as_str(),
        "",
        "mst_rst_",
        &hers[..50],
        "%2e%2e",
        "x' or '1'='1",
    ] {
        let page = client.get("/sign-in").await;
        let csrf = page.page(200).value("csrf").unwrap();
        let visit = client
            .send(client.request(Method::GET, "/sign-in").header("cookie", "a=b"))
            .await;
        let visit_cookie = cookie(&visit, "muster-visit");
        let csrf_of_visit = visit.page(200).value("csrf").unwrap();
        let fields = [
            ("csrf", csrf_of_visit.as_str()),
            ("password", BETTER),
            ("again", BETTER),
            ("email", "ann@acme.example"),
            ("token", hers),
        ];
        let request = client
            .request(Method::POST, "/reset")
            .header("cookie", format!("{visit_cookie}; muster-reset={token}"));
        let answer = client.send(request.form(&fields)).await;
        assert!((400..500).contains(&answer.status), "{token}: {}", answer.status);
        drop(csrf);
        let path = format!(
            "/reset/{}",
            url::form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>()
        );
        let answer = client.get(&path).await;
        assert!([303, 404, 410].contains(&answer.status), "{token}: {}", answer.status);
    }
    // Eve's own link sets Eve's password, whatever else the form says.
    let fields = [
        ("password", BETTER),
        ("again", BETTER),
        ("email", "ann@acme.example"),
        ("user", &user.to_string()),
    ];
    eve.post("/reset", &fields).await.redirects_to("/sign-in");
    assert_eq!(rows::hash(&portal, user).await, before);
    signed_in(&portal, "ann@acme.example", GOOD).await;
    signed_in(&portal, "eve@acme.example", BETTER).await;
    // A request without the token of the form changes nothing either.
    let answer = client
        .send(
            client
                .request(Method::POST, "/reset")
                .form(&[("password", BETTER), ("again", BETTER)]),
        )
        .await;
    assert_eq!(answer.status, 403);
}

#[actix_web::test]
async fn fault_f26_reset_replay() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    // Two links: only the newest works, once.
    let (old, _) = open_reset(&portal, "ann@acme.example").await;
    portal.clock.advance(minutes(6));
    let (new, link) = open_reset(&portal, "ann@acme.example").await;
    old.get("/reset").await.page(410);
    set_password(&old, BETTER).await.page(410);
    set_password(&new, BETTER).await.redirects_to("/sign-in");
    set_password(&new, GOOD).await.page(410);
    let again = portal.anonymous();
    again.get(&link).await.redirects_to("/reset");
    again.get("/reset").await.page(410);
    // Half an hour is the end.
    portal.clock.advance(minutes(6));
    let (late, _) = open_reset(&portal, "ann@acme.example").await;
    portal.clock.advance(minutes(30));
    late.get("/reset").await.page(410);
    set_password(&late, GOOD).await.page(410);
    // A change of the password ends the link.
    let (waiting, _) = open_reset(&portal, "ann@acme.example").await;
    let inside = signed_in(&portal, "ann@acme.example", BETTER).await;
    inside
        .post("/me/password", &[("current", BETTER), ("password", GOOD)])
        .await
        .redirects_to("/me/security");
    set_password(&waiting, BETTER).await.page(410);
    assert_eq!(rows::resets(&portal, user).await, 0);
    // Of two at once one is served.
    portal.clock.advance(minutes(6));
    let (one, link) = open_reset(&portal, "ann@acme.example").await;
    let two = portal.anonymous();
    two.get(&link).await.redirects_to("/reset");
    let answers = futures_util::future::join(
        set_password(&one, BETTER),
        set_password(&two, "seventeen quiet violet boats"),
    )
    .await;
    let mut statuses = [answers.0.status, answers.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410]);
    // A disabled account's link is dead.
    portal.clock.advance(minutes(6));
    let (last, _) = open_reset(&portal, "ann@acme.example").await;
    rows::disable(&portal, user).await;
    set_password(&last, GOOD).await.page(410);
}

#[actix_web::test]
async fn one_mail_in_five_minutes_and_few_in_an_hour() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    for mails in [1, 1, 2] {
        client
            .post("/forgot", &[("email", "ann@acme.example")])
            .await
            .page(200)
            .assert_heading("Check your e-mail");
        assert_eq!(portal.mails_to("ann@acme.example").await, mails);
        portal.clock.advance(Duration::from_secs(150));
    }
    let portal = spawn_with(|settings| settings.ceilings = true).await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    for _ in 0..6 {
        client
            .post("/forgot", &[("email", "ann@acme.example")])
            .await
            .page(200)
            .assert_heading("Check your e-mail");
        portal.clock.advance(minutes(6));
    }
    assert_eq!(
        portal.mails_to("ann@acme.example").await,
        3,
        "three an hour to one address"
    );
    for n in 0..10 {
        let email = format!("u{n}@acme.example");
        account(&portal, &email, "Someone", GOOD).await;
        client
            .post("/forgot", &[("email", &email)])
            .await
            .page(200)
            .assert_heading("Check your e-mail");
    }
    let asked = actions(&portal)
        .await
        .iter()
        .filter(|action| *action == "password.reset.request")
        .count();
    assert!(
        (7..=8).contains(&asked),
        "ten an hour from one address, three of six and four of ten: {asked}"
    );
}

#[actix_web::test]
async fn cve_c14_a_second_address_gets_no_mail() {
    let portal = spawn().await;
    account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    account(&portal, "eve@evil.example", "Eve", GOOD).await;
    let client = portal.anonymous();
    for email in [
        "ann@acme.example,eve@evil.example",
        "ann@acme.example;eve@evil.example",
        "ann@acme.example eve@evil.example",
        "ann@acme.example\r\nBcc: eve@evil.example",
        "ann@acme.example\neve@evil.example",
        "\"ann@acme.example\"@evil.example",
        "<ann@acme.example>eve@evil.example",
    ] {
        client.post("/forgot", &[("email", email)]).await.page(422);
    }
    let twice = [("email", "ann@acme.example"), ("email", "eve@evil.example")];
    assert_eq!(client.post("/forgot", &twice).await.status, 400);
    let array = [("email[]", "ann@acme.example"), ("email[]", "eve@evil.example")];
    assert_eq!(client.post("/forgot", &array).await.status, 422);
    assert_eq!(
        portal.mails_to("ann@acme.example").await + portal.mails_to("eve@evil.example").await,
        0
    );
}

#[actix_web::test]
async fn cve_c16_host_header_in_links() {
    let portal = spawn_with(|settings| settings.public_url = "http://portal.example:8443/".parse().unwrap()).await;
    let spoofs: [&[(&str, &str)]; 6] = [
        &[("host", "evil.example")],
        &[("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "gopher")],
        &[("forwarded", "host=evil.example;proto=https")],
        &[("host", "portal.example:8443@evil.example")],
        &[
            ("x-original-url", "http://evil.example/forgot"),
            ("x-rewrite-url", "/evil"),
        ],
        &[
            ("x-forwarded-server", "evil.example"),
            ("x-host", "evil.example"),
            ("origin", "http://portal.example:8443"),
        ],
    ];
    for (n, spoof) in spoofs.iter().enumerate() {
        let email = format!("ann{n}@acme.example");
        account(&portal, &email, "Ann Lee", GOOD).await;
        let client = portal.anonymous();
        let token = client.csrf().await;
        let mut request = client
            .request(Method::POST, "/forgot")
            .form(&[("csrf", token.as_str()), ("email", &email)]);
        for (name, value) in *spoof {
            request = request.header(*name, *value);
        }
        let answer = client.send(request).await;
        assert!(!answer.body.contains("evil.example"), "{spoof:?}");
        if answer.status != 200 {
            assert_eq!(answer.status, 400, "{spoof:?}: refused as a whole, or answered");
            continue;
        }
        let mail = portal.mail_to(&email).await;
        for text in [&mail.text, &mail.html] {
            assert!(
                text.contains("http://portal.example:8443/reset/mst_rst_"),
                "{spoof:?}: {text}"
            );
            assert!(!text.contains("evil"), "{spoof:?}: {text}");
        }
    }
}

#[actix_web::test]
async fn cve_c17_look_alike_addresses_are_other_people() {
    let portal = spawn().await;
    account(&portal, "Mike.Fisk@Bücher.example", "Mike", GOOD).await;
    account(&portal, "kiss@acme.example", "Kiss", GOOD).await;
    let stored = "Mike.Fisk@bücher.example";
    let client = portal.anonymous();
    for look_alike in [
        "m\u{131}ke.fisk@bücher.example",
        "mike.f\u{131}sk@bücher.example",
        "mike.fis\u{212a}@bücher.example",
        "ｍike.fisk@bücher.example",
        "mike.fisk@ｂücher.example",
        "mike\u{ff0e}fisk@bücher.example",
        "mike.fisk@bucher.example",
        "mike.fisk@bu\u{308}cher.example\u{200b}",
        "mikefisk@bücher.example",
        "mike.fisk+x@bücher.example",
        "mike.fi\u{17f}k@bücher.example",
        "mike.fisk\u{ad}@bücher.example",
        "ki\u{df}@acme.example",
        "\u{212a}iss@acme.example",
        "kiss@acme\u{3002}example",
        "ki\u{17f}s@acme.example",
    ] {
        portal.clock.advance(minutes(6));
        let status = client.post("/forgot", &[("email", look_alike)]).await.status;
        assert!([200, 422].contains(&status), "{look_alike}: {status}");
        let status = try_sign_in(&client, look_alike, GOOD).await.status;
        assert_eq!(status, 422, "{look_alike}");
        assert_eq!(
            portal.mails_to(stored).await + portal.mails_to("kiss@acme.example").await,
            0,
            "{look_alike}"
        );
        let address = Address::parse(look_alike);
        assert!(address.is_err() || portal.mails_to(address.unwrap().display()).await == 0);
    }
    // The same person in other letters: the mail goes to the stored spelling.
    for same in ["MIKE.FISK@BÜCHER.EXAMPLE", "mike.fisk@xn--bcher-kva.example."] {
        let before = portal.mails_to(stored).await;
        portal.clock.advance(minutes(6));
        client.post("/forgot", &[("email", same)]).await.page(200);
        assert_eq!(portal.mails_to(stored).await, before + 1, "{same}");
        portal.clock.advance(Duration::from_secs(30));
        signed_in(&portal, same, GOOD).await;
    }
}

// -------------------------------------------------------------------------------------------------------------- set-up

fn setup_path(portal: &Portal) -> String {
    format!("/setup/{}", portal.app.setup.as_ref().unwrap().expose())
}

const SETUP: [(&str, &str); 7] = [
    ("enterprise", "Halden Group"),
    ("organization", "Kestrel Robotics"),
    ("support_contact", "help@halden.example"),
    ("zone", "Europe/Oslo"),
    ("name", " Priya  Raman "),
    ("email", "priya@halden.example"),
    ("password", GOOD),
];

fn setup_with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let changed = |name: &str| changes.iter().find(|(field, _)| *field == name).copied();
    SETUP.iter().map(|pair| changed(pair.0).unwrap_or(*pair)).collect()
}

#[actix_web::test]
async fn the_one_time_link_sets_everything_up() {
    let portal = spawn().await;
    let client = portal.anonymous();
    client
        .follow("/")
        .await
        .page(200)
        .assert_says("Muster is not set up yet.");
    let path = setup_path(&portal);
    let answer = client.get(&path).await;
    let page = answer.page(200);
    page.assert_heading("Set up Muster");
    page.assert_says("Use at least 15 characters.");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert!(page.count("select[name=zone] option") > 300);
    client.get("/setup/mst_set_wrong").await.page(404);
    client.post("/setup/mst_set_wrong", &SETUP).await.page(404);

    client.post(&path, &SETUP).await.redirects_to("/");
    assert_eq!(client.get("/").await.redirects_to("/o/"), "/o/kestrel-robotics/members");
    let page = client.get("/me").await.page(200);
    page.assert_says("Kestrel Robotics");
    page.assert_says("Org Admin, joined 21 November 2026");
    page.assert_says("Halden Group is set up.");
    page.assert_says("Primary");
    assert_eq!(page.value("name").as_deref(), Some("Priya Raman"));
    assert_eq!(page.first(".topbar a[href='/e']"), "Enterprise Portal");
    let mut db = portal.app.db.read();
    let account = account::find_by_key(&mut db, "priya@halden.example")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(account.enterprise_role, Some(EnterpriseRole::Administrator));
    assert_eq!(account.email_proof, AddressProof::None);
    let enterprise = orgs::find_enterprise(&mut db).await.unwrap().unwrap();
    assert_eq!(
        (enterprise.name.as_str(), enterprise.zone.as_str()),
        ("Halden Group", "Europe/Oslo")
    );
    let done = actions(&portal).await;
    for action in [
        "enterprise.create",
        "account.create",
        "enterprise.role.change",
        "organization.create",
    ] {
        assert!(done.contains(&action.to_owned()), "{action} in {done:?}");
    }
    // The link is dead, and the front door says nothing of it any more.
    portal
        .anonymous()
        .get(&path)
        .await
        .page(410)
        .assert_says("set up already");
    portal
        .anonymous()
        .post(&path, &setup_with(&[("email", "eve@evil.example")]))
        .await
        .page(410);
    portal
        .anonymous()
        .follow("/")
        .await
        .page(200)
        .assert_silent("not set up");
    assert_eq!((rows::enterprises(&portal).await, rows::users(&portal).await), (1, 1));
    signed_in(&portal, "priya@halden.example", GOOD).await;
}

#[actix_web::test]
async fn set_up_says_all_that_is_wrong_at_once_and_forgets_nothing_but_the_password() {
    let portal = spawn().await;
    let client = portal.anonymous();
    let path = setup_path(&portal);
    let bad = setup_with(&[
        ("organization", " "),
        ("zone", "Mars/Base"),
        ("email", "priya@halden"),
        ("password", "halden kestrel"),
        ("name", "<b>P\""),
    ]);
    let answer = client.post(&path, &bad).await;
    let page = answer.page(422);
    for text in [
        "A name needs at least one letter",
        "Choose a time zone",
        "The domain is not complete",
        "This one has 14",
        "type the password again",
    ] {
        page.assert_says(text);
    }
    assert_eq!(page.value("enterprise").as_deref(), Some("Halden Group"));
    assert_eq!(page.value("name").as_deref(), Some("<b>P\""));
    assert_eq!(page.value("support_contact").as_deref(), Some("help@halden.example"));
    assert_eq!(page.value("password"), None);
    assert!(!answer.body.contains("halden kestrel"));
    let own = setup_with(&[("password", "Kestrel-Robotics-Halden")]);
    client.post(&path, &own).await.page(422).assert_says("Leave them out.");
    assert_eq!(rows::enterprises(&portal).await, 0);
    client.post(&path, &SETUP).await.redirects_to("/");
}

#[actix_web::test]
async fn of_two_set_ups_at_once_one_is_done() {
    let portal = spawn().await;
    let path = setup_path(&portal);
    let clients: Vec<Client> = (0..4).map(|_| portal.anonymous()).collect();
    let emails = [
        "a@halden.example",
        "b@halden.example",
        "c@halden.example",
        "d@halden.example",
    ];
    let posts = clients.iter().zip(emails).map(|(client, email)| {
        let path = path.clone();
        async move { client.post(&path, &setup_with(&[("email", email)])).await }
    });
    let answers = futures_util::future::join_all(posts).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 303).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [303, 409, 410].contains(status)),
        "{statuses:?}"
    );
    assert_eq!((rows::enterprises(&portal).await, rows::users(&portal).await), (1, 1));
    let mut inside = 0;
    for client in &clients {
        inside += u8::from(is_signed_in(client).await);
    }
    assert_eq!(inside, 1);
}

// ------------------------------------------------------------------------------------------------ the page about oneself

#[actix_web::test]
async fn a_new_name_goes_everywhere() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let bob = portal.member(&org, Role::Developer, "bob").await;
    let page = bob.get("/me").await.page(200);
    page.assert_says("Developer, joined 21 November 2026");
    let long = "n".repeat(81);
    for (name, says) in [
        ("", "at least one letter"),
        (long.as_str(), "This one has 81"),
        ("a\u{202e}b", "control characters"),
    ] {
        let page = bob.post("/me", &[("name", name)]).await.page(422);
        page.assert_says(says);
        assert_eq!(page.value("name").as_deref(), Some(name));
    }
    bob.post(
        "/me",
        &[
            ("name", " Robert  Ørsted "),
            ("email", "eve@evil.example"),
            ("enterprise_role", "100"),
        ],
    )
    .await
    .redirects_to("/me");
    let page = bob.get("/me").await.page(200);
    page.assert_says("Your profile was saved.");
    assert_eq!(page.value("name").as_deref(), Some("Robert Ørsted"));
    assert!(page.first(".btn-user").contains("Robert Ørsted"));
    let mut db = portal.app.db.read();
    let found = member::find(&mut db, org.id, bob.member.unwrap()).await.unwrap();
    assert_eq!(
        (found.name.as_str(), found.email.as_str()),
        ("Robert Ørsted", "bob@acme.example")
    );
    let account = account::find(&mut db, bob.user).await.unwrap().unwrap();
    assert_eq!(
        (account.email.as_str(), account.enterprise_role),
        ("bob@acme.example", None)
    );
    let rows = portal.audit(None).await;
    let row = rows.iter().find(|row| row.action == "profile.update").unwrap();
    assert_eq!(
        (row.before.as_str(), row.after.as_str()),
        (r#"{"name":"Bob"}"#, r#"{"name":"Robert Ørsted"}"#)
    );
    // The same name again is no change.
    bob.post("/me", &[("name", "Robert Ørsted")]).await.redirects_to("/me");
    assert_eq!(
        actions(&portal)
            .await
            .iter()
            .filter(|action| *action == "profile.update")
            .count(),
        1
    );
}

/// An account that Ann vouches for, signed in.
async fn vouched(portal: &Portal, email: &str, by: UserId) -> (UserId, Client) {
    let address = Address::parse(email).unwrap();
    let new = NewAccount {
        email: &address,
        name: "Bob",
        password_hash: None,
        proof: Proof::Vouched(by),
    };
    let mut tx = portal.app.db.write().await.unwrap();
    let user = account::create(&mut tx, &portal.operator(), new, portal.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    (user, portal.sign_in(user).await)
}

async fn mailed_code(portal: &Portal, email: &str) -> String {
    let text = portal.mail_to(email).await.text;
    let digits: String = text
        .split_whitespace()
        .filter(|word| word.len() >= 4 && word.chars().all(|c| c.is_ascii_digit()))
        .collect();
    assert_eq!(digits.len(), 8, "{text}");
    digits
}

#[actix_web::test]
async fn an_address_that_another_person_vouches_for_is_confirmed_by_a_code() {
    let portal = spawn().await;
    let (_, ann) = ann(&portal).await;
    let (user, bob) = vouched(&portal, "bob@acme.example", ann).await;
    let (_, eve) = vouched(&portal, "eve@acme.example", ann).await;
    let page = bob.get("/me").await.page(200);
    page.assert_says("Ann Lee vouches for this address.");
    page.assert_says("Not verified");
    assert_eq!(page.count("input[name=code]"), 0);
    bob.post("/me/address/confirmation", &[("code", "12345678")])
        .await
        .page(422)
        .assert_says("There is no code to enter");

    bob.post("/me/address/code", &[]).await.redirects_to("/me");
    let first = mailed_code(&portal, "bob@acme.example").await;
    let page = bob.get("/me").await.page(200);
    page.assert_says("A code was sent to bob@acme.example.");
    assert_eq!(page.count("input[name=code]"), 1);
    bob.post("/me/address/code", &[])
        .await
        .page(409)
        .assert_says("less than a minute ago");
    eve.post("/me/address/code", &[]).await.redirects_to("/me");
    eve.post("/me/address/confirmation", &[("code", &first)])
        .await
        .page(422)
        .assert_says("4 tries are left");

    // A newer code ends the older one.
    portal.clock.advance(minutes(1));
    bob.post("/me/address/code", &[]).await.redirects_to("/me");
    let second = mailed_code(&portal, "bob@acme.example").await;
    assert_ne!(first, second);
    bob.post("/me/address/confirmation", &[("code", &first)])
        .await
        .page(422)
        .assert_says("4 tries are left");
    for left in [
        "3 tries are left",
        "2 tries are left",
        "One more try is left",
        "tried too often",
    ] {
        bob.post("/me/address/confirmation", &[("code", "00000000")])
            .await
            .page(422)
            .assert_says(left);
    }
    bob.post("/me/address/confirmation", &[("code", &second)])
        .await
        .page(422)
        .assert_says("no code to enter");

    // Ten minutes are the end.
    portal.clock.advance(minutes(1));
    bob.post("/me/address/code", &[]).await.redirects_to("/me");
    let third = mailed_code(&portal, "bob@acme.example").await;
    portal.clock.advance(minutes(10));
    bob.post("/me/address/confirmation", &[("code", &third)])
        .await
        .page(422)
        .assert_says("no code to enter");

    bob.post("/me/address/code", &[]).await.redirects_to("/me");
    let fourth = mailed_code(&portal, "bob@acme.example").await;
    let spaced = format!(" {} {} ", &fourth[..4], &fourth[4..]);
    bob.post("/me/address/confirmation", &[("code", &spaced)])
        .await
        .redirects_to("/me");
    let page = bob.get("/me").await.page(200);
    page.assert_says("Verified");
    page.assert_silent("vouches");
    let account = account::find(&mut portal.app.db.read(), user).await.unwrap().unwrap();
    assert_eq!((account.email_proof, account.vouched_by), (AddressProof::Mailed, None));
    bob.post("/me/address/code", &[])
        .await
        .page(409)
        .assert_says("verified already");
    let done = actions(&portal).await;
    assert_eq!(done.iter().filter(|action| *action == "address.verify").count(), 1);
    assert_eq!(done.iter().filter(|action| *action == "address.verify.fail").count(), 6);
    let audit = format!("{:?}", portal.audit(None).await);
    assert!(
        ![first, second, third, fourth]
            .iter()
            .any(|code| audit.contains(code.as_str()))
    );
}

#[actix_web::test]
async fn a_changed_password_ends_every_other_session() {
    let portal = spawn().await;
    let (_, user) = ann(&portal).await;
    let here = portal.anonymous();
    let old = cookie(&try_sign_in(&here, "ann@acme.example", GOOD).await, "muster-sid");
    let other = signed_in(&portal, "ann@acme.example", GOOD).await;
    let page = here.get("/me/security").await.page(200);
    page.assert_says("Use at least 15 characters.");
    page.assert_says("Times are in Europe/Berlin.");
    let change = |current: &'static str, password: &'static str| {
        let here = here.clone();
        async move {
            here.post("/me/password", &[("current", current), ("password", password)])
                .await
        }
    };
    change(GOOD, "password12345678")
        .await
        .page(422)
        .assert_says("most common passwords");
    change(GOOD, "acme acme ann lee")
        .await
        .page(422)
        .assert_says("Leave them out.");
    change(GOOD, "")
        .await
        .page(422)
        .assert_says("Use at least 15 characters.");
    let answer = change(BETTER, BETTER).await;
    answer.page(422).assert_says("This is not your current password.");
    assert!(!answer.body.contains(BETTER));
    let answer = change(GOOD, BETTER).await;
    answer.page(429).assert_says("Too many tries.");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(is_signed_in(&other).await && portal.mails_to("ann@acme.example").await == 0);

    portal.clock.advance(Duration::from_secs(1));
    let answer = change(GOOD, BETTER).await;
    answer.redirects_to("/me/security");
    assert_ne!(cookie(&answer, "muster-sid"), old, "a new session id");
    here.get("/me/security")
        .await
        .page(200)
        .assert_says("Every other session has ended.");
    assert!(!is_signed_in(&other).await && !is_signed_in(&Client::with_cookie(&portal.url, &old)).await);
    assert_eq!(rows::sessions(&portal, user).await, 1);
    let notice = portal.mail_to("ann@acme.example").await;
    assert_eq!(notice.link(), "/forgot");
    assert!(!format!("{} {}", notice.text, notice.html).contains(BETTER));
    signed_in(&portal, "ann@acme.example", BETTER).await;
    assert!(actions(&portal).await.contains(&"password.change".to_owned()));
}

#[actix_web::test]
async fn strength_is_told_while_one_types() {
    let portal = spawn().await;
    ann(&portal).await;
    let stranger = portal.anonymous();
    let words = |answer: Answer| answer.page(200).text();
    assert_eq!(
        words(stranger.htmx_post("/password/strength", &[("password", "")]).await),
        ""
    );
    let weak = words(
        stranger
            .htmx_post("/password/strength", &[("password", "qwerty")])
            .await,
    );
    assert!(
        weak.starts_with("Strength: ") && weak.ends_with("Add another word."),
        "{weak}"
    );
    assert_eq!(
        words(stranger.htmx_post("/password/strength", &[("password", GOOD)]).await),
        "Strength: Strong"
    );
    let own = "annleeacmehalden";
    let client = signed_in(&portal, "ann@acme.example", GOOD).await;
    let mine = words(client.htmx_post("/password/strength", &[("password", own)]).await);
    assert_ne!(
        mine,
        words(stranger.htmx_post("/password/strength", &[("password", own)]).await)
    );
    let began = Instant::now();
    client
        .htmx_post("/password/strength", &[("password", &"aA1!".repeat(10_000))])
        .await
        .page(200);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[actix_web::test]
async fn programs_find_their_addresses() {
    let portal = spawn().await;
    let client = portal.anonymous();
    assert_eq!(
        client.get("/.well-known/change-password").await.redirects_to("/me"),
        "/me/security"
    );
    client.get("/.well-known/security.txt").await.page(404);
    portal.enterprise().await;
    let answer = client.get("/.well-known/security.txt").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/plain; charset=utf-8")
    );
    assert!(
        answer.body.contains("Contact: mailto:help@halden.example\n"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("Expires: 2027-02-19T00:00:00Z\n"),
        "{}",
        answer.body
    );
}

#[actix_web::test]
async fn what_has_ended_is_deleted_and_the_rest_stays() {
    let portal = spawn().await;
    let user = account(&portal, "ann@acme.example", "Ann Lee", GOOD).await;
    let client = portal.anonymous();
    client.post("/forgot", &[("email", "ann@acme.example")]).await.page(200);
    try_sign_in(&client, "ann@acme.example", BETTER).await.page(422);
    muster::jobs::tidy(&portal.app).await.unwrap();
    assert_eq!(rows::resets(&portal, user).await, 1);
    try_sign_in(&client, "ann@acme.example", GOOD).await.page(429);
    portal.clock.advance(minutes(31));
    muster::jobs::tidy(&portal.app).await.unwrap();
    assert_eq!(rows::resets(&portal, user).await, 0);
    // One failure is remembered for a month, a hundred for a year.
    try_sign_in(&client, "ann@acme.example", BETTER).await.page(422);
    let wait = try_sign_in(&client, "ann@acme.example", BETTER).await;
    assert_eq!(wait.header("retry-after"), "3");
    portal.clock.advance(days(31));
    muster::jobs::tidy(&portal.app).await.unwrap();
    try_sign_in(&client, "ann@acme.example", BETTER).await.page(422);
    assert_eq!(
        try_sign_in(&client, "ann@acme.example", BETTER)
            .await
            .header("retry-after"),
        "1"
    );
}

#[actix_web::test]
async fn every_page_of_the_room_is_well_made() {
    let portal = spawn().await;
    let stranger = portal.anonymous();
    let setup = stranger.get(&setup_path(&portal)).await;
    let (_, user) = ann(&portal).await;
    let (holder, _) = open_reset(&portal, "ann@acme.example").await;
    let client = signed_in(&portal, "ann@acme.example", GOOD).await;
    let (_, bob) = vouched(&portal, "bob@acme.example", user).await;
    bob.post("/me/address/code", &[]).await.redirects_to("/me");
    let answers = [
        (setup, 200),
        (stranger.get("/sign-in?next=%2Fi&after=reset").await, 200),
        (try_sign_in(&stranger, "x@acme.example", BETTER).await, 422),
        (stranger.get("/forgot").await, 200),
        (stranger.post("/forgot", &[("email", "x@acme")]).await, 422),
        (stranger.post("/forgot", &[("email", "x@acme.example")]).await, 200),
        (holder.get("/reset").await, 200),
        (holder.post("/reset", &[("password", "a"), ("again", "b")]).await, 422),
        (stranger.get("/reset").await, 410),
        (client.get("/me").await, 200),
        (client.post("/me", &[("name", "")]).await, 422),
        (bob.get("/me").await, 200),
        (bob.post("/me/address/confirmation", &[("code", "1")]).await, 422),
        (client.get("/me/security").await, 200),
        (
            client
                .post("/me/password", &[("current", "x"), ("password", "y")])
                .await,
            422,
        ),
    ];
    for (answer, status) in answers {
        let page = answer.page(status);
        let title = page.first("title");
        assert!(title.ends_with(" · Muster"), "{title}");
        assert_eq!(page.count("h1"), 1, "{title}");
        assert_eq!(page.count("main#main"), 1, "{title}");
        assert_eq!(page.count("style, script:not([src]), [style]"), 0, "{title}");
        let ids = page.attributes("[id]", "id");
        let once: std::collections::HashSet<&String> = ids.iter().collect();
        assert_eq!(once.len(), ids.len(), "{title}: {ids:?}");
        for field in page.attributes("main input:not([type=hidden]), main select", "id") {
            let labels = page.count(&format!("label[for='{field}']")) + page.count(&format!("#{field}[aria-label]"));
            assert_eq!(labels, 1, "{title}: {field}");
        }
        // What describes a field is there, and a wrong field is marked and has the focus.
        for described in page.attributes("[aria-describedby]", "aria-describedby") {
            for id in described.split(' ') {
                assert_eq!(page.count(&format!("#{id}")), 1, "{title}: {id}");
            }
        }
        for wrong in page.attributes("[aria-invalid]", "id") {
            assert_eq!(page.count(&format!("#{wrong}[autofocus]")), 1, "{title}: {wrong}");
        }
        let forms = page.count("form[method=post]");
        assert_eq!(
            page.count("form[method=post] input[type=hidden][name=csrf]"),
            forms,
            "{title}"
        );
        assert_eq!(page.attributes("input[type=password]", "value").len(), 0, "{title}");
    }
}
