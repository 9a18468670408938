//! The mail receiver of tests/support: real SMTP on loopback, with faults that can be switched on while it runs.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A running mail receiver; it ends when the test lets go of it.
pub struct Receiver {
    child: Child,
    http: reqwest::Client,
    told: Value,
}

impl Receiver {
    /// Starts it without faults.
    pub fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/smtp_server.py");
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .stdout(Stdio::piped())
            .spawn()
            .expect("Debian's python3 with aiosmtpd; scripts/test installs both");
        let mut line = String::new();
        let words = child.stdout.take().expect("its words");
        BufReader::new(words).read_line(&mut line).expect("its first line");
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("the receiver says {line:?}: {error}"));
        Self {
            child,
            http: reqwest::Client::new(),
            told,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.told[name].as_str().expect("a text")
    }

    /// Its address for MUSTER_SMTP_URL without encryption.
    pub fn plain(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.told["plain"])
    }
    /// The same with STARTTLS and a sign-in.
    pub fn starttls(&self) -> String {
        self.secured("starttls", "required")
    }
    /// The same with TLS from the first byte and a sign-in.
    pub fn wrapped(&self) -> String {
        self.secured("tls", "wrapper")
    }
    fn secured(&self, listener: &str, tls: &str) -> String {
        let password = self.text("password").replace(' ', "%20");
        format!(
            "smtp://{}:{password}@localhost:{}?tls={tls}",
            self.text("user"),
            self.told[listener]
        )
    }
    /// The authority of its certificates.
    pub fn authority(&self) -> &str {
        self.text("ca_file")
    }

    async fn ask(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.text("control"));
        self.http
            .get(url)
            .send()
            .await
            .expect("the receiver")
            .json()
            .await
            .expect("JSON")
    }

    /// Puts faults in force, all others end.
    pub async fn fault(&self, fault: Value) {
        let url = format!("{}/mode", self.text("control"));
        let answer = self.http.put(url).json(&fault).send().await.expect("the receiver");
        let (good, words) = (answer.status().is_success(), answer.text().await.expect("words"));
        assert!(good, "{words}");
    }
    /// Ends all faults.
    pub async fn accept(&self) {
        self.fault(json!({ "mode": "accept" })).await;
    }
    /// Waits until there are so many mails to an address, and gives them.
    pub async fn mails(&self, to: &str, count: usize) -> Vec<Value> {
        let found = self.ask(&format!("/mails?to={to}&count={count}&timeout=20")).await;
        let found = found.as_array().expect("a list").clone();
        assert!(
            found.len() >= count,
            "{} of {count} mails to {to} have come",
            found.len()
        );
        found
    }
    /// The mails to an address by now.
    pub async fn mails_now(&self, to: &str) -> Vec<Value> {
        self.ask(&format!("/mails?to={to}"))
            .await
            .as_array()
            .expect("a list")
            .clone()
    }
    /// Every connection by now.
    pub async fn sessions(&self) -> Vec<Value> {
        self.ask("/sessions").await.as_array().expect("a list").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        super::signal(self.child.id(), "TERM");
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
