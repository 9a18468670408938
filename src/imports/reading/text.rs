//! CSV: which encoding, which separator, and the records with the lines on which they begin.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek as _},
};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, WINDOWS_1252};

use super::{Nature, Refusal, Sink, failed, unreadable};
use crate::web::filters::number;

/// How much of a file is looked at to find its separator.
const SAMPLE: usize = 64 << 10;

/// How a text is written.
#[derive(Debug, Clone, Copy)]
struct Writing {
    encoding: &'static Encoding,
    /// How many bytes of a mark stand before it.
    mark: u64,
}

pub(super) fn read(file: &mut File, sink: &mut Sink<'_>) -> Result<Nature, Refusal> {
    let writing = writing(file)?;
    let (separator, declared) = separator(file, writing)?;
    file.seek(io::SeekFrom::Start(writing.mark))
        .map_err(|error| failed(&error))?;
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(Plain::new(&*file, writing.encoding));
    let mut record = csv::ByteRecord::new();
    let mut is_first = true;
    let mut last = (0, 0);
    loop {
        let found = records.read_byte_record(&mut record).map_err(refusal)?;
        if !found {
            break;
        }
        // The reader counts lines behind the record, and blank ones before it; what stands within it is known.
        let within: u64 = record
            .iter()
            .map(|cell| cell.iter().filter(|byte| **byte == b'\n').count() as u64)
            .sum();
        let begins = records.position().line().saturating_sub(1 + within).max(1);
        last = (begins, within);
        if std::mem::take(&mut is_first) && declared {
            continue;
        }
        let cells = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned());
        if !sink.take(begins, cells)? {
            return Ok(nature(writing, separator));
        }
    }
    // A cell that nothing closes takes in everything behind it, the last line's end too, which then ends no line.
    let (begins, within) = last;
    if within > 0 && records.get_ref().quotes % 2 == 1 {
        return Err(unreadable(format!(
            "Line {}: a quotation mark opens a cell and none closes it. Close it, or take it away.",
            number(begins as i64 + 1)
        )));
    }
    Ok(nature(writing, separator))
}

fn refusal(error: csv::Error) -> Refusal {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => match error.downcast::<Broken>() {
            Ok(Broken(text)) => Refusal::Unreadable(text),
            Err(error) => failed(&error),
        },
        _ => unreadable("This file cannot be read as CSV. Save it again as “CSV UTF-8”."),
    }
}

fn nature(writing: Writing, separator: u8) -> Nature {
    let separated = match separator {
        b';' => "semicolons",
        b'\t' => "tabs",
        b'|' => "bars",
        _ => "commas",
    };
    let name = if writing.encoding == WINDOWS_1252 {
        "Windows-1252"
    } else {
        writing.encoding.name().trim_end_matches("LE").trim_end_matches("BE")
    };
    Nature {
        words: format!("CSV with {separated}, {name}"),
        notice: if writing.encoding == WINDOWS_1252 {
            "This file is not written in UTF-8, so it was read as Windows-1252. Look whether accents and umlauts are right; if not, save it as “CSV UTF-8” and upload it again.".to_owned()
        } else {
            String::new()
        },
    }
}

/// Decides by the mark at the beginning, and without one by whether everything is UTF-8.
fn writing(file: &mut File) -> Result<Writing, Refusal> {
    let mut start = [0; 3];
    let mut length = 0;
    while length < 3 {
        match file.read(&mut start[length..]).map_err(|error| failed(&error))? {
            0 => break,
            n => length += n,
        }
    }
    if let Some((encoding, mark)) = Encoding::for_bom(&start[..length]) {
        return Ok(Writing {
            encoding,
            mark: mark as u64,
        });
    }
    file.rewind().map_err(|error| failed(&error))?;
    let mut decoder = UTF_8.new_decoder_without_bom_handling();
    let (mut raw, mut text) = (vec![0; 32 << 10], vec![0; 64 << 10]);
    loop {
        let count = file.read(&mut raw).map_err(|error| failed(&error))?;
        let (result, ..) = decoder.decode_to_utf8_without_replacement(&raw[..count], &mut text, count == 0);
        if matches!(result, DecoderResult::Malformed(..)) {
            return Ok(Writing {
                encoding: WINDOWS_1252,
                mark: 0,
            });
        }
        if count == 0 {
            return Ok(Writing {
                encoding: UTF_8,
                mark: 0,
            });
        }
    }
}

/// The sign that stands equally often on the first lines, and whether the first line does nothing but name it, as Excel writes it.
fn separator(file: &mut File, writing: Writing) -> Result<(u8, bool), Refusal> {
    file.seek(io::SeekFrom::Start(writing.mark))
        .map_err(|error| failed(&error))?;
    let mut sample = Vec::new();
    Plain::new(&*file, writing.encoding)
        .take(SAMPLE as u64)
        .read_to_end(&mut sample)
        .map_err(|error| match error.downcast::<Broken>() {
            Ok(Broken(text)) => Refusal::Unreadable(text),
            Err(error) => failed(&error),
        })?;
    let is_sign = |sign: &u8| matches!(sign, b',' | b';' | b'\t' | b'|');
    let first = sample.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if let Some([sign]) = first.strip_prefix(b"sep=")
        && is_sign(sign)
    {
        return Ok((*sign, true));
    }
    let mut best = (0, b',');
    for sign in [b',', b';', b'\t', b'|'] {
        let counts = counts(&sample, sign);
        let Some(first) = counts.first().copied().filter(|count| *count > 0) else {
            continue;
        };
        let alike = counts.iter().filter(|count| **count == first).count();
        let found = counts.iter().filter(|count| **count > 0).count();
        // Lines that agree count more than signs that happen to stand in names.
        let score = alike * 1_000 + found * 100 + first.min(99);
        if score > best.0 {
            best = (score, sign);
        }
    }
    Ok((best.1, false))
}

/// How often a sign stands outside quotation marks on each of the first lines that hold something.
fn counts(sample: &[u8], sign: u8) -> Vec<usize> {
    const LINES: usize = 30;
    let mut all = Vec::new();
    let (mut count, mut quoted, mut empty) = (0, false, true);
    for byte in sample {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                if !empty {
                    all.push(count);
                }
                (count, empty) = (0, true);
                if all.len() == LINES {
                    return all;
                }
                continue;
            }
            byte if *byte == sign && !quoted => count += 1,
            _ => {}
        }
        empty = false;
    }
    if !empty {
        all.push(count);
    }
    all
}

/// What makes a text no text, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

/// A text as UTF-8 whose lines all end with one LF, the last one too.
struct Plain<'f> {
    from: BufReader<&'f File>,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_place: usize,
    text: Vec<u8>,
    ready: Vec<u8>,
    place: usize,
    line: u64,
    is_after_cr: bool,
    is_over: bool,
    last: u8,
    /// How many quotation marks there were.
    quotes: u64,
}

impl<'f> Plain<'f> {
    fn new(from: &'f File, encoding: &'static Encoding) -> Self {
        Self {
            from: BufReader::new(from),
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: Vec::new(),
            raw_place: 0,
            text: vec![0; 32 << 10],
            ready: Vec::with_capacity(32 << 10),
            place: 0,
            line: 1,
            is_after_cr: false,
            is_over: false,
            last: b'\n',
            quotes: 0,
        }
    }

    fn broken(&self, what: &str) -> io::Error {
        io::Error::other(Broken(format!("Line {} {what}", number(self.line as i64))))
    }

    /// Makes the next part ready.
    fn next(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.place = 0;
        while self.ready.is_empty() && !self.is_over {
            if self.raw_place == self.raw.len() {
                self.raw.resize(16 << 10, 0);
                let count = self.from.read(&mut self.raw)?;
                self.raw.truncate(count);
                self.raw_place = 0;
            }
            let is_last = self.raw.is_empty();
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(&self.raw[self.raw_place..], &mut self.text, is_last);
            self.raw_place += read;
            for place in 0..written {
                self.push(self.text[place])?;
            }
            if matches!(result, DecoderResult::Malformed(..)) {
                return Err(self.broken("holds bytes that are no text in the encoding that the file’s first bytes name. Save it again as “CSV UTF-8”."));
            }
            if is_last && result == DecoderResult::InputEmpty {
                self.is_over = true;
                if self.last != b'\n' {
                    self.ready.push(b'\n');
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, byte: u8) -> io::Result<()> {
        let was_cr = std::mem::replace(&mut self.is_after_cr, byte == b'\r');
        let byte = match byte {
            b'\n' if was_cr => return Ok(()),
            b'\r' | b'\n' => {
                self.line += 1;
                b'\n'
            }
            // Old programs write a vertical tab for a line within a cell, and DOS ended files with 0x1a.
            b'\t' | 0x0b | 0x0c | 0x1a => byte,
            0..0x20 => {
                return Err(self.broken(
                    "holds control characters, so this is no text. Choose a CSV file or an Excel workbook (.xlsx).",
                ));
            }
            b'"' => {
                self.quotes += 1;
                byte
            }
            _ => byte,
        };
        self.last = byte;
        self.ready.push(if byte == 0x1a { b' ' } else { byte });
        Ok(())
    }
}

impl Read for Plain<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.place == self.ready.len() {
            self.next()?;
        }
        let count = to.len().min(self.ready.len() - self.place);
        to[..count].copy_from_slice(&self.ready[self.place..self.place + count]);
        self.place += count;
        Ok(count)
    }
}
