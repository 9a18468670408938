//! The commands of an operator as a shell sees them: words and exit codes.

use std::{fmt::Write as _, fs, process::Output};

use muster::{
    access::{Role, permission::GroupManage},
    groups,
    members::member,
};
use reqwest::Method;
use serde_json::json;

use crate::{
    rig,
    support::{House, Receiver},
};

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn fault_cli_version_and_help_answer_without_any_house() {
    let house = House::new();
    let version = house.run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(
        said(&version),
        format!("muster {} (SQLite 3.51.3)\n", env!("CARGO_PKG_VERSION"))
    );
    let help = house.run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in [
        "MUSTER_LISTEN",
        "MUSTER_SMTP_URL",
        "Exit codes",
        "audit",
        "check",
        "demo",
        "member",
    ] {
        assert!(said(&help).contains(word), "the help does not name {word}");
    }
    assert_eq!(house.run(&["--no-such-flag"]).status.code(), Some(2));
    assert_eq!(house.run(&["no-such-command"]).status.code(), Some(2));
    assert_eq!(
        fs::read_dir(&house.data).expect("the folder").count(),
        0,
        "a question left something behind"
    );
}

#[test]
fn fault_cli_all_that_is_wrong_is_told_at_once_with_code_78() {
    let house = House::new()
        .set("MUSTER_LISTEN", "nowhere")
        .set("MUSTER_SMTP_URL", "smtp://mail.example.org:99999")
        .set("MUSTER_SESSION_IDLE", "5 parsecs")
        .set("MUSTER_SECRET_KEY", "c2hvcnQ=");
    for command in [&[][..], &["check"], &["audit", "verify"], &["serve"]] {
        let output = house.run(command);
        assert_eq!(output.status.code(), Some(78), "{command:?}: {}", said(&output));
        for word in [
            "MUSTER_LISTEN",
            "MUSTER_SMTP_URL",
            "MUSTER_SESSION_IDLE",
            "MUSTER_SECRET_KEY",
            "for 4 reasons",
        ] {
            assert!(
                said(&output).contains(word),
                "{command:?} does not name {word}: {}",
                said(&output)
            );
        }
        assert!(!said(&output).contains("c2hvcnQ="), "a secret is shown");
    }
    let open = House::new().set("MUSTER_LISTEN", "0.0.0.0:0");
    let (code, words) = open.refuses();
    assert_eq!(code, 78, "{words}");
    assert!(words.contains("clear"), "{words}");
}

#[tokio::test]
async fn fault_cli_a_port_that_is_taken_is_named() {
    let house = House::new();
    let _other = std::net::TcpListener::bind(("127.0.0.1", house.port)).expect("the port");
    let (code, words) = house.refuses();
    assert_eq!(code, 78, "{words}");
    assert!(
        words.contains(&format!("cannot listen on 127.0.0.1:{}", house.port)) && words.contains("--listen"),
        "{words}"
    );
    assert!(!house.database().exists(), "a database was made without a port");
}

#[tokio::test]
async fn fault_cli_check_tells_good_from_bad() {
    let receiver = Receiver::start();
    let house = House::new()
        .set("MUSTER_SMTP_URL", receiver.starttls())
        .set("MUSTER_MAIL_FROM", "muster@muster.test")
        .set("SSL_CERT_FILE", receiver.authority());
    let fresh = house.run(&["check"]);
    assert_eq!(fresh.status.code(), Some(0), "{}", said(&fresh));
    assert!(
        said(&fresh).contains("accepts the sign-in") && said(&fresh).contains("will be made at the first start"),
        "{}",
        said(&fresh)
    );
    assert_eq!(
        fs::read_dir(&house.data).expect("the folder").count(),
        0,
        "a check left something behind"
    );

    let portal = house.open().await;
    portal.org("Acme").await;
    portal.close().await;
    let entries = || fs::read_dir(&house.data).expect("the folder").count();
    let before = (entries(), fs::read(house.database()).expect("the file"));
    let settled = house.run(&["check"]);
    assert_eq!(settled.status.code(), Some(0), "{}", said(&settled));
    assert!(
        said(&settled).contains("is whole; its tables are current"),
        "{}",
        said(&settled)
    );
    assert_eq!(
        (entries(), fs::read(house.database()).expect("the file")),
        before,
        "a check changed something"
    );
    let mut server = house.start().await;
    assert_eq!(house.run(&["check"]).status.code(), Some(0), "beside a running program");
    assert_eq!(server.stop().code, Some(0));

    receiver.fault(serde_json::json!({ "mode": "untrusted" })).await;
    let output = house.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("FAIL  mail server") && said(&output).contains("One part of the check failed"),
        "{}",
        said(&output)
    );
    receiver.fault(serde_json::json!({ "mode": "535" })).await;
    let output = house.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("535"), "{}", said(&output));

    let database = fs::read(house.database()).expect("the file");
    fs::write(house.database(), &database[..database.len() / 2]).expect("a part");
    fs::remove_file(house.data.join("secret.key")).expect("the key");
    let output = house.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("FAIL  database")
            && said(&output).contains("FAIL  secret key")
            && said(&output).contains("3 parts of the check failed"),
        "{}",
        said(&output)
    );
}

#[tokio::test]
async fn fault_cli_a_first_start_prints_its_set_up_link_once() {
    let house = House::new();
    let mut server = house.start().await;
    let words = server.words();
    let link = words
        .split_whitespace()
        .find(|word| word.contains("/setup/mst_set_"))
        .unwrap_or_else(|| panic!("no link in {words}"))
        .to_owned();
    assert!(link.starts_with(&house.url()), "{link}");
    assert!(words.contains(&format!("Muster listens on {}", house.url())), "{words}");
    assert_eq!(server.anonymous().get(&link).await.status, 200);
    assert_eq!(server.anonymous().get("/setup/mst_set_wrong").await.status, 404);
    assert!(!server.log().contains("mst_set_"), "the link stands in the log");
    assert_eq!(server.stop().code, Some(0));
    let portal = house.open().await;
    portal.org("Acme").await;
    portal.close().await;
    let mut server = house.start().await;
    assert!(!server.words().contains("/setup/"), "{}", server.words());
    let path = link.trim_start_matches(&house.url()).to_owned();
    assert!(matches!(server.anonymous().get(&path).await.status, 404 | 410));
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test]
async fn fault_cli_audit_verify_finds_each_kind_of_tampering() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    for name in ["ann", "bea", "cy", "dora"] {
        portal.member(&acme, Role::Member, name).await;
    }
    portal.close().await;
    let verify = |more: &[&str]| {
        let output = house.run(&[&["audit", "verify"], more].concat());
        (output.status.code().expect("a code"), said(&output))
    };
    let (code, words) = verify(&[]);
    assert!(code == 0 && words.contains("The audit log is whole"), "{words}");
    let head = house.run(&["audit", "head"]);
    assert_eq!(head.status.code(), Some(0));
    let kept = house.scratch.path().join("head.json");
    fs::write(&kept, &head.stdout).expect("the head");
    let from = ["--from", kept.to_str().expect("a path in text")];
    assert_eq!(verify(&from).0, 0);

    let whole = fs::read(house.database()).expect("the file");
    let org = acme.id.raw();
    for (what, text) in [
        (
            "row 2 was changed",
            format!("update audit set actor_name = 'Nobody' where org_id = {org} and seq = 2"),
        ),
        (
            "row 2 was changed",
            format!("update audit set at = at + 1 where org_id = {org} and seq = 2"),
        ),
        (
            "row 2 was changed",
            format!("update audit set result = 2 where org_id = {org} and seq = 2"),
        ),
        (
            "row 3 is missing",
            format!("delete from audit where org_id = {org} and seq = 3"),
        ),
        (
            "Rows were cut off or added",
            format!(
                "delete from audit where org_id = {org} and seq = (select max(seq) from audit where org_id = {org})"
            ),
        ),
        (
            "does not follow",
            format!("update audit set prev_hash = zeroblob(32) where org_id = {org} and seq = 3"),
        ),
        (
            "its head is missing",
            format!("delete from audit_heads where org_id = {org}"),
        ),
    ] {
        fs::write(house.database(), &whole).expect("the untouched file");
        let mut file = house.connect().await;
        // Somebody who can write the file is not stopped by its triggers.
        sqlx::raw_sql("drop trigger audit_no_update; drop trigger audit_no_delete")
            .execute(&mut file)
            .await
            .expect("no triggers");
        let changed = sqlx::query(sqlx::AssertSqlSafe(text.clone()))
            .execute(&mut file)
            .await
            .expect("the tampering")
            .rows_affected();
        assert_eq!(changed, 1, "{text}");
        sqlx::Connection::close(file).await.expect("a close");
        let (code, words) = verify(&[]);
        // Without its head a chain is not walked; the kept head tells of it.
        let (code, words) = if what == "its head is missing" && code == 0 {
            verify(&from)
        } else {
            (code, words)
        };
        assert_eq!(code, 1, "{text}: {words}");
        assert!(
            words.contains(what) && words.contains("The audit log was tampered with"),
            "{text}: {words}"
        );
    }
    // The last row with its head, hidden well: only a head that was kept elsewhere tells.
    fs::write(house.database(), &whole).expect("the untouched file");
    let mut file = house.connect().await;
    sqlx::raw_sql("drop trigger audit_no_update; drop trigger audit_no_delete")
        .execute(&mut file)
        .await
        .expect("no triggers");
    for text in [
        format!("delete from audit where org_id = {org} and seq = (select max(seq) from audit where org_id = {org})"),
        format!(
            "update audit_heads set seq = seq - 1, hash = (select hash from audit where org_id = {org} order by seq desc limit 1) where org_id = {org}"
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(text))
            .execute(&mut file)
            .await
            .expect("the tampering");
    }
    sqlx::Connection::close(file).await.expect("a close");
    assert_eq!(verify(&[]).0, 0);
    let (code, words) = verify(&from);
    assert!(code == 1 && words.contains("was kept as a head earlier"), "{words}");
    let (code, words) = verify(&["--from", "/nowhere/head.json"]);
    assert!(code == 1 && words.contains("cannot be read"), "{words}");
}

#[tokio::test]
async fn fault_cli_member_restore_gives_access_back_and_says_why() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    let bob = portal.member(&acme, Role::Member, "bob").await;
    portal.close().await;
    let mut server = house.start().await;
    let fields = [("confirm", bob.email.as_str()), ("reason", "Left")];
    ann.post(&format!("/o/acme/members/{}/disablement", bob.id()), &fields)
        .await
        .redirects_to("/o/acme/members");
    bob.get("/o/acme/members").await.redirects_to("/sign-in");

    // Beside the running program.
    let restore = |arguments: &[&str]| {
        let output = house.run(&[&["member", "restore"], arguments].concat());
        (output.status.code().expect("a code"), said(&output))
    };
    assert_eq!(
        restore(&[&bob.email, "--organization", "acme"]).0,
        2,
        "a reason is needed"
    );
    let (code, words) = restore(&[&bob.email, "--organization", "nowhere", "--reason", "Came back"]);
    assert!(code == 1 && words.contains("There is no organization"), "{words}");
    let (code, words) = restore(&["nobody@acme.example", "--organization", "acme", "--reason", "Came back"]);
    assert!(
        code == 1 && words.contains("acme has no member nobody@acme.example"),
        "{words}"
    );
    let (code, words) = restore(&[&ann.email, "--organization", "acme", "--reason", "Came back"]);
    assert!(code == 1 && words.contains("not disabled"), "{words}");
    let (code, words) = restore(&[&bob.email, "--organization", "acme", "--reason", "Came back"]);
    assert!(code == 0 && words.contains("is a member of Acme again"), "{words}");
    let row = ann.get("/o/acme/members").await.page(200).row(&bob.email);
    assert!(!row.cells.join(" ").contains("Disabled"), "{row:?}");
    assert_eq!(server.stop().code, Some(0));
    let portal = house.open().await;
    let entries = portal.audit(Some(&acme)).await;
    let last = entries.last().expect("an entry");
    assert!(
        last.action.contains("restore") && last.after.contains("Came back"),
        "{last:?}"
    );
    let bob = member::find(&mut portal.app.db.read(), acme.id, bob.member.expect("a member"))
        .await
        .expect("Bob");
    assert!(bob.status.acts(), "{:?}", bob.status);
    portal.assert_sound().await;
    portal.close().await;
}

#[tokio::test]
async fn fault_cli_two_programs_on_one_folder_do_no_harm() {
    let house = House::new();
    let portal = house.open().await;
    portal.org("Acme").await;
    portal.close().await;
    let mut first = house.start().await;
    let (code, _) = house.refuses(); // the port is taken
    assert_eq!(code, 78);
    assert_eq!(first.anonymous().get("/readyz").await.status, 200);
    assert_eq!(first.stop().code, Some(0));
}

/// B-62: a history is brought along once, whatever is wrong in it is told by its line, and all sums are what the ledger says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_62_usage_of_the_past_is_imported_once() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ben = portal.member(&acme, Role::Developer, "ben").await;
    let mut db = portal.app.db.read();
    let by = muster::access::inside::<GroupManage>(&mut db, portal.operator(), acme.id).await;
    let (by, now) = (by.expect("the organization"), portal.clock.now());
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let group = groups::create(&mut tx, &by, "Night shift", groups::Kind::Team, now).await;
    let (group, ben_id) = (group.expect("a group"), ben.member.expect("a member"));
    groups::add_members(&mut tx, &by, group, &[ben_id], now)
        .await
        .expect("members");
    tx.commit().await.expect("a commit");
    portal.app.metering.close().await;
    portal.close().await;
    let file = house.scratch.path().join("history.csv");
    let mut text = "time,subject,credits,type,flow\n".to_owned();
    for day in 1..=28 {
        writeln!(text, "2025-02-{day:02}T09:30:00Z,ben@acme.example,1.5,flow.run,nightly").expect("a line");
    }
    text.push_str("2025-02-30T09:30:00Z,ben@acme.example,1,flow.run,\n");
    text.push_str("2025-03-01T09:30:00Z,nobody@acme.example,1,flow.run,\n");
    text.push_str("2025-03-01T09:30:00Z,ben@acme.example,a lot,flow.run,\n");
    text.push_str("2999-03-01T09:30:00Z,ben@acme.example,1,flow.run,\n");
    std::fs::write(&file, text).expect("a file");
    let path = file.to_str().expect("a path");
    let looked = house.run(&["usage", "import", path, "--organization", "acme", "--dry-run"]);
    let words = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(
        words.contains("28 lines can be booked, 0 lines booked before, 4 lines wrong."),
        "{words}"
    );
    let first = house.run(&["usage", "import", path, "--organization", "acme"]);
    let (words, errors) = (
        String::from_utf8_lossy(&first.stdout).into_owned(),
        String::from_utf8_lossy(&first.stderr).into_owned(),
    );
    assert!(
        words.contains("28 lines booked, 0 lines booked before, 4 lines wrong."),
        "{words}{errors}"
    );
    for what in ["Line 30: time", "Line 31: subject", "Line 32: ", "Line 33: time"] {
        assert!(errors.contains(what), "{what}: {errors}");
    }
    assert_eq!(first.status.code(), Some(1), "some lines were wrong");
    let grouped: i64 = {
        let portal = house.open().await;
        let sum = portal.ask("select cast(coalesce(sum(occurred), 0) as integer) from usage_months where scope = 2");
        let sum = sum.await;
        portal.app.metering.close().await;
        portal.close().await;
        sum
    };
    assert_eq!(grouped, 42_000_000, "it counts for the main group (C-35)");
    let again = house.run(&["usage", "import", path, "--organization", "acme"]);
    let words = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(words.contains("0 lines booked, 28 lines booked before"), "{words}");
    let verified = house.run(&["metering", "verify"]);
    let words = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && words.contains("of 28 events"), "{words}");
    let portal = house.open().await;
    let sum: i64 = portal
        .ask("select cast(sum(occurred) as integer) from usage_months where scope = 3")
        .await;
    assert_eq!(sum, 42_000_000);
    assert_eq!(
        portal
            .ask::<i64>("select count(distinct scope_id) from usage_months where scope = 3")
            .await,
        1
    );
    let member: i64 = portal
        .ask("select max(scope_id) from usage_months where scope = 3")
        .await;
    assert_eq!(member, ben.member.expect("a member").raw());
}

/// A portal that decides keeps counters, which know nothing of what somebody else books.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_62_nothing_is_imported_beside_a_portal_that_decides() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    portal.app.metering.close().await;
    portal.close().await;
    let file = house.scratch.path().join("history.ndjson");
    let line = r#"{"time":"2025-02-01T09:30:00Z","subject":"ann@acme.example","credits":"1"}"#;
    std::fs::write(&file, line).expect("a file");
    let import = [
        "usage",
        "import",
        file.to_str().expect("a path"),
        "--organization",
        "acme",
    ];
    let nonsense = house.scratch.path().join("nonsense.ndjson");
    std::fs::write(&nonsense, "{nonsense\n").expect("a file");
    let told = house.run(&[
        "usage",
        "import",
        nonsense.to_str().expect("a path"),
        "--organization",
        "acme",
    ]);
    assert!(said(&told).contains("Line 1: this is not JSON"), "{}", said(&told));
    let mut server = house.start().await;
    let key = rig::key(&ann, &acme).await;
    let used = server
        .anonymous()
        .request(Method::POST, "/api/v1/usage")
        .bearer_auth(&key)
        .json(&json!({ "source": "test", "id": "1", "amount": "1" }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(used.status().as_u16(), 200);
    let refused = house.run(&import);
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && errors.contains("A portal runs on this data"),
        "{errors}"
    );
    assert_eq!(server.stop().code, Some(0));
    let booked = house.run(&import);
    let words = String::from_utf8_lossy(&booked.stdout).into_owned();
    assert!(words.contains("1 line booked, 0 lines booked before"), "{words}");
}
