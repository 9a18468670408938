//! F38: the program runs out of file descriptors, and gets over it.

use std::{io::Write as _, net::TcpStream, time::Duration};

use muster::access::Role;

use crate::support::{House, Pen, Server, pause, until};

#[tokio::test]
async fn fault_f38_running_out_of_descriptors_passes() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    portal.close().await;
    let mut server = Server::start_by(&house, &["prlimit", "--nofile=64"]).await;
    let pen = Pen::of(&ann).await;
    assert_eq!(pen.try_write().await.0, 303);

    let mut crowd = Vec::new();
    for _ in 0..120 {
        let mut line = TcpStream::connect(("127.0.0.1", house.port)).expect("the system takes the connection");
        let _ = write!(line, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        crowd.push(line);
    }
    pause(1_000).await;
    assert!(server.status().is_none(), "the program has ended: {}", server.log());
    server.assert_logged("Too many open files");
    let lines = server
        .log()
        .lines()
        .filter(|line| line.contains("Too many open files"))
        .count();
    assert!(lines < 200, "{lines} lines of log in a second");
    drop(crowd);
    until("somebody is let in again", 20, async || {
        let answer = server
            .anonymous()
            .request(reqwest::Method::GET, "/readyz")
            .timeout(Duration::from_secs(2))
            .send()
            .await;
        answer.is_ok_and(|answer| answer.status().as_u16() == 200).then_some(())
    })
    .await;
    until("the first write after that", 10, async || {
        (pen.write().await.is_ok_and(|answer| answer.status().as_u16() == 303)).then_some(())
    })
    .await;
    server.assert_calm();
    assert_eq!(server.stop().code, Some(0));
    let portal = house.open().await;
    portal.assert_sound().await;
    portal.close().await;
}
