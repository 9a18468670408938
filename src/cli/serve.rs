//! `muster serve`: the portal itself.
use std::{net::TcpListener, sync::Arc};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::{
    app::{self, App, Settings},
    audit,
    auth::{
        password::{Cost, Hasher},
        setup,
    },
    clock::Clock,
    config::{Config, Database, PasswordCost},
    db::{self, Db, Version},
    error::Error,
    jobs,
    mail::{
        outbox::Sender,
        transport::{Post, Server, Tls},
    },
    secret::Keys,
    telemetry,
};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.inner())
    }
}

pub(super) async fn run(config: Config) -> Result<(), Failure> {
    telemetry::init(&config);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let (app, listener) = prepare(config).await?;
    if let Some(token) = &app.setup {
        println!(
            "Muster is new here. Set it up once at:\n\n  {}\n",
            app.settings.link(&format!("/setup/{}", token.expose()))
        );
    }
    serve(app, listener, |app| {
        println!(
            "Muster listens on {}",
            app.settings.public_url.as_str().trim_end_matches('/')
        );
    })
    .await
}

/// Opens the database of a configuration, with its migrations run, and the keys that belong to it.
pub(super) async fn open(config: &Config) -> Result<(Db, Keys), Failure> {
    // Before the database: a new key beside an old database is refused.
    let master = config.master_key().map_err(Failure::configuration)?;
    if let Some(folder) = config.database.file().and_then(std::path::Path::parent) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::configuration(format!("The folder {} cannot be made: {error}.", folder.display()))
        })?;
    }
    let options = match &config.database {
        Database::Sqlite(path) => db::Options::Sqlite(path.clone()),
        Database::Postgres(_) => db::Options::Postgres(config.database.url().clone()),
    };
    let opened = Db::open(&options)
        .await
        .map_err(|error| Failure::configuration(error.inner()))?;
    let version = db::migrate(&opened)
        .await
        .map_err(|error| Failure::configuration(error.inner()))?;
    match version {
        Version::Current => {}
        Version::Migrated(count) => tracing::info!(count, "the database was migrated"),
    }
    Ok((opened, Keys::from_master(*master.expose())))
}

/// Binds the address and puts the application together.
pub(super) async fn prepare(mut config: Config) -> Result<(Arc<App>, TcpListener), Failure> {
    let listener = TcpListener::bind(config.listen).map_err(|error| {
        Failure::configuration(format!(
            "Muster cannot listen on {}: {error}. Stop what listens there, or choose another address with --listen.",
            config.listen
        ))
    })?;
    let address = listener.local_addr().map_err(|error| Failure::new(error.to_string()))?;
    config.bound(address);
    let (db, keys) = open(&config).await?;
    if !audit::is_sealed_by(&mut db.read(), &keys).await? {
        tracing::error!(
            "The secret key does not belong to this database: everybody is signed out, invitation links do not work, and `muster audit verify` will report every entry. Put the key of this database back from your backup and start again."
        );
    }
    let sender = sender(&config)?;
    let setup = setup::token(&mut db.read()).await?;
    let settings = Settings::of(&config)?;
    let app = App::new(db, Clock::system(), keys, settings, hasher(&config)?, sender, setup)?;
    Ok((app, listener))
}

/// What hashes passwords at the configured cost, as many at once as there are cores.
pub(super) fn hasher(config: &Config) -> Result<Hasher, Failure> {
    let cost = match config.password_cost {
        PasswordCost::Standard => Cost::STANDARD,
        PasswordCost::Small => Cost::SMALL,
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Hasher::new(cost, cores).map_err(|error| Failure::new(error.to_string()))
}

fn sender(config: &Config) -> Result<Sender, Failure> {
    let post = match &config.smtp {
        None => None,
        Some(smtp) => {
            let tls = match smtp.tls {
                crate::config::Tls::Required => Tls::Required,
                crate::config::Tls::Wrapper => Tls::Wrapper,
                crate::config::Tls::None => Tls::None,
            };
            let login = smtp
                .user
                .clone()
                .zip(smtp.password.as_ref().map(|password| password.expose().clone()));
            let server = Server {
                port: smtp.port,
                login,
                tls,
                ..Server::new(smtp.host.clone())
            };
            Some(Post::new(server).map_err(|error| Failure::configuration(error.to_string()))?)
        }
    };
    Ok(Sender {
        post,
        from: config.mail_from.clone(),
        reply_to: config.mail_reply_to.clone(),
    })
}

/// Serves until SIGTERM or SIGINT, then drains requests, lets the worker finish, and closes the database.
pub(super) async fn serve(app: Arc<App>, listener: TcpListener, ready: impl FnOnce(&App)) -> Result<(), Failure> {
    let running = app::serve(&app, listener)?;
    let handle = running.server.handle();
    let server = actix_web::rt::spawn(running.server);
    let stop = CancellationToken::new();
    let worker = tokio::spawn(jobs::run(Arc::clone(&app), stop.clone()));
    ready(&app);
    let signals = || -> std::io::Result<_> { Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)) };
    let (mut terminate, mut interrupt) = signals().map_err(|error| Failure::new(error.to_string()))?;
    let damage = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        damage = damage(&app) => Some(damage),
    };
    tracing::info!("stopping: requests under way are finished first");
    handle.stop(true).await;
    let _ = server.await;
    stop.cancel();
    if tokio::time::timeout(app.settings.shutdown_timeout, worker)
        .await
        .is_err()
    {
        tracing::warn!("the worker was cut off; what it was sending is repeated at the next start");
    }
    app.metering.close().await;
    if let Some(post) = &app.sender.post {
        post.close().await;
    }
    match audit::heads(&mut app.db.read()).await {
        Ok(heads) => tracing::info!(
            chains = heads.len(),
            entries = heads.iter().map(|head| head.seq).sum::<i64>(),
            "the audit log ends here"
        ),
        Err(error) => tracing::warn!(%error, "the audit log's end could not be read"),
    }
    app.db.close().await;
    match damage {
        Some(damage) => Err(Failure::configuration(damage)),
        None => Ok(()),
    }
}

/// Ends when the check of a large database, which goes on beside the first requests, has found damage; never otherwise.
async fn damage(app: &App) -> String {
    match app.db.check_large().await {
        Err(error @ Error::Internal(_)) => error.inner(),
        Err(_) | Ok(()) => std::future::pending().await,
    }
}
