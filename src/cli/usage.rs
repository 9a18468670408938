//! `muster usage import`: usage of the past from a file, line by line, with progress (B-62).

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use super::{Failure, serve};
use crate::{
    access::{self, permission::MemberRead},
    api::Credits,
    audit::Actor,
    clock::{Clock, Timestamp},
    config::Config,
    db::Db,
    error::Error,
    gate,
    ids::{MemberId, OrgId},
    keys, limits,
    mail::address::Address,
    metering::{Account, Kind, Usage, past},
    orgs,
    secret::Keys,
};

/// How many lines are booked together.
const CHUNK: usize = 2_000;
/// How many faulty lines are told before the rest is only counted.
const TOLD: usize = 20;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Book usage of the past from a CSV or NDJSON file, while no portal runs on the data: it keeps counters of its own. What is booked
    /// counts for whoever used it and for their main group; it draws from no credit pool.
    Import(Import),
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options")]
pub(super) struct Import {
    /// The file; its ending says what it is. CSV has a head with time, subject and credits, and as it likes id, source, type, app, flow,
    /// quantity; NDJSON has one object with these names a line.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The short name of the organization, as in its address.
    #[arg(long, value_name = "SLUG")]
    pub organization: String,
    /// Look at every line and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// A line as it stands in the file.
#[derive(Debug, Deserialize)]
struct Line {
    time: String,
    subject: String,
    #[serde(alias = "amount", alias = "cost")]
    credits: Credits,
    #[serde(default)]
    quantity: Option<Credits>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default, rename = "type", alias = "activity_type")]
    kind: Option<String>,
    #[serde(default)]
    app: Option<String>,
    #[serde(default)]
    flow: Option<String>,
}

/// What came of an import.
#[derive(Debug, Default)]
struct Tally {
    booked: usize,
    before: usize,
    wrong: usize,
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::Import(import) = command;
    let (db, keys) = serve::open(&config).await?;
    crate::ids::set_key(keys.mac("ids", &[]));
    let outcome = match past::alone(&db).await {
        Ok(Some(alone)) => {
            let outcome = book(&db, &keys, &import).await;
            alone.end().await;
            outcome
        }
        Ok(None) => Err(Failure::new(
            "A portal runs on this data and would not notice what is booked beside it. Stop it, and import again. Nothing was booked.",
        )),
        Err(error) => Err(error.into()),
    };
    db.close().await;
    let tally = outcome?;
    let lines = |count: usize| {
        if count == 1 {
            "1 line".to_owned()
        } else {
            format!("{count} lines")
        }
    };
    let verb = if import.dry_run { "can be booked" } else { "booked" };
    println!(
        "{} {verb}, {} booked before, {} wrong.",
        lines(tally.booked),
        lines(tally.before),
        lines(tally.wrong)
    );
    if tally.wrong > 0 {
        return Err(Failure::new(
            "Some lines were left out. Mend them and import the file again: what is booked already counts once.",
        ));
    }
    Ok(())
}

/// Lines with their numbers; why, where one cannot be read.
type Lines = Box<dyn Iterator<Item = (u64, Result<Line, String>)>>;

/// The lines of a file; one that cannot be read is told and the rest goes on.
fn lines(import: &Import, bar: &ProgressBar) -> Result<Lines, Failure> {
    let cannot = |error: std::io::Error| Failure::new(format!("{}: {error}", import.file.display()));
    let file = File::open(&import.file).map_err(cannot)?;
    bar.set_length(file.metadata().map_err(cannot)?.len());
    let reader: Box<dyn Read> = Box::new(bar.wrap_read(file));
    let ending = import
        .file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    match ending.as_str() {
        "csv" => {
            let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(reader);
            let head = reader
                .headers()
                .map_err(|error| Failure::new(error.to_string()))?
                .clone();
            if head.is_empty() {
                return Err(Failure::new(
                    "The file is empty. Its first line is a head with time, subject and credits.",
                ));
            }
            for name in ["time", "subject"] {
                if !head.iter().any(|one| one == name) {
                    return Err(Failure::new(format!("The head of the file has no column “{name}”.")));
                }
            }
            Ok(Box::new(reader.into_records().enumerate().map(
                move |(place, record)| {
                    let line = record.map_err(|error| error.to_string()).and_then(|record| {
                        // An empty cell says nothing.
                        let filled = head.iter().zip(&record).filter(|(_, cell)| !cell.is_empty());
                        let object = filled.map(|(name, cell)| (name.to_owned(), cell.into())).collect();
                        serde_json::from_value(serde_json::Value::Object(object)).map_err(|error| error.to_string())
                    });
                    (place as u64 + 2, line)
                },
            )))
        }
        "ndjson" | "jsonl" => Ok(Box::new(BufReader::new(reader).lines().enumerate().filter_map(
            |(place, text)| {
                let line = match text {
                    Ok(text) if text.trim().is_empty() => return None,
                    Ok(text) => serde_json::from_str(&text).map_err(|error| {
                        if error.is_data() {
                            error.to_string()
                        } else {
                            "this is not JSON; write an object with time, subject and credits on each line".to_owned()
                        }
                    }),
                    Err(error) => Err(error.to_string()),
                };
                Some((place as u64 + 1, line))
            },
        ))),
        _ => Err(Failure::new(
            "The file’s name must end in .csv, .ndjson or .jsonl, which says what it is.",
        )),
    }
}

/// Finds members by what lines call them, each once.
struct People<'a> {
    db: &'a Db,
    org: OrgId,
    now: Timestamp,
    known: HashMap<String, Option<Account>>,
}

impl People<'_> {
    async fn find(&mut self, subject: &str) -> Result<Account, String> {
        if !self.known.contains_key(subject) {
            let found = match (subject.parse::<MemberId>(), Address::parse(subject)) {
                (Ok(id), _) => (id.org() == self.org).then_some(id),
                (_, Ok(address)) => keys::find_member_by_address(&mut self.db.read(), self.org, address.key())
                    .await
                    .map_err(|error| error.to_string())?,
                _ => None,
            };
            let account = match found {
                Some(member) => Some(Account {
                    // Group totals add up to what was used (C-35 of the model).
                    group: gate::main_group(&mut self.db.read(), self.org, member, self.now)
                        .await
                        .map_err(|error| error.to_string())?,
                    ..Account::member(self.org, member)
                }),
                None => None,
            };
            self.known.insert(subject.to_owned(), account);
        }
        self.known[subject].ok_or_else(|| format!("subject: nobody of this organization is known as “{subject}”"))
    }
}

fn usage(line: Line, name: &str, number: u64, now: Timestamp) -> Result<Usage, String> {
    let at: jiff::Timestamp = line
        .time
        .parse()
        .map_err(|_| "time: write it as RFC 3339 does, such as 2026-11-20T09:30:00Z".to_owned())?;
    let amount = line.credits.micros();
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Arc::from);
    let source = line.source.unwrap_or_else(|| format!("import:{name}"));
    let id = line.id.unwrap_or_else(|| number.to_string());
    let usage = Usage {
        at: Some(Timestamp::from_micros(at.as_microsecond())),
        quantity: line.quantity.unwrap_or_default().micros(),
        activity: filled(line.kind),
        app: filled(line.app),
        flow: filled(line.flow),
        kind: if amount < 0 { Kind::Adjustment } else { Kind::Usage },
        ..Usage::new(source, id, amount)
    };
    // The past is as long as the file says; everything else is checked as it is for those who report.
    let then = Timestamp::from_micros(at.as_microsecond()).min(now);
    usage.check(then).map_err(|error| match error {
        Error::Invalid { field, message } => format!("{field}: {message}"),
        other => other.to_string(),
    })?;
    Ok(usage)
}

async fn book(db: &Db, keys: &Keys, import: &Import) -> Result<Tally, Failure> {
    let org = orgs::find_by_slug(&mut db.read(), &import.organization)
        .await
        .map_err(|error| match error {
            Error::NotFound => Failure::new(format!(
                "There is no organization {:?}. Give its short name, as in /o/SHORT-NAME/members.",
                import.organization
            )),
            other => other.into(),
        })?;
    let by = access::inside::<MemberRead>(&mut db.read(), Actor::operator(keys), org.id).await?;
    let settings = limits::settings::find(&mut db.read(), by.org()).await?;
    let now = Clock::system().now();
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {bytes} of {total_bytes}, {eta} left");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    let name = import
        .file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("file")
        .to_owned();
    let mut people = People {
        db,
        org: org.id,
        now,
        known: HashMap::new(),
    };
    let (mut tally, mut waiting) = (Tally::default(), Vec::with_capacity(CHUNK));
    for (number, line) in lines(import, &bar)? {
        let read = match line {
            Ok(line) => match people.find(&line.subject).await {
                Ok(account) => usage(line, &name, number, now).map(|usage| (account, usage)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        match read {
            Ok(event) => waiting.push(event),
            Err(error) => {
                tally.wrong += 1;
                if tally.wrong <= TOLD {
                    bar.suspend(|| eprintln!("Line {number}: {}.", error.trim_end_matches('.')));
                }
            }
        }
        if waiting.len() == CHUNK {
            settle(db, &settings, &mut waiting, import.dry_run, &mut tally).await?;
        }
    }
    settle(db, &settings, &mut waiting, import.dry_run, &mut tally).await?;
    bar.finish_and_clear();
    if tally.wrong > TOLD {
        eprintln!("And {} more.", tally.wrong - TOLD);
    }
    Ok(tally)
}

async fn settle(
    db: &Db,
    settings: &limits::Settings,
    waiting: &mut Vec<(Account, Usage)>,
    is_dry: bool,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut tx = db.write().await?;
    let new = past::book(&mut tx, settings, waiting).await?;
    if !is_dry {
        tx.commit().await?;
    }
    tally.booked += new;
    tally.before += waiting.len() - new;
    waiting.clear();
    Ok(())
}
