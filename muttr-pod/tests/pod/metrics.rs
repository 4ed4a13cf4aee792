//! Figures: there, and of nobody.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    time::Duration,
};

use futures::{SinkExt as _, StreamExt as _};
use tempfile::TempDir;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::{
    boot,
    command::{command, signal},
    config, get, request,
};

#[tokio::test(flavor = "multi_thread")]
async fn figures_have_names_and_codes() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    assert_eq!(pod.metrics(), None, "off by default");
    assert_eq!(get(pod.addr(), "/metrics").await.status, 404);
    pod.stop().await;

    let mut config = config(&folder);
    config.metrics = Some(([127, 0, 0, 1], 0).into());
    let mut pod = muttr_pod::serve(config).await.expect("starts");
    pod.ready().await;
    let at = pod.metrics().expect("it tells");
    assert_eq!(get(pod.addr(), "/metrics").await.status, 404, "not there");
    assert_eq!(get(pod.addr(), "/api/v1/alias/bob").await.status, 404);
    let (_channel, _) = connect_async(format!("ws://{}/channel", pod.addr()))
        .await
        .expect("opens");
    let mut text = String::new();
    for _ in 0..50 {
        let answer = get(at, "/metrics").await;
        assert_eq!(answer.status, 200);
        let kind = answer.header("content-type").expect("a type");
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        text = answer.body;
        if text.contains("muttr_channels 1") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for line in [
        "# TYPE muttr_channels gauge",
        "muttr_channels 1",
        "muttr_sessions 0",
        "muttr_aliases 0",
        "muttr_mailboxes 0",
        "muttr_notifications 0",
        "muttr_records 0",
        "muttr_record_bytes 0",
        "muttr_seeds 0",
        "muttr_links 0",
        "muttr_pods 0",
        "muttr_outgoing 0",
        "muttr_watched 0",
        "muttr_lost 0",
        "# TYPE muttr_http_refusals_total counter",
        "muttr_http_refusals_total{code=\"NOT_FOUND\"} 1",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}: {text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').expect("a value");
        value.parse::<u64>().expect("a number");
    }
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_figures_nor_log_tell_of_anybody() {
    let folder = TempDir::new().expect("a folder");
    let mut serve = command(&folder);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--stun", "off"]);
    serve.args(["--metrics", "127.0.0.1:0", "--log", "debug"]);
    let mut pod = serve.spawn().expect("starts");
    let mut lines = BufReader::new(pod.stdout.take().expect("is piped"));
    let mut log = BufReader::new(pod.stderr.take().expect("is piped"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("says where it listens");
    let addr = first.trim_end().strip_prefix("listening on http://");
    let addr = addr.and_then(|addr| addr.parse().ok()).expect("an address");
    // Where it tells figures, the log says.
    let (mut said, mut at) = (String::new(), None);
    while at.is_none() {
        assert!(log.read_line(&mut said).expect("reads") > 0, "{said}");
        let last = said.lines().last().unwrap_or_default();
        let told = last.split_once("tells figures").map(|(_, rest)| rest);
        at = told.and_then(|told| told.split_once("address=")?.1.trim().parse().ok());
    }

    // Until everything is read, nobody is answered but with BUSY.
    while get(addr, "/healthz").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let secret = "eve-who-is-not-there";
    let path = format!("/api/v1/alias/{secret}");
    assert_eq!(get(addr, &path).await.status, 404);
    let body = format!("{secret}@oak.example");
    let length = body.len();
    let post = format!(
        "POST /fed/v1/notify HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\
         content-type: text/plain\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    assert_eq!(request(addr, post.as_bytes()).await.status, 400);
    let (mut channel, _) = connect_async(format!("ws://{addr}/channel"))
        .await
        .expect("opens");
    let message = Message::Binary(body.clone().into_bytes().into());
    channel.send(message).await.expect("sends");
    while let Some(Ok(_)) = channel.next().await {}

    let figures = get(at.expect("is told"), "/metrics").await.body;
    assert!(figures.contains("NOT_FOUND") && figures.contains("muttr_channels_closed_total"));
    signal(&pod, "-TERM");
    log.read_to_string(&mut said).expect("reads");
    assert!(pod.wait().expect("ends").success(), "{said}");
    // What happened is there, at the latest when the pod stops.
    assert!(
        said.contains("requests refused") && said.contains("NOT_FOUND"),
        "{said}"
    );
    assert!(
        !said.contains(secret) && !figures.contains(secret),
        "{said}"
    );
}
