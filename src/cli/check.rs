//! `muster check`: tries everything a start needs and tells all that is wrong, without changing anything that lasts.
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as LettreTls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use tokio::time::timeout;

use super::{Failure, VERSION};
use crate::config::{Config, Database, Problems, Smtp, Tls};

/// What one part of the check found: a sentence either way.
type Finding = Result<String, String>;

const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn run(loaded: Result<Config, Problems>) -> Result<(), Failure> {
    let config = loaded?;
    let (report, failed) = report(&config, PATIENCE).await;
    // Who closed the pipe has read enough; the exit code still tells the rest.
    let _ = io::stdout().write_all(report.as_bytes());
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new("One part of the check failed.")),
        many => Err(Failure::new(format!("{many} parts of the check failed."))),
    }
}

/// What was found, a line a part, and how many parts failed.
async fn report(config: &Config, patience: Duration) -> (String, usize) {
    let mut report = format!("Muster {}\n", VERSION.as_str());
    for warning in &config.warnings {
        let _ = writeln!(report, "  note  {warning}");
    }
    let findings = [
        ("settings", Ok(settings(config))),
        ("data folder", data_folder(&config.data)),
        ("secret key", secret_key(config)),
        ("database", database(config, patience).await),
        ("mail server", mail_server(config.smtp.as_ref(), patience).await),
    ];
    let mut failed = 0;
    for (part, finding) in findings {
        let (mark, sentence) = match finding {
            Ok(sentence) => ("ok  ", sentence),
            Err(sentence) => {
                failed += 1;
                ("FAIL", sentence)
            }
        };
        let _ = writeln!(report, "  {mark}  {part}: {sentence}");
    }
    (report, failed)
}

fn settings(config: &Config) -> String {
    match &config.file {
        Some(file) => format!("All are sound; {} was read.", file.display()),
        None => "All are sound; no TOML file was read.".to_owned(),
    }
}

fn secret_key(config: &Config) -> Finding {
    Ok(match config.find_master_key()? {
        Some(_) => "It is there.".into(),
        None => "It will be made at the first start; keep a copy of it with your backups.".into(),
    })
}

fn data_folder(data: &Path) -> Finding {
    let shown = data.display();
    if !data.exists() {
        // What counts is whether the start could make it: the nearest folder above that exists decides.
        let above = data
            .ancestors()
            .skip(1)
            .find(|folder| folder.as_os_str().is_empty() || folder.exists());
        let above = above
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        return probe(above)
            .map(|()| format!("{shown} will be made at the first start."))
            .map_err(|error| format!("{shown} is not there and cannot be made: {error}. Make it, or set data."));
    }
    probe(data)
        .map(|()| format!("{shown} can be written to."))
        .map_err(|error| format!("{shown} cannot be written to: {error}. Give this user the right to, or set data."))
}

fn probe(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".muster-check-{}", std::process::id()));
    fs::OpenOptions::new().write(true).create_new(true).open(&file)?;
    fs::remove_file(&file)
}

/// Whether the database can be opened, is whole, and has tables that this program knows.
async fn database(config: &Config, patience: Duration) -> Finding {
    match &config.database {
        Database::Sqlite(path) => crate::db::inspect(path).await,
        server @ Database::Postgres(_) => postgres(server, patience).await,
    }
}

async fn postgres(database: &Database, patience: Duration) -> Finding {
    use sqlx::Connection as _;
    let opened = timeout(patience, sqlx::PgConnection::connect(&database.url())).await;
    match opened {
        Ok(Ok(connection)) => {
            // The answer is known; how the connection ends does not change it.
            let _ = connection.close().await;
            Ok(format!("{database} answers."))
        }
        Ok(Err(error)) => Err(format!("{database} refuses: {error}.")),
        Err(_) => Err(format!(
            "{database} did not answer within {} seconds.",
            patience.as_secs_f32()
        )),
    }
}

/// Connects as a mail would, with encryption and sign-in, and sends nothing.
async fn mail_server(smtp: Option<&Smtp>, patience: Duration) -> Finding {
    let Some(smtp) = smtp else {
        return Ok("None is set, so invitation links are copied by hand.".into());
    };
    let server = format!("{}:{}", smtp.host, smtp.port);
    let transport = transport(smtp).map_err(|error| format!("{server}: {}.", chain(&error)))?;
    // lettre's own timeout covers less than the whole conversation.
    match timeout(patience, transport.test_connection()).await {
        Ok(Ok(true)) => Ok(format!(
            "{server} answers{}.",
            if smtp.user.is_some() {
                " and accepts the sign-in"
            } else {
                ""
            }
        )),
        Ok(Ok(false)) => Err(format!("{server} greets, then does not answer.")),
        Ok(Err(error)) => Err(format!("{server} cannot be used: {}.", chain(&error))),
        Err(_) => Err(format!(
            "{server} did not answer within {} seconds.",
            patience.as_secs_f32()
        )),
    }
}

fn transport(smtp: &Smtp) -> Result<AsyncSmtpTransport<Tokio1Executor>, lettre::transport::smtp::Error> {
    let tls = match smtp.tls {
        Tls::Required => LettreTls::Required(TlsParameters::new(smtp.host.clone())?),
        Tls::Wrapper => LettreTls::Wrapper(TlsParameters::new(smtp.host.clone())?),
        Tls::None => LettreTls::None,
    };
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls);
    Ok(match (&smtp.user, &smtp.password) {
        (Some(user), Some(password)) => builder.credentials(Credentials::new(user.clone(), password.expose().clone())),
        _ => builder,
    }
    .build())
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(400);

    fn config(data: &Path, more: &[(&str, &str)]) -> Config {
        let mut values = vec![("data", data.to_str().unwrap()), ("mail_from", "muster@example.org")];
        values.extend(more);
        Config::with(&values).unwrap()
    }

    /// A mail server that answers each command by the first letters of it, or not at all.
    async fn server(answers: &'static [(&'static str, &'static str)]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        actix_web::rt::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            loop {
                let answer = answers.iter().find(|(begin, _)| line.starts_with(begin));
                if let Some((_, answer)) = answer {
                    stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
                }
                line.clear();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
            }
        });
        port
    }

    const FRIENDLY: &[(&str, &str)] = &[
        ("EHLO", "250-mail.example.org\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n"),
        ("AUTH PLAIN AGFubgBodW50ZXIy", "235 2.7.0 welcome\r\n"),
        ("AUTH", "535 5.7.8 who are you\r\n"),
        ("NOOP", "250 2.0.0 here\r\n"),
        ("QUIT", "221 2.0.0 bye\r\n"),
        ("", "220 mail.example.org ESMTP\r\n"),
    ];

    async fn tried(url: &str) -> Finding {
        let config = Config::with(&[("smtp_url", url), ("mail_from", "muster@example.org")]).unwrap();
        mail_server(config.smtp.as_ref(), SHORT).await
    }

    #[actix_web::test]
    async fn a_mail_server_is_greeted_and_signed_in_to() {
        let port = server(FRIENDLY).await;
        let found = tried(&format!("smtp://ann:hunter2@127.0.0.1:{port}?tls=none"))
            .await
            .unwrap();
        assert_eq!(found, format!("127.0.0.1:{port} answers and accepts the sign-in."));

        let port = server(FRIENDLY).await;
        let told = tried(&format!("smtp://ann:wrong@127.0.0.1:{port}?tls=none"))
            .await
            .unwrap_err();
        assert!(told.contains("who are you") && !told.contains("wrong"), "{told}");
    }

    #[actix_web::test]
    async fn a_mail_server_without_starttls_is_refused_unless_told_otherwise() {
        let port = server(FRIENDLY).await;
        let told = tried(&format!("smtp://127.0.0.1:{port}")).await.unwrap_err();
        assert!(told.contains("cannot be used") && told.contains("STARTTLS"), "{told}");
        let port = server(FRIENDLY).await;
        assert!(tried(&format!("smtp://127.0.0.1:{port}?tls=none")).await.is_ok());
    }

    #[actix_web::test]
    async fn a_mail_server_that_hangs_or_is_not_there_is_named() {
        let port = server(&[]).await;
        let told = tried(&format!("smtp://127.0.0.1:{port}?tls=none")).await.unwrap_err();
        assert!(told.contains("did not answer within 0.4 seconds"), "{told}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let told = tried(&format!("smtp://127.0.0.1:{port}?tls=none")).await.unwrap_err();
        assert!(
            told.contains(&format!("127.0.0.1:{port} cannot be used")) && told.contains("refused"),
            "{told}"
        );
    }

    #[actix_web::test]
    async fn a_fresh_machine_passes_and_nothing_is_left_behind() {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("a/b");
        let (report, failed) = report(&config(&data, &[]), SHORT).await;
        assert_eq!(failed, 0, "{report}");
        assert!(report.starts_with("Muster 0.1.0 (SQLite 3.51.3)\n"), "{report}");
        assert!(report.contains("will be made at the first start"), "{report}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[actix_web::test]
    async fn each_part_that_fails_is_told() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("muster.db"), "this is no database").unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let (text, failed) = report(&config(folder.path(), &[]), SHORT).await;
        assert_eq!(failed, 2, "{text}");
        assert!(
            text.contains("FAIL  database:") && text.contains("FAIL  secret key:"),
            "{text}"
        );
        // A file where a folder should be stops root too, which a folder without rights does not.
        let told = data_folder(&folder.path().join("file/below")).unwrap_err();
        assert!(told.contains("cannot be made"), "{told}");
        assert!(data_folder(&folder.path().join("file")).is_err());
        let (text, _) = report(
            &config(folder.path(), &[("database", "postgres://bob:hunter2@127.0.0.1:1/x")]),
            SHORT,
        )
        .await;
        assert!(
            text.contains("FAIL  database: postgres://bob:***@127.0.0.1:1/x refuses"),
            "{text}"
        );
    }
}
