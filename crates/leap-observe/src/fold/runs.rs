//! Sorted runs on disk: where the fold puts what does not fit its memory, and how it gets it back in order.
//!
//! A run is a file of entries `length (u32) · key · value`, sorted by key bytes. [`merged`] reads many runs at once and
//! calls back once per distinct key, with all its values.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// An entry: key and value bytes.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// Writes a run.
pub(super) fn write(path: &Path, entries: impl Iterator<Item = Entry>) -> io::Result<PathBuf> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for (key, value) in entries {
        out.write_all(&(u32::try_from(key.len()).map_err(io::Error::other)?).to_le_bytes())?;
        out.write_all(&(u32::try_from(value.len()).map_err(io::Error::other)?).to_le_bytes())?;
        out.write_all(&key)?;
        out.write_all(&value)?;
    }
    out.flush()?;
    Ok(path.to_owned())
}

struct Reader {
    input: BufReader<File>,
}

impl Reader {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut lengths = [0_u8; 8];
        match self.input.read_exact(&mut lengths) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let length = |at: usize| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]) as usize;
        let mut key = vec![0; length(0)];
        let mut value = vec![0; length(4)];
        self.input.read_exact(&mut key)?;
        self.input.read_exact(&mut value)?;
        Ok(Some((key, value)))
    }
}

/// Reads runs and a sorted list in memory together; `act` gets each distinct key once, in order, with its values.
pub(super) fn merged<E: From<io::Error>>(
    runs: &[PathBuf],
    memory: Vec<Entry>,
    mut act: impl FnMut(&[u8], Vec<Vec<u8>>) -> Result<(), E>,
) -> Result<(), E> {
    let mut readers = Vec::new();
    for run in runs {
        readers.push(Reader { input: BufReader::with_capacity(256 << 10, File::open(run)?) });
    }
    let mut memory = memory.into_iter();
    let last = readers.len();
    let mut next = |which: usize| -> io::Result<Option<Entry>> {
        if which == last { Ok(memory.next()) } else { readers[which].next() }
    };
    let mut heap = BinaryHeap::new();
    for which in 0..=last {
        if let Some((key, value)) = next(which)? {
            heap.push(std::cmp::Reverse((key, which, value)));
        }
    }
    while let Some(std::cmp::Reverse((key, which, value))) = heap.pop() {
        let mut values = vec![value];
        if let Some((key, value)) = next(which)? {
            heap.push(std::cmp::Reverse((key, which, value)));
        }
        while heap.peek().is_some_and(|std::cmp::Reverse((other, _, _))| *other == key) {
            let Some(std::cmp::Reverse((_, which, value))) = heap.pop() else { break };
            values.push(value);
            if let Some((key, value)) = next(which)? {
                heap.push(std::cmp::Reverse((key, which, value)));
            }
        }
        act(&key, values)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_come_back_in_order_with_all_values() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
        let one = write(&folder.path().join("1"), [entry("a", "1"), entry("c", "2")].into_iter()).unwrap();
        let two = write(&folder.path().join("2"), [entry("a", "3"), entry("b", "4")].into_iter()).unwrap();
        let mut seen = Vec::new();
        merged::<io::Error>(&[one, two], vec![entry("c", "5"), entry("d", "6")], |key, values| {
            seen.push((String::from_utf8(key.to_vec()).unwrap(), values.len()));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [("a".to_owned(), 2), ("b".to_owned(), 1), ("c".to_owned(), 2), ("d".to_owned(), 1)]);
    }
}
