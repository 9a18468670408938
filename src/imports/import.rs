//! The noun: a file of people from its upload to its last line. [`super::work`] judges the lines and brings the people in.

use std::{collections::BTreeMap, fs::File};

use serde_json::{Value, json};

pub use super::store::{BadRow, Import, Judged, State};
use super::{
    plan::{Field, Plan, Stage, Way},
    reading::{self, Line, Refusal},
    store,
    verdict::Verdict,
    work::BROUGHT,
};
use crate::{
    access::{Can, Permission, permission::InviteCreate},
    audit::{self, Action, Entry, Object},
    clock::{Timestamp, days},
    db::{Db, Read, Tx},
    error::{Error, Result},
    ids::ImportId,
    invitations::roles_for,
    orgs,
};

/// How many uploads of one person wait beside each other.
const WAITING: i64 = 5;
/// How many lines are written down in one transaction.
const PART: usize = 1_000;
/// How many bytes of text they may hold together, but for the last of them.
const WEIGHT: usize = 256 << 10;

/// How many lines have which verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<i64, i64>);

impl Counts {
    /// The counts of a row.
    pub fn of(import: &Import) -> Self {
        Self(serde_json::from_str(&import.counts).unwrap_or_default())
    }
    /// Both together.
    pub fn add(&mut self, more: BTreeMap<i64, i64>) {
        for (verdict, count) in more {
            *self.0.entry(verdict).or_insert(0) += count;
        }
    }
    /// As a row keeps them.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string(&self.0)?)
    }
    /// How many lines have the verdict.
    pub fn get(&self, verdict: Verdict) -> i64 {
        self.0.get(&(verdict as i64)).copied().unwrap_or(0)
    }
    fn sum(&self, of: impl Fn(Verdict) -> bool) -> i64 {
        Verdict::ALL
            .into_iter()
            .filter(|verdict| of(*verdict))
            .map(|verdict| self.get(verdict))
            .sum()
    }
    /// Lines that bring somebody in.
    pub fn ready(&self) -> i64 {
        self.sum(Verdict::is_ready)
    }
    /// Lines for which there is nothing to do.
    pub fn idle(&self) -> i64 {
        self.sum(Verdict::is_idle)
    }
    /// Lines that have to be mended.
    pub fn bad(&self) -> i64 {
        self.sum(Verdict::is_bad)
    }
    /// All lines.
    pub fn all(&self) -> i64 {
        self.sum(|_| true)
    }
    /// Who will be invited, and who joins at once.
    pub fn coming(&self) -> (i64, i64) {
        (
            self.get(Verdict::Invite),
            self.get(Verdict::Join) + self.get(Verdict::Create),
        )
    }
}

impl Import {
    /// What its columns hold, and how its people come in.
    pub fn plan(&self) -> Plan {
        serde_json::from_str(&self.plan).unwrap_or_default()
    }
    /// Whether it is "all or nothing" over more lines than one transaction takes.
    pub fn is_whole_in_parts(&self) -> bool {
        self.state == State::Running && self.total > BROUGHT && self.plan().whole
    }
    pub(super) fn object(&self) -> Object {
        Object::new("import", self.id.raw(), self.name.clone())
    }
}

/// Finds an import of the caller in this organization; somebody else's is not found.
pub async fn find<P>(db: &mut impl Read, by: &Can<P>, id: ImportId) -> Result<Import> {
    let org = by.org().id;
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find(db, org, id, by.user_id()).await?.ok_or(Error::NotFound)
}

/// The caller's latest imports in this organization.
pub async fn list(db: &mut impl Read, by: &Can<InviteCreate>) -> Result<Vec<Import>> {
    const SHOWN: i64 = 10;
    store::list_mine(db, by.org().id, by.user_id(), SHOWN).await
}

/// The first lines of a file, for whoever says what its columns hold.
pub async fn sample(db: &mut impl Read, import: &Import) -> Result<Vec<Vec<String>>> {
    const LINES: i64 = 6;
    let rows = store::list_rows(db, import.org_id, import.id, 0, LINES).await?;
    rows.iter().map(|row| Ok(serde_json::from_str(&row.cells)?)).collect()
}

/// Which lines of a result are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Every line.
    All,
    /// Those that have to be mended.
    Bad,
    /// Those for which there is nothing to do.
    Idle,
}

/// Lines with their verdicts, after a place.
pub async fn verdicts(db: &mut impl Read, import: &Import, part: Part, after: i64, most: i64) -> Result<Vec<Judged>> {
    match part {
        Part::All => store::list_verdicts(db, import, after, most).await,
        Part::Bad => store::list_bad(db, import, after, most).await,
        Part::Idle => store::list_idle(db, import, after, most).await,
    }
}

/// Lines that have to be mended with their cells, after a place.
pub async fn bad_rows(db: &mut impl Read, import: &Import, after: i64, most: i64) -> Result<Vec<BadRow>> {
    store::list_bad_rows(db, import, after, most).await
}

/// Takes a file in: its lines are written down some at a time, so that others get their turn and memory does not grow with the file.
/// A file that is refused leaves nothing behind that anybody sees.
pub async fn take_in(
    db: &Db,
    by: &Can<InviteCreate>,
    name: &str,
    file: File,
    now: Timestamp,
) -> Result<std::result::Result<ImportId, Refusal>> {
    let id = begin(db, by, name, now).await?;
    let read = lines(db, by, id, file).await;
    if matches!(read, Ok(Ok(()))) {
        return Ok(Ok(id));
    }
    let mut tx = db.write().await?;
    store::discard(&mut tx, by.org().id, id).await?;
    tx.commit().await?;
    Ok(read?.map(|()| id))
}

async fn begin(db: &Db, by: &Can<InviteCreate>, name: &str, now: Timestamp) -> Result<ImportId> {
    let (org, actor) = (by.org().id, by.actor());
    let mut tx = db.write().await?;
    store::discard_older(&mut tx, org, by.user_id(), WAITING - 1).await?;
    let id = ImportId::from_raw(org.row(orgs::next_id(&mut tx, org, 1).await?));
    let row = (
        id,
        org,
        by.user_id(),
        actor.name.clone(),
        actor.ip.clone(),
        actor.agent.clone(),
        actor.request_id.clone(),
        shown_name(name),
        now,
    );
    store::insert(&mut tx, row).await?;
    tx.commit().await?;
    Ok(id)
}

/// The file's name as it is shown: its last part, in one line.
fn shown_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    crate::text::line("file", "A file", last, 120).unwrap_or_else(|_| "Pasted text".to_owned())
}

async fn lines(db: &Db, by: &Can<InviteCreate>, id: ImportId, file: File) -> Result<std::result::Result<(), Refusal>> {
    let org = by.org().id;
    let (send, mut receive) = tokio::sync::mpsc::channel::<Vec<Line>>(1);
    let reading = tokio::task::spawn_blocking(move || {
        let (mut part, mut weight) = (Vec::with_capacity(PART), 0);
        let nature = reading::read(file, &mut |line| {
            weight += line.cells.iter().map(String::len).sum::<usize>();
            part.push(line);
            if part.len() < PART && weight < WEIGHT {
                return true;
            }
            weight = 0;
            send.blocking_send(std::mem::take(&mut part)).is_ok()
        })?;
        // Nobody listens any more where the writing side has failed, which says so itself.
        let _ = send.blocking_send(part);
        Ok(nature)
    });
    let (mut width, mut total, mut first) = (0, 0, Vec::new());
    while let Some(part) = receive.recv().await {
        let mut rows = Vec::with_capacity(part.len());
        for line in part {
            total += 1;
            width = width.max(line.cells.len());
            rows.push((id, total, org, line.number, serde_json::to_string(&line.cells)?));
            if first.len() < 10 {
                first.push(line.cells);
            }
        }
        let mut tx = db.write().await?;
        store::insert_rows(&mut tx, rows).await?;
        tx.commit().await?;
    }
    let nature = match reading.await {
        Ok(Ok(nature)) => nature,
        Ok(Err(refusal)) => return Ok(Err(refusal)),
        Err(error) => return Err(Error::Internal(format!("a file could not be read: {error}"))),
    };
    let plan = serde_json::to_string(&Plan::suggest(&first, width))?;
    let mut tx = db.write().await?;
    let (words, notice) = (nature.words, nature.notice);
    store::set_read(&mut tx, (org, id), &words, &notice, (width as i64, total), &plan).await?;
    tx.commit().await?;
    Ok(Ok(()))
}

/// Refuses a plan that cannot be carried out; each refusal names the form's field.
pub fn refuse(by: &Can<InviteCreate>, plan: &Plan) -> Vec<(&'static str, String)> {
    let mut errors = Vec::new();
    if plan.place(Field::Email).is_none() {
        errors.push(("columns", "Choose the column with the e-mail addresses.".to_owned()));
    }
    for (place, field) in plan.columns.iter().enumerate() {
        if let Some(field) = field
            && plan.columns[..place].contains(&Some(*field))
        {
            errors.push((
                "columns",
                format!("“{}” is chosen for two columns. Keep one of them.", field.title()),
            ));
            break;
        }
    }
    if plan.way == Way::Add && !by.may(Permission::MemberManage) {
        errors.push((
            "way",
            "Your role does not allow you to add people directly. Invite them instead.".to_owned(),
        ));
    }
    if plan.way == Way::Add && !plan.has_name() {
        errors.push((
            "columns",
            "Accounts need names. Choose the column with the names, or invite people, who then type their own."
                .to_owned(),
        ));
    }
    if plan.role.is_some_and(|role| !roles_for(by).contains(&role)) {
        errors.push(("role", "Choose a role from the list.".to_owned()));
    }
    errors
}

fn changed_meanwhile() -> Error {
    Error::conflict("This import has gone on meanwhile. Reload the page to see how far it is.")
}

async fn own(tx: &mut Tx, by: &Can<InviteCreate>, id: ImportId) -> Result<Import> {
    find(tx, by, id).await?; // somebody else's is not found
    store::lock(tx, by.org().id, id).await?.ok_or(Error::NotFound)
}

/// Begins to judge the lines by a plan.
pub async fn check(tx: &mut Tx, by: &Can<InviteCreate>, id: ImportId, plan: &Plan) -> Result<Import> {
    let import = own(tx, by, id).await?;
    if let Some((field, message)) = refuse(by, plan).into_iter().next() {
        return Err(Error::invalid(field, message));
    }
    let is_ready = matches!(import.state, State::Read | State::Checked);
    if !is_ready || store::set_checking(tx, (import.org_id, id), &serde_json::to_string(plan)?, "").await? == 0 {
        return Err(changed_meanwhile());
    }
    own(tx, by, id).await
}

/// Begins to bring the people in; with `whole`, one bad line refuses all.
pub async fn run(tx: &mut Tx, by: &Can<InviteCreate>, id: ImportId, whole: bool, now: Timestamp) -> Result<Import> {
    let import = own(tx, by, id).await?;
    if import.state != State::Checked {
        return Err(changed_meanwhile());
    }
    let counts = Counts::of(&import);
    if counts.ready() == 0 {
        return Err(Error::invalid(
            "bad",
            "No line of this file brings anybody in. Mend it and upload it again.",
        ));
    }
    if whole && counts.bad() > 0 {
        return Err(Error::invalid(
            "bad",
            "Some lines have to be mended first. Mend them and upload the file again, or skip them.",
        ));
    }
    let in_parts = whole && import.total > BROUGHT;
    let plan = Plan {
        whole,
        stage: if in_parts { Stage::Judge } else { Stage::Bring },
        ..import.plan()
    };
    if store::set_running(tx, (import.org_id, id), &serde_json::to_string(&plan)?, by.actor()).await? == 0 {
        return Err(changed_meanwhile());
    }
    let (invited, joined) = counts.coming();
    let after = json!({ "lines": counts.all(), "to_invite": invited, "to_join": joined, "skipped": counts.bad(), "all_or_nothing": whole });
    record(tx, by, &import, Action::ImportRun, after, now).await?;
    own(tx, by, id).await
}

/// Stops what is under way. Who was brought in stays, but for "all or nothing", where everyone is taken back; while lines are judged,
/// nobody was brought in.
pub async fn stop(tx: &mut Tx, by: &Can<InviteCreate>, id: ImportId, now: Timestamp) -> Result<()> {
    let import = own(tx, by, id).await?;
    let note = match import.state {
        State::Running => format!("Stopped by {}.", by.actor().name),
        _ => String::new(),
    };
    if import.is_whole_in_parts() && import.changed > 0 {
        if import.plan().stage == Stage::Back {
            return Err(Error::conflict("Everyone is being taken back already."));
        }
        turn_back(tx, &import, &note).await?;
    } else if store::stop(tx, &import, &note, now).await? == 0 {
        return Err(Error::conflict("This has ended already. Reload the page to see how."));
    }
    let after = json!({ "brought_in": import.changed });
    record(tx, by, &import, Action::ImportStop, after, now).await
}

/// Begins to take back who was brought in, because it cannot be all.
pub(super) async fn turn_back(tx: &mut Tx, import: &Import, why: &str) -> Result<()> {
    let plan = Plan {
        stage: Stage::Back,
        ..import.plan()
    };
    store::set_plan(tx, import, &serde_json::to_string(&plan)?, why).await
}

/// Throws an upload away of which nobody was brought in.
pub async fn discard(tx: &mut Tx, by: &Can<InviteCreate>, id: ImportId) -> Result<()> {
    let import = own(tx, by, id).await?;
    if store::discard(tx, import.org_id, id).await? == 0 {
        return Err(changed_meanwhile());
    }
    Ok(())
}

async fn record(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    import: &Import,
    action: Action,
    after: Value,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry::done(action, import.object(), Value::Null, after);
    audit::record(tx, by.actor(), Some(import.org_id), entry, now).await
}

/// Forgets uploads that nobody went on with after a day, and finished ones after 30; what they did stands in the audit log.
pub async fn prune(tx: &mut Tx, now: Timestamp) -> Result<()> {
    store::prune(tx, now.minus(days(1)), now.minus(days(30))).await
}
