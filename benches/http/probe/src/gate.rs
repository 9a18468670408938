//! The limit of the gate: a decision from a map in memory, and durable events that are committed together, as many as wait.

use std::{
    collections::HashMap,
    error::Error,
    sync::atomic::{AtomicI64, Ordering},
};

use actix_web::{
    HttpRequest, HttpResponse, error, get, post,
    web::{self, Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};

/// How many events one statement inserts at most.
const ROWS: usize = 1_000;
/// How many events one commit holds at most.
const MOST: usize = 10_000;

/// An event as it is sent; what else stands in it is passed over.
#[derive(Deserialize)]
struct Event {
    id: String,
    source: String,
    subject: String,
}

type Asked = (Vec<Event>, oneshot::Sender<bool>);

/// What the two handlers reach.
struct Gate {
    counters: HashMap<String, AtomicI64>,
    queue: mpsc::Sender<Asked>,
}

#[derive(Serialize)]
struct Answer {
    allow: bool,
    left: i64,
}

#[get("/decide")]
async fn decide(req: HttpRequest, gate: Data<Gate>) -> HttpResponse {
    let key = req.headers().get("authorization").and_then(|value| value.to_str().ok());
    let counter = key.and_then(|key| gate.counters.get(key.trim_start_matches("Bearer ")));
    match counter {
        Some(counter) => {
            let left = counter.load(Ordering::Relaxed);
            HttpResponse::Ok().json(Answer { allow: left > 0, left })
        }
        None => HttpResponse::Unauthorized().finish(),
    }
}

#[post("/ingest")]
async fn ingest(body: web::Bytes, gate: Data<Gate>) -> actix_web::Result<HttpResponse> {
    let events = if body.first() == Some(&b'[') {
        serde_json::from_slice(&body)?
    } else {
        vec![serde_json::from_slice(&body)?]
    };
    let (reply, replied) = oneshot::channel();
    let sent = gate.queue.send((events, reply)).await;
    sent.map_err(error::ErrorInternalServerError)?;
    match replied.await {
        Ok(true) => Ok(HttpResponse::NoContent().finish()),
        _ => Err(error::ErrorInternalServerError("not committed")),
    }
}

async fn commit(db: &SqlitePool, events: &[Event]) -> sqlx::Result<()> {
    let mut tx = db.begin_with("begin immediate").await?;
    for part in events.chunks(ROWS) {
        let mut insert = sqlx::QueryBuilder::new("insert or ignore into events (source, id, subject) ");
        insert.push_values(part, |mut row, event| {
            row.push_bind(&event.source)
                .push_bind(&event.id)
                .push_bind(&event.subject);
        });
        insert.build().execute(&mut *tx).await?;
    }
    tx.commit().await
}

async fn work(db: SqlitePool, mut queued: mpsc::Receiver<Asked>) {
    while let Some(first) = queued.recv().await {
        let (mut events, mut replies) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some((mine, reply)) = next {
            events.extend(mine);
            replies.push(reply);
            next = if events.len() < MOST { queued.try_recv().ok() } else { None };
        }
        let done = commit(&db, &events).await;
        if let Err(error) = &done {
            eprintln!("{error}");
        }
        for reply in replies {
            let _ = reply.send(done.is_ok()); // whoever asked may have gone
        }
    }
}

/// Makes the table, starts the one writer and mounts both handlers.
pub async fn mount(writer: SqlitePool) -> Result<impl Fn(&mut ServiceConfig) + Clone + Send, Box<dyn Error>> {
    let table = "create table if not exists events (source text not null, id text not null, subject text not null, primary key (source, id)) strict, without rowid";
    sqlx::query(table).execute(&writer).await?;
    let (queue, queued) = mpsc::channel(4_096);
    actix_web::rt::spawn(work(writer, queued));
    let counters = (0..1_000).map(|number| (format!("key-{number}"), AtomicI64::new(1_000_000))).collect();
    let gate = Data::new(Gate { counters, queue });
    Ok(move |config: &mut ServiceConfig| {
        config.app_data(gate.clone()).service(decide).service(ingest);
    })
}
