//! What can go wrong, and the HTTP status of each; it knows nothing of HTML.

use std::time::Duration;

/// The result of every verb.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything a verb can refuse or fail with; one middleware turns it into a page, a fragment or problem+json.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 404: it does not exist, or it belongs to another organization.
    #[error("This page does not exist, or you have no access to it.")]
    NotFound,
    /// 303 to the sign-in page, or 401: nobody is signed in.
    #[error("Sign in to continue.")]
    SignedOut,
    /// 403: the person is known but may not do this; the text says what is missing.
    #[error("{0}")]
    Forbidden(String),
    /// 403: the request did not come from one of our own pages.
    #[error(
        "This form was not sent from Muster, or it is older than your session. Go back, reload the page and send it again."
    )]
    CrossSite,
    /// 409: the present state does not allow it; the text says why and what to do.
    #[error("{0}")]
    Conflict(String),
    /// 410: it was there and has ended.
    #[error("{0}")]
    Gone(String),
    /// 400: the request cannot be read.
    #[error("{0}")]
    BadRequest(String),
    /// 422: a value is not acceptable; names the field and the remedy.
    #[error("{message}")]
    Invalid {
        /// The form's field.
        field: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// 405: the path exists, the method does not.
    #[error("This address does not accept that kind of request.")]
    MethodNotAllowed,
    /// 413: the body is larger than the form needs.
    #[error("That is more than this form accepts. Send it in smaller parts.")]
    TooLarge,
    /// 408: the body did not arrive in time.
    #[error("The request took too long to arrive. Try again.")]
    TooSlow,
    /// 429: too many tries; says when to try again.
    #[error("Too many tries. Wait {} and try again.", words(*.0))]
    TooMany(Duration),
    /// 503: the database is busy or its disk is full; a retry can help.
    #[error("Muster cannot save changes at the moment. Nothing was changed. Try again in a few seconds.")]
    Busy,
    /// 500: something is broken that the caller cannot mend.
    #[error("Something went wrong on our side.")]
    Internal(String),
}

fn words(span: Duration) -> String {
    let seconds = span.as_secs().max(1);
    match seconds {
        1 => "one second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        91..=5_400 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3_600)),
    }
}

impl Error {
    /// The HTTP status code.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::SignedOut => 401,
            Self::Forbidden(_) | Self::CrossSite => 403,
            Self::Conflict(_) => 409,
            Self::Gone(_) => 410,
            Self::BadRequest(_) => 400,
            Self::Invalid { .. } => 422,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::TooSlow => 408,
            Self::TooMany(_) => 429,
            Self::Busy => 503,
            Self::Internal(_) => 500,
        }
    }

    /// A refusal of the present state.
    pub fn conflict(text: impl Into<String>) -> Self {
        Self::Conflict(text.into())
    }
    /// A refusal for want of a right.
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::Forbidden(text.into())
    }
    /// A refusal of one field's value.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            message: message.into(),
        }
    }
    /// When a retry makes sense, in seconds, for `Retry-After`.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(span) => Some(span.as_secs().max(1)),
            Self::Busy => Some(5),
            _ => None,
        }
    }
    /// The whole text for the operator, where people at the browser get a general one.
    pub fn inner(self) -> String {
        match self {
            Self::Internal(text) => text,
            other => other.to_string(),
        }
    }
    /// Whether an insert met a row that is there already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Conflict(text) if text == DUPLICATE)
    }
}

/// The text of the conflict that a unique index reports; the one insert that can cause it says it better.
pub const DUPLICATE: &str = "This exists already.";

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => return Self::NotFound,
            sqlx::Error::Database(refusal) => {
                if refusal.is_unique_violation() {
                    return Self::conflict(DUPLICATE);
                }
                let code = refusal.code().unwrap_or_default();
                // SQLite: BUSY 5, LOCKED 6, READONLY 8, IOERR 10, FULL 13 and their extended codes; PostgreSQL: 53 (resources),
                // 57P (shutdown), 40001 and 40P01 (serialization), 55P03 (lock), 25006 (read-only).
                let sqlite_busy = code.len() < 5
                    && code
                        .parse::<u32>()
                        .is_ok_and(|number| matches!(number & 0xff, 5 | 6 | 8 | 10 | 13));
                let postgres_busy = ["53", "57P", "40001", "40P01", "55P03", "25006", "58"]
                    .iter()
                    .any(|class| code.starts_with(class));
                if sqlite_busy || (code.len() == 5 && postgres_busy) {
                    tracing::error!(error = %refusal, code = %code, "the database refuses");
                    return Self::Busy;
                }
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => {
                tracing::error!(error = %error, "the database cannot be reached");
                return Self::Busy;
            }
            _ => {}
        }
        Self::Internal(format!("database: {error}"))
    }
}

impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Self::Internal(format!("template: {error}"))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("json: {error}"))
    }
}
