//! `muster metering …`: are the sums of usage what the ledger says?
use super::{Failure, serve};
use crate::{
    audit::Actor,
    clock::Clock,
    config::Config,
    metering::verify::{self, Report},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add up every event of the ledger again and compare; exit code 1 when a sum differs.
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options")]
pub(super) struct Verify {
    /// Write what the ledger says. Stop the portal first: it keeps counters of its own while it runs.
    #[arg(long)]
    pub repair: bool,
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::Verify(Verify { repair }) = command;
    let (db, keys) = serve::open(&config).await?;
    let by = Actor::operator(&keys);
    let found = if repair {
        verify::repair(&db, &by, Clock::system().now()).await
    } else {
        verify::verify(&db).await
    };
    db.close().await;
    tell(&found?, repair)
}

fn tell(report: &Report, is_repaired: bool) -> Result<(), Failure> {
    for fault in &report.pools {
        println!("{fault}");
    }
    if report.wrong == 0 {
        println!(
            "The sums of usage are right: {} sums of {} events.",
            report.sums, report.events
        );
        return tell_pools(report);
    }
    for fault in &report.faults {
        println!("{fault}");
    }
    let more = report.wrong - report.faults.len() as u64;
    if more > 0 {
        println!("And {more} more.");
    }
    if is_repaired {
        println!("Repaired: {} sums now say what the ledger says.", report.wrong);
        return tell_pools(report);
    }
    Err(Failure::new(
        "The sums of usage differ from the ledger. Stop the portal and run `muster metering verify --repair`.",
    ))
}

/// Fails where credit pools do not hold what their statements say, which no command repairs.
fn tell_pools(report: &Report) -> Result<(), Failure> {
    if report.pools.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        "Credit pools do not hold what their statements say. Nothing was changed about them: find out who changed the database.",
    ))
}
