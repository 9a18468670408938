//! Files for spreadsheets, in which no cell can become a formula (SECURITY C26).

use actix_web::HttpResponse;

use crate::error::{Error, Result};

/// The cell as it stands in the file: what a spreadsheet would take for a formula gets an apostrophe in front.
pub fn cell(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠']);
    if risky { format!("'{text}") } else { text.to_owned() }
}

/// A cell of a file that is written in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Words that somebody may have typed.
    Text(String),
    /// A number that was counted here, which stays one below zero too.
    Number(String),
}

impl Field {
    /// A whole number.
    pub fn count(number: i64) -> Self {
        Self::Number(number.to_string())
    }
    /// A number of which the millionths are given, with as many decimals as it has.
    pub fn millionths(number: i64) -> Self {
        let (size, sign) = (number.unsigned_abs(), if number < 0 { "-" } else { "" });
        let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
        Self::Number(text.trim_end_matches('0').trim_end_matches('.').to_owned())
    }
    /// The cell as it stands in the file.
    fn written(self) -> String {
        match self {
            Self::Text(text) => cell(&text),
            Self::Number(text) => text,
        }
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A file to save, UTF-8 with a mark that spreadsheets recognise, lines ended as RFC 4180 says.
pub fn download(name: &str, head: &[&str], lines: impl Iterator<Item = Vec<String>>) -> Result<HttpResponse> {
    let failed = |error: csv::Error| Error::Internal(format!("csv: {error}"));
    let mut file = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    file.write_record(head).map_err(failed)?;
    for line in lines {
        file.write_record(line.iter().map(|text| cell(text))).map_err(failed)?;
    }
    let body = file
        .into_inner()
        .map_err(|error| Error::Internal(format!("csv: {error}")))?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", format!("attachment; filename=\"{name}\"")))
        .body(body))
}

/// Lines of a file that is written in parts, the first of which has the `head`.
pub fn lines<F: Into<Field>>(head: &[&str], lines: impl Iterator<Item = Vec<F>>) -> Result<Vec<u8>> {
    let failed = |error: csv::Error| Error::Internal(format!("csv: {error}"));
    let mark: &[u8] = if head.is_empty() { b"" } else { "\u{feff}".as_bytes() };
    let mut file = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(mark.to_vec());
    if !head.is_empty() {
        file.write_record(head).map_err(failed)?;
    }
    for line in lines {
        file.write_record(line.into_iter().map(|field| field.into().written()))
            .map_err(failed)?;
    }
    file.into_inner()
        .map_err(|error| Error::Internal(format!("csv: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_becomes_a_formula() {
        for text in [
            "=1+1",
            "+x@y.example",
            "-x",
            "@x",
            "\t=1",
            "\r=1",
            "\n=1",
            "|x",
            "%x",
            "＝1",
            "＋1",
            "－1",
            "＠1",
        ] {
            assert!(cell(text).starts_with('\''), "{text}");
        }
        assert_eq!(cell("ann@x.example"), "ann@x.example");
    }

    #[test]
    fn what_was_counted_stays_a_number() {
        let line = vec![
            Field::from("-1".to_owned()),
            Field::millionths(-2_500_000),
            Field::millionths(10_000_000),
            Field::millionths(1),
            Field::millionths(0),
            Field::count(-3),
        ];
        let bytes = lines(&[], std::iter::once(line)).expect("a line");
        assert_eq!(String::from_utf8_lossy(&bytes), "'-1,-2.5,10,0.000001,0,-3\r\n");
    }
}
