//! Workbooks: the first sheet that is shown, with the values that its formulas last had.
//!
//! A workbook is a ZIP archive of XML, and both can promise little and unpack to a lot. So every part is unpacked once and counted
//! before anything is made of it; only then the library reads it, cell by cell.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read, Seek as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx};
use zip::ZipArchive;

use super::{COLUMNS, Nature, ROWS, Refusal, Sink, failed, unreadable};
use crate::web::filters::number;

/// The most bytes that all parts together may unpack to.
const UNPACKED: u64 = 128 << 20;
/// The most bytes of the table of texts, which the library holds in memory.
const TEXTS: u64 = 24 << 20;
/// The most texts in it.
const TEXT_COUNT: u64 = 400_000;
/// The most parts.
const PARTS: usize = 2_000;

fn too_large() -> Refusal {
    Refusal::TooMuch(format!(
        "This workbook unpacks to more than {} MB, or holds more than {} different texts. Save the sheet as CSV, or split it.",
        UNPACKED >> 20,
        number(TEXT_COUNT as i64)
    ))
}

fn broken() -> Refusal {
    unreadable("This workbook is damaged, or is none. Open it, save it again as .xlsx, or save the sheet as CSV.")
}

pub(super) fn read(file: &File, sink: &mut Sink<'_>) -> Result<Nature, Refusal> {
    measure(file)?;
    // The library was written for files that programs write. One that makes it stumble is refused like a damaged one.
    catch_unwind(AssertUnwindSafe(|| sheet(file, sink))).unwrap_or_else(|_| Err(broken()))
}

/// Unpacks everything once, counts, and looks for what no spreadsheet program writes.
fn measure(file: &File) -> Result<(), Refusal> {
    count_parts(file)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|_| broken())?;
    if archive.len() > PARTS {
        return Err(too_large());
    }
    let mut total = 0;
    let mut has_workbook = false;
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(|_| broken())?;
        let name = part.name().map_err(|_| broken())?.to_ascii_lowercase();
        if part.encrypted() {
            return Err(unreadable(
                "This workbook is protected by a password. Save it without one, or save the sheet as CSV.",
            ));
        }
        has_workbook |= name.ends_with("workbook.xml");
        if name == "mimetype" || name == "content.xml" {
            return Err(unreadable(
                "This is a workbook of another kind. Save it as Excel workbook (.xlsx), or save the sheet as CSV.",
            ));
        }
        let is_texts = name.ends_with("sharedstrings.xml");
        total += look(part, UNPACKED - total, is_texts)?;
    }
    if has_workbook {
        Ok(())
    } else {
        Err(unreadable(
            "This is an archive without a workbook. Choose a CSV file or an Excel workbook (.xlsx).",
        ))
    }
}

/// Counts the headers of an archive's directory before its reader makes a list of them.
fn count_parts(mut file: &File) -> Result<(), Refusal> {
    file.rewind().map_err(|error| failed(&error))?;
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let (mut state, mut count) = (0, 0);
    loop {
        let bytes = reader.fill_buf().map_err(|error| failed(&error))?;
        let length = bytes.len();
        if length == 0 {
            return Ok(());
        }
        for byte in bytes {
            state = match (state, byte) {
                (1, b'K') => 2,
                (2, 1) => 3,
                (3, 2) => {
                    count += 1;
                    0
                }
                (_, b'P') => 1,
                _ => 0,
            };
        }
        if count > PARTS {
            return Err(too_large());
        }
        reader.consume(length);
    }
}

/// Unpacks one part and throws it away; how many bytes it has.
fn look(mut part: impl Read, most: u64, is_texts: bool) -> Result<u64, Refusal> {
    const OVERLAP: usize = 64;
    let most = if is_texts { most.min(TEXTS) } else { most };
    let mut window = vec![0; (64 << 10) + OVERLAP];
    let (mut kept, mut total, mut texts) = (0, 0, 0);
    loop {
        let count = part.read(&mut window[kept..]).map_err(|_| broken())?;
        total += count as u64;
        if total > most {
            return Err(too_large());
        }
        let end = kept + count;
        let is_last = count == 0;
        // What begins in the overlap is looked at when its rest is there.
        let until = if is_last { end } else { end.saturating_sub(OVERLAP) };
        let seen = &window[..end];
        let mut place = 0;
        while let Some(found) = seen[place..until].iter().position(|byte| matches!(byte, b'<' | b'u')) {
            place += found;
            let rest = &seen[place..];
            if rest.starts_with(b"<!DOCTYPE") || rest.starts_with(b"<!ENTITY") {
                return Err(unreadable(
                    "This workbook declares XML entities, which no spreadsheet program writes. Save the sheet as CSV.",
                ));
            }
            if is_texts {
                // Whatever prefix its name has: <si>, <x:si>.
                let name = rest[1..]
                    .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b':')
                    .next();
                if rest[0] == b'<' && name.is_some_and(|name| name == b"si" || name.ends_with(b":si")) {
                    texts += 1;
                }
                if texts > TEXT_COUNT || promised(rest).is_some_and(|count| count > TEXT_COUNT) {
                    return Err(too_large());
                }
            }
            place += 1;
        }
        if is_last {
            return Ok(total);
        }
        window.copy_within(until..end, 0);
        kept = end - until;
    }
}

/// How many texts the table says that it has, for which the library makes room at once.
fn promised(rest: &[u8]) -> Option<u64> {
    let rest = rest.strip_prefix(b"uniqueCount")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"=")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'"))?;
    let digits: String = rest
        .iter()
        .map(|byte| char::from(*byte))
        .skip_while(|c| *c == '0' || *c == '+' || c.is_whitespace())
        .take_while(char::is_ascii_digit)
        .collect();
    Some(if digits.len() > 12 {
        u64::MAX
    } else {
        digits.parse().unwrap_or(0)
    })
}

fn sheet(mut file: &File, sink: &mut Sink<'_>) -> Result<Nature, Refusal> {
    file.rewind().map_err(|error| failed(&error))?;
    let mut book: Xlsx<_> =
        calamine::open_workbook_from_rs(BufReader::new(file)).map_err(|_: calamine::XlsxError| broken())?;
    let shown = book
        .sheets_metadata()
        .iter()
        .find(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone());
    let others = book.sheet_names().len() - 1;
    let name = shown.ok_or_else(|| unreadable("This workbook has no sheet that is shown. Choose another one."))?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(|_| broken())?;
    let mut line: Option<(u32, Vec<String>)> = None;
    let mut rows = 0;
    while let Some(cell) = cells.next_cell().map_err(|_| broken())? {
        let (row, column) = cell.get_position();
        let text = words(cell.get_value());
        if line.as_ref().is_none_or(|(current, _)| *current != row) {
            rows += 1;
            // Rows with nothing in them cost time too.
            if rows > ROWS * 11 {
                return Err(too_large());
            }
            if let Some((number, cells)) = line.replace((row, Vec::new()))
                && !sink.take(u64::from(number) + 1, cells.into_iter())?
            {
                return Ok(nature(&name, others));
            }
        }
        let Some((_, list)) = &mut line else { continue };
        let place = column as usize;
        if text.is_empty() {
            continue;
        }
        if place >= COLUMNS {
            return Err(Refusal::TooMuch(format!(
                "Row {} has more than {COLUMNS} columns. Leave out columns that are not needed.",
                number(i64::from(row) + 1)
            )));
        }
        if list.len() <= place {
            list.resize(place + 1, String::new());
        }
        list[place] = text;
    }
    if let Some((number, cells)) = line {
        sink.take(u64::from(number) + 1, cells.into_iter())?;
    }
    Ok(nature(&name, others))
}

fn nature(name: &str, others: usize) -> Nature {
    Nature {
        words: format!("Excel workbook, sheet “{name}”"),
        notice: match others {
            0 => String::new(),
            1 => "The workbook has another sheet, which was not read.".to_owned(),
            n => format!("The workbook has {n} other sheets, which were not read."),
        },
    }
}

/// A cell as a person would have typed it.
fn words(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(whole) => whole.to_string(),
        DataRef::Float(decimal) => decimal.to_string(),
        DataRef::Bool(true) => "TRUE".to_owned(),
        DataRef::Bool(false) => "FALSE".to_owned(),
        DataRef::DateTime(at) if at.is_datetime() => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::DateTime(at) => at.as_f64().to_string(),
        DataRef::DateTimeIso(text) => text.split('T').next().unwrap_or_default().to_owned(),
        DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
    }
}
