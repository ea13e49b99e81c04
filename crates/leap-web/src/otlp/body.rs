//! A body's bytes: gathered as they arrive, then decompressed, both within the limits.
//!
//! ```ignore
//! let (received, held) = gate.gather(request.into_body(), length, limits.body).await?;
//! let (plain, more) = gate.unpack(&received, Compression::Gzip).await?;
//! ```
//!
//! Room is held in the budget before it is reserved, so that what a body takes is never more than what it holds. A
//! compressed body is read until one byte more than the limit has come out, and no further.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as Stream;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use super::budget::{Budget, Held};
use super::{Compression, Kind, Limits, Problem};

/// The first room of a body.
const FIRST: usize = 16 << 10;

/// Time for which the rest of a refused body is read.
const LINGER: Duration = Duration::from_secs(5);

/// Largest window of Zstandard, as a power of two: 64 MiB, twice what senders use at their best level.
const ZSTD_WINDOW_LOG: u32 = 26;

/// What requests share: limits, bytes, and turns to decompress.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) limits: Limits,
    budget: Budget,
    /// As many bodies are decompressed at once as there are cores: it is work, and each may have a window of 64 MiB
    /// besides the bytes that it holds.
    turns: Arc<Semaphore>,
}

impl Room {
    pub(super) fn new(limits: Limits) -> Room {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Room { budget: Budget::new(limits.bodies), turns: Arc::new(Semaphore::new(cores)), limits }
    }

    /// Whether a body of this length would be read, before any of it is: a sender who asks first (`Expect:
    /// 100-continue`) need not send it.
    ///
    /// # Errors
    /// Too large, or no room now.
    pub(super) fn admit(&self, length: Option<usize>, limit: usize) -> Result<(), Problem> {
        match length {
            Some(length) if length > limit => Err(self.too_large("as received")),
            Some(length) if length > self.budget.free() => Err(no_room()),
            _ => Ok(()),
        }
    }

    /// A body as it came: at most `limit` bytes, in at most [`Limits::body_time`]. `length` is what the sender says.
    ///
    /// # Errors
    /// Too large, too slow, broken off, or no room now. The rest of the body is read and thrown away behind the
    /// caller's back, so that the sender reads the answer instead of a broken connection.
    pub(super) async fn gather(
        &self,
        mut stream: Stream,
        length: Option<usize>,
        limit: usize,
    ) -> Result<(Bytes, Held), Problem> {
        let time = self.limits.body_time;
        let gathered = match tokio::time::timeout(time, self.read(&mut stream, length, limit)).await {
            Ok(gathered) => gathered,
            Err(_) => {
                let message = format!("the body did not arrive within {} s", time.as_secs());
                return Err(Problem::new(Kind::Down, message));
            }
        };
        if gathered.is_err() {
            self.throw_away(stream);
        }
        gathered
    }

    async fn read(&self, stream: &mut Stream, length: Option<usize>, limit: usize) -> Result<(Bytes, Held), Problem> {
        let mut held = self.budget.hold();
        let mut received = Vec::new();
        while let Some(frame) = stream.frame().await {
            let frame = frame.map_err(|error| Problem::new(Kind::Invalid, format!("the body broke off: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            let needed = received.len() + data.len();
            if needed > limit {
                return Err(self.too_large("as received"));
            }
            if needed > received.capacity() {
                let room = needed.max(2 * received.capacity()).max(FIRST).min(length.unwrap_or(limit).max(needed));
                make_room(&mut received, room, &mut held)?;
            }
            received.extend_from_slice(&data);
        }
        Ok((Bytes::from(received), held))
    }

    /// Reads what is left of a body that is refused, within limits, in a task of its own.
    pub(super) fn throw_away(&self, mut stream: Stream) {
        let mut left = 2 * self.limits.body;
        tokio::spawn(tokio::time::timeout(LINGER, async move {
            while let Some(Ok(frame)) = stream.frame().await {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(bytes) {
                    Some(less) => left = less,
                    None => break,
                }
            }
        }));
    }

    /// A body as it reads.
    ///
    /// # Errors
    /// Does not decompress, gives more than the limit, or no room now.
    pub(super) async fn unpack(&self, received: &Bytes, compression: Compression) -> Result<(Bytes, Held), Problem> {
        let held = self.budget.hold();
        if compression == Compression::None {
            return Ok((received.clone(), held));
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await.expect("the semaphore is never closed");
        let received = received.clone();
        let limit = self.limits.body;
        let unpacked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            match compression {
                Compression::None => Ok((received, held)),
                Compression::Gzip => {
                    let reader = flate2::bufread::MultiGzDecoder::new(&received[..]);
                    read_within(reader, "gzip", received.len(), limit, held)
                }
                Compression::Snappy => unsnap(&received, limit, held),
                Compression::Zstd => {
                    let mut reader = zstd::stream::read::Decoder::with_buffer(&received[..])
                        .map_err(|error| Problem::new(Kind::Down, format!("no Zstandard decoder: {error}")))?;
                    reader
                        .window_log_max(ZSTD_WINDOW_LOG)
                        .map_err(|error| Problem::new(Kind::Down, format!("no Zstandard decoder: {error}")))?;
                    read_within(reader, "Zstandard", received.len(), limit, held)
                }
            }
        });
        match unpacked.await.unwrap_or_else(|error| Err(Problem::new(Kind::Down, error.to_string()))) {
            Err(Problem { kind: Kind::TooLarge, .. }) => Err(self.too_large("as decompressed")),
            unpacked => unpacked,
        }
    }

    /// The problem of a body that is over the limit.
    pub(super) fn too_large(&self, how: &str) -> Problem {
        let message = format!(
            "the body is larger than {} bytes {how}; send smaller batches (OpenTelemetry Collector: \
             send_batch_max_size), or raise serve.body_mib in leap.toml",
            self.limits.body
        );
        Problem::new(Kind::TooLarge, message)
    }
}

/// All that `reader` gives, unless it is more than `limit`.
fn read_within(
    mut reader: impl Read,
    name: &str,
    received: usize,
    limit: usize,
    mut held: Held,
) -> Result<(Bytes, Held), Problem> {
    let mut plain = Vec::new();
    make_room(&mut plain, received.saturating_mul(4).clamp(FIRST, limit.max(FIRST)), &mut held)?;
    loop {
        let room = plain.capacity() - plain.len();
        let got = reader
            .by_ref()
            .take(room as u64)
            .read_to_end(&mut plain)
            .map_err(|error| Problem::new(Kind::Invalid, format!("the body is not {name} as it says: {error}")))?;
        if plain.len() > limit {
            return Err(Problem::new(Kind::TooLarge, ""));
        }
        if got < room {
            return Ok((Bytes::from(plain), held));
        }
        let more = (2 * plain.capacity()).min(limit + 1).max(plain.len() + 1);
        make_room(&mut plain, more, &mut held)?;
    }
}

/// A block of Snappy, which says how long it is.
fn unsnap(received: &[u8], limit: usize, mut held: Held) -> Result<(Bytes, Held), Problem> {
    let broken =
        |error: snap::Error| Problem::new(Kind::Invalid, format!("the body is not Snappy as it says: {error}"));
    let length = snap::raw::decompress_len(received).map_err(broken)?;
    if length > limit {
        return Err(Problem::new(Kind::TooLarge, ""));
    }
    if !held.grow_to(length) {
        return Err(no_room());
    }
    let plain = snap::raw::Decoder::new().decompress_vec(received).map_err(broken)?;
    Ok((Bytes::from(plain), held))
}

/// Holds `room` bytes, then reserves them.
fn make_room(bytes: &mut Vec<u8>, room: usize, held: &mut Held) -> Result<(), Problem> {
    if !held.grow_to(room) {
        return Err(no_room());
    }
    bytes
        .try_reserve_exact(room - bytes.len())
        .map_err(|error| Problem::new(Kind::Down, format!("no memory for a body: {error}")))
}

fn no_room() -> Problem {
    Problem::new(Kind::Busy, "other requests use all memory for bodies (serve.bodies_mib in leap.toml); try again")
}
