//! F11: another secret key, a damaged one, and none at all.

use std::fs;

use muster::{access::Role, mail::links};

use crate::support::{House, INVITES, Pen};

#[tokio::test]
async fn fault_f11_another_key_opens_nothing_and_overwrites_nothing() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    // A browser that is away while the wrong key is there.
    let away = portal.sign_in(ann.user).await;
    let (keys, settings) = (portal.app.keys.clone(), portal.app.settings.clone());
    portal.close().await;
    let key = house.data.join("secret.key");
    let right = fs::read(&key).expect("the key");
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    assert_eq!(
        pen.invite("bob@example.org")
            .await
            .expect("an answer")
            .status()
            .as_u16(),
        303
    );
    let mut file = house.connect().await;
    let (id, generation): (muster::ids::InvitationId, i64) = sqlx::query_as("select id, generation from invitations")
        .fetch_one(&mut file)
        .await
        .expect("the invitation");
    let link = links::invitation(&settings, &keys, id, generation);
    let guest = server.anonymous();
    guest.get(&link).await.redirects_to("/i");
    assert_eq!(guest.get("/i").await.status, 200);
    let copied = ann
        .get(&format!("{INVITES}?q=bob"))
        .await
        .page(200)
        .attribute(".copy a", "href");
    assert_eq!(copied.as_deref(), Some(link.as_str()));
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(house.run(&["audit", "verify"]).status.code(), Some(0));

    // Another key.
    let other = HouseKey::random();
    fs::write(&key, &other.0).expect("another key");
    let mut server = house.start().await;
    let answer = ann.get("/o/acme/members").await;
    answer.redirects_to("/sign-in");
    let removed = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .any(|cookie| cookie.as_bytes().starts_with(b"muster-sid=;"));
    assert!(removed, "the dead cookie stays: {:?}", answer.headers);
    ann.get("/me").await.redirects_to("/sign-in");
    let answer = pen.invite("cy@example.org").await.expect("an answer");
    let to = answer
        .headers()
        .get("location")
        .and_then(|to| to.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    assert!(
        answer.status().as_u16() == 303 && to.starts_with("/sign-in"),
        "a form of the old session: {} {to}",
        answer.status()
    );
    // The pass in a guest's browser is sealed by the old key. The link itself is a random-looking token that is found by its hash.
    let page = guest.get("/i").await;
    assert!(
        page.status < 500 && !page.body.contains("name=\"password\""),
        "the old pass lets in: {}",
        page.status
    );
    // What the pages derive with this key leads nowhere.
    let wrong = muster::secret::Keys::from_master(other.bytes());
    let forged = links::invitation(&settings, &wrong, id, generation);
    let stranger = server.anonymous();
    let refused = stranger.get(&forged).await;
    assert!(matches!(refused.status, 404 | 410), "{}", refused.status);
    server.assert_calm();
    server.assert_logged("does not belong to this database");
    assert_eq!(server.stop().code, Some(0));
    let verified = house.run(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(said.contains("row 1 was changed"), "{said}");
    assert_eq!(
        fs::read_to_string(&key).expect("the key"),
        other.0,
        "the key was overwritten"
    );

    // The right key back: everything works again.
    fs::write(&key, &right).expect("the right key");
    let mut server = house.start().await;
    assert_eq!(away.get("/o/acme/members").await.status, 200);
    let pen = Pen::of(&away).await;
    assert_eq!(
        pen.invite("cy@example.org").await.expect("an answer").status().as_u16(),
        303
    );
    let guest = server.anonymous();
    guest.get(&link).await.redirects_to("/i");
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(
        house.run(&["audit", "verify"]).status.code(),
        Some(0),
        "the log was written to with the wrong key"
    );
}

/// A key as the file holds it.
struct HouseKey(String);

impl HouseKey {
    fn random() -> Self {
        Self(format!(
            "{}\n",
            data_encoding::BASE64.encode(&muster::secret::random::<32>())
        ))
    }
    fn bytes(&self) -> [u8; 32] {
        let bytes = data_encoding::BASE64.decode(self.0.trim().as_bytes()).expect("base64");
        bytes.try_into().expect("32 bytes")
    }
}

#[tokio::test]
async fn fault_f11_no_key_and_damaged_keys_are_refused_and_left_alone() {
    let house = House::new();
    let portal = house.open().await;
    portal.org("Acme").await;
    portal.close().await;
    let key = house.data.join("secret.key");
    let before = fs::read(house.database()).expect("the file");
    fs::remove_file(&key).expect("the key");
    let (code, words) = house.refuses();
    assert_eq!(code, 78, "{words}");
    assert!(
        words.contains("secret.key") && words.contains("muster.db") && !key.exists(),
        "{words}"
    );
    assert_eq!(house.run(&["audit", "verify"]).status.code(), Some(78));
    assert!(!key.exists(), "a new key was made beside an old database");
    for damaged in ["", "\n", "AAAA", "not base64 at all !!", &"A".repeat(44)] {
        fs::write(&key, damaged).expect("a damaged key");
        let (code, words) = house.refuses();
        assert_eq!(code, 78, "{damaged:?}: {words}");
        assert!(
            words.contains("is damaged") && words.contains("secret.key"),
            "{damaged:?}: {words}"
        );
        assert_eq!(
            fs::read_to_string(&key).expect("the key"),
            damaged,
            "the key was overwritten"
        );
    }
    assert_eq!(fs::read(house.database()).expect("the file"), before);
}
