//! A real pod in this process, on a free port, with a folder of its own.

use std::net::SocketAddr;

use muttr_pod::{
    Config, Running,
    config::{Settings, Stun},
    serve,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

#[path = "pod/command.rs"]
mod command;
#[path = "pod/envoy.rs"]
mod envoy;
#[path = "pod/fed.rs"]
mod fed;
#[path = "pod/http.rs"]
mod http;
#[path = "pod/metrics.rs"]
mod metrics;
#[path = "pod/relay.rs"]
mod relay;
#[path = "pod/seeds.rs"]
mod seeds;
#[path = "pod/sockets.rs"]
mod sockets;
#[path = "pod/stamps.rs"]
mod stamps;
#[path = "pod/stock.rs"]
mod stock;
#[path = "pod/stun.rs"]
mod stun;

fn config(folder: &TempDir) -> Config {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let data_dir = Some(folder.path().join("data"));
    let settings = Settings {
        listen: Some(listen),
        stun: Some(Stun::Port(0)),
        data_dir,
        ..Settings::default()
    };
    settings.finish().expect("good settings")
}

async fn boot(folder: &TempDir) -> Running {
    let mut running = serve(config(folder)).await.expect("starts");
    running.ready().await;
    running
}

/// An answer over HTTP/1.1; names of headers in lower case.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self
            .head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::trim)
    }
}

async fn get(addr: SocketAddr, path: &str) -> Answer {
    let asked = format!("GET {path} HTTP/1.1\r\nhost: mallory\r\nconnection: close\r\n\r\n");
    request(addr, asked.as_bytes()).await
}

/// Sends this as it is; the pod may answer before it has all of it.
async fn request(addr: SocketAddr, asked: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(addr).await.expect("connects");
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    // Either may fail once the pod has said what it has to say.
    let _ = tokio::join!(writing.write_all(asked), reading.read_to_end(&mut answer));
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
