//! F01 and F02: the program is killed while people invite, join, change roles and disable. What was acknowledged is there, what was
//! not is there whole or not at all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use muster::{access::Role, mail::links};

use crate::support::{Client, House, Pen, Portal, Server, pause, random_between, rounds};

const PASSWORD: &str = "violet kettle marches north";

/// Every membership, invitation and mail has its entry in the audit log, and none is there without what it tells of.
async fn assert_all_or_nothing(portal: &Portal) {
    for (what, text) in [
        (
            "an invitation without its entry",
            "select count(*) from invitations i where not exists (select 1 from audit a where a.org_id = i.org_id and a.object_id = i.id and a.action = 'invitation.create')",
        ),
        (
            "an entry without its invitation",
            "select count(*) from audit a where a.action = 'invitation.create' and not exists (select 1 from invitations i where i.id = a.object_id)",
        ),
        (
            "an invitation without its mail",
            "select count(*) from invitations i where not exists (select 1 from outbox o where o.subject_id = i.id)",
        ),
        (
            "a mail without its invitation",
            "select count(*) from outbox o where o.subject_id is not null and not exists (select 1 from invitations i where i.id = o.subject_id)",
        ),
        (
            "a member without an entry",
            "select count(*) from members m where not exists (select 1 from audit a where a.org_id = m.org_id and a.object_id = m.id)",
        ),
        (
            "an accepted invitation without a member",
            "select count(*) from invitations i where i.state = 2 and not exists (select 1 from members m where m.org_id = i.org_id and m.email = i.email)",
        ),
        (
            "a member whose invitation still waits",
            "select count(*) from members m join invitations i on i.org_id = m.org_id and i.email = m.email where i.state <> 2",
        ),
        (
            "an account without a membership",
            "select count(*) from users u where not exists (select 1 from members m where m.user_id = u.id)",
        ),
        (
            "an address invited twice",
            "select count(*) from (select 1 from invitations group by org_id, email_key having count(*) > 1)",
        ),
    ] {
        assert_eq!(portal.number(text).await, 0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f01_a_kill_while_writing_loses_nothing_that_was_acknowledged() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    portal.close().await;
    let acknowledged: Arc<Mutex<Vec<String>>> = Arc::default();
    let (began, mut slowest, mut pen, mut unsure) = (Instant::now(), Duration::ZERO, None, 0);
    let count = rounds(8, 100);
    for round in 0..count {
        let mut server = house.start().await;
        slowest = slowest.max(server.ready_after);
        let pen = match &pen {
            Some(pen) => pen,
            None => pen.insert(Pen::of(&ann).await),
        };
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (pen, acknowledged): (Pen, _) = (pen.clone(), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    for n in 0.. {
                        let email = format!("guest-{round}-{writer}-{n}@example.org");
                        match pen.invite(&email).await {
                            Ok(answer) => {
                                assert_eq!(answer.status().as_u16(), 303);
                                acknowledged.lock().expect("the list").push(email);
                            }
                            Err(_) => return email, // cut: the client cannot know
                        }
                    }
                    unreachable!("the loop has no end")
                })
            })
            .collect();
        pause(random_between(150, 400)).await;
        server.kill();
        let mut cut = Vec::new();
        for writer in writers {
            cut.push(writer.await.expect("a writer that sees 303 or nothing"));
        }
        // The last round's clients ask again for what they do not know about: it is done once.
        if round + 1 == count {
            let mut server = house.start().await;
            for email in cut {
                let answer = pen.invite(&email).await.expect("an answer");
                let status = answer.status().as_u16();
                assert!(matches!(status, 303 | 409 | 422), "{status}");
                unsure += usize::from(status != 303);
                if status == 303 {
                    acknowledged.lock().expect("the list").push(email);
                }
            }
            assert_eq!(server.stop().code, Some(0));
        }
    }
    let portal = house.open().await;
    portal.assert_sound().await;
    assert_all_or_nothing(&portal).await;
    let mut file = house.connect().await;
    let stored: Vec<String> = sqlx::query_scalar("select email from invitations")
        .fetch_all(&mut file)
        .await
        .expect("the invitations");
    let stored: std::collections::HashSet<String> = stored.into_iter().collect();
    let acknowledged = acknowledged.lock().expect("the list").clone();
    let lost: Vec<&String> = acknowledged.iter().filter(|email| !stored.contains(*email)).collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged invitations are gone: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
    assert!(
        acknowledged.len() > count as usize * 4,
        "only {} writes were under way",
        acknowledged.len()
    );
    assert!(slowest < Duration::from_secs(2), "a restart took {slowest:?}");
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    println!(
        "{count} kills, {} acknowledged, {} stored, {unsure} done unknown to the client, slowest restart {slowest:?}, {:?} in all",
        acknowledged.len(),
        stored.len(),
        began.elapsed()
    );
    portal.close().await;
}

/// What a person was told that they are now.
type Told = Arc<Mutex<HashMap<String, (i64, i64)>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f02_a_kill_while_people_join_and_rights_change_leaves_whole_acts() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    portal.close().await;
    let (mut slowest, mut joined_in_all, mut changed_in_all, count) = (Duration::ZERO, 0, 0, rounds(5, 50));
    let told: Told = Arc::default();
    let mut joined: Vec<String> = Vec::new();
    let mut pen = None;
    for round in 0..count {
        // People with invitations, members to be moved about and members to be disabled, made before the program starts.
        let portal = house.open().await;
        let mut movers = Vec::new();
        for place in 0..4 {
            let one = portal
                .member(&acme, Role::Member, &format!("mover-{round}-{place}"))
                .await;
            movers.push((one.id(), one.email.clone()));
        }
        let mut leavers = Vec::new();
        for place in 0..40 {
            let one = portal
                .member(&acme, Role::Member, &format!("leaver-{round}-{place}"))
                .await;
            leavers.push((one.id(), one.email.clone()));
        }
        portal.close().await;
        let mut server = house.start().await;
        slowest = slowest.max(server.ready_after);
        let pen: Pen = match &pen {
            Some(pen) => Pen::clone(pen),
            None => pen.insert(Pen::of(&ann).await).clone(),
        };
        let guests: Vec<String> = (0..24)
            .map(|place| format!("guest-{round}-{place}@example.org"))
            .collect();
        for guest in &guests {
            assert_eq!(pen.invite(guest).await.expect("an answer").status().as_u16(), 303);
        }
        let doors = open_doors(&house, &server, &guests).await;

        let joiners = doors.into_iter().collect::<Vec<_>>();
        let entered: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut tasks = Vec::new();
        for lane in joiners.chunks(joiners.len().div_ceil(3)) {
            let (lane, entered) = (lane.to_vec(), Arc::clone(&entered));
            tasks.push(tokio::spawn(async move {
                for (email, client, csrf) in lane {
                    let fields = [("csrf", csrf.as_str()), ("name", "Bob Guest"), ("password", PASSWORD)];
                    match client
                        .request(reqwest::Method::POST, "/i/accept")
                        .form(&fields)
                        .send()
                        .await
                    {
                        Ok(answer) => {
                            assert_eq!(answer.status().as_u16(), 303, "{email}");
                            entered.lock().expect("the list").push(email);
                        }
                        Err(_) => return,
                    }
                }
            }));
        }
        {
            let (pen, told) = (pen.clone(), Arc::clone(&told));
            tasks.push(tokio::spawn(async move {
                for turn in 0.. {
                    let (id, email) = &movers[turn % movers.len()];
                    let role = if (turn / movers.len()).is_multiple_of(2) {
                        Role::Manager
                    } else {
                        Role::Member
                    };
                    match pen
                        .post(&format!("/o/acme/members/{id}/role"), &[("role", role.key())])
                        .await
                    {
                        Ok(answer) => {
                            assert_eq!(answer.status().as_u16(), 303, "{email}");
                            told.lock().expect("the list").insert(email.clone(), (role as i64, 1));
                        }
                        Err(_) => {
                            told.lock().expect("the list").remove(email);
                            return;
                        }
                    }
                }
            }));
        }
        {
            let (pen, told) = (pen.clone(), Arc::clone(&told));
            tasks.push(tokio::spawn(async move {
                for (id, email) in leavers {
                    let fields = [("confirm", email.as_str()), ("reason", "Left the company")];
                    match pen.post(&format!("/o/acme/members/{id}/disablement"), &fields).await {
                        Ok(answer) => {
                            assert_eq!(answer.status().as_u16(), 303, "{email}");
                            told.lock().expect("the list").insert(email, (Role::Member as i64, 4));
                        }
                        Err(_) => return,
                    }
                }
            }));
        }
        pause(random_between(150, 500)).await;
        server.kill();
        for task in tasks {
            task.await.expect("a client that sees 303 or nothing");
        }
        joined.extend(entered.lock().expect("the list").drain(..));

        let portal = house.open().await;
        portal.assert_sound().await;
        assert_all_or_nothing(&portal).await;
        let changes = portal
            .number("select count(*) from audit where action in ('member.role.change', 'member.disable')")
            .await;
        let mails = portal
            .number("select count(*) from outbox where message like '%access_changed%'")
            .await;
        assert_eq!(changes, mails, "changes and the mails that tell of them");
        changed_in_all = changes;
        portal.close().await;
        let mut file = house.connect().await;
        let rows: Vec<(String, i64, i64)> =
            sqlx::query_as("select email, role, case when status = 4 then 4 else 1 end from members")
                .fetch_all(&mut file)
                .await
                .expect("the members");
        let rows: HashMap<String, (i64, i64)> = rows
            .into_iter()
            .map(|(email, role, status)| (email, (role, status)))
            .collect();
        for (email, state) in told.lock().expect("the list").iter() {
            assert_eq!(rows.get(email), Some(state), "{email} is not what was acknowledged");
        }
        for email in &joined {
            assert!(rows.contains_key(email), "{email} was let in and is gone");
        }
        joined_in_all = joined.len();
    }
    let mut server = house.start().await;
    slowest = slowest.max(server.ready_after);
    assert_eq!(server.stop().code, Some(0));
    assert!(slowest < Duration::from_secs(2), "a restart took {slowest:?}");
    assert!(
        joined_in_all > 0 && changed_in_all > 0,
        "{joined_in_all} joined, {changed_in_all} changes"
    );
    let verified = house.run(&["audit", "verify"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
    println!(
        "{count} kills, {joined_in_all} acknowledged joins, {changed_in_all} changes of rights, slowest restart {slowest:?}"
    );
}

/// Opens each guest's link, up to the page with the form that joins.
async fn open_doors(house: &House, server: &Server, guests: &[String]) -> Vec<(String, Client, String)> {
    let mut file = house.connect().await;
    let portal_keys = muster::secret::Keys::from_master(*house.config().master_key().expect("the key").expose());
    let settings = muster::app::Settings::of(&house.config()).expect("settings");
    let mut doors = Vec::new();
    for guest in guests {
        let (id, generation): (muster::ids::InvitationId, i64) =
            sqlx::query_as("select id, generation from invitations where email = $1")
                .bind(guest)
                .fetch_one(&mut file)
                .await
                .expect("the invitation");
        let client = server.anonymous();
        client
            .get(&links::invitation(&settings, &portal_keys, id, generation))
            .await
            .redirects_to("/i");
        let page = client.get("/i").await.page(200);
        doors.push((guest.clone(), client, page.value("csrf").expect("a token")));
    }
    doors
}
