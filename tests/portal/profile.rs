//! The page about oneself: name and contact, picture, and how pages look.

use image::ImageFormat;
use muster::{
    access::{EnterpriseRole, Role, inside, permission::GroupManage},
    groups,
};
use reqwest::Method;

use crate::support::{Answer, Client, Someone, multipart, png, spawn, texts};

/// Uploads a file as the picture, as a browser without scripts does.
async fn upload(who: &Client, name: &str, bytes: &[u8]) -> Answer {
    let token = who.csrf().await;
    let (kind, body) = multipart(&[("csrf", &token)], Some(("picture", name, bytes)));
    who.send(
        who.request(Method::POST, "/me/picture")
            .header("content-type", kind)
            .body(body),
    )
    .await
}

/// The address of the own picture, as the top bar shows it.
async fn face(who: &Client) -> Option<String> {
    who.get("/me").await.page(200).attribute(".btn-user img.avatar", "src")
}

async fn bytes(who: &Client, path: &str) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let answer = who.request(Method::GET, path).send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body").to_vec())
}

#[actix_web::test]
async fn r_pro_01_name_and_contact_are_kept_shown_and_recorded() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let bob = app.member(&org, Role::Member, "bob").await;
    let fields = [
        ("name", "Robert Sparrow"),
        ("phone", "+49 30 901820"),
        ("contact", "Room 4"),
    ];
    bob.post("/me", &fields).await.redirects_to("/me");
    let page = bob.get("/me").await.page(200);
    assert_eq!(page.value("name").as_deref(), Some("Robert Sparrow"));
    assert_eq!(page.value("phone").as_deref(), Some("+49 30 901820"));
    assert_eq!(page.value("contact").as_deref(), Some("Room 4"));
    let path = org.path(&format!("/members/{}", bob.id()));
    let page = ann.get(&path).await.page(200);
    page.assert_heading("Robert Sparrow");
    page.assert_says("+49 30 901820");
    page.assert_says("Room 4");
    // Members see each other's names, and neither address nor telephone (MODEL section 2.5).
    let eve = app.member(&org, Role::Member, "eve").await;
    eve.get(&path).await.page(200).assert_silent("901820");
    let recorded = app.audit(None).await;
    let row = recorded
        .iter()
        .rev()
        .find(|row| row.action == "profile.update")
        .expect("a row");
    assert!(row.after.contains("901820") && row.before.contains("phone"), "{row:?}");

    let wrong = [("name", "Robert"), ("phone", "call me"), ("contact", "Room 5")];
    let page = bob.post("/me", &wrong).await.page(422);
    page.assert_says("Write a phone number with digits");
    assert_eq!(page.value("contact").as_deref(), Some("Room 5"));
    assert_eq!(page.value("name").as_deref(), Some("Robert"));
    // All or nothing: the right name beside the wrong number was not saved.
    let page = bob.get("/me").await.page(200);
    assert_eq!(page.value("name").as_deref(), Some("Robert Sparrow"));
    // A form of the name alone leaves the rest.
    bob.post("/me", &[("name", "Rob")]).await.redirects_to("/me");
    let page = bob.get("/me").await.page(200);
    assert_eq!(page.value("phone").as_deref(), Some("+49 30 901820"));
}

#[actix_web::test]
async fn r_pro_02_a_picture_is_shown_wherever_its_person_is() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let bob = app.member(&org, Role::Member, "bob").await;
    assert_eq!(face(&bob).await, None);
    upload(&bob, "me.png", &png(640, 480)).await.redirects_to("/me#picture");
    let src = face(&bob).await.expect("a picture");
    for path in [org.path("/members"), org.path(&format!("/members/{}", bob.id()))] {
        let page = ann.get(&path).await.page(200);
        assert_eq!(page.attribute("main img.avatar", "src"), Some(src.clone()), "{path}");
    }
    // On a group's page too: in the table, on its cards, and where people are chosen.
    let mut tx = app.app.db.write().await.expect("a transaction");
    let by = inside::<GroupManage>(&mut tx, app.operator(), org.id)
        .await
        .expect("a proof");
    let now = app.clock.now();
    let group = groups::create(&mut tx, &by, "Engineering", groups::Kind::Team, now)
        .await
        .expect("a group");
    groups::add_members(&mut tx, &by, group, &[bob.member.expect("a member")], now)
        .await
        .expect("a member");
    tx.commit().await.expect("a commit");
    let page = ann.get(&org.path(&format!("/groups/{group}"))).await.page(200);
    assert_eq!(page.attributes("#results img.avatar", "src"), [src.as_str()]);
    assert_eq!(
        page.attributes("[aria-labelledby=joined-h] img.avatar", "src"),
        [src.as_str()]
    );
    let page = ann
        .get(&org.path(&format!("/groups/{group}/members/new")))
        .await
        .page(200);
    assert_eq!(page.attributes("main img.avatar", "src"), [src.as_str()]);
    let (status, headers, body) = bytes(&ann, &src).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "image/jpeg");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
    assert_eq!(headers["cache-control"], "private, max-age=86400, immutable");
    let read = image::load_from_memory(&body).expect("a picture");
    assert_eq!((read.width(), read.height()), (256, 256));
    let tag = headers["etag"].to_str().expect("a text").to_owned();
    let again = ann
        .send(ann.request(Method::GET, &src).header("if-none-match", &tag))
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));

    // Another picture has another address, and the old one is gone.
    upload(&bob, "me.png", &png(20, 900)).await.redirects_to("/me#picture");
    let other = face(&bob).await.expect("a picture");
    assert_ne!(other, src);
    assert_eq!(bytes(&ann, &src).await.0, 404);
    assert_eq!(bob.post("/me/picture/removal", &[]).await.redirects_to("/me"), "/me");
    assert_eq!(face(&bob).await, None);
    assert_eq!(bytes(&bob, &other).await.0, 404);
    bob.post("/me/picture/removal", &[])
        .await
        .page(409)
        .assert_says("no picture to remove");
    let kinds = app.audit(None).await;
    assert_eq!(kinds.iter().filter(|row| row.action == "profile.update").count(), 3);
}

#[actix_web::test]
async fn cve_c07_a_picture_is_for_people_of_the_same_organization() {
    let app = spawn().await;
    let (acme, other) = (app.org("Acme").await, app.org("Cedar").await);
    let bob = app.member(&acme, Role::Member, "bob").await;
    upload(&bob, "me.png", &png(300, 300)).await.redirects_to("/me");
    let src = face(&bob).await.expect("a picture");
    let ann = app.member(&acme, Role::Administrator, "ann").await;
    let eve = app.member(&other, Role::Administrator, "eve").await;
    let auditor = app.enterprise_member(EnterpriseRole::Auditor, "aud").await;
    assert_eq!(bytes(&ann, &src).await.0, 200);
    assert_eq!(bytes(&auditor, &src).await.0, 200);
    assert_eq!(bytes(&eve, &src).await.0, 404);
    app.anonymous().get(&src).await.redirects_to("/sign-in");
    for odd in [
        "/pictures/0",
        "/pictures/..%2f..%2fsecret.key",
        "/pictures/%22",
        "/pictures/00000000000000000000000000000000",
    ] {
        assert_eq!(bytes(&ann, odd).await.0, 404, "{odd}");
    }
    // Whoever was removed is known as they were; whoever may not act any more sees nobody.
    let path = acme.path(&format!("/members/{}/suspension", bob.id()));
    ann.post(&path, &[]).await.redirects_to(&acme.path("/members"));
    assert_eq!(bytes(&ann, &src).await.0, 200);
}

#[actix_web::test]
async fn cve_avatar_attacks_are_refused_in_words() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let bob: Someone = app.member(&org, Role::Member, "bob").await;
    // An SVG under a picture's name, a page under a picture's signature, nothing at all.
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#;
    for (name, file, why) in [
        ("me.png", &svg[..], "PNG, JPEG, WebP or GIF"),
        ("me.gif", &b"GIF89a<script>alert(1)</script>"[..], "This picture"),
        (
            "me.jpg",
            &b"\xff\xd8\xff\xe0 nothing"[..],
            "cannot be read as a picture",
        ),
        ("me.png", &b""[..], "Choose a picture first"),
    ] {
        let page = upload(&bob, name, file).await.page(422);
        page.assert_says(why);
        assert_eq!(page.attribute("#picture-file", "aria-invalid").as_deref(), Some("true"));
        assert_eq!(
            page.value("name").as_deref(),
            Some("Bob"),
            "the rest of the page is as it was"
        );
    }
    // 40,000 x 40,000 pixels in a header of a few bytes.
    let mut bomb = png(1, 1);
    bomb[16..24].copy_from_slice(&[0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40]);
    upload(&bob, "me.png", &bomb).await.page(422);
    // Ten megabytes: refused by their length, before they are looked at.
    let large = vec![0x89; 10 << 20];
    assert_eq!(upload(&bob, "me.png", &large).await.status, 413);
    assert_eq!(face(&bob).await, None);
    // A polyglot keeps its pixels and loses its page.
    let mut both = png(300, 300);
    both.extend_from_slice(b"<html><script>alert(document.domain)</script></html>");
    upload(&bob, "me.html", &both).await.redirects_to("/me");
    let src = face(&bob).await.expect("a picture");
    let (_, headers, body) = bytes(&bob, &src).await;
    assert_eq!(headers["content-type"], "image/jpeg");
    assert!(!body.windows(7).any(|part| part == b"<script"));
    assert_eq!(image::guess_format(&body).expect("a format"), ImageFormat::Jpeg);
    // A form that says it is one thing and is another, and one without its token.
    let token = bob.csrf().await;
    let odd = bob
        .request(Method::POST, "/me/picture")
        .header("content-type", "multipart/form-data")
        .header("x-csrf-token", &token)
        .body("--x\r\n");
    assert_eq!(bob.send(odd).await.status, 400);
    let (kind, body) = multipart(&[("csrf", "wrong")], Some(("picture", "me.png", &png(9, 9))));
    let forged = bob
        .request(Method::POST, "/me/picture")
        .header("content-type", kind)
        .body(body);
    assert_eq!(bob.send(forged).await.status, 403);
}

#[actix_web::test]
async fn r_pro_03_times_and_numbers_follow_the_person() {
    let app = spawn().await;
    let org = app.org("Acme").await; // in Berlin, where it is 10:00 at the start of a test
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let page = ann.get(&org.path("/members")).await.page(200);
    page.assert_says("Times are in Europe/Berlin, the organization’s zone.");
    page.row("Ann").assert_cell("Joined", "21 Nov 2026");
    let choice = [
        ("theme", "dark"),
        ("density", "compact"),
        ("zone", "Pacific/Kiritimati"),
        ("locale", "en-US"),
    ];
    let answer = ann.post("/me/display", &choice).await;
    answer.redirects_to("/me#display");
    assert!(
        answer
            .headers
            .get_all("set-cookie")
            .iter()
            .any(|one| one.to_str().unwrap().contains("theme=2"))
    );
    let page = ann.get(&org.path("/members")).await.page(200);
    page.assert_says("Times are in Pacific/Kiritimati, your own zone.");
    page.row("Ann").assert_cell("Joined", "Nov 21, 2026");
    assert_eq!(page.attribute("html", "class").as_deref(), Some("compact"));
    assert_eq!(
        page.attribute("meta[name=color-scheme]", "content").as_deref(),
        Some("dark")
    );
    // Three hours later it is the 22nd in Kiritimati, and the 21st in Berlin.
    let bob = app.member(&org, Role::Member, "bob").await;
    app.clock.advance(std::time::Duration::from_secs(3 * 3_600));
    let carla = app.member(&org, Role::Member, "carla").await;
    let ann = app.sign_in(ann.user).await;
    let page = ann.get(&org.path("/members")).await.page(200);
    page.row("Carla").assert_cell("Joined", "Nov 22, 2026");
    let page = carla.get(&org.path("/members")).await.page(200);
    page.row("Carla").assert_cell("Joined", "21 Nov 2026");
    let page = app.sign_in(bob.user).await.get("/me").await.page(200);
    assert!(
        page.first("#zone option[selected]")
            .starts_with("As the organization (Europe/Berlin")
    );

    for (field, value, why) in [
        ("zone", "Mars/Olympus", "Choose a time zone"),
        ("locale", "xx", "Choose a format"),
        ("theme", "pink", "Choose Auto, Light or Dark"),
        ("density", "huge", "Choose Comfortable or Compact"),
    ] {
        let fields: Vec<(&str, &str)> = choice
            .iter()
            .map(|(name, old)| (*name, if *name == field { value } else { *old }))
            .collect();
        ann.post("/me/display", &fields).await.page(422).assert_says(why);
    }
    let rows = texts(&app.app.db, "select zone from profiles").await;
    assert_eq!(rows, ["Pacific/Kiritimati"]);
    // Back to the defaults.
    let plain = [
        ("theme", "system"),
        ("density", "comfortable"),
        ("zone", ""),
        ("locale", "en-GB"),
    ];
    ann.post("/me/display", &plain).await.redirects_to("/me");
    ann.get(&org.path("/members"))
        .await
        .page(200)
        .assert_says("the organization’s zone");
}
