//! The log as a file: CSV for spreadsheets, NDJSON for machines, streamed page by page without holding a transaction.

use actix_web::web::Bytes;
use futures_util::Stream;
use serde::Serialize;

use super::{
    ActorKind, Filter, Line, Outcome,
    log::{self, Place},
};
use crate::{
    db::Reader,
    error::{Error, Result},
    ids::OrgId,
};

/// How many rows are read at once.
const CHUNK: usize = 1_000;

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For spreadsheets.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// The file's ending, also its name in the record.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson; charset=utf-8",
        }
    }
}

/// One event as it is exported; the order of the fields is the order of the columns.
#[derive(Serialize)]
struct Exported<'a> {
    number: i64,
    time: String,
    actor_kind: &'static str,
    actor_id: String,
    actor: &'a str,
    via: &'a str,
    address: &'a str,
    client: &'a str,
    request: &'a str,
    action: &'a str,
    object_kind: &'a str,
    object: &'a str,
    before: &'a str,
    after: &'a str,
    result: &'static str,
}

impl<'a> Exported<'a> {
    const COLUMNS: [&'static str; 15] = [
        "number",
        "time",
        "actor_kind",
        "actor_id",
        "actor",
        "via",
        "address",
        "client",
        "request",
        "action",
        "object_kind",
        "object",
        "before",
        "after",
        "result",
    ];

    fn of(line: &'a Line) -> Self {
        Self {
            number: line.seq,
            time: line.at.to_string(),
            actor_kind: line.actor_kind.name(),
            actor_id: if line.actor_kind == ActorKind::Person {
                line.actor.to_string()
            } else {
                String::new()
            },
            actor: &line.actor_name,
            via: &line.via,
            address: &line.ip,
            client: &line.agent,
            request: &line.request_id,
            action: &line.action_name,
            object_kind: &line.object_kind,
            object: &line.object_name,
            before: &line.before,
            after: &line.after,
            result: Outcome::name(line.outcome),
        }
    }
    fn cells(&self) -> [String; 15] {
        let texts = [
            self.actor_kind,
            &self.actor_id,
            self.actor,
            self.via,
            self.address,
            self.client,
            self.request,
            self.action,
            self.object_kind,
            self.object,
            self.before,
            self.after,
            self.result,
        ];
        let mut cells: [String; 15] = Default::default();
        cells[0] = self.number.to_string();
        cells[1].clone_from(&self.time);
        for (cell, text) in cells[2..].iter_mut().zip(texts) {
            *cell = plain(text);
        }
        cells
    }
}

/// A text that no spreadsheet takes for a formula: what begins like one gets an apostrophe.
pub fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn bytes(lines: &[Line], format: Format, with_head: bool) -> Result<Vec<u8>> {
    let failed = |error: csv::Error| Error::Internal(format!("csv: {error}"));
    match format {
        Format::Csv => {
            let mut writer = csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                .from_writer(Vec::new());
            if with_head {
                writer.write_record(Exported::COLUMNS).map_err(failed)?;
            }
            for line in lines {
                writer.write_record(Exported::of(line).cells()).map_err(failed)?;
            }
            writer
                .into_inner()
                .map_err(|error| Error::Internal(format!("csv: {error}")))
        }
        Format::Ndjson => {
            let mut text = Vec::new();
            for line in lines {
                serde_json::to_writer(&mut text, &Exported::of(line))?;
                text.push(b'\n');
            }
            Ok(text)
        }
    }
}

/// The rows up to number `end`, newest first, as they were when the export began.
pub fn stream(
    db: Reader,
    org: Option<OrgId>,
    filter: Filter,
    end: i64,
    format: Format,
) -> impl Stream<Item = Result<Bytes>> {
    let start = Some((Place::Before(end.saturating_add(1)), true));
    futures_util::stream::try_unfold((db, filter, start), move |(mut db, filter, next)| async move {
        let Some((place, is_first)) = next else { return Ok(None) };
        let page = log::page(&mut db, org, &filter, place, CHUNK).await?;
        let text = bytes(&page.rows, format, is_first)?;
        let next = page
            .rows
            .last()
            .filter(|_| page.after)
            .map(|line| (Place::Before(line.seq), false));
        Ok(Some((Bytes::from(text), (db, filter, next))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_csv_injection_cells_are_text() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(plain(bad), format!("'{bad}"));
        }
        for good in ["", "ann@x.example", "1=1", "'=1", "{\"a\":1}"] {
            assert_eq!(plain(good), good);
        }
    }
}
