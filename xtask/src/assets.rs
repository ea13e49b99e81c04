//! `cargo xtask assets`: the third-party files that the site embeds, into `crates/leap-web/assets/vendor`.
//!
//! npm fetches exactly what the lock file names and checks its digests; no script of a package runs. A copy that was made
//! from the present lock file is kept, which takes no time; one of another lock file is removed first. The copy appears
//! whole or not at all.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::root;

/// Where each file lies below `node_modules`, and its name in `vendor`.
const FILES: [(&str, &str); 8] = [
    ("htmx.org/dist/htmx.min.js", "htmx.min.js"),
    ("echarts/dist/echarts.esm.min.mjs", "echarts.esm.min.mjs"),
    ("echarts/LICENSE", "licences/echarts.txt"),
    ("echarts/NOTICE", "licences/echarts-NOTICE.txt"),
    ("echarts/licenses/LICENSE-d3", "licences/d3.txt"),
    ("zrender/LICENSE", "licences/zrender.txt"),
    ("tslib/LICENSE.txt", "licences/tslib.txt"),
    ("htmx.org/LICENSE", "licences/htmx.txt"),
];

/// The lock file that `vendor` was made from, kept in it.
const STAMP: &str = ".package-lock.json";

/// `cargo xtask assets`.
pub(crate) fn assets() -> Result<(), String> {
    made().map_err(|problem| format!("charts could not be fetched: {problem}"))
}

/// Makes `vendor`, or keeps it where it is of the present lock file.
fn made() -> Result<(), String> {
    let npm = |scratch: &Path| npm_ci(scratch);
    if vendor(&root().join("crates/leap-web/assets"), &root().join("target/assets"), npm)? {
        eprintln!("xtask: assets: {} files in crates/leap-web/assets/vendor", FILES.len());
    }
    Ok(())
}

/// The same for what works without charts too: says in one line that they are left out.
pub(crate) fn assets_if_possible() {
    if let Err(problem) = made() {
        eprintln!("xtask: charts are left out: {problem}");
    }
}

/// The same for tests: CI must not leave charts out.
pub(crate) fn assets_for_tests() -> Result<(), String> {
    if std::env::var_os("CI").is_some() {
        return assets();
    }
    assets_if_possible();
    Ok(())
}

/// Whether `vendor` below `assets` had to be made: `npm` fills the folder it is given from the two package files in it.
fn vendor(assets: &Path, scratch: &Path, npm: impl FnOnce(&Path) -> Result<(), String>) -> Result<bool, String> {
    let vendor = assets.join("vendor");
    let lock = read(&assets.join("package-lock.json"))?;
    let whole = || FILES.iter().all(|(_, name)| vendor.join(name).is_file());
    if fs::read(vendor.join(STAMP)).is_ok_and(|stamp| stamp == lock) && whole() {
        return Ok(false);
    }
    let partial = assets.join("vendor.partial");
    for folder in [&vendor, &partial, &scratch.to_owned()] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|error| format!("could not remove {}: {error}", folder.display()))?;
        }
    }
    write(&scratch.join("package.json"), &read(&assets.join("package.json"))?)?;
    write(&scratch.join("package-lock.json"), &lock)?;
    npm(scratch)?;
    for (from, name) in FILES {
        write(&partial.join(name), &read(&scratch.join("node_modules").join(from))?)?;
    }
    write(&partial.join(STAMP), &lock)?;
    fs::rename(&partial, &vendor).map_err(|error| format!("could not make {}: {error}", vendor.display()))?;
    Ok(true)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("could not read {}: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|error| format!("could not write {}: {error}", path.display()))
}

/// npm, as it is called on this system.
pub(crate) fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// Installs into `folder` exactly what its lock file names, and runs no script of a package.
pub(crate) fn npm_ci(folder: &Path) -> Result<(), String> {
    let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"];
    let mut command = npm();
    command.args(words).arg("--loglevel=error").current_dir(folder).stdin(Stdio::null());
    match command.output() {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => {
            let said = String::from_utf8_lossy(&out.stderr);
            Err(format!("npm ci ended with {}: {}", out.status, reason(&said)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err("npm is not there (install Node.js to have them)".to_owned())
        }
        Err(error) => Err(format!("npm could not be started: {error}")),
    }
}

/// What npm said went wrong, in one line: the lines that start with "npm error", without codes and places of logs.
fn reason(said: &str) -> String {
    let lines = said.lines().filter_map(|line| line.strip_prefix("npm error ").map(str::trim));
    let mut lines = lines.filter(|line| {
        !line.is_empty()
            && !["code ", "errno ", "syscall ", "A complete log"].iter().any(|start| line.starts_with(start))
    });
    lines.next().or_else(|| said.lines().next()).unwrap_or("it did not say why").to_owned()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::PathBuf;

    use super::*;

    /// A folder with the two package files, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("leap-xtask-assets-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            write(&folder.join("assets/package.json"), b"{}").expect("writes");
            write(&folder.join("assets/package-lock.json"), b"{\"lock\": 1}").expect("writes");
            Folder(folder)
        }

        fn make(&self, npm: impl FnOnce(&Path) -> Result<(), String>) -> Result<bool, String> {
            vendor(&self.0.join("assets"), &self.0.join("scratch"), npm)
        }

        fn vendored(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.0.join("assets/vendor").join(name)).ok()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn installs(scratch: &Path) -> Result<(), String> {
        let lock = read(&scratch.join("package-lock.json"))?;
        FILES.iter().try_for_each(|(from, _)| write(&scratch.join("node_modules").join(from), &lock))
    }

    #[test]
    fn assets_are_fetched_once_for_each_lock_file() {
        let folder = Folder::new("once");
        assert_eq!(folder.make(installs), Ok(true));
        assert_eq!(folder.vendored("licences/d3.txt").as_deref(), Some("{\"lock\": 1}"));
        let asked = Cell::new(false);
        let watch = |_: &Path| {
            asked.set(true);
            Ok(())
        };
        assert_eq!(folder.make(watch), Ok(false));
        assert!(!asked.get(), "npm is not asked again");

        write(&folder.0.join("assets/package-lock.json"), b"{\"lock\": 2}").expect("writes");
        assert_eq!(folder.make(installs), Ok(true));
        assert_eq!(folder.vendored("htmx.min.js").as_deref(), Some("{\"lock\": 2}"));

        fs::remove_file(folder.0.join("assets/vendor/htmx.min.js")).expect("removes");
        assert_eq!(folder.make(installs), Ok(true), "a copy that lost a file is made again");
    }

    #[test]
    fn assets_of_another_lock_file_are_gone_when_npm_fails_and_none_are_half_there() {
        let folder = Folder::new("half");
        assert_eq!(folder.make(installs), Ok(true));
        write(&folder.0.join("assets/package-lock.json"), b"{\"lock\": 2}").expect("writes");
        assert_eq!(folder.make(|_| Err("no network".to_owned())), Err("no network".to_owned()));
        assert_eq!(folder.vendored("htmx.min.js"), None);

        let lost = folder.make(|scratch| {
            installs(scratch)?;
            fs::remove_file(scratch.join("node_modules/htmx.org/LICENSE")).map_err(|error| error.to_string())
        });
        assert!(lost.is_err_and(|problem| problem.contains("htmx.org/LICENSE")));
        assert_eq!(folder.vendored("htmx.min.js"), None);
    }

    #[test]
    fn what_npm_said_becomes_one_line() {
        let said = "npm error code ENOTFOUND\nnpm error syscall getaddrinfo\nnpm error network request failed\nnpm error A complete log";
        assert_eq!(reason(said), "network request failed");
        assert_eq!(reason(""), "it did not say why");
    }
}
