//! `leap audit …`: the trail verified, also against checkpoints that lie elsewhere.
//!
//! ```text
//! $ leap audit key audit.pem                                audit.pem is secret, audit.pem.pub is for who verifies
//! $ leap audit checkpoint --key audit.pem --output november.checkpoint
//! $ leap audit verify --checkpoint november.checkpoint --key audit.pem.pub
//! ```
//! Who can write the book can write its whole trail anew, so that it holds by itself; not what was exported before.

use std::io::Write;
use std::path::{Path, PathBuf};

use leap_book::{BookError, Checkpoint, CheckpointFault, PublicKey, SigningKey};
use serde_json::json;

use super::problem;
use crate::cli::{AuditCheckpointArgs, AuditKeyArgs, AuditVerifyArgs, OutputFormat};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::home::{Access, Home, failed};
use crate::output::{emit, print_json};
use crate::people::secret;

/// How a public key ends.
const PUBLIC_END: &str = "-----END PUBLIC KEY-----";

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| failed("read", path, &error))
}

/// A file that must not be there yet; one that only its owner reads, where it is secret.
fn create(path: &Path, content: &str, is_secret: bool) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} is there already and is not replaced: name another file", path.display()))
        }
        _ => failed("make", path, &error),
    })?;
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| failed("write", path, &error))
}

/// `leap audit verify`.
pub(crate) async fn verify(root: &Path, args: &AuditVerifyArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let mut keys = Vec::new();
    for path in &args.keys {
        // Several keys may stand in one file.
        for block in text(path)?.split_inclusive(PUBLIC_END).filter(|block| !block.trim().is_empty()) {
            let key = PublicKey::from_pem(block);
            keys.push(key.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?);
        }
    }
    let read = |path: &PathBuf| {
        Checkpoint::read(&text(path)?, &keys).map_err(|fault| Failure {
            message: format!("{}: {fault}", path.display()),
            // A signature that does not fit is a finding; a file that is no checkpoint a mistake.
            exit: if matches!(fault, CheckpointFault::Signature(_)) { Exit::DataQuality } else { Exit::Usage },
        })
    };
    let checkpoints = args.checkpoints.iter().map(read).collect::<Result<Vec<_>, Failure>>()?;
    let head = match home.book.verify_audit_against(&checkpoints).await {
        Ok(head) => head,
        Err(error) => {
            if let (OutputFormat::Json, BookError::Audit { broken, .. }) = (args.format.format, &error) {
                print_json(&json!({ "broken": broken.to_string(), "event": broken.first_wrong() }))?;
            }
            return Err(Failure { exit: Exit::DataQuality, ..problem(error) });
        }
    };
    let against = match (checkpoints.len(), keys.is_empty()) {
        (0, _) => String::new(),
        (1, true) => "; it agrees with the checkpoint, whose signature was not looked at".to_owned(),
        (1, false) => "; it agrees with the signed checkpoint".to_owned(),
        (count, true) => format!("; it agrees with {count} checkpoints, whose signatures were not looked at"),
        (count, false) => format!("; it agrees with {count} signed checkpoints"),
    };
    if args.format.format == OutputFormat::Json {
        return print_json(&json!({
            "events": head.sequence,
            "head": head.digest.to_string(),
            "checkpoints": checkpoints.len(),
            "signatures_verified": !keys.is_empty(),
        }));
    }
    emit(&format!("the audit trail holds: {} events, head {}{against}\n", head.sequence, head.digest))
}

/// `leap audit checkpoint`.
pub(crate) async fn checkpoint(root: &Path, args: &AuditCheckpointArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let key = args.key.as_ref().map(|path| {
        let key = SigningKey::from_pem(&text(path)?);
        key.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    });
    let key = key.transpose()?;
    // A checkpoint of a broken trail would vouch for it.
    let verified = home.book.verify_audit().await;
    verified.map_err(|error| Failure { exit: Exit::DataQuality, ..problem(error) })?;
    let Some(checkpoint) = home.book.checkpoint(clock::now()).await.map_err(problem)? else {
        return Err(Failure::usage("nothing has happened yet that a checkpoint could be of: leap ingest PATH"));
    };
    let exported = checkpoint.export(key.as_ref()).map_err(|error| Failure::failed(error.to_string()))?;
    match &args.output {
        None => emit(&exported),
        Some(path) => {
            create(path, &exported, false)?;
            emit(&format!(
                "{} is the checkpoint of event {}{}: keep it where who writes the book cannot\n",
                path.display(),
                checkpoint.number,
                if key.is_some() { ", signed" } else { "" }
            ))
        }
    }
}

/// `leap audit key`.
pub(crate) fn key(args: &AuditKeyArgs) -> Result<(), Failure> {
    let refused = |error: leap_book::SignatureFault| Failure::failed(format!("a key {error}"));
    let key = SigningKey::from_seed(&secret::random()?).map_err(refused)?;
    let mut public = args.key.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    if public.exists() {
        return Err(Failure::usage(format!("{} is there already: name another file", public.display())));
    }
    create(&args.key, &key.to_pem().map_err(refused)?, true)?;
    create(&public, &key.public_key().to_pem(), false)?;
    emit(&format!(
        "{} signs and is secret: keep it away from the home; {} verifies\n",
        args.key.display(),
        public.display()
    ))
}
