//! What a browser may send to the imports room.

use serde::Deserialize;

use super::{
    import::{Import, Part},
    plan::{Field, Plan, Way},
};
use crate::{
    access::Role,
    error::{Error, Result},
    ids::ImportId,
};

/// The address of an import.
#[derive(Debug, Clone, Deserialize)]
pub struct ImportPath {
    import: String,
}

impl ImportPath {
    /// The import; text that is no id names none.
    pub fn id(&self) -> Result<ImportId> {
        self.import.parse().map_err(|_| Error::NotFound)
    }
}

/// Which lines are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Rows {
    /// `bad` or `idle`; else all.
    pub show: String,
    /// After which place.
    pub after: String,
}

impl Rows {
    /// The lines that are meant.
    pub fn part(&self) -> Part {
        match self.show.as_str() {
            "bad" => Part::Bad,
            "idle" => Part::Idle,
            _ => Part::All,
        }
    }
    /// The place after which they begin.
    pub fn after(&self) -> i64 {
        self.after.parse().unwrap_or(0)
    }
}

/// What the columns hold, and how people come in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PlanForm {
    head: String,
    column: Vec<String>,
    way: String,
    role: String,
}

impl PlanForm {
    /// The plan; what it does not say is as before.
    pub fn plan(&self, import: &Import) -> Plan {
        Plan {
            head: !self.head.is_empty(),
            columns: (0..import.width as usize)
                .map(|place| self.column.get(place).and_then(|key| Field::find(key)))
                .collect(),
            way: if self.way == Way::Add.key() {
                Way::Add
            } else {
                Way::Invite
            },
            role: Role::find(&self.role),
            ..Plan::default()
        }
    }
}

/// What is to be done with lines that bring nobody in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RunForm {
    /// `none` for all or nothing, else they are skipped.
    pub bad: String,
}
