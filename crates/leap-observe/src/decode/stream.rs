//! The bytes of a part: digested and counted as stored, decompressed under a ratio, and its header.
//!
//! What it does not do: cut records (see [`super::reader`]) or read Parquet.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use leap_terms::{Digest, limits};

use super::rows::{Cutter, Rows};
use super::{Compression, Container, Header, json};
use crate::error::{IntakeError, Limit};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const PARQUET: &[u8] = b"PAR1";
/// Text looked at to tell a header: JSON lines may each name other columns.
const SAMPLE_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 256 << 10;

pub(crate) fn open(path: &Path, file: &str) -> Result<File, IntakeError> {
    File::open(path).map_err(|source| IntakeError::Io { operation: "open", file: file.to_owned(), source })
}

/// Compression, and whether the part is Parquet.
pub(crate) fn magic(path: &Path, file: &str) -> Result<(Compression, bool), IntakeError> {
    let mut first = Vec::with_capacity(4);
    open(path, file)?.take(4).read_to_end(&mut first).map_err(|source| IntakeError::Io {
        operation: "read",
        file: file.to_owned(),
        source,
    })?;
    if first.is_empty() {
        return Err(IntakeError::Empty { file: file.to_owned() });
    }
    Ok(if first == PARQUET {
        (Compression::None, true)
    } else if first.starts_with(&GZIP) {
        (Compression::Gzip, false)
    } else if first == ZSTD {
        (Compression::Zstd, false)
    } else {
        (Compression::None, false)
    })
}

/// Bytes as stored: counted and digested while they are read.
#[derive(Default)]
pub(crate) struct Stored {
    hasher: blake3::Hasher,
    bytes: u64,
}

struct Counting {
    file: File,
    stored: Arc<Mutex<Stored>>,
}

fn lock(stored: &Mutex<Stored>) -> std::sync::MutexGuard<'_, Stored> {
    stored.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Read for Counting {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(out)?;
        let mut stored = lock(&self.stored);
        stored.hasher.update(&out[..count]);
        stored.bytes += count as u64;
        Ok(count)
    }
}

type Buffered = io::BufReader<Counting>;

enum Decoder {
    Plain(Buffered),
    Gzip(Box<flate2::bufread::MultiGzDecoder<Buffered>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Buffered>>),
}

/// Decompressed text of a part.
pub(crate) struct TextStream {
    decoder: Decoder,
    stored: Arc<Mutex<Stored>>,
    out: u64,
    file: String,
}

impl TextStream {
    pub(crate) fn open(path: &Path, file: &str, compression: Compression) -> Result<TextStream, IntakeError> {
        let stored = Arc::new(Mutex::new(Stored::default()));
        let counting = Counting { file: open(path, file)?, stored: Arc::clone(&stored) };
        let buffered = io::BufReader::with_capacity(READ_BYTES, counting);
        let decoder = match compression {
            Compression::None => Decoder::Plain(buffered),
            Compression::Gzip => Decoder::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(buffered))),
            Compression::Zstd => Decoder::Zstd(Box::new(
                zstd::stream::read::Decoder::with_buffer(buffered).map_err(|source| IntakeError::Io {
                    operation: "open",
                    file: file.to_owned(),
                    source,
                })?,
            )),
        };
        Ok(TextStream { decoder, stored, out: 0, file: file.to_owned() })
    }

    /// Appends more text; 0 at the end.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, want: usize) -> Result<usize, IntakeError> {
        let before = out.len();
        out.resize(before + want, 0);
        let mut got = 0;
        while got < want {
            let slice = &mut out[before + got..];
            let read = match &mut self.decoder {
                Decoder::Plain(reader) => reader.read(slice),
                Decoder::Gzip(reader) => reader.read(slice),
                Decoder::Zstd(reader) => reader.read(slice),
            };
            match read {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.refuse(error)),
            }
        }
        out.truncate(before + got);
        self.out += got as u64;
        self.check_ratio()?;
        Ok(got)
    }

    fn check_ratio(&self) -> Result<(), IntakeError> {
        let stored = self.bytes().max(1);
        let compressed = !matches!(self.decoder, Decoder::Plain(_));
        if compressed && self.out > limits::RATIO_FLOOR_BYTES && self.out / stored > limits::DECOMPRESSION_RATIO {
            return Err(IntakeError::TooMuch {
                file: self.file.clone(),
                row: None,
                column: None,
                found: format!("{} bytes out of {stored} compressed ones", self.out),
                limit: Limit::DecompressionRatio,
                allowed: limits::DECOMPRESSION_RATIO,
                remedy: "bills compress 10 to 100 times; look at what the file really holds",
            });
        }
        Ok(())
    }

    fn refuse(&self, error: io::Error) -> IntakeError {
        let what = match &self.decoder {
            Decoder::Plain(_) => return IntakeError::Io { operation: "read", file: self.file.clone(), source: error },
            Decoder::Gzip(_) => "gzip",
            Decoder::Zstd(_) => "zstd",
        };
        let cut = error.kind() == io::ErrorKind::UnexpectedEof || error.to_string().contains("incomplete frame");
        if cut {
            IntakeError::truncated(&self.file, format!("ends in the middle of its {what} stream"))
        } else {
            IntakeError::malformed(
                &self.file,
                format!(
                    "its {what} stream is damaged after {} bytes of text, or something else follows it ({error}); copy it again",
                    self.out
                ),
            )
        }
    }

    /// Stored bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        lock(&self.stored).bytes
    }

    /// Reads what is left of the file and returns size and digest of the stored bytes.
    pub(crate) fn finish(self) -> Result<(u64, Digest), IntakeError> {
        let mut reader = match self.decoder {
            Decoder::Plain(reader) => reader,
            Decoder::Gzip(reader) => reader.into_inner(),
            Decoder::Zstd(reader) => reader.finish(),
        };
        io::copy(&mut reader, &mut io::sink()).map_err(|source| IntakeError::Io {
            operation: "read",
            file: self.file.clone(),
            source,
        })?;
        let stored = lock(&self.stored);
        Ok((stored.bytes, Digest::from_bytes(*stored.hasher.finalize().as_bytes())))
    }
}

/// Size and digest of a whole file.
pub(crate) fn digest_file(path: &Path, file: &str) -> Result<(u64, Digest), IntakeError> {
    let stream = TextStream::open(path, file, Compression::None)?;
    stream.finish()
}

/// Takes a UTF-8 byte order mark off the front; refuses UTF-16.
pub(crate) fn strip_mark<'a>(bytes: &'a [u8], file: &str) -> Result<&'a [u8], IntakeError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(IntakeError::malformed(file, "it is UTF-16 text; save or export it as UTF-8"));
    }
    Ok(bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes))
}

/// Container and columns of a text part.
pub(crate) fn header(path: &Path, file: &str, compression: Compression) -> Result<(Container, Header), IntakeError> {
    let mut stream = TextStream::open(path, file, compression)?;
    let mut sample = Vec::new();
    let mut ended = false;
    while sample.len() < SAMPLE_BYTES && !ended {
        ended = stream.fill(&mut sample, READ_BYTES)? == 0;
    }
    let text = strip_mark(&sample, file)?;
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(IntakeError::Empty { file: file.to_owned() }),
        Some(b'{') => Ok((Container::JsonLines, json_header(text, file, false)?)),
        Some(b'[') => Ok((Container::JsonArray, json_header(text, file, true)?)),
        Some(_) => csv_header(text, file, ended),
    }
}

/// Names in the order of first appearance in the sample's objects.
fn json_header(text: &[u8], file: &str, array: bool) -> Result<Header, IntakeError> {
    let mut splitter = super::reader::ObjectSplitter::new(array);
    let mut lines = Vec::new();
    splitter.split(text, &mut lines).map_err(|reason| IntakeError::malformed(file, reason))?;
    if !array && !lines.ends_with(b"\n") {
        lines.push(b'\n');
    }
    let mut names: Vec<String> = Vec::new();
    let mut known = hashbrown::HashSet::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Ok(json::Json::Object(members)) = json::parse(line, json::Spelling::Strict) {
            json::flatten("", &members, &mut |name, _| {
                if !known.contains(name) {
                    known.insert(name.to_owned());
                    names.push(name.to_owned());
                }
            });
        }
    }
    if names.is_empty() {
        return Err(IntakeError::malformed(
            file,
            "it starts like JSON, but no object is complete in its first MiB; one object per line, or one list of objects, is read",
        ));
    }
    Ok(Header { names, floats: Vec::new() })
}

fn csv_header(text: &[u8], file: &str, whole: bool) -> Result<(Container, Header), IntakeError> {
    let newline = memchr::memchr(b'\n', text);
    if newline.is_none() && memchr::memchr(b'\r', text).is_some() {
        return Err(IntakeError::malformed(
            file,
            "its lines end in carriage returns alone (old Macintosh text); save it with line feeds",
        ));
    }
    let first_line = &text[..newline.unwrap_or(text.len())];
    let delimiter = [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|delimiter| outside_quotes(first_line, *delimiter))
        .expect("three candidates");
    let cut = Cutter::new(delimiter).scan(text, true);
    let end = match cut.end {
        Some(end) => end,
        None if whole => text.len(),
        None => {
            return Err(IntakeError::TooMuch {
                file: file.to_owned(),
                row: None,
                column: None,
                found: format!("a header of more than {} bytes", text.len()),
                limit: Limit::FieldBytes,
                allowed: SAMPLE_BYTES as u64,
                remedy: "the first record must be the names of the columns",
            });
        }
    };
    let mut record = text[..end].to_vec();
    let rows = Rows::cut(&mut record, delimiter);
    let record = std::str::from_utf8(&record).map_err(|error| {
        IntakeError::malformed(file, format!("its header is no UTF-8 text at byte {}", error.valid_up_to()))
    })?;
    if rows.is_empty() {
        return Err(IntakeError::Empty { file: file.to_owned() });
    }
    let names = rows.row(0).iter().map(|(from, to)| record[*from as usize..*to as usize].trim().to_owned()).collect();
    Ok((Container::Csv { delimiter }, Header { names, floats: Vec::new() }))
}

fn outside_quotes(line: &[u8], delimiter: u8) -> usize {
    let mut inside = false;
    line.iter()
        .filter(|byte| {
            inside ^= **byte == b'"';
            !inside && **byte == delimiter
        })
        .count()
}
