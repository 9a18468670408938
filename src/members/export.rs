//! The members list as a file: what the list shows, with its filters and in its order, as CSV or as a workbook.
//!
//! Both are of one instant (F39): they are read from a snapshot at full speed, and wait on disk for a slow reader, who holds no
//! transaction and no memory (F33).

use std::collections::HashSet;

use actix_web::{HttpResponse, http::header, web::Data};
use serde_json::{Value, json};

use super::{
    forms::{self, Search},
    list::{self, Query},
    mass,
    picks::{self, Picks, Selection},
    store::ListRow,
};
use crate::{
    access::{Can, permission::MemberRead},
    app::App,
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::Snapshot,
    error::{Error, Result},
    ids::{MemberId, OrgId, UserId},
    web::{
        csv as text,
        filters::iso,
        form::{Form, Query as Asked},
        outgoing::{self, Outgoing},
        xlsx::{Cell, Workbook},
    },
};

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Xlsx,
}

impl Format {
    const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// The list as CSV.
pub async fn csv(app: Data<App>, by: Can<MemberRead>, search: Asked<Search>) -> Result<HttpResponse> {
    whole(&app, &by, &search.0, Format::Csv).await
}

/// The list as a workbook.
pub async fn xlsx(app: Data<App>, by: Can<MemberRead>, search: Asked<Search>) -> Result<HttpResponse> {
    whole(&app, &by, &search.0, Format::Xlsx).await
}

async fn whole(app: &App, by: &Can<MemberRead>, search: &Search, format: Format) -> Result<HttpResponse> {
    let query = Query {
        cursor: None,
        ..search.query()
    };
    let list = forms::address(&query, &search.typed());
    let selection = Selection::All {
        list,
        except: Vec::new(),
    };
    send(app, by, selection, format).await
}

/// Those who are selected as a file.
pub async fn selection(app: Data<App>, by: Can<MemberRead>, form: Form<Picks>) -> Result<HttpResponse> {
    let format = if form.0.format == "xlsx" {
        Format::Xlsx
    } else {
        Format::Csv
    };
    let selection = form.0.selection()?;
    if selection.is_empty() {
        return Err(Error::invalid(
            "member",
            "Nobody is selected. Go back and tick the boxes in front of the names first.",
        ));
    }
    send(&app, &by, selection, format).await
}

async fn send(app: &App, by: &Can<MemberRead>, selection: Selection, format: Format) -> Result<HttpResponse> {
    let selection = selection.shown_to(by);
    let turn = if app.settings.ceilings {
        Some(app.exports.take(by.user_id(), by.org().id)?)
    } else {
        None
    };
    let now = app.clock.now();
    let told = match &selection {
        Selection::Ids(ids) => json!({ "format": format.ending(), "members": ids.len() }),
        Selection::All { list, except } => {
            json!({ "format": format.ending(), "filter": list, "without": except.len() })
        }
    };
    let object = Object::new("organization", by.org().id.raw(), by.org().name.clone());
    let entry = Entry::done(Action::MemberExport, object, Value::Null, told);
    let mut tx = app.db.write().await?;
    audit::record(&mut tx, by.actor(), Some(by.org().id), entry, now).await?;
    tx.commit().await?;

    let zone = by.org().zone.tz();
    let day = now.instant().to_zoned(zone.clone()).date();
    let file = format!(
        "attachment; filename=\"members-{}-{day}.{}\"",
        by.org().slug,
        format.ending()
    );
    let names_only = super::names_only(by);
    let head: &[&str] = if names_only { &NAMES } else { &COLUMNS };
    let stage = Stage {
        db: app.db.snapshot().await?,
        org: by.org().id,
        viewer: names_only.then(|| by.user_id()),
        now,
        source: Source::of(selection),
    };
    let out = match format {
        Format::Csv => Kind::Csv(true),
        Format::Xlsx => Kind::Xlsx(Box::new(Workbook::new("Members", head, zone)?)),
    };
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((header::CONTENT_DISPOSITION, file))
        .streaming(outgoing::send(turn, |to| stage.write(out, to))?))
}

const COLUMNS: [&str; 8] = [
    "Name",
    "Email",
    "Role",
    "Status",
    "Groups",
    "Joined",
    "Last active",
    "Membership ends",
];
/// The columns for whoever sees names alone.
const NAMES: [&str; 5] = ["Name", "Role", "Status", "Groups", "Joined"];

/// Where the next rows come from.
enum Source {
    /// Along the list.
    List { query: Query, except: HashSet<MemberId> },
    /// These.
    Ids(Vec<MemberId>),
    /// Nowhere: all are written.
    End,
}

impl Source {
    fn of(selection: Selection) -> Self {
        match selection {
            Selection::Ids(ids) => Self::Ids(ids),
            Selection::All { list, except } => Self::List {
                query: picks::asked(&list).0,
                except: except.into_iter().collect(),
            },
        }
    }
}

/// What is being written.
enum Kind {
    /// Lines; whether the head is still to come.
    Csv(bool),
    /// A workbook.
    Xlsx(Box<Workbook>),
}

/// An export under way.
struct Stage {
    db: Snapshot,
    org: OrgId,
    /// Whoever sees names alone.
    viewer: Option<UserId>,
    now: Timestamp,
    source: Source,
}

impl Stage {
    /// Writes everything, a part after the other.
    async fn write(mut self, mut kind: Kind, mut to: Outgoing) -> Result<()> {
        while let Some(cells) = self.rows().await? {
            let bytes = match &mut kind {
                Kind::Csv(with_head) => {
                    let head: &[&str] = match (std::mem::take(with_head), self.viewer) {
                        (false, _) => &[],
                        (true, None) => &COLUMNS,
                        (true, Some(_)) => &NAMES,
                    };
                    let lines = cells.into_iter().map(|row| row.into_iter().map(plain).collect());
                    text::lines(head, lines)?
                }
                Kind::Xlsx(book) => book.rows(&cells)?,
            };
            to.send(bytes).await?;
        }
        match kind {
            Kind::Csv(_) => Ok(()),
            Kind::Xlsx(book) => to.send(book.finish()?).await,
        }
    }

    /// The next rows; none when all are there.
    async fn rows(&mut self) -> Result<Option<Vec<Vec<Cell>>>> {
        let (mut rows, words, next) = match std::mem::replace(&mut self.source, Source::End) {
            Source::End => return Ok(None),
            Source::Ids(ids) => (
                mass::listed(&mut self.db, self.org, &ids).await?,
                Vec::new(),
                Source::End,
            ),
            Source::List { mut query, except } => {
                let (mut rows, place) = list::slice(&mut self.db, self.org, &query).await?;
                rows.retain(|row| !except.contains(&row.id));
                let words = query.words.clone();
                let next = match place {
                    Some(place) => {
                        query.cursor = Some(place);
                        Source::List { query, except }
                    }
                    None => Source::End,
                };
                (rows, words, next)
            }
        };
        self.source = next;
        if let Some(viewer) = self.viewer {
            // Whoever may not see addresses may not find by them either.
            rows.retain(|row| list::has_words(&row.name, &words) || row.user_id == viewer);
        }
        Ok(Some(rows.iter().map(|row| self.cells(row)).collect()))
    }

    fn cells(&self, row: &ListRow) -> Vec<Cell> {
        let status = if list::has_expired(row, self.now) {
            "Expired"
        } else {
            row.status.title()
        };
        let groups: Vec<String> = list::groups_of(row).into_iter().map(|(_, name)| name).collect();
        let time = |at: Option<Timestamp>| at.filter(|at| at.micros() > 0).map_or(Cell::Empty, Cell::Time);
        let mut cells = vec![
            Cell::Text(row.name.clone()),
            Cell::Text(row.email.clone()),
            Cell::Text(row.role.title().to_owned()),
            Cell::Text(status.to_owned()),
            Cell::Text(groups.join(", ")),
            time(Some(row.joined_at)),
        ];
        if self.viewer.is_some() {
            cells.remove(1);
        } else {
            cells.push(time(Some(row.last_active_at)));
            cells.push(time(row.expires_at));
        }
        cells
    }
}

fn plain(cell: Cell) -> String {
    match cell {
        Cell::Text(value) => value,
        Cell::Time(at) => iso(at.micros()),
        Cell::Empty => String::new(),
    }
}
