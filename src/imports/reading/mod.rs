//! Reading a file of people: CSV in the encodings and with the separators that spreadsheets write, or the first sheet of a workbook.
//!
//! What a file is, is decided by what it holds. It is read once, line by line, and nothing of it is kept; each limit is counted while
//! reading and never taken from what the file says of itself (C35, F36).

mod text;
mod workbook;

use std::{
    fs::File,
    io::{Read as _, Seek as _},
};

use crate::web::filters::number;

/// The most bytes that a file may have.
pub const BYTES: usize = 16 << 20;
/// The most lines with people that a file may have, beside one with the names of the columns.
pub const ROWS: usize = 100_000;
/// The most columns.
pub const COLUMNS: usize = 64;
/// The most characters of a cell.
pub const CELL: usize = 4_096;
/// The most bytes of text in all cells together. In a workbook one text can stand in many cells.
const TEXT: usize = 24 << 20;

/// One line that holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1: the line on which it begins, or the row of the sheet.
    pub number: i64,
    /// Its cells without spaces around them; empty ones at the end are left out.
    pub cells: Vec<String>,
}

/// What was found out about a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nature {
    /// In words: "CSV with semicolons, UTF-16".
    pub words: String,
    /// What whoever uploaded it should look at; empty for nothing.
    pub notice: String,
}

/// Why a file is not read, in a sentence with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It has more than is taken (413).
    TooMuch(String),
    /// It is broken, or something else (400).
    Unreadable(String),
}

impl Refusal {
    /// The status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooMuch(_) => 413,
            Self::Unreadable(_) => 400,
        }
    }
    /// The sentence.
    pub fn text(&self) -> &str {
        match self {
            Self::TooMuch(text) | Self::Unreadable(text) => text,
        }
    }
}

/// The refusal of a file with too many bytes.
pub fn too_large() -> Refusal {
    Refusal::TooMuch(format!(
        "This file has more than {} MB. Split it, or leave out columns that are not needed.",
        BYTES >> 20
    ))
}

fn unreadable(text: impl Into<String>) -> Refusal {
    Refusal::Unreadable(text.into())
}

fn failed(error: &std::io::Error) -> Refusal {
    unreadable(format!("The file could not be read: {error}. Try again."))
}

/// Takes lines one after the other, within the limits.
pub(super) struct Sink<'a> {
    to: &'a mut dyn FnMut(Line) -> bool,
    lines: usize,
    text: usize,
}

impl Sink<'_> {
    /// Takes a line; lines without anything are passed over. Whether more is wanted.
    fn take(&mut self, number_of_line: u64, cells: impl Iterator<Item = String>) -> Result<bool, Refusal> {
        let mut kept: Vec<String> = Vec::new();
        let mut empty = 0;
        for (place, cell) in cells.enumerate() {
            let cell = tidy(cell);
            if cell.is_empty() {
                empty += 1;
                continue;
            }
            if place >= COLUMNS {
                return Err(Refusal::TooMuch(format!(
                    "Line {} has more than {COLUMNS} columns. Leave out columns that are not needed.",
                    number(number_of_line as i64)
                )));
            }
            if cell.len() > CELL && cell.chars().count() > CELL {
                return Err(Refusal::TooMuch(format!(
                    "Line {}, column {} holds more than {} characters. A quotation mark may be missing there.",
                    number(number_of_line as i64),
                    place + 1,
                    number(CELL as i64)
                )));
            }
            self.text += cell.len();
            kept.extend(std::iter::repeat_n(String::new(), empty));
            empty = 0;
            kept.push(cell);
        }
        if kept.is_empty() {
            return Ok(true);
        }
        self.lines += 1;
        if self.lines > ROWS + 1 {
            return Err(Refusal::TooMuch(format!(
                "This file has more than {} lines. Split it and import the parts one after the other.",
                number(ROWS as i64)
            )));
        }
        if self.text > TEXT {
            return Err(Refusal::TooMuch(format!(
                "The cells of this file hold more than {} MB of text. Leave out columns that are not needed.",
                TEXT >> 20
            )));
        }
        Ok((self.to)(Line {
            number: number_of_line as i64,
            cells: kept,
        }))
    }
}

/// A cell without spaces around it.
fn tidy(cell: String) -> String {
    let trimmed = cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'));
    if trimmed.len() == cell.len() {
        cell
    } else {
        trimmed.to_owned()
    }
}

/// Reads a file from its beginning and hands over each line that holds something, until `to` wants no more.
pub fn read(mut file: File, to: &mut dyn FnMut(Line) -> bool) -> Result<Nature, Refusal> {
    let length = file.metadata().map_err(|error| failed(&error))?.len();
    if length > BYTES as u64 {
        return Err(too_large());
    }
    let mut start = Vec::with_capacity(8);
    file.rewind().map_err(|error| failed(&error))?;
    file.by_ref()
        .take(8)
        .read_to_end(&mut start)
        .map_err(|error| failed(&error))?;
    file.rewind().map_err(|error| failed(&error))?;
    let mut sink = Sink { to, lines: 0, text: 0 };
    let nature = if start.starts_with(b"PK") {
        workbook::read(&file, &mut sink)?
    } else if start.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(unreadable(
            "This is a workbook in the old format, or one with a password. Save it as .xlsx without a password, or as CSV.",
        ));
    } else if start.starts_with(b"%PDF") || start.starts_with(b"\x89PNG") || start.starts_with(b"\xff\xd8\xff") {
        return Err(unreadable(
            "This is no table. Choose a CSV file or an Excel workbook (.xlsx).",
        ));
    } else {
        text::read(&mut file, &mut sink)?
    };
    if sink.lines == 0 {
        return Err(unreadable(
            "This file holds no lines. Choose one with an e-mail address on each line.",
        ));
    }
    Ok(nature)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Seek as _, Write as _};

    use proptest::prelude::*;

    use super::*;

    /// Everything that a file of these bytes holds.
    pub fn lines(bytes: &[u8]) -> Result<(Nature, Vec<Line>), Refusal> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("it is written");
        file.rewind().expect("the beginning");
        let mut all = Vec::new();
        let nature = read(file, &mut |line| {
            all.push(line);
            true
        })?;
        Ok((nature, all))
    }

    fn plain(bytes: &[u8]) -> Vec<(i64, Vec<String>)> {
        let (_, all) = lines(bytes).expect("a table");
        all.into_iter().map(|line| (line.number, line.cells)).collect()
    }

    fn rows(list: &[(i64, &[&str])]) -> Vec<(i64, Vec<String>)> {
        list.iter()
            .map(|(number, cells)| (*number, cells.iter().map(|cell| (*cell).to_owned()).collect()))
            .collect()
    }

    #[test]
    fn every_kind_of_csv_gives_the_same_lines() {
        let wanted = rows(&[
            (1, &["email", "name"]),
            (2, &["ann@x.example", "Zoë, A."]),
            (4, &["bo@x.example"]),
        ]);
        let utf16 = |text: &str, big: bool| -> Vec<u8> {
            let mut bytes = if big { vec![0xfe, 0xff] } else { vec![0xff, 0xfe] };
            for unit in text.encode_utf16() {
                bytes.extend(if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
            }
            bytes
        };
        let text = "email,name\nann@x.example,\"Zoë, A.\"\n\nbo@x.example,\n";
        for line_end in ["\n", "\r\n", "\r"] {
            let text = text.replace('\n', line_end);
            assert_eq!(plain(text.as_bytes()), wanted, "{line_end:?}");
            assert_eq!(plain(format!("\u{feff}{text}").as_bytes()), wanted, "BOM {line_end:?}");
            assert_eq!(plain(&utf16(&text, false)), wanted, "UTF-16 LE {line_end:?}");
            assert_eq!(plain(&utf16(&text, true)), wanted, "UTF-16 BE {line_end:?}");
            assert_eq!(plain(text.trim_end().as_bytes()), wanted, "no end {line_end:?}");
        }
        for (separator, word) in [(";", "semicolons"), ("\t", "tabs"), (",", "commas")] {
            let text = text
                .replacen(',', separator, 1)
                .replace(".example,", &format!(".example{separator}"));
            let (nature, all) = lines(text.as_bytes()).expect("a table");
            assert_eq!(all.len(), 3);
            assert_eq!(all[1].cells[1], "Zoë, A.");
            assert!(nature.words.contains(word), "{}", nature.words);
        }
        let (nature, all) = lines(b"email;name\nann@x.example;Zo\xeb").expect("a table");
        assert_eq!(all[1].cells[1], "Zoë");
        assert!(nature.notice.contains("Windows-1252"), "{}", nature.notice);
    }

    #[test]
    fn line_numbers_are_the_files_own() {
        let text = "email,note\n\n\na@x.example,\"one\ntwo\r\nthree\"\nb@x.example,x\r\r\nc@x.example,y\n,,\n \t \nd@x.example";
        let numbers: Vec<i64> = plain(text.as_bytes()).into_iter().map(|(number, _)| number).collect();
        // The blank line that the lone CR before CRLF makes counts, as in every editor.
        assert_eq!(numbers, [1, 4, 7, 9, 12]);
        assert_eq!(
            plain(b"sep=;\r\nemail;name\r\na@x.example;A"),
            rows(&[(2, &["email", "name"]), (3, &["a@x.example", "A"])])
        );
    }

    #[test]
    fn limits_are_told_with_their_number() {
        let wide = format!("email\n{}", vec!["x"; COLUMNS + 1].join(","));
        let long = format!("email\n{}", "x".repeat(CELL + 1));
        let many = "a@x.example\n".repeat(ROWS + 2);
        let open = "email\na@x.example\n\"b@x.example\nc@x.example\n".to_owned();
        for (text, status, words) in [
            (wide, 413, "Line 2 has more than 64 columns"),
            (long, 413, "Line 2, column 1 holds more than 4,096 characters"),
            (many, 413, "more than 100,000 lines"),
            (open, 400, "Line 3"),
        ] {
            let refusal = lines(text.as_bytes()).expect_err(words);
            assert_eq!(refusal.status(), status, "{words}");
            assert!(refusal.text().contains(words), "{refusal:?}");
        }
        assert_eq!(lines(&vec![b'x'; BYTES + 1]).expect_err("too large").status(), 413);
        assert_eq!(
            plain(format!("e{}\na@x.example", ",".repeat(1_000)).as_bytes()).len(),
            2,
            "empty columns are none"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = lines(&bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|[\"',;\t\r\n\0=PK]){0,200}") {
            let _ = lines(text.as_bytes());
        }

        /// Whatever stands in the cells, and however lines end, each comes back from the line on which it was written.
        #[test]
        fn what_was_written_is_read(
            table in proptest::collection::vec(proptest::collection::vec("[a-zà-ü \",;\\n]{0,12}", 1..6), 1..20),
            gaps in proptest::collection::vec(0usize..3, 20),
            end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        ) {
            let mut text = String::from("first,second\n");
            let mut wanted = vec![(1, vec!["first".to_owned(), "second".to_owned()])];
            let mut line = 2;
            for (row, gap) in table.iter().zip(&gaps) {
                text.push_str(&"\n".repeat(*gap));
                line += *gap as i64;
                let quoted: Vec<String> = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
                let mut cells: Vec<String> = row.iter().map(|cell| cell.trim().to_owned()).collect();
                while cells.last().is_some_and(String::is_empty) {
                    cells.pop();
                }
                if !cells.is_empty() {
                    wanted.push((line, cells));
                }
                text.push_str(&quoted.join(","));
                text.push('\n');
                line += 1 + row.iter().map(|cell| cell.matches('\n').count() as i64).sum::<i64>();
            }
            prop_assert_eq!(plain(text.replace('\n', end).as_bytes()), wanted);
        }
    }
}
