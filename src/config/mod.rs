//! Every setting of Muster: one list, four sources, one check, and the only reader of the environment.
//!
//! A value comes from the first of these that has it: a flag, the environment, a TOML file, the default. Everything
//! that is wrong is collected and told at once, in sentences.
mod database;
mod key;
mod settings;
mod smtp;
mod sources;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use lettre::message::Mailbox;

use sources::Gathered;

pub use database::Database;
pub use settings::{SETTINGS, Setting, default_of, default_time, readme_table};
pub use smtp::{Smtp, Tls};
pub use sources::{Flags, Source, temporary_folder};
pub use values::{Hidden, LogFormat, PasswordCost, PublicUrl};

/// Everything an operator may decide about one Muster, checked and in its final type.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address and port the HTTP server binds.
    pub listen: SocketAddr,
    /// The address people type, and the only root of the links in mails.
    pub public_url: PublicUrl,
    /// The folder of the embedded database and of the secret key.
    pub data: PathBuf,
    /// The database that holds everything.
    pub database: Database,
    /// The server that takes mails, or none: then links are copied by hand.
    pub smtp: Option<Smtp>,
    /// Whether a mail server on another machine may be spoken to without encryption.
    pub insecure_smtp: bool,
    /// The sender of every mail.
    pub mail_from: Mailbox,
    /// The mailbox that answers to Muster's mails go to, where it is not the sender.
    pub mail_reply_to: Option<Mailbox>,
    /// The networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The key that was configured; [`Config::master_key`] reads or makes the one in the data folder otherwise.
    secret_key: Option<Hidden<[u8; 32]>>,
    /// How much work one password hash is.
    pub password_cost: PasswordCost,
    /// A session ends after this time without a request.
    pub session_idle: Duration,
    /// A session ends after this time, however busy it is.
    pub session_absolute: Duration,
    /// The number of threads that answer requests.
    pub workers: usize,
    /// The directives of the log filter, such as `info,muster=debug`.
    pub log: String,
    /// The shape of a log line.
    pub log_format: LogFormat,
    /// Whether `Strict-Transport-Security` covers the hosts below the public one too.
    pub hsts_subdomains: bool,
    /// Whom people are told to ask where neither organization nor enterprise names somebody.
    pub support_contact: Option<String>,
    /// A request's body must have arrived within this time.
    pub body_timeout: Duration,
    /// Requests and workers get this long to finish when the process is told to stop.
    pub shutdown_timeout: Duration,
    /// Whether requests are limited in rate; off for load tests alone.
    pub rate_limits: bool,
    /// What whoever scrapes figures has to send; none where this machine alone may.
    pub metrics_token: Option<Hidden<String>>,
    /// How many invitations an organization may send in a minute.
    pub invites_per_minute: u32,
    /// How many invitations an organization may send in a day.
    pub invites_per_day: u32,
    /// How many invitations of an organization may wait for an answer at once.
    pub invites_pending: u32,
    /// The TOML file that was read, if any.
    pub file: Option<PathBuf>,
    /// What is allowed but deserves a second look, in sentences for the log.
    pub warnings: Vec<String>,
    sources: BTreeMap<&'static str, Source>,
}

impl Config {
    /// Reads all sources: the flags given, this process's environment, the TOML file.
    pub fn load(flags: &Flags) -> Result<Self, Problems> {
        Self::settle(Gathered::from_all(flags, sources::environment()))
    }

    /// The defaults with a few settings changed by name, and neither environment nor file: what tests start from.
    pub fn with(values: &[(&str, &str)]) -> Result<Self, Problems> {
        Self::settle(Gathered::from_flags(&Flags::from_names(values)?))
    }

    /// Where the value of a setting came from.
    pub fn source(&self, name: &str) -> Source {
        self.sources.get(name).copied().unwrap_or(Source::Default)
    }

    /// Takes over the address that was really bound, for a port 0, into the default public URL as well.
    pub fn bound(&mut self, address: SocketAddr) {
        self.listen = address;
        if self.source("public_url") == Source::Default
            && let Ok(url) = PublicUrl::parse(&format!("http://{address}"))
        {
            self.public_url = url;
        }
    }

    fn settle(gathered: Gathered) -> Result<Self, Problems> {
        let mut problems = gathered.problems;
        let mut config = Self::blank().map_err(|sentence| Problems(vec![sentence]))?;
        config.warnings = gathered.warnings;
        config.file = gathered.file;
        let mut spoiled = Vec::new();
        for setting in SETTINGS.iter() {
            let given = gathered.values.get(setting.name);
            let Some(text) = given.map(|given| given.text.as_str()).or(setting.default) else {
                continue;
            };
            if let Err(sentence) = (setting.set)(&mut config, text) {
                spoiled.push(setting.name);
                let label = given.map_or(setting.name, |given| given.label.as_str());
                problems.push(if setting.secret {
                    format!("{label}: {sentence}")
                } else {
                    format!("{label} = {text:?}: {sentence}")
                });
            } else if let Some(given) = given {
                config.sources.insert(setting.name, given.source);
                if given.source == Source::Flag && setting.secret && !given.by_file && setting.exposes(text) {
                    config.warnings.push(format!(
                        "The password in {} can be read in the list of processes. Use {}_FILE or {} instead.",
                        given.label, setting.env, setting.env
                    ));
                }
            }
        }
        config.derive(&spoiled, &mut problems);
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(Problems(problems))
        }
    }

    /// Fills in what follows from other settings and judges what only two of them together can get wrong. A setting
    /// that was refused already is left out, so that one mistake gives one sentence.
    fn derive(&mut self, spoiled: &[&str], problems: &mut Vec<String>) {
        let sound = |name: &str| !spoiled.contains(&name);
        let given = |config: &Self, name: &str| config.sources.contains_key(name);
        if !given(self, "database") && sound("database") {
            self.database = Database::Sqlite(self.data.join("muster.db"));
        }
        let remote = !self.listen.ip().is_loopback();
        if !given(self, "public_url") && sound("public_url") {
            match PublicUrl::parse(&format!("http://{}", self.listen)) {
                Ok(url) => self.public_url = url,
                Err(sentence) => problems.push(format!("public_url: {sentence}")),
            }
        }
        if sound("listen") && sound("public_url") && !self.public_url.is_secure() {
            if remote {
                problems.push(format!(
                    "listen is {}, which other machines can reach, but public_url is {}: passwords would cross the \
                     network in the clear. Either listen on 127.0.0.1, or put a proxy with TLS in front and set \
                     public_url to the https:// address that people will type.",
                    self.listen, self.public_url
                ));
            } else if !self.public_url.is_loopback() {
                problems.push(format!(
                    "public_url is {}: plain http is for this machine alone. Put a proxy with TLS in front and set \
                     public_url to its https:// address.",
                    self.public_url
                ));
            }
        }
        if let Some(smtp) = &self.smtp {
            if smtp.tls == Tls::None && !smtp.is_loopback() && !self.insecure_smtp {
                problems.push(format!(
                    "smtp_url says tls=none, but {} is another machine: mails and their invitation links would cross \
                     the network in the clear. Use tls=required or tls=wrapper, or accept it with insecure_smtp = true.",
                    smtp.host
                ));
            }
            if !given(self, "mail_from") && sound("mail_from") {
                problems.push(
                    "mail_from is missing: with smtp_url set, mails need a sender. \
                     Write for example \"Muster <muster@example.org>\"."
                        .to_owned(),
                );
            }
        } else if !given(self, "mail_from") && sound("mail_from") {
            match values::mailbox(&format!("Muster <muster@{}>", self.public_url.mail_domain())) {
                Ok(sender) => self.mail_from = sender,
                Err(sentence) => problems.push(format!("mail_from: {sentence}")),
            }
        }
        if sound("session_idle") && sound("session_absolute") && self.session_idle > self.session_absolute {
            problems.push(
                "session_idle is longer than session_absolute, so it would never end a session. \
                 Make it shorter, or session_absolute longer."
                    .to_owned(),
            );
        }
        if self.invites_per_minute > self.invites_per_day && sound("invites_per_minute") && sound("invites_per_day") {
            problems
                .push("invites_per_minute is above invites_per_day. Raise invites_per_day to at least that.".into());
        }
        if self.trusted_proxies.iter().any(|network| network.prefix_len() == 0) {
            self.warnings.push(
                "trusted_proxies trusts every address, so anybody can pretend to be any client. \
                 Name the addresses of your proxies alone."
                    .to_owned(),
            );
        }
        if !self.rate_limits {
            self.warnings.push(
                "rate_limits is off: passwords can be guessed at full speed. Use it for load tests alone.".into(),
            );
        }
        if self
            .smtp
            .as_ref()
            .is_some_and(|smtp| smtp.tls == Tls::None && !smtp.is_loopback())
        {
            self.warnings
                .push("insecure_smtp is on: mails and their links cross the network in the clear.".into());
        }
    }

    /// Values to begin with; the list of settings overwrites each of them that has a default.
    fn blank() -> Result<Self, String> {
        Ok(Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: PublicUrl::parse("http://127.0.0.1:8080")?,
            data: PathBuf::new(),
            database: Database::Sqlite(PathBuf::new()),
            smtp: None,
            insecure_smtp: false,
            mail_from: values::mailbox("muster@localhost")?,
            mail_reply_to: None,
            trusted_proxies: Vec::new(),
            secret_key: None,
            password_cost: PasswordCost::Standard,
            session_idle: Duration::ZERO,
            session_absolute: Duration::ZERO,
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            log: String::new(),
            log_format: LogFormat::Text,
            hsts_subdomains: true,
            support_contact: None,
            body_timeout: Duration::ZERO,
            shutdown_timeout: Duration::ZERO,
            rate_limits: true,
            metrics_token: None,
            invites_per_minute: 0,
            invites_per_day: 0,
            invites_pending: 0,
            file: None,
            warnings: Vec::new(),
            sources: BTreeMap::new(),
        })
    }
}

/// Everything that is wrong with a configuration, a sentence or two each.
#[derive(Debug)]
pub struct Problems(Vec<String>);

impl Problems {
    /// The sentences, in the order of the sources and of the list of settings.
    pub fn sentences(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "Muster cannot start with this configuration:")?,
            many => writeln!(f, "Muster cannot start with this configuration, for {many} reasons:")?,
        }
        for sentence in &self.0 {
            write!(f, "\n  - {sentence}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
