//! Typed statement constants: one text for both databases, parameters and rows checked by the compiler.

use std::{
    fmt::Write as _,
    marker::PhantomData,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use sqlx::{
    Arguments as _, Column as _, Encode, FromRow, Postgres, Sqlite, Type, TypeInfo as _,
    postgres::{PgArguments, PgColumn, PgRow, PgTypeInfo},
    sqlite::{SqliteArguments, SqliteRow},
};

use super::Engine;
use crate::{
    error::{Error, Result},
    hash::Map,
};

/// The text of a statement.
#[derive(Debug, Clone)]
pub enum Text {
    /// A constant.
    Fixed(&'static str),
    /// One of a finite list of texts put together by a list builder; never made from a caller's words.
    Made(String),
    /// One of those that is used again.
    Kept(Arc<str>),
}

/// A statement with parameters `P` (a tuple) and rows `R` (a record, or `()` for none).
pub struct Sql<P, R> {
    sqlite: &'static str,
    postgres: &'static str,
    kind: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for Sql<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P, R> Copy for Sql<P, R> {}

impl<P, R> Sql<P, R> {
    /// Takes the two texts, which are the same but for a few statements.
    pub const fn new(sqlite: &'static str, postgres: &'static str) -> Self {
        Self {
            sqlite,
            postgres,
            kind: PhantomData,
        }
    }
    /// The text for one of the databases.
    pub const fn text(&self, engine: Engine) -> Text {
        Text::Fixed(match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        })
    }
}

/// A multi-row insert: everything before the rows, everything after them.
pub struct Bulk<P> {
    head: &'static str,
    tail: &'static str,
    kind: PhantomData<fn(P)>,
}

impl<P> Clone for Bulk<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Bulk<P> {}

impl<P: Params> Bulk<P> {
    /// Takes `insert into t (a, b) values` and what follows the rows, for example ` on conflict do nothing`.
    pub const fn new(head: &'static str, tail: &'static str) -> Self {
        Self {
            head,
            tail,
            kind: PhantomData,
        }
    }
    /// The text for `rows` rows, which is made once: of wide rows it takes longer than they take to be written.
    pub fn text(&self, engine: Engine, rows: usize) -> Arc<str> {
        type Key = (Engine, &'static str, &'static str, usize);
        static TEXTS: LazyLock<Mutex<Map<Key, Arc<str>>>> = LazyLock::new(Mutex::default);
        let key = (engine, self.head, self.tail, rows);
        let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(texts.entry(key).or_insert_with(|| self.make(engine, rows).into()))
    }
    /// `?` on SQLite, where `$n` costs quadratic time in wide statements.
    fn make(&self, engine: Engine, rows: usize) -> String {
        let mut text = self.head.to_owned();
        for row in 0..rows {
            text.push_str(if row == 0 { " (" } else { ", (" });
            for column in 0..P::LEN {
                if column > 0 {
                    text.push_str(", ");
                }
                match engine {
                    Engine::Sqlite => text.push('?'),
                    Engine::Postgres => {
                        let _ = write!(text, "${}", row * P::LEN + column + 1);
                    }
                }
            }
            text.push(')');
        }
        text.push_str(self.tail);
        text
    }
}

/// A value that both databases can bind and know by the same Rust type.
pub trait Value:
    for<'t> Encode<'t, Sqlite> + Type<Sqlite> + for<'t> Encode<'t, Postgres> + Type<Postgres> + Send + 'static
{
}
impl<T> Value for T where
    T: for<'t> Encode<'t, Sqlite> + Type<Sqlite> + for<'t> Encode<'t, Postgres> + Type<Postgres> + Send + 'static
{
}

/// The parameters of a statement: a tuple of values.
pub trait Params: Send + Sized {
    /// How many there are.
    const LEN: usize;
    /// Binds them for SQLite.
    fn add_sqlite(self, to: &mut SqliteArguments) -> Result<()>;
    /// Binds them for PostgreSQL.
    fn add_postgres(self, to: &mut PgArguments) -> Result<()>;
    /// Their PostgreSQL types, for the test that prepares every text.
    fn types() -> Vec<PgTypeInfo>;
    /// The arguments for SQLite.
    fn sqlite(self) -> Result<SqliteArguments> {
        let mut arguments = SqliteArguments::default();
        self.add_sqlite(&mut arguments)?;
        Ok(arguments)
    }
    /// The arguments for PostgreSQL.
    fn postgres(self) -> Result<PgArguments> {
        let mut arguments = PgArguments::default();
        self.add_postgres(&mut arguments)?;
        Ok(arguments)
    }
}

/// What may stand where a statement expects a value of type `T`, so that `&str` serves for `String`.
pub trait As<T> {
    /// The value to bind.
    fn value(self) -> T;
}
impl<T: Value> As<T> for T {
    fn value(self) -> T {
        self
    }
}
impl As<String> for &str {
    fn value(self) -> String {
        self.to_owned()
    }
}
impl As<String> for &String {
    fn value(self) -> String {
        self.clone()
    }
}
impl As<Option<String>> for Option<&str> {
    fn value(self) -> Option<String> {
        self.map(str::to_owned)
    }
}
impl As<Vec<u8>> for &[u8] {
    fn value(self) -> Vec<u8> {
        self.to_vec()
    }
}
impl<const N: usize> As<Vec<u8>> for [u8; N] {
    fn value(self) -> Vec<u8> {
        self.to_vec()
    }
}
impl<const N: usize> As<Vec<u8>> for &[u8; N] {
    fn value(self) -> Vec<u8> {
        self.to_vec()
    }
}

/// A tuple whose members serve for the parameters `P`.
pub trait IntoParams<P> {
    /// The parameters.
    fn into_params(self) -> P;
}

fn bound<T>(result: std::result::Result<T, sqlx::error::BoxDynError>) -> Result<T> {
    result.map_err(|error| Error::Internal(format!("bind: {error}")))
}

macro_rules! params {
    ($($name:ident/$from:ident/$place:tt),*) => {
        impl<$($name: Value),*> Params for ($($name,)*) {
            const LEN: usize = <[&str]>::len(&[$(stringify!($name)),*]);
            fn add_sqlite(self, to: &mut SqliteArguments) -> Result<()> { $(bound(to.add(self.$place))?;)* Ok(()) }
            fn add_postgres(self, to: &mut PgArguments) -> Result<()> { $(bound(to.add(self.$place))?;)* Ok(()) }
            fn types() -> Vec<PgTypeInfo> { vec![$(<$name as Type<Postgres>>::type_info()),*] }
        }
        impl<$($name, $from: As<$name>),*> IntoParams<($($name,)*)> for ($($from,)*) {
            fn into_params(self) -> ($($name,)*) { ($(self.$place.value(),)*) }
        }
    };
}
impl Params for () {
    const LEN: usize = 0;
    fn add_sqlite(self, _: &mut SqliteArguments) -> Result<()> {
        Ok(())
    }
    fn add_postgres(self, _: &mut PgArguments) -> Result<()> {
        Ok(())
    }
    fn types() -> Vec<PgTypeInfo> {
        Vec::new()
    }
}
impl IntoParams<()> for () {
    fn into_params(self) {}
}
params!(A / A1 / 0);
params!(A / A1 / 0, B / B1 / 1);
params!(A / A1 / 0, B / B1 / 1, C / C1 / 2);
params!(A / A1 / 0, B / B1 / 1, C / C1 / 2, D / D1 / 3);
params!(A / A1 / 0, B / B1 / 1, C / C1 / 2, D / D1 / 3, E / E1 / 4);
params!(A / A1 / 0, B / B1 / 1, C / C1 / 2, D / D1 / 3, E / E1 / 4, F / F1 / 5);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13,
    O / O1 / 14
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13,
    O / O1 / 14,
    Q / Q1 / 15
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13,
    O / O1 / 14,
    Q / Q1 / 15,
    R / R1 / 16
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13,
    O / O1 / 14,
    Q / Q1 / 15,
    R / R1 / 16,
    S / S1 / 17
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13,
    O / O1 / 14,
    Q / Q1 / 15,
    R / R1 / 16,
    S / S1 / 17,
    T / T1 / 18
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13,
    O / O1 / 14,
    Q / Q1 / 15,
    R / R1 / 16,
    S / S1 / 17,
    T / T1 / 18,
    U / U1 / 19
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13,
    O / O1 / 14,
    Q / Q1 / 15,
    R / R1 / 16,
    S / S1 / 17,
    T / T1 / 18,
    U / U1 / 19,
    V / V1 / 20
);
params!(
    A / A1 / 0,
    B / B1 / 1,
    C / C1 / 2,
    D / D1 / 3,
    E / E1 / 4,
    F / F1 / 5,
    G / G1 / 6,
    H / H1 / 7,
    I / I1 / 8,
    J / J1 / 9,
    K / K1 / 10,
    L / L1 / 11,
    M / M1 / 12,
    N / N1 / 13,
    O / O1 / 14,
    Q / Q1 / 15,
    R / R1 / 16,
    S / S1 / 17,
    T / T1 / 18,
    U / U1 / 19,
    V / V1 / 20,
    W / W1 / 21
);

/// A row that both databases can give; made by [`record!`](crate::record), or a tuple.
pub trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {
    /// What is wrong with a statement's columns for this record, in words; empty when they fit.
    fn misfits(columns: &[PgColumn]) -> Vec<String>;
}

/// Whether `columns` has one named `name` (or at `place`) that decodes to `T`; `None` when it fits.
pub fn misfit<T: Type<Postgres>>(columns: &[PgColumn], name: Option<&str>, place: usize) -> Option<String> {
    let found = match name {
        Some(name) => columns.iter().find(|column| column.name() == name),
        None => columns.get(place),
    };
    let wanted = name.map_or_else(|| format!("column {place}"), str::to_owned);
    match found {
        None => Some(format!("{wanted} is missing")),
        Some(column) if T::compatible(column.type_info()) => None,
        Some(column) => Some(format!(
            "{wanted} is {}, not {}",
            column.type_info().name(),
            T::type_info().name()
        )),
    }
}

macro_rules! tuple_record {
    ($($name:ident/$place:tt),+) => {
        impl<$($name),+> Record for ($($name,)+)
        where $($name: for<'r> sqlx::Decode<'r, Sqlite> + Type<Sqlite> + for<'r> sqlx::Decode<'r, Postgres> + Type<Postgres> + Send + Unpin),+ {
            fn misfits(columns: &[PgColumn]) -> Vec<String> {
                [$(misfit::<$name>(columns, None, $place)),+].into_iter().flatten().collect()
            }
        }
    };
}
tuple_record!(A / 0);
tuple_record!(A / 0, B / 1);
tuple_record!(A / 0, B / 1, C / 2);
tuple_record!(A / 0, B / 1, C / 2, D / 3);
tuple_record!(A / 0, B / 1, C / 2, D / 3, E / 4, F / 5);

/// One statement as the test sees it that prepares every text on both databases.
pub struct Statement {
    /// The constant's name, with its module.
    pub name: &'static str,
    /// The text for SQLite.
    pub sqlite: String,
    /// The text for PostgreSQL.
    pub postgres: String,
    /// The parameters' types.
    pub types: Vec<PgTypeInfo>,
    /// See [`Record::misfits`].
    pub misfits: fn(&[PgColumn]) -> Vec<String>,
}

/// Rows of a statement: a record or nothing.
pub trait Rows {
    /// See [`Record::misfits`].
    fn check(columns: &[PgColumn]) -> Vec<String>;
}
impl Rows for () {
    fn check(_: &[PgColumn]) -> Vec<String> {
        Vec::new()
    }
}
impl<R: Record> Rows for R {
    fn check(columns: &[PgColumn]) -> Vec<String> {
        R::misfits(columns)
    }
}

impl Statement {
    /// Describes a typed statement.
    pub fn of<P: Params, R: Rows>(name: &'static str, sql: Sql<P, R>) -> Self {
        Self {
            name,
            sqlite: sql.sqlite.to_owned(),
            postgres: sql.postgres.to_owned(),
            types: P::types(),
            misfits: R::check,
        }
    }
    /// Describes a multi-row insert, with two rows.
    pub fn of_bulk<P: Params>(name: &'static str, bulk: Bulk<P>) -> Self {
        let text = |engine| bulk.text(engine, 2).to_string();
        let types = [P::types(), P::types()].concat();
        Self {
            name,
            sqlite: text(Engine::Sqlite),
            postgres: text(Engine::Postgres),
            types,
            misfits: <()>::check,
        }
    }
    /// Describes one of a list builder's texts.
    pub fn of_text<P: Params, R: Rows>(name: &'static str, sqlite: String, postgres: String) -> Self {
        Self {
            name,
            sqlite,
            postgres,
            types: P::types(),
            misfits: R::check,
        }
    }
}

/// Declares typed statements and the list of them.
///
/// ```text
/// sql! {
///     FIND: (OrgId, MemberId) => Row = "select … where org_id = $1 and id = $2";
///     TOUCH: (OrgId) => () = { sqlite "…" postgres "…" };
///     INSERT: bulk (OrgId, String) = "insert into t (org_id, name) values", " on conflict do nothing";
/// }
/// ```
#[macro_export]
macro_rules! sql {
    (@const $name:ident, ($($p:ty),*), $r:ty, $text:literal) => {
        pub(crate) const $name: $crate::db::Sql<($($p,)*), $r> = $crate::db::Sql::new($text, $text);
    };
    (@items) => {};
    (@items $name:ident: bulk ($($p:ty),* $(,)?) = $head:literal, $tail:literal; $($rest:tt)*) => {
        const $name: $crate::db::Bulk<($($p,)*)> = $crate::db::Bulk::new($head, $tail);
        $crate::sql!(@items $($rest)*);
    };
    (@items $name:ident: ($($p:ty),* $(,)?) => $r:ty = { sqlite $sqlite:literal postgres $postgres:literal }; $($rest:tt)*) => {
        const $name: $crate::db::Sql<($($p,)*), $r> = $crate::db::Sql::new($sqlite, $postgres);
        $crate::sql!(@items $($rest)*);
    };
    (@items $name:ident: ($($p:ty),* $(,)?) => $r:ty = $text:literal; $($rest:tt)*) => {
        const $name: $crate::db::Sql<($($p,)*), $r> = $crate::db::Sql::new($text, $text);
        $crate::sql!(@items $($rest)*);
    };
    (@list $list:ident) => {};
    (@list $list:ident $name:ident: bulk ($($p:ty),* $(,)?) = $head:literal, $tail:literal; $($rest:tt)*) => {
        $list.extend([$crate::db::Statement::of_bulk(concat!(module_path!(), "::", stringify!($name)), $name)]);
        $crate::sql!(@list $list $($rest)*);
    };
    (@list $list:ident $name:ident: ($($p:ty),* $(,)?) => $r:ty = $text:tt; $($rest:tt)*) => {
        $list.extend([$crate::db::Statement::of(concat!(module_path!(), "::", stringify!($name)), $name)]);
        $crate::sql!(@list $list $($rest)*);
    };
    ($($all:tt)*) => {
        $crate::sql!(@items $($all)*);
        /// Every statement of this store, for the test that prepares them on both databases.
        pub fn statements() -> Vec<$crate::db::Statement> {
            let mut list = Vec::new();
            $crate::sql!(@list list $($all)*);
            list
        }
    };
}

/// Declares a row type: its columns are its fields, by name, and the statement test compares both.
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $fvis:vis $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, sqlx::FromRow)]
        $vis struct $name { $($(#[$fmeta])* $fvis $field: $type),* }
        impl $crate::db::Record for $name {
            fn misfits(columns: &[sqlx::postgres::PgColumn]) -> Vec<String> {
                [$($crate::db::statement::misfit::<$type>(columns, Some(stringify!($field)), 0)),*].into_iter().flatten().collect()
            }
        }
    };
}
