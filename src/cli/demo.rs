//! `muster demo`: a portal filled with invented people, in a data folder of its own.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, serve};
use crate::app::App;
use crate::config::{self, Config, Database, Flags};
use crate::demo::{
    PASSWORD, SignIn,
    crowd::{self, Size, Step},
    history,
};
use crate::error::Error;
use crate::telemetry;

/// What the operator may say about the demonstration.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Print the address and the sign-ins as one line of JSON once the portal listens.
    #[arg(long)]
    pub json: bool,
    /// How many members to invent, instead of the 33 of the small enterprise.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub members: Option<u32>,
    /// How many organizations to spread them over, instead of 13.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub organizations: Option<u32>,
    /// Keep the data folder when the demonstration ends; it goes away otherwise.
    #[arg(long)]
    pub keep: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Announcement<'a> {
    url: &'a str,
    accounts: &'a [SignIn],
}

/// A data folder that is removed when the demonstration ends, unless the operator wants to keep it.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn make(keep: bool) -> Result<Self, Failure> {
        let path = config::temporary_folder().join(format!("muster-demo-{}", std::process::id()));
        make_private(&path)
            .map_err(|error| Failure::new(format!("The folder {} cannot be made: {error}.", path.display())))?;
        Ok(Self { path, keep })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("The demonstration's data is kept in {}.", self.path.display());
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("The folder {} could not be removed: {error}.", self.path.display());
        }
    }
}

/// Makes a folder that must not be there yet: in a shared temporary folder somebody else may have put one there.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Reads the settings and hands over to [`run`]. A folder named by `--data` is never removed.
pub(super) async fn start(flags: Flags, args: Args) -> Result<(), Failure> {
    let folder = if flags.has("data") {
        None
    } else {
        Some(Folder::make(args.keep)?)
    };
    let flags = match &folder {
        Some(folder) => flags.or("data", folder.path.to_string_lossy()),
        None => flags,
    };
    let config = apart(Config::load(&flags)?, &flags)?;
    telemetry::init(&config);
    run(config, args).await
}

/// Keeps the demonstration away from the real portal, whose settings may stand in the same environment: only flags
/// choose a database or a mail server for it, and a folder that has a database already is left alone.
fn apart(mut config: Config, flags: &Flags) -> Result<Config, Failure> {
    if !flags.has("database") {
        config.database = Database::Sqlite(config.data.join("muster.db"));
    }
    if !flags.has("smtp_url") {
        config.smtp = None;
    }
    match config.database.file() {
        Some(file) if file.exists() => Err(Failure::new(format!(
            "{} is there already, and a demonstration begins with a fresh folder. \
             Name another one with --data, or see what is in this one with `muster --data {}`.",
            file.display(),
            config.data.display()
        ))),
        _ => Ok(config),
    }
}

/// Fills the data folder with the invented enterprise and serves it until the process is told to stop.
pub async fn run(config: Config, args: Args) -> Result<(), Failure> {
    let (mut app, listener) = serve::prepare(config).await?;
    if app.setup.is_none() {
        return Err(Failure::new(
            "This database is in use already, and a demonstration begins with an empty one. Name another one with --database.",
        ));
    }
    let sign_ins = tokio::select! {
        filled = fill(&app, &args) => filled?,
        () = told_to_stop() => {
            return Err(Failure::new("Stopped before the demonstration was ready."));
        }
    };
    if let Some(app) = Arc::get_mut(&mut app) {
        app.setup = None; // the enterprise is there now
    }
    serve::serve(app, listener, |app| {
        let url = app.settings.public_url.as_str().trim_end_matches('/');
        if args.json {
            let announcement = Announcement {
                url,
                accounts: &sign_ins,
            };
            // Two fields of text always become JSON.
            println!("{}", serde_json::to_string(&announcement).unwrap_or_default());
        } else {
            println!("{}", welcome(url, &sign_ins));
        }
    })
    .await
}

/// Invents the people, with a bar on standard error where there are many.
async fn fill(app: &App, args: &Args) -> Result<Vec<SignIn>, Failure> {
    // A hash is slow on purpose; everyone has the same.
    let hash = app.hasher.hash(PASSWORD).await.map_err(Error::from)?;
    let now = app.clock.now();
    if args.members.is_none() && args.organizations.is_none() {
        return Ok(history::fill(&app.db, &app.keys, &hash, now).await?);
    }
    let size = Size {
        members: args.members.unwrap_or(33),
        organizations: args.organizations.unwrap_or(13),
    };
    let bar = ProgressBar::new(u64::from(size.members)).with_style(bar_style());
    bar.enable_steady_tick(Duration::from_millis(200));
    let sign_ins = crowd::fill(&app.db, &app.keys, size, &hash, now, |step| {
        bar.inc(match step {
            Step::Arrived(count) => count as u64,
            Step::Analyzing => {
                bar.set_message("looking at the tables once more");
                0
            }
        });
    })
    .await?;
    bar.finish_and_clear();
    eprintln!(
        "{} members in {} organizations, made in {:.0?}.",
        size.members,
        size.organizations,
        bar.elapsed()
    );
    Ok(sign_ins)
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} members, {eta} left {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Ends when the process is told to stop; without signals it never does.
async fn told_to_stop() {
    let signals = || -> std::io::Result<_> { Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)) };
    match signals() {
        Ok((mut terminate, mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        Err(_) => std::future::pending().await,
    }
}

/// The address and the sign-ins as a person reads them.
fn welcome(url: &str, sign_ins: &[SignIn]) -> String {
    const HEADS: [&str; 5] = ["Name", "E-mail", "Role", "Organization", "Password"];
    let rows: Vec<[&str; 5]> = sign_ins
        .iter()
        .map(|one| [one.name.as_str(), &one.email, one.role, &one.organization, one.password])
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column]).chain([HEADS[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |cells: &[&str; 5]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let rules: [&str; 5] = std::array::from_fn(|column| rules[column].as_str());
    let table: Vec<String> = [&HEADS, &rules].into_iter().chain(&rows).map(line).collect();
    format!(
        "\nMuster’s demonstration listens on {url}\nSign in as one of these people:\n\n{}\n\nCtrl-C ends it.",
        table.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_welcome_is_a_table_that_lines_up() {
        let one = |name: &str, role| SignIn {
            name: name.to_owned(),
            email: "a@b.example".to_owned(),
            password: PASSWORD,
            role,
            organization: "Kestrel Robotics".to_owned(),
        };
        let text = welcome(
            "http://127.0.0.1:8080",
            &[one("Søren Kjærgaard", "Viewer"), one("Ann", "Org Admin")],
        );
        assert!(text.contains("listens on http://127.0.0.1:8080\n"), "{text}");
        let places: Vec<usize> = text
            .lines()
            .filter(|line| line.contains("@b.example"))
            .map(|line| line.chars().position(|c| c == '@').unwrap())
            .collect();
        assert_eq!(places.len(), 2);
        assert_eq!(places[0], places[1], "{text}");
    }

    #[test]
    fn the_demonstration_stays_away_from_the_real_portal() {
        let data = TempDir::new().unwrap();
        let real = Config::with(&[
            ("data", data.path().to_str().unwrap()),
            ("database", "postgres://bob:x@db.example.org/real"),
            ("smtp_url", "smtp://mail.example.org"),
            ("mail_from", "muster@example.org"),
        ])
        .unwrap();
        let demo = apart(real.clone(), &Flags::default()).unwrap();
        assert_eq!(demo.database.file().unwrap(), data.path().join("muster.db"));
        assert!(demo.smtp.is_none());
        let chosen = Flags::default()
            .or("database", "postgres://bob:x@db.example.org/demo")
            .or("smtp_url", "smtp://x");
        let demo = apart(real.clone(), &chosen).unwrap();
        assert!(demo.database.file().is_none() && demo.smtp.is_some());

        fs::write(data.path().join("muster.db"), "real").unwrap();
        let told = apart(real, &Flags::default()).unwrap_err().to_string();
        assert!(told.contains("muster.db is there already"), "{told}");
    }

    #[test]
    fn a_folder_goes_away_unless_it_is_kept_and_is_never_one_that_was_there() {
        let parent = TempDir::new().unwrap();
        for keep in [false, true] {
            let path = parent.path().join("demo");
            make_private(&path).unwrap();
            assert!(make_private(&path).is_err());
            fs::write(path.join("muster.db"), "x").unwrap();
            drop(Folder {
                path: path.clone(),
                keep,
            });
            assert_eq!(path.exists(), keep);
        }
    }
}
