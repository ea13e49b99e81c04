//! The connection to a mail server: to a judged address, encrypted as settings want it.
//!
//! TLS is done here and not by lettre, whose features would switch on others in all of rustls. STARTTLS is said before
//! lettre speaks, so lettre reads the greeting that it waits for from us. What a server says between its consent and
//! the handshake is not encrypted, and whoever can put it there ends the connection (CVE-2011-0411).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::extension::ClientId;
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use super::{Encryption, Smtp};
use crate::egress::guard::NoAddress;
use crate::policy::{Cause, Outcome};

/// Bytes that a server may say before STARTTLS.
const BEFORE: usize = 16 << 10;

/// How certificates are judged: as the system does.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tls")
    }
}

impl Tls {
    /// The system's certificates, and these besides them (DER).
    ///
    /// # Errors
    /// In words, where the system has none.
    pub fn new(roots: &[Vec<u8>]) -> Result<Tls, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = roots.iter().map(|bytes| CertificateDer::from(bytes.clone()));
        let said = |error: tokio_rustls::rustls::Error| format!("TLS could not be set up: {error}");
        let verifier = Verifier::new_with_extra_roots(roots, provider.clone()).map_err(said)?;
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(said)?;
        // As reqwest does: what is custom about it is that it is the system's.
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        Ok(Tls(Arc::new(builder.with_no_client_auth())))
    }

    async fn encrypt(&self, host: &str, stream: TcpStream) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.0.clone()).connect(name, stream).await
    }
}

/// A connection that is ready for SMTP.
pub(super) async fn connect(smtp: &Smtp, hello: &ClientId) -> Result<Box<dyn AsyncTokioStream>, Outcome> {
    let unreachable =
        |why: &str| Outcome::failed(Cause::Unreachable, format!("{} cannot be reached: {why}", smtp.host));
    let addresses = smtp.guard.addresses(&smtp.host, smtp.port).await.map_err(|why| match why {
        NoAddress::Refused(why) => Outcome::failed(Cause::Blocked, why.to_string()),
        NoAddress::Unknown(_) => Outcome::failed(Cause::Unreachable, why.to_string()),
    })?;
    let mut stream =
        TcpStream::connect(&addresses[..]).await.map_err(|error| unreachable(&error.kind().to_string()))?;
    let peer = stream.peer_addr().map_err(|error| unreachable(&error.kind().to_string()))?;
    let no_tls = |error: io::Error| unreachable(&format!("no TLS ({error})"));
    Ok(match smtp.encryption {
        Encryption::None => Box::new(Wire { inner: stream, first: b"", peer }),
        Encryption::Tls => {
            let inner = smtp.tls.encrypt(&smtp.host, stream).await.map_err(no_tls)?;
            Box::new(Wire { inner, first: b"", peer })
        }
        Encryption::StartTls => {
            start_tls(&mut stream, hello).await.map_err(|why| unreachable(&why))?;
            let inner = smtp.tls.encrypt(&smtp.host, stream).await.map_err(no_tls)?;
            Box::new(Wire { inner, first: b"220 encrypted\r\n", peer })
        }
    })
}

/// Says STARTTLS; in words, why the server does not.
async fn start_tls(stream: &mut TcpStream, hello: &ClientId) -> Result<(), String> {
    expect(stream, "220").await?;
    let said = |error: io::Error| error.kind().to_string();
    stream.write_all(format!("EHLO {hello}\r\n").as_bytes()).await.map_err(said)?;
    let offers = expect(stream, "250").await?;
    if !offers.lines().any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"))) {
        return Err("it offers no STARTTLS, and nothing is said without".to_owned());
    }
    stream.write_all(b"STARTTLS\r\n").await.map_err(said)?;
    expect(stream, "220").await?;
    Ok(())
}

/// Reads a reply of one or more lines, byte by byte: what comes after it belongs to the handshake.
async fn expect(stream: &mut TcpStream, code: &str) -> Result<String, String> {
    let mut reply = String::new();
    let mut line = Vec::new();
    loop {
        let byte = stream.read_u8().await.map_err(|error| error.kind().to_string())?;
        line.push(byte);
        if reply.len() + line.len() > BEFORE {
            return Err("it says too much before STARTTLS".to_owned());
        }
        if byte != b'\n' {
            continue;
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        line.clear();
        if !text.starts_with(code) {
            let said: String = text.chars().take(3).filter(char::is_ascii_digit).collect();
            return Err(format!("it says {said} where {code} was expected"));
        }
        let is_last = text.as_bytes().get(3) != Some(&b'-');
        reply.push_str(&text);
        if is_last {
            return Ok(reply);
        }
    }
}

/// A stream that says something itself before the other side is heard.
#[derive(Debug)]
struct Wire<S> {
    inner: S,
    first: &'static [u8],
    peer: SocketAddr,
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        let (now, later) = this.first.split_at(this.first.len().min(buffer.remaining()));
        buffer.put_slice(now);
        this.first = later;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

impl<S> AsyncTokioStream for Wire<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug,
{
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
