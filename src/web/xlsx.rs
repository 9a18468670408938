//! Workbooks for spreadsheets, written as a stream: no row is kept, and no file is made on the way. Text is always text, so that no cell
//! can become a formula (SECURITY C26).

use std::{
    fmt::Write as _,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::tz::TimeZone;
use zip::{
    CompressionMethod, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

/// How many rows a sheet may have; more begin another sheet.
const ROWS: u32 = 1_048_576;
/// How many characters a cell may have.
const CELL: usize = 32_767;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// An instant, shown in the workbook's zone.
    Time(Timestamp),
    /// Nothing.
    Empty,
}

/// Where the archive's bytes wait until they are sent.
#[derive(Clone, Default)]
struct Basin(Arc<Mutex<Vec<u8>>>);

impl Write for Basin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A workbook that is being written.
pub struct Workbook {
    zip: ZipWriter<StreamWriter<Basin>>,
    basin: Basin,
    name: String,
    head: Vec<String>,
    zone: TimeZone,
    sheets: u32,
    row: u32,
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("workbook: {error}"))
}

impl Workbook {
    /// Begins a workbook; each sheet has the head as its first row.
    pub fn new(name: &str, head: &[&str], zone: TimeZone) -> Result<Self> {
        let basin = Basin::default();
        let mut book = Self {
            zip: ZipWriter::new_stream(basin.clone()),
            basin,
            name: name.to_owned(),
            head: head.iter().map(|text| (*text).to_owned()).collect(),
            zone,
            sheets: 0,
            row: 0,
        };
        book.begin_sheet()?;
        Ok(book)
    }

    fn file(&mut self, name: &str) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1));
        self.zip.start_file(name, options).map_err(failed)
    }

    fn begin_sheet(&mut self) -> Result<()> {
        self.sheets += 1;
        self.row = 0;
        self.file(&format!("xl/worksheets/sheet{}.xml", self.sheets))?;
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/><cols>",
        );
        for place in 1..=self.head.len() {
            let _ = write!(
                text,
                "<col min=\"{place}\" max=\"{place}\" width=\"24\" customWidth=\"1\"/>"
            );
        }
        text.push_str("</cols><sheetData>");
        let head: Vec<Cell> = self.head.iter().cloned().map(Cell::Text).collect();
        self.put_row(&head, 2, &mut text);
        self.zip.write_all(text.as_bytes()).map_err(failed)
    }

    fn put_row(&mut self, cells: &[Cell], style: u8, text: &mut String) {
        self.row += 1;
        let _ = write!(text, "<row r=\"{}\">", self.row);
        for (place, cell) in cells.iter().enumerate() {
            let column = char::from(b'A' + (place % 26) as u8);
            match cell {
                Cell::Empty => {}
                Cell::Text(value) => {
                    let _ = write!(
                        text,
                        "<c r=\"{column}{}\" t=\"inlineStr\" s=\"{style}\"><is><t xml:space=\"preserve\">",
                        self.row
                    );
                    escape(value, text);
                    text.push_str("</t></is></c>");
                }
                Cell::Time(at) => {
                    let _ = write!(
                        text,
                        "<c r=\"{column}{}\" s=\"1\"><v>{:.6}</v></c>",
                        self.row,
                        serial(*at, &self.zone)
                    );
                }
            }
        }
        text.push_str("</row>");
    }

    fn end_sheet(&mut self) -> Result<()> {
        self.zip.write_all(b"</sheetData></worksheet>").map_err(failed)
    }

    /// Adds rows; the bytes that are ready to be sent.
    pub fn rows(&mut self, rows: &[Vec<Cell>]) -> Result<Vec<u8>> {
        let mut text = String::new();
        for row in rows {
            if self.row == ROWS {
                self.zip.write_all(text.as_bytes()).map_err(failed)?;
                text.clear();
                self.end_sheet()?;
                self.begin_sheet()?;
            }
            self.put_row(row, 0, &mut text);
        }
        self.zip.write_all(text.as_bytes()).map_err(failed)?;
        Ok(self.take())
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.basin.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the workbook; the rest of its bytes.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.end_sheet()?;
        let mut types = String::new();
        let mut sheets = String::new();
        let mut relations = String::new();
        for n in 1..=self.sheets {
            let _ = write!(
                types,
                "<Override PartName=\"/xl/worksheets/sheet{n}.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>"
            );
            let mut name = String::new();
            escape(&self.name, &mut name);
            let number = if n == 1 { String::new() } else { format!(" {n}") };
            let _ = write!(
                sheets,
                "<sheet name=\"{name}{number}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>"
            );
            let _ = write!(
                relations,
                "<Relationship Id=\"rId{n}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
            );
        }
        let styles = self.sheets + 1;
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
        let parts = [
            (
                "[Content_Types].xml",
                format!(
                    "{head}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>{types}<Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/></Types>"
                ),
            ),
            (
                "_rels/.rels",
                format!(
                    "{head}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/workbook.xml",
                format!(
                    "{head}<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>{sheets}</sheets></workbook>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "{head}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{relations}<Relationship Id=\"rId{styles}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/styles.xml",
                format!(
                    "{head}<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts><fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills><borders count=\"1\"><border/></borders><cellStyleXfs count=\"1\"><xf/></cellStyleXfs><cellXfs count=\"3\"><xf/><xf numFmtId=\"22\" applyNumberFormat=\"1\"/><xf fontId=\"1\" applyFont=\"1\"/></cellXfs></styleSheet>"
                ),
            ),
        ];
        for (name, text) in parts {
            self.file(name)?;
            self.zip.write_all(text.as_bytes()).map_err(failed)?;
        }
        let basin = self.basin.clone();
        self.zip.finish().map_err(failed)?;
        Ok(std::mem::take(
            &mut *basin.0.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// The instant as spreadsheets count: days since 30 December 1899, by the zone's clock.
fn serial(at: Timestamp, zone: &TimeZone) -> f64 {
    const EPOCH: f64 = 25_569.0;
    let local = zone.to_offset(at.instant()).seconds();
    EPOCH + (at.secs() + i64::from(local)) as f64 / 86_400.0
}

/// Text as XML, without what XML cannot hold.
fn escape(value: &str, text: &mut String) {
    for letter in value.chars().take(CELL) {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(text, "&#{};", letter as u32);
            }
            other if (other as u32) < 0x20 || matches!(other, '\u{fffe}' | '\u{ffff}') => {}
            other => text.push(other),
        }
    }
}
