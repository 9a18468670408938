//! The audit log: what it shows and exports, and that nobody can change it unseen.

use std::collections::BTreeSet;

use muster::{
    access::{EnterpriseRole, Role},
    audit::{self, Action, Actor, Entry, Head, Object},
    clock::{days, hours, minutes},
    db::{Read as _, Sql, Tx},
    ids::OrgId,
};
use serde_json::json;

use crate::support::{Portal, START, is_postgres, spawn};

/// Small random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

fn entry(dice: &mut Dice) -> Entry {
    let action = Action::ALL[dice.next(Action::ALL.len())];
    let name = format!("p{}@x.example", dice.next(1_000));
    let entry = Entry::done(
        action,
        Object::new("member", dice.next(9) as i64, name),
        json!({ "role": "member" }),
        json!({ "n": dice.next(100) }),
    );
    if dice.next(5) == 0 {
        Entry::denied(action, entry.object, json!({ "missing": "x" }))
    } else {
        entry
    }
}

/// Writes a random history into three chains.
async fn write_history(app: &Portal, dice: &mut Dice, acts: usize) {
    let actors = [Actor::operator(&app.app.keys), Actor::system(&app.app.keys)];
    for _ in 0..acts {
        let org = [None, Some(OrgId::from_raw(1)), Some(OrgId::from_raw(2))][dice.next(3)];
        let entries = (0..=dice.next(4)).map(|_| entry(dice)).collect();
        let mut tx = app.app.db.write().await.unwrap();
        audit::record_many(&mut tx, &actors[dice.next(2)], org, entries, app.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        app.clock.advance(minutes(7));
    }
}

/// Runs a statement made for the occasion.
async fn run(tx: &mut Tx, text: String) -> muster::error::Result<u64> {
    let text: &'static str = Box::leak(text.into_boxed_str());
    tx.run(Sql::<(), ()>::new(text, text), ()).await
}

/// Takes the triggers away, as somebody could who holds the database file.
async fn disarm(tx: &mut Tx) {
    if is_postgres() {
        run(tx, "alter table audit disable trigger all".to_owned())
            .await
            .unwrap();
    } else {
        run(tx, "drop trigger audit_no_update".to_owned()).await.unwrap();
        run(tx, "drop trigger audit_no_delete".to_owned()).await.unwrap();
    }
}

fn blob(dice: &mut Dice) -> String {
    let bytes: Vec<u8> = (0..32).map(|_| dice.next(256) as u8).collect();
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    if is_postgres() {
        format!("'\\x{hex}'::bytea")
    } else {
        format!("x'{hex}'")
    }
}

const COLUMNS: &str = "at, actor_kind, actor_id, actor_name, via, ip, agent, request_id, action, object_kind, object_id, object_name, before, after, result, prev_hash, hash";

/// One way to tamper; says what it did.
async fn tamper(tx: &mut Tx, dice: &mut Dice, heads: &[Head]) -> String {
    let head = &heads[dice.next(heads.len())];
    let (org, last) = (head.chain, head.seq);
    let seq = 1 + dice.next(last as usize) as i64;
    let at = format!("org_id = {org} and seq = {seq}");
    let what = dice.next(12);
    let texts: Vec<String> = match what {
        0..=2 => {
            // Any column.
            let column = [
                "org_id",
                "seq",
                "at",
                "actor_kind",
                "actor_id",
                "actor_name",
                "via",
                "ip",
                "agent",
                "request_id",
                "action",
                "object_kind",
                "object_id",
                "object_name",
                "before",
                "after",
                "result",
                "prev_hash",
                "hash",
            ][dice.next(19)];
            let value = match column {
                "org_id" | "seq" => format!("{column} + 100000"),
                "at" | "actor_id" | "object_id" => format!("{column} - 1"),
                "actor_kind" => "9 - actor_kind".to_owned(),
                "result" => "case result when 1 then 2 else 1 end".to_owned(),
                "prev_hash" | "hash" => blob(dice),
                _ => format!("{column} || ' '"),
            };
            vec![format!("update audit set {column} = {value} where {at}")]
        }
        // A row in the middle, or the last one.
        3 => vec![format!("delete from audit where {at}")],
        4 => vec![format!("delete from audit where org_id = {org} and seq = {last}")],
        5 => {
            // Two rows change places.
            let other = 1 + (seq + dice.next(last as usize - 1) as i64) % last;
            vec![
                format!("update audit set seq = -7 where {at}"),
                format!("update audit set seq = {seq} where org_id = {org} and seq = {other}"),
                format!("update audit set seq = {other} where org_id = {org} and seq = -7"),
            ]
        }
        // A row of this or another chain comes once more, with a head that fits.
        6 | 7 => {
            let from = if what == 6 {
                org
            } else {
                heads.iter().map(|head| head.chain).find(|chain| *chain != org).unwrap()
            };
            vec![
                format!(
                    "insert into audit (org_id, seq, {COLUMNS}) select {org}, {last} + 1, {COLUMNS} from audit where org_id = {from} and seq = 1"
                ),
                format!(
                    "update audit_heads set seq = seq + 1, hash = (select hash from audit where org_id = {org} and seq = {last} + 1) where org_id = {org}"
                ),
            ]
        }
        // The tail is cut off and the head says so: only the head that was kept elsewhere knows.
        8 => {
            let cut = 1 + dice.next(last as usize - 1) as i64;
            vec![
                format!("delete from audit where org_id = {org} and seq > {cut}"),
                format!(
                    "update audit_heads set seq = {cut}, hash = (select hash from audit where org_id = {org} and seq = {cut}) where org_id = {org}"
                ),
            ]
        }
        // A row is changed and hashed anew without the key, and the next one made to follow it.
        9 => {
            let forged = blob(dice);
            vec![
                format!("update audit set after = '{{}}', hash = {forged} where {at}"),
                format!("update audit set prev_hash = {forged} where org_id = {org} and seq = {seq} + 1"),
                format!("update audit_heads set hash = {forged} where org_id = {org} and seq = {seq}"),
            ]
        }
        // A chain vanishes, with or without its head; or only the head.
        10 => match dice.next(3) {
            0 => vec![
                format!("delete from audit where org_id = {org}"),
                format!("delete from audit_heads where org_id = {org}"),
            ],
            1 => vec![format!("delete from audit where org_id = {org}")],
            _ => vec![format!("delete from audit_heads where org_id = {org}")],
        },
        // A row before the first, a chain of nobody, or a head set back.
        _ => match dice.next(3) {
            0 => vec![format!(
                "insert into audit (org_id, seq, {COLUMNS}) select org_id, 0 - {seq}, {COLUMNS} from audit where {at}"
            )],
            1 => vec![format!(
                "insert into audit (org_id, seq, {COLUMNS}) select 77, 1, {COLUMNS} from audit where org_id = {org} and seq = 1"
            )],
            _ => vec![format!(
                "update audit_heads set seq = seq - 1, hash = (select prev_hash from audit where org_id = {org} and seq = {last}) where org_id = {org}"
            )],
        },
    };
    for text in &texts {
        run(tx, text.clone())
            .await
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    texts.join("; ")
}

#[actix_web::test]
async fn cve_audit_tampering_is_always_found() {
    let app = spawn().await;
    let mut dice = Dice(0x5EED_0F4D_0573);
    write_history(&app, &mut dice, 60).await;
    let kept = audit::heads(&mut app.app.db.read()).await.unwrap();
    assert_eq!(kept.len(), 3);
    write_history(&app, &mut dice, 12).await; // life went on after the heads were kept
    let heads = audit::heads(&mut app.app.db.read()).await.unwrap();
    let mut kinds = BTreeSet::new();
    for n in 0..500 {
        let mut tx = app.app.db.write().await.unwrap();
        disarm(&mut tx).await;
        let what = tamper(&mut tx, &mut dice, &heads).await;
        let known = if what.contains("seq >") || what.starts_with("delete from audit where org_id") {
            &heads
        } else {
            &kept
        };
        let report = audit::verify(&mut tx, &app.app.keys, known).await.unwrap();
        assert!(!report.faults.is_empty(), "tampering {n} was not found: {what}");
        kinds.insert(what.split_whitespace().take(4).collect::<Vec<_>>().join(" "));
        drop(tx); // rolls back
    }
    assert!(kinds.len() >= 7, "{kinds:?}");
    let report = audit::verify(&mut app.app.db.read(), &app.app.keys, &kept)
        .await
        .unwrap();
    assert_eq!((report.faults.as_slice(), report.chains), ([].as_slice(), 3));
}

#[actix_web::test]
async fn no_history_is_reported_that_nobody_touched() {
    let app = spawn().await;
    let mut dice = Dice(0x0A_11A4);
    let mut kept = Vec::new();
    for round in 0..100 {
        write_history(&app, &mut dice, 2).await;
        let report = audit::verify(&mut app.app.db.read(), &app.app.keys, &kept)
            .await
            .unwrap();
        assert_eq!(report.faults, Vec::<String>::new(), "round {round}");
        kept.extend(audit::heads(&mut app.app.db.read()).await.unwrap());
    }
    // A verification beside somebody who goes on recording sees no fault either.
    let writing = write_history(&app, &mut dice, 120);
    let verifying = async {
        for _ in 0..30 {
            let report = audit::verify(&mut app.app.db.read(), &app.app.keys, &kept)
                .await
                .unwrap();
            assert_eq!(report.faults, Vec::<String>::new());
        }
    };
    futures_util::future::join(writing, verifying).await;
    // Another key finds every chain wrong.
    let other = muster::secret::Keys::from_master([7; 32]);
    assert_eq!(
        audit::verify(&mut app.app.db.read(), &other, &[])
            .await
            .unwrap()
            .faults
            .len(),
        3
    );
}

#[actix_web::test]
async fn the_database_refuses_to_change_a_row() {
    let app = spawn().await;
    write_history(&app, &mut Dice(3), 5).await;
    let mut texts = vec![
        "update audit set after = ''",
        "delete from audit",
        "update audit set seq = seq where seq = 1",
    ];
    if is_postgres() {
        texts.push("truncate audit");
    }
    for text in texts {
        let mut tx = app.app.db.write().await.unwrap();
        let refused = run(&mut tx, text.to_owned()).await.expect_err(text);
        assert!(format!("{refused:?}").contains("append-only"), "{refused:?}");
    }
    assert!(app.app.db.read().engine() == app.app.db.engine());
}

#[actix_web::test]
async fn the_log_tells_who_did_what_and_is_filtered() {
    let app = spawn().await;
    let (org, other) = (app.org("Acme").await, app.org("Kestrel").await);
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let bob = app.member(&org, Role::Administrator, "bob").await;
    app.member(&other, Role::Member, "cleo").await;
    let path = org.path("/audit");
    let settings = ann.get(&org.path("/settings")).await.page(200);
    let version = settings.value("version").unwrap();
    ann.post(
        &org.path("/settings"),
        &[
            ("section", "general"),
            ("version", &version),
            ("name", "Acme <b>2</b>"),
            ("slug", "acme"),
            ("zone", "Europe/Berlin"),
            ("support_contact", "it@acme.example"),
        ],
    )
    .await
    .redirects_to("/o/acme/");
    let page = bob.get(&path).await.page(200);
    let row = page.row("Changed the settings of Acme <b>2</b>");
    row.assert_cell("Actor", "Ann");
    row.assert_cell("Event", "Name Acme to Acme <b>2</b>");
    row.assert_cell("Time", "10:00:00"); // Berlin, not UTC
    page.assert_says("Saturday, 21 November 2026");
    page.assert_silent("cleo");
    assert!(!page.html().contains("<b>2"));
    let shown = |query: &str| {
        let bob = bob.client.clone();
        let path = format!("{path}?{query}");
        async move { bob.get(&path).await.page(200).all("#results .c-main strong") }
    };
    assert_eq!(
        shown("action=organization.update").await,
        ["Changed the settings of Acme <b>2</b>"]
    );
    assert_eq!(
        shown(&format!("actor={}&action=organization.update", ann.user))
            .await
            .len(),
        1
    );
    assert_eq!(shown(&format!("actor={}", bob.user)).await, ["Viewed the audit log"]);
    let bobs = shown("q=BOB").await;
    assert!(!bobs.is_empty());
    let of_bob = |text: &String| text.to_lowercase().contains("bob") || text.contains("Viewed");
    assert!(bobs.iter().all(of_bob), "{bobs:?}");
    assert_eq!(shown("q=b_b%40").await, Vec::<String>::new());
    assert_eq!(shown("result=denied").await, Vec::<String>::new());
    assert_eq!(shown("from=2026-11-22").await, Vec::<String>::new());
    assert_eq!(shown("to=2026-11-20").await, Vec::<String>::new());
    assert!(shown("from=2026-11-21&to=2026-11-21").await.len() > 3);
    let carl = app.member(&org, Role::Viewer, "carl").await;
    carl.get(&path).await.page(403);
    let denied = shown("result=denied").await;
    assert!(denied.len() == 1 && denied[0].contains("Access denied"), "{denied:?}");
    let part = bob.htmx_get(&format!("{path}?q=ann")).await;
    assert!(part.body.contains("id=\"results\"") && part.body.contains("hx-partial") && !part.body.contains("<html"));
}

#[actix_web::test]
async fn the_log_goes_back_page_by_page() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let mut tx = app.app.db.write().await.unwrap();
    let entries = (0..130).map(|n| {
        Entry::done(
            Action::GroupCreate,
            Object::new("group", n, format!("G{n:03}")),
            json!(null),
            json!(null),
        )
    });
    audit::record_many(&mut tx, &app.operator(), Some(org.id), entries.collect(), START)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let path = org.path("/audit?action=group.create");
    let mut next = Some(path.clone());
    let (mut seen, mut pages) = (Vec::new(), Vec::new());
    while let Some(path) = next {
        let page = ann.get(&path).await.page(200);
        pages.push(page.all("#results .c-main strong"));
        seen.extend(pages.last().unwrap().clone());
        next = page.attribute("#page-older", "href");
        if next.is_none() {
            let newer = ann.get(&page.attribute("#page-newer", "href").unwrap()).await.page(200);
            assert_eq!(newer.all("#results .c-main strong"), pages[pages.len() - 2]);
        }
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 30]);
    let expected: Vec<String> = (0..130).rev().map(|n| format!("Created the group G{n:03}")).collect();
    assert_eq!(seen, expected);
}

#[actix_web::test]
async fn reading_is_recorded_once_an_hour_and_each_export() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    let count = |action: Action| {
        let rows = app.audit(Some(&org));
        async move { rows.await.into_iter().filter(|row| row.action == action.name()).count() }
    };
    for _ in 0..3 {
        ann.get(&org.path("/audit")).await.page(200);
    }
    assert_eq!(count(Action::AuditView).await, 1);
    eve.get(&org.path("/audit")).await.page(200);
    assert_eq!(count(Action::AuditView).await, 2);
    let row = app.audit(Some(&org)).await.pop().unwrap();
    assert_eq!(row.after, r#"{"access":"enterprise"}"#);
    app.clock.advance(minutes(50));
    ann.get(&org.path("/audit?q=x")).await.page(200);
    assert_eq!(count(Action::AuditView).await, 2);
    app.clock.advance(minutes(11));
    let ann = app.sign_in(ann.user).await;
    ann.get(&org.path("/audit")).await.page(200);
    assert_eq!(count(Action::AuditView).await, 3);
    ann.get(&org.path("/audit/export.csv?q=ann")).await;
    ann.get(&org.path("/audit/export.ndjson?q=ann")).await;
    assert_eq!(count(Action::AuditExport).await, 2);
    let row = app.audit(Some(&org)).await.pop().unwrap();
    assert_eq!(row.after, r#"{"filter":"?q=ann","format":"ndjson"}"#);
    app.clock.advance(hours(1));
    app.clock.advance(days(0));
}

#[actix_web::test]
async fn files_hold_the_filtered_rows_and_no_formula() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let mut tx = app.app.db.write().await.unwrap();
    let entries = (0..2_300).map(|n| {
        let name = if n == 7 {
            "=cmd|' /C calc'!A0".to_owned()
        } else {
            format!("G{n}, \"quoted\"\nline")
        };
        Entry::done(
            Action::GroupCreate,
            Object::new("group", n, name),
            json!(null),
            json!({ "kind": "@team" }),
        )
    });
    audit::record_many(&mut tx, &app.operator(), Some(org.id), entries.collect(), START)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let csv = ann.get(&org.path("/audit/export.csv?action=group.create")).await;
    assert_eq!(csv.status, 200);
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert_eq!(
        csv.header("content-disposition"),
        "attachment; filename=\"audit-acme-2026-11-21.csv\""
    );
    assert_eq!(csv.header("x-content-type-options"), "nosniff");
    let mut reader = csv::Reader::from_reader(csv.body.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 2_300);
    let ndjson = ann.get(&org.path("/audit/export.ndjson?action=group.create")).await;
    let lines: Vec<serde_json::Value> = ndjson
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), rows.len());
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!(row[0], line["number"].to_string());
        assert_eq!(row[11].trim_start_matches('\''), line["object"].as_str().unwrap());
        assert!(
            row.iter()
                .all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])),
            "{row:?}"
        );
    }
    let bad = rows.iter().find(|row| row[11].contains("calc")).unwrap();
    assert_eq!(&bad[11], "'=cmd|' /C calc'!A0");
    let all = ann.get(&org.path("/audit/export.ndjson")).await;
    assert!(all.body.lines().count() > 2_300);
    assert!(!all.body.contains("Exported") && all.body.contains("organization.create"));
    let eve = app.enterprise_member(EnterpriseRole::Auditor, "eve").await;
    let file = eve.get("/e/audit/export.csv").await;
    assert!(file.status == 200 && file.body.contains("enterprise.create") && !file.body.contains("group.create"));
}
