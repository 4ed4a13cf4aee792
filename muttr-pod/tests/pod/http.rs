//! What the port says to people, pages and mallory.

use futures::{SinkExt as _, StreamExt as _};
use tempfile::TempDir;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::{boot, config, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_describes_itself() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let answer = get(pod.addr(), "/.well-known/muttr").await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, Some("*"))
    );
    let told: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    let port = pod.addr().port();
    assert_eq!(told["version"], 1);
    assert_eq!(
        told["host"],
        format!("localhost:{port}"),
        "never what a request says"
    );
    assert_eq!(
        told["addresses"],
        serde_json::json!([format!("/dns4/localhost/tcp/{port}/ws")])
    );
    assert_eq!(told["channel"], "/channel");
    assert!(
        told["seed"]
            .as_str()
            .is_some_and(|seed| seed.starts_with("12D3Koo"))
    );
    assert!(
        told["certificate"]
            .as_str()
            .is_some_and(|certificate| certificate.len() > 1000)
    );

    pod.stop().await;
    let again = boot(&folder).await;
    let answer = get(again.addr(), "/.well-known/muttr").await;
    let now: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(
        (&now["seed"], &now["certificate"]),
        (&told["seed"], &told["certificate"])
    );
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_its_absence() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    assert_eq!(get(pod.addr(), "/healthz").await.status, 200);
    assert_eq!(get(pod.addr(), "/readyz").await.status, 200);
    let page = get(pod.addr(), "/").await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page
        .header("content-security-policy")
        .expect("has a policy");
    assert!(
        policy.contains("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'"),
        "{policy}"
    );
    let missing = get(pod.addr(), "/assets/nothing.js").await;
    assert_eq!(
        (missing.status, missing.header("content-security-policy")),
        (404, None)
    );
    assert_eq!(get(pod.addr(), "/../../etc/passwd").await.status, 404);
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_is_not_there_has_a_code() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    for (label, status, code) in [
        ("bob", 404, "NOT_FOUND"),
        ("B%20b", 400, "ALIAS_INVALID"),
        ("-", 400, "ALIAS_INVALID"),
    ] {
        let answer = get(pod.addr(), &format!("/api/v1/alias/{label}")).await;
        let told: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(
            (answer.status, &told["code"]),
            (status, &code.into()),
            "{label}"
        );
        assert!(
            told["message"]
                .as_str()
                .is_some_and(|message| message.ends_with('.'))
        );
    }
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mallory_on_a_channel_harms_only_herself() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let url = format!("ws://{}/channel", pod.addr());
    for message in [
        Message::Text("hello".into()),
        Message::Binary(vec![0; 10].into()),
        Message::Binary(vec![0; 70_000].into()),
        Message::Close(None),
    ] {
        let (mut socket, _) = connect_async(&url).await.expect("opens");
        // Refusing may come before all is sent.
        let _ = socket.send(message).await;
        let closed = async { while let Some(Ok(_)) = socket.next().await {} };
        let patience = std::time::Duration::from_secs(15);
        tokio::time::timeout(patience, closed)
            .await
            .expect("the pod closes it");
    }
    let (mut socket, _) = connect_async(format!("ws://{}/", pod.addr()))
        .await
        .expect("opens");
    socket
        .send(Message::Text("not libp2p".into()))
        .await
        .expect("sends");
    while let Some(Ok(_)) = socket.next().await {}
    assert_eq!(get(pod.addr(), "/healthz").await.status, 200);
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pods_do_not_share_a_folder() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let second = muttr_pod::serve(config(&folder))
        .await
        .expect_err("the folder is taken");
    assert_eq!(second.exit_code(), 4);
    assert!(second.to_string().contains("another pod"), "{second}");
    // With a channel open: it is closed, not waited for.
    let url = format!("ws://{}/channel", pod.addr());
    let (socket, _) = connect_async(url).await.expect("opens");
    let stopped = tokio::time::timeout(std::time::Duration::from_secs(2), pod.stop()).await;
    stopped.expect("stops in time");
    drop(socket);
    boot(&folder).await.stop().await;
}
