//! Which database: a file of the embedded one, or a PostgreSQL server.
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::Hidden;

/// The database that was chosen; `Debug` and `Display` leave out its password.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// The file of the embedded database.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL server, with its password.
    Postgres(Hidden<String>),
}

/// What would end the path of a `sqlite://` URL, or begin an escape.
const IN_PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?');

impl Database {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Self::parse_sqlite(path.strip_prefix("//").unwrap_or(path));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("Write sqlite:///path/to/muster.db or postgres://user:password@host/name.".into());
        }
        let url = Url::parse(text).map_err(|_| {
            "This is not a database address. Write postgres://user:password@host:5432/name; characters such as \
             @ : / ? # in the password are written percent-encoded."
                .to_owned()
        })?;
        if url.query_pairs().any(|(key, _)| key == "password") {
            return Err("Write the password before the @, as in postgres://user:password@host/name.".into());
        }
        if url.username().is_empty() && !url.query_pairs().any(|(key, _)| key == "user") {
            return Err("The user is missing. Write postgres://user:password@host/name.".into());
        }
        if url.path().trim_matches('/').is_empty() {
            return Err("The name of the database is missing. Write postgres://user:password@host/name.".into());
        }
        if url.fragment().is_some() {
            return Err("Write a # in the password as %23.".into());
        }
        Ok(Self::Postgres(Hidden::new(text.to_owned())))
    }

    fn parse_sqlite(path: &str) -> Result<Self, String> {
        if path.contains('?') {
            return Err("Leave out everything from the ? on: Muster sets the options of SQLite itself.".into());
        }
        if path.is_empty() || path.contains(":memory:") {
            return Err("Write the path of a file, as in sqlite:///var/lib/muster/muster.db.".into());
        }
        let path = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| "The path is not UTF-8.".to_owned())?;
        Ok(Self::Sqlite(PathBuf::from(path.as_ref())))
    }

    /// The address to open it by, password included.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", utf8_percent_encode(&path.to_string_lossy(), IN_PATH)),
            Self::Postgres(url) => url.expose().clone(),
        }
    }

    /// The file of the embedded database, if it is that one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(_) => f.write_str(&self.url()),
            Self::Postgres(url) => match Url::parse(url.expose()) {
                Ok(mut url) if url.password().is_some() => match url.set_password(Some("***")) {
                    Ok(()) => write!(f, "{url}"),
                    Err(()) => f.write_str("postgres://***"),
                },
                Ok(url) => write!(f, "{url}"),
                Err(_) => f.write_str("postgres://***"),
            },
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
