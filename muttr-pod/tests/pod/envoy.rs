//! What a pod asks other pods, when one of them is mallory's.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::future::BoxFuture;
use libp2p::Multiaddr;
use muttr_core::{
    limit,
    name::{Host, Label, SeedId},
    pod::Call,
    rejection::Rejection,
    wire::{
        self,
        fed::{Description, SignedDescription},
    },
};
use muttr_pod::envoy::{Envoy, Names, Reach};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{boot, config};

/// How mallory answers.
#[derive(Clone)]
enum Says {
    Nothing,
    Once(String),
    /// Byte by byte.
    Slowly(String),
    /// The first, and then the second without end.
    Endlessly(String, String),
}

impl Says {
    async fn to(self, mut stream: TcpStream) -> std::io::Result<()> {
        // The question, or as much of it as fits.
        let _ = stream.read(&mut [0; 1024]).await?;
        match self {
            Self::Nothing => std::future::pending::<()>().await,
            Self::Once(text) => stream.write_all(text.as_bytes()).await?,
            Self::Slowly(text) => {
                for byte in text.bytes() {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Self::Endlessly(first, more) => {
                stream.write_all(first.as_bytes()).await?;
                loop {
                    stream.write_all(more.as_bytes()).await?;
                }
            }
        }
        Ok(())
    }
}

/// A pod of mallory's, and how often it was connected to.
async fn mallory(says: Says) -> (Host, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            // Fails when whoever asked has heard enough.
            tokio::spawn(says.clone().to(stream));
        }
    });
    let host = format!("localhost:{port}");
    (host.parse().expect("a host"), asked)
}

fn envoy() -> Envoy {
    Envoy::new(Reach::Loopback).expect("can be made")
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_to_come_whole_soon_and_small() {
    let most = limit::POD_ANSWER_BYTES_MAX;
    let huge = "x".repeat(most + 1);
    let piece = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let lying = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let (slow, large) = (Rejection::TimedOut, Rejection::TooLarge);
    let label = "alice".parse().expect("a label");
    for (says, why) in [
        (Says::Nothing, slow),
        (Says::Slowly(ok(&"x".repeat(1000))), slow),
        (Says::Once(ok(&huge)), large),
        (Says::Endlessly(lying.into(), huge.clone()), large),
        (Says::Endlessly(chunked.into(), piece), large),
        (
            Says::Endlessly("HTTP/1.1 200 OK\r\nx: ".into(), huge.clone()),
            large,
        ),
    ] {
        let (host, _) = mallory(says).await;
        let began = Instant::now();
        let refused = envoy().resolve(&host, &label).await;
        assert_eq!(refused.err(), Some(why));
        let most = Duration::from_millis(limit::POD_ANSWER_MS_MAX + 1000);
        assert!(began.elapsed() < most, "{:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_leads_nowhere() {
    let (inside, asked) = mallory(Says::Once(ok("{}"))).await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let away =
            format!("HTTP/1.1 {status}\r\nlocation: http://{inside}/\r\ncontent-length: 0\r\n\r\n");
        let (host, _) = mallory(Says::Once(away)).await;
        assert_eq!(envoy().describe(&host).await, Err(Rejection::Malformed));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_a_code_whoever_says_it() {
    let full = r#"{"code":"MAILBOX_FULL","message":"…"}"#;
    for (status, body, why) in [
        (507, full, Rejection::MailboxFull),
        (404, r#"{"code":"NOT_FOUND"}"#, Rejection::NotFound),
        (404, r#"{"code":"SOMETHING_ELSE"}"#, Rejection::Malformed),
        (404, "<h1>not a pod</h1>", Rejection::Malformed),
        (502, "<h1>nginx</h1>", Rejection::PodUnreachable),
        (429, "", Rejection::RateLimited),
        (204, "", Rejection::Malformed),
    ] {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: {length}\r\n\r\n{body}");
        let (host, _) = mallory(Says::Once(answer)).await;
        let label: Label = "alice".parse().expect("a label");
        let refused = envoy().resolve(&host, &label).await;
        assert_eq!(refused.err(), Some(why), "{status} {body}");
        // A machine that asks is never told to give up because of what is no code.
        let call = Call::Resolve(label);
        let refused = envoy().call(&host, call).await.err();
        let nonsense = why == Rejection::Malformed;
        let why = if nonsense {
            Rejection::PodDishonest
        } else {
            why
        };
        assert_eq!(refused, Some(why), "{status} {body}");
    }
    // What is no code says nothing of what was handed over: it stays to be tried again.
    for (answer, why) in [
        (
            "HTTP/1.1 400 No\r\ncontent-length: 20\r\n\r\n{\"code\":\"MALFORMED\"}",
            Rejection::Malformed,
        ),
        (
            "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
            Rejection::PodDishonest,
        ),
        ("SSH-2.0-OpenSSH\r\n", Rejection::PodDishonest),
    ] {
        let (host, _) = mallory(Says::Once(answer.into())).await;
        let refused = envoy().notify(&host, vec![0; 10]).await;
        assert_eq!(refused, Err(why), "{answer}");
    }
    for nonsense in ["SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\n\r\nnot JSON"] {
        let (host, _) = mallory(Says::Once(nonsense.into())).await;
        let refused = envoy().describe(&host).await;
        assert_eq!(refused, Err(Rejection::Malformed), "{nonsense}");
    }
}

/// What a pod would say of itself, but for the signature.
fn description(host: &Host, addresses: &[&str]) -> (String, Vec<u8>) {
    let addresses = addresses.iter().map(|address| {
        let address: Multiaddr = address.parse().expect("an address");
        address.to_vec().into()
    });
    let description = Description {
        host: host.clone(),
        certificate: vec![1; 100],
        seed: SeedId([2; 32]),
        addresses: addresses.collect(),
        knows: Vec::new(),
        run: 1,
        at_ms: 1,
        not_after_ms: 2,
    };
    let signed = wire::encode(&SignedDescription {
        description: wire::encode(&description),
        signature: vec![3; 64],
        succession: Vec::new(),
    });
    let told = serde_json::json!({
        "version": 1,
        "host": host.as_str(),
        "seed": "…",
        "addresses": [],
        "channel": "/channel",
        "certificate": "",
        "signed": STANDARD.encode(&signed),
    });
    (ok(&told.to_string()), signed)
}

/// Answers with what `says` makes of the name that mallory's pod got.
async fn described(says: impl Fn(&Host) -> String) -> (Host, Result<Vec<u8>, Rejection>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let host: Host = format!("localhost:{port}").parse().expect("a host");
    let answer = Says::Once(says(&host));
    let answering = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("is asked");
        answer.to(stream).await
    });
    let described = envoy().describe(&host).await;
    answering.await.expect("ends").expect("is heard");
    (host, described)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_names_the_pod_and_addresses_that_follow_from_its_name() {
    let own = |host: &Host| {
        let port = host.as_str().rsplit_once(':').expect("a port").1;
        format!("/dns4/localhost/tcp/{port}/ws")
    };
    let (host, signed) = described(|host| description(host, &[&own(host)]).0).await;
    assert_eq!(signed, Ok(description(&host, &[&own(&host)]).1));

    let oak: Host = "oak.example".parse().expect("a host");
    let (_, other) = described(|_| description(&oak, &[]).0).await;
    assert_eq!(other, Err(Rejection::Malformed), "another pod's name");
    for elsewhere in [
        "/ip4/10.0.0.1/tcp/443/tls/ws",
        "/dns4/localhost/tcp/22/ws",
        "/dns4/elm.example/tcp/443/tls/ws",
    ] {
        let both = |host: &Host| description(host, &[&own(host), elsewhere]).0;
        let (_, refused) = described(both).await;
        assert_eq!(refused, Err(Rejection::Malformed), "{elsewhere}");
    }
    let (_, nothing) = described(|_| ok("{}")).await;
    assert_eq!(nothing, Err(Rejection::Malformed));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_override_nobody_here_is_asked() {
    let (host, asked) = mallory(Says::Once(ok("{}"))).await;
    let guarded = Envoy::new(Reach::Guarded).expect("can be made");
    let port = host.as_str().rsplit_once(':').expect("a port").1;
    for name in ["localhost", "127.0.0.1", "[::1]", "oak.localhost"] {
        let host: Host = format!("{name}:{port}").parse().expect("a host");
        let refused = guarded.describe(&host).await;
        assert_eq!(refused, Err(Rejection::PodUnreachable), "{host}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

/// Whose answers change.
struct Rebinding(AtomicUsize);

impl Names for Rebinding {
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match (name, turn) {
                ("nobody.example", _) => Err(std::io::ErrorKind::NotFound.into()),
                (_, 0) => Ok(vec!["10.0.0.1".parse().expect("an address")]),
                _ => Ok(vec!["127.0.0.1".parse().expect("an address")]),
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_inside_is_not_followed() {
    let names = Arc::new(Rebinding(AtomicUsize::new(0)));
    for reach in [Reach::Guarded, Reach::Loopback] {
        let envoy = Envoy::with_names(reach, names.clone()).expect("can be made");
        for (name, why) in [
            ("oak.example", Rejection::PodUnreachable),
            ("nobody.example", Rejection::NoSuchPod),
        ] {
            let host = name.parse().expect("a host");
            assert_eq!(envoy.describe(&host).await, Err(why), "{name}");
        }
    }
    assert_eq!(names.0.load(Ordering::Relaxed), 4, "each asked once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_tells_a_pod_what_it_tells_everybody() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let about = envoy().about(pod.host()).await.expect("answers");
    assert_eq!(about.host, pod.host().as_str());
    assert_eq!((about.policy.as_str(), about.pods.len()), ("open", 0));
    assert_eq!(about.limits.handover_bytes_max, limit::HANDOVER_BYTES_MAX);
    let label = "bob".parse().expect("a label");
    let nobody = envoy().resolve(pod.host(), &label).await;
    assert_eq!(nobody.err(), Some(Rejection::NotFound));
    let host = pod.host().clone();
    pod.stop().await;
    let down = envoy().describe(&host).await;
    assert_eq!(down, Err(Rejection::PodUnreachable));

    let mut listed = config(&folder);
    listed
        .policy
        .allow
        .push("oak.example".parse().expect("a host"));
    let mut pod = muttr_pod::serve(listed).await.expect("starts");
    pod.ready().await;
    let about = envoy().about(pod.host()).await.expect("answers");
    assert_eq!(about.policy, "listed");
    pod.stop().await;
}
