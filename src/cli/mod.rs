//! The command line: each subcommand is a thin caller of verbs, and every setting is a flag.
mod audit;
mod backup;
mod check;
pub mod demo;
mod member;
mod metering;
mod serve;
mod usage;

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Command as Clap, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{Config, Flags, Problems};

/// `EX_CONFIG` of sysexits.h, which tells a service manager that starting again will not help.
const CONFIGURATION: u8 = 78;

static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (SQLite {})", env!("CARGO_PKG_VERSION"), sqlite_version()));

const EXAMPLES: &str = "\
Examples:
  muster
      Start with an embedded database in ./data, on http://127.0.0.1:8080.
  muster demo
      Look around in an enterprise full of invented people.
  muster --listen 0.0.0.0:8080 --public-url https://muster.example.org
      Serve behind a proxy that ends TLS.
  muster --smtp-url-file /run/secrets/smtp --mail-from 'Muster <muster@example.org>'
      Send mails, with the password in a file and out of sight.
  muster --config /etc/muster.toml check
      Try the settings, the database and the mail server.

Every setting is a flag, an environment variable and a key of the TOML file:
--public-url, MUSTER_PUBLIC_URL, public_url. A flag wins over the environment,
the environment over the file, the file over the default.

Exit codes: 0 done, 1 failed, 2 wrong command line, 78 wrong configuration.";

const SETTINGS_ELSEWHERE: &str = "All settings shown by `muster --help` can be given here too.";

#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version = VERSION.as_str(),
    about = "Muster: who may use a metered platform, and how much.",
    after_help = EXAMPLES,
    max_term_width = 110
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the portal (this is what happens without a command).
    Serve,
    /// Start a portal filled with invented people, to look around in.
    Demo(demo::Args),
    /// Try the settings, the data folder, the database and the mail server, and say what is wrong.
    Check,
    /// Things only the operator may do to a member.
    #[command(subcommand)]
    Member(member::Command),
    /// The record of all changes.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Copy the database and its key into a new folder while the portal runs.
    Backup(backup::Args),
    /// What was used, and its sums.
    #[command(subcommand)]
    Metering(metering::Command),
    /// Usage that is brought along.
    #[command(subcommand)]
    Usage(usage::Command),
}

/// Why the program stops: the sentence for the operator and the exit code for the service manager.
#[derive(Debug)]
pub struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    /// A failure that is told in one sentence and ends with exit code 1.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: 1,
        }
    }

    /// A failure that only another configuration mends; it ends with exit code 78.
    pub fn configuration(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: CONFIGURATION,
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::configuration(problems.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Runs the command line of this process and gives back its exit code; errors are sentences on standard error.
pub async fn main() -> ExitCode {
    let cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // clap writes help and version to standard output itself; a closed pipe there is nobody's mistake.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.code)
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(Config::load(&cli.flags)?).await,
        Command::Demo(args) => demo::start(cli.flags, args).await,
        Command::Check => check::run(Config::load(&cli.flags)).await,
        Command::Member(command) => member::run(Config::load(&cli.flags)?, command).await,
        Command::Audit(command) => audit::run(Config::load(&cli.flags)?, command).await,
        Command::Backup(args) => backup::run(&Config::load(&cli.flags)?, &args).await,
        Command::Metering(command) => metering::run(Config::load(&cli.flags)?, command).await,
        Command::Usage(command) => usage::run(Config::load(&cli.flags)?, command).await,
    }
}

fn parse(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches_from(arguments)?)
}

/// The command line with the settings shown once, at the top, instead of in the help of each subcommand.
fn command() -> Clap {
    let mut top = Cli::command();
    let settings: Vec<_> = top
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .map(|arg| arg.clone().hide(true))
        .collect();
    for subcommand in top.get_subcommands_mut() {
        hide(subcommand, &settings);
    }
    top
}

fn hide(command: &mut Clap, settings: &[clap::Arg]) {
    for subcommand in command.get_subcommands_mut() {
        hide(subcommand, settings);
    }
    let plain = std::mem::take(command);
    *command = plain.args(settings.iter().cloned()).after_help(SETTINGS_ELSEWHERE);
}

/// The version of the SQLite inside this binary.
fn sqlite_version() -> &'static str {
    libsqlite3_sys::SQLITE_VERSION.to_str().unwrap_or("of unknown version")
}

#[cfg(test)]
mod tests;
