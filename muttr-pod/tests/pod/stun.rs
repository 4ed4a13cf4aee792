//! STUN over real sockets: people who ask where they are, and mallory.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use muttr_core::limit;
use muttr_pod::{Running, config::Stun, serve};
use tempfile::TempDir;
use tokio::net::UdpSocket;

use super::{
    boot,
    command::{command, signal},
    config, get,
};

/// Nothing that is answered on this machine takes so long.
const PATIENCE: Duration = Duration::from_secs(5);
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// A Binding request of this number.
fn question(number: u32) -> Vec<u8> {
    let mut question = vec![0, 1, 0, 0];
    question.extend(COOKIE);
    question.extend([7; 8]);
    question.extend(number.to_be_bytes());
    question
}

/// The number of the request that this answers, and the address it tells.
fn read(answer: &[u8]) -> (u32, SocketAddr) {
    assert_eq!(answer[..2], [1, 1], "a success");
    assert_eq!(usize::from(answer[3]), answer.len() - 20);
    assert_eq!(answer[4..8], COOKIE);
    assert_eq!(answer[8..16], [7; 8]);
    let number = u32::from_be_bytes(answer[16..20].try_into().expect("four bytes"));
    assert_eq!(answer[20..22], [0, 0x20], "XOR-MAPPED-ADDRESS");
    assert_eq!(usize::from(answer[23]), answer.len() - 24);
    let plain = answer[28..].iter().zip(&answer[4..20]);
    let plain: Vec<u8> = plain.map(|(one, other)| one ^ other).collect();
    let ip = match answer[25] {
        1 => IpAddr::from(<[u8; 4]>::try_from(plain).expect("IPv4")),
        2 => IpAddr::from(<[u8; 16]>::try_from(plain).expect("IPv6")),
        family => panic!("family {family}"),
    };
    let port = u16::from_be_bytes([answer[26] ^ COOKIE[0], answer[27] ^ COOKIE[1]]);
    (number, SocketAddr::new(ip, port))
}

async fn heard(socket: &UdpSocket, patience: Duration) -> Option<Vec<u8>> {
    let mut answer = [0; 1500];
    let heard = tokio::time::timeout(patience, socket.recv(&mut answer)).await;
    Some(answer[..heard.ok()?.expect("is read")].to_vec())
}

/// Asks from an address of its own, and is told that.
async fn learns_where_it_is(from: &str, stun: SocketAddr) {
    let socket = UdpSocket::bind(from).await.expect("a port");
    socket.connect(stun).await.expect("an address");
    socket.send(&question(1)).await.expect("sends");
    let answer = heard(&socket, PATIENCE).await.expect("an answer");
    let own = socket.local_addr().expect("an address");
    assert_eq!(read(&answer), (1, own));
    let longer = if own.is_ipv4() { 12 } else { 24 };
    assert_eq!(answer.len(), question(1).len() + longer);
}

async fn told(pod: &Running) -> Option<u64> {
    let told = get(pod.addr(), "/.well-known/muttr").await;
    let told: serde_json::Value = serde_json::from_str(&told.body).expect("JSON");
    let told = told.as_object().expect("an object").get("stun")?;
    Some(told.as_u64().expect("a port"))
}

#[tokio::test(flavor = "multi_thread")]
async fn alice_learns_where_she_is_at_the_port_that_the_pod_tells() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let stun = pod.stun().expect("it answers");
    assert_eq!(stun.ip(), pod.addr().ip(), "beside the page");
    assert_eq!(told(&pod).await, Some(stun.port().into()));
    for from in ["127.0.0.1:0", "127.0.0.2:0"] {
        learns_where_it_is(from, stun).await;
    }
    pod.stop().await;
    UdpSocket::bind(stun).await.expect("the port is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_socket_serves_ipv4_and_ipv6() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6");
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let mut config = config(&folder);
    config.listen = "[::]:0".parse().expect("an address");
    let pod = serve(config).await.expect("starts");
    let stun = pod.stun().expect("it answers");
    assert!(stun.ip().is_unspecified() && stun.is_ipv6());
    let at = |ip: &str| SocketAddr::new(ip.parse().expect("an address"), stun.port());
    learns_where_it_is("[::1]:0", at("::1")).await;
    learns_where_it_is("127.0.0.1:0", at("127.0.0.1")).await;
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_stun_a_pod_serves_all_the_same() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let taken_at = taken.local_addr().expect("an address");
    for stun in [Stun::Off, Stun::At(taken_at), Stun::Port(taken_at.port())] {
        let folder = TempDir::new().expect("a folder");
        let mut config = config(&folder);
        config.stun = Some(stun);
        let mut pod = serve(config).await.expect("starts");
        pod.ready().await;
        assert_eq!((pod.stun(), told(&pod).await), (None, None), "{stun:?}");
        assert_eq!(get(pod.addr(), "/healthz").await.status, 200);
        pod.stop().await;
    }
}

/// Runs the command with this STUN address, and with `asker` having asked; what it logged.
async fn logged(stun: &str, asker: Option<&UdpSocket>) -> String {
    let folder = TempDir::new().expect("a folder");
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--log",
        "debug",
        "--stun",
    ];
    let mut pod = command(&folder)
        .args(serve)
        .arg(stun)
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(pod.stdout.take().expect("is piped"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("says where it listens");
    if let Some(asker) = asker {
        let addr = first.trim_end().strip_prefix("listening on http://");
        let addr = addr.and_then(|addr| addr.parse().ok()).expect("an address");
        let told = get(addr, "/.well-known/muttr").await;
        let told: serde_json::Value = serde_json::from_str(&told.body).expect("JSON");
        let port = told["stun"].as_u64().expect("a port");
        asker
            .connect(format!("127.0.0.1:{port}"))
            .await
            .expect("an address");
        asker.send(b"not a question").await.expect("sends");
        asker.send(&question(1)).await.expect("sends");
        heard(asker, PATIENCE).await.expect("an answer");
    }
    signal(&pod, "-TERM");
    let mut log = String::new();
    pod.stderr
        .take()
        .expect("is piped")
        .read_to_string(&mut log)
        .expect("reads");
    assert!(pod.wait().expect("ends").success(), "{log}");
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_one_warning_and_who_asks_is_none_of_the_logs_business() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let taken = taken
        .local_addr()
        .map(|at| (at, taken))
        .expect("an address");
    let log = logged(&taken.0.to_string(), None).await;
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("STUN")).collect();
    assert!(
        matches!(*warnings, [line] if line.contains("WARN") && line.contains("no STUN")),
        "{log}"
    );
    assert!(!log.contains("ERROR"), "{log}");

    let bob = UdpSocket::bind("127.0.0.3:0").await.expect("a port");
    let log = logged("0", Some(&bob)).await;
    assert!(
        log.contains("answers STUN") && !log.contains("no STUN"),
        "{log}"
    );
    assert!(!log.contains("127.0.0.3"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mallory_is_told_nothing_and_bob_still_is() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let stun = pod.stun().expect("it answers");
    let mallory = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    mallory.connect(stun).await.expect("an address");
    let changed = |at: usize, value| {
        let mut question = question(2);
        question[at] = value;
        question
    };
    for junk in [
        Vec::new(),
        vec![0],
        vec![0xFF; 1400],
        question(2)[..19].to_vec(),
        changed(0, 1),
        changed(1, 3),
        changed(1, 0x11),
        changed(3, 4),
        changed(4, 0),
        [question(2), vec![0; 4]].concat(),
        [question(2), vec![0x80; 530]].concat(),
    ] {
        mallory.send(&junk).await.expect("sends");
    }
    // Answered after all of that, so nothing of that was answered.
    mallory.send(&question(3)).await.expect("sends");
    let answer = heard(&mallory, PATIENCE).await.expect("an answer");
    assert_eq!(read(&answer).0, 3);
    assert_eq!(heard(&mallory, Duration::from_millis(200)).await, None);
    learns_where_it_is("127.0.0.2:0", stun).await;
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_one_address_is_answered_in_part() {
    const BATCH: u32 = 64;
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let stun = pod.stun().expect("it answers");
    let mallory = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    mallory.connect(stun).await.expect("an address");
    let began = Instant::now();
    let (mut asked, mut answered) = (0, 0);
    while answered == asked {
        for number in asked..asked + BATCH {
            mallory.send(&question(number)).await.expect("sends");
        }
        asked += BATCH;
        while answered < asked && heard(&mallory, PATIENCE / 10).await.is_some() {
            answered += 1;
        }
        assert!(asked < 20 * limit::STUN_BURST, "{asked} were all answered");
    }
    let seconds = began.elapsed().as_secs_f64();
    let granted = f64::from(limit::STUN_BURST) + f64::from(limit::STUN_PER_S) * (seconds + 0.1);
    assert!(answered >= limit::STUN_BURST, "{answered}");
    assert!(f64::from(answered) <= granted, "{answered} in {seconds} s");
    learns_where_it_is("127.0.0.2:0", stun).await;
    // And mallory's turn comes again.
    learns_where_it_is("127.0.0.1:0", stun).await;
    pod.stop().await;
}
