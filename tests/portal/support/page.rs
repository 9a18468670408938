//! A page as a reader sees it: headings, rows, cells, fields.

use scraper::{ElementRef, Html, Selector};

/// A parsed page or fragment.
#[derive(Debug, Clone)]
pub struct Page {
    html: String,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The heads of the table.
    pub heads: Vec<String>,
    /// The cells, in order.
    pub cells: Vec<String>,
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("a selector")
}

fn words(element: ElementRef<'_>) -> String {
    element
        .text()
        .collect::<Vec<_>>()
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

impl Page {
    /// Parses a page or a fragment (rows of a table included).
    pub fn parse(html: &str) -> Self {
        let is_rows = html.trim_start().starts_with("<tr");
        Self {
            html: if is_rows {
                format!("<table><tbody>{html}</tbody></table>")
            } else {
                html.to_owned()
            },
        }
    }
    fn document(&self) -> Html {
        Html::parse_document(&self.html)
    }
    /// The raw text.
    pub fn html(&self) -> &str {
        &self.html
    }
    /// The visible words of the whole page.
    pub fn text(&self) -> String {
        words(self.document().root_element())
    }
    /// The words of each element that matches.
    pub fn all(&self, css: &str) -> Vec<String> {
        self.document().select(&selector(css)).map(words).collect()
    }
    /// The words of the first element that matches, empty for none.
    pub fn first(&self, css: &str) -> String {
        self.all(css).into_iter().next().unwrap_or_default()
    }
    /// How many elements match.
    pub fn count(&self, css: &str) -> usize {
        self.all(css).len()
    }
    /// An attribute of the first element that matches.
    pub fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.document()
            .select(&selector(css))
            .next()?
            .attr(name)
            .map(str::to_owned)
    }
    /// An attribute of every element that matches.
    pub fn attributes(&self, css: &str, name: &str) -> Vec<String> {
        self.document()
            .select(&selector(css))
            .filter_map(|element| element.attr(name).map(str::to_owned))
            .collect()
    }
    /// The value of a named field.
    pub fn value(&self, name: &str) -> Option<String> {
        self.attribute(&format!("input[name=\"{name}\"], textarea[name=\"{name}\"]"), "value")
    }
    /// Asserts the page's heading.
    #[track_caller]
    pub fn assert_heading(&self, text: &str) {
        let found = self.first("h1");
        assert!(
            found.contains(text),
            "the heading is {found:?}, not {text:?}: {}",
            self.text()
        );
    }
    /// Asserts that the page says something.
    #[track_caller]
    pub fn assert_says(&self, text: &str) {
        assert!(
            self.text().contains(text),
            "the page does not say {text:?}: {}",
            self.text()
        );
    }
    /// Asserts that the page does not say something.
    #[track_caller]
    pub fn assert_silent(&self, text: &str) {
        assert!(!self.text().contains(text), "the page says {text:?}: {}", self.text());
    }
    /// The rows of the tables' bodies.
    pub fn rows(&self) -> Vec<Row> {
        let document = self.document();
        let mut rows = Vec::new();
        for table in document.select(&selector("table")) {
            let heads: Vec<String> = table.select(&selector("thead th")).map(words).collect();
            for row in table.select(&selector("tbody tr")) {
                rows.push(Row {
                    heads: heads.clone(),
                    cells: row.select(&selector(":scope > th, :scope > td")).map(words).collect(),
                });
            }
        }
        rows
    }
    /// The row that holds some words.
    #[track_caller]
    pub fn row(&self, text: &str) -> Row {
        self.find_row(text)
            .unwrap_or_else(|| panic!("no row with {text:?}: {}", self.text()))
    }
    /// The row that holds some words, if there is one.
    pub fn find_row(&self, text: &str) -> Option<Row> {
        self.rows()
            .into_iter()
            .find(|row| row.cells.iter().any(|cell| cell.contains(text)))
    }
}

impl Row {
    /// The words of the cell under a head.
    #[track_caller]
    pub fn cell(&self, head: &str) -> &str {
        let place = self
            .heads
            .iter()
            .position(|known| known.contains(head))
            .unwrap_or_else(|| panic!("no column {head:?} in {:?}", self.heads));
        &self.cells[place]
    }
    /// Asserts the words of the cell under a head.
    #[track_caller]
    pub fn assert_cell(&self, head: &str, text: &str) {
        assert!(
            self.cell(head).contains(text),
            "{head} is {:?}, not {text:?}",
            self.cell(head)
        );
    }
}
