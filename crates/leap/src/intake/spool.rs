//! The spool: what came over the network, as it came, until what was made of it is in the lake.
//!
//! ```text
//! HOME/spool/traces/lock          held by the one server of this home
//! HOME/spool/traces/000007.log    LTR1 | length | kind | time received | checksum | bytes    LTR1 | …
//! HOME/spool/traces/000003.damaged-4711    bytes that could not be read back, set aside for people
//! ```
//! A record is durable when its file is synced after it was written; nothing is answered before. A torn record at the
//! end was never answered: it is cut off. A damaged one before others is set aside and named, and the rest is read.
//!
//! Segments are never written again once a process begins: each begins one of its own. They go when nothing is made of
//! them any more that is not in the lake, see [`Segments::release`].

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::Xxh3;

use crate::failure::Failure;
use crate::home::failed;

/// Each record begins with it.
const MARK: &[u8; 4] = b"LTR1";
/// Bytes of a record before its content.
const HEAD: usize = 28;
/// A record's content is never longer: four times what a body may have.
const LONGEST: u32 = 256 << 20;

/// A record read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Record<'a> {
    /// What its bytes are, as the writer numbers it.
    pub(crate) kind: u32,
    /// When it came, ns since the epoch.
    pub(crate) time_ns: u64,
    /// The bytes.
    pub(crate) bytes: &'a [u8],
}

/// A segment that is written no more.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Sealed {
    path: PathBuf,
    first_ns: u64,
    last_ns: u64,
    bytes: u64,
}

/// Segments that wait until what was made of them is in the lake.
#[derive(Clone, Default)]
pub(crate) struct Segments(Arc<Mutex<Vec<Sealed>>>);

/// What lies in the spool.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Waiting {
    /// Segments.
    pub(crate) segments: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// When the oldest record came, ns since the epoch.
    pub(crate) oldest_ns: Option<u64>,
    /// Files of damaged records that were set aside.
    pub(crate) damaged: usize,
}

impl Segments {
    fn lock(&self) -> MutexGuard<'_, Vec<Sealed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the segments whose records all came before `before_ns`. Those of a spool go in order, so that what is
    /// left is always the newest.
    pub(crate) fn release(&self, before_ns: u64) -> Result<usize, Failure> {
        let mut sealed = self.lock();
        let count = sealed.iter().take_while(|segment| segment.last_ns < before_ns).count();
        for segment in sealed.drain(..count) {
            fs::remove_file(&segment.path).map_err(|error| failed("remove", &segment.path, &error))?;
        }
        Ok(count)
    }
}

/// The segment being written.
struct Current {
    file: Arc<File>,
    sealed: Sealed,
}

/// A spool, open for one process.
pub(crate) struct Spool {
    folder: PathBuf,
    segment_bytes: u64,
    next: u32,
    current: Option<Current>,
    segments: Segments,
    _lock: File,
}

/// What was read back at the start.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Replayed {
    /// Records read.
    pub(crate) records: u64,
    /// Bytes of torn records that were cut off.
    pub(crate) torn: u64,
    /// Damaged places, each as a sentence.
    pub(crate) damaged: Vec<String>,
}

impl Spool {
    /// Opens the spool of a home; another process that has it open makes this fail.
    pub(crate) fn open(folder: &Path, segment_bytes: u64) -> Result<Spool, Failure> {
        fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
        let path = folder.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| failed("open", &path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::try_again(format!(
                    "another leap serve takes traces in for this home ({} is locked); stop it first, or send to it",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path, &error)),
        }
        // The folder's own entry, and that of its parent, survive a power cut.
        for above in folder.ancestors().skip(1).take(2) {
            sync_folder(above).map_err(|error| failed("sync", above, &error))?;
        }
        let next = numbers(folder)?.last().map_or(1, |(number, _)| number + 1);
        let folder = folder.to_owned();
        Ok(Spool { folder, segment_bytes, next, current: None, segments: Segments::default(), _lock: lock })
    }

    /// The segments that wait.
    pub(crate) fn segments(&self) -> Segments {
        self.segments.clone()
    }

    /// Gives every record that an earlier process left, in the order in which they came.
    pub(crate) fn replay(
        &mut self,
        each: &mut dyn FnMut(Record<'_>) -> Result<(), Failure>,
    ) -> Result<Replayed, Failure> {
        let mut replayed = Replayed::default();
        let found = numbers(&self.folder)?;
        for (place, (_, path)) in found.iter().enumerate() {
            let bytes = fs::read(path).map_err(|error| failed("read", path, &error))?;
            let mut sealed = Sealed { path: path.clone(), first_ns: u64::MAX, last_ns: 0, bytes: bytes.len() as u64 };
            let mut at = 0;
            while at < bytes.len() {
                if let Some((record, end)) = record_at(&bytes, at) {
                    sealed.first_ns = sealed.first_ns.min(record.time_ns);
                    sealed.last_ns = sealed.last_ns.max(record.time_ns);
                    replayed.records += 1;
                    each(record)?;
                    at = end;
                    continue;
                }
                let next = next_record(&bytes, at + 1);
                if next.is_none() && place + 1 == found.len() {
                    replayed.torn += (bytes.len() - at) as u64;
                    cut(path, at as u64)?;
                    sealed.bytes = at as u64;
                    break;
                }
                let next = next.unwrap_or(bytes.len());
                replayed.damaged.push(set_aside(path, at, &bytes[at..next])?);
                at = next;
            }
            if sealed.last_ns == 0 {
                // Nothing in it can be read; what was damaged lies aside.
                fs::remove_file(path).map_err(|error| failed("remove", path, &error))?;
            } else {
                self.segments.lock().push(sealed);
            }
        }
        Ok(replayed)
    }

    /// Writes a record, and returns the file that has to be synced before it may be answered. After an error nothing of
    /// it is left.
    pub(crate) fn append(&mut self, kind: u32, time_ns: u64, bytes: &[u8]) -> io::Result<Arc<File>> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LONGEST);
        let length = length.ok_or_else(|| io::Error::other("a body of more than 256 MiB"))?;
        if self.current.as_ref().is_some_and(|current| current.sealed.bytes >= self.segment_bytes) {
            self.seal();
        }
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                let path = self.folder.join(format!("{:06}.log", self.next));
                let file = Arc::new(File::options().append(true).create_new(true).open(&path)?);
                sync_folder(&self.folder)?;
                self.next += 1;
                let sealed = Sealed { path, first_ns: time_ns, last_ns: time_ns, bytes: 0 };
                self.current.insert(Current { file, sealed })
            }
        };
        let head = head(length, kind, time_ns, bytes);
        let mut file = &*current.file;
        if let Err(error) = file.write_all(&head).and_then(|()| file.write_all(bytes)) {
            // Without this the next record would stand behind half of this one.
            file.set_len(current.sealed.bytes)?;
            return Err(error);
        }
        current.sealed.bytes += (HEAD + bytes.len()) as u64;
        current.sealed.last_ns = current.sealed.last_ns.max(time_ns);
        Ok(current.file.clone())
    }

    /// Ends the current segment, so that it may go.
    pub(crate) fn seal(&mut self) {
        if let Some(current) = self.current.take() {
            self.segments.lock().push(current.sealed);
        }
    }

    /// When the first record of the current segment came; `None` where it has none.
    pub(crate) fn current_since(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.sealed.first_ns)
    }
}

/// What lies in the spool of a home, read without opening it.
pub(crate) fn waiting(folder: &Path) -> Result<Waiting, Failure> {
    let mut waiting = Waiting::default();
    for (_, path) in numbers(folder)? {
        // A segment may go while it is looked at.
        let Ok(file) = File::open(&path) else { continue };
        let mut start = Vec::new();
        let read = io::Read::read_to_end(&mut io::Read::take(&file, HEAD as u64), &mut start);
        read.map_err(|error| failed("read", &path, &error))?;
        waiting.segments += 1;
        waiting.bytes += file.metadata().map_or(0, |metadata| metadata.len());
        if let Some(time) = start.get(12..20).and_then(|bytes| bytes.first_chunk::<8>()) {
            let time = u64::from_le_bytes(*time);
            waiting.oldest_ns = Some(waiting.oldest_ns.map_or(time, |oldest| oldest.min(time)));
        }
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    waiting.damaged = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".damaged-")).count();
    Ok(waiting)
}

/// Segments by number.
fn numbers(folder: &Path) -> Result<Vec<(u32, PathBuf)>, Failure> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed("list", folder, &error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| failed("list", folder, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(number) = name.strip_suffix(".log").and_then(|number| number.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn head(length: u32, kind: u32, time_ns: u64, bytes: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(MARK);
    head[4..8].copy_from_slice(&length.to_le_bytes());
    head[8..12].copy_from_slice(&kind.to_le_bytes());
    head[12..20].copy_from_slice(&time_ns.to_le_bytes());
    let sum = checksum(&head[..20], bytes);
    head[20..].copy_from_slice(&sum.to_le_bytes());
    head
}

fn checksum(head: &[u8], bytes: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(head);
    hasher.update(bytes);
    hasher.digest()
}

/// The whole record at a place, and where it ends; `None` where there is none.
fn record_at(bytes: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let head = bytes.get(at..at + HEAD)?;
    let number = |from: usize| head[from..].first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    let long = |from: usize| head[from..].first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    if &head[..4] != MARK {
        return None;
    }
    let end = (at + HEAD).checked_add(number(4)? as usize)?;
    let content = bytes.get(at + HEAD..end)?;
    (checksum(&head[..20], content) == long(20)?)
        .then_some((Record { kind: number(8)?, time_ns: long(12)?, bytes: content }, end))
}

/// Where the next whole record begins.
fn next_record(bytes: &[u8], from: usize) -> Option<usize> {
    let mut places = memchr::memmem::find_iter(bytes.get(from..)?, MARK).map(|place| from + place);
    places.find(|place| record_at(bytes, *place).is_some())
}

fn cut(path: &Path, bytes: u64) -> Result<(), Failure> {
    let file = File::options().write(true).open(path).map_err(|error| failed("open", path, &error))?;
    file.set_len(bytes).and_then(|()| file.sync_all()).map_err(|error| failed("cut", path, &error))
}

/// Keeps damaged bytes for people; returns what is to be said of them.
fn set_aside(path: &Path, at: usize, bytes: &[u8]) -> Result<String, Failure> {
    let aside = path.with_extension(format!("damaged-{at}"));
    fs::write(&aside, bytes)
        .and_then(|()| File::open(&aside)?.sync_all())
        .map_err(|error| failed("write", &aside, &error))?;
    Ok(format!(
        "{}: the record at byte {at} is damaged: it is not what was written. Its {} bytes were set aside in {}; all other records were read. Spans in it were acknowledged and are lost: check the disk, and have the senders, or a backup of the spool, send them again",
        path.display(),
        bytes.len(),
        aside.display()
    ))
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
