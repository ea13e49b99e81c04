//! A stop answers what is in flight, accepts nothing more, and does not wait for ever.

use std::time::{Duration, Instant};

use leap_web::otlp::{Limits, Stopped};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::grpc::{TRACES, call};
use crate::harness::{ExportRequest, ExportResponse, Fake, client, message, small, start};

#[tokio::test]
async fn requests_in_flight_are_answered_and_no_new_ones_accepted() {
    let fake = Fake::new(0);
    let running = start(fake.clone(), small()).await;
    let (http, grpc) = (running.http, running.grpc);
    let request = client().post(running.url("/v1/traces")).header("Content-Type", "application/x-protobuf");
    let over_http = tokio::spawn(request.body(message(100)).send());
    fake.wait_for(1).await;
    let over_grpc = tokio::spawn(call(grpc, TRACES, ExportRequest::default()));
    fake.wait_for(2).await;
    let idle = TcpStream::connect(http).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;

    let stopped = running.ask_to_stop();
    for address in [http, grpc] {
        assert!(refuses(address).await, "{address} still accepts while requests are with the intake");
    }
    fake.doors.add_permits(2);
    assert_eq!(over_grpc.await.unwrap().unwrap(), ExportResponse::default());
    assert_eq!(over_http.await.unwrap().unwrap().status(), 200);
    assert_eq!(stopped.await.unwrap(), Stopped { cut: 0 }, "and who says nothing is no reason to wait");
    drop(idle);
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let fake = Fake::new(0);
    let running = start(fake.clone(), Limits { stop_time: Duration::from_millis(300), ..small() }).await;
    let request = client().post(running.url("/v1/traces")).header("Content-Type", "application/x-protobuf");
    let sent = tokio::spawn(request.body(message(100)).send());
    fake.wait_for(1).await;
    let begun = Instant::now();
    assert_eq!(running.stop().await, Stopped { cut: 1 });
    assert!((Duration::from_millis(300)..Duration::from_secs(3)).contains(&begun.elapsed()));
    assert!(sent.await.unwrap().is_err(), "the sender sees a broken connection and sends again");
}

#[tokio::test]
async fn a_kept_alive_connection_ends_with_a_stop() {
    let running = start(Fake::open(), small()).await;
    let client = client();
    let request = client.post(running.url("/v1/traces")).header("Content-Type", "application/json").body("{}");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let begun = Instant::now();
    assert_eq!(running.stop().await, Stopped { cut: 0 });
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let running = start(Fake::open(), Limits { connections: 1, ..small() }).await;
    let mut first = TcpStream::connect(running.http).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let request = client().get(running.url("/healthz")).timeout(Duration::from_millis(300));
    assert!(request.send().await.unwrap_err().is_timeout());
    tokio::io::AsyncWriteExt::shutdown(&mut first).await.unwrap();
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).await.unwrap();
    assert_eq!(client().get(running.url("/healthz")).send().await.unwrap().status(), 200);
}

/// Whether nobody accepts at this address within two seconds.
async fn refuses(address: std::net::SocketAddr) -> bool {
    for _ in 0..200 {
        if TcpStream::connect(address).await.is_err() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}
