//! What the imports room's pages print, decided already.

use askama::Template;

use super::{
    forms::Rows,
    import::{Counts, Import, Judged, Part, State},
    judge,
    plan::{Field, Plan, Stage, Way},
    reading,
    verdict::Verdict,
};
use crate::{
    access::{Can, Permission, permission::InviteCreate},
    invitations::roles_for,
    web::{
        filters::{date_time, iso, number, plural},
        form::FieldErrors,
        layout::{Choice, Fact, FilterLink, Layout},
    },
};

/// An import in the list below the form.
#[derive(Debug, Default)]
pub struct MineRow {
    /// The file's name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// How far it is.
    pub state: &'static str,
    /// See `m::status`.
    pub class: &'static str,
    /// When it was uploaded, for machines.
    pub iso: String,
    /// The same for people.
    pub at: String,
}

/// The form for a file or pasted text.
#[derive(Debug, Default, Template)]
#[template(path = "imports/new.html")]
pub struct Start {
    /// The frame.
    pub l: Layout,
    /// Where members are listed.
    pub members: String,
    /// Where the form goes.
    pub action: String,
    /// The limits of a file, in words.
    pub most: String,
    /// What was pasted.
    pub text: String,
    /// What is wrong.
    pub errors: FieldErrors,
    /// The caller's latest imports.
    pub mine: Vec<MineRow>,
}

impl Start {
    /// Decides everything that the page prints.
    pub fn new(l: Layout, by: &Can<InviteCreate>, mine: &[Import], text: &str, errors: FieldErrors) -> Self {
        let zone = by.org().zone.tz();
        let row = |import: &Import| {
            let (class, state) = match import.state {
                State::Reading | State::Read => ("", "Columns to choose"),
                State::Checking => ("", "Being checked"),
                State::Checked => ("", "Checked, not imported"),
                State::Running => ("", "Under way"),
                State::Done => ("ok", "Imported"),
                State::Stopped | State::Discarded => ("bad", "Stopped"),
            };
            MineRow {
                name: import.name.clone(),
                href: by.path(&format!("/imports/{}", import.id)),
                state,
                class,
                iso: iso(import.created_at.micros()),
                at: date_time(import.created_at.micros(), &zone),
            }
        };
        Self {
            l,
            members: by.path("/members"),
            action: by.path("/imports"),
            most: format!(
                "CSV or Excel (.xlsx), up to {} MB, {} lines and {} columns.",
                reading::BYTES >> 20,
                number(reading::ROWS as i64),
                reading::COLUMNS
            ),
            text: text.to_owned(),
            errors,
            mine: mine.iter().map(row).collect(),
        }
    }
}

/// One column of the file.
#[derive(Debug, Default)]
pub struct ColumnRow {
    /// The id of its select.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Values that stand in it.
    pub samples: String,
    /// What it can hold.
    pub fields: Vec<Choice>,
}

/// What the columns hold, and how people come in.
#[derive(Debug, Default, Template)]
#[template(path = "imports/columns.html")]
pub struct Columns {
    /// The frame.
    pub l: Layout,
    /// Where members are listed.
    pub members: String,
    /// The page of the import.
    pub here: String,
    /// The file's name.
    pub name: String,
    /// What was found out about it.
    pub format: String,
    /// What to look at.
    pub notice: String,
    /// Whether the first line names the columns.
    pub head: bool,
    /// The columns.
    pub list: Vec<ColumnRow>,
    /// Whether people may be added directly.
    pub may_add: bool,
    /// Whether that is chosen.
    pub adds: bool,
    /// What becomes of whoever has an account when others are invited.
    pub invited: &'static str,
    /// The roles for whoever has none in the file.
    pub roles: Vec<Choice>,
    /// Whether limits in the file would be refused.
    pub no_limits: bool,
    /// What is wrong.
    pub errors: FieldErrors,
}

impl Columns {
    /// Decides everything that the page prints.
    pub fn new(
        l: Layout,
        by: &Can<InviteCreate>,
        import: &Import,
        plan: &Plan,
        sample: &[Vec<String>],
        errors: FieldErrors,
    ) -> Self {
        const SHOWN: usize = 3;
        let role = plan.role.unwrap_or(by.org().default_role);
        let columns = (0..import.width as usize).map(|place| {
            let chosen = plan.columns.get(place).copied().flatten();
            let named = sample.first().filter(|_| plan.head).and_then(|line| line.get(place));
            let below = sample.iter().skip(usize::from(plan.head));
            let values = below.filter_map(|line| line.get(place)).filter(|cell| !cell.is_empty());
            let mut samples: Vec<String> = values.map(|cell| cell.chars().take(40).collect()).collect();
            samples.dedup();
            samples.truncate(SHOWN);
            let mut fields = vec![Choice {
                value: String::new(),
                label: "Leave out".to_owned(),
                selected: chosen.is_none(),
            }];
            fields.extend(Field::ALL.into_iter().map(|field| Choice {
                value: field.key().to_owned(),
                label: field.title().to_owned(),
                selected: chosen == Some(field),
            }));
            ColumnRow {
                id: format!("column-{}", place + 1),
                name: named.filter(|name| !name.is_empty()).map_or_else(
                    || format!("Column {}", place + 1),
                    |name| name.chars().take(60).collect(),
                ),
                samples: samples.join(" · "),
                fields,
            }
        });
        let roles = roles_for(by);
        let role = if roles.contains(&role) {
            Some(role)
        } else {
            roles.last().copied()
        };
        Self {
            l,
            members: by.path("/members"),
            here: by.path(&format!("/imports/{}", import.id)),
            name: import.name.clone(),
            format: format!("{}, {}", import.format, plural(import.total, "line", "lines")),
            notice: import.notice.clone(),
            head: plan.head,
            list: columns.collect(),
            may_add: by.may(Permission::MemberManage),
            adds: plan.way == Way::Add,
            invited: if judge::joins(by) {
                "New addresses get an e-mail with a link. Whoever has an account here joins at once."
            } else {
                "Everyone gets an e-mail with a link and joins by it."
            },
            roles: roles
                .into_iter()
                .map(|one| Choice {
                    value: one.key().to_owned(),
                    label: one.title().to_owned(),
                    selected: Some(one) == role,
                })
                .collect(),
            no_limits: !by.may(Permission::LimitSet),
            errors,
        }
    }
}

/// One line of the result.
#[derive(Debug, Default)]
pub struct LineRow {
    /// Its number in the file.
    pub line: String,
    /// The address as it stands there.
    pub email: String,
    /// See `m::status`.
    pub class: &'static str,
    /// What becomes of it.
    pub outcome: &'static str,
    /// What is wrong and what to do.
    pub note: String,
}

/// How far an import is, and what becomes of each line.
#[derive(Debug, Default, Template)]
#[template(path = "imports/show.html", blocks = ["status"])]
pub struct Show {
    /// The frame.
    pub l: Layout,
    /// Where members are listed.
    pub members: String,
    /// The page itself.
    pub here: String,
    /// The form for another file.
    pub another: String,
    /// The file's name.
    pub name: String,
    /// Who uploaded it and when.
    pub who: String,
    /// The instant for machines.
    pub iso: String,
    /// Whether something is under way.
    pub is_open: bool,
    /// Whether nobody is brought in yet.
    pub is_check: bool,
    /// What is being done.
    pub under_way: &'static str,
    /// Whether everyone is being taken back.
    pub is_back: bool,
    /// Whether the upload did not end.
    pub is_broken: bool,
    /// The head of the panel.
    pub summary: String,
    /// What happened to it.
    pub note: String,
    /// How much is done.
    pub done: i64,
    /// Of how much.
    pub total: i64,
    /// Both in words.
    pub progress: String,
    /// What becomes of how many lines.
    pub facts: Vec<Fact>,
    /// What becomes of whoever is told nothing else.
    pub hint: &'static str,
    /// How many people come in; 0 for a page that brings nobody in.
    pub ready: i64,
    /// The words of the button.
    pub submit: String,
    /// How many lines have to be mended.
    pub bad: i64,
    /// Whether "all or nothing" is chosen.
    pub none: bool,
    /// What is wrong with the choice.
    pub errors: FieldErrors,
    /// Where the lines to mend are a file.
    pub file: Option<String>,
    /// Lines by kind.
    pub filters: Vec<FilterLink>,
    /// The lines.
    pub rows: Vec<LineRow>,
    /// The next page of them.
    pub next: Option<String>,
}

impl Show {
    /// Decides everything that the page prints.
    pub fn new(
        l: Layout,
        by: &Can<InviteCreate>,
        import: &Import,
        lines: &[Judged],
        (rows, more, chosen): (&Rows, bool, &str),
        errors: FieldErrors,
    ) -> Self {
        let here = by.path(&format!("/imports/{}", import.id));
        let plan = import.plan();
        let counts = Counts::of(import);
        let (invited, joined) = counts.coming();
        let has_run = import.state.has_run();
        let is_checked = import.state == State::Checked;
        let first = plan.first();
        let (total, done) = (import.total - first, (import.place - first).max(0));
        let summary = match import.state {
            State::Checked if counts.ready() == 0 => "Nobody can be brought in".to_owned(),
            State::Checked => format!("{} can be brought in", plural(counts.ready(), "person", "people")),
            State::Done => brought(invited, joined, plan.way),
            State::Stopped => format!("{} Not all lines were reached.", brought(invited, joined, plan.way)),
            State::Reading => "This upload did not end".to_owned(),
            State::Read => "The check was stopped".to_owned(),
            State::Checking | State::Running | State::Discarded => String::new(),
        };
        let told = Verdict::ALL.into_iter().filter(|verdict| counts.get(*verdict) > 0);
        let facts = told
            .map(|verdict| Fact {
                label: verdict.words(has_run),
                value: number(counts.get(verdict)),
            })
            .collect();
        let seg = |id: &'static str, label, count: i64, part| FilterLink {
            id,
            label,
            count: Some(count),
            href: if id == "all" {
                here.clone()
            } else {
                format!("{here}?show={id}")
            },
            current: rows.part() == part,
        };
        let mut filters = Vec::new();
        let shows_lines = is_checked || matches!(import.state, State::Done | State::Stopped);
        if shows_lines && counts.bad() + counts.idle() > 0 {
            filters.push(seg("all", "All", counts.all().max(total), Part::All));
            if counts.bad() > 0 {
                filters.push(seg("bad", "To mend", counts.bad(), Part::Bad));
            }
            if counts.idle() > 0 {
                filters.push(seg("idle", "Nothing to do", counts.idle(), Part::Idle));
            }
        }
        let next = lines.last().filter(|_| more).map(|last| match rows.part() {
            Part::All => format!("{here}?after={}", last.n),
            Part::Bad => format!("{here}?show=bad&after={}", last.n),
            Part::Idle => format!("{here}?show=idle&after={}", last.n),
        });
        Self {
            l,
            members: by.path("/members"),
            another: by.path("/imports/new"),
            name: import.name.clone(),
            who: format!(
                "{}, {}",
                import.actor_name,
                date_time(import.created_at.micros(), &by.org().zone.tz())
            ),
            iso: iso(import.created_at.micros()),
            is_open: import.state.is_open(),
            is_check: import.state == State::Checking,
            under_way: match (import.state, plan.stage) {
                (State::Checking, _) => "Checking all lines",
                (_, Stage::Judge) => "Checking all lines once more",
                (_, Stage::Bring) => "Bringing people in",
                (_, Stage::Back) => "Taking everyone back who has come in",
            },
            is_back: import.is_whole_in_parts() && plan.stage == Stage::Back,
            is_broken: matches!(import.state, State::Reading | State::Read),
            summary,
            note: import.note.clone(),
            done,
            total,
            progress: format!("{} of {}", number(done), plural(total, "line", "lines")),
            facts,
            hint: if is_checked && counts.idle() > 0 {
                "Members and people with an open invitation stay as they are; nothing of theirs is changed."
            } else {
                ""
            },
            ready: if is_checked { counts.ready() } else { 0 },
            submit: format!("Import {}", plural(counts.ready(), "person", "people")),
            bad: counts.bad(),
            none: chosen == "none",
            errors,
            file: (shows_lines && counts.bad() > 0).then(|| format!("{here}/errors.csv")),
            filters,
            rows: lines.iter().map(|line| row(line, import, has_run)).collect(),
            next,
            here,
        }
    }
}

/// Who came in, in a sentence.
fn brought(invited: i64, joined: i64, way: Way) -> String {
    let invitations = format!("{} invited", plural(invited, "person was", "people were"));
    let additions = format!("{} added", plural(joined, "person was", "people were"));
    match (invited, joined) {
        (0, 0) if way == Way::Add => "Nobody was added.".to_owned(),
        (0, 0) => "Nobody was invited.".to_owned(),
        (_, 0) => format!("{invitations}."),
        (0, _) => format!("{additions}."),
        _ => format!("{invitations} and {additions}."),
    }
}

fn row(line: &Judged, import: &Import, has_run: bool) -> LineRow {
    let is_done = has_run && line.n <= import.place;
    let verdict = Verdict::find(line.verdict);
    let is_ready = verdict.is_some_and(Verdict::is_ready);
    let (class, outcome) = match verdict {
        Some(_) if is_ready && has_run && !is_done => ("", "Not reached"),
        Some(verdict) if is_ready => ("ok", verdict.words(is_done)),
        Some(verdict) if verdict.is_idle() => ("", verdict.words(is_done)),
        Some(verdict) => ("bad", verdict.words(is_done)),
        None => ("bad", "Unknown"),
    };
    LineRow {
        line: number(line.line),
        email: if line.email.is_empty() {
            "(empty)".to_owned()
        } else {
            line.email.clone()
        },
        class,
        outcome,
        note: line.note.clone(),
    }
}
