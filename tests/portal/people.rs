//! People behind a proxy: they come with the session of their browser, and read a refusal as a page (B-55, R-LIM-07, R-LIM-08).

use std::time::Duration;

use muster::access::Role;
use reqwest::Method;

use crate::{
    support::{Answer, Client, Org, Portal, Someone, spawn},
    usage::limit,
};

/// What a browser says that it reads when it goes somewhere.
const PAGES: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn start() -> (Portal, Org, Someone, Someone) {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    (portal, org, ann, ben)
}

/// What the proxy is told when somebody's browser sends a request to the platform.
async fn through(client: &Client, query: &str, accept: &str) -> Answer {
    let request = client
        .request(Method::GET, &format!("/authz/forward?{query}"))
        .header("accept", accept)
        .header("x-muster-user", "forged");
    client.send(request).await
}

#[actix_web::test]
async fn b_55_over_the_limit_a_person_reads_why_and_asks_and_gets_through() {
    let (portal, org, ann, ben) = start().await;
    limit(&org, &ann, &ben, "5").await;
    let let_in = through(&ben, "org=acme&cost=5", PAGES).await;
    assert_eq!(let_in.status, 200, "{}", let_in.body);
    assert_eq!(let_in.header("x-muster-user"), ben.id());
    assert_eq!(let_in.header("x-muster-email"), ben.email);
    assert_eq!(let_in.header("x-muster-org"), "acme");
    assert_eq!(let_in.header("x-muster-roles"), "developer");
    assert_eq!(let_in.header("x-muster-key-id"), "");

    let over = through(&ben, "org=acme&cost=6", PAGES).await;
    assert_eq!(over.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(over.header("x-muster-user"), "", "nobody, whatever the browser says");
    let seconds: u64 = over.header("retry-after").parse().expect("seconds");
    assert!(seconds > 0 && seconds <= 31 * 86_400, "{seconds}");
    let policy = over.header("content-security-policy").to_owned();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("script"),
        "{policy}"
    );
    let page = over.page(429);
    page.assert_heading("This needs more than is left of your monthly limit");
    page.assert_says("Contact your organization administrator");
    page.assert_says("0 credits of 5 credits");
    page.assert_says(&ann.name);
    page.assert_says(&ann.email);
    page.assert_says("Resets");
    let links = page.attributes("a.btn", "href");
    let asks = links
        .iter()
        .find(|href| href.ends_with(&org.path("/limits/request?window=monthly")))
        .expect("Request more");
    assert!(
        asks.starts_with(&portal.url),
        "the page is shown elsewhere, so that its links are whole: {asks}"
    );

    let form = ben.get(asks.trim_start_matches(&portal.url)).await.page(200);
    let chosen = form.attribute("#window option[selected]", "value");
    assert_eq!(chosen.as_deref(), Some("monthly"), "the form begins with that limit");

    // A script of the same person gets what machines get.
    let script = through(&ben, "org=acme&cost=6", "*/*").await;
    assert_eq!(
        (script.status, script.header("content-type")),
        (429, "application/problem+json")
    );
    assert!(
        script.body.contains("quota-exceeded")
            && script.body.contains("member-monthly")
            && script.body.contains("/limits/request?window=monthly"),
        "{}",
        script.body
    );

    // Asks, is approved, and the next call passes.
    let fields = [
        ("window", "monthly"),
        ("amount", "50"),
        ("until", ""),
        ("reason", "A large order"),
    ];
    ben.post(&org.path("/limits/request"), &fields)
        .await
        .redirects_to(&org.path(""));
    let queue = ann.get(&org.path("/limits")).await.page(200);
    let request = queue
        .attributes("#requests a.btn", "href")
        .first()
        .cloned()
        .expect("the request waits for an answer");
    let fields = [("amount", "50"), ("until", ""), ("answer", "Of course")];
    ann.post(&format!("{request}/approval"), &fields)
        .await
        .redirects_to(&org.path("/limits"));
    let again = through(&ben, "org=acme&cost=6", PAGES).await;
    assert_eq!(again.status, 200, "{}", again.body);

    // The answer waits behind the bell too, with the way to it.
    let bell = ben.get("/me/notifications").await.page(200);
    bell.assert_says("Your request in Acme was approved: you have 50 credits a month now.");
    let others = ann.get("/me/notifications").await.page(200);
    others.assert_silent("Your request in");
}

#[actix_web::test]
async fn b_55_of_a_limit_that_others_share_nobody_asks_for_more() {
    let (_portal, org, ann, ben) = start().await;
    limit(&org, &ann, &ben, "5").await;
    let fields = [
        ("monthly_mode", "amount"),
        ("monthly", "4"),
        ("daily_mode", "inherit"),
        ("enforcement", "hard"),
        ("version", "0"),
    ];
    let path = org.path("/limits/pool");
    ann.post(&path, &fields).await.redirects_to(&org.path("/limits"));
    let over = through(&ben, "org=acme&cost=5", PAGES).await.page(429);
    over.assert_heading("This needs more than is left of the organization’s monthly limit");
    over.assert_says("It is the limit of the whole organization, for everybody together");
    over.assert_says(&ann.email);
    over.assert_silent("Request more");
    // One's own day is what the form begins with when that is what refuses.
    let path = org.path(&format!("/members/{}/limit", ben.id()));
    let fields = [
        ("monthly_mode", "amount"),
        ("monthly", "5"),
        ("daily_mode", "amount"),
        ("daily", "2"),
        ("enforcement", "hard"),
    ];
    ann.post(&path, &fields).await.redirects_to(&org.path("/members"));
    let over = through(&ben, "org=acme&cost=3", PAGES).await.page(429);
    let links = over.attributes("a.btn.primary", "href");
    assert!(
        links.iter().any(|href| href.ends_with("/limits/request?window=daily")),
        "{links:?}"
    );
}

#[actix_web::test]
async fn a_refused_request_for_more_is_told_behind_the_bell() {
    let (_portal, org, ann, ben) = start().await;
    limit(&org, &ann, &ben, "5").await;
    let fields = [("window", "monthly"), ("amount", "50"), ("reason", "A large order")];
    ben.post(&org.path("/limits/request"), &fields)
        .await
        .redirects_to(&org.path(""));
    let queue = ann.get(&org.path("/limits")).await.page(200);
    let request = queue.attribute("#requests a.btn", "href").expect("a request");
    ann.post(&format!("{request}/refusal"), &[("answer", "Not this month")])
        .await
        .redirects_to(&org.path("/limits"));
    let bell = ben.get("/me/notifications").await.page(200);
    bell.assert_says("Your request for 50 credits a month in Acme was denied.");
}

#[actix_web::test]
async fn a_session_counts_only_where_the_proxy_names_the_organization() {
    let (portal, org, ann, ben) = start().await;
    let other = portal.org("Zyzzyva Works").await;
    let zoe = portal.member(&other, Role::Administrator, "zoe").await;
    let nobody = Client::new(&portal.url);

    // A proxy for machines lets no browser through by its cookies.
    let machine = through(&ben, "permission=api.call", PAGES).await;
    assert_eq!(
        (machine.status, machine.header("content-type")),
        (401, "application/problem+json")
    );
    assert_eq!(machine.header("x-muster-user"), "");

    // Where people are let in, whoever is not signed in is led to it; a script, and what is no look, is not.
    let led = through(&nobody, "org=acme", PAGES).await;
    assert_eq!(
        (led.status, led.header("location")),
        (302, format!("{}/sign-in", portal.url).as_str())
    );
    assert_eq!(led.header("x-muster-user"), "");
    // Under the portal's own address it leads back to where they came from; what another host says leads nowhere.
    let host = portal.url.trim_start_matches("http://");
    for (host, uri, next) in [
        (host, "/app/reports?of=today", "?next=%2Fapp%2Freports%3Fof%3Dtoday"),
        (host, "//evil.example/", ""),
        (host, "https://evil.example/", ""),
        ("evil.example", "/app", ""),
        ("127.0.0.1:1", "/app", ""),
        ("a b", "/app", ""),
    ] {
        let asked = nobody
            .request(Method::GET, "/authz/forward?org=acme")
            .header("accept", PAGES)
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-host", host)
            .header("x-forwarded-uri", uri);
        let led = nobody.send(asked).await;
        let to = format!("{}/sign-in{next}", portal.url);
        assert_eq!((led.status, led.header("location")), (302, to.as_str()), "{host} {uri}");
    }
    assert_eq!(through(&nobody, "org=acme", "application/json").await.status, 401);
    let posted = nobody
        .request(Method::GET, "/authz/forward?org=acme")
        .header("accept", PAGES)
        .header("x-forwarded-method", "POST");
    assert_eq!(nobody.send(posted).await.status, 401);

    // Of a foreign organization one learns as much as of one that is not there.
    let foreign = through(&zoe, "org=acme", "*/*").await;
    let missing = through(&zoe, "org=acme-2", "*/*").await;
    assert_eq!((foreign.status, missing.status), (403, 403));
    let words = |answer: &Answer| {
        let mut document: serde_json::Value = serde_json::from_str(&answer.body).expect("a document");
        document["request_id"] = serde_json::Value::Null;
        document.to_string().replace("acme-2", "acme")
    };
    assert_eq!(words(&foreign), words(&missing));
    assert!(!foreign.body.contains("Acme"), "{}", foreign.body);
    // In a browser they read it as a page, which says no more.
    let pages = [
        through(&zoe, "org=acme", PAGES).await,
        through(&zoe, "org=acme-2", PAGES).await,
    ];
    let texts = pages.map(|answer| {
        assert_eq!(answer.header("x-muster-user"), "");
        let page = answer.page(403);
        page.assert_heading("You cannot use this");
        page.assert_says("there is no membership for you");
        page.assert_says(&zoe.email);
        page.assert_silent("Acme");
        page.all("#main p").join(" ")
    });
    assert_eq!(texts[0], texts[1]);

    // What the role does not permit is refused, and a key that is sent counts before the session.
    let refused = through(&ben, "org=acme&permission=member.manage", PAGES).await;
    refused.page(403).assert_heading("You cannot use this");
    assert_eq!(
        through(&ann, "org=acme&permission=member.manage", PAGES).await.status,
        200
    );
    let keyed = ben
        .request(Method::GET, "/authz/forward?org=acme")
        .header("accept", PAGES)
        .bearer_auth("mst_live_not_a_key");
    assert_eq!(ben.send(keyed).await.status, 401);

    // It ends with the membership at once.
    let path = org.path(&format!("/members/{}/suspension", ben.id()));
    let ended = ann.post(&path, &[("reason", "Away")]).await;
    assert!(
        ended.status == 303 || ended.status == 200,
        "{}: {}",
        ended.status,
        ended.body
    );
    let out = through(&ben, "org=acme", "*/*").await;
    assert_eq!(
        (out.status, out.header("x-muster-user")),
        (401, ""),
        "the sessions have ended too: {}",
        out.body
    );
}

#[actix_web::test]
async fn a_raise_that_ends_is_felt_behind_the_proxy() {
    let (portal, org, ann, ben) = start().await;
    limit(&org, &ann, &ben, "5").await;
    assert_eq!(through(&ben, "org=acme&cost=5", "*/*").await.status, 200);
    limit(&org, &ann, &ben, "4").await;
    assert_eq!(through(&ben, "org=acme&cost=5", "*/*").await.status, 429);
    portal.clock.advance(Duration::from_secs(60));
    limit(&org, &ann, &ben, "6").await;
    assert_eq!(through(&ben, "org=acme&cost=5", "*/*").await.status, 200);
}
