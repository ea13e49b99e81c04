//! What only the edge of the program has: the clock, chance, a name of its own, secrets and certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use leap_act::egress::SystemNames;
use leap_act::policy::Jitter;
use leap_act::send::Given;
use leap_act::settings::build::{self, Built};
use leap_act::settings::check::CheckedService;
use leap_act::settings::{Checked, SecretSource};
use leap_terms::{Fault, Instant};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::clock;
use crate::failure::Failure;
use crate::home::Home;

/// Bytes of a file with a secret: a key has a few hundred.
const SECRET_BYTES: u64 = 64 << 10;

/// The clock, chance, and who this process is among those that send.
pub(super) struct Edge {
    holder: String,
    is_stopping: AtomicBool,
}

impl Edge {
    /// Of a process; each one has another name.
    pub(super) fn new() -> Result<Edge, Failure> {
        let mut bytes = [0_u8; 6];
        getrandom::fill(&mut bytes).map_err(|error| Failure::failed(format!("no randomness: {error}")))?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Edge { holder: format!("process {}-{name}", std::process::id()), is_stopping: AtomicBool::new(false) })
    }

    /// The name under which messages are claimed.
    pub(super) fn holder(&self) -> &str {
        &self.holder
    }

    /// From now on nothing more is tried.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}

impl Given for Edge {
    fn now(&self) -> Instant {
        clock::now()
    }

    fn jitter(&self) -> Jitter {
        let mut bytes = [0_u8; 4];
        // Without chance what failed together is tried together.
        Jitter(getrandom::fill(&mut bytes).map_or(0, |()| u32::from_le_bytes(bytes)))
    }

    fn is_over(&self) -> bool {
        self.is_stopping()
    }
}

/// A relative path is one inside of the home, wherever the program was started.
fn within(path: &Path, root: &Path) -> PathBuf {
    root.join(path)
}

/// Puts files of channels into the home.
pub(super) fn inside(channels: &mut [Checked], root: &Path) {
    for channel in channels {
        if let CheckedService::File { path } = &mut channel.service {
            *path = within(path, root);
        }
    }
}

/// The text of a secret, or in words why there is none.
fn secret(source: &SecretSource, root: &Path) -> Result<String, String> {
    match source {
        SecretSource::Variable(name) => match std::env::var(name) {
            Ok(text) => Ok(text),
            Err(std::env::VarError::NotPresent) => Err(format!("{source} is not set")),
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("what is in {source} is not UTF-8")),
        },
        SecretSource::File(path) => {
            let path = within(path, root);
            let failed = |error: std::io::Error| format!("could not read {source}: {error}");
            let size = std::fs::metadata(&path).map_err(failed)?.len();
            if size > SECRET_BYTES {
                return Err(format!("{source} has {size} bytes; a secret has at most {SECRET_BYTES}"));
            }
            std::fs::read_to_string(&path).map_err(failed)
        }
    }
}

/// The certificates of `egress.ca_file`.
pub(super) fn roots(file: Option<&Path>, root: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let path = within(file, root);
    let wrong = |why: String| Failure::usage(format!("leap.toml: egress: ca_file: {}: {why}", path.display()));
    let all = CertificateDer::pem_file_iter(&path).map_err(|error| wrong(error.to_string()))?;
    let all = all.map(|one| one.map(|one| one.to_vec())).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| wrong(error.to_string()))?;
    if all.is_empty() {
        return Err(wrong("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(all)
}

/// Calls what builds channels with secrets, names and certificates of a home.
pub(super) fn build_with(
    home: &Home,
    roots: Vec<Vec<u8>>,
    build: impl FnOnce(&build::Edge<'_>) -> Result<Built, Vec<Fault>>,
) -> Result<Built, Vec<Fault>> {
    let secrets = |source: &SecretSource| secret(source, &home.root);
    build(&build::Edge {
        secrets: &secrets,
        names: Arc::new(SystemNames),
        roots,
        site: home.settings.serve.public_url.clone(),
        text: &home.settings_text,
    })
}
