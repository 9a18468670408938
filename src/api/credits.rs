//! Amounts as machines write them: decimal credits with at most six places, exact.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const PLACES: usize = 6;
const ONE: i64 = 1_000_000;
/// A sign, thirteen digits, a point and six digits.
const LONGEST: usize = 24;

/// An amount of credits, in micro-credits inside. In JSON it is read from a string or a number and written as a string, so that no
/// client rounds it.
///
/// ```
/// use muster::api::Credits;
///
/// assert_eq!("12.5".parse(), Ok(Credits::from_micros(12_500_000)));
/// assert_eq!(Credits::from_micros(-250_000).to_string(), "-0.25");
/// assert!("0.0000001".parse::<Credits>().is_err());
/// assert!("1,000".parse::<Credits>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Credits(i64);

/// The text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give the amount in credits as a decimal with at most six places, such as \"12.5\"")]
pub struct BadCredits;

impl Credits {
    /// Wraps micro-credits.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    /// In micro-credits.
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl std::str::FromStr for Credits {
    type Err = BadCredits;
    fn from_str(text: &str) -> Result<Self, BadCredits> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || part.len() > PLACES {
            return Err(BadCredits);
        }
        let whole: i64 = whole.parse().map_err(|_| BadCredits)?;
        let places = 10_i64.pow((PLACES - part.len()) as u32);
        let part = part.parse::<i64>().map_err(|_| BadCredits)? * places;
        let micros = whole
            .checked_mul(ONE)
            .and_then(|whole| whole.checked_add(part))
            .ok_or(BadCredits)?;
        Ok(Self(if negative { -micros } else { micros }))
    }
}

/// An amount as it is written, with the place where it ends.
pub(super) struct Written([u8; LONGEST], usize);

impl Written {
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0[..self.1]).unwrap_or_default()
    }
}

impl Credits {
    /// Answers hold ten of them, thousands of times a second, so it is done by hand.
    pub(super) fn written(self) -> Written {
        let (micros, one) = (self.0.unsigned_abs(), ONE.unsigned_abs());
        let (mut text, mut end) = ([0; LONGEST], 0);
        let mut put = |bytes: &[u8]| {
            text[end..end + bytes.len()].copy_from_slice(bytes);
            end += bytes.len();
        };
        if self.0 < 0 {
            put(b"-");
        }
        put(itoa::Buffer::new().format(micros / one).as_bytes());
        let part = micros % one;
        if part > 0 {
            // The digit before the six keeps their zeros.
            let mut digits = itoa::Buffer::new();
            put(b".");
            put(&digits.format(one + part).trim_end_matches('0').as_bytes()[1..]);
        }
        Written(text, end)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.written().as_str())
    }
}

impl Serialize for Credits {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.written().as_str())
    }
}

impl<'de> Deserialize<'de> for Credits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Credits;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an amount of credits, such as \"12.5\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Credits, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Credits, E> {
                number.checked_mul(ONE).map(Credits).ok_or(E::custom(BadCredits))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Credits, E> {
                i64::try_from(number)
                    .map_err(|_| E::custom(BadCredits))
                    .and_then(|number| self.visit_i64(number))
            }
            // The shortest text that reads back as the same number is what the sender wrote, up to fifteen digits.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Credits, E> {
                number.to_string().parse().map_err(E::custom)
            }
        }
        from.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_and_numbers_are_read_exactly() {
        for (text, micros) in [
            ("\"0.1\"", 100_000),
            ("0.1", 100_000),
            ("7", 7_000_000),
            ("\"-3\"", -3_000_000),
            ("1.000001", 1_000_001),
        ] {
            assert_eq!(
                serde_json::from_str::<Credits>(text).unwrap().micros(),
                micros,
                "{text}"
            );
        }
        for text in [
            "\"\"",
            "\".5\"",
            "\"5.\"",
            "\"1e3\"",
            "\"+1\"",
            "1e-9",
            "\"99999999999999999999\"",
            "null",
            "\"NaN\"",
        ] {
            assert!(serde_json::from_str::<Credits>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(micros in (-i64::MAX)..=i64::MAX) {
            let text = Credits::from_micros(micros).to_string();
            prop_assert_eq!(text.parse(), Ok(Credits::from_micros(micros)));
        }
    }
}
