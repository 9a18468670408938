//! `muster audit …`: is the record of all changes still whole?
use std::path::PathBuf;

use super::{Failure, serve};
use crate::{
    audit::{self, Head},
    config::Config,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Follow the chain of the audit log and name the first entry that does not fit; exit code 1 then.
    Verify(Verify),
    /// Print the present end of each chain as JSON, to be kept elsewhere for `verify --from`.
    Head,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options")]
pub(super) struct Verify {
    /// A head that was kept elsewhere: shows whether entries were cut off the end since.
    #[arg(long, value_name = "head.json")]
    pub from: Option<PathBuf>,
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let (db, keys) = serve::open(&config).await?;
    let outcome = match command {
        Command::Head => print_head(&db).await,
        Command::Verify(Verify { from }) => verify(&db, &keys, from).await,
    };
    db.close().await;
    outcome
}

async fn print_head(db: &crate::db::Db) -> Result<(), Failure> {
    let heads = audit::heads(&mut db.read()).await?;
    println!(
        "{}",
        serde_json::to_string(&heads).map_err(|error| Failure::new(error.to_string()))?
    );
    Ok(())
}

async fn verify(db: &crate::db::Db, keys: &crate::secret::Keys, from: Option<PathBuf>) -> Result<(), Failure> {
    let kept: Vec<Head> = match from {
        None => Vec::new(),
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Failure::new(format!("{} cannot be read: {error}.", path.display())))?;
            serde_json::from_str(&text).map_err(|error| {
                Failure::new(format!(
                    "{} is not what `muster audit head` prints: {error}.",
                    path.display()
                ))
            })?
        }
    };
    let report = audit::verify(&mut db.read(), keys, &kept).await?;
    if report.faults.is_empty() {
        println!(
            "The audit log is whole: {} entries in {} chains.",
            report.rows, report.chains
        );
        return Ok(());
    }
    for fault in &report.faults {
        println!("{fault}");
    }
    Err(Failure::new("The audit log was tampered with."))
}
