//! Requests: a member asks for more, an administrator or a manager of higher rank answers.

use serde_json::{Map, Value as Json, json};

pub use super::store::Request;
use super::{
    amount::Amount,
    policy::{self, Choice, Enforcement, Value},
    settings, store,
    window::Window,
};
use crate::{
    access::{
        Can, Permission,
        permission::{LimitDecide, LimitRequest},
    },
    audit::{self, Action, Entry},
    clock::{Timestamp, days},
    db::{Read, Tx},
    error::{Error, Result},
    ids::{LimitRequestId, MemberId, OrgId},
    mail::{self, Mail, address::Address},
    members::{self, Member, member},
    notifications::{self, Kind, News},
    orgs, text,
};

/// How long a request waits for an answer.
const LIFE: std::time::Duration = days(14);

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum State {
    /// It waits.
    Open = 1,
    /// It was granted, perhaps in part.
    Approved = 2,
    /// It was refused.
    Denied = 3,
    /// Nobody answered in time, or, where it says when it was decided, whoever asked has withdrawn it.
    Expired = 4,
}

/// What a member asks for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which limit.
    pub window: Window,
    /// How much.
    pub amount: Amount,
    /// The first instant at which it is not needed any more; none for until further notice.
    pub until: Option<Timestamp>,
    /// What for.
    pub reason: String,
}

/// How a request is granted.
#[derive(Debug, Clone)]
pub struct Grant {
    /// How much.
    pub amount: Amount,
    /// The first instant at which it does not count any more; none for until further notice.
    pub until: Option<Timestamp>,
    /// A word to the member.
    pub answer: String,
}

impl Request {
    /// Whether it still waits for an answer.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == State::Open && self.expires_at > now
    }
    /// What became of it, in a word.
    pub fn state_words(&self, now: Timestamp) -> &'static str {
        match self.state {
            State::Open if self.expires_at > now => "Waiting",
            State::Approved => "Approved",
            State::Denied => "Denied",
            State::Expired if self.decided_at.is_some() => "Withdrawn",
            State::Open | State::Expired => "Expired",
        }
    }
}

/// The requests that wait, the oldest first.
pub async fn list_open(db: &mut impl Read, org: OrgId, now: Timestamp) -> Result<Vec<Request>> {
    store::list_requests(db, org, now).await
}

/// A member's last requests, the latest first.
pub async fn list_of(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Request>> {
    store::list_requests_of(db, org, member).await
}

/// One request; another organization's is not found.
pub async fn find(db: &mut impl Read, org: OrgId, id: LimitRequestId) -> Result<Request> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find_request(db, org, id).await?.ok_or(Error::NotFound)
}

/// Asks for more, for oneself; one request of a window waits at a time.
pub async fn ask(tx: &mut Tx, by: &Can<LimitRequest>, ask: &Ask, now: Timestamp) -> Result<LimitRequestId> {
    let org = by.org();
    let Some(id) = by.member() else {
        return Err(Error::forbidden(
            "Only members of an organization have limits there to ask about.",
        ));
    };
    member::lock_live(tx, org.id).await?;
    let member = member::find(tx, org.id, id).await?;
    let reason = text::line("reason", "A reason", &ask.reason, 300)?;
    if ask.until.is_some_and(|until| until <= now) {
        return Err(Error::invalid("until", "Choose today or a later day."));
    }
    let settings = settings::find(tx, org).await?;
    let there = policy::effective(tx, org.id, id, settings.conflict, now).await?;
    let window = ask.window;
    match there.of(window).map(|limit| limit.value) {
        None | Some(Value::Unlimited) => {
            let word = window.adjective().to_lowercase();
            return Err(Error::invalid(
                "window",
                format!("You have no {word} limit, so there is nothing to raise."),
            ));
        }
        Some(Value::Amount(now_allowed)) if ask.amount <= now_allowed => {
            let present = now_allowed.show(settings.unit);
            return Err(Error::invalid(
                "amount",
                format!("You may use {present} already. Ask for more than that."),
            ));
        }
        Some(Value::Amount(_)) => {}
    }
    for earlier in store::list_requests_of(tx, org.id, id).await? {
        if earlier.period != window || earlier.state != State::Open {
            continue;
        }
        if earlier.is_open(now) {
            return Err(Error::invalid(
                "window",
                "You have asked for this limit already, and the answer is still open. An administrator sees your request.",
            ));
        }
        store::expire(tx, org.id, earlier.id).await?;
    }
    let request = LimitRequestId::from_raw(org.id.row(orgs::next_id(tx, org.id, 1).await?));
    let end = now.plus(LIFE);
    store::insert_request(
        tx, request, org.id, id, window, ask.amount, ask.until, &reason, now, end,
    )
    .await?;
    let mut after = Map::from_iter([
        (format!("{}_limit", window.key()), json!(ask.amount.show(settings.unit))),
        ("reason".to_owned(), json!(reason)),
    ]);
    if let Some(until) = ask.until {
        after.insert("until".to_owned(), json!(until.micros()));
    }
    let entry = Entry::done(
        Action::LimitRequest,
        policy::object(&member),
        Json::Null,
        Json::Object(after),
    );
    audit::record(tx, by.actor(), Some(org.id), entry, now).await?;
    let message = Mail::LimitRequested {
        organization: org.name.clone(),
        slug: org.slug.clone(),
        request,
        member: (member.name.clone(), member.email.clone()),
        asks: words(ask.amount, window, ask.until, &settings),
    };
    let mut mails = Vec::new();
    for admin in members::administrators(tx, org.id).await? {
        if admin.email != member.email
            && let Ok(to) = Address::parse(&admin.email)
        {
            mails.push((to, message.clone()));
        }
    }
    if !mails.is_empty() {
        mail::enqueue_many(tx, Some(org.id), &mails, now).await?;
    }
    Ok(request)
}

/// Withdraws one's own request of a window while nobody has answered it.
pub async fn withdraw(tx: &mut Tx, by: &Can<LimitRequest>, window: Window, now: Timestamp) -> Result<()> {
    let org = by.org();
    let id = by.member().ok_or(Error::NotFound)?;
    member::lock_live(tx, org.id).await?;
    let own = store::list_requests_of(tx, org.id, id).await?;
    let Some(request) = own.into_iter().find(|one| one.period == window && one.is_open(now)) else {
        return Err(Error::conflict(
            "This request does not wait any more. Reload the page to see what became of it.",
        ));
    };
    let (state, name) = (State::Expired, by.actor().name.as_str());
    store::decide(tx, org.id, request.id, state, now, name, "", None, None).await?;
    let settings = settings::find(tx, org).await?;
    let before = json!({ format!("{}_limit", window.key()): words(request.amount, window, request.until, &settings) });
    let member = member::find(tx, org.id, id).await?;
    let entry = Entry::done(
        Action::LimitRequestWithdraw,
        policy::object(&member),
        before,
        Json::Null,
    );
    audit::record(tx, by.actor(), Some(org.id), entry, now).await
}

/// Grants a request, with the amount and the end that the caller decides on.
pub async fn approve(
    tx: &mut Tx,
    by: &Can<LimitDecide>,
    id: LimitRequestId,
    grant: &Grant,
    now: Timestamp,
) -> Result<Request> {
    let (request, member) = open(tx, by, id, now).await?;
    let org = by.org();
    let answer = parse_answer(&grant.answer)?;
    let settings = settings::find(tx, org).await?;
    let there = policy::effective(tx, org.id, member.id, settings.conflict, now).await?;
    let window = request.period;
    let enforcement = there.of(window).map_or(Enforcement::Hard, |limit| limit.enforcement);
    if let (Window::Day, Some(month)) = (window, there.of(Window::Month).and_then(|limit| limit.value.amount()))
        && grant.amount > month
    {
        let month = month.show(settings.unit);
        return Err(Error::invalid(
            "amount",
            format!("The daily limit can’t be higher than the monthly limit of {month}."),
        ));
    }
    let choice = Choice::Set(Value::Amount(grant.amount));
    policy::apply_one(tx, by, &member, window, choice, enforcement, grant.until, now).await?;
    let name = by.actor().name.as_str();
    let (amount, until) = (Some(grant.amount), grant.until);
    if store::decide(tx, org.id, id, State::Approved, now, name, &answer, amount, until).await? == 0 {
        return Err(answered(&request));
    }
    let mut after = Map::from_iter([(
        format!("{}_limit", window.key()),
        json!(words(grant.amount, window, grant.until, &settings)),
    )]);
    if !answer.is_empty() {
        after.insert("answer".to_owned(), json!(answer));
    }
    let before = json!({ format!("{}_limit", window.key()): words(request.amount, window, request.until, &settings) });
    let entry = Entry::done(
        Action::LimitApprove,
        policy::object(&member),
        before,
        Json::Object(after),
    );
    audit::record(tx, by.actor(), Some(org.id), entry, now).await?;
    let granted = words(grant.amount, window, grant.until, &settings);
    tell(tx, by, &request, &settings, Some(granted), now).await?;
    find(tx, org.id, id).await
}

/// Refuses a request; the word of explanation is for the member.
pub async fn deny(
    tx: &mut Tx,
    by: &Can<LimitDecide>,
    id: LimitRequestId,
    answer: &str,
    now: Timestamp,
) -> Result<Request> {
    let (request, member) = open(tx, by, id, now).await?;
    let org = by.org();
    let answer = parse_answer(answer)?;
    if answer.is_empty() {
        return Err(Error::invalid(
            "answer",
            "Say in a few words why, so that the member knows what to do.",
        ));
    }
    let name = by.actor().name.as_str();
    if store::decide(tx, org.id, id, State::Denied, now, name, &answer, None, None).await? == 0 {
        return Err(answered(&request));
    }
    let settings = settings::find(tx, org).await?;
    let before = json!({ format!("{}_limit", request.period.key()): words(request.amount, request.period, request.until, &settings) });
    let entry = Entry::done(
        Action::LimitDeny,
        policy::object(&member),
        before,
        json!({ "answer": answer }),
    );
    audit::record(tx, by.actor(), Some(org.id), entry, now).await?;
    tell(tx, by, &request, &settings, None, now).await?;
    find(tx, org.id, id).await
}

/// "500 credits a month until 30 November 2026".
pub fn words(amount: Amount, window: Window, until: Option<Timestamp>, settings: &super::Settings) -> String {
    let rate = Value::Amount(amount).rate(window, settings.unit);
    match until {
        Some(until) => format!("{rate} {}", policy::until_words(until, settings.zone())),
        None => rate,
    }
}

/// Locks the organization and finds a request that waits, and whose member the caller may decide about.
async fn open(tx: &mut Tx, by: &Can<LimitDecide>, id: LimitRequestId, now: Timestamp) -> Result<(Request, Member)> {
    let org = by.org();
    if id.org() != org.id {
        return Err(Error::NotFound);
    }
    member::lock_live(tx, org.id).await?;
    let request = find(tx, org.id, id).await?;
    let member = member::find(tx, org.id, request.member_id).await?;
    if !may_decide(by, &member) {
        return Err(Error::forbidden(if by.user_id() == member.user_id {
            "Nobody answers their own request. Ask an administrator of the organization.".to_owned()
        } else {
            format!(
                "{}’s role is not below yours. An administrator of the organization can answer.",
                member.name
            )
        }));
    }
    if !request.is_open(now) {
        return Err(answered(&request));
    }
    Ok((request, member))
}

/// Whether the caller may answer a member's request: whoever sets limits anyway, others for ranks below their own.
pub fn may_decide<P>(by: &Can<P>, member: &Member) -> bool {
    if by.may(Permission::LimitSet) {
        return member.rank() <= by.rank();
    }
    by.user_id() != member.user_id && member.rank() < by.rank()
}

fn answered(request: &Request) -> Error {
    if request.state == State::Open {
        return Error::conflict("This request has expired. The member can ask again.");
    }
    let word = match request.state {
        State::Approved => "approved",
        State::Expired if request.decided_at.is_some() => "withdrawn",
        _ => "answered",
    };
    Error::conflict(format!("{} has {word} this request already.", request.decided_by))
}

fn parse_answer(answer: &str) -> Result<String> {
    if answer.trim().is_empty() {
        return Ok(String::new());
    }
    text::line("answer", "An answer", answer, 300)
}

/// Tells the member what became of the request, behind the bell and by mail.
async fn tell<P>(
    tx: &mut Tx,
    by: &Can<P>,
    request: &Request,
    settings: &super::Settings,
    granted: Option<String>,
    now: Timestamp,
) -> Result<()> {
    if by.user_id() == request.user_id {
        return Ok(());
    }
    let org = by.org();
    let to =
        Address::parse(&request.email).map_err(|refusal| Error::Internal(format!("a stored address: {refusal}")))?;
    let asked = words(request.amount, request.period, request.until, settings);
    let subject = match &granted {
        Some(granted) => format!("Your request in {} was approved: you have {granted} now.", org.name),
        None => format!("Your request for {asked} in {} was denied.", org.name),
    };
    let message = Mail::LimitDecided {
        organization: org.name.clone(),
        slug: org.slug.clone(),
        asked,
        granted,
    };
    let news = News {
        to: request.user_id,
        org: Some(org.id),
        subject,
        link: org.path("/limits/request"),
        mail: Some((to, message)),
    };
    notifications::notify(tx, Kind::RequestAnswered, news, now).await
}
