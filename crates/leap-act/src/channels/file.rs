//! A file of JSON lines, appended and synced: for people who read it with their own tools.
//!
//! ```text
//! {"key":"leap:budget_breached:…","sent":"2026-09-17T08:00:05Z","kind":"budget_breached","unit":"payments", …}
//! ```
//! A message that may have been written is looked up by its key before it is written again, so a key stands once. A
//! line that a crash cut short is cut off before the next one is written: its message was not told as delivered, and
//! comes again. One process writes at a time (a lock on the file).

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use leap_terms::Instant;

use super::{Channel, Sending};
use crate::message::Message;
use crate::policy::{Cause, Outcome};

/// A file that messages are appended to.
#[derive(Clone, Debug)]
pub struct FileChannel {
    /// Where it is.
    pub path: PathBuf,
}

/// The line of a message, with its end.
pub fn line(message: &Message, now: Instant) -> String {
    let mut value = serde_json::json!({ "key": message.key().as_str(), "sent": now.to_string() });
    if let (Some(line), Ok(serde_json::Value::Object(content))) =
        (value.as_object_mut(), serde_json::to_value(message.content()))
    {
        line.extend(content);
    }
    format!("{value}\n")
}

impl Channel for FileChannel {
    fn send<'a>(&'a self, message: &'a Message, attempt: u32, now: Instant) -> Sending<'a> {
        let (path, line) = (self.path.clone(), line(message, now));
        let again = (attempt > 1).then(|| format!("{{\"key\":\"{}\",", message.key()));
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || append(&path, &line, again.as_deref())).await;
            match written {
                Ok(Ok(Written::Now)) => Outcome::Delivered("written and synced".to_owned()),
                Ok(Ok(Written::Before)) => Outcome::Delivered("it stands in the file already".to_owned()),
                Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                    Outcome::failed(Cause::Blocked, error.to_string())
                }
                Ok(Err(error)) => Outcome::failed(Cause::Disk, format!("the file could not be written: {error}")),
                Err(_) => Outcome::failed(Cause::Uncertain, "writing the file ended early"),
            }
        })
    }
}

/// When a line was written.
enum Written {
    Now,
    Before,
}

fn append(path: &Path, line: &str, again: Option<&str>) -> io::Result<Written> {
    // A pipe would hold us for ever, a link could lead anywhere.
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the channel's path is no plain file"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.try_lock().map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "another process writes it"))?;
    mend(&mut file)?;
    if let Some(start) = again {
        file.seek(SeekFrom::Start(0))?;
        for known in BufReader::new(&file).split(b'\n') {
            if known?.starts_with(start.as_bytes()) {
                file.sync_all()?;
                return Ok(Written::Before);
            }
        }
    }
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    if is_new && let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(Written::Now)
}

/// Cuts off a line without an end.
fn mend(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = length;
    let mut block = [0_u8; 4096];
    while end > 0 {
        let size = usize::try_from(end).unwrap_or(usize::MAX).min(block.len());
        let start = end - size as u64;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..size])?;
        if let Some(at) = block[..size].iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length { file.set_len(end) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::message;
    use crate::policy::at;

    #[tokio::test]
    async fn a_message_stands_once_however_often_it_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("messages.jsonl");
        let channel = FileChannel { path: path.clone() };
        let now = at("2026-09-17T08:00:05Z");
        let (one, two) = (message(|_| {}), message(|content| content.subject = "b\"\n".to_owned()));
        let read = || std::fs::read_to_string(&path).unwrap();
        assert!(matches!(channel.send(&one, 1, now).await, Outcome::Delivered(_)));
        let wanted = concat!(
            r#"{"key":"leap:budget_breached:payments:budget-7:2026-09","sent":"2026-09-17T08:00:05Z","#,
            r#""kind":"budget_breached","#,
            r#""unit":"payments","subject":"budget-7","period":"2026-09","occurred":"2026-09-17T08:00:00Z","#,
            r#""severity":"error","#,
            r#""urgency":"alert","title":"payments is 2.31 % over its budget of 2026-09","#
        );
        assert!(read().starts_with(wanted), "{}", read());
        // A crash in the middle of the second line.
        let whole = read();
        std::fs::write(&path, format!("{whole}{}", &line(&two, now)[..30])).unwrap();
        for attempt in [2, 3] {
            assert!(matches!(channel.send(&two, attempt, now).await, Outcome::Delivered(_)));
            assert_eq!(read(), format!("{whole}{}", line(&two, now)));
        }
        assert_eq!(channel.send(&one, 2, now).await, Outcome::Delivered("it stands in the file already".to_owned()));
        assert_eq!(read().lines().count(), 2);
        // A torn line longer than a block, in a file that has no whole one.
        std::fs::write(&path, "x".repeat(10_000)).unwrap();
        channel.send(&one, 1, now).await;
        assert_eq!(read(), line(&one, now));
    }

    #[tokio::test]
    async fn what_is_no_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let now = at("2026-09-17T08:00:05Z");
        let sent = async |path: PathBuf| FileChannel { path }.send(&message(|_| {}), 1, now).await;
        let blocked = Outcome::failed(Cause::Blocked, "the channel's path is no plain file");
        assert_eq!(sent(folder.path().to_owned()).await, blocked);
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
            assert_eq!(sent(link).await, blocked);
        }
        let Outcome::Failed(failure) = sent(folder.path().join("none").join("x")).await else { panic!() };
        assert_eq!(failure.cause, Cause::Disk);
    }
}
