//! A copy of the embedded database, as it was at one instant, while it is used.

use std::{fs::File, path::Path};

use super::{Db, Options};
use crate::error::{Error, Result};

impl Db {
    /// Writes everything as it stands at one instant into a new file, and sees that it is on the disk. Writers go on meanwhile; what
    /// they write grows the log until the copy is done. The file must not be there yet.
    ///
    /// # Errors
    /// A server's database is not copied: its own tools do that.
    pub async fn copy_into(&self, file: &Path) -> Result<()> {
        let Self::Sqlite { read, .. } = self else {
            return Err(Error::Internal(
                "A PostgreSQL database is copied with pg_dump.".to_owned(),
            ));
        };
        let name = file
            .to_str()
            .ok_or_else(|| Error::Internal(format!("{} is no path in UTF-8.", file.display())))?;
        sqlx::query("vacuum into ?").bind(name).execute(read).await?;
        // SQLite leaves the new file to the system, which may write it whenever it likes.
        let synced = File::open(file).and_then(|file| file.sync_all());
        synced.map_err(|error| Error::Internal(format!("{} is not on the disk: {error}.", file.display())))
    }

    /// Opens a file of the embedded database by itself, and makes sure that it is whole.
    pub async fn open_copy(file: &Path) -> Result<Self> {
        Self::open(&Options::Sqlite(file.to_owned())).await
    }
}
