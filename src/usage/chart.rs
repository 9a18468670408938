//! A bar chart of amounts by day, drawn on the server: percentages across, pixels down, so that text never scales.

use jiff::civil::Date;

/// How much room a chart has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The width of a page.
    Page,
    /// A card among others.
    Card,
}

impl Size {
    /// From the top to the base, in pixels.
    const fn height(self) -> u16 {
        match self {
            Self::Page => 190,
            Self::Card => 96,
        }
    }
    /// The marks of the scale, as parts of the whole, from the top.
    const fn marks(self) -> &'static [f64] {
        match self {
            Self::Page => &[1.0, 0.75, 0.5, 0.25, 0.0],
            Self::Card => &[1.0, 0.5, 0.0],
        }
    }
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Where it begins, in percent.
    pub x: String,
    /// How wide it is, in percent.
    pub width: String,
    /// Where its top is, in pixels.
    pub y: String,
    /// How high it is, in pixels.
    pub height: String,
    /// Where its label stands, in percent.
    pub middle: String,
    /// The day, in short.
    pub day: String,
    /// The amount in words.
    pub amount: String,
    /// How many events.
    pub events: String,
    /// What stands below it; empty for nothing.
    pub label: String,
    /// Whether the label is left out where there is little room.
    pub is_optional: bool,
    /// Whether the day is not over.
    pub is_now: bool,
}

/// The chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Where the base is, in pixels from the top.
    pub base: u16,
    /// The words of the scale, from the top.
    pub scale: Vec<String>,
    /// Where its lines are, in pixels, from the top, without the base.
    pub lines: Vec<String>,
    /// Its bars.
    pub bars: Vec<Bar>,
    /// What it shows, in one sentence.
    pub finding: String,
}

/// A day of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The day.
    pub date: Date,
    /// Micro-credits.
    pub amount: i64,
    /// Events.
    pub events: i64,
}

/// The least number of the kind 1, 2, 2.5, 4 or 5 times a power of ten that is not below a number; it divides by four.
fn top(most: i64) -> f64 {
    let most = (most.max(1)) as f64 / 1e6;
    let power = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|top| *top >= most)
        .unwrap_or(10.0 * power)
}

fn short(date: Date) -> String {
    date.strftime("%-d %b").to_string()
}

impl Chart {
    /// A chart of days; `show` writes an amount in words.
    pub fn new(days: &[Day], today: Date, size: Size, show: impl Fn(i64) -> String) -> Self {
        let whole = f64::from(size.height());
        let top = top(days.iter().map(|day| day.amount).max().unwrap_or(0));
        let step = 100.0 / days.len().max(1) as f64;
        let every = days.len().div_ceil(31);
        let bars = days
            .iter()
            .enumerate()
            .map(|(place, day)| {
                let height = (day.amount.max(0) as f64 / 1e6 / top * whole).min(whole);
                let x = step * place as f64;
                let is_first = place == 0 || day.date.day() == 1;
                let label = match every {
                    // A card has room for a label a week.
                    1 if size == Size::Card && place % 7 != 0 => String::new(),
                    1 if is_first => short(day.date),
                    1 => day.date.day().to_string(),
                    _ if place % 14 == 0 => short(day.date),
                    _ => String::new(),
                };
                Bar {
                    x: format!("{:.2}%", x + step * 0.16),
                    width: format!("{:.2}%", step * 0.68),
                    y: format!("{:.1}", whole - height),
                    height: format!("{height:.1}"),
                    middle: format!("{:.2}%", x + step / 2.0),
                    day: short(day.date),
                    amount: show(day.amount),
                    events: crate::web::filters::number(day.events),
                    label,
                    is_optional: size == Size::Page && every == 1 && !is_first && place % 2 == 1,
                    is_now: day.date == today,
                }
            })
            .collect();
        let micros = |part: f64| (top * part * 1e6).round() as i64;
        Self {
            base: size.height(),
            scale: size.marks().iter().map(|part| show(micros(*part))).collect(),
            lines: size
                .marks()
                .iter()
                .filter(|part| **part > 0.0)
                .map(|part| format!("{:.1}", whole * (1.0 - part)))
                .collect(),
            bars,
            finding: finding(days, show),
        }
    }
}

fn finding(days: &[Day], show: impl Fn(i64) -> String) -> String {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return "No days yet".to_owned();
    };
    let range = format!("Usage by day, {} to {}", short(first.date), short(last.date));
    match days.iter().max_by_key(|day| day.amount) {
        Some(most) if most.amount > 0 => {
            let total = days.iter().map(|day| day.amount).fold(0, i64::saturating_add);
            format!(
                "{range}: {} in all, most on {} with {}",
                show(total),
                short(most.date),
                show(most.amount)
            )
        }
        _ => format!("{range}: nothing was used"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_keeps_to_its_frame_and_says_what_it_shows() {
        let day = |day: i8, amount: i64| Day {
            date: jiff::civil::date(2026, 11, day),
            amount: amount * 1_000_000,
            events: 1,
        };
        let days = [day(1, 3), day(2, 0), day(3, 7), day(4, -2)];
        let chart = Chart::new(&days, jiff::civil::date(2026, 11, 4), Size::Page, |micros| {
            format!("{}", micros / 1_000_000)
        });
        assert_eq!(chart.scale, ["8", "6", "4", "2", "0"]);
        assert_eq!(
            chart.finding,
            "Usage by day, 1 Nov to 4 Nov: 8 in all, most on 3 Nov with 7"
        );
        assert_eq!(chart.bars[2].height, "166.2");
        assert_eq!(
            (chart.bars[3].height.as_str(), chart.bars[3].is_now),
            ("0.0", true),
            "a correction draws nothing"
        );
        assert_eq!(chart.lines, ["0.0", "47.5", "95.0", "142.5"]);
        let none = Chart::new(&[day(1, 0)], jiff::civil::date(2026, 11, 1), Size::Page, |micros| {
            micros.to_string()
        });
        assert_eq!(none.finding, "Usage by day, 1 Nov to 1 Nov: nothing was used");
        assert_eq!(none.bars[0].height, "0.0");
    }

    #[test]
    fn a_chart_of_a_card_is_lower_and_names_a_day_a_week() {
        let days: Vec<Day> = (1..=30)
            .map(|day| Day {
                date: jiff::civil::date(2026, 11, day),
                amount: i64::from(day) * 1_000_000,
                events: 1,
            })
            .collect();
        let chart = Chart::new(&days, jiff::civil::date(2026, 11, 30), Size::Card, |micros| {
            format!("{}", micros / 1_000_000)
        });
        assert_eq!((chart.base, chart.bars.len()), (96, 30));
        assert_eq!(
            (chart.scale, chart.lines),
            (
                vec!["40".into(), "20".into(), "0".into()],
                vec!["0.0".into(), "48.0".into()]
            )
        );
        let labels: Vec<&str> = chart
            .bars
            .iter()
            .map(|bar| bar.label.as_str())
            .filter(|text| !text.is_empty())
            .collect();
        assert_eq!(labels, ["1 Nov", "8", "15", "22", "29"]);
    }

    #[test]
    fn the_scale_reaches_over_every_amount() {
        for most in [1, 999_999, 1_000_000, 1_000_001, 9_999_999, 12_345_678_901, i64::MAX] {
            let top = top(most);
            assert!(
                top * 1.000_001 >= most as f64 / 1e6 && top <= most as f64 / 1e6 * 10.0 + 1e-5,
                "{most}: {top}"
            );
        }
    }
}
