//! Certificates for a test, made by openssl where there is one.

use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A root, and a certificate of `hooks.test` and `mail.test` under it.
pub(crate) struct Certificates {
    /// The root, DER.
    pub(crate) root: Vec<u8>,
    leaf: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Certificates {
    pub(crate) fn make() -> Option<Certificates> {
        let folder = tempfile::tempdir().unwrap();
        let run = |line: &str| {
            let mut command = Command::new("openssl");
            command.args(line.split(' ')).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        let made = run(&format!("req -x509 {new_key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2"))
            && run(&format!(
                "req {new_key} -keyout leaf.key -out leaf.csr -subj /CN=leaf -addext \
                 subjectAltName=DNS:hooks.test,DNS:mail.test"
            ))
            && run("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy \
                 -out leaf.pem");
        made.then(|| Certificates {
            root: CertificateDer::from_pem_file(folder.path().join("ca.pem")).unwrap().to_vec(),
            leaf: CertificateDer::from_pem_file(folder.path().join("leaf.pem")).unwrap(),
            key: PrivateKeyDer::from_pem_file(folder.path().join("leaf.key")).unwrap(),
        })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.clone()], self.key.clone_key())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
