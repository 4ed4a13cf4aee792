//! What the port says to other pods, and how much of it to one address.

use std::time::{Duration, Instant};

use muttr_core::{
    limit,
    name::Host,
    wire::{
        self,
        fed::{Description, SignedDescription, SignedHandover},
    },
};
use muttr_pod::{
    Running,
    config::Rate,
    envoy::{Acquaintance, Envoy, Reach},
    serve,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{connect_async, tungstenite};

use super::{Answer, boot, config, get, request};

const NOTIFY: &str = "/fed/v1/notify";

fn code(answer: &Answer) -> String {
    let told: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    let message = told["message"].as_str().expect("a sentence");
    assert!(message.ends_with('.'), "{message}");
    told["code"].as_str().expect("a code").to_owned()
}

fn post(kind: &str, length: usize) -> String {
    format!(
        "POST {NOTIFY} HTTP/1.1\r\nhost: mallory\r\nconnection: close\r\n\
         content-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_wrongly_has_a_code() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let large = limit::HANDOVER_BYTES_MAX + 1;
    for (kind, length, status, expected) in [
        ("application/json", 2, 400, "MALFORMED"),
        ("text/plain", 2, 400, "MALFORMED"),
        ("application/cbor", large, 413, "TOO_LARGE"),
    ] {
        let asked = [post(kind, length).into_bytes(), vec![b'x'; length]].concat();
        let answer = request(pod.addr(), &asked).await;
        assert_eq!((answer.status, code(&answer)), (status, expected.into()));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    let unspecified = format!("POST {NOTIFY} HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n");
    let answer = request(pod.addr(), unspecified.as_bytes()).await;
    assert_eq!((answer.status, code(&answer)), (400, "MALFORMED".into()));
    assert_eq!(get(pod.addr(), NOTIFY).await.status, 405);

    // Who begins and does not go on is not waited for.
    let began = Instant::now();
    let answer = request(pod.addr(), post("application/cbor", 100).as_bytes()).await;
    assert_eq!((answer.status, code(&answer)), (504, "TIMED_OUT".into()));
    let most = Duration::from_millis(limit::POD_ANSWER_MS_MAX + 1000);
    assert!(began.elapsed() < most, "{:?}", began.elapsed());
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_has_a_code() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let nobodys = wire::encode(&SignedHandover {
        handover: vec![0; 100],
        signature: vec![0; 64],
        record: vec![0; 100],
        stamp: vec![0; 8],
    });
    for body in [Vec::new(), vec![0xFF; 100], nobodys] {
        let asked = [post("application/cbor", body.len()).into_bytes(), body].concat();
        let answer = request(pod.addr(), &asked).await;
        assert_eq!((answer.status, code(&answer)), (400, "MALFORMED".into()));
    }
    assert_eq!(get(pod.addr(), "/healthz").await.status, 200);
    pod.stop().await;
}

/// A pod that may know others on this machine.
async fn neighbour(folder: &TempDir, known: &[&Host]) -> Running {
    let mut config = config(folder);
    config.reach = Reach::Loopback;
    config.known_pods = known.iter().map(|host| (*host).clone()).collect();
    config.metrics = Some(([127, 0, 0, 1], 0).into());
    let mut pod = serve(config).await.expect("starts");
    pod.ready().await;
    pod
}

/// Waits until it names so many other pods to seeds.
async fn names(envoy: &Envoy, pod: &Running, pods: usize) -> Vec<Acquaintance> {
    for _ in 0..200 {
        let about = envoy.about(pod.host()).await.expect("answers");
        if about.pods.len() >= pods {
            return about.pods;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} does not get to know {pods}", pod.host());
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_get_to_know_each_other_and_are_linked() {
    let folders = [(); 3].map(|()| TempDir::new().expect("a folder"));
    let [oaks, elms, ashes] = &folders;
    let envoy = Envoy::new(Reach::Loopback).expect("can be made");
    let oak = neighbour(oaks, &[]).await;
    let elm = neighbour(elms, &[oak.host()]).await;
    names(&envoy, &elm, 1).await;
    let ash = neighbour(ashes, &[elm.host()]).await;
    for pod in [&oak, &elm, &ash] {
        let signed = envoy.describe(pod.host()).await.expect("describes itself");
        let signed: SignedDescription = wire::decode(&signed, 1 << 20).expect("is one");
        let description: Description = wire::decode(&signed.description, 1 << 20).expect("is one");
        assert_eq!(description.host, *pod.host());
    }
    // The chain: ash knows elm, and learns of oak from it.
    let known = names(&envoy, &ash, 2).await;
    let own = envoy.about(oak.host()).await.expect("answers");
    let found = known.iter().find(|pod| pod.seed == own.seed);
    assert_eq!(found.map(|pod| &pod.addresses), Some(&own.addresses));
    // And their seeds are linked, which takes dialling.
    let mut figures = String::new();
    for _ in 0..200 {
        figures = get(ash.metrics().expect("tells"), "/metrics").await.body;
        if figures.contains("muttr_links 2") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let wanted = ["muttr_links 2", "muttr_pods 2", "what=\"met\",code=\"\"} 2"];
    for line in wanted {
        assert!(figures.contains(line), "{line}: {figures}");
    }
    for pod in [oak, elm, ash] {
        pod.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_any_origin_may_hand_over() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let asked = format!(
        "OPTIONS {NOTIFY} HTTP/1.1\r\nhost: m\r\nconnection: close\r\norigin: https://elm.example\
         \r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: content-type\r\n\r\n"
    );
    let answer = request(pod.addr(), asked.as_bytes()).await;
    assert_eq!(answer.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "content-type"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_so_much_and_another_as_much_again() {
    const FEW: Rate = Rate { burst: 3, per_s: 1 };
    let folder = TempDir::new().expect("a folder");
    let mut config = config(&folder);
    config.rates.sockets = FEW;
    config.rates.lookups = FEW;
    config.rates.handovers = FEW;
    let mut pod = serve(config).await.expect("starts");
    pod.ready().await;
    let ask = async |head: &str, from: &str| {
        let asked = format!(
            "{head} HTTP/1.1\r\nhost: m\r\nconnection: close\r\nx-forwarded-for: {from}\r\n\r\n"
        );
        let answer = request(pod.addr(), asked.as_bytes()).await;
        (answer.status, code(&answer))
    };
    let limited = (429, "RATE_LIMITED".to_owned());
    for (head, usual) in [
        ("GET /api/v1/alias/bob", (404, "NOT_FOUND".to_owned())),
        ("POST /fed/v1/notify", (400, "MALFORMED".to_owned())),
    ] {
        // What one person can choose from freely counts as one.
        for from in ["2001:db8::1", "2001:db8::2", "2001:db8::3:4"] {
            assert_eq!(ask(head, from).await, usual, "{head} {from}");
        }
        assert_eq!(ask(head, "2001:db8::5").await, limited, "{head}");
        assert_eq!(ask(head, "2001:db8:0:1::1").await, usual, "{head}");
        assert_eq!(ask(head, "192.0.2.1").await, usual, "{head}");
    }
    let url = |path: &str| format!("ws://{}{path}", pod.addr());
    let mut open = Vec::new();
    for path in ["/channel", "/", "/channel"] {
        open.push(connect_async(url(path)).await.expect("opens"));
    }
    let refused = connect_async(url("/channel")).await.err();
    assert!(
        matches!(&refused, Some(tungstenite::Error::Http(answer)) if answer.status() == 429),
        "{refused:?}"
    );
    // The page is for everybody.
    assert_eq!(get(pod.addr(), "/").await.status, 200);
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_override_the_page_may_speak_to_pods_on_this_machine() {
    for (reach, expected) in [(Reach::Guarded, false), (Reach::Loopback, true)] {
        let folder = TempDir::new().expect("a folder");
        let mut config = config(&folder);
        config.host = Some("oak.example".parse().expect("a host"));
        config.reach = reach;
        let pod = serve(config).await.expect("starts");
        let page = get(pod.addr(), "/").await;
        let policy = page.header("content-security-policy").expect("a policy");
        let local = "http://localhost:* ws://localhost:* http://127.0.0.1:* ws://127.0.0.1:*";
        assert_eq!(policy.contains(local), expected, "{policy}");
        pod.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_mallory_does_not_finish_ends() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let mut mallory = TcpStream::connect(pod.addr()).await.expect("connects");
    mallory.write_all(b"GET / HT").await.expect("sends");
    let mut answer = Vec::new();
    let ended = mallory.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .expect("the pod ends it")
        .expect("ends in order");
    pod.stop().await;
}
