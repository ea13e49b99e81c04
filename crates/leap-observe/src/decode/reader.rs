//! A part read from its start to its end, in chunks that hold whole rows.
//!
//! Text chunks are about 1 MiB and are cut where a record ends (quotes are honoured); Parquet chunks are batches of at
//! most 8,192 rows. The stored bytes are digested on the way. Parsing fields is the mapping's work, so that it can run
//! on several threads.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use leap_terms::{Digest, limits};

use super::parquet_part::ParquetPart;
use super::rows::Cutter;
use super::stream::{TextStream, digest_file, strip_mark};
use super::{Container, Detected};
use crate::error::{IntakeError, Limit};

/// Text per chunk, unless one row is longer.
const CHUNK_BYTES: usize = 1 << 20;
const FILL_BYTES: usize = 256 << 10;

/// How to read.
#[derive(Clone)]
pub struct ReadOptions {
    /// True once the part has taken too long (`limits::PART_SECONDS`); asked before each chunk. Library code has no
    /// clock, so the caller brings one.
    pub out_of_time: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Default for ReadOptions {
    /// Never out of time.
    fn default() -> ReadOptions {
        ReadOptions { out_of_time: Arc::new(|| false) }
    }
}

impl fmt::Debug for ReadOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ReadOptions")
    }
}

/// Some rows of a part.
#[derive(Debug)]
pub enum RawChunk {
    /// Whole records of CSV, or whole lines of JSON.
    Text {
        /// The text, without header.
        bytes: Vec<u8>,
        /// Number of its first data row, from 1.
        first_row: u64,
    },
    /// A batch of Parquet.
    Columns {
        /// The columns as stored.
        batch: RecordBatch,
        /// Number of its first row, from 1.
        first_row: u64,
    },
}

/// What a part was, once read to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartEnd {
    /// Stored bytes.
    pub bytes: u64,
    /// Digest of the stored bytes.
    pub digest: Digest,
    /// Data rows.
    pub rows: u64,
}

enum Rows {
    Csv(Cutter),
    Json(ObjectSplitter),
}

enum Source {
    Text { stream: TextStream, rows: Rows, pending: Vec<u8>, scanned: usize, ended: bool },
    Parquet(Box<ParquetPart>),
}

/// Reads one part.
pub struct PartReader {
    source: Source,
    path: PathBuf,
    file: String,
    rows: u64,
    options: ReadOptions,
}

impl fmt::Debug for PartReader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PartReader({}, {} rows)", self.file, self.rows)
    }
}

impl PartReader {
    /// Opens a part that [`super::detect`] has looked at.
    ///
    /// # Errors
    /// [`IntakeError`] when the file is unreadable or damaged at its start.
    pub fn open(path: &Path, detected: &Detected, options: &ReadOptions) -> Result<PartReader, IntakeError> {
        let file = path.display().to_string();
        let text = |rows: Rows| -> Result<Source, IntakeError> {
            let stream = TextStream::open(path, &file, detected.compression)?;
            Ok(Source::Text { stream, rows, pending: Vec::new(), scanned: 0, ended: false })
        };
        let source = match detected.container {
            Container::Csv { delimiter } => text(Rows::Csv(Cutter::new(delimiter)))?,
            Container::JsonLines => text(Rows::Json(ObjectSplitter::new(false)))?,
            Container::JsonArray => text(Rows::Json(ObjectSplitter::new(true)))?,
            Container::Parquet => Source::Parquet(Box::new(ParquetPart::open(path, &file)?)),
        };
        let mut reader = PartReader { source, path: path.to_owned(), file, rows: 0, options: options.clone() };
        reader.skip_front()?;
        Ok(reader)
    }

    /// Takes off the byte order mark and, for CSV, the header record.
    fn skip_front(&mut self) -> Result<(), IntakeError> {
        let Source::Text { stream, rows, pending, ended, .. } = &mut self.source else { return Ok(()) };
        *ended = stream.fill(pending, FILL_BYTES)? == 0;
        let mark = pending.len() - strip_mark(pending, &self.file)?.len();
        pending.drain(..mark);
        let Rows::Csv(cutter) = rows else { return Ok(()) };
        let mut from = 0;
        loop {
            let cut = cutter.scan(&pending[from..], true);
            if let (Some(end), 1..) = (cut.end, cut.records) {
                pending.drain(..from + end);
                return Ok(());
            }
            from = pending.len();
            if *ended {
                pending.clear();
                return Ok(());
            }
            *ended = stream.fill(pending, FILL_BYTES)? == 0;
        }
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// [`IntakeError`]: damaged, cut off, or beyond a limit.
    pub fn next_chunk(&mut self) -> Result<Option<RawChunk>, IntakeError> {
        if (self.options.out_of_time)() {
            return Err(self.too_much(
                None,
                format!("not been read to its end in time ({} rows so far)", self.rows),
                Limit::PartSeconds,
                limits::PART_SECONDS,
                "split the export into smaller parts",
            ));
        }
        let first_row = self.rows + 1;
        let (chunk, count) = match &mut self.source {
            Source::Parquet(part) => match part.next_batch()? {
                None => return Ok(None),
                Some(batch) => {
                    let count = batch.num_rows() as u64;
                    (RawChunk::Columns { batch, first_row }, count)
                }
            },
            Source::Text { .. } => match self.next_text()? {
                None => return Ok(None),
                Some((bytes, count)) => (RawChunk::Text { bytes, first_row }, count),
            },
        };
        self.rows += count;
        if self.rows > limits::ROWS_PER_PART {
            return Err(self.too_much(
                None,
                format!("{} rows", self.rows),
                Limit::RowsPerPart,
                limits::ROWS_PER_PART,
                "split the export into smaller parts",
            ));
        }
        Ok(Some(chunk))
    }

    fn too_much(
        &self,
        row: Option<u64>,
        found: String,
        limit: Limit,
        allowed: u64,
        remedy: &'static str,
    ) -> IntakeError {
        IntakeError::TooMuch { file: self.file.clone(), row, column: None, found, limit, allowed, remedy }
    }

    fn next_text(&mut self) -> Result<Option<(Vec<u8>, u64)>, IntakeError> {
        let (mut complete, mut records) = (0_usize, 0_u64);
        loop {
            let before = self.rows + records;
            let Source::Text { stream, rows, pending, scanned, ended } = &mut self.source else { return Ok(None) };
            match rows {
                Rows::Csv(cutter) => {
                    let cut = cutter.scan(&pending[*scanned..], false);
                    if let Some(end) = cut.end {
                        complete = *scanned + end;
                    }
                    records += cut.records;
                    let open = pending.len() - complete;
                    let inside = cutter.inside_quotes();
                    *scanned = pending.len();
                    if *ended && cutter.inside_record() {
                        if inside {
                            return Err(IntakeError::truncated(&self.file, "ends inside a quoted field"));
                        }
                        complete = pending.len();
                        records += 1;
                        *cutter = Cutter::new(b',');
                    }
                    if cut.longest_field > limits::FIELD_BYTES {
                        let row = before + cut.longest_at + 1;
                        return Err(self.too_much(
                            Some(row),
                            format!("a field of {} bytes or more", cut.longest_field),
                            Limit::FieldBytes,
                            limits::FIELD_BYTES as u64,
                            "a quote is probably not closed",
                        ));
                    }
                    if open > limits::ROW_BYTES {
                        return Err(self.too_much(
                            Some(before + 1),
                            format!("a row of {open} bytes or more"),
                            Limit::RowBytes,
                            limits::ROW_BYTES as u64,
                            "a quote is probably not closed",
                        ));
                    }
                }
                Rows::Json(splitter) => {
                    // The splitter hands out whole objects, one a line; `pending` is what it has not seen yet.
                    let mut lines = Vec::with_capacity(pending.len());
                    let raw = std::mem::take(pending);
                    let count = splitter
                        .split(&raw, &mut lines)
                        .map_err(|reason| IntakeError::malformed(&self.file, reason))?;
                    let open = splitter.open_bytes();
                    if open > limits::ROW_BYTES {
                        return Err(self.too_much(
                            Some(before + count + 1),
                            format!("a row of {open} bytes or more"),
                            Limit::RowBytes,
                            limits::ROW_BYTES as u64,
                            "a brace or a quote is probably not closed",
                        ));
                    }
                    let mut count = count;
                    if *ended {
                        count += splitter.end(&mut lines).map_err(|ends| IntakeError::truncated(&self.file, ends))?;
                    }
                    if !lines.is_empty() {
                        return Ok(Some((lines, count)));
                    }
                    complete = 0;
                }
            }
            if complete >= CHUNK_BYTES || complete > 0 && *ended {
                let rest = pending.split_off(complete);
                let bytes = std::mem::replace(pending, rest);
                *scanned = pending.len();
                if records > 0 {
                    return Ok(Some((bytes, records)));
                }
                complete = 0;
                if *ended {
                    return Ok(None);
                }
            } else if *ended {
                return Ok(None);
            }
            let want = if complete == 0 { CHUNK_BYTES } else { FILL_BYTES };
            *ended = stream.fill(pending, want)? == 0;
        }
    }

    /// Stored bytes read so far.
    pub fn stored_bytes_read(&self) -> u64 {
        match &self.source {
            Source::Text { stream, .. } => stream.bytes(),
            Source::Parquet(part) => part.bytes_read(),
        }
    }

    /// Data rows handed out so far.
    pub fn rows_read(&self) -> u64 {
        self.rows
    }

    /// Size and digest of the stored bytes; reads what is left of them.
    ///
    /// # Errors
    /// [`IntakeError::Io`].
    pub fn finish(self) -> Result<PartEnd, IntakeError> {
        let rows = self.rows;
        let (bytes, digest) = match self.source {
            Source::Text { stream, .. } => stream.finish()?,
            Source::Parquet(_) => digest_file(&self.path, &self.file)?,
        };
        Ok(PartEnd { bytes, digest, rows })
    }
}

/// Cuts JSON text into objects, one a line: a list of objects loses its brackets and commas, line breaks between
/// members become spaces.
#[derive(Debug)]
pub(crate) struct ObjectSplitter {
    array: bool,
    opened: bool,
    closed: bool,
    comma_due: bool,
    depth: usize,
    in_text: bool,
    escaped: bool,
    object: Vec<u8>,
}

impl ObjectSplitter {
    pub(crate) fn new(array: bool) -> ObjectSplitter {
        ObjectSplitter {
            array,
            opened: !array,
            closed: false,
            comma_due: false,
            depth: 0,
            in_text: false,
            escaped: false,
            object: Vec::new(),
        }
    }

    pub(crate) fn open_bytes(&self) -> usize {
        self.object.len()
    }

    /// Appends the objects completed by `bytes` to `lines` and returns how many; for JSON lines a line is an object,
    /// whatever it holds, so that a damaged one costs one row.
    pub(crate) fn split(&mut self, bytes: &[u8], lines: &mut Vec<u8>) -> Result<u64, String> {
        if !self.array {
            return Ok(self.split_lines(bytes, lines));
        }
        let mut count = 0;
        for &byte in bytes {
            if self.depth == 0 {
                match byte {
                    _ if byte.is_ascii_whitespace() => continue,
                    _ if self.closed => {
                        return Err("something follows the list of objects; one list is one part".to_owned());
                    }
                    b'[' if !self.opened => self.opened = true,
                    b']' if self.opened => self.closed = true,
                    b',' if self.comma_due => self.comma_due = false,
                    b'{' if self.opened && !self.comma_due => {
                        self.depth = 1;
                        self.object.push(byte);
                    }
                    _ => {
                        return Err(format!(
                            "its list holds something other than objects (near '{}')",
                            char::from(byte).escape_default()
                        ));
                    }
                }
                continue;
            }
            if self.in_text {
                // A bare line break inside a string is no JSON, but harmless once it is escaped: one object, one line.
                match (byte, self.escaped) {
                    (b'\n', false) => self.object.extend_from_slice(b"\\n"),
                    (b'\n', true) => self.object.push(b'n'),
                    _ => self.object.push(byte),
                }
                if self.escaped {
                    self.escaped = false;
                } else if byte == b'\\' {
                    self.escaped = true;
                } else if byte == b'"' {
                    self.in_text = false;
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            self.object.push(if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
            if self.depth == 0 {
                lines.append(&mut self.object);
                lines.push(b'\n');
                self.comma_due = true;
                count += 1;
            }
        }
        Ok(count)
    }

    fn split_lines(&mut self, bytes: &[u8], lines: &mut Vec<u8>) -> u64 {
        let mut count = 0;
        let mut from = 0;
        while let Some(distance) = memchr::memchr(b'\n', &bytes[from..]) {
            self.object.extend_from_slice(&bytes[from..from + distance]);
            from += distance + 1;
            if self.object.trim_ascii().is_empty() {
                self.object.clear();
            } else {
                lines.append(&mut self.object);
                lines.push(b'\n');
                count += 1;
            }
        }
        self.object.extend_from_slice(&bytes[from..]);
        count
    }

    /// At the end of the text: the last line without a line feed, or what is wrong.
    pub(crate) fn end(&mut self, lines: &mut Vec<u8>) -> Result<u64, String> {
        if self.array {
            return if self.closed { Ok(0) } else { Err("ends before its list of objects is closed".to_owned()) };
        }
        let last = std::mem::take(&mut self.object);
        let last = last.trim_ascii();
        if last.is_empty() {
            return Ok(0);
        }
        if !last.ends_with(b"}") {
            return Err("ends in the middle of an object".to_owned());
        }
        lines.extend_from_slice(last);
        lines.push(b'\n');
        Ok(1)
    }
}
