//! Installs what the tests need from the system's packages: PostgreSQL's server, strace, Node.js with npm, Chromium.
//!
//! Where they cannot be had (no Debian, no rights), it says what is missing and which tests will say "skipped".

use std::path::Path;
use std::process::{Command, Stdio};

/// A program that tests start, and the Debian package that has it.
struct Need {
    package: &'static str,
    present: fn() -> bool,
    without: &'static str,
}

fn has_postgres() -> bool {
    Path::new("/usr/lib/postgresql").read_dir().is_ok_and(|mut versions| {
        versions.any(|version| version.is_ok_and(|version| version.path().join("bin/initdb").exists()))
    })
}

fn has_strace() -> bool {
    Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// Node.js from 20 on, which the tests of the site need.
pub(crate) fn has_node() -> bool {
    let version = Command::new("node").arg("--version").output().map(|out| out.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version);
    let major = version.strip_prefix('v').and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    major.is_some_and(|major| major >= 20)
}

pub(crate) fn has_npm() -> bool {
    crate::assets::npm()
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// The browser where the tests look for it.
pub(crate) fn has_chromium() -> bool {
    std::env::var_os("CHROMIUM").map_or(Path::new("/usr/bin/chromium").exists(), |path| Path::new(&path).exists())
}

const NEEDS: [Need; 5] = [
    Need { package: "postgresql", present: has_postgres, without: "the book's tests on PostgreSQL are skipped" },
    Need { package: "strace", present: has_strace, without: "the crash test is skipped" },
    Need { package: "nodejs", present: has_node, without: "the site's tests are skipped (they need Node.js 20)" },
    Need { package: "npm", present: has_npm, without: "the site has no charts, and its tests are skipped" },
    Need { package: "chromium", present: has_chromium, without: "the site's tests in a browser are skipped" },
];

/// Installs the missing packages with apt-get, as root or through sudo.
pub(crate) fn install_for_tests() -> Result<(), String> {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.package).collect();
    eprintln!("xtask: installing {}", names.join(", "));
    let apt = |words: &[&str]| {
        let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"));
        let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
        if !root {
            command.args(["-n", "apt-get"]);
        }
        command.env("DEBIAN_FRONTEND", "noninteractive").args(words).stdout(Stdio::null()).status()
    };
    let _ = apt(&["update", "-qq"]);
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    if !apt(&[&install[..], &names[..]].concat()).is_ok_and(|status| status.success()) {
        // One package that this system does not have must not cost the others.
        for name in &names {
            let _ = apt(&[&install[..], &[*name]].concat());
        }
    }
    for need in missing.iter().filter(|need| !(need.present)()) {
        if std::env::var_os("CI").is_some() {
            return Err(format!("package {} could not be installed, and CI must not skip its tests", need.package));
        }
        eprintln!("xtask: {} could not be installed: {}", need.package, need.without);
    }
    Ok(())
}
