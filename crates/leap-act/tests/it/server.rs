//! A server of HTTP that says what a test wants and keeps what it heard, byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// `POST /x HTTP/1.1`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, headers and a body.
    Say(u16, Vec<(&'static str, String)>, String),
    /// Nothing, with the connection open.
    Silence,
    /// Nothing, and the connection ends.
    Cut,
    /// Half a header.
    CutInHead,
    /// A status, and a tenth of the body that was announced.
    CutInBody(u16),
    /// A status, and a body without end, slowly.
    Drip(u16),
    /// A status, and so many bytes.
    Flood(u16, usize),
}

impl Reply {
    pub(crate) fn status(status: u16) -> Reply {
        Reply::Say(status, Vec::new(), String::new())
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Reply {
        Reply::Say(status, vec![("location", to.to_owned())], String::new())
    }
}

type Script = Arc<dyn Fn(usize, &Heard) -> Reply + Send + Sync>;

/// The server; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(usize, &Heard) -> Reply + Send + Sync + 'static) -> Server {
        Server::start_at("127.0.0.1:0", None, script).await
    }

    pub(crate) async fn start_at(
        address: &str,
        tls: Option<TlsAcceptor>,
        script: impl Fn(usize, &Heard) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Server { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let (heard, script): (_, Script) = (server.heard.clone(), Arc::new(script));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (heard, script, tls) = (heard.clone(), script.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, heard, script).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, heard, script).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    /// The port behind a name.
    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

/// One request per connection.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, heard: Arc<Mutex<Vec<Heard>>>, script: Script) {
    let Some(request) = request(&mut stream).await else { return };
    let reply = {
        let mut heard = heard.lock().unwrap();
        let reply = script(heard.len(), &request);
        heard.push(request);
        reply
    };
    match reply {
        Reply::Say(status, headers, body) => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            let text =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Reply::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
        Reply::Cut => {}
        Reply::CutInHead => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await;
        }
        Reply::CutInBody(status) => {
            let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 100\r\n\r\n0123456789");
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Reply::Drip(status) => {
            let _ = stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 100000\r\n\r\n").as_bytes()).await;
            while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Reply::Flood(status, size) => {
            let _ = stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: {size}\r\n\r\n").as_bytes()).await;
            let block = [b'x'; 8192];
            for _ in 0..size / block.len() {
                if stream.write_all(&block).await.is_err() {
                    break;
                }
            }
        }
    }
    let _ = stream.shutdown().await;
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Heard> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        bytes.push(stream.read_u8().await.ok()?);
        // The hello of TLS.
        if bytes[0] == 0x16 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Heard { line, headers, body: String::from_utf8(body).unwrap() })
}
