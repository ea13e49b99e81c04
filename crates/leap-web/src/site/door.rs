//! The way in: where the site listens, under which names it is reached, and that nobody reads it unseen.
//!
//! ```text
//! 127.0.0.1:7171                     this machine; without a login while nobody was given one
//! 0.0.0.0:443, --tls-cert, --tls-key others; only with logins, the first of which is made at /setup
//! 127.0.0.1:7171, --public-url …     behind a proxy that does TLS; the same
//! ```
//! A name that is not the site's own is refused: a page elsewhere may have pointed its name here (DNS rebinding).

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Uri, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Site;

/// Connections at once: more wait to be accepted.
const CONNECTIONS: usize = 512;
/// How long a connection may take for its greeting, and for the head of a request.
const IDLE: Duration = Duration::from_secs(60);

/// Where the site listens, and how people reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// Where it listens; with port 0 the system chooses one.
    pub address: SocketAddr,
    /// What people type, where that is not the address: `https://leap.example.com`.
    pub public: Option<String>,
    /// Certificate chain and key, in PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// Why nothing is served.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// Passwords would cross the network in plain text.
    #[error(
        "the site would listen on {0} without TLS, and passwords could be read on the way; name a certificate and its key \
         (--tls-cert, --tls-key), or listen on 127.0.0.1 behind a proxy that does TLS and say what people type \
         (--public-url https://…)"
    )]
    NoTls(SocketAddr),
    /// The public address is none.
    #[error("'{0}' is no address that people could type: write https://name, without a path")]
    Public(String),
    /// Certificate or key cannot be used.
    #[error("the certificate or its key cannot be used: {path}: {cause}")]
    Certificate {
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for the site: {cause}; name another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// Under which name a request may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// `leap.example.com`, with a port where it is not the scheme's.
    public: Option<String>,
    /// Reached over TLS, by itself or by the proxy before it.
    pub(super) is_secure: bool,
    /// Listens on this machine only.
    is_local: bool,
}

impl Door {
    /// True where others than this machine reach the site: then nobody reads without a login.
    pub fn is_beyond(&self) -> bool {
        self.public.is_some() || !self.address.ip().is_loopback()
    }
}

impl Names {
    fn of(door: &Door) -> Result<Names, Error> {
        let public = door.public.as_deref().map(authority).transpose()?;
        let is_local = door.address.ip().is_loopback();
        if !is_local && door.tls.is_none() {
            return Err(Error::NoTls(door.address));
        }
        Ok(Names { is_secure: door.tls.is_some() || public.is_some(), public, is_local })
    }

    /// True where the name that a request asks under is the site's.
    pub(super) fn are_asked(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let text = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let host = uri.authority().map(|authority| authority.as_str()).or(text).unwrap_or_default();
        match &self.public {
            Some(public) => host.eq_ignore_ascii_case(public),
            None if self.is_local => is_loopback(host),
            // Without a public name people type any address of the machine; the certificate says whose it is.
            None => !host.is_empty(),
        }
    }

    /// True where a request's `Origin` is the site's own.
    pub(super) fn is_own(&self, origin: &str, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let own = self.public.as_deref().or(host);
        origin.split_once("://").is_some_and(|(scheme, from)| {
            (scheme == "https" || !self.is_secure) && own.is_some_and(|own| own.eq_ignore_ascii_case(from))
        })
    }

    /// The cookie of a session: a browser sends the first kind over TLS to this very host only.
    pub(super) fn cookie(&self) -> &'static str {
        if self.is_secure { "__Host-leap_session" } else { "leap_session" }
    }

    /// The cookie of a login that goes on at the provider.
    pub(super) fn pending(&self) -> &'static str {
        if self.is_secure { "__Host-leap_login" } else { "leap_login" }
    }
}

/// `leap.example.com` of `https://leap.example.com/`.
fn authority(public: &str) -> Result<String, Error> {
    let refused = || Error::Public(public.to_owned());
    let rest = public.strip_prefix("https://").ok_or_else(refused)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let uri: Uri = format!("https://{rest}/").parse().map_err(|_| refused())?;
    let authority = uri.authority().filter(|authority| authority.as_str() == rest).ok_or_else(refused)?;
    if authority.host().is_empty() || rest.contains('@') {
        return Err(refused());
    }
    Ok(rest.strip_suffix(":443").unwrap_or(rest).to_owned())
}

/// True for `localhost`, `127.0.0.1:7171`, `[::1]:7171`.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A socket that is listened on, and not answered yet.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    names: Names,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// An address that others reach without TLS; a certificate that cannot be used; an address that is in use.
    pub async fn bind(door: &Door) -> Result<Listener, Error> {
        let names = Names::of(door)?;
        let tls = door.tls.as_ref().map(|(chain, key)| acceptor(chain, key)).transpose()?;
        let bound = TcpListener::bind(door.address).await.and_then(|socket| Ok((socket.local_addr()?, socket)));
        match bound {
            Ok((address, socket)) => Ok(Listener { socket, address, names, tls }),
            Err(cause) => Err(Error::Listen { address: door.address, cause }),
        }
    }

    /// Where the site is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What people type.
    pub fn url(&self) -> String {
        match &self.names.public {
            Some(public) => format!("https://{public}"),
            None if self.tls.is_some() => format!("https://{}", self.address),
            None => format!("http://{}", self.address),
        }
    }

    /// Answers until `stop`; then ends when requests in flight have been answered.
    pub async fn run<S: Site>(self, site: Arc<S>, stop: impl Future<Output = ()> + Send + 'static) {
        let routes = super::server::routes(site, self.names.clone());
        let graceful = GracefulShutdown::new();
        let mut open = JoinSet::new();
        let (stopping, stopped) = watch::channel(false);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = open.join_next() => log_panic(ended),
                accepted = self.socket.accept(), if open.len() < CONNECTIONS => match accepted {
                    Ok((stream, peer)) => {
                        let routes = routes.clone().layer(axum::Extension(Peer(peer.ip())));
                        open.spawn(converse(stream, self.tls.clone(), routes, graceful.watcher(), stopped.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection to the site could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(self.socket);
        stopping.send_replace(true);
        graceful.shutdown().await;
        while let Some(ended) = open.join_next().await {
            log_panic(ended);
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

async fn converse(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    routes: Router,
    watcher: hyper_util::server::graceful::Watcher,
    mut stopped: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    // Who connects and says nothing is let go, also by a stop.
    let mut first = [0];
    tokio::select! {
        said = tokio::time::timeout(IDLE, stream.peek(&mut first)) => if !matches!(said, Ok(Ok(1))) { return },
        _ = stopped.wait_for(|stopped| *stopped) => return,
    }
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE);
    let service = TowerToHyperService::new(routes);
    let ended = match tls {
        None => watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await,
        Some(tls) => match tokio::time::timeout(IDLE, tls.accept(stream)).await {
            Ok(Ok(stream)) => watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await,
            Ok(Err(error)) => return tracing::debug!(%error, "no TLS"),
            Err(_) => return,
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

fn acceptor(chain: &Path, key: &Path) -> Result<TlsAcceptor, Error> {
    let failed = |path: &Path, cause: String| Error::Certificate { path: path.display().to_string(), cause };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(chain, error.to_string()))?;
    if certificates.is_empty() {
        return Err(failed(chain, "it holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error.to_string()))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, secret))
        .map_err(|error| failed(key, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(address: &str, public: Option<&str>, tls: bool) -> Door {
        let files = (PathBuf::from("cert.pem"), PathBuf::from("key.pem"));
        Door { address: address.parse().unwrap(), public: public.map(str::to_owned), tls: tls.then_some(files) }
    }

    #[test]
    fn nobody_beyond_this_machine_is_served_without_tls() {
        let names = |address, public, tls| Names::of(&door(address, public, tls));
        assert!(names("127.0.0.1:7171", None, false).is_ok_and(|names| !names.is_secure));
        assert!(names("[::1]:7171", None, false).is_ok());
        assert!(matches!(names("0.0.0.0:7171", None, false), Err(Error::NoTls(_))));
        // A proxy beyond this machine would get passwords in plain text.
        assert!(matches!(names("0.0.0.0:7171", Some("https://a.example"), false), Err(Error::NoTls(_))));
        assert!(names("127.0.0.1:7171", Some("https://a.example"), false).is_ok_and(|names| names.is_secure));
        assert!(names("0.0.0.0:443", Some("https://a.example"), true).is_ok_and(|names| names.is_secure));
        for wrong in ["http://a.example", "a.example", "https://a.example/leap", "https://", "https://u@a.example"] {
            assert!(matches!(names("127.0.0.1:1", Some(wrong), false), Err(Error::Public(_))), "{wrong}");
        }
        let beyond = |address, public| door(address, public, true).is_beyond();
        assert!(beyond("0.0.0.0:443", None) && beyond("127.0.0.1:7171", Some("https://a.example")));
        assert!(!beyond("127.0.0.1:7171", None) && !beyond("[::1]:7171", None));
    }

    #[test]
    fn only_its_own_name_is_answered() {
        let asked = |names: &Names, host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            names.are_asked(&Uri::from_static("/"), &headers)
        };
        let local = Names::of(&door("127.0.0.1:7171", None, false)).unwrap();
        assert!(asked(&local, "localhost:7171") && asked(&local, "[::1]:7171") && asked(&local, "127.0.0.1"));
        assert!(!asked(&local, "evil.example:7171") && !asked(&local, "127.0.0.1.evil.example"));
        let public = Names::of(&door("127.0.0.1:7171", Some("https://leap.example:443/"), false)).unwrap();
        assert!(
            asked(&public, "LEAP.example") && !asked(&public, "127.0.0.1:7171") && !asked(&public, "x.leap.example")
        );
        let headers = HeaderMap::from_iter([(header::HOST, "leap.example".parse().unwrap())]);
        assert!(public.is_own("https://leap.example", &headers));
        assert!(!public.is_own("http://leap.example", &headers) && !public.is_own("https://evil.example", &headers));
        assert!(!public.is_own("null", &headers));
        assert_eq!((public.cookie(), public.pending()), ("__Host-leap_session", "__Host-leap_login"));
    }
}
