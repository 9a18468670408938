//! What a page of usage shows, as a file: its days and its tables with all of their rows, for its period (B-16). Amounts are not rounded,
//! days are whole dates, and all of it is of one instant, so that every table adds up to the days (F39).

use actix_web::{HttpResponse, http::header, web::Data};
use serde_json::{Value, json};

use super::{
    figures::{Figures, Share, Walk},
    grouping::Grouping,
    period::Choice,
};
use crate::{
    access::Can,
    app::App,
    audit::{self, Action, Entry, Object},
    db::Snapshot,
    error::Result,
    ids::OrgId,
    limits,
    metering::Scope,
    web::{
        csv::{self, Field},
        filters::percent,
        outgoing::{self, Outgoing},
    },
};

/// Whose usage a file is about.
pub struct About {
    /// What the sums are of.
    pub of: (Scope, i64),
    /// What the record names.
    pub object: Object,
    /// What the name of the file begins with.
    pub name: String,
    /// The tables of the page.
    pub groupings: Vec<Grouping>,
}

/// An export under way.
struct Stage {
    db: Snapshot,
    org: OrgId,
    figures: Figures,
    head: [String; 5],
    groupings: Vec<Grouping>,
}

/// The file of a page.
pub async fn send<P>(app: &Data<App>, by: &Can<P>, choice: Choice, about: About) -> Result<HttpResponse> {
    let turn = if app.settings.ceilings {
        Some(app.exports.take(by.user_id(), by.org().id)?)
    } else {
        None
    };
    let (org, now) = (by.org(), app.clock.now());
    let mut db = app.db.snapshot().await?;
    let settings = limits::settings::find(&mut db, org).await?;
    let figures = super::figures::load(&mut db, org.id, &settings, about.of, choice, now).await?;
    let day = |date: Option<&super::chart::Day>| date.map_or_else(String::new, |day| day.date.to_string());
    let (first, last) = (day(figures.days.first()), day(figures.days.last()));

    let told = json!({ "format": "csv", "from": first, "to": last });
    let entry = Entry::done(Action::UsageExport, about.object, Value::Null, told);
    let mut tx = app.db.write().await?;
    audit::record(&mut tx, by.actor(), Some(org.id), entry, now).await?;
    tx.commit().await?;

    let used = format!("Used ({})", settings.unit.head());
    let stage = Stage {
        db,
        org: org.id,
        figures,
        head: ["Table", "Name", &used, "Share", "Events"].map(str::to_owned),
        groupings: about.groupings,
    };
    let file = format!("attachment; filename=\"{}-{first}-to-{last}.csv\"", about.name);
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, file))
        .streaming(outgoing::send(turn, |to| stage.write(to))?))
}

impl Stage {
    /// Writes the days with the head, then one table after the other.
    async fn write(mut self, mut to: Outgoing) -> Result<()> {
        let days = self.figures.days.iter().map(|day| {
            let share = Field::from(String::new());
            line("By day", day.date.to_string(), day.amount, share, day.events)
        });
        to.send(csv::lines(&self.head.each_ref().map(String::as_str), days)?)
            .await?;
        for grouping in std::mem::take(&mut self.groupings) {
            let mut walk = Walk::default();
            while let Some(shares) = grouping.part(&mut self.db, self.org, &self.figures, &mut walk).await? {
                let total = self.figures.total;
                let lines = shares.into_iter().map(|share| of_share(grouping.title, share, total));
                to.send(csv::lines(&[], lines)?).await?;
            }
        }
        Ok(())
    }
}

fn of_share(table: &str, share: Share, total: i64) -> Vec<Field> {
    let part = if total > 0 {
        percent(share.amount.max(0), total)
    } else {
        String::new()
    };
    line(table, share.name, share.amount, part.into(), share.events)
}

fn line(table: &str, name: String, amount: i64, share: Field, events: i64) -> Vec<Field> {
    vec![
        table.to_owned().into(),
        name.into(),
        Field::millionths(amount),
        share,
        Field::count(events),
    ]
}
