//! An intake that answers what a test tells it, receivers in front of it, and the messages as `prost` reads them.

use std::collections::VecDeque;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leap_web::otlp::{Body, Intake, Limits, Receivers, Refused, Stopped, Taken};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

/// `ExportTraceServiceRequest` and `ExportMetricsServiceRequest`, as far as the wire is concerned.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportRequest {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub resource: Vec<Vec<u8>>,
}

/// `ExportTraceServiceResponse` and `ExportMetricsServiceResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub rejected: i64,
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Delay {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl RpcStatus {
    /// The delay of its one RetryInfo; `None` without details.
    pub fn retry(&self) -> Option<Duration> {
        let any = self.details.first()?;
        assert_eq!(any.type_url, "type.googleapis.com/google.rpc.RetryInfo");
        let info = <RetryInfo as prost::Message>::decode(&any.value[..]).unwrap();
        let delay = info.retry_delay.unwrap();
        Some(Duration::new(delay.seconds.try_into().unwrap(), delay.nanos.try_into().unwrap()))
    }
}

/// Remembers bodies and answers in turn; without anything told, with full success.
pub struct Fake {
    pub bodies: Mutex<Vec<Body>>,
    answers: Mutex<VecDeque<Result<Taken, Refused>>>,
    /// One permit is used by each body.
    pub doors: Semaphore,
    pub unready: Mutex<Option<String>>,
}

impl Fake {
    pub fn new(doors: usize) -> Arc<Fake> {
        Arc::new(Fake {
            bodies: Mutex::default(),
            answers: Mutex::default(),
            doors: Semaphore::new(doors),
            unready: Mutex::default(),
        })
    }

    pub fn open() -> Arc<Fake> {
        Fake::new(Semaphore::MAX_PERMITS)
    }

    pub fn answer(&self, answer: Result<Taken, Refused>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub fn last(&self) -> Body {
        self.bodies.lock().unwrap().last().expect("a body came").clone()
    }

    pub fn count(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    /// Waits until so many bodies are with the intake.
    pub async fn wait_for(&self, count: usize) {
        for _ in 0..1000 {
            if self.count() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("only {} of {count} bodies came", self.count());
    }
}

impl Intake for Fake {
    async fn take(&self, body: Body) -> Result<Taken, Refused> {
        self.bodies.lock().unwrap().push(body);
        self.doors.acquire().await.expect("never closed").forget();
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(Taken::default()))
    }

    fn ready(&self) -> Result<(), String> {
        self.unready.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

/// Receivers that run.
pub struct Running {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub fake: Arc<Fake>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Stopped>,
}

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Small limits, so that tests are quick: 64 KiB of a body, 256 KiB of all.
pub fn small() -> Limits {
    Limits {
        body: 64 << 10,
        bodies: 256 << 10,
        body_time: Duration::from_secs(5),
        stop_time: Duration::from_secs(5),
        connections: 16,
    }
}

pub async fn start(fake: Arc<Fake>, limits: Limits) -> Running {
    let receivers = Receivers::bind(loopback(), loopback(), limits).await.unwrap();
    let (http, grpc) = (receivers.http(), receivers.grpc());
    let (stop, stopped) = oneshot::channel();
    let intake = Arc::clone(&fake);
    let task = tokio::spawn(async move {
        receivers
            .run(intake, async {
                let _ = stopped.await;
            })
            .await
    });
    Running { http, grpc, fake, stop, task }
}

impl Running {
    /// Stops and waits for the end.
    pub async fn stop(self) -> Stopped {
        self.ask_to_stop().await.unwrap()
    }

    /// Stops without waiting.
    pub fn ask_to_stop(self) -> JoinHandle<Stopped> {
        self.stop.send(()).expect("it runs");
        self.task
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

/// Bytes of a message of about `size` bytes that do not compress well.
pub fn message(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let resource = (0..size).map(|_| noise()).collect();
    prost::Message::encode_to_vec(&ExportRequest { resource: vec![resource] })
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 3).unwrap()
}
