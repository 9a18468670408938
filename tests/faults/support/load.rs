//! Writers and readers that keep going while something is done to the program.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;

use super::Client;

/// Where the writers write: the invitations of the organization Acme.
pub const INVITES: &str = "/o/acme/invites";
/// Where the readers read.
pub const PLACES: &str = "/organizations";

/// A signed-in browser with its token in hand, so that each write is one request.
#[derive(Clone)]
pub struct Pen {
    /// The browser.
    pub client: Client,
    csrf: String,
    count: Arc<AtomicU64>,
}

/// What became of the requests of a load.
#[derive(Debug, Default)]
pub struct Tally {
    /// Status and how long it took, in order of arrival.
    pub answers: Mutex<Vec<(u16, Duration)>>,
    /// Request ids of the answers that arrived whole.
    pub ids: Mutex<Vec<String>>,
    /// When requests began that never got a whole answer, and why.
    pub cut: Mutex<Vec<(Instant, String)>>,
}

impl Tally {
    /// How many answers had a status.
    pub fn count(&self, status: u16) -> usize {
        self.answers
            .lock()
            .expect("the tally")
            .iter()
            .filter(|(found, _)| *found == status)
            .count()
    }
    /// The statuses that came, each once.
    pub fn statuses(&self) -> Vec<u16> {
        let mut all: Vec<u16> = self
            .answers
            .lock()
            .expect("the tally")
            .iter()
            .map(|(status, _)| *status)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
    /// Notes what became of a request.
    pub async fn note(&self, began: Instant, outcome: Result<reqwest::Response, reqwest::Error>) -> Option<u16> {
        let whole = match outcome {
            Ok(response) => {
                let status = response.status().as_u16();
                let id = response
                    .headers()
                    .get("x-request-id")
                    .and_then(|id| id.to_str().ok())
                    .unwrap_or_default()
                    .to_owned();
                response.bytes().await.map(|_| (status, id))
            }
            Err(error) => Err(error),
        };
        match whole {
            Ok((status, id)) => {
                self.answers.lock().expect("the tally").push((status, began.elapsed()));
                self.ids.lock().expect("the tally").push(id);
                Some(status)
            }
            Err(error) => {
                self.cut.lock().expect("the tally").push((began, format!("{error:?}")));
                None
            }
        }
    }
}

impl Pen {
    /// Takes the token of the browser's session from a page.
    pub async fn of(client: &Client) -> Self {
        let csrf = client.csrf().await;
        Self {
            client: client.clone(),
            csrf,
            count: Arc::default(),
        }
    }

    /// Sends a form; the error is what the connection did.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<reqwest::Response, reqwest::Error> {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend_from_slice(fields);
        self.client.request(Method::POST, path).form(&all).send().await
    }

    /// One write that succeeds whenever the database takes it: it invites somebody new.
    pub async fn write(&self) -> Result<reqwest::Response, reqwest::Error> {
        let email = format!("guest{}@example.org", self.count.fetch_add(1, Ordering::Relaxed));
        self.invite(&email).await
    }

    /// Invites an address.
    pub async fn invite(&self, email: &str) -> Result<reqwest::Response, reqwest::Error> {
        self.post(INVITES, &[("email", email)]).await
    }

    /// One read of a page that needs the session and several tables.
    pub async fn read(&self) -> Result<reqwest::Response, reqwest::Error> {
        self.client.request(Method::GET, PLACES).send().await
    }

    /// The status of one write.
    pub async fn try_write(&self) -> (u16, Option<String>) {
        let response = self.write().await.expect("an answer");
        let retry = response
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().expect("a text").to_owned());
        (response.status().as_u16(), retry)
    }

    /// The status of one read.
    pub async fn try_read(&self) -> u16 {
        self.read().await.expect("an answer").status().as_u16()
    }
}

/// Writers and readers in the background.
pub struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    /// What the writers got.
    pub writes: Arc<Tally>,
    /// What the readers got.
    pub reads: Arc<Tally>,
}

impl Load {
    /// Starts so many writers and readers; each sends its next request when the last one was answered, and ends when its
    /// connection fails.
    pub fn start(pen: &Pen, writers: usize, readers: usize) -> Self {
        let load = Self {
            stop: Arc::default(),
            tasks: Vec::new(),
            writes: Arc::default(),
            reads: Arc::default(),
        };
        let tasks = (0..writers + readers).map(|place| {
            let (pen, stop) = (pen.clone(), Arc::clone(&load.stop));
            let tally = Arc::clone(if place < writers { &load.writes } else { &load.reads });
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let outcome = if place < writers {
                        pen.write().await
                    } else {
                        pen.read().await
                    };
                    if tally.note(began, outcome).await.is_none() {
                        return;
                    }
                }
            })
        });
        let tasks = tasks.collect();
        Self { tasks, ..load }
    }

    /// Lets each finish its request.
    pub async fn end(self) -> (Arc<Tally>, Arc<Tally>) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a client that does not panic");
        }
        (self.writes, self.reads)
    }
}
