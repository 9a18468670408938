//! Several reading statements asked at once.
//!
//! On SQLite each statement is a message to the connection's thread and back, which costs more than most statements do. A page that
//! asks for what it needs in one go pays for it once. PostgreSQL's protocol prepares one statement at a time, so there they are asked
//! one after the other.

use std::fmt::Write as _;

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Either, Executor as _, SqlitePool, sqlite::SqliteArguments, sqlite::SqliteRow};

use super::{Engine, IntoParams, Params, Read, Record, Sql, Text};
use crate::error::{Error, Result};

/// A statement with its parameters, to be asked with others.
pub struct Ask<P, R> {
    sql: Sql<P, R>,
    params: P,
}

impl<P: Params, R> Sql<P, R> {
    /// The statement with these parameters.
    pub fn with(self, params: impl IntoParams<P>) -> Ask<P, R> {
        Ask {
            sql: self,
            params: params.into_params(),
        }
    }
}

impl<P: Params, R: Record> Ask<P, R> {
    /// Asks it alone.
    pub async fn rows(self, db: &mut impl Read) -> Result<Vec<R>> {
        db.rows(self.sql.text(db.engine()), self.params).await
    }
    /// Asks it alone for its one row.
    pub async fn one(self, db: &mut impl Read) -> Result<R> {
        only(self.rows(db).await?)
    }
    /// Appends the statement to those before it, whose parameters it shares a list with.
    fn add(self, text: &mut String, arguments: &mut SqliteArguments, taken: &mut usize) -> Result<()> {
        if let Text::Fixed(own) = self.sql.text(Engine::Sqlite) {
            renumber(own, *taken, text);
        }
        *taken += P::LEN;
        self.params.add_sqlite(arguments)
    }
}

/// The one row of a statement that always has one; its absence is [`Error::NotFound`].
pub fn only<R>(rows: Vec<R>) -> Result<R> {
    rows.into_iter().next().ok_or(Error::NotFound)
}

/// Writes a statement whose parameters `$1`, `$2`, … become those after the `taken` ones of statements before it.
fn renumber(own: &str, taken: usize, to: &mut String) {
    let mut parts = own.split('$');
    to.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        match part[..digits].parse::<usize>() {
            Ok(place) => {
                let _ = write!(to, "${}", place + taken);
            }
            Err(_) => to.push('$'),
        }
        to.push_str(&part[digits..]);
    }
    to.push_str(";\n");
}

/// Statements that can be asked together: a tuple of [`Ask`]s.
pub trait Asks: Send {
    /// The rows of each.
    type Rows: Default + Send;
    /// How many statements there are.
    const LEN: u64;
    /// All of them as one text with one list of parameters.
    fn write(self, text: &mut String, arguments: &mut SqliteArguments) -> Result<()>;
    /// Keeps a row of the statement at `place`.
    fn keep(rows: &mut Self::Rows, place: usize, row: &SqliteRow) -> Result<()>;
    /// Asks them one after the other.
    fn each(self, db: &mut impl Read) -> impl Future<Output = Result<Self::Rows>>;
}

macro_rules! asks {
    ($($p:ident/$r:ident/$place:tt),*) => {
        impl<$($p: Params, $r: Record),*> Asks for ($(Ask<$p, $r>,)*) {
            type Rows = ($(Vec<$r>,)*);
            const LEN: u64 = <[&str]>::len(&[$(stringify!($p)),*]) as u64;
            fn write(self, text: &mut String, arguments: &mut SqliteArguments) -> Result<()> {
                let mut taken = 0;
                $(self.$place.add(text, arguments, &mut taken)?;)*
                Ok(())
            }
            fn keep(rows: &mut Self::Rows, place: usize, row: &SqliteRow) -> Result<()> {
                match place {
                    $($place => rows.$place.push($r::from_row(row)?),)*
                    _ => {}
                }
                Ok(())
            }
            async fn each(self, db: &mut impl Read) -> Result<Self::Rows> {
                Ok(($(self.$place.rows(db).await?,)*))
            }
        }
    };
}
asks!(P1 / R1 / 0, P2 / R2 / 1);
asks!(
    P1 / R1 / 0,
    P2 / R2 / 1,
    P3 / R3 / 2,
    P4 / R4 / 3,
    P5 / R5 / 4,
    P6 / R6 / 5,
    P7 / R7 / 6
);

/// Asks SQLite for all of them with one message.
pub(super) async fn ask<A: Asks>(pool: &SqlitePool, asks: A) -> Result<A::Rows> {
    let (mut text, mut arguments) = (String::with_capacity(4096), SqliteArguments::default());
    asks.write(&mut text, &mut arguments)?;
    let mut rows = A::Rows::default();
    let mut place = 0;
    // The text is made of constants alone.
    let query = sqlx::query_with::<sqlx::Sqlite, _>(AssertSqlSafe(text), arguments);
    let mut answers = pool.fetch_many(query);
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(_) => place += 1,
            Either::Right(row) => A::keep(&mut rows, place, &row)?,
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::renumber;

    #[test]
    fn parameters_follow_those_before() {
        let mut text = String::new();
        renumber("select $1, '$', $12 from t where a = $2", 3, &mut text);
        assert_eq!(text, "select $4, '$', $15 from t where a = $5;\n");
    }
}
