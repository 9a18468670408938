//! F12 to F17: mail servers that are down, slow, full of excuses, rude, or not who they say they are.
//!
//! Between two attempts a minute and more passes in life. Here the outbox is told that it has passed: the due time of deferred
//! mails is moved back in the database, which is all that the passing of time would change for them.

use std::time::{Duration, Instant};

use muster::access::Role;
use serde_json::{Value, json};

use crate::support::{House, INVITES, Pen, Receiver, Server, Someone, pause, until};

/// A house whose program sends to a receiver, with Ann who runs Acme.
struct Office {
    house: House,
    receiver: Receiver,
    server: Server,
    ann: Someone,
    pen: Pen,
}

/// What mails of a server look like to the program.
enum Line {
    Plain,
    Starttls,
    Wrapped,
    /// STARTTLS from an authority that nobody has told the program of.
    Stranger,
}

impl Office {
    async fn open(line: Line) -> Self {
        let receiver = Receiver::start();
        let (url, authority) = match line {
            Line::Plain => (receiver.plain(), None),
            Line::Starttls => (receiver.starttls(), Some(receiver.authority().to_owned())),
            Line::Wrapped => (receiver.wrapped(), Some(receiver.authority().to_owned())),
            Line::Stranger => (receiver.starttls(), None),
        };
        let mut house = House::new()
            .set("MUSTER_SMTP_URL", url)
            .set("MUSTER_MAIL_FROM", "Muster <muster@muster.test>");
        if let Some(authority) = authority {
            house = house.set("SSL_CERT_FILE", authority);
        }
        let portal = house.open().await;
        let acme = portal.org("Acme").await;
        let ann = portal.member(&acme, Role::Administrator, "ann").await;
        portal.close().await;
        let server = house.start().await;
        let pen = Pen::of(&ann).await;
        Self {
            house,
            receiver,
            server,
            ann,
            pen,
        }
    }

    /// Invites, and asserts that the answer comes at once.
    async fn invite(&self, email: &str) -> Duration {
        let began = Instant::now();
        let answer = self.pen.invite(email).await.expect("an answer");
        assert_eq!(
            answer.status().as_u16(),
            303,
            "{}",
            answer.text().await.unwrap_or_default()
        );
        began.elapsed()
    }

    /// What the invitations' table says of an address.
    async fn row(&self, email: &str) -> String {
        let page = self.ann.get(&format!("{INVITES}?q={email}")).await.page(200);
        page.row(email).cells.join(" | ")
    }

    /// Waits until the row of an address says something.
    async fn says(&self, email: &str, text: &str) -> String {
        until(&format!("the row of {email} says {text:?}"), 20, async || {
            let row = self.row(email).await;
            row.contains(text).then_some(row)
        })
        .await
    }

    /// The link that the table shows.
    async fn link(&self, email: &str) -> String {
        let page = self.ann.get(&format!("{INVITES}?q={email}")).await.page(200);
        page.attribute(".copy a", "href").expect("a link")
    }

    /// Lets the time pass that deferred mails wait; gives how long they would have waited, in whole minutes.
    async fn let_time_pass(&self) -> Vec<i64> {
        let mut file = self.house.connect().await;
        let now = muster::clock::Clock::system().now().micros();
        let waits: Vec<i64> = sqlx::query_scalar("select next_at from outbox where state = 3 order by id")
            .fetch_all(&mut file)
            .await
            .expect("the outbox");
        sqlx::query("update outbox set next_at = $1 where state = 3")
            .bind(now)
            .execute(&mut file)
            .await
            .expect("time passes");
        waits
            .into_iter()
            .map(|at| (at - now + 30_000_000) / 60_000_000)
            .collect()
    }

    async fn outbox(&self) -> Vec<(i64, i64, String)> {
        let mut file = self.house.connect().await;
        sqlx::query_as("select state, attempts, last_error from outbox order by id")
            .fetch_all(&mut file)
            .await
            .expect("the outbox")
    }

    async fn close(mut self) {
        self.server.assert_calm();
        let ended = self.server.stop();
        assert_eq!(ended.code, Some(0));
        assert!(
            ended.after < Duration::from_secs(12),
            "it took {:?} to stop",
            ended.after
        );
        let portal = self.house.open().await;
        portal.assert_sound().await;
        portal.close().await;
    }
}

fn text<'a>(mail: &'a Value, name: &str) -> &'a str {
    mail[name].as_str().unwrap_or_else(|| panic!("{name} of {mail}"))
}

/// The link in a mail up to its proof, which only the mail carries.
fn link_in(mail: &Value) -> String {
    let links = mail["links"].as_array().expect("links");
    let link = links
        .iter()
        .filter_map(Value::as_str)
        .find(|link| link.contains("/i/"))
        .expect("an invitation's link");
    link.split('?').next().expect("a link").to_owned()
}

#[tokio::test]
async fn fault_f12_a_mail_server_that_is_down_delays_mails_and_nothing_else() {
    let office = Office::open(Line::Plain).await;
    office.receiver.fault(json!({ "mode": "closed" })).await;
    let took = office.invite("bob@example.org").await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    let row = office.says("bob@example.org", "E-mail delayed").await;
    assert!(row.to_lowercase().contains("refused"), "the reason is not shown: {row}");
    assert_eq!(office.let_time_pass().await, [1], "the first pause is a minute");
    until("the second attempt", 20, async || {
        (office.outbox().await[0].1 == 2).then_some(())
    })
    .await;
    assert_eq!(office.let_time_pass().await, [5], "the second pause is five minutes");
    until("the third attempt", 20, async || {
        (office.outbox().await[0].1 == 3).then_some(())
    })
    .await;
    // A restart in between forgets nothing.
    let mut office = office;
    assert_eq!(office.server.stop().code, Some(0));
    office.server = office.house.start().await;

    office.receiver.accept().await;
    assert_eq!(office.let_time_pass().await, [15]);
    office.says("bob@example.org", "Sent").await;
    pause(1_500).await;
    let mails = office.receiver.mails("bob@example.org", 1).await;
    assert_eq!(mails.len(), 1, "a duplicate came after the recovery");
    assert_eq!(link_in(&mails[0]), office.link("bob@example.org").await);
    office.close().await;
}

#[tokio::test]
async fn fault_f13_a_mail_server_that_hangs_slows_no_request_and_no_other_mail() {
    let office = Office::open(Line::Plain).await;
    // Calm first, for comparison.
    let mut calm = Vec::new();
    for n in 0..40 {
        calm.push(office.invite(&format!("calm{n}@example.org")).await);
    }
    office.receiver.mails("calm39@example.org", 1).await;
    office
        .receiver
        .fault(json!({ "mode": "hang", "stage": "rcpt", "to": "stuck" }))
        .await;
    for n in 0..3 {
        office.invite(&format!("stuck{n}@example.org")).await;
    }
    let mut slow = Vec::new();
    let began = Instant::now();
    for n in 0..40 {
        slow.push(office.invite(&format!("other{n}@example.org")).await);
    }
    for n in 0..40 {
        office.receiver.mails(&format!("other{n}@example.org"), 1).await;
    }
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "the others waited for those that hang: {:?}",
        began.elapsed()
    );
    office.says("other0@example.org", "Sent").await;
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "what was sent is not shown before the hanging mails end: {:?}",
        began.elapsed()
    );
    assert!(office.row("stuck0@example.org").await.contains("E-mail queued"));
    let high = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() * 95 / 100]
    };
    let (before, during) = (high(&mut calm), high(&mut slow));
    assert!(
        during < before * 3 + Duration::from_millis(100),
        "requests took {during:?}, and {before:?} before"
    );
    // A stop does not wait for a server that never answers.
    office.close().await;
}

#[tokio::test]
async fn fault_f13_a_mail_server_that_never_answers_is_given_up_after_30_seconds() {
    let office = Office::open(Line::Plain).await;
    office
        .receiver
        .fault(json!({ "mode": "hang", "stage": "connect" }))
        .await;
    let began = Instant::now();
    office.invite("bob@example.org").await;
    let row = until("the attempt is given up", 45, async || {
        let row = office.row("bob@example.org").await;
        row.contains("E-mail delayed").then_some(row)
    })
    .await;
    assert!(
        (28..40).contains(&began.elapsed().as_secs()),
        "given up after {:?}",
        began.elapsed()
    );
    assert!(row.contains("gave no answer within 30 s"), "{row}");
    office.receiver.accept().await;
    office.let_time_pass().await;
    office.says("bob@example.org", "Sent").await;
    assert_eq!(office.receiver.mails_now("bob@example.org").await.len(), 1);
    office.close().await;
}

#[tokio::test]
async fn fault_f14_not_now_is_tried_again_as_the_same_mail() {
    let office = Office::open(Line::Plain).await;
    office
        .receiver
        .fault(json!([{ "mode": "450", "to": "bob", "times": 1 }, { "mode": "421", "stage": "mail", "times": 1 }]))
        .await;
    // 450 for Bob. The 421 meets whoever comes first and closes the line.
    office.invite("bob@example.org").await;
    let row = until("Bob's mail is deferred", 20, async || {
        let row = office.row("bob@example.org").await;
        row.contains("E-mail delayed").then_some(row)
    })
    .await;
    assert!(row.contains("421") || row.contains("450"), "{row}");
    for _ in 0..2 {
        office.let_time_pass().await;
        pause(1_500).await;
    }
    office.says("bob@example.org", "Sent").await;
    let mails = office.receiver.mails("bob@example.org", 1).await;
    assert_eq!(mails.len(), 1);

    // Refused after it was read whole: the receiver has seen the Message-ID of the first attempt.
    office
        .receiver
        .fault(json!({ "mode": "451", "stage": "message", "times": 1 }))
        .await;
    office.invite("cy@example.org").await;
    office.says("cy@example.org", "451").await;
    let (state, attempts, error) = office.outbox().await[1].clone();
    assert_eq!((state, attempts), (3, 1), "{error}");
    office.let_time_pass().await;
    office.says("cy@example.org", "Sent").await;
    assert_eq!(office.receiver.mails("cy@example.org", 1).await.len(), 1);
    office.close().await;
}

#[tokio::test]
async fn fault_f15_never_is_not_tried_again_and_the_inviter_sees_why() {
    let office = Office::open(Line::Plain).await;
    office
        .receiver
        .fault(json!([{ "mode": "550", "to": "nobody" }, { "mode": "552", "to": "full" }]))
        .await;
    office.invite("nobody@example.org").await;
    office.invite("full@example.org").await;
    office.invite("bob@example.org").await;
    let row = office.says("nobody@example.org", "E-mail bounced").await;
    assert!(row.contains("550") && row.contains("No such mailbox here"), "{row}");
    let row = office.says("full@example.org", "E-mail bounced").await;
    assert!(row.contains("552") && row.contains("Mailbox full"), "{row}");
    office.says("bob@example.org", "Sent").await;
    assert_eq!(
        office.let_time_pass().await,
        [0i64; 0],
        "a refused mail waits for another attempt"
    );
    pause(1_200).await;
    for (state, attempts, _) in office.outbox().await.into_iter().filter(|(state, ..)| *state != 2) {
        assert_eq!((state, attempts), (4, 1));
    }
    let tried = office
        .receiver
        .sessions()
        .await
        .into_iter()
        .flat_map(|of| of["commands"].as_array().cloned().unwrap_or_default());
    let tried = tried
        .filter(|command| {
            command
                .as_str()
                .is_some_and(|command| command.contains("nobody@example.org"))
        })
        .count();
    assert_eq!(tried, 1, "a refused recipient was tried again");
    // Not lost for good: once the mailbox is there, Resend Email sends again.
    office.receiver.accept().await;
    let page = office
        .ann
        .get(&format!("{INVITES}?q=nobody@example.org"))
        .await
        .page(200);
    let id = page.attributes("#invites-body tr", "id")[0]
        .trim_start_matches("i-")
        .to_owned();
    let mut file = office.house.connect().await;
    sqlx::query("update invitations set last_sent_at = last_sent_at - 61000000")
        .execute(&mut file)
        .await
        .expect("a minute passes");
    let answer = office
        .pen
        .post(&format!("{INVITES}/{id}/deliveries"), &[])
        .await
        .expect("an answer");
    assert_eq!(answer.status().as_u16(), 303);
    office.says("nobody@example.org", "Sent").await;
    office.close().await;
}

#[tokio::test]
async fn fault_f16_a_line_that_breaks_before_the_receipt_makes_one_duplicate_at_most() {
    let office = Office::open(Line::Plain).await;
    office
        .receiver
        .fault(json!({ "mode": "drop", "stage": "message", "times": 1 }))
        .await;
    office.invite("bob@example.org").await;
    let before = office.link("bob@example.org").await;
    let row = office.says("bob@example.org", "E-mail delayed").await;
    assert!(row.contains("did not confirm the mail"), "{row}");
    office.let_time_pass().await;
    office.says("bob@example.org", "Sent").await;
    pause(1_200).await;
    office.let_time_pass().await;
    pause(1_200).await;
    let mails = office.receiver.mails("bob@example.org", 2).await;
    assert_eq!(mails.len(), 2, "more than one duplicate");
    assert_eq!(
        text(&mails[0], "message_id"),
        text(&mails[1], "message_id"),
        "the duplicate is another mail"
    );
    assert_eq!(link_in(&mails[0]), link_in(&mails[1]));
    assert_eq!(
        (link_in(&mails[0]), office.link("bob@example.org").await),
        (before.clone(), before)
    );
    office.close().await;
}

#[tokio::test]
async fn fault_f16_a_kill_while_mails_leave_loses_none_and_repeats_few() {
    let mut office = Office::open(Line::Plain).await;
    office.receiver.fault(json!({ "mode": "slow", "seconds": 0.05 })).await;
    let count = 24;
    for n in 0..count {
        office.invite(&format!("bob{n}@example.org")).await;
    }
    office.receiver.mails("bob3@example.org", 1).await;
    office.server.kill();
    office.receiver.accept().await;
    office.server = office.house.start().await;
    // What was being sent is left alone for two minutes in case the other process is still at it; here they pass at once.
    let mut file = office.house.connect().await;
    sqlx::query("update outbox set next_at = 0 where state = 1")
        .execute(&mut file)
        .await
        .expect("time passes");
    let mut repeated = 0;
    for n in 0..count {
        office.says(&format!("bob{n}@example.org"), "Sent").await;
        let mails = office.receiver.mails(&format!("bob{n}@example.org"), 1).await;
        assert!(mails.len() <= 2, "{} mails to bob{n}", mails.len());
        if let [first, second] = &mails[..] {
            assert_eq!(text(first, "message_id"), text(second, "message_id"));
            repeated += 1;
        }
    }
    // Four are under way at a time, and as many may be done and not written down yet.
    assert!(repeated <= 8, "{repeated} mails were sent twice");
    office.close().await;
}

async fn assert_refused_in_the_clear(office: Office, why: &str) {
    office.invite("bob@example.org").await;
    let row = office.says("bob@example.org", "E-mail delayed").await;
    assert!(row.contains(why), "the reason is not shown: {row}");
    office.let_time_pass().await;
    pause(1_500).await;
    for session in office.receiver.sessions().await {
        assert_eq!(session["auth_in_clear"], false, "{session}");
        let commands: Vec<&str> = session["commands"]
            .as_array()
            .expect("commands")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let told = |verb: &str| commands.iter().any(|command| command.starts_with(verb));
        assert!(
            !told("AUTH") && !told("MAIL") && !told("RCPT") && !told("DATA"),
            "something was said on a bad line: {session}"
        );
    }
    assert_eq!(office.receiver.mails_now("bob@example.org").await.len(), 0);
    // As soon as the line is sound the same mail leaves.
    office.close().await;
}

#[tokio::test]
async fn fault_f17_a_line_without_starttls_carries_nothing() {
    let office = Office::open(Line::Starttls).await;
    office.receiver.fault(json!({ "mode": "stripped" })).await;
    assert_refused_in_the_clear(office, "STARTTLS").await;
}

#[tokio::test]
async fn fault_f17_a_certificate_of_another_host_is_refused() {
    let office = Office::open(Line::Starttls).await;
    office.receiver.fault(json!({ "mode": "wrong-host" })).await;
    assert_refused_in_the_clear(office, "it belongs to another host").await;
}

#[tokio::test]
async fn fault_f17_a_certificate_that_nobody_trusted_has_signed_is_refused() {
    let office = Office::open(Line::Starttls).await;
    office.receiver.fault(json!({ "mode": "untrusted" })).await;
    assert_refused_in_the_clear(office, "nobody trusted has signed it").await;
}

#[tokio::test]
async fn fault_f17_a_private_authority_that_is_not_configured_is_refused() {
    assert_refused_in_the_clear(Office::open(Line::Stranger).await, "nobody trusted has signed it").await;
}

#[tokio::test]
async fn fault_f17_a_certificate_that_has_expired_is_refused() {
    let office = Office::open(Line::Wrapped).await;
    office.receiver.fault(json!({ "mode": "expired" })).await;
    assert_refused_in_the_clear(office, "it has expired").await;
}

/// The other side of F17: a sound server gets the mail, encrypted and signed in.
#[tokio::test]
async fn fault_f17_a_sound_server_is_used_with_encryption_and_sign_in() {
    for line in [Line::Starttls, Line::Wrapped] {
        let office = Office::open(line).await;
        office.invite("bob@example.org").await;
        office.says("bob@example.org", "Sent").await;
        let mails = office.receiver.mails("bob@example.org", 1).await;
        assert_eq!((mails.len(), &mails[0]["tls"]), (1, &json!(true)));
        assert_eq!(mails[0]["user"], "muster");
        assert_eq!(mails[0]["defects"], json!([]));
        let headers = mails[0]["headers"].to_string();
        assert!(headers.contains("Auto-Submitted"), "{headers}");
        assert!(
            text(&mails[0], "message_id").ends_with("@127.0.0.1>"),
            "{}",
            mails[0]["message_id"]
        );
        // The link in the mail leads in.
        let link = mails[0]["links"]
            .as_array()
            .expect("links")
            .iter()
            .filter_map(Value::as_str)
            .find(|link| link.contains("/i/"))
            .expect("a link")
            .to_owned();
        let guest = office.server.anonymous();
        guest.get(&link).await.redirects_to("/i");
        assert_eq!(guest.get("/i").await.status, 200);
        office.close().await;
    }
}
