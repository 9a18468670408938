//! Amounts: micro-credits as integers, read from what people type and shown in the organization's unit.
//!
//! What could be read in two ways is refused, because a limit a thousand times too high is found out too late: `1,00`, `1.000`,
//! `1.000,5`. One credit is one unit of the currency where an organization thinks in money.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Micro-credits of one credit.
const SCALE: i64 = 1_000_000;
/// The largest amount, in credits; sums of millions of them fit.
const MOST: i64 = 1_000_000_000_000;

/// An amount in micro-credits, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type, Serialize, Deserialize)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct Amount(i64);

/// The currencies that an organization can think in: code and sign.
pub const CURRENCIES: [(&str, &str); 16] = [
    ("USD", "$"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("JPY", "¥"),
    ("INR", "₹"),
    ("AUD", "A$"),
    ("BRL", "R$"),
    ("CAD", "CA$"),
    ("CHF", "CHF"),
    ("DKK", "DKK"),
    ("GHS", "GHS"),
    ("MAD", "MAD"),
    ("NOK", "NOK"),
    ("PLN", "PLN"),
    ("SEK", "SEK"),
    ("TRY", "₺"),
];

/// What an organization counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Credits.
    Credit,
    /// A currency, by its code.
    Currency(&'static str),
}

impl Unit {
    /// Finds a currency by its code.
    pub fn currency(code: &str) -> Option<Self> {
        let known = CURRENCIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code))?;
        Some(Self::Currency(known.0))
    }
    /// The sign before an amount; empty for credits.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Credit => "",
            Self::Currency(code) => CURRENCIES
                .iter()
                .find(|(known, _)| *known == code)
                .map_or(code, |(_, sign)| sign),
        }
    }
    /// What the head of a column says behind "Limit".
    pub const fn head(self) -> &'static str {
        match self {
            Self::Credit => "credits",
            Self::Currency(code) => code,
        }
    }
}

impl Amount {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);

    /// Wraps micro-credits; negative ones are no amount.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < 0 { None } else { Some(Self(micros)) }
    }
    /// Whole credits, at most the largest amount.
    pub const fn credits(credits: u32) -> Self {
        Self(credits as i64 * SCALE)
    }
    /// Micro-credits.
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// Both together; none beyond what an integer holds.
    pub const fn plus(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The size of a number of micro-credits; what is worth a hundredth of a unit or more is rounded to hundredths.
    pub fn rounded(micros: i64) -> Self {
        let size = micros.saturating_abs();
        let rounded = if size >= 10_000 {
            size.saturating_add(5_000) / 10_000 * 10_000
        } else {
            size
        };
        Self::from_micros(rounded).unwrap_or(Self::ZERO)
    }

    /// Reads what a person typed: `1,000`, `1 000`, `1_000`, `0.5`, and with the organization's own unit `$50` or `50 credits`.
    pub fn parse(field: &'static str, text: &str, unit: Unit) -> Result<Self> {
        read(text, unit).map_err(|sentence| Error::invalid(field, sentence))
    }

    /// The amount in words: "450 credits", "$400", "$0.50".
    pub fn show(self, unit: Unit) -> String {
        match unit {
            Unit::Credit if self.0 == SCALE => "1 credit".to_owned(),
            Unit::Credit => format!("{} credits", self.plain(unit)),
            Unit::Currency(_) => {
                let sign = unit.sign();
                let gap = if sign.ends_with(char::is_alphabetic) {
                    "\u{a0}"
                } else {
                    ""
                };
                format!("{sign}{gap}{}", self.plain(unit))
            }
        }
    }

    /// The number alone, for a column whose head names the unit: "450", "0.5"; money has no decimals or at least two.
    pub fn plain(self, unit: Unit) -> String {
        let (whole, fraction) = (self.0 / SCALE, self.0 % SCALE);
        let mut digits = decimals(fraction);
        if unit != Unit::Credit && digits.len() == 1 {
            digits.push('0');
        }
        let point = if digits.is_empty() { "" } else { "." };
        format!("{}{point}{digits}", crate::web::filters::number(whole))
    }

    /// The number as a form's field holds it, which reads back as the same amount in every unit.
    pub fn field(self) -> String {
        let (whole, fraction) = (self.0 / SCALE, self.0 % SCALE);
        let mut digits = decimals(fraction);
        if digits.len() == 3 {
            digits.push('0'); // three decimals look like thousands
        }
        let point = if digits.is_empty() { "" } else { "." };
        format!("{whole}{point}{digits}")
    }
}

/// An amount in words, which may be below zero; what is worth a hundredth of a unit or more is rounded to hundredths.
pub fn words(micros: i64, unit: Unit) -> String {
    let text = Amount::rounded(micros).show(unit);
    if micros < 0 { format!("\u{2212}{text}") } else { text }
}

/// Credits as a plain decimal number, for records.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Unit::Credit))
    }
}

/// Millionths without the zeros at the end.
fn decimals(fraction: i64) -> String {
    let digits = if fraction == 0 {
        String::new()
    } else {
        format!("{fraction:06}")
    };
    digits.trim_end_matches('0').to_owned()
}

const EXAMPLE: &str = "Enter a number such as 1,000 or 0.5.";

fn read(text: &str, unit: Unit) -> Result<Amount, String> {
    let number = without_unit(text.trim(), unit)?;
    if number.is_empty() {
        return Err(format!("Enter an amount. {EXAMPLE}"));
    }
    if number.starts_with(['-', '\u{2212}', '\u{2013}']) {
        return Err("A limit is not negative. Enter 0 to allow nothing.".to_owned());
    }
    if number.chars().count() > 40
        || !number
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.' || is_separator(c))
    {
        return Err(format!("This is no amount. {EXAMPLE}"));
    }
    let (whole, fraction) = match number.split_once('.') {
        None => (number, None),
        Some((_, rest)) if rest.contains(|c| c == '.' || is_separator(c)) => {
            return Err("Use a point for decimals and commas between thousands, as in 1,000.5.".to_owned());
        }
        Some((whole, rest)) => (whole, Some(rest)),
    };
    let whole_digits = ungrouped(whole, number)?;
    let fraction = fraction.unwrap_or("0");
    if fraction.is_empty() || whole_digits.is_empty() {
        return Err(format!("The point stands between digits. {EXAMPLE}"));
    }
    if fraction.len() == 3 && whole.len() <= 3 && !whole_digits.starts_with('0') {
        return Err(format!(
            "“{number}” can be read as {whole_digits}{fraction} or as a little more than {whole_digits}. Write {whole_digits},{fraction} or {number}0."
        ));
    }
    if fraction.len() > 6 {
        return Err("Use at most 6 decimals.".to_owned());
    }
    let whole: i64 = whole_digits.parse().map_err(|_| too_much())?;
    let millionths: i64 = format!("{fraction:0<6}").parse().map_err(|_| too_much())?;
    whole
        .checked_mul(SCALE)
        .and_then(|micros| micros.checked_add(millionths))
        .filter(|micros| *micros <= MOST * SCALE)
        .map(Amount)
        .ok_or_else(too_much)
}

fn too_much() -> String {
    format!(
        "The largest amount is {}. Choose unlimited instead.",
        crate::web::filters::number(MOST)
    )
}

/// Whether a character stands between thousands.
const fn is_separator(c: char) -> bool {
    matches!(
        c,
        ',' | ' ' | '_' | '\'' | '\u{2019}' | '\u{a0}' | '\u{2009}' | '\u{202f}'
    )
}

/// The digits before the point, with thousands put together.
fn ungrouped(whole: &str, number: &str) -> Result<String, String> {
    let mut separators = whole.chars().filter(|c| is_separator(*c));
    let Some(separator) = separators.next() else {
        return Ok(whole.to_owned());
    };
    if separators.any(|other| other != separator) {
        return Err(format!("Use one sign between thousands. {EXAMPLE}"));
    }
    let groups: Vec<&str> = whole.split(separator).collect();
    let fits = groups.iter().enumerate().all(|(place, group)| {
        if place == 0 {
            (1..=3).contains(&group.len())
        } else {
            group.len() == 3
        }
    });
    if !fits || groups[0].starts_with('0') {
        return Err(format!(
            "“{number}” can be read in more than one way. Use a point for decimals and groups of three digits for thousands, as in 1,000.5."
        ));
    }
    Ok(groups.concat())
}

/// The text without the organization's own unit; another one is refused.
fn without_unit(text: &str, unit: Unit) -> Result<&str, String> {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '\u{2212}' | '\u{2013}') || is_separator(c);
    let number = text.trim_matches(|c: char| !is_number(c)).trim();
    let before = text.split(is_number).next().unwrap_or_default().trim();
    let after = text.rsplit(is_number).next().unwrap_or_default().trim();
    if number.is_empty() {
        return if text.is_empty() {
            Ok(text)
        } else {
            Err(format!("This is no amount. {EXAMPLE}"))
        };
    }
    for word in [before, after] {
        let is_own = word.is_empty()
            || match unit {
                Unit::Credit => ["credit", "credits"].contains(&word.to_lowercase().as_str()),
                Unit::Currency(code) => word == unit.sign() || word.eq_ignore_ascii_case(code),
            };
        if is_own {
            continue;
        }
        let is_money = word.chars().all(|c| !c.is_alphanumeric()) || Unit::currency(word).is_some();
        return Err(match unit {
            Unit::Credit if is_money => {
                "This organization counts in credits. Enter the number of credits alone.".to_owned()
            }
            Unit::Currency(code) if is_money || word.eq_ignore_ascii_case("credits") => {
                format!("This organization counts in {code}. Enter the number alone.")
            }
            _ => format!("This is no amount. {EXAMPLE}"),
        });
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOLLARS: Unit = Unit::Currency("USD");

    fn micros(text: &str, unit: Unit) -> i64 {
        Amount::parse("amount", text, unit)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .micros()
    }

    #[test]
    fn what_people_type_is_read() {
        for (text, credits) in [
            ("1000", 1_000.0),
            ("1,000", 1_000.0),
            ("1 000", 1_000.0),
            ("1_000", 1_000.0),
            ("1'000", 1_000.0),
            ("1\u{202f}000\u{202f}000", 1_000_000.0),
            ("12,345,678.9", 12_345_678.9),
            (" 0.5 ", 0.5),
            ("0.500", 0.5),
            ("1,000.500", 1_000.5),
            ("1000.500", 1_000.5),
            ("0.000001", 0.000_001),
            ("007", 7.0),
            ("0", 0.0),
        ] {
            assert_eq!(micros(text, Unit::Credit), (credits * 1e6_f64).round() as i64, "{text}");
            assert_eq!(micros(text, DOLLARS), micros(text, Unit::Credit), "{text}");
        }
        assert_eq!(micros("$50", DOLLARS), 50_000_000);
        assert_eq!(micros("$ 1,250.50", DOLLARS), 1_250_500_000);
        assert_eq!(micros("50 usd", DOLLARS), 50_000_000);
        assert_eq!(micros("€ 7", Unit::Currency("EUR")), 7_000_000);
        assert_eq!(micros("CHF 7", Unit::Currency("CHF")), 7_000_000);
        assert_eq!(micros("450 credits", Unit::Credit), 450_000_000);
        assert_eq!(micros("1,000,000,000,000", Unit::Credit), i64::pow(10, 18));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_with_the_remedy() {
        for (text, unit, says) in [
            ("1,00", Unit::Credit, "more than one way"),
            ("1.000", Unit::Credit, "Write 1,000 or 1.0000."),
            ("12.500", DOLLARS, "can be read as"),
            ("1.000,5", Unit::Credit, "a point for decimals"),
            ("1.000.000", Unit::Credit, "a point for decimals"),
            ("1,000,5", Unit::Credit, "more than one way"),
            ("0,500", Unit::Credit, "more than one way"),
            ("1 000,000", Unit::Credit, "one sign"),
            ("", Unit::Credit, "Enter an amount"),
            ("-5", Unit::Credit, "not negative"),
            ("$-5", DOLLARS, "not negative"),
            ("1e9", Unit::Credit, "no amount"),
            ("NaN", Unit::Credit, "no amount"),
            ("inf", DOLLARS, "no amount"),
            ("0x10", Unit::Credit, "no amount"),
            ("+5", Unit::Credit, "credits"),
            ("5%", Unit::Credit, "credits"),
            (".5", Unit::Credit, "between digits"),
            ("5.", Unit::Credit, "between digits"),
            (",", Unit::Credit, "more than one way"),
            ("0.0000001", Unit::Credit, "at most 6 decimals"),
            ("1000000000001", Unit::Credit, "largest amount"),
            ("99999999999999999999999", Unit::Credit, "largest amount"),
            ("$50", Unit::Credit, "counts in credits"),
            ("€50", DOLLARS, "counts in USD"),
            ("50 EUR", DOLLARS, "counts in USD"),
            ("50 credits", DOLLARS, "counts in USD"),
            ("fifty", Unit::Credit, "no amount"),
            ("٥", Unit::Credit, "no amount"),
        ] {
            let error = Amount::parse("amount", text, unit).expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn amounts_are_shown_in_the_unit() {
        let show = |micros, unit| Amount(micros).show(unit);
        assert_eq!(show(450_000_000, Unit::Credit), "450 credits");
        assert_eq!(show(1_000_000, Unit::Credit), "1 credit");
        assert_eq!(show(0, Unit::Credit), "0 credits");
        assert_eq!(show(1_234_500_000, Unit::Credit), "1,234.5 credits");
        assert_eq!(show(400_000_000, DOLLARS), "$400");
        assert_eq!(show(500_000, DOLLARS), "$0.50");
        assert_eq!(show(1_204_125_000, DOLLARS), "$1,204.125");
        assert_eq!(show(7_000_000, Unit::Currency("CHF")), "CHF\u{a0}7");
        assert_eq!(show(7_000_000, Unit::Currency("AUD")), "A$7");
        assert_eq!(Amount(1_125_000).field(), "1.1250");
        assert_eq!(Amount(2_000_000_000).field(), "2000");
    }

    proptest! {
        #[test]
        fn an_amount_in_a_field_reads_back_as_itself(micros in 0..=MOST * SCALE, code in 0..CURRENCIES.len()) {
            let amount = Amount(micros);
            for unit in [Unit::Credit, Unit::Currency(CURRENCIES[code].0)] {
                prop_assert_eq!(Amount::parse("amount", &amount.field(), unit).unwrap(), amount);
            }
        }

        #[test]
        fn what_is_shown_is_never_read_as_another_amount(micros in 0..=MOST * SCALE, code in 0..CURRENCIES.len()) {
            let amount = Amount(micros);
            for unit in [Unit::Credit, Unit::Currency(CURRENCIES[code].0)] {
                if let Ok(read) = Amount::parse("amount", &amount.show(unit), unit) {
                    prop_assert_eq!(read, amount);
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic_or_leave_the_range(text in "\\PC{0,24}") {
            if let Ok(amount) = Amount::parse("amount", &text, DOLLARS) {
                prop_assert!((0..=MOST * SCALE).contains(&amount.micros()));
            }
        }

        #[test]
        fn digits_and_signs_never_panic(text in "[0-9.,_ '$-]{0,24}") {
            for unit in [Unit::Credit, DOLLARS] {
                if let Ok(amount) = Amount::parse("amount", &text, unit) {
                    prop_assert!((0..=MOST * SCALE).contains(&amount.micros()));
                }
            }
        }
    }
}
