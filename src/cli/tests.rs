use tempfile::TempDir;

use super::*;

fn help(arguments: &[&str]) -> String {
    parse(arguments).expect_err("help is no command line").to_string()
}

#[test]
fn the_command_line_is_sound() {
    command().debug_assert();
}

#[test]
fn the_version_names_the_sqlite_inside() {
    assert_eq!(help(&["muster", "--version"]), "muster 0.1.0 (SQLite 3.51.3)\n");
}

#[test]
fn the_long_help_shows_each_setting_once_with_its_variable() {
    let long = help(&["muster", "--help"]);
    for setting in crate::config::SETTINGS.iter() {
        assert!(
            long.contains(&format!("[env: {};", setting.env)),
            "{} is missing from {long}",
            setting.env
        );
        assert!(
            long.contains(&format!("\n{}:\n", setting.heading)),
            "{} is no heading",
            setting.heading
        );
    }
    assert!(long.contains("Examples:") && long.contains("Exit codes:"));
    let short = help(&["muster", "-h"]);
    assert!(short.contains("--public-url") && !short.contains("--session-idle") && short.len() < long.len());
    let restore = help(&["muster", "member", "restore", "--help"]);
    assert!(
        restore.contains("--organization <SLUG>") && !restore.contains("--listen"),
        "{restore}"
    );
    assert!(restore.contains("All settings shown by `muster --help`"), "{restore}");
}

#[test]
fn settings_stand_before_or_after_the_command() {
    let lines: [&[&str]; 4] = [
        &["muster", "--workers", "3"],
        &["muster", "--workers", "3", "serve"],
        &["muster", "check", "--workers=3"],
        &[
            "muster",
            "member",
            "restore",
            "ann@example.org",
            "--organization",
            "acme",
            "--reason",
            "x",
            "--workers",
            "3",
        ],
    ];
    for line in lines {
        let cli = parse(line).unwrap();
        assert!(cli.flags.has("workers"), "{line:?}");
        assert!(!cli.flags.has("listen"), "{line:?}");
    }
    assert!(
        parse(["muster", "--insecure-smtp", "check"])
            .unwrap()
            .flags
            .has("insecure_smtp")
    );
    assert!(
        parse(["muster", "--smtp-url-file", "/run/smtp"])
            .unwrap()
            .flags
            .has("smtp_url")
    );
}

#[test]
fn subcommands_take_what_they_need() {
    let cli = parse([
        "muster",
        "demo",
        "--json",
        "--members",
        "1000000",
        "--organizations",
        "1000",
        "--keep",
    ])
    .unwrap();
    let Some(Command::Demo(args)) = cli.command else {
        panic!("{cli:?}")
    };
    assert_eq!(
        (args.json, args.members, args.organizations, args.keep),
        (true, Some(1_000_000), Some(1000), true)
    );
    assert!(parse(["muster"]).unwrap().command.is_none());
    assert!(parse(["muster", "audit", "verify", "--from", "head.json"]).is_ok());
    for line in [
        &["muster", "demo", "--members", "0"][..],
        &[
            "muster",
            "member",
            "restore",
            "ann@example.org",
            "--organization",
            "acme",
        ],
        &["muster", "member", "restore", "ann@example.org", "--reason", "x"],
        &[
            "muster",
            "member",
            "restore",
            "ann@example.org",
            "--organization",
            "acme",
            "--reason",
            " ",
        ],
        &["muster", "--listne", "x"],
    ] {
        assert_eq!(
            parse(line).expect_err("a wrong command line").exit_code(),
            2,
            "{line:?}"
        );
    }
}

#[actix_web::test]
async fn a_wrong_configuration_ends_with_78() {
    for command in ["serve", "check", "demo"] {
        let folder = TempDir::new().unwrap();
        let data = folder.path().to_str().unwrap();
        let cli = parse(["muster", "--data", data, "--workers", "none", command]).unwrap();
        let failure = run(cli).await.unwrap_err();
        assert_eq!(failure.code, 78);
        assert!(
            failure
                .to_string()
                .contains("--workers = \"none\": Write a whole number"),
            "{failure}"
        );
    }
}
