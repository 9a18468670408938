//! The pages and fragments of the invitations room: each struct holds exactly what its template prints.

use askama::Template;

use super::{
    acceptance::{Place, Waiting},
    bulk::{BatchItem, Candidate, Verdict},
    invitation::{Delivery, Invitation, Status},
};
use crate::{
    access::{OrgRef, Role},
    clock::{Timestamp, Zone},
    ids::GroupId,
    web::{
        filters::{ago, date, date_time, iso, long_date, number, plural, until},
        form::FieldErrors,
        layout::{Choice, FilterLink, Layout, Link, Sort, Toast, hue, initials},
    },
};

/// One invitation in the table.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: String,
    pub email: String,
    pub role: String,
    pub path: String,
    pub organization: String,
    pub validity: String,
    pub note: String,
    pub note_class: &'static str,
    pub link: String,
    pub tail: String,
    pub created: String,
    pub created_iso: String,
    pub may_delete: bool,
    pub may_renew: bool,
    pub may_resend: bool,
}

impl Row {
    /// The row as `org` shows it at `now`, with times in `zone`; `link` is empty when it is not to be shown, `may_act` when the caller may change it.
    pub fn new(
        of: &Invitation,
        org: &OrgRef,
        zone: &Zone,
        link: Option<String>,
        may_act: bool,
        now: Timestamp,
    ) -> Self {
        let status = of.status(now);
        let (note, note_class) = note(of, status);
        let link = link.filter(|_| status == Status::Pending).unwrap_or_default();
        let end = link.char_indices().rev().nth(8).map_or("", |(place, _)| &link[place..]);
        let open = matches!(status, Status::Pending | Status::Expired);
        Self {
            id: of.id.to_string(),
            email: of.email.clone(),
            role: of.role.title().to_owned(),
            path: org.path(&format!("/invites/{}", of.id)),
            organization: org.name.clone(),
            validity: validity(of, status, zone, now),
            note,
            note_class,
            tail: format!("…{end}"),
            link,
            created: date_time(of.created_at.micros(), &zone.tz()),
            created_iso: iso(of.created_at.micros()),
            may_delete: open && may_act,
            may_renew: status == Status::Pending && may_act,
            may_resend: open && may_act,
        }
    }
}

fn validity(of: &Invitation, status: Status, zone: &Zone, now: Timestamp) -> String {
    let tz = zone.tz();
    let decided = of
        .decided_at
        .map_or_else(String::new, |at| format!(" {}", date(at.micros(), &tz)));
    match (status, of.expires_at) {
        (Status::Pending, None) => "does not expire".to_owned(),
        (Status::Pending, Some(end)) => format!("expires {}", until(now.micros(), end.micros(), &tz)),
        (Status::Expired, end) => format!(
            "expired {}",
            end.map_or_else(String::new, |end| date(end.micros(), &tz))
        ),
        (Status::Accepted, _) => format!("accepted{decided}"),
        (Status::Declined, _) => format!("declined{decided}"),
        (Status::Revoked, _) => format!("deleted{decided}"),
    }
}

/// What the inviter should know: what the mail did, and what the invited person did.
fn note(of: &Invitation, status: Status) -> (String, &'static str) {
    if !matches!(status, Status::Pending | Status::Expired) {
        return (String::new(), "");
    }
    if of.renewal_at.is_some() && status == Status::Expired {
        return ("Asked for a new link".to_owned(), "warn");
    }
    let reason = |what: &str| {
        if of.last_error.is_empty() {
            what.to_owned()
        } else {
            format!("{what}: {}", of.last_error)
        }
    };
    match of.delivery {
        Delivery::Bounced => (reason("E-mail bounced"), "bad"),
        _ if of.opened_at.is_some() => ("Opened".to_owned(), ""),
        Delivery::Deferred => (reason("E-mail delayed"), "warn"),
        Delivery::Queued => ("E-mail queued".to_owned(), ""),
        Delivery::LinkOnly => ("Not e-mailed".to_owned(), ""),
        Delivery::Sent if of.send_count > 2 => (format!("Sent {} times", number(of.send_count)), ""),
        Delivery::Sent if of.send_count == 2 => ("Sent twice".to_owned(), ""),
        Delivery::Sent => ("Sent".to_owned(), ""),
    }
}

/// What both forms of inviters offer and keep.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    pub roles: Vec<Choice>,
    pub groups: Vec<Choice>,
    pub until: String,
}

impl Offer {
    pub fn new(roles: &[Role], groups: &[(GroupId, String)], role: Role, group: &str, until: &str) -> Self {
        let roles = roles
            .iter()
            .map(|of| Choice {
                value: of.key().to_owned(),
                label: of.title().to_owned(),
                selected: *of == role,
            })
            .collect();
        let mut choices = Vec::new();
        if !groups.is_empty() {
            choices.push(Choice {
                value: String::new(),
                label: "No group".to_owned(),
                selected: group.is_empty(),
            });
            choices.extend(groups.iter().map(|(id, name)| {
                let value = id.to_string();
                Choice {
                    selected: value == group,
                    value,
                    label: name.clone(),
                }
            }));
        }
        Self {
            roles,
            groups: choices,
            until: until.to_owned(),
        }
    }
}

/// The form that invites one person, with what is wrong in it.
#[derive(Debug, Clone, Default)]
pub struct Single {
    pub focus_email: bool,
    pub email: String,
    pub offer: Offer,
    pub email_error: String,
    pub role_error: String,
    pub group_error: String,
    pub until_error: String,
    pub form_error: String,
}

/// The page Manage Invites.
#[derive(Template)]
#[template(path = "invitations/index.html", blocks = ["rows", "form"])]
pub struct Index {
    pub l: Layout,
    pub partial: bool,
    pub path: String,
    pub organization: String,
    pub zone: String,
    pub valid: String,
    pub mail_off: bool,
    pub links_hidden: bool,
    pub single: Single,
    pub q: String,
    pub statuses: Vec<FilterLink>,
    pub hidden: Vec<(String, String)>,
    pub clear_href: String,
    pub filtered: bool,
    pub by_email: Sort,
    pub by_created: Sort,
    pub order: String,
    pub rows: Vec<Row>,
    pub range: String,
    pub previous: Option<String>,
    pub next: Option<String>,
    pub audit_href: Option<String>,
    pub links_href: Option<String>,
}

/// The answer to Invite User +, for htmx.
#[derive(Template)]
#[template(path = "invitations/created.html")]
pub struct Created {
    pub l: Layout,
    pub path: String,
    pub row: Row,
    pub open: i64,
    pub single: Single,
    pub toasts: Vec<Toast>,
}

/// The answer to an action on one row, for htmx.
#[derive(Template)]
#[template(path = "invitations/row.html")]
pub struct RowFragment {
    pub row: Option<Row>,
    pub open: i64,
    pub csrf: String,
    pub toasts: Vec<Toast>,
}

/// One address found in a paste.
pub struct CandidateView {
    pub email: String,
    pub note: String,
    pub tone: &'static str,
    pub selected: bool,
    pub disabled: bool,
}

impl From<&Candidate> for CandidateView {
    fn from(of: &Candidate) -> Self {
        let new = of.verdict == Verdict::Invited;
        let (note, tone) = match of.verdict {
            Verdict::Invited if of.looks_shared => ("Looks like a shared mailbox".to_owned(), "warn"),
            Verdict::Malformed => (of.verdict.note(&of.text), "bad"),
            Verdict::OutsideDomains
            | Verdict::Reported
            | Verdict::Disabled
            | Verdict::AccountDisabled
            | Verdict::NoSeat
            | Verdict::Bounced => (of.verdict.note(&of.text), "warn"),
            _ => (of.verdict.note(&of.text), "faint"),
        };
        Self {
            email: of.text.clone(),
            note,
            tone,
            selected: new && !of.looks_shared,
            disabled: !new,
        }
    }
}

/// The window "Bulk User Invite".
#[derive(Template)]
#[template(path = "invitations/bulk.html", blocks = ["dialog"])]
pub struct Bulk {
    pub l: Layout,
    pub open: bool,
    pub path: String,
    pub text: String,
    pub text_error: String,
    pub most: String,
    pub extracted: bool,
    pub heading: String,
    pub skipped: String,
    pub invalid: String,
    pub candidates: Vec<CandidateView>,
    pub offer: Offer,
    pub submit: String,
    pub form_error: String,
}

impl Bulk {
    /// Fills in what was found; `chosen` keeps the ticks of a form that came back.
    pub fn found(&mut self, candidates: &[Candidate], chosen: Option<&[String]>) {
        self.extracted = true;
        self.candidates = candidates.iter().map(CandidateView::from).collect();
        if let Some(chosen) = chosen {
            let chosen: std::collections::HashSet<&str> = chosen.iter().map(String::as_str).collect();
            for candidate in &mut self.candidates {
                candidate.selected = !candidate.disabled && chosen.contains(candidate.email.as_str());
            }
        }
        let new = candidates.iter().filter(|of| of.verdict == Verdict::Invited).count();
        let invalid = candidates.iter().filter(|of| of.verdict == Verdict::Malformed).count();
        let skipped = candidates.len() - new - invalid;
        let selected = self.candidates.iter().filter(|of| of.selected).count() as i64;
        self.heading = match new {
            0 => "No new address found".to_owned(),
            n => format!("{} found", plural(n as i64, "new address", "new addresses")),
        };
        self.skipped = if skipped > 0 {
            format!("{} skipped", number(skipped as i64))
        } else {
            String::new()
        };
        self.invalid = if invalid > 0 {
            format!("{} not valid", number(invalid as i64))
        } else {
            String::new()
        };
        self.submit = if new == 0 {
            String::new()
        } else {
            format!("Invite {} +", plural(selected, "User", "Users"))
        };
    }
}

/// What became of one address of a batch.
pub struct OutcomeRow {
    pub email: String,
    pub outcome: &'static str,
    pub class: &'static str,
    pub reason: String,
}

impl From<&BatchItem> for OutcomeRow {
    fn from(of: &BatchItem) -> Self {
        let verdict = Verdict::find(of.outcome);
        let (outcome, class) = match verdict {
            Some(Verdict::Invited) => ("Invited", "ok"),
            Some(Verdict::Duplicate | Verdict::NotChosen | Verdict::Member | Verdict::AlreadyInvited) => {
                ("Skipped", "")
            }
            _ => ("Not invited", "bad"),
        };
        Self {
            email: of.text.clone(),
            outcome,
            class,
            reason: verdict.map_or_else(String::new, |verdict| verdict.note(&of.text)),
        }
    }
}

/// What became of a confirmed paste.
#[derive(Template)]
#[template(path = "invitations/result.html")]
pub struct BulkResult {
    pub l: Layout,
    pub path: String,
    pub summary: String,
    pub failures_href: Option<String>,
    pub rows: Vec<OutcomeRow>,
    pub more: String,
}

/// The landing page of a link.
#[derive(Template)]
#[template(path = "invitations/landing.html")]
pub struct Landing {
    pub l: Layout,
    pub organization: String,
    pub initials: String,
    pub hue: u8,
    pub invited_by: String,
    pub email: String,
    pub expires: String,
    pub mode: &'static str,
    pub beacon: bool,
    pub name: String,
    pub name_error: String,
    pub password_error: String,
    pub password_hint: String,
    pub form_error: String,
    pub not_you: String,
}

impl Landing {
    /// The page for one invitation, its form empty.
    pub fn new(l: Layout, of: &Invitation, place: &Place, mode: &'static str) -> Self {
        let zone = Zone::find_or_utc(&place.zone);
        let tz = zone.tz();
        let expires = of.expires_at.map_or_else(String::new, |end| {
            let time = date_time(end.micros(), &tz);
            let time = time.rsplit(", ").next().unwrap_or_default();
            format!("{}, {time} ({})", long_date(end.micros(), &tz), zone.name())
        });
        Self {
            l,
            organization: place.name.clone(),
            initials: initials(&place.name),
            hue: hue(place.id.raw()),
            invited_by: format!("{} invited you as {}.", of.inviter_name, of.role.title()),
            email: of.email.clone(),
            expires,
            mode,
            beacon: of.opened_at.is_none(),
            name: String::new(),
            name_error: String::new(),
            password_error: String::new(),
            password_hint: String::new(),
            form_error: String::new(),
            not_you: "Not you?".to_owned(),
        }
    }
}

/// Why an invitation cannot be accepted, or what became of an answer.
#[derive(Template, Default)]
#[template(path = "invitations/outcome.html")]
pub struct Outcome {
    pub l: Layout,
    pub title: String,
    pub detail: String,
    pub may_renew: bool,
    pub may_report: bool,
    pub sign_out: bool,
    pub action: Option<Link>,
}

/// One invitation that waits for the signed-in person.
pub struct WaitingView {
    pub organization: String,
    pub initials: String,
    pub hue: u8,
    pub detail: String,
    pub accept: String,
    pub decline: String,
}

impl WaitingView {
    /// The invitation in words.
    pub fn new(of: &Waiting, now: Timestamp) -> Self {
        let zone = Zone::find_or_utc(&of.zone);
        let tz = zone.tz();
        let end = of.expires_at.map_or_else(String::new, |end| {
            format!(
                " It expires {} ({}).",
                until(now.micros(), end.micros(), &tz),
                zone.name()
            )
        });
        Self {
            organization: of.organization.clone(),
            initials: initials(&of.organization),
            hue: hue(of.org_id.raw()),
            detail: format!(
                "{} invited you as {} on {}.{end}",
                of.inviter_name,
                of.role.title(),
                date(of.created_at.micros(), &tz)
            ),
            accept: format!("/me/invitations/{}/acceptance", of.id),
            decline: format!("/me/invitations/{}/refusal", of.id),
        }
    }
}

/// The invitations that wait for the signed-in person.
#[derive(Template)]
#[template(path = "profile/invitations.html")]
pub struct Mine {
    pub l: Layout,
    pub unproved: bool,
    pub invitations: Vec<WaitingView>,
}

/// Inviting into one group, from its page.
#[derive(Debug, Template)]
#[template(path = "invitations/into_group.html")]
pub struct IntoGroup {
    /// The frame.
    pub l: Layout,
    /// The list of groups.
    pub list_href: String,
    /// The group's page.
    pub href: String,
    /// The group's name.
    pub group: String,
    /// The address that was typed.
    pub email: String,
    /// The roles that the caller may give.
    pub roles: Vec<Choice>,
    /// What is wrong.
    pub errors: FieldErrors,
    /// Who is invited into the group: address, role, when, until when the link works.
    pub pending: Vec<[String; 4]>,
}

impl IntoGroup {
    /// The pending invitations in words.
    pub fn rows(pending: &[crate::groups::belonging::Pending], org: &OrgRef, now: Timestamp) -> Vec<[String; 4]> {
        let zone = org.zone.tz();
        pending
            .iter()
            .map(|row| {
                [
                    row.email.clone(),
                    row.role.title().to_owned(),
                    ago(now.micros(), row.created_at.micros(), &zone),
                    row.expires_at
                        .map_or_else(|| "Never".to_owned(), |end| until(now.micros(), end.micros(), &zone)),
                ]
            })
            .collect()
    }
}
