//! Every mail that Muster sends, as a type, and the three files each is rendered from.
//!
//! What people wrote reaches a mail as a [`Name`] or an [`Address`] alone, so that it can carry neither a link nor a header. The
//! person who invites stands in the body, never in the subject or the sender.
use std::{fmt, time::SystemTime};

use askama::Template;
use lettre::message::{
    Mailbox, MultiPart,
    header::{HeaderName, HeaderValue},
};
use url::Url;

use self::files::{Html, Subject, Text};
use super::address::{Address, is_atext, is_hidden};

/// Longest name in a mail, in characters.
const MAX_NAME: usize = 60;
/// Longest text of a header, in characters.
const MAX_HEADER: usize = 200;
/// Longest line of a plain text body, in characters; links may be longer.
const MAX_LINE: usize = 72;

/// A name that somebody chose, made harmless for a mail: no link, no control or hidden character, at most 60 characters, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Takes the name of an organization.
    pub fn organization(text: &str) -> Self {
        Self(sanitise_name(text, "an organization"))
    }

    /// Takes the name of a person.
    pub fn person(text: &str) -> Self {
        Self(sanitise_name(text, "Someone"))
    }

    /// Takes the name of a group.
    pub fn group(text: &str) -> Self {
        Self(sanitise_name(text, "a group"))
    }

    /// Takes the name of an API key.
    pub fn key(text: &str) -> Self {
        Self(sanitise_name(text, "an API key"))
    }

    /// Takes the name of a role.
    pub fn role(text: &str) -> Self {
        Self(sanitise_name(text, "member"))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text without anything that a mail program could turn into a link or hide something with, or `otherwise` when nothing is left.
pub fn sanitise_name(text: &str, otherwise: &str) -> String {
    let chars: Vec<char> = text.chars().filter_map(shown).take(MAX_NAME * 10).collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let before = i > 0 && chars[i - 1].is_alphanumeric();
        let joins = before && chars[i + 1..].iter().take(2).filter(|c| c.is_alphanumeric()).count() == 2;
        // "https://evil.example/" becomes "https evil example"; "St. Mary" and "J.P. Lee" stay.
        let linking = matches!(c, '/' | '\\') || (c == ':' && chars.get(i + 1) == Some(&'/')) || (is_dot(c) && joins);
        let c = if linking { ' ' } else { c };
        if c != ' ' || !(out.is_empty() || out.ends_with(' ')) {
            out.push(c);
        }
    }
    let mut name = out.trim();
    if let Some((cut, _)) = name.char_indices().nth(MAX_NAME) {
        // One character less, for the ellipsis.
        let last = name[..cut].char_indices().next_back().map_or(0, |(i, _)| i);
        name = name[..last].trim_end();
        return format!("{name}…");
    }
    if name.chars().any(char::is_alphanumeric) {
        name.to_owned()
    } else {
        otherwise.to_owned()
    }
}

/// The character as a name may show it: a space for whitespace and the signs of addresses, nothing for what can't be seen.
fn shown(c: char) -> Option<char> {
    if c.is_whitespace() || matches!(c, '<' | '>' | '@' | '＠' | '﹫' | '\u{2028}' | '\u{2029}' | '\0') {
        Some(' ')
    } else if is_hidden(c) {
        None
    } else {
        Some(c)
    }
}

/// Whether mail programs take a character for the dot of a domain.
fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{2024}' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// A person who did something, as the other one may know them.
pub struct Person {
    /// What the person is called.
    pub name: Name,
    /// Where the person can be asked whether it was them.
    pub address: Address,
}

/// Somebody is invited into an organization, or reminded of it.
pub struct Invitation {
    /// Where to.
    pub organization: Name,
    /// What the invited person will be there.
    pub role: Name,
    /// The only address that may accept.
    pub address: Address,
    /// The landing page, with the token.
    pub link: Url,
    /// When the link ends, with the zone: "Friday, 27 November 2026, 14:02 (Europe/Berlin)".
    pub expires: String,
    /// Who invited, when that may be said.
    pub inviter: Option<Person>,
}

/// Somebody forgot a password.
pub struct PasswordReset {
    /// The page that takes the new password, with the token.
    pub link: Url,
    /// How long the link works.
    pub minutes: u32,
}

/// A password was changed, told to its owner.
pub struct PasswordChanged {
    /// When, with the zone.
    pub changed: String,
    /// The page where a password is reset, in case it was somebody else.
    pub link: Url,
}

/// An address has to be confirmed by a code.
pub struct VerifyAddress {
    /// The address to be confirmed.
    pub address: Address,
    /// The code to type.
    pub code: String,
    /// How long the code works.
    pub minutes: u32,
}

/// Somebody holds an expired invitation and asks its sender for a new link.
pub struct RenewalRequested {
    /// Where the invitation leads.
    pub organization: Name,
    /// Who was invited.
    pub address: Address,
    /// The page of the invitations.
    pub link: Url,
}

/// Somebody with an account belongs to one more organization.
pub struct AddedToOrganization {
    /// Where to.
    pub organization: Name,
    /// What the person is there.
    pub role: Name,
    /// The address of the account.
    pub address: Address,
    /// The home page of the organization.
    pub link: Url,
    /// Who did it, when that may be said.
    pub by: Option<Person>,
}

/// Somebody may do more, less or nothing in an organization.
pub struct AccessChanged {
    /// Where.
    pub organization: Name,
    /// The address of the account.
    pub address: Address,
    /// What changed.
    pub change: Change,
    /// Whom to ask: the organization's support contact.
    pub contact: Option<Address>,
}

/// Somebody's time in a group ends soon, told to the person or to the group's leads.
pub struct GroupEnding {
    /// Where.
    pub organization: Name,
    /// The group.
    pub group: Name,
    /// The address of the account that is written to.
    pub address: Address,
    /// The group's page.
    pub link: Url,
    /// Whose time it is, when a lead is told.
    pub whose: Option<Name>,
    /// The last day, with the zone.
    pub ends: String,
}

/// An API key ends soon, told to its owner or to those who care for it.
pub struct KeyExpiring {
    /// Where.
    pub organization: Name,
    /// What the key is called.
    pub name: Name,
    /// The key's page.
    pub link: Url,
    /// Whether it is the reader's own.
    pub is_own: bool,
    /// The end, with the zone.
    pub ends: String,
}

/// Somebody has come near a limit, or used it up.
pub struct LimitAlert {
    /// Where.
    pub organization: Name,
    /// Whose limit it is, for administrators and leads; none for whoever it limits.
    pub whose: Option<Name>,
    /// The group that the reader leads; none for whoever it limits, and for administrators.
    pub group: Option<Name>,
    /// "monthly limit".
    pub limit: String,
    /// How much is used.
    pub used: String,
    /// How much may be used.
    pub amount: String,
    /// The part that is used, in percent.
    pub percent: i64,
    /// The part that is left, in percent.
    pub left: i64,
    /// Whether requests are refused when it is used up.
    pub is_hard: bool,
    /// Whether it is used up.
    pub is_over: bool,
    /// When it is used up if it goes on like this, with the zone; empty when it lasts.
    pub reached: String,
    /// When it begins anew, with the zone; empty for never.
    pub resets: String,
    /// Where one sees more.
    pub link: Url,
}

/// Somebody uses far more in a day than usual.
pub struct UsageSpike {
    /// Where.
    pub organization: Name,
    /// Who it is, for administrators and leads; none for whoever uses it.
    pub whose: Option<Name>,
    /// The group that the reader leads; none for whoever uses it, and for administrators.
    pub group: Option<Name>,
    /// How much was used today.
    pub used: String,
    /// How much is used on an ordinary day.
    pub ordinary: String,
    /// Where one sees more.
    pub link: Url,
}

/// Some members used nothing in a month, told to the administrators.
pub struct UsageUnused {
    /// Where.
    pub organization: Name,
    /// How many they are.
    pub count: i64,
    /// The first of them by name.
    pub names: Vec<Name>,
    /// How many of them are not named.
    pub more: i64,
    /// The month, with its year.
    pub month: String,
    /// Where one sees all of them.
    pub link: Url,
}

/// A member asks for a higher limit, told to the administrators.
pub struct LimitRequested {
    /// Where.
    pub organization: Name,
    /// Who asks.
    pub member: Name,
    /// The address of whoever asks.
    pub address: Address,
    /// What for, in words of ours: "500 credits a month until 30 November 2026".
    pub asks: String,
    /// The page of the request.
    pub link: Url,
}

/// A request for a higher limit was answered, told to the member.
pub struct LimitDecided {
    /// Where.
    pub organization: Name,
    /// What was asked for, in words of ours.
    pub asked: String,
    /// What was granted; none when it was refused.
    pub granted: Option<String>,
    /// The address of the account.
    pub address: Address,
    /// The page of the member's own requests.
    pub link: Url,
}

/// What changed in somebody's access.
pub enum Change {
    /// The person has another role.
    Role {
        /// The new one.
        role: Name,
    },
    /// Access is paused.
    Suspended,
    /// A pause has ended.
    Activated,
    /// Access has ended, and only the operator can restore it.
    Disabled,
    /// The membership has ended.
    Removed,
}

/// What became of an invitation, told to its sender.
pub struct InvitationNews {
    /// Where to.
    pub organization: Name,
    /// Who was invited.
    pub address: Address,
    /// Whether the person joined; else the mail came back.
    pub accepted: bool,
    /// The page of the invitations, or of the members.
    pub link: Url,
}

/// Somebody signed in from a device that was not seen before.
pub struct NewSignIn {
    /// When, with the zone.
    pub at: String,
    /// The kind of device, in our own words.
    pub device: String,
    /// From which network address.
    pub from: String,
    /// The page of the own sessions.
    pub link: Url,
}

/// A mail, before it is put into words.
pub enum Message {
    /// The invitation itself.
    Invitation(Invitation),
    /// The invitation again, shortly before its link ends.
    InvitationReminder(Invitation),
    /// A link to choose a new password.
    PasswordReset(PasswordReset),
    /// A notice that the password is another one.
    PasswordChanged(PasswordChanged),
    /// A code that proves an address.
    VerifyAddress(VerifyAddress),
    /// A wish for a new invitation link, to the one who sent the old.
    RenewalRequested(RenewalRequested),
    /// A notice of one more organization.
    AddedToOrganization(AddedToOrganization),
    /// A notice of other rights.
    AccessChanged(AccessChanged),
    /// A notice of the end of a time in a group.
    GroupEnding(GroupEnding),
    /// A notice of the end of an API key.
    KeyExpiring(KeyExpiring),
    /// A notice of how much of a limit is used.
    LimitAlert(LimitAlert),
    /// A notice of a day unlike others.
    UsageSpike(UsageSpike),
    /// A notice of who used nothing.
    UsageUnused(UsageUnused),
    /// A wish for a higher limit.
    LimitRequested(LimitRequested),
    /// The answer to such a wish.
    LimitDecided(LimitDecided),
    /// A notice of what became of an invitation.
    InvitationNews(InvitationNews),
    /// A notice of a sign-in from a new device.
    NewSignIn(NewSignIn),
}

/// A mail in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line, without anything the sender of an invitation wrote.
    pub subject: String,
    /// The plain text, in lines of at most 72 characters but for links.
    pub text: String,
    /// The same as a page.
    pub html: String,
}

impl Message {
    /// The name of the message, which is the name of its folder of templates.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invitation(_) => "invitation",
            Self::InvitationReminder(_) => "invitation_reminder",
            Self::PasswordReset(_) => "password_reset",
            Self::PasswordChanged(_) => "password_changed",
            Self::VerifyAddress(_) => "verify_address",
            Self::RenewalRequested(_) => "renewal_requested",
            Self::AddedToOrganization(_) => "added_to_organization",
            Self::AccessChanged(_) => "access_changed",
            Self::GroupEnding(_) => "group_ending",
            Self::KeyExpiring(_) => "key_expiring",
            Self::LimitAlert(_) => "limit_alert",
            Self::UsageSpike(_) => "usage_spike",
            Self::UsageUnused(_) => "usage_unused",
            Self::LimitRequested(_) => "limit_requested",
            Self::LimitDecided(_) => "limit_decided",
            Self::InvitationNews(_) => "invitation_news",
            Self::NewSignIn(_) => "new_sign_in",
        }
    }

    /// Puts the mail into words; `portal` is the public host, which the last line names.
    pub fn render(&self, portal: &str) -> askama::Result<Rendered> {
        let (subject, text, html) = match self {
            Self::Invitation(m) => (
                Subject::Invitation { m }.render()?,
                Text::Invitation { m, portal }.render()?,
                Html::Invitation { m, portal }.render()?,
            ),
            Self::InvitationReminder(m) => (
                Subject::InvitationReminder { m }.render()?,
                Text::InvitationReminder { m, portal }.render()?,
                Html::InvitationReminder { m, portal }.render()?,
            ),
            Self::PasswordReset(m) => (
                Subject::PasswordReset.render()?,
                Text::PasswordReset { m, portal }.render()?,
                Html::PasswordReset { m, portal }.render()?,
            ),
            Self::PasswordChanged(m) => (
                Subject::PasswordChanged.render()?,
                Text::PasswordChanged { m, portal }.render()?,
                Html::PasswordChanged { m, portal }.render()?,
            ),
            Self::VerifyAddress(m) => (
                Subject::VerifyAddress.render()?,
                Text::VerifyAddress { m, portal }.render()?,
                Html::VerifyAddress { m, portal }.render()?,
            ),
            Self::RenewalRequested(m) => (
                Subject::RenewalRequested { m }.render()?,
                Text::RenewalRequested { m, portal }.render()?,
                Html::RenewalRequested { m, portal }.render()?,
            ),
            Self::AddedToOrganization(m) => (
                Subject::AddedToOrganization { m }.render()?,
                Text::AddedToOrganization { m, portal }.render()?,
                Html::AddedToOrganization { m, portal }.render()?,
            ),
            Self::AccessChanged(m) => (
                Subject::AccessChanged { m }.render()?,
                Text::AccessChanged { m, portal }.render()?,
                Html::AccessChanged { m, portal }.render()?,
            ),
            Self::GroupEnding(m) => (
                Subject::GroupEnding { m }.render()?,
                Text::GroupEnding { m, portal }.render()?,
                Html::GroupEnding { m, portal }.render()?,
            ),
            Self::KeyExpiring(m) => (
                Subject::KeyExpiring { m }.render()?,
                Text::KeyExpiring { m, portal }.render()?,
                Html::KeyExpiring { m, portal }.render()?,
            ),
            Self::LimitAlert(m) => (
                Subject::LimitAlert { m }.render()?,
                Text::LimitAlert { m, portal }.render()?,
                Html::LimitAlert { m, portal }.render()?,
            ),
            Self::UsageSpike(m) => (
                Subject::UsageSpike { m }.render()?,
                Text::UsageSpike { m, portal }.render()?,
                Html::UsageSpike { m, portal }.render()?,
            ),
            Self::UsageUnused(m) => (
                Subject::UsageUnused { m }.render()?,
                Text::UsageUnused { m, portal }.render()?,
                Html::UsageUnused { m, portal }.render()?,
            ),
            Self::LimitRequested(m) => (
                Subject::LimitRequested { m }.render()?,
                Text::LimitRequested { m, portal }.render()?,
                Html::LimitRequested { m, portal }.render()?,
            ),
            Self::LimitDecided(m) => (
                Subject::LimitDecided { m }.render()?,
                Text::LimitDecided { m, portal }.render()?,
                Html::LimitDecided { m, portal }.render()?,
            ),
            Self::InvitationNews(m) => (
                Subject::InvitationNews { m }.render()?,
                Text::InvitationNews { m, portal }.render()?,
                Html::InvitationNews { m, portal }.render()?,
            ),
            Self::NewSignIn(m) => (
                Subject::NewSignIn.render()?,
                Text::NewSignIn { m, portal }.render()?,
                Html::NewSignIn { m, portal }.render()?,
            ),
        };
        Ok(Rendered {
            subject,
            text: wrapped(&text),
            html,
        })
    }
}

/// The files of the messages, as askama reads them.
#[expect(
    clippy::ref_binding_to_reference,
    reason = "askama's derive binds the fields of a variant by reference"
)]
mod files {
    use askama::Template;

    use super::{
        AccessChanged, AddedToOrganization, Change, GroupEnding, Invitation, InvitationNews, KeyExpiring, LimitAlert,
        LimitDecided, LimitRequested, NewSignIn, PasswordChanged, PasswordReset, RenewalRequested, UsageSpike,
        UsageUnused, VerifyAddress,
    };

    #[derive(Template)]
    pub enum Subject<'a> {
        #[template(path = "mail/invitation/subject.txt")]
        Invitation { m: &'a Invitation },
        #[template(path = "mail/invitation_reminder/subject.txt")]
        InvitationReminder { m: &'a Invitation },
        #[template(path = "mail/password_reset/subject.txt")]
        PasswordReset,
        #[template(path = "mail/password_changed/subject.txt")]
        PasswordChanged,
        #[template(path = "mail/verify_address/subject.txt")]
        VerifyAddress,
        #[template(path = "mail/renewal_requested/subject.txt")]
        RenewalRequested { m: &'a RenewalRequested },
        #[template(path = "mail/added_to_organization/subject.txt")]
        AddedToOrganization { m: &'a AddedToOrganization },
        #[template(path = "mail/access_changed/subject.txt")]
        AccessChanged { m: &'a AccessChanged },
        #[template(path = "mail/group_ending/subject.txt")]
        GroupEnding { m: &'a GroupEnding },
        #[template(path = "mail/key_expiring/subject.txt")]
        KeyExpiring { m: &'a KeyExpiring },
        #[template(path = "mail/limit_alert/subject.txt")]
        LimitAlert { m: &'a LimitAlert },
        #[template(path = "mail/usage_spike/subject.txt")]
        UsageSpike { m: &'a UsageSpike },
        #[template(path = "mail/usage_unused/subject.txt")]
        UsageUnused { m: &'a UsageUnused },
        #[template(path = "mail/limit_requested/subject.txt")]
        LimitRequested { m: &'a LimitRequested },
        #[template(path = "mail/limit_decided/subject.txt")]
        LimitDecided { m: &'a LimitDecided },
        #[template(path = "mail/invitation_news/subject.txt")]
        InvitationNews { m: &'a InvitationNews },
        #[template(path = "mail/new_sign_in/subject.txt")]
        NewSignIn,
    }

    #[derive(Template)]
    pub enum Text<'a> {
        #[template(path = "mail/invitation/body.txt")]
        Invitation { m: &'a Invitation, portal: &'a str },
        #[template(path = "mail/invitation_reminder/body.txt")]
        InvitationReminder { m: &'a Invitation, portal: &'a str },
        #[template(path = "mail/password_reset/body.txt")]
        PasswordReset { m: &'a PasswordReset, portal: &'a str },
        #[template(path = "mail/password_changed/body.txt")]
        PasswordChanged { m: &'a PasswordChanged, portal: &'a str },
        #[template(path = "mail/verify_address/body.txt")]
        VerifyAddress { m: &'a VerifyAddress, portal: &'a str },
        #[template(path = "mail/renewal_requested/body.txt")]
        RenewalRequested { m: &'a RenewalRequested, portal: &'a str },
        #[template(path = "mail/added_to_organization/body.txt")]
        AddedToOrganization {
            m: &'a AddedToOrganization,
            portal: &'a str,
        },
        #[template(path = "mail/access_changed/body.txt")]
        AccessChanged { m: &'a AccessChanged, portal: &'a str },
        #[template(path = "mail/group_ending/body.txt")]
        GroupEnding { m: &'a GroupEnding, portal: &'a str },
        #[template(path = "mail/key_expiring/body.txt")]
        KeyExpiring { m: &'a KeyExpiring, portal: &'a str },
        #[template(path = "mail/limit_alert/body.txt")]
        LimitAlert { m: &'a LimitAlert, portal: &'a str },
        #[template(path = "mail/usage_spike/body.txt")]
        UsageSpike { m: &'a UsageSpike, portal: &'a str },
        #[template(path = "mail/usage_unused/body.txt")]
        UsageUnused { m: &'a UsageUnused, portal: &'a str },
        #[template(path = "mail/limit_requested/body.txt")]
        LimitRequested { m: &'a LimitRequested, portal: &'a str },
        #[template(path = "mail/limit_decided/body.txt")]
        LimitDecided { m: &'a LimitDecided, portal: &'a str },
        #[template(path = "mail/invitation_news/body.txt")]
        InvitationNews { m: &'a InvitationNews, portal: &'a str },
        #[template(path = "mail/new_sign_in/body.txt")]
        NewSignIn { m: &'a NewSignIn, portal: &'a str },
    }

    #[derive(Template)]
    pub enum Html<'a> {
        #[template(path = "mail/invitation/body.html")]
        Invitation { m: &'a Invitation, portal: &'a str },
        #[template(path = "mail/invitation_reminder/body.html")]
        InvitationReminder { m: &'a Invitation, portal: &'a str },
        #[template(path = "mail/password_reset/body.html")]
        PasswordReset { m: &'a PasswordReset, portal: &'a str },
        #[template(path = "mail/password_changed/body.html")]
        PasswordChanged { m: &'a PasswordChanged, portal: &'a str },
        #[template(path = "mail/verify_address/body.html")]
        VerifyAddress { m: &'a VerifyAddress, portal: &'a str },
        #[template(path = "mail/renewal_requested/body.html")]
        RenewalRequested { m: &'a RenewalRequested, portal: &'a str },
        #[template(path = "mail/added_to_organization/body.html")]
        AddedToOrganization {
            m: &'a AddedToOrganization,
            portal: &'a str,
        },
        #[template(path = "mail/access_changed/body.html")]
        AccessChanged { m: &'a AccessChanged, portal: &'a str },
        #[template(path = "mail/group_ending/body.html")]
        GroupEnding { m: &'a GroupEnding, portal: &'a str },
        #[template(path = "mail/key_expiring/body.html")]
        KeyExpiring { m: &'a KeyExpiring, portal: &'a str },
        #[template(path = "mail/limit_alert/body.html")]
        LimitAlert { m: &'a LimitAlert, portal: &'a str },
        #[template(path = "mail/usage_spike/body.html")]
        UsageSpike { m: &'a UsageSpike, portal: &'a str },
        #[template(path = "mail/usage_unused/body.html")]
        UsageUnused { m: &'a UsageUnused, portal: &'a str },
        #[template(path = "mail/limit_requested/body.html")]
        LimitRequested { m: &'a LimitRequested, portal: &'a str },
        #[template(path = "mail/limit_decided/body.html")]
        LimitDecided { m: &'a LimitDecided, portal: &'a str },
        #[template(path = "mail/invitation_news/body.html")]
        InvitationNews { m: &'a InvitationNews, portal: &'a str },
        #[template(path = "mail/new_sign_in/body.html")]
        NewSignIn { m: &'a NewSignIn, portal: &'a str },
    }
}

/// The text in lines that a mail program need not break.
fn wrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / MAX_LINE);
    for line in text.lines() {
        if line.chars().count() <= MAX_LINE {
            out.push_str(line);
        } else {
            let mut width = 0;
            for word in line.split(' ') {
                let length = word.chars().count();
                if width > 0 && width + 1 + length > MAX_LINE {
                    out.push('\n');
                    width = 0;
                } else if width > 0 {
                    out.push(' ');
                    width += 1;
                }
                out.push_str(word);
                width += length;
            }
        }
        out.push('\n');
    }
    out
}

/// Why a mail could not be put into the form that servers accept.
#[derive(Debug, thiserror::Error)]
pub enum Unsendable {
    /// The recipient's address is none that can be written into a mail.
    #[error("The address {0} cannot be written to.")]
    Address(Address),
    /// The caller's Message-ID is not of the form `left@right`.
    #[error("The Message-ID {0:?} is not of the form left@right.")]
    MessageId(String),
    /// The parts do not make a mail.
    #[error("The mail could not be put together: {0}.")]
    Parts(#[from] lettre::error::Error),
}

/// Puts a mail into the form that travels: text and HTML side by side, for exactly one recipient.
///
/// `message_id` is `left@right` without angle brackets; giving the same one at each attempt lets mailboxes recognise a repetition.
pub fn build(
    mail: &Rendered,
    from: &Mailbox,
    to: &Address,
    reply_to: Option<&Mailbox>,
    message_id: &str,
    date: SystemTime,
) -> Result<lettre::Message, Unsendable> {
    let recipient = lettre::Address::new(to.local(), to.host()).map_err(|_| Unsendable::Address(to.clone()))?;
    let is_id = |part: &str| !part.is_empty() && part.chars().all(|c| c == '.' || is_atext(c));
    if message_id.len() > 200
        || !message_id
            .split_once('@')
            .is_some_and(|(left, right)| is_id(left) && is_id(right))
    {
        return Err(Unsendable::MessageId(message_id.chars().take(200).collect()));
    }
    let automatic = HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    );
    let mut message = lettre::Message::builder()
        .from(tidy(from))
        .to(Mailbox::new(None, recipient))
        .subject(one_line(&mail.subject))
        .date(date)
        .message_id(Some(format!("<{message_id}>")))
        .raw_header(automatic);
    if let Some(reply_to) = reply_to {
        message = message.reply_to(tidy(reply_to));
    }
    Ok(message.multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))?)
}

/// A mailbox whose name is one line: lettre panics on a control character there.
fn tidy(mailbox: &Mailbox) -> Mailbox {
    Mailbox::new(mailbox.name.as_deref().map(one_line), mailbox.email.clone())
}

/// The text as a header may carry it, whatever a template, its data or a setting say.
fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if is_hidden(c) { ' ' } else { c })
        .take(MAX_HEADER)
        .collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn priya() -> Person {
        Person {
            name: Name::person("Priya Raman"),
            address: address("priya.raman@kestrel.example"),
        }
    }

    fn link(path: &str) -> Url {
        Url::parse("https://muster.kestrel.example")
            .unwrap()
            .join(path)
            .unwrap()
    }

    fn invitation(inviter: Option<Person>) -> Invitation {
        Invitation {
            organization: Name::organization("Kestrel Robotics"),
            role: Name::role("Developer"),
            address: address("jonas.weber@kestrel.example"),
            link: link("/i/mst_inv_7Hq2-mVx9"),
            expires: "Friday, 27 November 2026, 14:02 (Europe/Berlin)".to_owned(),
            inviter,
        }
    }

    fn access(change: Change, contact: Option<&str>) -> Message {
        Message::AccessChanged(AccessChanged {
            organization: Name::organization("Kestrel Robotics"),
            address: address("jonas.weber@kestrel.example"),
            change,
            contact: contact.map(address),
        })
    }

    fn samples() -> Vec<Message> {
        let (organization, role) = (Name::organization("Kestrel Robotics"), Name::role("Developer"));
        let jonas = address("jonas.weber@kestrel.example");
        vec![
            Message::Invitation(invitation(Some(priya()))),
            Message::InvitationReminder(invitation(Some(priya()))),
            Message::PasswordReset(PasswordReset {
                link: link("/reset/mst_rst_1"),
                minutes: 30,
            }),
            Message::PasswordChanged(PasswordChanged {
                changed: "Friday, 20 November 2026, 14:02 (Europe/Berlin)".to_owned(),
                link: link("/forgot"),
            }),
            Message::VerifyAddress(VerifyAddress {
                address: jonas.clone(),
                code: "4071 8823".to_owned(),
                minutes: 10,
            }),
            Message::RenewalRequested(RenewalRequested {
                organization: organization.clone(),
                address: jonas.clone(),
                link: link("/o/kestrel/invites"),
            }),
            Message::InvitationNews(InvitationNews {
                organization: organization.clone(),
                address: jonas.clone(),
                accepted: false,
                link: link("/o/kestrel/invites"),
            }),
            Message::NewSignIn(NewSignIn {
                at: "Friday, 20 November 2026, 14:02 (UTC)".to_owned(),
                device: "Firefox on Linux".to_owned(),
                from: "203.0.113.9".to_owned(),
                link: link("/me/security"),
            }),
            Message::AddedToOrganization(AddedToOrganization {
                organization,
                role,
                address: jonas,
                link: link("/o/kestrel"),
                by: Some(priya()),
            }),
            access(
                Change::Role {
                    role: Name::role("Manager"),
                },
                Some("help@kestrel.example"),
            ),
            ending(None),
            Message::KeyExpiring(KeyExpiring {
                organization: Name::organization("Kestrel Robotics"),
                name: Name::key("warehouse-etl"),
                link: link("/o/kestrel/keys/key_1"),
                is_own: false,
                ends: "Thursday, 31 December 2026, 00:00 (Europe/Berlin)".to_owned(),
            }),
            Message::LimitAlert(LimitAlert {
                organization: Name::organization("Kestrel Robotics"),
                whose: Some(Name::person("Wei-Lin Chen")),
                group: None,
                limit: "monthly limit".to_owned(),
                used: "750 credits".to_owned(),
                amount: "750 credits".to_owned(),
                percent: 100,
                left: 0,
                is_hard: true,
                is_over: true,
                reached: String::new(),
                resets: "Tuesday, 1 December 2026, 00:00 (Europe/Berlin)".to_owned(),
                link: link("/o/kestrel/members/mem_1/usage"),
            }),
            Message::UsageSpike(UsageSpike {
                organization: Name::organization("Kestrel Robotics"),
                whose: Some(Name::person("Wei-Lin Chen")),
                group: None,
                used: "180 credits".to_owned(),
                ordinary: "25 credits".to_owned(),
                link: link("/o/kestrel/members/mem_1/usage"),
            }),
            Message::UsageUnused(UsageUnused {
                organization: Name::organization("Kestrel Robotics"),
                count: 12,
                names: vec![Name::person("Jonas Weber"), Name::person("Wei-Lin Chen")],
                more: 10,
                month: "November 2026".to_owned(),
                link: link("/o/kestrel/usage/unused"),
            }),
            Message::LimitRequested(LimitRequested {
                organization: Name::organization("Kestrel Robotics"),
                member: Name::person("Jonas Weber"),
                address: address("jonas.weber@kestrel.example"),
                asks: "500 credits a month until 30 November 2026".to_owned(),
                link: link("/o/kestrel/limits/requests/lrq_1"),
            }),
            Message::LimitDecided(LimitDecided {
                organization: Name::organization("Kestrel Robotics"),
                asked: "500 credits a month until 30 November 2026".to_owned(),
                granted: Some("400 credits a month until 30 November 2026".to_owned()),
                address: address("jonas.weber@kestrel.example"),
                link: link("/o/kestrel/limits/request"),
            }),
        ]
    }

    fn ending(whose: Option<&str>) -> Message {
        Message::GroupEnding(GroupEnding {
            organization: Name::organization("Kestrel Robotics"),
            group: Name::group("Engineering"),
            address: address("jonas.weber@kestrel.example"),
            link: link("/o/kestrel/groups/grp_1"),
            whose: whose.map(Name::person),
            ends: "Thursday, 31 December 2026 (Europe/Berlin)".to_owned(),
        })
    }

    #[test]
    fn leads_read_whose_time_ends() {
        let mail = ending(Some("Ada Zuse")).render("muster.kestrel.example").unwrap();
        assert_eq!(mail.subject, "A time in Engineering ends soon");
        assert!(mail.text.contains("Ada Zuse") && mail.html.contains("Ada Zuse"));
    }

    #[test]
    fn every_message_has_its_three_files() {
        for message in samples() {
            let mail = message.render("muster.kestrel.example").unwrap();
            insta::assert_snapshot!(format!("{}__subject", message.kind()), mail.subject);
            insta::assert_snapshot!(format!("{}__text", message.kind()), mail.text);
            insta::assert_snapshot!(format!("{}__html", message.kind()), mail.html);
        }
    }

    #[test]
    fn the_house_style_holds_in_every_mail() {
        for message in samples() {
            let mail = message.render("muster.kestrel.example").unwrap();
            let kind = message.kind();
            for text in [&mail.subject, &mail.text, &mail.html] {
                assert!(
                    !text.contains(['—', '\u{feff}', '\r']) && !text.to_lowercase().contains("please"),
                    "{kind}"
                );
            }
            assert!(
                !mail.subject.contains(['!', '\n'])
                    && !mail.subject.contains("Priya")
                    && mail.subject.chars().count() <= 120,
                "{kind}"
            );
            assert!(
                mail.text
                    .lines()
                    .all(|l| l.chars().count() <= MAX_LINE || l.contains("://")),
                "{kind}"
            );
            assert!(
                mail.text.contains("\n-- \nSent by Muster at muster.kestrel.example\n"),
                "{kind}"
            );
            let page = scraper::Html::parse_document(&mail.html);
            let count = |what: &str| page.select(&scraper::Selector::parse(what).unwrap()).count();
            assert_eq!(
                (
                    count("h1"),
                    count("title"),
                    count("main"),
                    count("img"),
                    count("script"),
                    count("form")
                ),
                (1, 1, 1, 0, 0, 0),
                "{kind}"
            );
            let hrefs: BTreeSet<_> = page
                .select(&scraper::Selector::parse("a").unwrap())
                .filter_map(|a| a.attr("href"))
                .map(str::to_owned)
                .collect();
            assert!(hrefs.len() <= 1, "{kind}: {hrefs:?}");
            assert!(
                hrefs.iter().all(|href| mail.text.contains(href.as_str())),
                "{kind}: the same link in both parts"
            );
        }
    }

    #[test]
    fn a_mail_says_only_what_is_known() {
        let mail = Message::Invitation(invitation(None)).render("m.example").unwrap();
        assert!(
            mail.text.contains("You are invited to Kestrel Robotics as Developer."),
            "{}",
            mail.text
        );
        assert!(!mail.text.contains("Priya") && !mail.html.contains("Priya"));
        for (change, words) in [
            (Change::Suspended, "is paused"),
            (Change::Activated, "is active again"),
            (Change::Disabled, "was disabled"),
            (Change::Removed, "no longer belong"),
        ] {
            let mail = access(change, None).render("m.example").unwrap();
            assert!(
                mail.text.replace('\n', " ").contains(words) && mail.html.contains(words),
                "{}",
                mail.text
            );
            assert!(
                mail.text
                    .replace('\n', " ")
                    .contains("An administrator of Kestrel Robotics answers questions.")
            );
        }
    }

    #[test]
    fn what_people_wrote_is_escaped_in_the_page() {
        let mut m = invitation(Some(priya()));
        m.organization = Name::organization("R&D \"<b>Labs</b>\"");
        m.link = link("/i/a?b=\"><script>&c=1");
        let html = Message::Invitation(m).render("m.example").unwrap().html;
        assert!(
            !html.contains("<b>") && !html.contains("<script>") && html.contains("R&#38;D"),
            "{html}"
        );
    }

    #[test]
    fn names_carry_no_link_and_nothing_hidden() {
        for (text, want) in [
            ("Kestrel Robotics", "Kestrel Robotics"),
            ("  Kestrel\r\n\tRobotics ", "Kestrel Robotics"),
            ("https://evil.example/pay?x=1", "https evil example pay?x=1"),
            ("WWW.EVIL.EXAMPLE", "WWW EVIL EXAMPLE"),
            ("Win money at evil.example.", "Win money at evil example."),
            ("evil。example and evil．example", "evil example and evil example"),
            ("St. Mary & J.P. Lee, Inc.", "St. Mary & J.P. Lee, Inc."),
            ("Café Zürich (Büro 2.1)", "Café Zürich (Büro 2.1)"),
            ("\"a\"<b@c.example>", "\"a\" b c example"),
            ("a\u{202e}b\u{200b}c\u{2066}d\u{feff}", "abcd"),
            ("a\u{2028}b\u{2029}c\0d", "a b c d"),
            ("", "an organization"),
            (" \u{200b}\u{202e}\r\n", "an organization"),
            ("...!!!", "an organization"),
            ("東京ロボット", "東京ロボット"),
        ] {
            assert_eq!(Name::organization(text).to_string(), want, "{text:?}");
        }
        let long = Name::organization(&"Ä".repeat(10_000)).to_string();
        assert_eq!((long.chars().count(), long.ends_with('…')), (60, true));
        assert_eq!(Name::organization(&"x".repeat(60)).to_string(), "x".repeat(60));
    }

    fn headers(raw: &str) -> Vec<(String, String)> {
        let (head, _) = raw.split_once("\r\n\r\n").unwrap();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        unfolded
            .split("\r\n")
            .map(|line| line.split_once(':').unwrap())
            .map(|(n, v)| (n.to_owned(), v.trim().to_owned()))
            .collect()
    }

    #[test]
    fn cve_c27_mail_header_injection() {
        let long = "A".repeat(10_000);
        let nasty = [
            "Kestrel\r\nBcc: eve@evil.example",
            "Kestrel\nBcc: eve@evil.example\n\nHello",
            "Kestrel\rTo: eve@evil.example",
            "Kestrel\0\u{2028}Cc: eve@evil.example\u{2029}",
            "\"a\"<b@c.example>",
            "=?utf-8?q?=0D=0ABcc:_eve@evil.example?=",
            "a, eve@evil.example, b",
            "Kestrel\r\n.\r\nMAIL FROM:<eve@evil.example>",
            "\u{85}Bcc: eve@evil.example \u{b}\u{c}",
            &long,
        ];
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let expected: BTreeSet<_> = [
            "From",
            "To",
            "Reply-To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
        ]
        .map(str::to_owned)
        .into();
        for evil in nasty {
            // No such text is an address.
            assert!(
                Address::parse(evil).is_err() && Address::parse(&format!("{evil}@x.example")).is_err(),
                "{evil:?}"
            );
            let mut m = invitation(Some(Person {
                name: Name::person(evil),
                address: address("priya@kestrel.example"),
            }));
            m.organization = Name::organization(evil);
            m.role = Name::role(evil);
            let mut mail = Message::Invitation(m).render("m.example").unwrap();
            // Once as rendered, once as though a template had let everything through.
            for subject in [mail.subject.clone(), evil.to_owned()] {
                mail.subject = subject;
                let from = Mailbox::new(Some(evil.to_owned()), "muster@kestrel.example".parse().unwrap());
                let message = build(
                    &mail,
                    &from,
                    &address("jonas@kestrel.example"),
                    Some(&from),
                    "mail_1.1@m.example",
                    date,
                )
                .unwrap();
                assert_eq!(
                    message
                        .envelope()
                        .to()
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>(),
                    ["jonas@kestrel.example"]
                );
                assert_eq!(message.envelope().from().unwrap().to_string(), "muster@kestrel.example");
                let raw = String::from_utf8(message.formatted()).expect("headers and bodies are encoded");
                assert!(
                    raw.is_ascii() && !raw.replace("\r\n", "").contains(['\r', '\n', '\0']),
                    "{evil:?}"
                );
                assert!(raw.lines().all(|l| l.len() <= 998), "{evil:?}");
                let headers = headers(&raw);
                assert_eq!(headers.len(), expected.len(), "{headers:?}");
                assert_eq!(
                    headers.iter().map(|(n, _)| n.clone()).collect::<BTreeSet<_>>(),
                    expected
                );
                let value = |name: &str| {
                    headers
                        .iter()
                        .find(|(n, _)| n == name)
                        .map(|(_, v)| v.as_str())
                        .unwrap()
                };
                assert_eq!(value("To"), "jonas@kestrel.example");
                assert_eq!(value("Message-ID"), "<mail_1.1@m.example>");
                assert_eq!(value("Auto-Submitted"), "auto-generated");
                assert!(value("From").ends_with("<muster@kestrel.example>"));
                assert!(value("Content-Type").starts_with("multipart/alternative"));
            }
        }
    }

    #[test]
    fn a_mail_is_text_and_html_in_utf_8() {
        let mut m = invitation(Some(priya()));
        m.organization = Name::organization("Zürich Töpfer");
        let mail = Message::Invitation(m).render("m.example").unwrap();
        let from: Mailbox = "Muster <muster@kestrel.example>".parse().unwrap();
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let first = build(
            &mail,
            &from,
            &address("jan@müller.example"),
            None,
            "a.1@m.example",
            date,
        )
        .unwrap();
        let raw = String::from_utf8(first.formatted()).unwrap();
        assert!(raw.contains("To: jan@xn--mller-kva.example\r\n"), "{raw}");
        assert!(raw.contains("Date: Wed, 18 Nov 2026 11:06:40 +0000\r\n"), "{raw}");
        assert!(!raw.contains("List-Unsubscribe") && !raw.contains("Reply-To"));
        let (text, html) = (
            raw.find("Content-Type: text/plain; charset=utf-8").unwrap(),
            raw.find("Content-Type: text/html; charset=utf-8").unwrap(),
        );
        assert!(text < html);
        for bad in ["", "a", "a@", "@b", "<a@b>", "a b@c", "a@b\r\nBcc: c@d", "a@b@c"] {
            assert!(
                matches!(
                    build(&mail, &from, &address("a@b.example"), None, bad, date),
                    Err(Unsendable::MessageId(_))
                ),
                "{bad:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_sanitised_name_stays_as_it_is(text in any::<String>()) {
            let name = Name::organization(&text).to_string();
            prop_assert!(!name.is_empty() && name.chars().count() <= MAX_NAME);
            prop_assert!(!name.contains("://") && !name.contains(['@', '<', '>', '\n', '\r', '\0']) && !name.chars().any(is_hidden));
            prop_assert_eq!(Name::organization(&name).to_string(), name);
        }

        #[test]
        fn no_name_keeps_a_domain(before in "[a-z :/.]{0,6}", host in "[a-z]{1,9}\\.[a-z]{2,6}", after in "[a-z/:. ]{0,6}") {
            let name = Name::organization(&format!("{before}{host}{after}")).to_string();
            prop_assert!(!name.contains(&host), "{}", name);
        }
    }
}
