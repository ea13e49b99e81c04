//! The listeners: two sockets, a task per connection, and an orderly end.
//!
//! ```ignore
//! let receivers = Receivers::bind(http, grpc, Limits::default()).await?;
//! let stopped = receivers.run(intake, stop).await; // when `stop` is there and requests in flight have ended
//! assert_eq!(stopped.cut, 0);
//! ```

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::body::Room;
use super::http::Gate;
use super::{Intake, Limits, grpc, http};

/// Time that a connection may be open without a request.
const IDLE: Duration = Duration::from_secs(75);

/// Calls of one gRPC connection at once.
const STREAMS: u32 = 64;

/// Why nothing is heard.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for {what}: {cause}; name another address with {option}")]
    Listen {
        /// What for.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// The option that names it.
        option: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// Limits that contradict each other.
    #[error("{0}")]
    Limits(String),
}

/// Two sockets that are listened on, and not answered yet.
#[derive(Debug)]
pub struct Receivers {
    http: Listener,
    grpc: Listener,
    limits: Limits,
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// Connections whose requests had not ended within [`Limits::stop_time`], and were cut.
    pub cut: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

impl Receivers {
    /// Listens on both addresses; with port 0 the system chooses one.
    ///
    /// # Errors
    /// An address that is in use or not this machine's; limits under which the largest body could never be taken.
    pub async fn bind(http: SocketAddr, grpc: SocketAddr, limits: Limits) -> Result<Receivers, Error> {
        if limits.bodies / 2 <= limits.body {
            return Err(Error::Limits(format!(
                "{} bytes of bodies at once are too few for one of {} bytes, received and decompressed; raise \
                 serve.bodies_mib in leap.toml to more than twice serve.body_mib",
                limits.bodies, limits.body
            )));
        }
        if limits.body == 0 || limits.connections == 0 {
            return Err(Error::Limits("a limit of 0 takes nothing in".to_owned()));
        }
        Ok(Receivers {
            http: Listener::bind("OTLP/HTTP", "--otlp-http", http).await?,
            grpc: Listener::bind("OTLP/gRPC", "--otlp-grpc", grpc).await?,
            limits,
        })
    }

    /// Where HTTP is heard.
    pub fn http(&self) -> SocketAddr {
        self.http.address
    }

    /// Where gRPC is heard.
    pub fn grpc(&self) -> SocketAddr {
        self.grpc.address
    }

    /// Answers until `stop`; then accepts nothing more, and ends when requests in flight have been answered or
    /// [`Limits::stop_time`] is over.
    pub async fn run<I: Intake>(self, intake: Arc<I>, stop: impl Future<Output = ()>) -> Stopped {
        let room = Arc::new(Room::new(self.limits.clone()));
        let gate = Gate { intake, room };
        let (stopping, stopped) = watch::channel(false);
        let http = self.http.run(Protocol::Http1, http::routes(gate.clone()), &self.limits, stopped.clone());
        let grpc = self.grpc.run(Protocol::Http2, grpc::routes(gate), &self.limits, stopped);
        let stop = async {
            stop.await;
            stopping.send_replace(true);
        };
        let (http, grpc, ()) = tokio::join!(http, grpc, stop);
        Stopped { cut: http + grpc }
    }
}

impl Listener {
    async fn bind(what: &'static str, option: &'static str, address: SocketAddr) -> Result<Listener, Error> {
        let bound = TcpListener::bind(address).await.and_then(|socket| Ok((socket.local_addr()?, socket)));
        match bound {
            Ok((address, socket)) => Ok(Listener { socket, address }),
            Err(cause) => Err(Error::Listen { what, address, option, cause }),
        }
    }

    /// Connections that had to be cut in the end.
    async fn run(self, protocol: Protocol, routes: Router, limits: &Limits, mut stop: watch::Receiver<bool>) -> usize {
        let graceful = GracefulShutdown::new();
        let mut open = JoinSet::new();
        let stopped = stop.clone();
        loop {
            tokio::select! {
                () = told(&mut stop) => break,
                Some(ended) = open.join_next() => log_panic(ended),
                accepted = self.socket.accept(), if open.len() < limits.connections => match accepted {
                    Ok((stream, _)) => {
                        open.spawn(converse(stream, protocol, routes.clone(), graceful.watcher(), stopped.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, address = %self.address, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(self.socket);
        let end = async {
            graceful.shutdown().await;
            while let Some(ended) = open.join_next().await {
                log_panic(ended);
            }
        };
        if tokio::time::timeout(limits.stop_time, end).await.is_ok() {
            return 0;
        }
        let cut = open.len();
        tracing::warn!(cut, address = %self.address, "connections were cut: their requests took too long to end");
        open.shutdown().await;
        cut
    }
}

/// Waits until it is time to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could say so: then it is time, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Answers the requests of one connection.
async fn converse(
    stream: TcpStream,
    protocol: Protocol,
    routes: Router,
    watcher: hyper_util::server::graceful::Watcher,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    // Who connects and says nothing is let go, also by a stop.
    let mut first = [0];
    tokio::select! {
        said = tokio::time::timeout(IDLE, stream.peek(&mut first)) => if !matches!(said, Ok(Ok(1))) { return },
        () = told(&mut stop) => return,
    }
    let io = TokioIo::new(stream);
    let service = TowerToHyperService::new(routes);
    let ended = match protocol {
        Protocol::Http1 => {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(IDLE);
            watcher.watch(builder.serve_connection(io, service)).await
        }
        Protocol::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .keep_alive_interval(IDLE)
                .keep_alive_timeout(Duration::from_secs(20))
                .max_concurrent_streams(STREAMS);
            watcher.watch(builder.serve_connection(io, service)).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed; its sender will try again");
    }
}
