//! The ticking worker: it drains the outbox and does what falls due by time, in the background of the server.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::{
    access::session,
    app::App,
    audit::Actor,
    auth, bulk,
    clock::Timestamp,
    credits,
    db::Tx,
    error::{Error, Result},
    groups, imports,
    invitations::{self, Delivery},
    keys, limits,
    mail::{
        outbox::{self, Delivered, MailRow},
        transport::{Outcome, Post},
    },
    members::member,
    notifications, usage,
};

/// How often the outbox is looked at.
const BEAT: Duration = Duration::from_millis(500);
/// How often the uses of keys are written down.
const USES: Duration = Duration::from_secs(5);
/// How often those who have spent something are compared with their limits.
const ALERTS: Duration = Duration::from_secs(30);
/// How often organizations whose month has ended are looked for.
const REVIEW: Duration = Duration::from_secs(600);
/// How often what falls due by time is done.
const MINUTE: Duration = Duration::from_secs(60);
/// How often SQLite looks whether its statistics are still true.
const HOUR: Duration = Duration::from_secs(3_600);
/// How many mails are under way at once.
const LANES: usize = 4;
/// How many are passed over at once where there is no mail server to send them.
const UNSENT: usize = 500;
/// How many results of sending are written down in one transaction.
const SETTLED: usize = 200;

/// A mail that was tried, and what became of it.
type Sent = (MailRow, Outcome);

/// Works until it is told to stop; what is under way is finished first.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let (app, stop) = (&*app, &stop);
    // Rounds beside each other: a mail server that hangs must not keep the minute's work waiting.
    tokio::join!(
        at_each(BEAT, stop, "the outbox", || post_until(app, stop)),
        at_each(MINUTE, stop, "what falls due", || tidy(app)),
        at_each(MINUTE, stop, "credit pools", || credits::work::run(app)),
        at_each(USES, stop, "the uses of keys", || note_uses(app)),
        async {
            if let Err(error) = usage::alerts::resume(app).await {
                tracing::error!(%error, "nobody knows who spent something before the start");
            }
            at_each(ALERTS, stop, "alerts about usage", || usage::alerts::run(app)).await;
        },
        at_each(REVIEW, stop, "who used nothing", || usage::alerts::review(app)),
        async {
            // A start has looked at them itself.
            if stop.run_until_cancelled(tokio::time::sleep(HOUR)).await.is_some() {
                at_each(HOUR, stop, "the planner's statistics", || app.db.optimize()).await;
            }
        },
        // Beside each other, so that neither waits for the end of a long one of the other. What a restart interrupts goes on here.
        at_each(BEAT, stop, "bulk changes", || bulk::work::run_all(app, stop)),
        at_each(BEAT, stop, "imports", || imports::work::run_all(app, stop))
    );
}

/// Does one kind of work at every beat until it is told to stop; what fails is told and done again at the next beat.
async fn at_each<T, W>(every: Duration, stop: &CancellationToken, what: &str, work: impl Fn() -> W)
where
    W: Future<Output = Result<T>>,
{
    let mut beat = tokio::time::interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        if let Err(error) = work().await {
            tracing::error!(%error, "{what} could not be worked on");
        }
    }
}

/// Writes down which keys were used, and whose first use it was.
pub async fn note_uses(app: &App) -> Result<()> {
    app.gate.save_uses(&Actor::system(&app.keys)).await
}

/// Sends what is due and shows the results where people look.
pub async fn post(app: &App) -> Result<usize> {
    post_until(app, &CancellationToken::new()).await
}

async fn post_until(app: &App, stop: &CancellationToken) -> Result<usize> {
    let Some(post) = &app.sender.post else {
        return pass_over(app, stop).await;
    };
    let (told, heard) = mpsc::unbounded_channel();
    // Beside each other: a conversation with a mail server must not stand still while the database is busy.
    let (sent, settled) = tokio::join!(send_all(app, post, told, stop), settle_all(app, heard));
    sent?;
    settled
}

/// Sends until nothing is due and nothing under way, or until `stop`. A server that hangs holds up its own mail alone: the next is
/// taken as soon as one of the others has ended, and only then, so that what is taken is really being sent.
async fn send_all(app: &App, post: &Post, told: mpsc::UnboundedSender<Sent>, stop: &CancellationToken) -> Result<()> {
    let mut under_way = FuturesUnordered::new();
    let mut not_before = Instant::now();
    loop {
        if under_way.len() < LANES && Instant::now() >= not_before && !stop.is_cancelled() {
            let now = app.clock.now();
            match outbox::take_due(&app.db, now, LANES - under_way.len()).await {
                Ok(taken) => under_way.extend(taken.into_iter().map(|row| async move {
                    let outcome = outbox::send(&row, post, &app.sender, &app.settings, &app.keys, now).await;
                    (row, outcome)
                })),
                Err(error) if under_way.is_empty() => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "no more mails could be taken");
                    // Each mail that ends would ask again at once, which a database that is full has no use for.
                    not_before = Instant::now() + BEAT;
                }
            }
        }
        if under_way.is_empty() {
            return Ok(());
        }
        tokio::select! {
            Some(sent) = under_way.next() => {
                let _ = told.send(sent); // nobody listens any more after an error, which is told by the other side
            }
            () = tokio::time::sleep(BEAT) => {}
        }
    }
}

/// Marks what is due as mails that nobody sends, where there is no mail server: hundreds with a few statements, because there is
/// nothing to wait for and an import leaves thousands of them.
async fn pass_over(app: &App, stop: &CancellationToken) -> Result<usize> {
    let mut count = 0;
    while !stop.is_cancelled() && outbox::is_due(&mut app.db.read(), app.clock.now()).await? {
        let mut tx = app.db.write().await?;
        let (passed, invitations) = outbox::pass_over(&mut tx, app.clock.now(), UNSENT).await?;
        invitations::not_mailed(&mut tx, &invitations).await?;
        tx.commit().await?;
        count += passed;
    }
    Ok(count)
}

async fn settle_all(app: &App, mut heard: mpsc::UnboundedReceiver<Sent>) -> Result<usize> {
    let (mut count, mut results) = (0, Vec::new());
    while heard.recv_many(&mut results, SETTLED).await > 0 {
        settle(app, &results).await?;
        count += results.len();
        results.clear();
    }
    Ok(count)
}

/// Writes down what became of mails; tries for a minute, because a mail whose fate is not known is sent once more.
async fn settle(app: &App, results: &[Sent]) -> Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match settle_once(app, results).await {
            Err(Error::Busy) if tries < 12 => tokio::time::sleep(Duration::from_secs(5)).await,
            outcome => return outcome,
        }
    }
}

async fn settle_once(app: &App, results: &[Sent]) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    for (row, outcome) in results {
        let delivered = outbox::settle(&mut tx, row, outcome, true, now).await?;
        show(app, &mut tx, &delivered, now).await?;
    }
    tx.commit().await
}

/// Copies a mail's fate to what it belongs to.
async fn show(app: &App, tx: &mut Tx, delivered: &Delivered, now: Timestamp) -> Result<()> {
    let (Some(invitation), Some(delivery)) = (delivered.invitation, Delivery::of(delivered.state)) else {
        return Ok(());
    };
    let by = Actor::system(&app.keys);
    invitations::delivery_changed(tx, &by, invitation, delivery, &delivered.error, now).await
}

/// The work of each minute.
pub async fn tidy(app: &App) -> Result<()> {
    let now = app.clock.now();
    let behind = app.clock.behind();
    if behind > Duration::from_secs(1) {
        tracing::warn!(
            seconds = behind.as_secs(),
            "the machine's clock was set back: time stands still here until it has caught up, or Muster is started again"
        );
    }
    app.ceilings.tidy();
    let mut tx = app.db.write().await?;
    session::prune(&mut tx, now).await?;
    invitations::remind_due(&mut tx, now).await?;
    auth::prune(&mut tx, now).await?;
    notifications::prune(&mut tx, now).await?;
    member::expire_due(&mut tx, &Actor::system(&app.keys), now).await?;
    groups::warn_due(&mut tx, now).await?;
    groups::end_due(&mut tx, &Actor::system(&app.keys), now).await?;
    limits::tidy::tidy(&mut tx, &Actor::system(&app.keys), now).await?;
    keys::tidy(&mut tx, now).await?;
    bulk::prune(&mut tx, now).await?;
    imports::prune(&mut tx, now).await?;
    tx.commit().await
}
