//! No body is larger, slower or more at once than the limits say, whatever a sender does.

use std::time::{Duration, Instant};

use leap_web::otlp::{Limits, Receivers};
use prost::Message;
use reqwest::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Fake, RpcStatus, Running, client, gzip, loopback, message, small, start, zstd};

async fn post(running: &Running, encoding: &str, body: Vec<u8>) -> Response {
    client()
        .post(running.url("/v1/traces"))
        .header("Content-Type", "application/x-protobuf")
        .header("Content-Encoding", encoding)
        .body(body)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_body_of_the_limit_is_taken_and_of_one_byte_more_is_not() {
    let running = start(Fake::open(), small()).await;
    let limit = small().body;
    for size in [limit - 1, limit, limit + 1, 100 * limit] {
        for encoding in ["identity", "gzip", "zstd"] {
            let plain = vec![0; size];
            let body = match encoding {
                "gzip" => gzip(&plain),
                "zstd" => zstd(&plain),
                _ => plain,
            };
            let response = post(&running, encoding, body).await;
            if size <= limit {
                assert_eq!(response.status(), StatusCode::OK, "{size} {encoding}");
                assert_eq!(running.fake.last().plain.len(), size);
            } else {
                assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{size} {encoding}");
                let status = RpcStatus::decode(response.bytes().await.unwrap()).unwrap();
                let how = if encoding == "identity" { "as received" } else { "as decompressed" };
                let start = format!("the body is larger than 65536 bytes {how}; send smaller batches");
                assert!(status.message.starts_with(&start), "{}", status.message);
                assert_eq!((status.code, status.details.len()), (8, 0), "no RetryInfo: never again");
            }
        }
    }
    assert_eq!(running.fake.count(), 6);
}

#[tokio::test]
async fn a_bomb_is_left_alone_as_soon_as_it_is_one() {
    let running = start(Fake::open(), Limits { body: 4 << 20, bodies: 16 << 20, ..small() }).await;
    // A Zstandard frame with a window of 128 KiB, and blocks of four bytes that say 128 KiB of zeros (RFC 8878):
    // a million of them are 122 GiB in 4 MB.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];
    bomb.extend([0x02, 0x00, 0x10, 0x00].repeat(1_000_000));
    bomb.extend([0x03, 0x00, 0x10, 0x00]);
    let begun = Instant::now();
    assert_eq!(post(&running, "zstd", bomb).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(begun.elapsed() < Duration::from_secs(3), "it was read on: {:?}", begun.elapsed());
    // The same blocks within the limit are a body: it is the size that is refused.
    let mut fits = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];
    fits.extend([0x02, 0x00, 0x10, 0x00].repeat(31));
    fits.extend([0x03, 0x00, 0x10, 0x00]);
    assert_eq!(post(&running, "zstd", fits).await.status(), StatusCode::OK);
    assert_eq!(running.fake.last().plain.len(), 4 << 20);
}

#[tokio::test]
async fn a_window_of_zstd_beyond_64_mib_is_refused_before_it_is_made() {
    let running = start(Fake::open(), small()).await;
    // A frame header that asks for a window of 128 MiB (exponent 17, RFC 8878 3.1.1.1.2), and an empty raw block.
    let frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
    let response = post(&running, "zstd", frame).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let fits = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 16 << 3, 0x01, 0x00, 0x00];
    assert_eq!(post(&running, "zstd", fits).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_in_chunks_without_a_length_is_counted_as_it_comes() {
    let running = start(Fake::open(), small()).await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nHost: leap\r\nContent-Type: application/x-protobuf\r\n";
    stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    // 5 chunks of 16 KiB: the last is over 64 KiB. It never ends, and is answered nevertheless.
    for _ in 0..5 {
        stream.write_all(b"4000\r\n").await.unwrap();
        stream.write_all(&[7; 0x4000]).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    let mut answer = Vec::new();
    while !answer.starts_with(b"HTTP/1.1 413 ") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn a_sender_who_writes_first_and_reads_later_reads_the_refusal() {
    let running = start(Fake::open(), Limits { body: 16 << 20, bodies: 64 << 20, ..small() }).await;
    // More than what sockets hold between the two.
    let body = vec![1; 30 << 20];
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    for (length, body) in
        [(format!("Content-Length: {}", body.len()), body), ("Transfer-Encoding: chunked".into(), chunk)]
    {
        let mut stream = TcpStream::connect(running.http).await.unwrap();
        let head = "POST /v1/traces HTTP/1.1\r\nHost: leap\r\nContent-Type: application/x-protobuf\r\n";
        stream.write_all(format!("{head}{length}\r\n\r\n").as_bytes()).await.unwrap();
        stream.write_all(&body).await.expect("the rest is read and thrown away");
        let mut answer = vec![0; 13];
        stream.read_exact(&mut answer).await.expect("no reset");
        assert_eq!(answer, b"HTTP/1.1 413 ");
    }
}

#[tokio::test]
async fn a_sender_who_asks_first_is_not_asked_for_what_is_too_large() {
    let running = start(Fake::open(), small()).await;
    let begun = Instant::now();
    for (size, expected) in [(1 << 20, "HTTP/1.1 413 "), (10, "HTTP/1.1 100 ")] {
        let mut stream = TcpStream::connect(running.http).await.unwrap();
        let head = "POST /v1/traces HTTP/1.1\r\nHost: leap\r\nContent-Type: application/json\r\nExpect: 100-continue";
        stream.write_all(format!("{head}\r\nContent-Length: {size}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, expected.as_bytes());
        if expected.contains("413") {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            assert!(!String::from_utf8_lossy(&rest).contains("100 Continue"));
            assert!(begun.elapsed() < Duration::from_secs(2), "nothing was left to be read");
        }
    }
}

#[tokio::test]
async fn a_slow_body_is_not_waited_for() {
    let running = start(Fake::open(), Limits { body_time: Duration::from_millis(200), ..small() }).await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nHost: leap\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!((Duration::from_millis(200)..Duration::from_secs(4)).contains(&begun.elapsed()));
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(answer.contains("the body did not arrive within"), "{answer}");
}

#[tokio::test]
async fn bodies_at_once_have_a_budget_and_give_it_back() {
    let fake = Fake::new(0);
    let running = start(fake.clone(), small()).await;
    // Four bodies of 60 KB stay with the intake, and use the 256 KiB.
    let send = || {
        let request = client().post(running.url("/v1/traces")).header("Content-Type", "application/x-protobuf");
        tokio::spawn(request.body(message(60_000)).send())
    };
    let waiting: Vec<_> = (0..4).map(|_| send()).collect();
    fake.wait_for(4).await;
    let refused = send().await.unwrap().unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    let status = RpcStatus::decode(refused.bytes().await.unwrap()).unwrap();
    assert_eq!((status.code, status.retry()), (8, Some(Duration::from_secs(1))));
    // What is compressed needs room for what comes out of it, too.
    let packed = post(&running, "gzip", gzip(&vec![0; 60_000])).await;
    assert_eq!(packed.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(fake.count(), 4);

    fake.doors.add_permits(100);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    for _ in 0..20 {
        assert_eq!(send().await.unwrap().unwrap().status(), StatusCode::OK, "all of it is free again");
    }
}

#[tokio::test]
async fn a_sender_who_goes_away_gives_its_room_back() {
    let fake = Fake::new(0);
    let running = start(fake.clone(), small()).await;
    for turn in 1..=8 {
        let request = client().post(running.url("/v1/traces")).header("Content-Type", "application/x-protobuf");
        let sent = tokio::spawn(request.body(message(60_000)).send());
        fake.wait_for(turn).await;
        sent.abort();
        // The connection is gone when the receiver notices; a body that came before may find no room.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(fake.count(), 8, "twice what is room for at once");
}

#[tokio::test]
async fn limits_that_would_refuse_for_ever_are_refused_at_the_start() {
    let limits = Limits { bodies: 128 << 10, ..small() };
    let error = Receivers::bind(loopback(), loopback(), limits).await.unwrap_err();
    assert!(error.to_string().contains("raise serve.bodies_mib in leap.toml"), "{error}");
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_option() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = Receivers::bind(loopback(), address, small()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address} for OTLP/gRPC: ")), "{error}");
    assert!(error.ends_with("; name another address with --otlp-grpc"), "{error}");
}
