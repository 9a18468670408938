//! An event in words: what happened to whom, what changed, and the sign beside it.

use serde_json::{Map, Value};

use super::{Action, Outcome, log::Line};
use crate::{access::Role, clock::Timestamp, clock::Zone, web::filters};

/// An event in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// What happened to whom.
    pub text: String,
    /// What changed, when that is short.
    pub detail: String,
    /// The icon beside it.
    pub icon: &'static str,
    /// Its colour: `warn`, `bad` or none.
    pub tone: &'static str,
}

/// One field that an event changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The field.
    pub field: String,
    /// Its value before.
    pub before: String,
    /// Its value after.
    pub after: String,
}

impl Line {
    /// The event in words; instants are told in `zone`.
    pub fn words(&self, zone: &Zone) -> Words {
        let changes = self.changes(zone);
        let (icon, tone) = self.sign();
        Words {
            text: self.text(),
            detail: summary(&changes, self.before.is_empty()),
            icon,
            tone,
        }
    }

    /// What changed, field by field.
    pub fn changes(&self, zone: &Zone) -> Vec<Change> {
        let (before, after) = (fields(&self.before), fields(&self.after));
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort();
        names.dedup();
        names
            .into_iter()
            .map(|name| Change {
                field: label(name),
                before: before
                    .get(name)
                    .map_or_else(|| filters::MISSING.to_owned(), |value| words(name, value, zone)),
                after: after
                    .get(name)
                    .map_or_else(|| filters::MISSING.to_owned(), |value| words(name, value, zone)),
            })
            .collect()
    }

    fn text(&self) -> String {
        use Action as A;
        let of = self.object_name.as_str();
        let Some(action) = self.action else {
            return format!("{}: {of}", self.action_name);
        };
        match action {
            A::EnterpriseCreate => format!("Set up {of}"),
            A::EnterpriseUpdate | A::OrgUpdate => format!("Changed the settings of {of}"),
            A::EnterpriseRoleChange => format!("Changed the enterprise role of {of}"),
            A::SubscriptionUpdate => format!("Changed the subscription record of {of}"),
            A::TrainingUpdate => format!("Changed the training resources of {of}"),
            A::OrgCreate => format!("Created {of}"),
            A::OrgRename => format!("Renamed {of}"),
            A::OrgArchive => format!("Archived {of}"),
            A::OrgRestore | A::MemberRestore => format!("Restored {of}"),
            A::MemberCreate => format!("Added {of}"),
            A::MemberJoin => format!("{of} joined"),
            A::MemberUpdate => format!("Changed {of}"),
            A::MemberRole => format!("Changed the role of {of}"),
            A::RoleCreate => format!("Made the role {of}"),
            A::RoleUpdate => format!("Changed the role {of}"),
            A::RoleDelete => format!("Deleted the role {of}"),
            A::PermissionAdd => format!("Added the permission {of}"),
            A::PermissionRemove => format!("Took the permission {of} out of the catalogue"),
            A::MemberSuspend => format!("Deactivated {of}"),
            A::MemberActivate => format!("Activated {of}"),
            A::MemberDisable => format!("Disabled {of}"),
            A::MemberRemove => format!("Removed {of}"),
            A::MemberExpire => format!("The membership of {of} expired"),
            A::InvitationCreate => format!("Invited {of}"),
            A::InvitationResend => format!("Sent the invitation of {of} again"),
            A::InvitationNewLink => format!("Made a new invitation link for {of}"),
            A::InvitationRevoke => format!("Deleted the invitation code of {of}"),
            A::InvitationAccept => format!("{of} accepted the invitation"),
            A::InvitationDecline => format!("{of} declined the invitation"),
            A::InvitationRenewalRequest => format!("{of} asked for a new link"),
            A::InvitationReport => format!("{of} reported the invitation"),
            A::InvitationDelivery => format!("The invitation of {of} could not be delivered"),
            A::GroupCreate => format!("Created the group {of}"),
            A::GroupUpdate => format!("Changed the group {of}"),
            A::GroupCards => format!("Arranged the page of the group {of}"),
            A::GroupDelete => format!("Deleted the group {of}"),
            A::LimitSet => format!("Set the limit of {of}"),
            A::LimitRaiseEnd => format!("The temporary limit of {of} ended"),
            A::LimitDefault => format!("Changed the default limits of {of}"),
            A::LimitPin => format!("{of} kept the limit from before"),
            A::LimitGroup | A::LimitPool => format!("Changed the limits of {of}"),
            A::LimitSettings => format!("Changed how {of} counts limits"),
            A::AlertSettings => format!("Changed what {of} is told about usage"),
            A::LimitRequest => format!("{of} asked for a higher limit"),
            A::LimitApprove => format!("Approved the request of {of}"),
            A::LimitDeny => format!("Denied the request of {of}"),
            A::LimitRequestWithdraw => format!("{of} withdrew the request for a higher limit"),
            A::LimitRequestExpire => format!("The request of {of} expired"),
            A::PoolCreate => format!("Made the credit pool {of}"),
            A::PoolUpdate => format!("Changed the credit pool {of}"),
            A::PoolGrant => format!("Granted credits to {of}"),
            A::PoolAdjust => format!("Adjusted the credit pool {of}"),
            A::PoolExpire => format!("The credits of {of} expired"),
            A::PoolArchive => format!("Archived the credit pool {of}"),
            A::PoolPeriod => format!("Moved allowances of {of}"),
            A::PoolExport => format!("Exported the statement of {of}"),
            A::MemberPool => format!("Changed the credit pool of {of}"),
            A::WalletSettings => format!("Switched personal wallets of {of}"),
            A::WalletTopUp => format!("Topped up the wallet of {of}"),
            A::WalletAdjust => format!("Adjusted the wallet of {of}"),
            A::KeyCreate => format!("Created the API key {of}"),
            A::KeyUpdate => format!("Changed the API key {of}"),
            A::KeyRotate => format!("Rotated the API key {of}"),
            A::KeySuspend => format!("Suspended the API key {of}"),
            A::KeyActivate => format!("Activated the API key {of}"),
            A::KeyRevoke => format!("Revoked the API key {of}"),
            A::KeyRules => format!("Changed the rules of API keys of {of}"),
            A::FeatureCreate => format!("Added the feature {of}"),
            A::FeatureUpdate => format!("Changed the feature {of}"),
            A::FeatureRemove => format!("Removed the feature {of}"),
            A::ServiceCreate => format!("Created the service account {of}"),
            A::ServiceUpdate => format!("Changed the service account {of}"),
            A::ServiceDisable => format!("Disabled the service account {of}"),
            A::ServiceEnable => format!("Enabled the service account {of}"),
            A::SignIn => "Signed in".to_owned(),
            A::SignOut => "Signed out".to_owned(),
            A::SignInFailed => format!("Sign-in refused for {of}"),
            A::AuditView => "Viewed the audit log".to_owned(),
            A::MemberExport => format!("Exported the members of {of}"),
            A::ImportRun => format!("Imported people from {of}"),
            A::ImportStop => format!("Stopped the import of {of}"),
            A::BulkStop => format!("Stopped {of}"),
            A::BulkUndo => format!("Undid {of}"),
            A::ViewSave => format!("Saved the view {of}"),
            A::ViewDelete => format!("Deleted the view {of}"),
            A::AuditExport => "Exported the audit log".to_owned(),
            A::UsageExport => format!("Exported the usage of {of}"),
            A::AccessDenied => format!("Access denied to {of}"),
            other if of.is_empty() => other.title().to_owned(),
            other => format!("{}: {of}", other.title()),
        }
    }

    fn sign(&self) -> (&'static str, &'static str) {
        use Action as A;
        let icon = match self.action {
            Some(A::InvitationCreate | A::InvitationNewLink) => "mail-plus",
            Some(A::InvitationResend | A::MailRetry) => "send",
            Some(A::InvitationAccept | A::MemberJoin | A::MemberActivate | A::MemberRestore) => "user-round-check",
            Some(A::MemberCreate | A::GroupMemberAdd) => "user-plus",
            Some(A::MemberRemove | A::GroupMemberRemove) => "user-round-x",
            Some(A::MemberSuspend) => "circle-pause",
            Some(A::MemberDisable | A::InvitationDecline | A::MailCancel) => "ban",
            Some(A::MemberRole | A::EnterpriseRoleChange | A::RoleCreate | A::RoleUpdate) => "shield-check",
            Some(A::InvitationRevoke | A::RoleDelete | A::PermissionRemove) => "trash-2",
            Some(A::InvitationLinkView | A::InvitationRenewalRequest) => "link",
            Some(A::InvitationReport) => "flag",
            Some(A::InvitationDelivery) => "triangle-alert",
            Some(A::InvitationExport | A::AuditExport | A::MemberExport | A::UsageExport | A::PoolExport) => "download",
            Some(A::AuditView) => "eye",
            Some(A::SignIn) => "log-in",
            Some(A::SignOut | A::SessionRevoke | A::SessionRevokeAll) => "log-out",
            Some(A::SignInFailed | A::AccessDenied) => "shield",
            Some(A::PasswordChange | A::PasswordReset | A::PasswordResetRequest) => "key-round",
            Some(A::AddressVerify) => "badge-check",
            Some(A::OrgCreate | A::OrgRename | A::EnterpriseCreate) => "building-2",
            Some(A::OrgArchive | A::PoolArchive) => "archive",
            Some(A::OrgRestore) => "archive-restore",
            Some(A::OrgUpdate | A::EnterpriseUpdate | A::SubscriptionUpdate | A::TrainingUpdate) => "settings",
            Some(A::ProfileUpdate | A::MemberUpdate) => "pencil",
            Some(A::GroupCreate | A::GroupUpdate | A::GroupCards | A::GroupLead | A::GroupLeadEnd) => "users",
            Some(A::GroupDelete) => "trash-2",
            Some(A::GroupMemberExpire | A::GroupMemberUpdate) => "clock",
            Some(A::MemberExpire | A::PoolExpire | A::LimitRaiseEnd | A::LimitRequestExpire) => "clock",
            Some(
                A::LimitSet
                | A::LimitDefault
                | A::LimitPin
                | A::LimitGroup
                | A::LimitPool
                | A::LimitSettings
                | A::AlertSettings
                | A::PoolCreate
                | A::PoolUpdate
                | A::PoolGrant
                | A::PoolAdjust
                | A::PoolPeriod
                | A::MemberPool
                | A::WalletSettings
                | A::WalletTopUp
                | A::WalletAdjust,
            ) => "gauge",
            Some(A::KeyCreate | A::KeyUpdate | A::KeyRotate | A::KeyActivate) => "key-round",
            Some(A::KeySuspend | A::ServiceDisable) => "circle-pause",
            Some(A::KeyRevoke | A::FeatureRemove) => "trash-2",
            Some(A::FeatureCreate | A::FeatureUpdate) => "tag",
            Some(A::ServiceCreate | A::ServiceUpdate | A::ServiceEnable) => "terminal",
            Some(A::KeyRules) => "settings",
            Some(A::LimitRequest) => "help",
            Some(A::LimitApprove) => "circle-check",
            Some(A::LimitDeny | A::LimitRequestWithdraw) => "ban",
            _ => "history",
        };
        let tone = match (self.outcome, self.action) {
            (Outcome::Denied | Outcome::Error, _)
            | (_, Some(A::MemberDisable | A::InvitationDelivery | A::SignInFailed)) => "bad",
            (_, Some(A::OrgArchive | A::InvitationReport | A::MemberRemove | A::MemberSuspend)) => "warn",
            _ => "",
        };
        (icon, tone)
    }
}

/// Up to three changes in one line.
fn summary(changes: &[Change], is_new: bool) -> String {
    if changes.is_empty() || changes.len() > 3 {
        return String::new();
    }
    let told: Vec<String> = changes
        .iter()
        .map(|change| {
            if is_new {
                format!("{} {}", change.field, change.after)
            } else {
                format!("{} {} to {}", change.field, change.before, change.after)
            }
        })
        .collect();
    let told = told.join(", ");
    if told.chars().count() > 160 {
        String::new()
    } else {
        told
    }
}

fn fields(json: &str) -> Map<String, Value> {
    match serde_json::from_str(json) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// `support_contact` as people write it: Support contact.
fn label(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn words(name: &str, value: &Value, zone: &Zone) -> String {
    // Microseconds since 2001 have 16 digits; no count of ours comes near.
    const INSTANT: i64 = 1_000_000_000_000_000;
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "Yes".to_owned(),
        Value::Bool(false) => "No".to_owned(),
        Value::Number(number) => match number.as_i64() {
            Some(instant) if instant >= INSTANT => {
                filters::date_time(Timestamp::from_micros(instant).micros(), &zone.tz())
            }
            Some(count) => filters::number(count),
            None => number.to_string(),
        },
        Value::String(text) if name.ends_with("role") => {
            Role::find(text).map_or_else(|| text.clone(), |role| role.title().to_owned())
        }
        Value::String(text) if text.is_empty() => "None".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "None".to_owned(),
        Value::Array(list) => list
            .iter()
            .map(|value| words(name, value, zone))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit::ActorKind, ids::UserId};

    fn line(action: Action, before: &str, after: &str) -> Line {
        Line {
            seq: 1,
            at: Timestamp::from_secs(1_795_251_600),
            actor_kind: ActorKind::Person,
            actor: UserId::from_raw(1),
            actor_name: "Ann".into(),
            via: "session".into(),
            ip: String::new(),
            agent: String::new(),
            request_id: String::new(),
            action: Some(action),
            action_name: action.name().into(),
            object_kind: "member".into(),
            object_name: "bob@x.example".into(),
            before: before.into(),
            after: after.into(),
            outcome: Outcome::Ok,
        }
    }

    #[test]
    fn an_event_reads_as_a_sentence() {
        let utc = Zone::find_or_utc("UTC");
        let role = line(
            Action::MemberRole,
            r#"{"role":"member"}"#,
            r#"{"role":"administrator"}"#,
        )
        .words(&utc);
        assert_eq!(
            (role.text.as_str(), role.detail.as_str()),
            ("Changed the role of bob@x.example", "Role Member to Org Admin")
        );
        let invited = line(
            Action::InvitationCreate,
            "",
            r#"{"role":"developer","expires_at":1795251600000000}"#,
        )
        .words(&utc);
        assert_eq!(invited.text, "Invited bob@x.example");
        assert_eq!(invited.detail, "Expires at 21 Nov 2026, 09:00, Role Developer");
        let changed = line(
            Action::OrgUpdate,
            r#"{"domains":[],"invite_days":7,"links_visible":true}"#,
            r#"{"domains":["a.example","b.example"],"invite_days":null,"links_visible":false}"#,
        );
        assert_eq!(
            changed.words(&utc).detail,
            "Domains None to a.example, b.example, Invite days 7 to None, Links visible Yes to No"
        );
        for action in Action::ALL {
            let words = line(*action, "", "").words(&utc);
            assert!(!words.text.is_empty() && !words.icon.is_empty(), "{action:?}");
        }
    }

    #[test]
    fn what_is_no_json_changes_nothing() {
        let utc = Zone::find_or_utc("UTC");
        assert_eq!(line(Action::OrgUpdate, "{", "[1]").changes(&utc), []);
    }
}
