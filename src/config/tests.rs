use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// Loads as the program does, with this environment and a data folder without a file of settings.
fn load_in(data: &Path, flags: Pairs<'_>, environment: Pairs<'_>) -> Result<Config, Problems> {
    let flags = Flags::from_names(flags)?;
    let flags = if environment.iter().any(|(name, _)| *name == "MUSTER_DATA") {
        flags
    } else {
        flags.or("data", data.to_str().unwrap())
    };
    let environment = environment
        .iter()
        .map(|(name, text)| (name.into(), text.into()))
        .collect();
    Config::settle(Gathered::from_all(&flags, environment))
}

fn load(flags: Pairs<'_>, environment: Pairs<'_>) -> Result<Config, Problems> {
    load_in(TempDir::new().unwrap().path(), flags, environment)
}

fn refused(flags: Pairs<'_>, environment: Pairs<'_>) -> String {
    load(flags, environment)
        .expect_err("this should have been refused")
        .to_string()
}

#[test]
fn without_any_source_the_defaults_stand() {
    let config = Config::with(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url.origin(), "http://127.0.0.1:8080");
    assert_eq!(config.data, Path::new("./data"));
    assert_eq!(config.database, Database::Sqlite("./data/muster.db".into()));
    assert_eq!(config.database.url(), "sqlite://./data/muster.db");
    assert!(config.smtp.is_none() && config.trusted_proxies.is_empty() && config.support_contact.is_none());
    assert_eq!(config.mail_from.to_string(), "Muster <muster@localhost>");
    assert_eq!(config.session_idle, Duration::from_hours(1));
    assert_eq!(config.session_absolute, Duration::from_hours(12));
    assert_eq!(config.password_cost.memory_kib(), 65_536);
    assert_eq!(config.body_timeout, Duration::from_secs(10));
    assert_eq!(config.shutdown_timeout, Duration::from_secs(10));
    assert_eq!(
        (
            config.invites_per_minute,
            config.invites_per_day,
            config.invites_pending
        ),
        (20, 500, 10_000)
    );
    assert!(config.rate_limits && config.hsts_subdomains && !config.insecure_smtp);
    assert!(config.workers >= 1);
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.source("listen"), Source::Default);
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("settings.toml");
    fs::write(&file, "workers = 3\nlog = 'warn'\nlog_format = 'json'\n").unwrap();
    let file = file.to_str().unwrap();
    let environment = [
        ("MUSTER_CONFIG", file),
        ("MUSTER_WORKERS", "5"),
        ("MUSTER_LOG", "debug"),
    ];
    let config = load_in(folder.path(), &[("workers", "7")], &environment).unwrap();
    assert_eq!((config.workers, config.source("workers")), (7, Source::Flag));
    assert_eq!(
        (config.log.as_str(), config.source("log")),
        ("debug", Source::Environment)
    );
    assert_eq!(
        (config.log_format, config.source("log_format")),
        (LogFormat::Json, Source::File)
    );
    assert_eq!(
        (config.body_timeout.as_secs(), config.source("body_timeout")),
        (10, Source::Default)
    );
    assert_eq!(config.file.unwrap(), Path::new(file));
}

#[test]
fn the_file_in_the_data_folder_is_found_and_takes_numbers_truths_and_lists() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("muster.toml"),
        "workers = 2\nhsts_subdomains = false\ntrusted_proxies = ['10.1.2.3/8', '::1']\n",
    )
    .unwrap();
    let config = load_in(folder.path(), &[], &[]).unwrap();
    assert_eq!(config.workers, 2);
    assert!(!config.hsts_subdomains);
    assert_eq!(
        config.trusted_proxies,
        ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]
    );
    assert_eq!(config.file.unwrap(), folder.path().join("muster.toml"));

    fs::write(folder.path().join("muster.toml"), "data = '/elsewhere'\n").unwrap();
    let told = load_in(folder.path(), &[], &[]).unwrap_err().to_string();
    assert!(told.contains("found through the data folder"), "{told}");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("settings.toml");
    fs::write(
        &file,
        "public_ulr = 'https://a.example'\nsession_idle = '1 hour'\nlog = { level = 'info' }\nzzz = 1\n",
    )
    .unwrap();
    let environment = [
        ("MUSTER_CONFIG", file.to_str().unwrap()),
        ("MUSTER_LISTEN", "8080"),
        ("MUSTER_WORKERS", "0"),
    ];
    let problems = load_in(folder.path(), &[("mail_from", "nobody")], &environment).unwrap_err();
    let told = problems.to_string();
    for part in [
        "for 7 reasons",
        "--mail-from = \"nobody\": Write a mailbox",
        "MUSTER_LISTEN = \"8080\": Write an IP address and a port",
        "MUSTER_WORKERS = \"0\": Write a whole number from 1 to 512.",
        "is not a setting of Muster. Did you mean public_url?",
        "\"zzz\" in ",
        "session_idle in ",
        "log in ",
    ] {
        assert!(told.contains(part), "{part:?} is missing from {told}");
    }
    assert_eq!(problems.sentences().len(), 7);
    assert!(
        problems
            .sentences()
            .iter()
            .all(|sentence| sentence.ends_with(['.', '?'])),
        "{told}"
    );
}

#[test]
fn unknown_variables_are_warnings_and_empty_ones_count_as_not_set() {
    let environment = [
        ("MUSTER_PUBLICURL", "x"),
        ("MUSTER_QWERTZ", "x"),
        ("MUSTER_WORKERS", " "),
        ("HOME", "/x"),
    ];
    let config = load(&[], &environment).unwrap();
    assert_eq!(
        config.warnings,
        [
            "MUSTER_PUBLICURL is not a setting of Muster. Did you mean MUSTER_PUBLIC_URL?",
            "MUSTER_QWERTZ is not a setting of Muster."
        ]
    );
    assert_eq!(config.source("workers"), Source::Default);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let environment = vec![("MUSTER_LOG".into(), std::ffi::OsString::from_vec(vec![0xff]))];
    let problems = Config::settle(Gathered::from_all(&Flags::default(), environment)).unwrap_err();
    assert_eq!(
        problems.sentences(),
        ["MUSTER_LOG: The value is not UTF-8. Write it in UTF-8."]
    );
}

#[test]
fn a_secret_can_come_from_a_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("smtp");
    fs::write(&path, "smtp://ann:hunter2@mail.example.org\n").unwrap();
    let path = path.to_str().unwrap();
    let from = ("MUSTER_MAIL_FROM", "Muster <muster@example.org>");
    let config = load(&[], &[("MUSTER_SMTP_URL_FILE", path), from]).unwrap();
    assert_eq!(config.smtp.unwrap().password.unwrap().expose(), "hunter2");

    let file = folder.path().join("settings.toml");
    fs::write(&file, format!("smtp_url_file = {path:?}\n")).unwrap();
    let config = load(&[("config", file.to_str().unwrap())], &[from]).unwrap();
    assert_eq!(config.smtp.unwrap().user.unwrap(), "ann");

    let told = refused(
        &[],
        &[
            ("MUSTER_SMTP_URL_FILE", path),
            ("MUSTER_SMTP_URL", "smtp://localhost"),
            from,
        ],
    );
    assert!(
        told.contains("MUSTER_SMTP_URL and MUSTER_SMTP_URL_FILE are both set."),
        "{told}"
    );
    let told = refused(&[], &[("MUSTER_SECRET_KEY_FILE", "/nowhere/key")]);
    assert!(
        told.contains("MUSTER_SECRET_KEY_FILE: The file /nowhere/key cannot be read"),
        "{told}"
    );
    // Only what may be secret has such a variable.
    let config = load(&[], &[("MUSTER_LOG_FILE", path)]).unwrap();
    assert!(
        config.warnings[0].starts_with("MUSTER_LOG_FILE is not a setting"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn no_message_shows_a_secret() {
    let key = data_encoding::BASE64.encode(b"0123456789abcdefghijklmnopqrstuv");
    let config = load(
        &[("mail_from", "muster@example.org")],
        &[
            ("MUSTER_SMTP_URL", "smtp://ann:hunter2@mail.example.org"),
            ("MUSTER_DATABASE", "postgres://bob:hunter2@db.example.org/muster"),
            ("MUSTER_SECRET_KEY", &key),
        ],
    )
    .unwrap();
    let shown = format!("{config:?} {:#?} {}", config, config.database);
    assert!(
        !shown.contains("hunter2") && !shown.contains("48, 49, 50") && !shown.contains(&key),
        "{shown}"
    );
    assert!(shown.contains("postgres://bob:***@db.example.org/muster"), "{shown}");
    assert_eq!(config.database.url(), "postgres://bob:hunter2@db.example.org/muster");

    let told = refused(
        &[],
        &[
            ("MUSTER_SMTP_URL", "smtp://ann:hunter2#x@mail.example.org"),
            ("MUSTER_DATABASE", "postgres://:hunter2@host/"),
            ("MUSTER_SECRET_KEY", "hunter2"),
        ],
    );
    assert!(told.contains("for 3 reasons") && !told.contains("hunter2"), "{told}");

    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("muster.toml"),
        "log = 'info'\nsmtp_url = 'smtp://ann:hunter2@host\n",
    )
    .unwrap();
    let told = load_in(folder.path(), &[], &[]).unwrap_err().to_string();
    assert!(
        told.contains("mistake in line 2") && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn a_password_on_the_command_line_is_warned_about() {
    let flags = [
        ("smtp_url", "smtp://ann:hunter2@mail.example.org"),
        ("mail_from", "muster@example.org"),
    ];
    let config = load(&flags, &[]).unwrap();
    assert!(
        config.warnings[0].starts_with("The password in --smtp-url can be read"),
        "{:?}",
        config.warnings
    );
    let config = load(
        &[
            ("smtp_url", "smtp://localhost?tls=none"),
            ("mail_from", "muster@example.org"),
        ],
        &[],
    )
    .unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn plain_http_stays_on_this_machine() {
    let https = "https://muster.example.org";
    for (listen, public, allowed) in [
        ("127.0.0.1:8080", "", true),
        ("[::1]:8080", "", true),
        ("localhost:8080", "http://localhost:8080", true),
        ("127.0.0.1:8080", "http://portal.localhost", true),
        ("127.0.0.1:8080", https, true),
        ("0.0.0.0:8080", https, true),
        ("[::]:8080", https, true),
        ("0.0.0.0:8080", "", false),
        ("0.0.0.0:8080", "http://localhost:8080", false),
        ("192.168.1.5:8080", "http://muster.example.org", false),
        ("127.0.0.1:8080", "http://muster.example.org", false),
        ("127.0.0.1:8080", "http://10.0.0.1", false),
        ("127.0.0.1:8080", "http://localhost.example.org", false),
    ] {
        let outcome = load(&[], &[("MUSTER_LISTEN", listen), ("MUSTER_PUBLIC_URL", public)]);
        assert_eq!(outcome.is_ok(), allowed, "{listen} {public}: {outcome:?}");
        if let Err(problems) = outcome {
            assert_eq!(problems.sentences().len(), 1);
            assert!(
                problems.to_string().contains("public_url to "),
                "it says what to do: {problems}"
            );
        }
    }
}

#[test]
fn the_public_url_is_an_origin_and_builds_links() {
    for (text, origin) in [
        ("https://Muster.Example.ORG", "https://muster.example.org"),
        ("https://muster.example.org:443/", "https://muster.example.org"),
        ("https://muster.example.org:8443", "https://muster.example.org:8443"),
        ("https://müller.example", "https://xn--mller-kva.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        let url = PublicUrl::parse(text).unwrap();
        assert_eq!(url.origin(), origin);
        assert_eq!(url.link("/i/abc"), format!("{origin}/i/abc"));
    }
    for text in [
        "muster.example.org",
        "ftp://muster.example.org",
        "https://",
        "https://a@muster.example.org",
        "https://muster.example.org/portal",
        "https://muster.example.org/?a",
        "https://muster.example.org/#a",
        "javascript:alert(1)",
    ] {
        assert!(PublicUrl::parse(text).is_err(), "{text} was accepted");
    }
}

#[test]
fn the_bound_port_replaces_port_zero() {
    let mut config = Config::with(&[("listen", "127.0.0.1:0")]).unwrap();
    config.bound("127.0.0.1:4711".parse().unwrap());
    assert_eq!(config.public_url.origin(), "http://127.0.0.1:4711");
    let mut config = Config::with(&[("listen", "127.0.0.1:0"), ("public_url", "https://a.example")]).unwrap();
    config.bound("127.0.0.1:4711".parse().unwrap());
    assert_eq!(
        (config.public_url.origin().as_str(), config.listen.port()),
        ("https://a.example", 4711)
    );
}

#[test]
fn smtp_urls() {
    type Login = Option<(&'static str, &'static str)>;
    let cases: &[(&str, &str, u16, Login, Tls)] = &[
        ("smtp://mail.example.org", "mail.example.org", 587, None, Tls::Required),
        ("smtp://mail.example.org/", "mail.example.org", 587, None, Tls::Required),
        (
            "smtp://u:p@mail.example.org:2525?tls=required",
            "mail.example.org",
            2525,
            Some(("u", "p")),
            Tls::Required,
        ),
        (
            "smtp://u:p@mail.example.org?tls=wrapper",
            "mail.example.org",
            465,
            Some(("u", "p")),
            Tls::Wrapper,
        ),
        (
            "smtps://u:p@mail.example.org",
            "mail.example.org",
            465,
            Some(("u", "p")),
            Tls::Wrapper,
        ),
        (
            "smtps://mail.example.org?tls=wrapper",
            "mail.example.org",
            465,
            None,
            Tls::Wrapper,
        ),
        ("smtp://localhost?tls=none", "localhost", 25, None, Tls::None),
        ("smtp://127.0.0.1:1025?tls=none", "127.0.0.1", 1025, None, Tls::None),
        ("smtp://[::1]:1025?tls=none", "::1", 1025, None, Tls::None),
        (
            "smtp://ann%40example.org:p%23%2F%3F%25%3A@h.example",
            "h.example",
            587,
            Some(("ann@example.org", "p#/?%:")),
            Tls::Required,
        ),
        (
            "smtp://ann@example.org:pw@h.example",
            "h.example",
            587,
            Some(("ann@example.org", "pw")),
            Tls::Required,
        ),
        (
            "smtp://u:a+b@h.example",
            "h.example",
            587,
            Some(("u", "a+b")),
            Tls::Required,
        ),
        (
            "smtp://u:p%C3%A4ss@h.example",
            "h.example",
            587,
            Some(("u", "päss")),
            Tls::Required,
        ),
        (
            "smtp://MÜLLER.example",
            "xn--mller-kva.example",
            587,
            None,
            Tls::Required,
        ),
    ];
    for (text, host, port, login, tls) in cases {
        let smtp = Smtp::parse(text).unwrap_or_else(|sentence| panic!("{text}: {sentence}"));
        let got = smtp
            .user
            .as_deref()
            .zip(smtp.password.as_ref().map(|password| password.expose().as_str()));
        assert_eq!(
            (smtp.host.as_str(), smtp.port, got, smtp.tls),
            (*host, *port, *login, *tls),
            "{text}"
        );
    }
    for (text, part) in [
        ("mail.example.org:587", "does not begin with smtp://"),
        ("http://mail.example.org", "does not begin with smtp://"),
        ("smtp://", "The host is missing"),
        ("smtp://:25", "not a mail server's address"),
        ("smtp://host:99999", "The port"),
        ("smtp://host:0", "The port"),
        ("smtp://u:p#w@host", "The port"),
        ("smtp://u:1#w@host", "does not belong there"),
        ("smtp://u:p/w@host", "The port"),
        ("smtp://host/inbox", "does not belong there"),
        ("smtp://u@host", "a user but no password"),
        ("smtp://:p@host", "a password but no user"),
        ("smtp://u:100%@host", "not percent-encoded"),
        ("smtp://u:%ff@host", "not percent-encoded"),
        ("smtp://u:a%0d%0aRSET@host", "not percent-encoded"),
        ("smtp://host?tls=maybe", "Write tls=required"),
        ("smtp://host?tls=none&tls=required", "twice"),
        ("smtp://host?starttls=1", "Only ?tls="),
        ("smtps://host?tls=none", "always means tls=wrapper"),
        ("smtp://exa mple", "not a mail server's address"),
        ("smtp://exa%0ample", "The host is neither"),
    ] {
        let told = Smtp::parse(text).expect_err(text);
        assert!(told.contains(part), "{text}: {told}");
    }
}

#[test]
fn mail_in_the_clear_needs_a_server_on_this_machine_or_a_word() {
    let from = ("MUSTER_MAIL_FROM", "muster@example.org");
    let clear = ("MUSTER_SMTP_URL", "smtp://mail.example.org?tls=none");
    let told = refused(&[], &[clear, from]);
    assert!(
        told.contains("mail.example.org is another machine") && told.contains("insecure_smtp = true"),
        "{told}"
    );
    let config = load(&[], &[clear, from, ("MUSTER_INSECURE_SMTP", "true")]).unwrap();
    assert_eq!(config.warnings.len(), 1);
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let url = format!("smtp://{host}:1025?tls=none");
        assert!(
            load(&[], &[("MUSTER_SMTP_URL", &url), from])
                .unwrap()
                .warnings
                .is_empty()
        );
    }
    let told = refused(&[], &[("MUSTER_SMTP_URL", "smtp://mail.example.org")]);
    assert!(told.contains("mail_from is missing"), "{told}");
}

#[test]
fn database_urls() {
    for (text, file, url) in [
        (
            "sqlite:///var/lib/muster/muster.db",
            "/var/lib/muster/muster.db",
            "sqlite:///var/lib/muster/muster.db",
        ),
        ("sqlite://here.db", "here.db", "sqlite://here.db"),
        ("sqlite:here.db", "here.db", "sqlite://here.db"),
        ("sqlite:///a%20b%3F%25.db", "/a b?%.db", "sqlite:///a b%3F%25.db"),
    ] {
        let database = Database::parse(text).unwrap();
        assert_eq!(database.file().unwrap(), Path::new(file));
        assert_eq!(database.url(), url);
    }
    assert!(
        Database::parse("postgresql://bob@host:5433/muster?sslmode=require")
            .unwrap()
            .file()
            .is_none()
    );
    assert!(Database::parse("postgres:///muster?host=/run/postgresql&user=bob").is_ok());
    for (text, part) in [
        ("mysql://bob@host/muster", "Write sqlite://"),
        ("muster.db", "Write sqlite://"),
        ("sqlite://", "the path of a file"),
        ("sqlite::memory:", "the path of a file"),
        ("sqlite://a.db?mode=ro", "from the ? on"),
        ("postgres://host/muster", "The user is missing"),
        ("postgres://bob@host", "The name of the database"),
        ("postgres://bob@host/muster?password=x", "before the @"),
        ("postgres://bob:x#y@host/muster", "not a database address"),
        ("postgres://bob@host/muster#x", "as %23"),
    ] {
        let told = Database::parse(text).expect_err(text);
        assert!(told.contains(part), "{text}: {told}");
    }
}

#[test]
fn single_values() {
    for (name, good, bad) in [
        (
            "listen",
            &["[::1]:1", "127.1.2.3:65535", "localhost:80"][..],
            &["8080", "127.0.0.1", "a:1", "1.2.3.4:99999"][..],
        ),
        (
            "session_idle",
            &["60s", "1m", "12h"],
            &[
                "59s",
                "8d",
                "1",
                "h",
                "-1m",
                "+5m",
                "1.5h",
                "1ｍ",
                "99999999999999999999d",
            ],
        ),
        ("session_absolute", &["1h", "30d"], &["31d", "4m", "59m"]),
        ("shutdown_timeout", &["0s", "5m"], &["301s", ""]),
        ("workers", &["1", "512"], &["0", "513", "-1", "two", ""]),
        ("invites_pending", &["1", "1000000"], &["0", "1000001"]),
        ("insecure_smtp", &["true", "OFF", "1", "no"], &["maybe", ""]),
        ("rate_limits", &["on", "off"], &["none"]),
        ("password_cost", &["standard", "small"], &["tiny", "Standard"]),
        ("log_format", &["text", "json"], &["xml"]),
        ("log", &["debug", "info,sqlx=warn", "off"], &["info,sqlx=loud"]),
        (
            "mail_from",
            &["a@example.org", "Ann <a@example.org>"],
            &["Ann", "a@b@c", "a@example.org\r\nBcc: b@example.org"],
        ),
        ("mail_reply_to", &["a@example.org"], &["<>"]),
        (
            "trusted_proxies",
            &["", "10.0.0.0/8, ::1", "127.0.0.1"],
            &["10.0.0.0/33", "proxy.example.org"],
        ),
        ("support_contact", &["support@example.org", "Call 112"], &["", "a\nb"]),
    ] {
        for text in good {
            Config::with(&[(name, text)]).unwrap_or_else(|problems| panic!("{name} = {text:?}: {problems}"));
        }
        for text in bad {
            assert!(Config::with(&[(name, text)]).is_err(), "{name} = {text:?} was accepted");
        }
    }
    assert!(Config::with(&[("invites_per_minute", "501")]).is_err());
    assert_eq!(Config::with(&[("rate_limits", "off")]).unwrap().warnings.len(), 1);
    assert_eq!(
        Config::with(&[("trusted_proxies", "0.0.0.0/0")])
            .unwrap()
            .warnings
            .len(),
        1
    );
    assert!(Config::with(&[("no_such_setting", "x")]).is_err());
}

#[test]
fn the_key_is_made_once_for_this_user_alone() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let config = Config::with(&[("data", data.to_str().unwrap())]).unwrap();
    assert!(config.find_master_key().unwrap().is_none());
    assert!(!data.exists(), "looking for the key makes nothing");
    let keys: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| config.master_key().unwrap())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(
        keys.windows(2).all(|two| two[0] == two[1]),
        "all use the key of the first"
    );
    assert!(config.find_master_key().unwrap().unwrap() == keys[0]);
    let names: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["secret.key"], "no draft is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(data.join("secret.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The same text serves as a configured key.
    let text = fs::read_to_string(data.join("secret.key")).unwrap();
    let other = Config::with(&[("secret_key", text.trim())]).unwrap();
    assert!(other.master_key().unwrap() == keys[0]);
}

#[test]
fn a_lost_or_damaged_key_is_not_replaced() {
    let folder = TempDir::new().unwrap();
    let config = Config::with(&[("data", folder.path().to_str().unwrap())]).unwrap();
    fs::write(folder.path().join("muster.db"), "SQLite format 3\0").unwrap();
    let told = config.master_key().unwrap_err();
    assert!(told.contains("its key") && told.contains("is missing"), "{told}");
    assert!(!folder.path().join("secret.key").exists());
    fs::write(folder.path().join("secret.key"), "c2hvcnQ=\n").unwrap();
    let told = config.master_key().unwrap_err();
    assert!(told.contains("is damaged: This has 5 bytes instead of 32."), "{told}");
    assert_eq!(
        fs::read_to_string(folder.path().join("secret.key")).unwrap(),
        "c2hvcnQ=\n"
    );
}

#[test]
fn a_configured_key_is_32_bytes_of_base64() {
    let bytes: Vec<u8> = (224..=255).collect();
    for encoding in [
        data_encoding::BASE64,
        data_encoding::BASE64URL,
        data_encoding::BASE64URL_NOPAD,
    ] {
        assert_eq!(key::parse(&encoding.encode(&bytes)).unwrap().expose().as_slice(), bytes);
    }
    for text in [
        "",
        "hello!",
        &data_encoding::BASE64.encode(&[1; 31]),
        &data_encoding::BASE64.encode(&[0; 32]),
    ] {
        assert!(key::parse(text).is_err(), "{text:?} was accepted");
    }
}

#[test]
fn the_list_is_complete_and_in_order() {
    for setting in SETTINGS.iter() {
        assert!(
            setting.help.ends_with(['.', ')']) && !setting.help.contains('\n'),
            "{}",
            setting.name
        );
        assert!(
            !setting.heading.is_empty() && !setting.value.is_empty(),
            "{}",
            setting.name
        );
        assert!(
            !setting.default_shown().is_empty(),
            "{} says nothing about its default",
            setting.name
        );
        if let Some(text) = setting.default {
            let mut config = Config::blank().unwrap();
            (setting.set)(&mut config, text).unwrap_or_else(|sentence| panic!("{}: {sentence}", setting.name));
        }
    }
    let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), SETTINGS.len());
}

#[test]
fn readme_lists_the_settings() {
    const BEGIN: &str = "by MUSTER_BLESS=1 cargo test readme -->\n";
    const END: &str = "<!-- /settings -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (head, rest) = readme
        .split_once(BEGIN)
        .expect("README has lost the begin of its table");
    let (table, tail) = rest.split_once(END).expect("README has lost the end of its table");
    let wanted = readme_table();
    let bless = sources::environment()
        .iter()
        .any(|(name, text)| name == "MUSTER_BLESS" && text == "1");
    if bless {
        fs::write(&path, format!("{head}{BEGIN}{wanted}{END}{tail}")).unwrap();
    } else {
        assert_eq!(table, wanted, "make it new with MUSTER_BLESS=1 cargo test readme");
    }
}
