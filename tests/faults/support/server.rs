//! The program as a child process.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use super::{Client, House, pause};

/// A running program; it is killed when the test lets go of it.
pub struct Server {
    child: Child,
    log: PathBuf,
    words: PathBuf,
    url: String,
    /// How long it took from its start to the first 200 of /readyz.
    pub ready_after: Duration,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none for a signal.
    pub code: Option<i32>,
    /// How long it took from the signal.
    pub after: Duration,
}

/// Sends a signal to a process of the test.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .expect("kill runs");
    assert!(sent.success(), "kill -{name} {pid}");
}

/// One plain request on a connection of its own, without any client's cleverness; the status, or nothing.
fn probe(port: u16, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

impl Server {
    pub(super) async fn start(house: &House, by: &[&str], arguments: &[&str]) -> Self {
        let mut server = Self::spawn(house, by, arguments);
        server.wait_ready(house, 20).await;
        // Clients notice that lines to an earlier program on this port have ended.
        pause(20).await;
        server
    }

    /// Starts the program by way of another one, and waits until it is ready.
    pub async fn start_by(house: &House, by: &[&str]) -> Self {
        Self::start(house, by, &[]).await
    }

    /// Starts the program and does not wait.
    pub fn spawn(house: &House, by: &[&str], arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = house.scratch.path().join(format!("{count}.log"));
        let words = house.scratch.path().join(format!("{count}.out"));
        let child = house
            .wrapped(by, arguments)
            .stdin(Stdio::null())
            .stdout(File::create(&words).expect("a file"))
            .stderr(File::create(&log).expect("a file"))
            .spawn()
            .unwrap_or_else(|error| panic!("{by:?} and the program do not start: {error}"));
        Self {
            child,
            log,
            words,
            url: house.url(),
            ready_after: Duration::ZERO,
        }
    }

    async fn wait_ready(&mut self, house: &House, seconds: u64) {
        let began = Instant::now();
        while probe(house.port, "/readyz") != Some(200) {
            if let Some(status) = self.child.try_wait().expect("a look at the child") {
                panic!("the program ended with {status}: {}", self.log());
            }
            assert!(
                began.elapsed() < Duration::from_secs(seconds),
                "not ready within {seconds} s: {}",
                self.log()
            );
            pause(5).await;
        }
        self.ready_after = began.elapsed();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
    /// What it has printed on standard output.
    pub fn words(&self) -> String {
        fs::read_to_string(&self.words).unwrap_or_default()
    }
    /// Whether it has ended by itself.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a look at the child")
    }
    /// A browser that is not signed in.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.url)
    }

    /// Ends it as a power cut ends it.
    pub fn kill(&mut self) {
        self.kill_traced();
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Kills what a tracer has started: it would go on without the tracer.
    fn kill_traced(&self) {
        let id = self.child.id();
        let started = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        for child in started.split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", child]).status();
        }
    }

    /// Asks it to stop and waits; what it did is in the log.
    pub fn stop(&mut self) -> Ended {
        let began = Instant::now();
        signal(self.child.id(), "TERM");
        self.ended(began)
    }

    /// Waits for its end.
    pub fn ended(&mut self, began: Instant) -> Ended {
        while began.elapsed() < Duration::from_secs(40) {
            if let Some(status) = self.status() {
                return Ended {
                    code: status.code(),
                    after: began.elapsed(),
                };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the program does not end: {}", self.log());
    }

    /// Asserts that no part of it panicked.
    #[track_caller]
    pub fn assert_calm(&self) {
        let log = self.log();
        assert!(!log.contains("panicked") && !log.contains("this is a bug"), "{log}");
    }

    /// Asserts that a sentence stands in the log.
    #[track_caller]
    pub fn assert_logged(&self, text: &str) {
        assert!(
            self.log().contains(text),
            "the log does not say {text:?}: {}",
            self.log()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.kill_traced();
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the program's last lines");
            for line in tail.into_iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}
