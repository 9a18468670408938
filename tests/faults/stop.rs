//! F04 and F06: stopping loses nothing, and nothing is acknowledged that a power cut could take back.

use std::{
    collections::HashSet,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use muster::access::Role;

use crate::support::{House, Load, Pen, Server, pause};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f04_sigterm_under_load_answers_what_was_accepted_and_leaves_one_file() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    portal.close().await;
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    let load = Load::start(&pen, 8, 8);

    // Somebody with a slow line is in the middle of a form when the signal comes, and somebody else is idle on a kept line.
    let mut slow = TcpStream::connect(("127.0.0.1", house.port)).expect("a connection");
    write!(slow, "POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\nemail").expect("half a form");
    let mut idle = TcpStream::connect(("127.0.0.1", house.port)).expect("a connection");
    write!(idle, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").expect("a request");
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).expect("an answer");
    pause(700).await;

    let began = Instant::now();
    let (server, ended, slow_answer) = tokio::task::spawn_blocking(move || {
        crate::support::signal(server.pid(), "TERM");
        std::thread::sleep(Duration::from_millis(600));
        write!(slow, "=a&b=c").expect("the rest of the form");
        let mut answer = String::new();
        slow.set_read_timeout(Some(Duration::from_secs(12))).expect("a limit");
        let _ = slow.read_to_string(&mut answer);
        let ended = server.ended(began);
        (server, ended, answer)
    })
    .await
    .expect("the wait");
    let (writes, reads) = load.end().await;

    assert_eq!(ended.code, Some(0), "{}", server.log());
    assert!(
        ended.after < Duration::from_secs(10),
        "it took {:?} to stop",
        ended.after
    );
    assert!(
        slow_answer.starts_with("HTTP/1.1 ") && slow_answer.contains("</html>"),
        "the slow form was cut: {slow_answer:?}"
    );

    // Everything the program has worked on was answered in full: its log and the clients agree on the request ids.
    let log = server.log();
    let heard: HashSet<String> = [&writes, &reads]
        .iter()
        .flat_map(|tally| tally.ids.lock().expect("the tally").clone())
        .collect();
    let worked_on: Vec<&str> = log
        .lines()
        .filter(|line| {
            line.contains("method=POST route=\"/o/{org}/invites\"") || line.contains("route=\"/organizations\"")
        })
        .filter_map(|line| line.split("request=").nth(1)?.split(' ').next())
        .collect();
    assert!(worked_on.len() > 40, "that was no load: {} requests", worked_on.len());
    let cut: Vec<&&str> = worked_on.iter().filter(|id| !heard.contains(**id)).collect();
    assert!(
        cut.is_empty(),
        "{} of {} answers never arrived",
        cut.len(),
        worked_on.len()
    );
    assert_eq!(writes.statuses(), [303], "{:?}", writes.statuses());
    assert_eq!(reads.statuses(), [200]);
    // Whoever had sent a request well before the signal was served; what came later met a closed door.
    for tally in [&writes, &reads] {
        for (when, why) in tally.cut.lock().expect("the tally").iter() {
            assert!(
                *when + Duration::from_millis(250) > began,
                "a request from {:?} before the signal was cut: {why}",
                began - *when
            );
        }
    }

    // One file is left, which is whole.
    assert!(
        std::fs::metadata(house.wal()).map_or(true, |file| file.len() == 0),
        "the log was not checkpointed"
    );
    server.assert_calm();
    server.assert_logged("the audit log ends here");
    let portal = house.open().await;
    portal.assert_sound().await;
    portal.close().await;
}

#[tokio::test]
async fn fault_f06_a_write_is_on_disk_before_it_is_acknowledged() {
    const WRITES: usize = 30;
    // An invitation changes more than a dozen pages, each two calls. What the worker notes about the mail of the
    // invitation before changes two or three, and may fall between any two lines of this one.
    const CALLS_OF_AN_INVITATION: usize = 20;
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    portal.close().await;
    let trace = house.scratch.path().join("trace");
    let by = [
        "strace",
        "-f",
        "-qq",
        "-y",
        "-s",
        "48",
        "-o",
        trace.to_str().expect("a path in text"),
        "-e",
        "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,fdatasync,fsync",
    ];
    let mut server = Server::start_by(&house, &by).await;
    let pen = Pen::of(&ann).await;
    pause(1_200).await; // the first minute's work and the session's last-seen time are writes of their own
    for _ in 0..WRITES {
        let (status, _) = pen.try_write().await;
        assert_eq!(status, 303);
    }
    server.kill();
    let trace = std::fs::read_to_string(&trace).expect("the trace");

    let is_log = |line: &str| line.contains("/muster.db-wal>");
    let mut syncing = HashSet::new(); // threads that are inside a sync of the log
    let (mut calls, mut is_safe, mut acknowledged, mut asked) = (0, false, 0, false);
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        if call.contains("\"POST /o/acme/invites") {
            (calls, is_safe, asked) = (0, false, true);
        } else if call.starts_with("pwrite") && is_log(call) {
            calls += 1;
        } else if is_sync && is_log(call) && call.ends_with("= 0") {
            is_safe |= calls >= CALLS_OF_AN_INVITATION;
            calls = 0;
        } else if is_sync && is_log(call) && call.contains("<unfinished") {
            syncing.insert(thread.to_owned());
        } else if call.contains("sync resumed>") && syncing.remove(thread) {
            assert!(call.ends_with("= 0"), "{line}");
            is_safe |= calls >= CALLS_OF_AN_INVITATION;
            calls = 0;
        } else if call.contains("\"HTTP/1.1 303") && asked {
            assert!(is_safe, "acknowledged before it was on disk: {line}");
            acknowledged += 1;
            asked = false;
        }
    }
    assert_eq!(acknowledged, WRITES, "the trace shows other writes than were made");
}
