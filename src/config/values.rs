//! The types of single settings, and how each is read from text. Every error says what to write instead.
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use lettre::message::Mailbox;
use tracing_subscriber::EnvFilter;
use url::{Host, Url};
use zeroize::Zeroize;

/// A value that neither `Debug` nor a panic message shows, and that is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden<T: Zeroize>(T);

impl<T: Zeroize> Hidden<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value to the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Hidden<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The origin people type into the browser: scheme, host and port, without a path.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let url =
            Url::parse(text).map_err(|_| "Write a whole address, such as https://muster.example.org.".to_owned())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("Write an address that begins with https://.".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("Leave out user and password.".into());
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("Muster lives at the root of a host. Leave out everything after the host and port.".into());
        }
        Ok(Self(url))
    }

    /// The origin without a slash at its end, as a browser sends it in `Origin`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The whole address of a path of ours, which begins with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// The host without its port; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether browsers reach Muster through TLS.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether the host can only be this machine.
    pub fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(|host| is_loopback(&host))
    }

    /// The domain for a sender made up from this address: `localhost` where the host is no domain.
    pub(super) fn mail_domain(&self) -> &str {
        match self.0.host() {
            Some(Host::Domain(domain)) => domain.trim_end_matches('.'),
            _ => "localhost",
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(super) fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.as_ref().trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// How much work one password hash is, in the terms of argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCost {
    /// 64 MiB and three passes.
    Standard,
    /// 19 MiB and two passes: the least that is accepted, for machines with little memory.
    Small,
}

impl PasswordCost {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "standard" => Ok(Self::Standard),
            "small" => Ok(Self::Small),
            _ => Err("Write standard or small.".into()),
        }
    }

    /// The memory of one hash in KiB.
    pub fn memory_kib(self) -> u32 {
        match self {
            Self::Standard => 65_536,
            Self::Small => 19_456,
        }
    }

    /// The number of passes over that memory.
    pub fn passes(self) -> u32 {
        match self {
            Self::Standard => 3,
            Self::Small => 2,
        }
    }
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text, for people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl LogFormat {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("Write text or json.".into()),
        }
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse()
        .map_err(|_| "Write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080.".into())
}

pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse::<IpNet>()
                .map(|network| network.trunc())
                .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| format!("{part:?} is no network. Write addresses or networks, such as 10.0.0.0/8, ::1."))
        })
        .collect()
}

pub(super) fn mailbox(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err("Leave out line breaks and control characters.".into());
    }
    text.parse()
        .map_err(|_| "Write a mailbox, such as Muster <muster@example.org> or muster@example.org.".into())
}

pub(super) fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err("Write true or false (on and off will do).".into()),
    }
}

pub(super) fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("Write a whole number from {least} to {most}."))
}

pub(super) fn line(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err("Write one line of at most 200 characters, such as support@example.org.".into());
    }
    Ok(text.to_owned())
}

/// Reads a time such as `90s`, `60m`, `12h` or `7d` between two bounds of the same form.
pub(super) fn time(text: &str, least: &str, most: &str) -> Result<Duration, String> {
    duration(text)
        .filter(|time| duration(least).is_some_and(|least| *time >= least))
        .filter(|time| duration(most).is_some_and(|most| *time <= most))
        .ok_or_else(|| {
            format!("Write a time from {least} to {most}: a whole number and s, m, h or d, such as 90s or 12h.")
        })
}

fn duration(text: &str) -> Option<Duration> {
    let (at, unit) = text.char_indices().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = text.get(..at)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits
        .parse::<u64>()
        .ok()?
        .checked_mul(seconds)
        .map(Duration::from_secs)
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|_| "Write error, warn, info, debug, trace or off, or a list such as info,sqlx=warn.".into())
}
