//! Logs: one line an event on standard error, as text or JSON, in which no logged value can forge a line or move a cursor.
use std::fmt;
use std::io;
use std::panic::PanicHookInfo;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt as layer};

use crate::config::{Config, LogFormat};

/// lettre's pool warns each time the last handle to it is dropped, which is how it is meant to end.
const QUIET: &str = "lettre::transport::smtp::pool=error";

/// Starts logging for the whole process, panics included; a second call changes nothing.
pub fn init(config: &Config) {
    // The log crate's records, which actix writes, come in by the bridge that `try_init` installs.
    use tracing_subscriber::util::SubscriberInitExt;
    if subscriber(&config.log, config.log_format, io::stderr)
        .try_init()
        .is_ok()
    {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// The subscriber of [`init`] with a writer of choice, for tests that read what was logged.
pub fn subscriber<W>(filter: &str, format: LogFormat, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let mut quiet = EnvFilter::new(filter);
    if !filter.contains("lettre")
        && let Ok(directive) = QUIET.parse()
    {
        quiet = quiet.add_directive(directive);
    }
    let base = layer::layer().with_writer(writer).with_ansi(false);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => base
            .event_format(Escaped {
                inner: Format::default().with_ansi(false),
                escape: text_escape,
            })
            .boxed(),
        LogFormat::Json => base
            .fmt_fields(JsonFields::new())
            .event_format(Escaped {
                inner: json_format(),
                escape: json_escape,
            })
            .boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(quiet))
}

fn json_format() -> Format<Json> {
    Format::default().json().flatten_event(true).with_current_span(false)
}

/// Formats an event by another format, then escapes whatever in it is not printable, so that an event is one line and
/// shows what it holds. Fields of spans pass through here too.
struct Escaped<F> {
    inner: F,
    escape: fn(char, &mut Writer<'_>) -> fmt::Result,
}

impl<F, S, N> FormatEvent<S, N> for Escaped<F>
where
    F: FormatEvent<S, N>,
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        for char in line.strip_suffix('\n').unwrap_or(&line).chars() {
            if is_printable(char) {
                writer.write_char(char)?;
            } else {
                (self.escape)(char, &mut writer)?;
            }
        }
        writer.write_char('\n')
    }
}

/// Whether a character shows as itself: control, format, direction and line-separating characters do not.
fn is_printable(char: char) -> bool {
    matches!(char, ' '..='~') || (!char.is_ascii() && char.escape_debug().len() == 1)
}

fn text_escape(char: char, writer: &mut Writer<'_>) -> fmt::Result {
    write!(writer, "{}", char.escape_default())
}

fn json_escape(char: char, writer: &mut Writer<'_>) -> fmt::Result {
    char.encode_utf16(&mut [0; 2])
        .iter()
        .try_for_each(|unit| write!(writer, "\\u{unit:04x}"))
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("a panic without a message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(message, place, "A part of Muster failed; this is a bug.");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(filter, format, move || writer.clone()), act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// What somebody might put into a name, a header or a path to rewrite the log he appears in.
    const EVIL: &str =
        "a\u{1b}[2Jb\r\nERROR forged\u{202e}c\u{2028}d\u{0}e\u{9b}f\u{7f}g\u{feff}h\u{200b}i\u{e0041}j\tk";

    fn log_everywhere() {
        let span = tracing::info_span!("request", path = EVIL, agent = %EVIL);
        let _inside = span.enter();
        tracing::info!(text = EVIL, shown = %EVIL, debugged = ?EVIL, "message {EVIL}");
        tracing::warn!("{}", EVIL);
        tracing::error!(error = &io::Error::other(EVIL) as &dyn std::error::Error);
    }

    #[test]
    fn cve_c34_log_injection() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = logged("info", format, log_everywhere);
            assert_eq!(log.lines().count(), 3, "one line an event: {log}");
            assert_eq!(log.matches('\n').count(), 3);
            for char in log.chars().filter(|char| *char != '\n') {
                assert!(is_printable(char), "{char:?} came out raw in {log}");
            }
            for (plain, wide) in [
                ("1b", "1b"),
                ("202e", "202e"),
                ("2028", "2028"),
                ("9b", "9b"),
                ("feff", "feff"),
            ] {
                let (text, json) = (format!("\\u{{{plain}}}"), format!("\\u{wide:0>4}"));
                assert!(
                    log.contains(&text) || log.contains(&json),
                    "U+{plain} is gone from {log}"
                );
            }
        }
    }

    #[test]
    fn json_lines_are_objects_that_give_the_values_back() {
        let log = logged("info", LogFormat::Json, log_everywhere);
        let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events[0]["text"], EVIL);
        assert_eq!(events[0]["message"], format!("message {EVIL}"));
        assert_eq!(events[0]["spans"][0]["path"], EVIL);
        assert_eq!(events[1]["level"], "WARN");
    }

    #[test]
    fn text_keeps_letters_of_all_scripts() {
        let log = logged(
            "info",
            LogFormat::Text,
            || tracing::info!(name = %"Zoë Łukasz 王 Ωmega", "signed in"),
        );
        assert!(log.ends_with("signed in name=Zoë Łukasz 王 Ωmega\n"), "{log}");
    }

    #[test]
    fn the_filter_decides_and_the_pool_of_lettre_is_quiet() {
        let act = || {
            tracing::debug!("too much");
            tracing::warn!(target: "lettre::transport::smtp::pool::async_impl", "breaking out of task");
            tracing::warn!(target: "lettre::transport::smtp", "kept");
        };
        let log = logged("info", LogFormat::Text, act);
        assert!(
            !log.contains("too much") && !log.contains("breaking out") && log.contains("kept"),
            "{log}"
        );
        assert!(logged("info,lettre=debug", LogFormat::Text, act).contains("breaking out"));
    }
}
