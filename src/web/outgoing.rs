//! Large files on their way out: they are written to disk as fast as they can be made and sent from there as fast as they are read, so
//! that what they are made from is held for seconds, however slow the reader is (F33, F39).

use std::{fs::File, future::Future, io, os::unix::fs::FileExt as _, sync::Arc};

use actix_web::web::Bytes;
use futures_util::Stream;
use tokio::sync::watch;

use super::turns::Turn;
use crate::error::{Error, Result};

/// How much is read from the disk for the network at once.
const PART: usize = 64 << 10;

/// How far the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// So many bytes so far.
    SoFar(u64),
    /// So many bytes, and that is all of it.
    Whole(u64),
}

/// Where the bytes of a file go that is being made.
pub struct Outgoing {
    file: Arc<File>,
    length: u64,
    told: watch::Sender<Written>,
}

impl Outgoing {
    /// Adds bytes; an error when there is no room, or nobody wants them any more.
    pub async fn send(&mut self, bytes: Vec<u8>) -> Result<()> {
        if self.told.is_closed() {
            return Err(gone());
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let (file, at) = (Arc::clone(&self.file), self.length);
        self.length += bytes.len() as u64;
        // Both ways the bytes come back to the thread that they are of: what another one frees is kept longer by the allocator.
        drop(on_disk(move || file.write_all_at(&bytes, at).map(|()| bytes)).await?);
        self.told.send(Written::SoFar(self.length)).map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::Internal("whoever asked for a file has gone".to_owned())
}

fn failed(error: &io::Error) -> Error {
    Error::Internal(format!("a file could not be kept on disk: {error}"))
}

/// Runs what waits for the disk where nobody else waits for it.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Error::Internal(format!("a file on its way: {error}")))?;
    done.map_err(|error| failed(&error))
}

/// A file while it is read.
struct Reading {
    file: Arc<File>,
    at: u64,
    told: watch::Receiver<Written>,
    /// Ends with the last byte or with the reader, whichever comes first.
    _turn: Option<Turn>,
}

impl Reading {
    /// The next bytes; none when all were read.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let at = self.at;
        let is_due = |written: &Written| match *written {
            Written::SoFar(length) => length > at,
            Written::Whole(_) => true,
        };
        let written = self.told.wait_for(is_due).await.map(|written| *written);
        let (Written::SoFar(length) | Written::Whole(length)) =
            written.map_err(|_| Error::Internal("a file was not finished".to_owned()))?;
        let size = usize::try_from(length - at).unwrap_or(PART).min(PART);
        if size == 0 {
            return Ok(None);
        }
        let file = Arc::clone(&self.file);
        let mut part = vec![0; size];
        let part = on_disk(move || file.read_exact_at(&mut part, at).map(|()| part)).await?;
        self.at += part.len() as u64;
        Ok(Some((Bytes::from(part), self)))
    }
}

/// Sends the file that `make` writes, at its own pace and for as long as somebody reads. What cannot be finished is cut off, so that
/// nobody takes it for the whole.
pub fn send<F: Future<Output = Result<()>> + 'static>(
    turn: Option<Turn>,
    make: impl FnOnce(Outgoing) -> F,
) -> Result<impl Stream<Item = Result<Bytes>>> {
    let file = Arc::new(tempfile::tempfile().map_err(|error| failed(&error))?);
    let (told, heard) = watch::channel(Written::SoFar(0));
    let out = Outgoing {
        file: Arc::clone(&file),
        length: 0,
        told: told.clone(),
    };
    let made = make(out);
    actix_web::rt::spawn(async move {
        match made.await {
            Ok(()) => told.send_modify(|written| {
                if let Written::SoFar(length) = *written {
                    *written = Written::Whole(length);
                }
            }),
            Err(_) if told.is_closed() => {} // whoever asked has gone
            Err(error) => tracing::error!(%error, "a file on its way was not finished"),
        }
    });
    let reading = Reading {
        file,
        at: 0,
        told: heard,
        _turn: turn,
    };
    Ok(futures_util::stream::try_unfold(reading, Reading::next))
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    async fn read(stream: impl Stream<Item = Result<Bytes>>) -> (Vec<u8>, bool) {
        let mut stream = std::pin::pin!(stream);
        let mut all = Vec::new();
        while let Some(part) = stream.next().await {
            match part {
                Ok(part) => all.extend_from_slice(&part),
                Err(_) => return (all, false),
            }
        }
        (all, true)
    }

    #[actix_web::test]
    async fn what_is_written_arrives_in_order_and_whole() {
        let stream = send(None, |mut out| async move {
            for number in 0..300_u32 {
                out.send(number.to_le_bytes().repeat(200)).await?;
            }
            Ok(())
        });
        let (all, is_whole) = read(stream.expect("a file")).await;
        assert!(is_whole);
        assert_eq!(all.len(), 300 * 800);
        let numbers = all
            .chunks(800)
            .map(|part| u32::from_le_bytes([part[0], part[1], part[2], part[3]]));
        assert!(numbers.eq(0..300));
        let empty = send(None, |_| async { Ok(()) }).expect("a file");
        assert_eq!(read(empty).await, (Vec::new(), true));
    }

    #[actix_web::test]
    async fn what_cannot_be_finished_does_not_end_well() {
        let stream = send(None, |mut out| async move {
            out.send(vec![1; 10]).await?;
            Err(Error::Busy)
        });
        assert_eq!(read(stream.expect("a file")).await, (vec![1; 10], false));
    }

    #[actix_web::test]
    async fn nothing_is_written_for_whom_it_is_not_wanted_any_more() {
        let (told, ended) = tokio::sync::oneshot::channel();
        let stream = send(None, |mut out| async move {
            let mut count = 0;
            while out.send(vec![0; 1_000]).await.is_ok() {
                count += 1;
            }
            let _ = told.send(count);
            Err(gone())
        });
        let mut stream = Box::pin(stream.expect("a file"));
        assert!(stream.next().await.is_some());
        drop(stream);
        assert!(ended.await.is_ok(), "the writer goes on");
    }
}
