//! The closed list of what can happen.

macro_rules! actions {
    ($($variant:ident $name:literal $title:literal),+ $(,)?) => {
        /// Everything that the record can hold, by a stable name and the words a page shows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $(#[doc = $title] $variant),+ }
        impl Action {
            /// All of them, for the filter of the audit page.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The stable name, as stored and exported.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name),+ } }
            /// The words a page shows.
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),+ } }
            /// Finds an action by its stable name.
            pub fn find(name: &str) -> Option<Self> { Self::ALL.iter().copied().find(|action| action.name() == name) }
        }
    };
}

actions! {
    EnterpriseCreate "enterprise.create" "Enterprise set up",
    EnterpriseUpdate "enterprise.update" "Enterprise settings changed",
    EnterpriseRoleChange "enterprise.role.change" "Enterprise role changed",
    OrgCreate "organization.create" "Organization created",
    OrgUpdate "organization.update" "Organization settings changed",
    OrgRename "organization.rename" "Organization renamed",
    OrgArchive "organization.archive" "Organization archived",
    OrgRestore "organization.restore" "Organization restored",
    SubscriptionUpdate "organization.subscription" "Subscription record changed",
    TrainingUpdate "organization.training" "Training resources changed",
    MemberCreate "member.create" "Member added",
    MemberJoin "member.join" "Joined",
    MemberUpdate "member.update" "Member changed",
    MemberRole "member.role.change" "Role changed",
    MemberSuspend "member.suspend" "Deactivated",
    MemberActivate "member.activate" "Activated",
    MemberDisable "member.disable" "Disabled",
    MemberRestore "member.restore" "Restored by the operator",
    MemberRemove "member.remove" "Removed",
    MemberExpire "member.expire" "Membership expired",
    MemberContext "member.context.provision" "Private context provisioned",
    PrimaryChange "member.primary.change" "Primary organization changed",
    RoleCreate "role.create" "Role made",
    RoleUpdate "role.update" "Role changed for its holders",
    RoleDelete "role.delete" "Role deleted",
    PermissionAdd "permission.add" "Permission added to the catalogue",
    PermissionRemove "permission.remove" "Permission taken out of the catalogue",
    MemberExport "member.export" "Members exported",
    ImportRun "import.run" "Import begun",
    ImportStop "import.stop" "Import stopped",
    BulkStop "bulk.stop" "Bulk change stopped",
    BulkUndo "bulk.undo" "Bulk change undone",
    ViewSave "members.view.save" "View saved",
    ViewDelete "members.view.delete" "View deleted",
    GroupCreate "group.create" "Group created",
    GroupUpdate "group.update" "Group changed",
    GroupCards "group.cards" "Group page arranged",
    GroupDelete "group.delete" "Group deleted",
    GroupMemberAdd "group.member.add" "Added to group",
    GroupMemberRemove "group.member.remove" "Removed from group",
    GroupMemberExpire "group.member.expire" "Time in group ended",
    GroupMemberUpdate "group.member.update" "Time in group changed",
    GroupLead "group.lead" "Lead of group",
    GroupLeadEnd "group.lead.end" "Lead of group no more",
    InvitationCreate "invitation.create" "Invited",
    InvitationResend "invitation.resend" "Invitation sent again",
    InvitationNewLink "invitation.link.rotate" "New invitation link",
    InvitationLinkView "invitation.link.view" "Invitation links shown",
    InvitationExport "invitation.link.export" "Invitation links exported",
    InvitationRevoke "invitation.revoke" "Invitation code deleted",
    InvitationOpen "invitation.open" "Invitation opened",
    InvitationAccept "invitation.accept" "Invitation accepted",
    InvitationDecline "invitation.decline" "Invitation declined",
    InvitationRenewalRequest "invitation.renewal.request" "New link asked for",
    InvitationReport "invitation.report" "Invitation reported",
    InvitationDelivery "invitation.delivery" "Invitation mail failed",
    LimitSet "limit.set" "Limit set",
    LimitRaiseEnd "limit.raise.end" "Temporary limit ended",
    LimitDefault "limit.default.set" "Default limits changed",
    LimitPin "limit.pin" "Limit kept when the default changed",
    LimitGroup "limit.group.set" "Group limits changed",
    LimitPool "limit.pool.set" "Limits of the whole organization changed",
    LimitSettings "limit.settings.update" "Limit settings changed",
    AlertSettings "alert.settings.update" "Usage alerts changed",
    LimitRequest "limit.request" "Higher limit asked for",
    LimitApprove "limit.request.approve" "Request for a higher limit approved",
    LimitDeny "limit.request.deny" "Request for a higher limit denied",
    LimitRequestWithdraw "limit.request.withdraw" "Request for a higher limit withdrawn",
    LimitRequestExpire "limit.request.expire" "Request for a higher limit expired",
    PoolCreate "pool.create" "Credit pool made",
    PoolUpdate "pool.update" "Credit pool changed",
    PoolGrant "pool.grant" "Credits granted",
    PoolAdjust "pool.adjust" "Credit pool adjusted",
    PoolExpire "pool.expire" "Credits expired",
    PoolArchive "pool.archive" "Credit pool archived",
    PoolPeriod "pool.period" "Allowances moved",
    PoolExport "pool.export" "Statement of a credit pool exported",
    MemberPool "member.pool" "Credit pool of a member changed",
    WalletSettings "wallet.settings.update" "Personal wallets switched",
    WalletTopUp "wallet.topup" "Wallet topped up",
    WalletAdjust "wallet.adjust" "Wallet adjusted",
    KeyCreate "key.create" "API key created",
    KeyUpdate "key.update" "API key changed",
    KeyRotate "key.rotate" "API key rotated",
    KeySuspend "key.suspend" "API key suspended",
    KeyActivate "key.activate" "API key activated",
    KeyRevoke "key.revoke" "API key revoked",
    KeyRules "key.rules" "Rules of API keys changed",
    FeatureCreate "feature.create" "Feature added",
    FeatureUpdate "feature.update" "Feature changed",
    FeatureRemove "feature.remove" "Feature removed",
    ServiceCreate "service.create" "Service account created",
    ServiceUpdate "service.update" "Service account changed",
    ServiceDisable "service.disable" "Service account disabled",
    ServiceEnable "service.enable" "Service account enabled",
    SignIn "session.sign_in" "Signed in",
    SignInFailed "session.sign_in.fail" "Sign-in refused",
    SignOut "session.sign_out" "Signed out",
    SessionRevoke "session.revoke" "Session ended",
    SessionRevokeAll "session.revoke_all" "All sessions ended",
    PasswordChange "password.change" "Password changed",
    PasswordResetRequest "password.reset.request" "Password reset asked for",
    PasswordReset "password.reset" "Password reset",
    AddressCode "address.code.send" "Code sent to verify an address",
    AddressVerify "address.verify" "Address verified",
    AddressVerifyFailed "address.verify.fail" "Wrong code for an address",
    AccountCreate "account.create" "Account created",
    ProfileUpdate "profile.update" "Profile changed",
    MailView "mail.view" "Mail with its link read",
    MailRetry "mail.retry" "Mail sent again",
    MailCancel "mail.cancel" "Mail cancelled",
    AuditView "audit.view" "Audit log viewed",
    AuditExport "audit.export" "Audit log exported",
    UsageExport "usage.export" "Usage exported",
    MeteringRepair "metering.repair" "Sums of usage repaired",
    AccessDenied "authz.denied" "Access denied",
}

impl Action {
    /// Whether a record of it may mean that somebody may do more or less than before. What only looks, signs in or is refused does not;
    /// everything else is taken to.
    pub const fn may_decide(self) -> bool {
        !matches!(
            self,
            Self::SignIn
                | Self::SignInFailed
                | Self::SignOut
                | Self::PasswordResetRequest
                | Self::AddressCode
                | Self::AddressVerifyFailed
                | Self::MailView
                | Self::AuditView
                | Self::AuditExport
                | Self::MemberExport
                | Self::UsageExport
                | Self::PoolExport
                | Self::AccessDenied
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for action in Action::ALL {
            assert_eq!(Action::find(action.name()), Some(*action));
        }
    }
}
