//! The folders below a path, with their bills and manifests. Links are not followed: a link may lead anywhere, or back.

use std::fs;
use std::path::{Path, PathBuf};

use super::names::why_ignored;
use super::{Discovered, refused};

/// A folder and the files in it that matter, sorted.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) bills: Vec<PathBuf>,
    pub(super) manifests: Vec<PathBuf>,
}

/// All folders from `root` on, each before those below it. A folder that cannot be read is a refused delivery.
pub(super) fn walk(root: &Path, max_depth: usize, found: &mut Discovered) -> Vec<Folder> {
    let mut folders = Vec::new();
    visit(root, 0, max_depth, &mut folders, found);
    folders
}

fn visit(path: &Path, depth: usize, max_depth: usize, folders: &mut Vec<Folder>, found: &mut Discovered) {
    if depth > max_depth {
        found.candidates.push(refused(path, &format!("lies deeper than the limit FOLDER_DEPTH = {max_depth} allows")));
        return;
    }
    let mut here = Folder { path: path.to_owned(), bills: Vec::new(), manifests: Vec::new() };
    let mut deeper = Vec::new();
    let mut sort = |entry: fs::DirEntry| -> std::io::Result<()> {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && name.starts_with('.') {
            found.ignored.push((entry.path(), "a hidden folder".to_owned()));
        } else if kind.is_dir() {
            deeper.push(entry.path());
        } else if !kind.is_file() {
            found.ignored.push((entry.path(), "a link, pipe or device; name the file itself to take it in".to_owned()));
        } else if let Some(reason) = why_ignored(&name) {
            found.ignored.push((entry.path(), reason.to_owned()));
        } else if name.to_ascii_lowercase().ends_with("manifest.json") {
            here.manifests.push(entry.path());
        } else {
            here.bills.push(entry.path());
        }
        Ok(())
    };
    let read = fs::read_dir(path).and_then(|mut entries| entries.try_for_each(|entry| sort(entry?)));
    if let Err(error) = read {
        found.candidates.push(refused(path, &format!("cannot be read: {error}")));
        return;
    }
    here.bills.sort();
    here.manifests.sort();
    deeper.sort();
    folders.push(here);
    for folder in deeper {
        visit(&folder, depth + 1, max_depth, folders, found);
    }
}
