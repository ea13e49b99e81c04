//! Sorted runs on disk: where the fold puts what does not fit its memory, and how it gets it back in order.
//!
//! A run is a file of entries `length (u32) · length (u32) · key · value`, sorted by key bytes. [`merge`] reads many
//! sources at once and hands out their entries in the order of their keys; equal keys come one after the other. Runs are
//! removed when they are dropped.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Runs that are read at once at most; more are first merged into one, so that few files are open.
pub(super) const RUNS_AT_ONCE: usize = 48;
const BUFFER_BYTES: usize = 256 << 10;

/// Writes one run.
pub(super) struct RunWriter {
    path: PathBuf,
    out: BufWriter<File>,
}

impl RunWriter {
    /// Begins a run under a name that nothing else has.
    pub(super) fn create(folder: &Path, name: &str) -> io::Result<RunWriter> {
        let mut number = 0_u32;
        loop {
            let path = folder.join(format!("{name}-{}-{number}.run", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => return Ok(RunWriter { path, out: BufWriter::with_capacity(BUFFER_BYTES, file) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Adds an entry; keys must not decrease.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map(u32::to_le_bytes).map_err(io::Error::other);
        self.out.write_all(&length(key)?)?;
        self.out.write_all(&length(value)?)?;
        self.out.write_all(key)?;
        self.out.write_all(value)
    }

    /// Ends the run.
    pub(super) fn finish(mut self) -> io::Result<Run> {
        self.out.flush()?;
        Ok(Run { path: self.path })
    }
}

/// A finished run.
pub(super) struct Run {
    path: PathBuf,
}

impl Drop for Run {
    fn drop(&mut self) {
        // A run that stays is litter, not an error: the caller removes the folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Entries in the order of their keys: a run, or what is in memory.
pub(super) trait Entries {
    /// Puts the next entry into the two buffers, which it clears first; false at the end.
    fn next(&mut self, key: &mut Vec<u8>, value: &mut Vec<u8>) -> io::Result<bool>;
}

struct RunReader {
    input: BufReader<File>,
}

impl Entries for RunReader {
    fn next(&mut self, key: &mut Vec<u8>, value: &mut Vec<u8>) -> io::Result<bool> {
        let mut lengths = [0_u8; 8];
        if self.input.read(&mut lengths[..1])? == 0 {
            return Ok(false);
        }
        self.input.read_exact(&mut lengths[1..])?;
        let length =
            |at: usize| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]) as usize;
        key.resize(length(0), 0);
        value.resize(length(4), 0);
        self.input.read_exact(key)?;
        self.input.read_exact(value)?;
        Ok(true)
    }
}

struct Cursor<'m> {
    entries: Box<dyn Entries + 'm>,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Reads all runs and `memory` together; `act` gets every entry, in the order of the keys.
pub(super) fn merge<E: From<io::Error>>(
    runs: &[Run],
    memory: Option<Box<dyn Entries + '_>>,
    mut act: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut sources: Vec<Box<dyn Entries + '_>> = Vec::with_capacity(runs.len() + 1);
    for run in runs {
        sources.push(Box::new(RunReader { input: BufReader::with_capacity(BUFFER_BYTES, File::open(&run.path)?) }));
    }
    sources.extend(memory);
    let mut cursors = Vec::with_capacity(sources.len());
    for entries in sources {
        let mut cursor = Cursor { entries, key: Vec::new(), value: Vec::new() };
        if cursor.entries.next(&mut cursor.key, &mut cursor.value)? {
            cursors.push(cursor);
        }
    }
    // The smallest key last, so that taking it is cheap.
    cursors.sort_by(|a, b| b.key.cmp(&a.key));
    while let Some(mut cursor) = cursors.pop() {
        loop {
            act(&cursor.key, &cursor.value)?;
            if !cursor.entries.next(&mut cursor.key, &mut cursor.value)? {
                break;
            }
            if cursors.last().is_some_and(|next| next.key < cursor.key) {
                let place = cursors.partition_point(|other| other.key > cursor.key);
                cursors.insert(place, cursor);
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct List(std::vec::IntoIter<(&'static str, &'static str)>);

    impl Entries for List {
        fn next(&mut self, key: &mut Vec<u8>, value: &mut Vec<u8>) -> io::Result<bool> {
            key.clear();
            value.clear();
            let Some((name, text)) = self.0.next() else { return Ok(false) };
            key.extend(name.as_bytes());
            value.extend(text.as_bytes());
            Ok(true)
        }
    }

    fn run(folder: &Path, entries: &[(&str, &str)]) -> Run {
        let mut writer = RunWriter::create(folder, "keys").unwrap();
        for (key, value) in entries {
            writer.push(key.as_bytes(), value.as_bytes()).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn runs_come_back_in_order_with_all_values_and_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let runs = vec![
            run(folder.path(), &[("a", "1"), ("c", "2")]),
            run(folder.path(), &[("a", "3"), ("b", "4")]),
            run(folder.path(), &[]),
        ];
        let memory = List(vec![("c", "5"), ("d", "6")].into_iter());
        let mut seen = Vec::new();
        merge::<io::Error>(&runs, Some(Box::new(memory)), |key, value| {
            seen.push(format!("{}{}", String::from_utf8_lossy(key), String::from_utf8_lossy(value)));
            Ok(())
        })
        .unwrap();
        seen.sort_by_key(|text| text.as_bytes()[0]);
        assert_eq!(seen.iter().map(|text| &text[..1]).collect::<String>(), "aabccd");
        assert_eq!(seen.len(), 6);
        drop(runs);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_run_that_was_cut_is_an_error_not_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let runs = vec![run(folder.path(), &[("a", "1"), ("c", "2")])];
        let file = File::options().write(true).open(&runs[0].path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        assert!(merge::<io::Error>(&runs, None, |_, _| Ok(())).is_err());
    }
}
