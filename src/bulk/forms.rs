//! What a browser may send to the bulk room.

use serde::Deserialize;

use super::{
    job::Meant,
    kind::{Kind, Terms},
    survey::Survey,
};
use crate::{
    access::{Can, Role},
    clock::Timestamp,
    error::{Error, Result},
    groups::Group,
    ids::{InvitationId, JobId},
    limits::{LimitForm, Settings},
    members::picks::{MOST, Picks},
    text,
    web::{filters::number, form::FieldErrors},
};

/// The address of a job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobPath {
    job: String,
}

impl JobPath {
    /// The job; text that is no id names none.
    pub fn id(&self) -> Result<JobId> {
        self.job.parse().map_err(|_| Error::NotFound)
    }
}

/// Which rows of a result are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Rows {
    /// `left` for those who were not changed.
    pub show: String,
    /// After which.
    pub after: String,
}

/// An act on many: who is meant, and what exactly is to be done.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BulkForm {
    #[serde(rename = "do")]
    kind: String,
    list: String,
    all: String,
    sel: Vec<String>,
    member: Vec<String>,
    shown: Vec<String>,
    except: Vec<String>,
    invitation: Vec<String>,
    q: String,
    /// The role's stable name.
    pub role: String,
    /// The credit pool.
    pub pool: String,
    /// The groups.
    pub group: Vec<String>,
    /// Why.
    pub reason: String,
    /// What was typed to confirm.
    pub confirm: String,
    /// The select of the monthly limit; empty before it was offered.
    pub monthly_mode: String,
    monthly: String,
    monthly_was: String,
    daily_mode: String,
    daily: String,
    daily_was: String,
    enforcement: String,
    until: String,
    note: String,
}

impl BulkForm {
    /// Which of a family's kinds is meant.
    pub fn kind(&self, path: &str) -> Result<Kind> {
        let mut family = Kind::ALL.into_iter().filter(|kind| kind.path() == path);
        let named = Kind::find(&self.kind).filter(|kind| kind.path() == path);
        match (named, family.next(), family.next()) {
            (Some(kind), ..) | (None, Some(kind), None) => Ok(kind),
            _ => Err(Error::BadRequest(
                "The form does not say what to do. Go back, reload the page and send it again.".to_owned(),
            )),
        }
    }
    /// Who is meant.
    pub fn meant(&self, kind: Kind) -> Result<Meant> {
        let nobody = Error::invalid(
            "member",
            "Nobody is selected. Go back and tick the boxes in front of the names first.",
        );
        if kind == Kind::Resend {
            if !self.all.is_empty() {
                return Ok(Meant::AllInvitations(self.q.chars().take(200).collect()));
            }
            let mut ids: Vec<InvitationId> = self.invitation.iter().filter_map(|id| id.parse().ok()).collect();
            ids.retain(|id| id.raw() > 0);
            ids.sort_unstable();
            ids.dedup();
            if ids.len() > MOST {
                return Err(Error::invalid(
                    "member",
                    format!("Select at most {} at once.", number(MOST as i64)),
                ));
            }
            return if ids.is_empty() {
                Err(nobody)
            } else {
                Ok(Meant::Invitations(ids))
            };
        }
        let selection = self.picks().selection()?;
        if selection.is_empty() {
            return Err(nobody);
        }
        Ok(Meant::Members(selection))
    }
    fn picks(&self) -> Picks {
        Picks {
            list: self.list.clone(),
            all: self.all.clone(),
            sel: self.sel.clone(),
            member: self.member.clone(),
            shown: self.shown.clone(),
            except: self.except.clone(),
            ..Picks::default()
        }
    }
    /// The list to come back to.
    pub fn list(&self) -> String {
        self.picks().list()
    }
    /// The limits as they were typed; empty before they were offered.
    pub fn limit(&self) -> LimitForm {
        LimitForm {
            monthly_mode: self.monthly_mode.clone(),
            monthly: self.monthly.clone(),
            monthly_was: self.monthly_was.clone(),
            daily_mode: self.daily_mode.clone(),
            daily: self.daily.clone(),
            daily_was: self.daily_was.clone(),
            enforcement: self.enforcement.clone(),
            until: self.until.clone(),
            note: self.note.clone(),
            ..LimitForm::default()
        }
    }
    /// What exactly is to be done, or what is missing. `limits` is how the organization counts, for what is about limits.
    pub fn terms<P>(
        &self,
        by: &Can<P>,
        kind: Kind,
        survey: &Survey,
        groups: &[Group],
        limits: Option<&Settings>,
        now: Timestamp,
    ) -> std::result::Result<Terms, FieldErrors> {
        let mut terms = Terms::default();
        let mut errors = FieldErrors::default();
        match kind {
            Kind::GroupAdd | Kind::GroupRemove => {
                terms.groups = groups
                    .iter()
                    .map(|group| group.id)
                    .filter(|id| self.group.contains(&id.to_string()))
                    .collect();
                if terms.groups.is_empty() {
                    errors.add("group", "Choose at least one group.");
                }
            }
            Kind::Role => match Role::find(&self.role).filter(|role| role.rank() <= by.rank()) {
                Some(role) => terms.role = Some(role),
                None => errors.add("role", "Choose one of the roles in the list."),
            },
            Kind::Limit => {
                if let Some(settings) = limits {
                    let wish = self.limit().wish_for_many(settings, now)?;
                    terms.limit_words = wish.words(settings.unit, settings.zone());
                    terms.limit = Some(wish);
                }
            }
            Kind::Suspend | Kind::Disable if !self.reason.trim().is_empty() => {
                match text::line("reason", "A reason", &self.reason, 200) {
                    Ok(reason) => terms.reason = reason,
                    Err(error) => errors.add("reason", error.to_string()),
                }
            }
            _ => {}
        }
        if kind.is_final() {
            let changes = survey.of(kind, &terms).changes;
            if self.confirm.trim().replace(',', "") != changes.to_string() {
                errors.add("confirm", format!("Type {changes} to confirm."));
            }
        }
        if errors.is_empty() { Ok(terms) } else { Err(errors) }
    }
}
