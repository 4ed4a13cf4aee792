use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use super::*;

/// Answers for names as mallory does: differently each time.
struct Rebinding {
    asked: AtomicUsize,
    answers: Vec<Vec<IpAddr>>,
}

impl Names for Rebinding {
    fn look_up<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.get(turn).cloned();
        Box::pin(async move { answer.ok_or_else(|| io::ErrorKind::NotFound.into()) })
    }
}

fn rebinding(answers: &[&[&str]]) -> (Guard, Arc<Rebinding>) {
    let parse = |ip: &&str| ip.parse().expect("an address");
    let answers = answers.iter().map(|ips| ips.iter().map(parse).collect());
    let names = Arc::new(Rebinding {
        asked: AtomicUsize::new(0),
        answers: answers.collect(),
    });
    let guard = Guard::with_names(Reach::Guarded, names.clone()).expect("can be made");
    (guard, names)
}

fn target(host: &str) -> Target {
    Target::of(&host.parse().expect("a host"))
}

#[test]
fn what_is_public_is_known_by_its_address() {
    for ip in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.0.1",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.0.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2001:200::1",
        "2600::1",
        "2a00:1450:4001::1",
        "3ffe::1",
    ] {
        assert!(is_public(ip.parse().expect("an address")), "{ip}");
    }
    for ip in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:1.1.1.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2001:1ff::1",
        "2002:7f00:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(ip.parse().expect("an address")), "{ip}");
    }
}

#[tokio::test]
async fn only_443_and_only_what_is_public() {
    let (guard, names) = rebinding(&[]);
    for host in [
        "localhost",
        "localhost:443",
        "oak.localhost:8080",
        "127.0.0.1",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "1.1.1.1:80",
        "oak.example:22",
        "oak.example:8443",
    ] {
        let refused = guard.addresses(&target(host)).await;
        assert_eq!(refused, Err(Rejection::PodUnreachable), "{host}");
    }
    assert_eq!(names.asked.load(Ordering::Relaxed), 0);
    let refused = guard.addresses(&target("oak.example")).await;
    assert_eq!(refused, Err(Rejection::NoSuchPod));
    let literal = guard.addresses(&target("1.1.1.1")).await;
    assert_eq!(literal, Ok(vec![([1, 1, 1, 1], 443).into()]));
}

#[tokio::test]
async fn on_this_machine_any_port_and_elsewhere_nothing_more() {
    let (guard, _) = rebinding(&[&["127.0.0.1"], &["1.1.1.1"]]);
    let guard = Guard {
        reach: Reach::Loopback,
        ..guard
    };
    let own = guard.addresses(&target("oak.localhost:81")).await;
    let own: Vec<_> = own.expect("may be dialled");
    assert_eq!(own.first(), Some(&([127, 0, 0, 1], 81).into()));
    for host in ["10.0.0.1", "192.168.0.1:80", "oak.example:80", "1.1.1.1:80"] {
        let refused = guard.addresses(&target(host)).await;
        assert_eq!(refused, Err(Rejection::PodUnreachable), "{host}");
    }
    // A name of the world that leads home is still none of this machine's.
    let refused = guard.addresses(&target("oak.example")).await;
    assert_eq!(refused, Err(Rejection::PodUnreachable));
    let found = guard.addresses(&target("oak.example")).await;
    assert_eq!(found, Ok(vec![([1, 1, 1, 1], 443).into()]));
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_is_not_public_left_out() {
    let (guard, names) = rebinding(&[
        &["127.0.0.1", "1.1.1.1", "fe80::1"],
        &["10.0.0.1", "::1"],
        &[],
    ]);
    let first = guard.addresses(&target("elm.example")).await;
    assert_eq!(first, Ok(vec![([1, 1, 1, 1], 443).into()]));
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
    let why = guard.connect(&target("elm.example")).await.err();
    assert_eq!(why, Some(Rejection::PodUnreachable));
    assert_eq!(names.asked.load(Ordering::Relaxed), 2);
    let why = guard.connect(&target("elm.example")).await.err();
    assert_eq!(why, Some(Rejection::NoSuchPod));
}

#[test]
fn an_address_of_a_seed_is_read_whole_or_not_at_all() {
    let at = |text: &str| Target::at(&text.parse().expect("an address"));
    let peer = "12D3KooWGjTBVpFKJ9rHmKd6AZSJuAbqEKwNH6H9JX6k6ihxAkDN";
    let oak = Some(target("oak.example"));
    assert_eq!(at("/dns4/oak.example/tcp/443/tls/ws"), oak);
    assert_eq!(at("/dns/OAK.example/tcp/443/wss"), oak);
    assert_eq!(
        at(&format!("/dns6/oak.example/tcp/443/tls/ws/p2p/{peer}")),
        oak
    );
    assert_eq!(at("/ip4/127.0.0.1/tcp/81/ws"), Some(target("127.0.0.1:81")));
    assert_eq!(at("/ip6/::1/tcp/81/ws"), Some(target("[::1]:81")));
    for other in [
        "/dns4/oak.example/tcp/443".to_owned(),
        "/dns4/oak.example/udp/443/quic-v1".to_owned(),
        "/dns4/oak.example/tcp/443/tls/sni/elm.example/ws".to_owned(),
        "/dns4/oak.example/tcp/443/x-parity-ws/%2Fadmin".to_owned(),
        "/dnsaddr/oak.example/tcp/443/tls/ws".to_owned(),
        "/ip4/1.1.1.1/ip4/127.0.0.1/tcp/443/ws".to_owned(),
        format!("/dns4/oak.example/tcp/443/tls/ws/p2p/{peer}/p2p-circuit"),
    ] {
        let Ok(address) = other.parse() else { continue };
        assert_eq!(Target::at(&address), None, "{other}");
    }
}

/// A server of `oak.example` as `tests/oak.der` has it, which says one word to each.
async fn oak() -> SocketAddr {
    let certificate = include_bytes!("tests/oak.der").as_slice().into();
    let key = PrivateKeyDer::try_from(include_bytes!("tests/oak.key").as_slice());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.expect("a key"))
        .expect("good");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Fails when it is not trusted.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                stream.write_all(b"acorn").await.expect("is heard");
                stream.shutdown().await.expect("is heard");
            }
        }
    });
    at
}

#[tokio::test]
async fn a_certificate_has_to_be_trusted_and_of_that_name() {
    let at = oak().await;
    let mut roots = RootCertStore::empty();
    let root = include_bytes!("tests/oak.der").as_slice().into();
    roots.add(root).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let world = Guard::new(Reach::Guarded).expect("can be made");
    let trusting = Guard {
        tls: Arc::new(config).into(),
        ..world.clone()
    };
    let secure = async |guard: &Guard, host: &str| {
        let stream = TcpStream::connect(at).await.expect("connects");
        guard.secure(&target(host), stream).await
    };
    let trusted = secure(&trusting, "oak.example").await;
    let mut stream = trusted.expect("trusted");
    let mut word = String::new();
    stream.read_to_string(&mut word).await.expect("is said");
    assert_eq!(word, "acorn");
    for (guard, host) in [
        (&trusting, "elm.example"),
        (&trusting, "1.1.1.1"),
        (&world, "oak.example"),
    ] {
        let why = secure(guard, host).await.err();
        assert_eq!(why, Some(Rejection::PodUnreachable), "{host}");
    }
}
