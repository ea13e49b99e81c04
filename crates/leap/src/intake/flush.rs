//! Parts of a stream into lake and book, one after the other, on a thread of their own.
//!
//! ```text
//! part → writer's lock → store → merge of small files → old replaced files go → segments of the spool go → lock free
//! ```
//! The home's lock is only held meanwhile, so that other commands can write between two parts. What cannot be stored is
//! tried again until it can: the spool has it, and senders are told to wait once too much waits here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::Shared;
use super::spool::Segments;
use super::stream::{Part, name_of};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::home::{Access, Home};
use crate::traces::{Delivered, Stored, forget_replaced, merge, merge_levels, store};

/// Between two tries.
const AGAIN: Duration = Duration::from_millis(200);
/// At the end, so many tries.
const LAST_TRIES: usize = 150;
/// At most so many merges after each part.
const MERGES: usize = 2;

pub(super) struct Flusher {
    pub(super) root: PathBuf,
    pub(super) parts: Receiver<Part>,
    pub(super) segments: Segments,
    pub(super) shared: Arc<Shared>,
}

impl Flusher {
    /// Stores parts until the stream ends.
    pub(super) fn run(self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return self.shared.broken(&format!("could not start the thread that stores: {error}")),
        };
        let mut home = None;
        for mut part in self.parts.iter() {
            let mut tries = 0;
            while let Err(failure) = runtime.block_on(self.flush(&mut home, &mut part)) {
                tries += 1;
                if self.shared.is_stopping() && tries > LAST_TRIES {
                    tracing::error!("{}; what was not stored lies in the spool", failure.message);
                    self.shared.unstored(failure.message);
                    return;
                }
                // Somebody else writes: that is no fault.
                if failure.exit != Exit::TryAgain || tries % 50 == 0 {
                    if tries == 1 || tries % 50 == 0 {
                        tracing::error!("could not store traces, trying again: {}", failure.message);
                    }
                    self.shared.unstored(failure.message);
                }
                std::thread::sleep(AGAIN);
            }
            self.shared.stored_again();
            self.shared.part_done();
        }
    }

    async fn flush(&self, opened: &mut Option<Home>, part: &mut Part) -> Result<(), Failure> {
        if let Some(delivered) = &mut part.delivered {
            let home = match opened {
                Some(home) => home,
                None => opened.insert(open(&self.root).await?),
            };
            let _lock = home.lock_for_writing()?;
            let stored = publish(home, delivered).await?;
            self.shared.stored(stored);
            let times = delivered.times();
            part.delivered = None;
            for _ in 0..MERGES {
                match merge(home, &times, clock::now()).await {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(failure) => {
                        tracing::warn!("small files of traces were not merged: {}", failure.message);
                        break;
                    }
                }
            }
            if let Err(failure) = merge_levels(home, clock::now()).await {
                tracing::warn!("files of packed days or histograms were not put together: {}", failure.message);
            }
            if let Err(failure) = forget_replaced(home, clock::now()).await {
                tracing::warn!("replaced files of traces were not let go: {}", failure.message);
            }
            self.segments.release(part.needed_from)?;
        } else {
            // A backup that runs keeps the spool as it is.
            match opened {
                Some(home) => {
                    let _lock = home.lock_for_writing()?;
                    self.segments.release(part.needed_from)?;
                }
                None => *opened = Some(open(&self.root).await?),
            }
        }
        Ok(())
    }
}

/// Opens a home that others may write to meanwhile; makes it where there is none.
async fn open(root: &Path) -> Result<Home, Failure> {
    if !root.join("lake").is_dir() {
        drop(Home::open(root, Access::Write).await?);
    }
    Home::open(root, Access::Read).await
}

/// Stores requests under a name that no others have.
pub(super) async fn publish(home: &Home, delivered: &mut Delivered) -> Result<Stored, Failure> {
    let now = clock::now();
    let change = home.book.trace_head().await.map_err(|error| Failure::from_error(&error))?.change;
    let (digest, id) = name_of(format!("OTLP stream, change {change}, {now}").as_bytes());
    if let Some(delivery) = &mut delivered.delivery {
        (delivery.digest, delivery.id) = (digest, id.clone());
    }
    delivered.id = id;
    store(home, delivered, "otlp", now, false).await
}
