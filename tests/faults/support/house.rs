//! A data folder, the settings of the program that serves it, and the commands of an operator.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU16, Ordering},
};

use muster::{
    app::{App, Settings},
    auth::password::{Cost, Hasher},
    clock::Clock,
    config::Config,
    db::{self, Db, Options},
    mail::outbox::Sender,
    secret::Keys,
};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::{Portal, Server};

/// One Muster: where its data is and how it is set up.
pub struct House {
    /// The data folder.
    pub data: PathBuf,
    /// A folder of the test, outside the data folder: logs, copies, traces.
    pub scratch: TempDir,
    /// The program's port.
    pub port: u16,
    settings: Vec<(String, String)>,
    /// The server's database, where it is not embedded.
    postgres: Option<String>,
}

/// A port that nothing listens on, below those that the system gives away, so that it stays free over a restart.
fn free_port() -> u16 {
    static STEP: AtomicU16 = AtomicU16::new(0);
    for _ in 0..2_000 {
        let step = STEP.fetch_add(1, Ordering::Relaxed);
        let place = (std::process::id().wrapping_mul(37) as u16).wrapping_add(step);
        let port = 20_000 + place % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

impl House {
    /// A house with a fresh data folder.
    pub fn new() -> Self {
        let scratch = TempDir::new().expect("a temporary folder");
        let data = scratch.path().join("data");
        Self::with(scratch, data)
    }

    /// A house whose data folder is elsewhere.
    pub fn at(data: &Path) -> Self {
        Self::with(TempDir::new().expect("a temporary folder"), data.to_owned())
    }

    fn with(scratch: TempDir, data: PathBuf) -> Self {
        std::fs::create_dir_all(&data).expect("a data folder");
        Self {
            data,
            scratch,
            port: free_port(),
            settings: vec![
                ("MUSTER_RATE_LIMITS".to_owned(), "off".to_owned()),
                ("MUSTER_INVITES_PER_DAY".to_owned(), "1000000".to_owned()),
                ("MUSTER_INVITES_PER_MINUTE".to_owned(), "1000000".to_owned()),
                ("MUSTER_INVITES_PENDING".to_owned(), "1000000".to_owned()),
                ("MUSTER_PASSWORD_COST".to_owned(), "small".to_owned()),
            ],
            postgres: None,
        }
    }

    /// A house on a database of its own of the throw-away PostgreSQL that `scripts/test` has started.
    #[expect(
        clippy::disallowed_methods,
        reason = "the settings of a test run are no settings of Muster"
    )]
    pub async fn on_postgres() -> Self {
        let server = std::env::var("MUSTER_TEST_POSTGRES").expect("MUSTER_TEST_POSTGRES names the throw-away server");
        let name = format!("t_{}", data_encoding::HEXLOWER.encode(&muster::secret::random::<8>()));
        let mut admin = sqlx::PgConnection::connect(&server)
            .await
            .expect("the test server answers");
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}")))
            .execute(&mut admin)
            .await
            .expect("a database is made");
        let mut url = url::Url::parse(&server).expect("a URL");
        url.set_path(&name);
        let house = Self::new().set("MUSTER_DATABASE", url.as_str());
        Self {
            postgres: Some(url.to_string()),
            ..house
        }
    }

    /// Whether its database is a file of its own.
    pub fn is_embedded(&self) -> bool {
        self.postgres.is_none()
    }

    /// Sets an environment variable of the program.
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// The address of the program.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("muster.db")
    }
    /// The log of what was written and is not in the database file yet.
    pub fn wal(&self) -> PathBuf {
        self.data.join("muster.db-wal")
    }

    /// The program's settings as the library reads them.
    pub fn config(&self) -> Config {
        let data = self.data.to_str().expect("a path in text");
        let url = self.url();
        Config::with(&[("data", data), ("public_url", &url)]).expect("settings")
    }

    /// Opens the house with the library, making database and key where they are missing.
    pub async fn open(&self) -> Portal {
        let config = self.config();
        let keys = Keys::from_master(*config.master_key().expect("a key").expose());
        let options = match &self.postgres {
            Some(url) => Options::Postgres(url.clone()),
            None => Options::Sqlite(self.database()),
        };
        let db = Db::open(&options).await.expect("the database opens");
        db::migrate(&db).await.expect("migrations run");
        let settings = Settings::of(&config).expect("settings");
        let sender = Sender {
            post: None,
            from: config.mail_from.clone(),
            reply_to: None,
        };
        let clock = Clock::system();
        let hasher = Hasher::new(Cost::SMALL, 2).expect("the least cost");
        let app = App::new(db, clock.clone(), keys, settings, hasher, sender, None).expect("an app");
        Portal {
            app,
            url: self.url(),
            clock,
        }
    }

    /// A connection of its own to the database file, beside the program: for what only a test asks or changes.
    pub async fn connect(&self) -> sqlx::SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
        let options = options.busy_timeout(std::time::Duration::from_secs(5));
        options.connect().await.expect("the file opens")
    }

    /// The program with this house's settings and nothing of the caller's.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.wrapped(&[], arguments)
    }

    /// The same, started by another program such as `strace -o file`.
    pub fn wrapped(&self, by: &[&str], arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_muster");
        let mut command = match by {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.args(arguments).env_clear().current_dir(self.scratch.path());
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("MUSTER_DATA", &self.data)
            .env("MUSTER_LISTEN", format!("127.0.0.1:{}", self.port))
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command of the operator to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    /// Starts the program and waits until it is ready.
    pub async fn start(&self) -> Server {
        Server::start(self, &[], &[]).await
    }

    /// Starts the program where it is expected to refuse; gives its exit code and what it said.
    pub fn refuses(&self) -> (i32, String) {
        let mut child = self.command(&[]);
        let limited = child
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn();
        let mut child = limited.expect("the program starts");
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while child.try_wait().expect("a look at the child").is_none() {
            if std::time::Instant::now() > end {
                child.kill().expect("it can be stopped");
                panic!("the program serves where it should refuse");
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let output = child.wait_with_output().expect("its words");
        let words = [output.stdout, output.stderr].concat();
        (
            output.status.code().expect("an exit code, not a signal"),
            String::from_utf8_lossy(&words).into_owned(),
        )
    }
}
