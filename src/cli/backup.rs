//! `muster backup FOLDER`: the database and its key as a folder that a Muster can start on.
use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Failure;
use crate::{
    access::session,
    audit,
    config::{Config, Database},
    db::{self, Db},
    secret::Keys,
};

/// How the file is called while it is not proven to be whole.
const DRAFT: &str = "muster.db.part";
/// The ends of the audit chains, for `muster audit verify --from`.
const HEAD: &str = "head.json";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options")]
pub(super) struct Args {
    /// A folder that is empty or not there yet. `muster --data FOLDER` starts on it.
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

pub(super) async fn run(config: &Config, args: &Args) -> Result<(), Failure> {
    let Database::Sqlite(from) = &config.database else {
        return Err(Failure::new(
            "This Muster keeps its data in PostgreSQL. Back it up with pg_dump, and keep the secret key beside the dump.",
        ));
    };
    if !fs::metadata(from).is_ok_and(|file| file.len() > 0) {
        return Err(Failure::new(format!(
            "There is no database {} to back up. Name its folder with --data.",
            from.display()
        )));
    }
    let key = config.find_master_key().map_err(Failure::configuration)?;
    let Some(key) = key else {
        return Err(Failure::configuration(
            "The key of this database is missing. Put it back, or set secret_key.",
        ));
    };
    let folder = &args.folder;
    prepare(folder)?;
    let outcome = fill(config, from, folder, &Keys::from_master(*key.expose())).await;
    if outcome.is_err() {
        for name in [DRAFT, "muster.db.part-wal", "muster.db.part-shm", HEAD, "secret.key"] {
            let _ = fs::remove_file(folder.join(name)); // what is told is why it failed
        }
        let _ = fs::remove_dir(folder);
    }
    println!("{}", outcome?);
    Ok(())
}

/// Makes the folder, for nobody else's eyes; one that holds something is left alone.
fn prepare(folder: &Path) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::new(format!("{} cannot be used: {error}.", folder.display()));
    fs::create_dir_all(folder).map_err(cannot)?;
    if fs::read_dir(folder).map_err(cannot)?.next().is_some() {
        return Err(Failure::new(format!(
            "{} is not empty. Name a folder that is not there yet: an older back-up is not overwritten.",
            folder.display()
        )));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(cannot)?;
    }
    Ok(())
}

/// Copies, proves what was copied, and says what there is.
async fn fill(config: &Config, from: &Path, folder: &Path, keys: &Keys) -> Result<String, Failure> {
    let (draft, file) = (folder.join(DRAFT), folder.join("muster.db"));
    // Not migrated: the portal that runs may be an older one.
    let db = Db::open(&db::Options::Sqlite(from.to_owned())).await?;
    let copied = db.copy_into(&draft).await;
    db.close().await;
    copied.map_err(|error| Failure::new(format!("The copy failed: {}", error.inner())))?;
    let copy = Db::open_copy(&draft).await?;
    let proven = prove(&copy, keys).await;
    copy.close().await;
    let (rows, heads) = proven?;
    fs::write(folder.join(HEAD), heads).map_err(|error| Failure::new(format!("{HEAD} cannot be written: {error}.")))?;
    let has_key = config.copy_master_key(folder).map_err(Failure::new)?;
    fs::rename(&draft, &file)
        .and_then(|()| fs::File::open(folder))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}.", file.display())))?;
    let size = fs::metadata(&file).map_or(0, |file| file.len());
    let key = if has_key {
        "secret.key is beside it: whoever has both has everything, so keep them safe"
    } else {
        "The secret key is one of your settings and not in it: keep it elsewhere"
    };
    Ok(format!(
        "Backed up to {}: {} MB, {rows} audit entries, all whole. {key}.",
        file.display(),
        size.div_ceil(1_000_000)
    ))
}

/// Ends the copy's sessions and follows its audit chains; how many entries there are, and the ends of the chains.
async fn prove(copy: &Db, keys: &Keys) -> Result<(u64, String), Failure> {
    // Who is signed out after the copy was made must not be signed in again by it.
    let mut tx = copy.write().await?;
    session::end_every(&mut tx).await?;
    tx.commit().await?;
    let report = audit::verify(&mut copy.read(), keys, &[]).await?;
    if let Some(fault) = report.faults.first() {
        return Err(Failure::new(format!(
            "The audit log was tampered with, so nothing was kept: {fault}"
        )));
    }
    let heads = audit::heads(&mut copy.read()).await?;
    let heads = serde_json::to_string(&heads).map_err(|error| Failure::new(error.to_string()))?;
    Ok((report.rows, heads))
}
