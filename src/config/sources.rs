//! Where values come from: flags, the environment, a TOML file. Each is turned into text by setting; the checks come later.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::ArgAction;
use clap::{Arg, ArgMatches, Command};

use super::{Problems, SETTINGS, Setting};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// An environment variable.
    Environment,
    /// The TOML file.
    File,
    /// Nobody set it.
    Default,
}

pub(super) struct Given {
    pub text: String,
    pub source: Source,
    /// The name the operator used, for messages.
    pub label: String,
    /// Whether the text was read from a file named by the operator, as secrets should be.
    pub by_file: bool,
}

#[derive(Default)]
pub(super) struct Gathered {
    pub values: BTreeMap<&'static str, Given>,
    pub file: Option<PathBuf>,
    pub warnings: Vec<String>,
    pub problems: Vec<String>,
}

/// The settings given on the command line; clap fills it from the one list.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    values: Vec<(&'static str, String)>,
    files: Vec<(&'static str, String)>,
}

impl Flags {
    pub(super) fn from_names(values: &[(&str, &str)]) -> Result<Self, Problems> {
        let mut flags = Self::default();
        for (name, text) in values {
            let setting = SETTINGS.iter().find(|setting| setting.name == *name);
            let setting = setting.ok_or_else(|| Problems(vec![format!("There is no setting {name:?}.")]))?;
            flags.values.push((setting.name, (*text).to_owned()));
        }
        Ok(flags)
    }

    /// Sets one more flag unless the operator gave it himself; subcommands use it for defaults of their own.
    #[must_use]
    pub fn or(mut self, name: &'static str, text: impl Into<String>) -> Self {
        if !self.has(name) {
            self.values.push((name, text.into()));
        }
        self
    }

    /// Whether the command line names this setting.
    pub fn has(&self, name: &str) -> bool {
        self.values.iter().chain(&self.files).any(|(given, _)| *given == name)
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| {
            let command = command.arg(flag(setting));
            if setting.secret {
                command.arg(file_flag(setting))
            } else {
                command
            }
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS.iter() {
            if let Some(text) = matches.get_one::<String>(&setting.flag) {
                self.values.push((setting.name, text.clone()));
            }
            if setting.secret
                && let Some(path) = matches.get_one::<String>(&setting.file_flag)
            {
                self.files.push((setting.name, path.clone()));
            }
        }
        Ok(())
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let mut help = format!("{}\n[env: {}", setting.help, setting.env);
    if !setting.default_shown().is_empty() {
        help = format!("{help}; default: {}", setting.default_shown());
    }
    let arg = Arg::new(setting.flag.as_str())
        .long(setting.flag.as_str())
        .value_name(setting.value)
        .help(help + "]")
        .help_heading(setting.heading)
        .hide_short_help(setting.is_rare())
        .action(ArgAction::Set)
        .global(true);
    if setting.switch {
        arg.num_args(0..=1).require_equals(true).default_missing_value("true")
    } else {
        arg
    }
}

fn file_flag(setting: &'static Setting) -> Arg {
    Arg::new(setting.file_flag.as_str())
        .long(setting.file_flag.as_str())
        .value_name("FILE")
        .help(format!(
            "File with the value of --{}.\n[env: {}_FILE]",
            setting.flag, setting.env
        ))
        .help_heading(setting.heading)
        .hide_short_help(true)
        .action(ArgAction::Set)
        .global(true)
}

/// The environment of this process. Nothing else in Muster reads it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
pub(super) fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// The machine's folder for what need not last.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment names it, and this is the one place that reads that"
)]
pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

impl Gathered {
    pub(super) fn from_flags(flags: &Flags) -> Self {
        let mut gathered = Self::default();
        gathered.take_flags(flags);
        gathered
    }

    /// The flags, then the environment, then the TOML file: what comes first stays.
    pub(super) fn from_all(flags: &Flags, environment: Vec<(OsString, OsString)>) -> Self {
        let mut gathered = Self::from_flags(flags);
        gathered.take_environment(environment);
        gathered.take_file();
        gathered
    }

    fn take_flags(&mut self, flags: &Flags) {
        for setting in SETTINGS.iter() {
            let find = |list: &[(&str, String)]| {
                list.iter()
                    .find(|(name, _)| *name == setting.name)
                    .map(|(_, text)| text.clone())
            };
            let value = find(&flags.values).map(|text| (format!("--{}", setting.flag), text));
            let file = find(&flags.files).map(|path| (format!("--{}", setting.file_flag), path));
            self.take(setting, Source::Flag, value, file);
        }
    }

    fn take_environment(&mut self, environment: Vec<(OsString, OsString)>) {
        let mut ours = BTreeMap::new();
        for (name, text) in environment {
            let name = name.to_string_lossy().into_owned();
            if !name.starts_with("MUSTER_") {
                continue;
            }
            match text.into_string() {
                // An empty variable is how compose files and unit files say "not set".
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => drop(ours.insert(name, text)),
                Err(_) => self
                    .problems
                    .push(format!("{name}: The value is not UTF-8. Write it in UTF-8.")),
            }
        }
        for setting in SETTINGS.iter() {
            let value = ours.remove_entry(&setting.env);
            let file = if setting.secret {
                ours.remove_entry(&format!("{}_FILE", setting.env))
            } else {
                None
            };
            self.take(setting, Source::Environment, value, file);
        }
        for name in ours.keys() {
            let known = SETTINGS.iter().map(|setting| setting.env.as_str());
            self.warnings.push(format!(
                "{name} is not a setting of Muster{}",
                did_you_mean(name, known)
            ));
        }
    }

    fn take_file(&mut self) {
        let data = self.values.get("data").map_or("./data", |given| given.text.as_str());
        let in_data = Path::new(data).join("muster.toml");
        let path = match self.values.get("config") {
            Some(given) => PathBuf::from(&given.text),
            None if in_data.is_file() => in_data.clone(),
            None => return,
        };
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return self.problems.push(format!("The file {shown} cannot be read: {error}.")),
        };
        let mut table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                // Neither the parser's excerpt of the line nor its message may show a password from that line.
                let line = error.span().map_or(1, |span| {
                    text.get(..span.start).map_or(1, |head| head.matches('\n').count() + 1)
                });
                return self.problems.push(format!(
                    "The file {shown} is not TOML: there is a mistake in line {line}. Write settings as name = \"value\"."
                ));
            }
        };
        if path == in_data && table.remove("data").is_some() {
            self.problems.push(format!(
                "data in {shown}: This file is found through the data folder. Use --data or MUSTER_DATA."
            ));
        }
        for setting in SETTINGS.iter().filter(|setting| setting.in_file) {
            let value = self.take_key(&mut table, setting.name, &path);
            let file = if setting.secret {
                self.take_key(&mut table, &format!("{}_file", setting.name), &path)
            } else {
                None
            };
            self.take(setting, Source::File, value, file);
        }
        for key in table.keys() {
            let known = SETTINGS
                .iter()
                .filter(|setting| setting.in_file)
                .map(|setting| setting.name);
            self.problems.push(format!(
                "{key:?} in {shown} is not a setting of Muster{}",
                did_you_mean(key, known)
            ));
        }
        self.file = Some(path);
    }

    fn take_key(&mut self, table: &mut toml::Table, key: &str, path: &Path) -> Option<(String, String)> {
        let label = format!("{key} in {}", path.display());
        let text = as_text(table.remove(key)?);
        if text.is_none() {
            self.problems.push(format!(
                "{label}: Write text in quotes, a number, true, false, or a list of texts."
            ));
        }
        text.map(|text| (label, text))
    }

    /// Takes a value over unless a source before this one gave it.
    fn take(
        &mut self,
        setting: &'static Setting,
        source: Source,
        value: Option<(String, String)>,
        file: Option<(String, String)>,
    ) {
        let given = match (value, file) {
            (Some((label, _)), Some((file, _))) => {
                return self
                    .problems
                    .push(format!("{label} and {file} are both set. Keep one of them."));
            }
            (Some((label, text)), None) => Given {
                text,
                source,
                label,
                by_file: false,
            },
            (None, Some((label, path))) if !self.values.contains_key(setting.name) => match fs::read_to_string(&path) {
                Ok(text) => Given {
                    text: text.trim_end_matches(['\n', '\r']).to_owned(),
                    source,
                    label,
                    by_file: true,
                },
                Err(error) => {
                    return self
                        .problems
                        .push(format!("{label}: The file {path} cannot be read: {error}."));
                }
            },
            (None, None | Some(_)) => return,
        };
        self.values.entry(setting.name).or_insert(given);
    }
}

fn as_text(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| item.as_str()).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}

fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let plain = |text: &str| {
        text.trim_start_matches("MUSTER_")
            .to_ascii_lowercase()
            .replace('-', "_")
    };
    let wanted = plain(name);
    let near = known
        .map(|known| (strsim::jaro_winkler(&wanted, &plain(known)), known))
        .filter(|(nearness, _)| *nearness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    near.map_or_else(|| ".".to_owned(), |(_, known)| format!(". Did you mean {known}?"))
}
