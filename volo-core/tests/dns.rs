//! Discovery by DNS records, from a name server that the test is.
#![cfg(feature = "dns")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::net::UdpSocket;
use volo_core::discover::{Discover, RecordDiscover};

const A: u16 = 1;
const SRV: u16 = 33;
const TTL_S: u32 = 1;

/// Answers for `_catalog._tcp.test` and its targets; the first target's address ends with `last`.
async fn name_server(last: Arc<AtomicU32>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let reply = answer(&buffer[..length], last.load(Ordering::Relaxed) as u8);
            socket.send_to(&reply, peer).await.unwrap();
        }
    });
    address
}

fn answer(query: &[u8], last: u8) -> Vec<u8> {
    let labels: usize = {
        let mut at = 12;
        while query[at] != 0 {
            at += 1 + usize::from(query[at]);
        }
        at + 1
    };
    let question = &query[12..labels + 4];
    let kind = u16::from_be_bytes([query[labels], query[labels + 1]]);
    let first = query[13].to_ascii_lowercase();
    let records: Vec<Vec<u8>> = match (first, kind) {
        (b'_', SRV) => {
            vec![service(1, 30, 8001, "one"), service(1, 10, 8002, "two"), service(9, 1, 8003, "far")]
        }
        (b'o', A) => vec![Ipv4Addr::new(10, 0, 0, last).octets().to_vec()],
        (b't', A) => vec![Ipv4Addr::new(10, 0, 1, 1).octets().to_vec()],
        _ => Vec::new(),
    };
    let mut reply = query[..2].to_vec();
    reply.extend([0x85, 0x80, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
    reply.extend(question);
    for record in records {
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(TTL_S.to_be_bytes());
        reply.extend((record.len() as u16).to_be_bytes());
        reply.extend(record);
    }
    reply
}

fn service(priority: u16, weight: u16, port: u16, host: &str) -> Vec<u8> {
    let mut record = [priority, weight, port].map(u16::to_be_bytes).concat();
    for label in [host, "test"] {
        record.push(label.len() as u8);
        record.extend(label.bytes());
    }
    record.push(0);
    record
}

async fn texts(source: &mut RecordDiscover) -> Vec<String> {
    let list = source.next().await.unwrap();
    list.iter().map(|instance| format!("{} weight={}", instance.address, instance.weight)).collect()
}

#[tokio::test]
async fn services_are_followed_when_their_records_expire() {
    let last = Arc::new(AtomicU32::new(1));
    let server = name_server(last.clone()).await;
    let mut source = RecordDiscover::service("_catalog._tcp.test.").servers([server]);
    assert_eq!(texts(&mut source).await, ["10.0.0.1:8001 weight=30", "10.0.1.1:8002 weight=10"]);
    last.store(2, Ordering::Relaxed);
    assert_eq!(texts(&mut source).await, ["10.0.0.2:8001 weight=30", "10.0.1.1:8002 weight=10"]);
}

#[tokio::test]
async fn hosts_have_the_port_they_are_given() {
    let server = name_server(Arc::new(AtomicU32::new(7))).await;
    let mut source = RecordDiscover::host("one.test.", 80).servers([server]);
    assert_eq!(texts(&mut source).await, ["10.0.0.7:80 weight=10"]);
    let error = RecordDiscover::host("nobody.test.", 80).servers([server]).next().await.unwrap_err();
    assert_eq!(error.to_string(), "looking `nobody.test.` up failed");
}
