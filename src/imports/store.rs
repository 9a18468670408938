//! SQL of the imports room.

use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{ImportId, OrgId, UserId},
    record, sql,
};

/// How far an import is, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum State {
    /// Its file is being read.
    Reading = 1,
    /// The file was read; nobody has said what its columns hold.
    Read = 2,
    /// Its lines are judged.
    Checking = 3,
    /// They were.
    Checked = 4,
    /// Its people are brought in.
    Running = 5,
    /// It is through.
    Done = 6,
    /// It was stopped before its end.
    Stopped = 7,
    /// It was thrown away.
    Discarded = 8,
}

impl State {
    /// Whether the worker has something to do.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Checking | Self::Running)
    }
    /// Whether people were brought in, or are being.
    pub const fn has_run(self) -> bool {
        matches!(self, Self::Running | Self::Done | Self::Stopped)
    }
}

record! {
    /// A file of people that was uploaded.
    pub struct Import {
        /// The id.
        pub id: ImportId,
        /// The organization.
        pub org_id: OrgId,
        /// Who uploaded it, and alone sees it.
        pub user_id: UserId,
        /// Their name at the time.
        pub actor_name: String,
        /// From which address they let it run.
        pub ip: String,
        /// With which client.
        pub agent: String,
        /// In which request.
        pub request_id: String,
        /// How far it is.
        pub state: State,
        /// The file's name.
        pub name: String,
        /// What the file is, in words.
        pub format: String,
        /// What to look at; empty for nothing.
        pub notice: String,
        /// How many columns its widest line has.
        pub width: i64,
        /// How many lines hold something.
        pub total: i64,
        /// What the columns hold, as JSON.
        pub plan: String,
        /// Rises with every check.
        pub round: i64,
        /// The last line that was judged or brought in, by its place.
        pub place: i64,
        /// How many lines have which verdict, as JSON.
        pub counts: String,
        /// How many people were brought in.
        pub changed: i64,
        /// Why it was stopped, or what happened to it.
        pub note: String,
        /// When it was uploaded.
        pub created_at: Timestamp,
        /// When it was through.
        pub finished_at: Option<Timestamp>,
    }
}

record! {
    /// One line.
    pub struct Row {
        /// Its place, from 1.
        pub n: i64,
        /// Its number in the file.
        pub line: i64,
        /// Its cells, as JSON.
        pub cells: String,
    }
}

record! {
    /// Where an address stands first.
    pub struct First {
        /// The address.
        pub email_key: String,
        /// The place.
        pub n: i64,
        /// The line in the file.
        pub line: i64,
    }
}

record! {
    /// What becomes of one line.
    pub struct Judged {
        /// Its place.
        pub n: i64,
        /// Its number in the file.
        pub line: i64,
        /// The address as it stands there.
        pub email: String,
        /// A number of [`super::Verdict`].
        pub verdict: i64,
        /// What is wrong and what to do; empty for nothing.
        pub note: String,
    }
}

record! {
    /// A line that has to be mended, with its cells.
    pub struct BadRow {
        /// Its place.
        pub n: i64,
        /// Its number in the file.
        pub line: i64,
        /// A number of [`super::Verdict`].
        pub verdict: i64,
        /// What is wrong and what to do.
        pub note: String,
        /// Its cells, as JSON.
        pub cells: String,
    }
}

/// A new import: id, organization, person, their name, address, client, request, the file's name, now.
pub(super) type NewImport = (
    ImportId,
    OrgId,
    UserId,
    String,
    String,
    String,
    String,
    String,
    Timestamp,
);

/// A line's verdict: import, round, place, organization, line, address, its key, verdict, note.
pub(super) type NewVerdict = (ImportId, i64, i64, OrgId, i64, String, String, i64, String);

sql! {
    INSERT: (ImportId, OrgId, UserId, String, String, String, String, String, Timestamp) => () =
        "insert into imports (id, org_id, user_id, actor_name, ip, agent, request_id, state, name, created_at) values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)";
    FIND: (OrgId, ImportId, UserId) => Import =
        "select id, org_id, user_id, actor_name, ip, agent, request_id, state, name, format, notice, width, total, plan, round, place, counts, changed, note, created_at, finished_at
         from imports where org_id = $1 and id = $2 and user_id = $3 and state <> 8";
    LOCK: (OrgId, ImportId) => Import = {
        sqlite "select id, org_id, user_id, actor_name, ip, agent, request_id, state, name, format, notice, width, total, plan, round, place, counts, changed, note, created_at, finished_at
                from imports where org_id = $1 and id = $2"
        postgres "select id, org_id, user_id, actor_name, ip, agent, request_id, state, name, format, notice, width, total, plan, round, place, counts, changed, note, created_at, finished_at
                from imports where org_id = $1 and id = $2 for update"
    };
    OPEN: () => (OrgId, ImportId) = "select org_id, id from imports where state in (3, 5) order by id limit 100";
    MINE: (OrgId, UserId, i64) => Import =
        "select id, org_id, user_id, actor_name, ip, agent, request_id, state, name, format, notice, width, total, plan, round, place, counts, changed, note, created_at, finished_at
         from imports where org_id = $1 and user_id = $2 and state not in (1, 8) order by id desc limit $3";
    READ: (OrgId, ImportId, String, String, i64, i64, String) => () =
        "update imports set state = 2, format = $3, notice = $4, width = $5, total = $6, plan = $7 where org_id = $1 and id = $2 and state = 1";
    CHECK: (OrgId, ImportId, String, String) => () =
        "update imports set state = 3, plan = $3, note = $4, round = round + 1, place = 0, counts = '{}' where org_id = $1 and id = $2 and state in (2, 4, 5)";
    RUN: (OrgId, ImportId, String, String, String, String, String) => () =
        "update imports set state = 5, plan = $3, actor_name = $4, ip = $5, agent = $6, request_id = $7, note = '', place = 0, counts = '{}', changed = 0
         where org_id = $1 and id = $2 and state = 4";
    SET_PLAN: (OrgId, ImportId, String, String) => () = "update imports set plan = $3, note = $4 where org_id = $1 and id = $2";
    ADVANCE: (OrgId, ImportId, State, i64, String, i64, Option<Timestamp>) => () =
        "update imports set state = $3, place = $4, counts = $5, changed = $6, finished_at = $7 where org_id = $1 and id = $2";
    STOP: (OrgId, ImportId, String, Timestamp) => () =
        "update imports set state = case when state = 5 then 7 else 2 end, note = $3, finished_at = $4 where org_id = $1 and id = $2 and state in (3, 5)";
    DISCARD: (OrgId, ImportId) => () = "update imports set state = 8 where org_id = $1 and id = $2 and state in (1, 2, 4)";
    DISCARD_OLDER: (OrgId, UserId, i64) => () =
        "update imports set state = 8 where org_id = $1 and user_id = $2 and state in (1, 2, 4)
         and id not in (select id from imports where org_id = $1 and user_id = $2 and state in (1, 2, 4) order by id desc limit $3)";
    INSERT_ROW: bulk (ImportId, i64, OrgId, i64, String) = "insert into import_rows (import_id, n, org_id, line, cells) values", "";
    ROWS: (OrgId, ImportId, i64, i64) => Row =
        "select n, line, cells from import_rows where org_id = $1 and import_id = $2 and n > $3 order by n limit $4";
    PUT_VERDICT: bulk (ImportId, i64, i64, OrgId, i64, String, String, i64, String) =
        "insert into import_verdicts (import_id, round, n, org_id, line, email, email_key, verdict, note) values",
        " on conflict (import_id, round, n) do update set verdict = excluded.verdict, note = excluded.note";
    // SQLite is told the index: without statistics of these tables it reads every line of the import for each of these.
    FIRSTS: (OrgId, ImportId, i64, String) => First = {
        sqlite "select v.email_key, v.n, v.line from import_verdicts v indexed by import_verdicts_key
                where v.org_id = $1 and v.import_id = $2 and v.round = $3 and v.email_key in (select value from json_each($4))
                and not exists (select 1 from import_verdicts e indexed by import_verdicts_key where e.import_id = v.import_id and e.org_id = v.org_id and e.round = v.round and e.email_key = v.email_key and e.n < v.n)"
        postgres "select v.email_key, v.n, v.line from import_verdicts v
                where v.org_id = $1 and v.import_id = $2 and v.round = $3 and v.email_key in (select value from jsonb_array_elements_text(cast($4 as jsonb)) k (value))
                and not exists (select 1 from import_verdicts e where e.import_id = v.import_id and e.org_id = v.org_id and e.round = v.round and e.email_key = v.email_key and e.n < v.n)"
    };
    VERDICTS: (OrgId, ImportId, i64, i64, i64) => Judged =
        "select n, line, email, verdict, note from import_verdicts where org_id = $1 and import_id = $2 and round = $3 and n > $4 order by n limit $5";
    READY_KEYS: (OrgId, ImportId, i64, i64, i64) => (String,) =
        "select email_key from import_verdicts where org_id = $1 and import_id = $2 and round = $3 and n > $4 and n <= $5 and verdict < 4 order by n";
    BAD: (OrgId, ImportId, i64, i64, i64) => Judged =
        "select n, line, email, verdict, note from import_verdicts where org_id = $1 and import_id = $2 and round = $3 and n > $4 and verdict > 5 order by n limit $5";
    IDLE: (OrgId, ImportId, i64, i64, i64) => Judged =
        "select n, line, email, verdict, note from import_verdicts where org_id = $1 and import_id = $2 and round = $3 and n > $4 and verdict in (4, 5) order by n limit $5";
    BAD_ROWS: (OrgId, ImportId, i64, i64, i64) => BadRow =
        "select v.n, v.line, v.verdict, v.note, r.cells from import_verdicts v join import_rows r on r.import_id = v.import_id and r.n = v.n and r.org_id = v.org_id
         where v.org_id = $1 and v.import_id = $2 and v.round = $3 and v.n > $4 and v.verdict > 5 order by v.n limit $5";
    FORGET_ROUNDS: (OrgId, ImportId, i64) => () =
        "delete from import_verdicts where org_id = $1 and (import_id, round, n) in
         (select import_id, round, n from import_verdicts where org_id = $1 and import_id = $2 and round < $3 order by round, n limit 5000)";
    EXPIRE: (Timestamp, Timestamp) => () =
        "update imports set state = 8 where org_id > 0 and ((state in (1, 2, 4) and created_at <= $1) or (state in (6, 7) and finished_at <= $2))";
    OLD_ROWS: () => () =
        "delete from import_rows where (import_id, n) in (select r.import_id, r.n from imports i join import_rows r on r.import_id = i.id and r.org_id = i.org_id where i.state = 8 limit 5000)";
    OLD_VERDICTS: () => () =
        "delete from import_verdicts where (import_id, round, n) in
         (select v.import_id, v.round, v.n from imports i join import_verdicts v on v.import_id = i.id and v.org_id = i.org_id where i.state = 8 limit 5000)";
    OLD_IMPORTS: () => () =
        "delete from imports where state = 8 and not exists (select 1 from import_rows r where r.import_id = imports.id and r.org_id = imports.org_id)
         and not exists (select 1 from import_verdicts v where v.import_id = imports.id and v.org_id = imports.org_id)";
}

pub(super) async fn insert(tx: &mut Tx, new: NewImport) -> Result<()> {
    tx.run(INSERT, new).await?;
    Ok(())
}
/// The person's import, unless it was thrown away.
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: ImportId, user: UserId) -> Result<Option<Import>> {
    db.opt(FIND, (org, id, user)).await
}
/// The import, held for this transaction.
pub(super) async fn lock(tx: &mut Tx, org: OrgId, id: ImportId) -> Result<Option<Import>> {
    tx.opt(LOCK, (org, id)).await
}
pub(super) async fn list_open(db: &mut impl Read) -> Result<Vec<(OrgId, ImportId)>> {
    db.all(OPEN, ()).await
}
pub(super) async fn list_mine(db: &mut impl Read, org: OrgId, user: UserId, most: i64) -> Result<Vec<Import>> {
    db.all(MINE, (org, user, most)).await
}
pub(super) async fn set_read(
    tx: &mut Tx,
    of: (OrgId, ImportId),
    format: &str,
    notice: &str,
    (width, total): (i64, i64),
    plan: &str,
) -> Result<u64> {
    tx.run(READ, (of.0, of.1, format, notice, width, total, plan)).await
}
pub(super) async fn set_checking(tx: &mut Tx, of: (OrgId, ImportId), plan: &str, note: &str) -> Result<u64> {
    tx.run(CHECK, (of.0, of.1, plan, note)).await
}
/// Begins to bring people in, for whoever asks in this request.
pub(super) async fn set_running(
    tx: &mut Tx,
    of: (OrgId, ImportId),
    plan: &str,
    by: &crate::audit::Actor,
) -> Result<u64> {
    tx.run(RUN, (of.0, of.1, plan, &by.name, &by.ip, &by.agent, &by.request_id))
        .await
}
pub(super) async fn set_plan(tx: &mut Tx, import: &Import, plan: &str, note: &str) -> Result<()> {
    tx.run(SET_PLAN, (import.org_id, import.id, plan, note)).await?;
    Ok(())
}
/// Writes down how far the import is.
pub(super) async fn advance(tx: &mut Tx, import: &Import) -> Result<()> {
    let Import {
        org_id,
        id,
        state,
        place,
        changed,
        finished_at,
        ..
    } = *import;
    tx.run(
        ADVANCE,
        (org_id, id, state, place, &import.counts, changed, finished_at),
    )
    .await?;
    Ok(())
}
pub(super) async fn stop(tx: &mut Tx, import: &Import, note: &str, now: Timestamp) -> Result<u64> {
    tx.run(STOP, (import.org_id, import.id, note, now)).await
}
pub(super) async fn discard(tx: &mut Tx, org: OrgId, id: ImportId) -> Result<u64> {
    tx.run(DISCARD, (org, id)).await
}
/// Throws away what the person has left lying but for the newest.
pub(super) async fn discard_older(tx: &mut Tx, org: OrgId, user: UserId, but: i64) -> Result<()> {
    tx.run(DISCARD_OLDER, (org, user, but)).await?;
    Ok(())
}
pub(super) async fn insert_rows(tx: &mut Tx, rows: Vec<(ImportId, i64, OrgId, i64, String)>) -> Result<()> {
    tx.many(INSERT_ROW, rows).await?;
    Ok(())
}
pub(super) async fn list_rows(db: &mut impl Read, org: OrgId, id: ImportId, after: i64, most: i64) -> Result<Vec<Row>> {
    db.all(ROWS, (org, id, after, most)).await
}
pub(super) async fn put_verdicts(tx: &mut Tx, rows: Vec<NewVerdict>) -> Result<()> {
    tx.many(PUT_VERDICT, rows).await?;
    Ok(())
}
/// Where each of some addresses stands first among the lines that were judged.
pub(super) async fn list_firsts(db: &mut impl Read, import: &Import, keys: &[&str]) -> Result<Vec<First>> {
    let keys = serde_json::to_string(keys)?;
    db.all(FIRSTS, (import.org_id, import.id, import.round, keys)).await
}
pub(super) async fn list_verdicts(db: &mut impl Read, import: &Import, after: i64, most: i64) -> Result<Vec<Judged>> {
    db.all(VERDICTS, (import.org_id, import.id, import.round, after, most))
        .await
}
/// The addresses of lines after a place and up to another that bring somebody in.
pub(super) async fn list_ready_keys(
    db: &mut impl Read,
    import: &Import,
    after: i64,
    until: i64,
) -> Result<Vec<String>> {
    let rows = db
        .all(READY_KEYS, (import.org_id, import.id, import.round, after, until))
        .await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
pub(super) async fn list_bad(db: &mut impl Read, import: &Import, after: i64, most: i64) -> Result<Vec<Judged>> {
    db.all(BAD, (import.org_id, import.id, import.round, after, most)).await
}
pub(super) async fn list_idle(db: &mut impl Read, import: &Import, after: i64, most: i64) -> Result<Vec<Judged>> {
    db.all(IDLE, (import.org_id, import.id, import.round, after, most))
        .await
}
pub(super) async fn list_bad_rows(db: &mut impl Read, import: &Import, after: i64, most: i64) -> Result<Vec<BadRow>> {
    db.all(BAD_ROWS, (import.org_id, import.id, import.round, after, most))
        .await
}
/// Forgets verdicts of earlier checks, some thousand at a time.
pub(super) async fn forget_rounds(tx: &mut Tx, import: &Import) -> Result<()> {
    tx.run(FORGET_ROUNDS, (import.org_id, import.id, import.round)).await?;
    Ok(())
}
/// Throws away what lay unfinished since `unfinished` and what was finished before `finished`, some thousand rows at a time.
pub(super) async fn prune(tx: &mut Tx, unfinished: Timestamp, finished: Timestamp) -> Result<()> {
    tx.run(EXPIRE, (unfinished, finished)).await?;
    tx.run(OLD_ROWS, ()).await?;
    tx.run(OLD_VERDICTS, ()).await?;
    tx.run(OLD_IMPORTS, ()).await?;
    Ok(())
}
