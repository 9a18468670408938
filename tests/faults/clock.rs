//! F20 and F21: the machine's clock jumps ahead, or back, while the program runs. A small library that is loaded before the program
//! (support/clock.c) tells it another time than the system's; timers go by the monotonic clock, which is left alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use muster::access::Role;
use reqwest::Method;
use serde_json::json;

use crate::{
    rig,
    support::{Client, House, Pen, Portal, Server, Someone},
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The time as an offset from the system's, for one program.
struct Time(PathBuf);

impl Time {
    fn set(&self, seconds: i64) {
        let draft = self.0.with_extension("next");
        fs::write(&draft, seconds.to_string()).expect("the offset");
        fs::rename(&draft, &self.0).expect("the offset");
    }
}

/// Builds the library that tells another time.
fn library(folder: &Path) -> PathBuf {
    let path = folder.join("clock.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/support/clock.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&path)
        .arg(source)
        .output()
        .expect("a C compiler");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    path
}

struct Stage {
    house: House,
    time: Time,
    portal: Portal,
    ann: Someone,
    ben: Someone,
    server: Server,
    platform: Client,
    key: String,
    count: u32,
}

/// A portal where Ben may spend ten credits a day, and a platform that asks.
async fn stage() -> Stage {
    let house = House::new();
    let time = Time(house.scratch.path().join("time"));
    time.set(0);
    let library = library(house.scratch.path());
    let house = house
        .set("LD_PRELOAD", library.to_str().expect("a path"))
        .set("TEST_CLOCK", time.0.to_str().expect("a path"));
    let portal = house.open().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    let server = house.start().await;
    let pen = Pen::of(&ann).await;
    assert_eq!(rig::limit(&pen, &org, &ben.id(), 10).await, Some(303));
    let key = rig::key_until(&ann, &org, "never").await;
    let platform = server.anonymous();
    Stage {
        house,
        time,
        portal,
        ann,
        ben,
        server,
        platform,
        key,
        count: 0,
    }
}

impl Stage {
    /// What the gate says when Ben wants to spend.
    async fn spend(&mut self, credits: u32) -> u16 {
        self.count += 1;
        let wanted = json!({
            "subject": self.ben.id(), "source": "clock", "id": self.count.to_string(), "amount": credits.to_string()
        });
        let request = self.platform.request(Method::POST, "/api/v1/usage");
        self.platform
            .send(request.bearer_auth(&self.key).json(&wanted))
            .await
            .status
    }
    /// The paths of a link to a new password and of an invitation, both made now.
    async fn links(&self) -> (String, String) {
        let someone = self.server.anonymous();
        let fields = [("email", self.ben.email.as_str())];
        assert!(someone.post("/forgot", &fields).await.status < 400);
        let pen = Pen::of(&self.ann).await;
        let answer = pen.invite("cyd@example.org").await.expect("an answer");
        assert_eq!(answer.status(), 303);
        let reset = self.portal.mail_to(&self.ben.email).await.link();
        (reset, self.portal.mail_to("cyd@example.org").await.link())
    }
    async fn status(&self, path: &str) -> u16 {
        self.server.anonymous().follow(path).await.status
    }
    async fn end(mut self) {
        self.server.assert_calm();
        self.portal.close().await;
        assert_eq!(self.server.stop().code, Some(0));
        let verified = self.house.run(&["audit", "verify"]);
        assert_eq!(verified.status.code(), Some(0), "{verified:?}");
        let verified = self.house.run(&["metering", "verify"]);
        assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f20_a_clock_that_jumps_ahead_ends_what_is_over_and_opens_each_window_once() {
    let mut stage = stage().await;
    let (reset, invitation) = stage.links().await;
    assert_eq!(
        (stage.status(&reset).await, stage.status(&invitation).await),
        (200, 200)
    );
    assert_eq!((stage.spend(8).await, stage.spend(5).await), (200, 429));

    stage.time.set(HOUR);
    assert_eq!(stage.status(&reset).await, 410, "a link for half an hour");
    assert_eq!(stage.status(&invitation).await, 200, "a link for days");

    stage.time.set(400 * DAY);
    assert_eq!(stage.status(&invitation).await, 410);
    stage.ann.get("/organizations").await.redirects_to("/sign-in");
    assert_eq!((stage.spend(8).await, stage.spend(5).await), (200, 429), "the new day");
    assert_eq!(stage.spend(2).await, 200);
    assert_eq!(stage.spend(1).await, 429, "it begins once");
    assert_eq!(stage.status("/healthz").await, 200);
    assert_eq!(stage.status("/readyz").await, 200);
    stage.end().await;
}

/// Ends all there is to end, forty days ahead, and sets the clock back.
async fn set_back(back: i64) {
    let mut stage = stage().await;
    let (reset, invitation) = stage.links().await;
    stage.time.set(40 * DAY);
    assert_eq!((stage.spend(8).await, stage.spend(5).await), (200, 429));
    assert_eq!(
        (stage.status(&reset).await, stage.status(&invitation).await),
        (410, 410)
    );
    stage.ann.get("/organizations").await.redirects_to("/sign-in");

    stage.time.set(40 * DAY - back);
    assert_eq!(stage.spend(5).await, 429, "{back} s back: the day before is over");
    assert_eq!(stage.spend(2).await, 200);
    assert_eq!(stage.spend(1).await, 429);
    assert_eq!(
        (stage.status(&reset).await, stage.status(&invitation).await),
        (410, 410)
    );
    stage.ann.get("/organizations").await.redirects_to("/sign-in");

    // All the way back, to where all of them were good.
    stage.time.set(0);
    assert_eq!(stage.spend(1).await, 429, "{back} s back");
    assert_eq!(
        (stage.status(&reset).await, stage.status(&invitation).await),
        (410, 410),
        "{back} s back: links that were over"
    );
    stage.ann.get("/organizations").await.redirects_to("/sign-in");
    assert_eq!(stage.status("/readyz").await, 200);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f21_a_clock_that_is_set_back_by_an_hour_brings_nothing_back() {
    set_back(HOUR).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f21_a_clock_that_is_set_back_by_a_day_brings_nothing_back() {
    set_back(DAY).await;
}
