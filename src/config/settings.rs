//! The one list of settings: the flags, the environment, the TOML keys, the help and README's table all come from it.
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::{Config, Database, Hidden, LogFormat, PasswordCost, PublicUrl, Smtp, key, values};

/// One setting: its names, its default and its check.
#[derive(Debug)]
pub struct Setting {
    /// The TOML key; the names of flag and environment variable are made from it.
    pub name: &'static str,
    /// The environment variable, such as `MUSTER_PUBLIC_URL`.
    pub env: String,
    /// The flag without its dashes, such as `public-url`.
    pub flag: String,
    /// The group it is shown in.
    pub heading: &'static str,
    /// What stands for the value in the help, such as `URL`.
    pub value: &'static str,
    /// The default, read like any other value, where there is a fixed one.
    pub default: Option<&'static str>,
    /// The default in words, where it is not fixed.
    pub default_in_words: &'static str,
    /// What it is for, in one sentence.
    pub help: &'static str,
    /// Whether the value is or may contain a secret: it can come from a file of its own and is never shown.
    pub secret: bool,
    /// Whether the bare flag means `true`.
    pub switch: bool,
    /// Whether a TOML file may set it.
    pub in_file: bool,
    /// The flag that names a file with the value, for a secret.
    pub file_flag: String,
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
}

impl Setting {
    fn new(
        name: &'static str,
        value: &'static str,
        help: &'static str,
        set: fn(&mut Config, &str) -> Result<(), String>,
    ) -> Self {
        Self {
            name,
            env: format!("MUSTER_{}", name.to_ascii_uppercase()),
            flag: name.replace('_', "-"),
            heading: "",
            value,
            default: None,
            default_in_words: "",
            help,
            secret: false,
            switch: false,
            in_file: true,
            file_flag: format!("{}-file", name.replace('_', "-")),
            set,
        }
    }

    fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    fn default_in_words(mut self, words: &'static str) -> Self {
        self.default_in_words = words;
        self
    }

    fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    fn switch(mut self) -> Self {
        self.switch = true;
        self
    }

    fn never_in_file(mut self) -> Self {
        self.in_file = false;
        self
    }

    /// The default as the help shows it; empty where there is none.
    pub fn default_shown(&self) -> &'static str {
        self.default.unwrap_or(self.default_in_words)
    }

    /// Whether the short help leaves it to the long one.
    pub(super) fn is_rare(&self) -> bool {
        matches!(self.heading, "Security" | "Running")
    }

    /// Whether this value really holds a secret: a database or mail URL without a password does not.
    pub(super) fn exposes(&self, text: &str) -> bool {
        self.secret && url::Url::parse(text).map_or(true, |url| url.password().is_some())
    }
}

fn group(heading: &'static str, settings: Vec<Setting>) -> impl Iterator<Item = Setting> {
    settings.into_iter().map(move |setting| Setting { heading, ..setting })
}

/// All settings, in the order of the help.
pub static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    address()
        .chain(storage())
        .chain(mail())
        .chain(security())
        .chain(running())
        .collect()
});

fn address() -> impl Iterator<Item = Setting> {
    group(
        "Address",
        vec![
            Setting::new(
                "listen",
                "ADDRESS",
                "Address and port of the HTTP server.",
                |config, text| {
                    config.listen = values::address(text)?;
                    Ok(())
                },
            )
            .default("127.0.0.1:8080"),
            Setting::new(
                "public_url",
                "URL",
                "Address people type; every link in a mail begins with it. https:// unless all is on this machine.",
                |config, text| {
                    config.public_url = PublicUrl::parse(text)?;
                    Ok(())
                },
            )
            .default_in_words("http:// and the listen address"),
            Setting::new(
                "trusted_proxies",
                "NETWORKS",
                "Addresses or networks of your proxies, separated by commas: only their X-Forwarded-For is believed.",
                |config, text| {
                    config.trusted_proxies = values::networks(text)?;
                    Ok(())
                },
            )
            .default_in_words("none"),
        ],
    )
}

fn storage() -> impl Iterator<Item = Setting> {
    group(
        "Data",
        vec![
            Setting::new("config", "FILE", "TOML file with settings.", |config, text| {
                config.file = Some(PathBuf::from(text));
                Ok(())
            })
            .default_in_words("muster.toml in the data folder, if there is one")
            .never_in_file(),
            Setting::new(
                "data",
                "FOLDER",
                "Folder for the embedded database and the secret key.",
                |config, text| {
                    config.data = PathBuf::from(text);
                    Ok(())
                },
            )
            .default("./data"),
            Setting::new(
                "database",
                "URL",
                "Database: sqlite://path or postgres://user:password@host/name.",
                |config, text| {
                    config.database = Database::parse(text)?;
                    Ok(())
                },
            )
            .default_in_words("SQLite file muster.db in the data folder")
            .secret(),
        ],
    )
}

fn mail() -> impl Iterator<Item = Setting> {
    group(
        "Mail",
        vec![
            Setting::new(
                "smtp_url",
                "URL",
                "Mail server: smtp://user:password@host:587?tls=required (or wrapper, or none).",
                |config, text| {
                    config.smtp = Some(Smtp::parse(text)?);
                    Ok(())
                },
            )
            .default_in_words("none: links are copied by hand")
            .secret(),
            Setting::new(
                "insecure_smtp",
                "BOOL",
                "Allows tls=none with a mail server on another machine.",
                |config, text| {
                    config.insecure_smtp = values::truth(text)?;
                    Ok(())
                },
            )
            .default("false")
            .switch(),
            Setting::new(
                "mail_from",
                "MAILBOX",
                "Sender of every mail; needed as soon as smtp_url is set.",
                |config, text| {
                    config.mail_from = values::mailbox(text)?;
                    Ok(())
                },
            )
            .default_in_words("muster@ and the public host, while there is no smtp_url"),
            Setting::new(
                "mail_reply_to",
                "MAILBOX",
                "Mailbox that answers go to.",
                |config, text| {
                    config.mail_reply_to = Some(values::mailbox(text)?);
                    Ok(())
                },
            )
            .default_in_words("the sender"),
            Setting::new(
                "support_contact",
                "TEXT",
                "Whom people are told to ask, until the enterprise or the organization names somebody.",
                |config, text| {
                    config.support_contact = Some(values::line(text)?);
                    Ok(())
                },
            )
            .default_in_words("none"),
        ],
    )
}

fn security() -> impl Iterator<Item = Setting> {
    group(
        "Security",
        vec![
            Setting::new(
                "secret_key",
                "BASE64",
                "32 random bytes that sessions, invitation links and the audit chain depend on; keep a copy.",
                |config, text| {
                    config.secret_key = Some(key::parse(text)?);
                    Ok(())
                },
            )
            .default_in_words("secret.key in the data folder, made at the first start")
            .secret(),
            Setting::new(
                "password_cost",
                "COST",
                "Work of one password hash: standard (64 MiB) or small (19 MiB, for machines with little memory).",
                |config, text| {
                    config.password_cost = PasswordCost::parse(text)?;
                    Ok(())
                },
            )
            .default("standard"),
            Setting::new(
                "session_idle",
                "TIME",
                "A session ends after this time without a request.",
                |config, text| {
                    config.session_idle = values::time(text, "1m", "7d")?;
                    Ok(())
                },
            )
            .default("60m"),
            Setting::new(
                "session_absolute",
                "TIME",
                "A session ends after this time in any case.",
                |config, text| {
                    config.session_absolute = values::time(text, "5m", "30d")?;
                    Ok(())
                },
            )
            .default("12h"),
            Setting::new(
                "hsts_subdomains",
                "BOOL",
                "Whether browsers must use https for the hosts below the public one too.",
                |config, text| {
                    config.hsts_subdomains = values::truth(text)?;
                    Ok(())
                },
            )
            .default("true")
            .switch(),
            Setting::new(
                "metrics_token",
                "TOKEN",
                "What whoever scrapes /metrics sends as “Authorization: Bearer …”; at least 16 characters.",
                |config, text| {
                    if text.chars().count() < 16 {
                        return Err("Write at least 16 characters.".into());
                    }
                    config.metrics_token = Some(Hidden::new(text.to_owned()));
                    Ok(())
                },
            )
            .default_in_words("none: this machine alone may scrape")
            .secret(),
            Setting::new(
                "rate_limits",
                "ON|OFF",
                "Limits on attempts and requests; off for load tests alone.",
                |config, text| {
                    config.rate_limits = values::truth(text)?;
                    Ok(())
                },
            )
            .default("on"),
            Setting::new(
                "invites_per_minute",
                "NUMBER",
                "Invitations an organization may send in a minute.",
                |config, text| {
                    config.invites_per_minute = values::number(text, 1, 1_000_000)?;
                    Ok(())
                },
            )
            .default("20"),
            Setting::new(
                "invites_per_day",
                "NUMBER",
                "Invitations an organization may send in a day.",
                |config, text| {
                    config.invites_per_day = values::number(text, 1, 1_000_000)?;
                    Ok(())
                },
            )
            .default("500"),
            Setting::new(
                "invites_pending",
                "NUMBER",
                "Invitations of an organization that may wait for an answer at once.",
                |config, text| {
                    config.invites_pending = values::number(text, 1, 1_000_000)?;
                    Ok(())
                },
            )
            .default("10000"),
        ],
    )
}

fn running() -> impl Iterator<Item = Setting> {
    group(
        "Running",
        vec![
            Setting::new("workers", "NUMBER", "Threads that answer requests.", |config, text| {
                config.workers = values::number(text, 1, 512)? as usize;
                Ok(())
            })
            .default_in_words("one for each core"),
            Setting::new(
                "body_timeout",
                "TIME",
                "A request whose body has not arrived after this time is refused.",
                |config, text| {
                    config.body_timeout = values::time(text, "1s", "5m")?;
                    Ok(())
                },
            )
            .default("10s"),
            Setting::new(
                "shutdown_timeout",
                "TIME",
                "Requests in progress get this time to finish when the server stops.",
                |config, text| {
                    config.shutdown_timeout = values::time(text, "0s", "5m")?;
                    Ok(())
                },
            )
            .default("10s"),
            Setting::new(
                "log",
                "FILTER",
                "What is logged: error, warn, info, debug or trace, also by part, as in info,sqlx=warn.",
                |config, text| {
                    config.log = values::log_filter(text)?;
                    Ok(())
                },
            )
            .default("info"),
            Setting::new("log_format", "FORMAT", "Log lines as text or json.", |config, text| {
                config.log_format = LogFormat::parse(text)?;
                Ok(())
            })
            .default("text"),
        ],
    )
}

/// The default of a setting as it is written; empty for a name that is none.
pub fn default_of(name: &str) -> &'static str {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .map_or("", Setting::default_shown)
}

/// The default of a setting that is a time.
pub fn default_time(name: &str) -> Option<std::time::Duration> {
    values::time(default_of(name), "1s", "365d").ok()
}

/// README's table of settings.
pub fn readme_table() -> String {
    let mut table = String::from("| Setting | Flag and environment | Default | What it is for |\n|---|---|---|---|\n");
    for setting in SETTINGS.iter() {
        let key = if setting.in_file {
            format!("`{}`", setting.name)
        } else {
            String::new()
        };
        let default = match setting.default {
            Some(text) => format!("`{text}`"),
            None => setting.default_in_words.to_owned(),
        };
        let mut names = format!("`--{}` `{}`", setting.flag, setting.env);
        if setting.secret {
            let _ = write!(names, " `{}_FILE`", setting.env);
        }
        let _ = writeln!(
            table,
            "| {key} | {names} | {default} | {} |",
            setting.help.replace('|', "\\|")
        );
    }
    table
}
