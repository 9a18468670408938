//! The master key: configured, or made once and kept in the data folder.
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use super::{Config, Hidden};

const SHAPE: &str = "Write 32 random bytes in base64; `openssl rand -base64 32` makes some.";

pub(super) fn parse(text: &str) -> Result<Hidden<[u8; 32]>, String> {
    let text = text.trim().as_bytes();
    let bytes = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD]
        .iter()
        .find_map(|encoding| encoding.decode(text).ok())
        .map(Zeroizing::new)
        .ok_or_else(|| format!("This is not base64. {SHAPE}"))?;
    let key: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| format!("This has {} bytes instead of 32. {SHAPE}", bytes.len()))?;
    if key.iter().all(|byte| *byte == key[0]) {
        return Err(format!("These bytes are all the same. {SHAPE}"));
    }
    Ok(Hidden::new(key))
}

impl Config {
    /// The key everything secret is derived from: the configured one, or the one in the data folder, which is made
    /// while the folder is still without a database. Call it before the database is opened.
    pub fn master_key(&self) -> Result<Hidden<[u8; 32]>, String> {
        if let Some(key) = self.find_master_key()? {
            return Ok(key);
        }
        let path = self.key_file();
        fs::create_dir_all(&self.data)
            .and_then(|()| make(&path))
            .map_err(|error| format!("The key {} cannot be made: {error}.", path.display()))?;
        // Read again: where two processes start at once, both use the key of the faster one.
        read(&path)?.ok_or_else(|| format!("The key {} was made and has vanished.", path.display()))
    }

    /// The key of [`Config::master_key`] if it is there already, and a sentence where none may be made.
    pub fn find_master_key(&self) -> Result<Option<Hidden<[u8; 32]>>, String> {
        if let Some(key) = &self.secret_key {
            return Ok(Some(key.clone()));
        }
        let path = self.key_file();
        let key = read(&path)?;
        // A new key beside an old database would void every invitation link and break the audit chain unnoticed.
        if key.is_none()
            && let Some(database) = self.database.file()
            && fs::metadata(database).is_ok_and(|file| file.len() > 0)
        {
            return Err(format!(
                "The database {} is there, but its key {} is missing. \
                 Put the key back from your backup, or set secret_key.",
                database.display(),
                path.display()
            ));
        }
        Ok(key)
    }

    /// Writes the key into a folder, under the name that it has in a data folder, where it is none of the settings; whether it did.
    pub fn copy_master_key(&self, folder: &Path) -> Result<bool, String> {
        if self.secret_key.is_some() {
            return Ok(false);
        }
        let Some(key) = self.find_master_key()? else {
            return Err(format!("There is no key in {}.", self.data.display()));
        };
        let path = folder.join("secret.key");
        write_private(&path, &Zeroizing::new(BASE64.encode(key.expose().as_slice())))
            .map_err(|error| format!("The key cannot be written to {}: {error}.", path.display()))?;
        Ok(true)
    }

    /// The file of the key in the data folder, which is used where no key is configured.
    fn key_file(&self) -> PathBuf {
        self.data.join("secret.key")
    }
}

fn read(path: &Path) -> Result<Option<Hidden<[u8; 32]>>, String> {
    match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => parse(&text).map(Some).map_err(|sentence| {
            format!(
                "The key {} is damaged: {sentence} Put it back from your backup.",
                path.display()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("The key {} cannot be read: {error}.", path.display())),
    }
}

/// Writes a new key so that the file appears whole or not at all, and never replaces one that is there.
fn make(path: &Path) -> io::Result<()> {
    // Process ids would not do: two containers that share the folder both have number 1.
    let (mut key, mut mark) = (Zeroizing::new([0_u8; 32]), [0_u8; 8]);
    fill(key.as_mut_slice())
        .and_then(|()| fill(&mut mark))
        .map_err(|error| io::Error::other(error.to_string()))?;
    let draft = path.with_extension(format!("key.{}", HEXLOWER.encode(&mark)));
    let written = write_private(&draft, &BASE64.encode(key.as_slice()));
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => removed,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the master key is where all other randomness of ours is rooted"
)]
fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    getrandom::fill(bytes)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}
