//! What the bulk room's pages print, decided already.

use askama::Template;

use super::{
    forms::BulkForm,
    handlers::{terms, words},
    job::{Job, Meant, State},
    kind::{Kind, Terms},
    store::ItemRow,
    survey::{Foreseen, Survey},
};
use crate::{
    access::{Can, Permission},
    clock::Timestamp,
    credits::Pool,
    groups::Group,
    ids::MemberId,
    limits::{self, Settings},
    members::{self, picks::Selection},
    web::{
        filters::{date_time, iso, number, time_of_day},
        form::FieldErrors,
        layout::{Choice, FilterLink, Layout},
    },
};

/// A choice with what it would come to.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// What the form sends.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// What it would come to.
    pub note: String,
    /// Whether it is chosen.
    pub selected: bool,
    /// Who would be left out, and why.
    pub left: Vec<Left>,
}

/// Who would be left out for one reason.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// The reason.
    pub reason: &'static str,
    /// How many.
    pub count: i64,
    /// The first names.
    pub names: String,
}

fn left(kind: Kind, foreseen: &Foreseen) -> Vec<Left> {
    foreseen
        .left
        .iter()
        .map(|(reason, (count, names))| {
            let rest = count - names.len() as i64;
            let mut text = names.join(", ");
            if rest > 0 && !names.is_empty() {
                text = format!("{text} and {} more", number(rest));
            }
            Left {
                reason: reason.words(kind),
                count: *count,
                names: text,
            }
        })
        .collect()
}

/// "38 of 40 members will change".
fn foretold(kind: Kind, total: i64, foreseen: &Foreseen) -> String {
    let verb = if kind == Kind::Resend {
        "will be sent again"
    } else {
        "will change"
    };
    if foreseen.changes == total {
        format!("{} {verb}", kind.count(total))
    } else {
        format!("{} of {} {verb}", number(foreseen.changes), kind.count(total))
    }
}

/// "38 of 40 members can have a limit", before it is known which.
fn settable(total: i64, foreseen: &Foreseen) -> String {
    let who = Kind::Limit.count(total);
    if foreseen.changes == total {
        format!("{who} can be given a limit")
    } else {
        format!("{} of {who} can be given a limit", number(foreseen.changes))
    }
}

/// What the select of credit pools sends for the organization's default.
pub const DEFAULT_POOL: &str = "default";

/// The dry run as a dialog, which is a page of its own without scripts.
#[derive(Debug, Template)]
#[template(path = "bulk/plan.html", blocks = ["dialog"])]
pub struct Plan {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The label of the act.
    pub label: &'static str,
    /// "40 members".
    pub subject: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// What carries the selection.
    pub hidden: Vec<(String, String)>,
    /// The groups to choose from.
    pub groups: Vec<Offer>,
    /// What is said where there is no group to choose.
    pub no_groups: &'static str,
    /// The roles to choose from.
    pub roles: Vec<Offer>,
    /// The credit pools to choose from.
    pub pools: Vec<Choice>,
    /// The limits to choose.
    pub limit: Option<limits::views::Many>,
    /// Where what was chosen is looked at without doing it; empty where the first look is enough.
    pub preview: String,
    /// What it would come to.
    pub summary: String,
    /// Who would be left out.
    pub left: Vec<Left>,
    /// What ends for good; empty for what does not.
    pub warning: String,
    /// Whether a reason is asked for.
    pub asks_reason: bool,
    /// The reason that was typed.
    pub reason: String,
    /// What has to be typed to confirm; empty for nothing.
    pub word: String,
    /// What was typed.
    pub confirm: String,
    /// What is wrong.
    pub errors: FieldErrors,
    /// What the last line says.
    pub hint: &'static str,
    /// Whether there is anything to do.
    pub can_run: bool,
    /// Whether it ends something for good.
    pub is_final: bool,
}

/// What the dry run is made of.
pub struct Known<'a> {
    /// Who is meant.
    pub meant: &'a Meant,
    /// The groups.
    pub groups: &'a [Group],
    /// How the organization counts, for what is about limits.
    pub limits: Option<&'a Settings>,
    /// The credit pools, for what is about them.
    pub pools: &'a [Pool],
    /// What was found.
    pub survey: &'a Survey,
    /// What was sent.
    pub form: &'a BulkForm,
    /// The present.
    pub now: Timestamp,
}

impl Plan {
    /// Decides everything that the dialog prints.
    pub fn new<P>(l: Layout, open: bool, by: &Can<P>, kind: Kind, known: &Known<'_>, errors: FieldErrors) -> Self {
        let Known {
            meant,
            groups,
            limits,
            pools,
            survey,
            form,
            now,
        } = known;
        let back = if kind == Kind::Resend {
            by.path("/invites")
        } else {
            members::with(&by.path("/members"), &form.list())
        };
        let action = if kind == Kind::Resend {
            by.path("/invites/resends")
        } else {
            by.path(&format!("/members/bulk/{}", kind.path()))
        };
        let total = survey.total;
        let group_choices: Vec<Offer> = groups
            .iter()
            .filter_map(|group| {
                let inside = survey.by_group.get(&group.id).copied().unwrap_or(0);
                let note = match kind {
                    Kind::GroupAdd if inside == 0 => format!("{} will be added", number(total)),
                    Kind::GroupAdd => {
                        format!(
                            "{} will be added, {} in it already",
                            number(total - inside),
                            number(inside)
                        )
                    }
                    _ if inside == 0 => return None,
                    _ => format!("{} will be removed", number(inside)),
                };
                let value = group.id.to_string();
                Some(Offer {
                    selected: form.group.contains(&value),
                    value,
                    label: group.name.clone(),
                    note,
                    left: Vec::new(),
                })
            })
            .collect();
        let roles: Vec<Offer> = survey
            .by_role
            .iter()
            .map(|(role, foreseen)| {
                let mut note = format!("{} will change", number(foreseen.changes));
                if foreseen.refused() > 0 {
                    note = format!("{note}, {} cannot", number(foreseen.refused()));
                }
                Offer {
                    value: role.key().to_owned(),
                    label: role.title().to_owned(),
                    note,
                    selected: form.role == role.key(),
                    left: left(kind, foreseen),
                }
            })
            .collect();
        let plain = survey.of(kind, &Terms::default());
        let is_about_groups = matches!(kind, Kind::GroupAdd | Kind::GroupRemove);
        let has_choice = is_about_groups || kind == Kind::Role;
        let warning = match kind {
            Kind::Disable => format!(
                "Access ends at once and can’t be restored here. To restore it, contact {}.",
                by.org().support_contact
            ),
            Kind::Remove => format!(
                "They leave {} for good. To come back, each needs a new invitation.",
                by.org().name
            ),
            _ => String::new(),
        };
        let mut pool_choices = Vec::new();
        if kind == Kind::Pool && !pools.is_empty() {
            let choice = |value: String, label: String| Choice {
                selected: form.pool == value,
                value,
                label,
            };
            pool_choices.push(choice(String::new(), "Choose a credit pool".to_owned()));
            pool_choices.push(choice(DEFAULT_POOL.to_owned(), "The organization’s default".to_owned()));
            pool_choices.extend(
                pools
                    .iter()
                    .map(|pool| choice(pool.id.to_string(), format!("{} ({})", pool.name, pool.credit_type))),
            );
        }
        let limit = limits.map(|settings| limits::views::Many::of(&form.limit(), settings, &errors, *now));
        Self {
            l,
            open,
            label: kind.label(),
            subject: kind.count(total),
            preview: limit.as_ref().map_or_else(String::new, |_| format!("{action}/check")),
            limit,
            action,
            back,
            hidden: hidden(kind, meant, form),
            no_groups: match kind {
                Kind::GroupAdd if group_choices.is_empty() => "There is no group yet. Create one first.",
                Kind::GroupRemove if group_choices.is_empty() => "None of them is in a group.",
                Kind::Pool if pool_choices.is_empty() => "There is no credit pool yet. Make one first.",
                _ => "",
            },
            can_run: match kind {
                Kind::GroupAdd | Kind::GroupRemove => !group_choices.is_empty(),
                Kind::Role => roles.iter().any(|role| !role.note.starts_with("0 ")),
                Kind::Pool => plain.changes > 0 && !pool_choices.is_empty(),
                _ => plain.changes > 0,
            },
            groups: group_choices,
            pools: pool_choices,
            roles,
            summary: if has_choice || kind == Kind::Pool {
                String::new()
            } else if kind == Kind::Limit && form.monthly_mode.is_empty() {
                settable(total, &plain)
            } else {
                foretold(kind, total, &plain)
            },
            left: if has_choice && !is_about_groups {
                Vec::new()
            } else {
                left(kind, &plain)
            },
            warning,
            asks_reason: matches!(kind, Kind::Suspend | Kind::Disable),
            reason: form.reason.clone(),
            word: if kind.is_final() {
                plain.changes.to_string()
            } else {
                String::new()
            },
            confirm: form.confirm.clone(),
            errors,
            hint: if kind.inverse().is_some() {
                "Can be undone for ten minutes."
            } else {
                ""
            },
            is_final: kind.is_final(),
        }
    }
}

fn hidden(kind: Kind, meant: &Meant, form: &BulkForm) -> Vec<(String, String)> {
    let mut fields = vec![("do".to_owned(), kind.key().to_owned())];
    let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
    match meant {
        Meant::Members(selection) => {
            add("list", form.list());
            if matches!(selection, Selection::All { .. }) {
                add("all", "1".to_owned());
            }
            for (name, value) in selection.fields(&std::collections::HashSet::new()) {
                add(name, value);
            }
        }
        Meant::Invitations(ids) => {
            for id in ids {
                add("invitation", id.to_string());
            }
        }
        Meant::AllInvitations(search) => {
            add("all", "1".to_owned());
            add("q", search.clone());
        }
    }
    fields
}

/// What became of one, as the page shows it.
#[derive(Debug, Clone)]
pub struct ItemLine {
    /// The name, or that there is none.
    pub name: String,
    /// The address.
    pub email: String,
    /// The page of the member; empty for none.
    pub href: String,
    /// What became of it.
    pub outcome: &'static str,
    /// The class that draws its shape.
    pub class: &'static str,
}

/// The page of a job.
#[derive(Debug, Template)]
#[template(path = "bulk/job.html", blocks = ["status"])]
pub struct JobPage {
    /// The frame.
    pub l: Layout,
    /// The title.
    pub title: String,
    /// Who ordered it, and when.
    pub who: String,
    /// When, for machines.
    pub iso: String,
    /// This page.
    pub here: String,
    /// Where the list is.
    pub back: String,
    /// What the link to the list says.
    pub back_label: &'static str,
    /// The organization's path, for what the browser keeps of the selection.
    pub base: String,
    /// Whether it is still under way.
    pub is_open: bool,
    /// Whether it is still being found out who is meant.
    pub is_collecting: bool,
    /// How many are meant.
    pub total: i64,
    /// How many were worked on.
    pub done: i64,
    /// "139 of 214".
    pub progress: String,
    /// What came of it.
    pub summary: String,
    /// Why it ended early.
    pub note: String,
    /// Where Stop goes; none for whom it is not offered.
    pub stop: Option<String>,
    /// Where Undo goes.
    pub undo: Option<String>,
    /// How long Undo is offered.
    pub undo_until: String,
    /// The file of those who were not changed.
    pub failures: Option<String>,
    /// Which rows.
    pub filters: Vec<FilterLink>,
    /// What became of whom.
    pub rows: Vec<ItemLine>,
    /// The next page.
    pub next: Option<String>,
    /// Whether names are told.
    pub is_told: bool,
}

/// What a job's page is made of.
pub struct Shown<'a> {
    /// The rows.
    pub items: &'a [ItemRow],
    /// Whether more come.
    pub more: bool,
    /// Whether only those who were not changed are shown.
    pub only_left: bool,
    /// Whether names are told.
    pub is_told: bool,
    /// Where Undo goes.
    pub undo: String,
    /// The present.
    pub now: Timestamp,
}

impl JobPage {
    /// Decides everything that the page prints.
    pub fn new<P>(l: Layout, by: &Can<P>, job: &Job, shown: &Shown<'_>) -> Self {
        let zone = by.org().zone.tz();
        let here = by.path(&format!("/bulk/{}", job.id));
        let is_open = job.state.is_open();
        let may = by.may(job.kind.permission());
        let left = job.total - job.changed;
        let summary = match job.state {
            State::Done if job.total == 0 => "Nobody was left to change.".to_owned(),
            State::Done | State::Stopped if left == 0 => {
                format!("{}.", job.kind.done(job.changed, &short(job)))
            }
            State::Done | State::Stopped => {
                format!("{} of {} changed.", number(job.changed), job.kind.count(job.total))
            }
            State::Collecting | State::Running => String::new(),
        };
        let is_member_kind = job.kind != Kind::Resend;
        let link = |show: &str| {
            if show.is_empty() {
                here.clone()
            } else {
                format!("{here}?show={show}")
            }
        };
        let seg = |id, label, count, show: &str, current| FilterLink {
            id,
            label,
            count: Some(count),
            href: link(show),
            current,
        };
        let next = shown.items.last().filter(|_| shown.more).map(|last| {
            let show = if shown.only_left { "&show=left" } else { "" };
            format!("{here}?after={}{show}", MemberId::from_raw(last.subject_id))
        });
        let rows = shown
            .items
            .iter()
            .map(|item| line(by, job, item, is_member_kind))
            .collect();
        Self {
            l,
            title: job.title.clone(),
            who: format!("{}, {}", job.actor_name, date_time(job.created_at.micros(), &zone)),
            iso: iso(job.created_at.micros()),
            back: by.path(if is_member_kind { "/members" } else { "/invites" }),
            back_label: if is_member_kind { "Members" } else { "Manage Invites" },
            base: by.path(""),
            is_open,
            is_collecting: job.state == State::Collecting,
            total: job.total,
            done: job.done,
            progress: if job.state == State::Collecting {
                format!("{} found so far", number(job.done))
            } else {
                format!("{} of {}", number(job.done), number(job.total))
            },
            summary,
            note: job.note.clone(),
            stop: (is_open && may).then(|| by.path(&format!("/bulk/{}/{}/stop", job.kind.path(), job.id))),
            undo: (may && job.can_undo(shown.now)).then(|| shown.undo.clone()),
            undo_until: job.finished_at.map_or_else(String::new, |end| {
                // To the minute: 14:02.
                time_of_day(end.plus(super::job::UNDO).micros(), &zone)
                    .chars()
                    .take(5)
                    .collect()
            }),
            failures: (left > 0 && !is_open && by.may(Permission::MemberSuspend))
                .then(|| format!("{here}/failures.csv")),
            filters: if left > 0 && !is_open && shown.is_told {
                vec![
                    seg("all", "All", job.total, "", !shown.only_left),
                    seg("left", "Not changed", left, "left", shown.only_left),
                ]
            } else {
                Vec::new()
            },
            rows,
            next,
            here,
            is_told: shown.is_told,
        }
    }
}

/// The job's title without what an undo puts before it.
fn short(job: &Job) -> String {
    let title = job.title.trim_start_matches("Undo: ");
    match (job.undoes, job.kind) {
        (Some(_), Kind::GroupAdd) => title.replacen("Remove from", "Add to", 1),
        (Some(_), Kind::GroupRemove) => title.replacen("Add to", "Remove from", 1),
        (Some(_), Kind::Role) => "Change role to what it was".to_owned(),
        (Some(_), Kind::Limit) => "Set limit to what it was".to_owned(),
        (Some(_), Kind::Pool) => "Set credit pool to what it was".to_owned(),
        _ => title.to_owned(),
    }
}

fn line<P>(by: &Can<P>, job: &Job, item: &ItemRow, is_member: bool) -> ItemLine {
    let is_known = item.name.is_some();
    let shows_address = is_member && is_known && !members::names_only(by);
    ItemLine {
        name: item.name.clone().unwrap_or_else(|| "Unknown".to_owned()),
        email: item.email.clone().filter(|_| shows_address).unwrap_or_default(),
        href: if is_member && is_known && !(job.kind == Kind::Remove && item.outcome == 1) {
            by.path(&format!("/members/{}", MemberId::from_raw(item.subject_id)))
        } else {
            String::new()
        },
        outcome: match item.outcome {
            1 => match (job.kind, terms(job).role) {
                (Kind::Role, Some(role)) if job.undoes.is_none() => role.title(),
                _ => words(item, job),
            },
            _ => words(item, job),
        },
        class: match item.outcome {
            1 => "ok",
            2 | 0 => "",
            _ => "bad",
        },
    }
}
