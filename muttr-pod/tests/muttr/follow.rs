//! Somebody who follows their inbox is killed, and nothing is lost or shown twice.

use std::{collections::BTreeSet, time::Duration};

use tempfile::TempDir;

use super::{Person, boot, boot_at};

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_killed_loses_nothing_and_shows_nothing_twice() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;

    let mut shown = Vec::new();
    let mut follower = bob.follows();
    for round in 0..3 {
        alice
            .sends(&bob, &format!("while bob reads, {round}"))
            .await;
        shown.push(follower.next().await);
        // What was printed is written down as printed right after.
        tokio::time::sleep(Duration::from_millis(500)).await;
        follower.kill();
        alice
            .sends(&bob, &format!("while bob is dead, {round}"))
            .await;
        follower = bob.follows();
        shown.push(follower.next().await);
    }
    assert!(follower.end("-INT").success());
    let texts: Vec<&str> = shown
        .iter()
        .filter_map(|line| line["text"].as_str())
        .collect();
    let expected: Vec<String> = (0..3)
        .flat_map(|round| ["reads", "is dead"].map(|how| format!("while bob {how}, {round}")))
        .collect();
    assert_eq!(texts, expected);
    assert!(bob.reads().await.is_empty());
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_killed_at_any_moment_loses_nothing() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;
    let sending = async {
        let mut ids = BTreeSet::new();
        for number in 0..8 {
            let delivery = alice.sends(&bob, &number.to_string()).await;
            ids.insert(delivery["id"].as_str().expect("an id").to_owned());
        }
        ids
    };
    let reading = async {
        let (mut ids, mut lines, mut kills) = (BTreeSet::new(), 0, 0);
        let mut see = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            ids.insert(line["id"].as_str().expect("an id").to_owned());
            lines += 1;
        };
        for pause_ms in [150, 310, 90, 700, 230, 1_100] {
            let mut follower = bob.follows();
            let until = tokio::time::sleep(Duration::from_millis(pause_ms));
            tokio::pin!(until);
            loop {
                tokio::select! {
                    line = follower.lines.recv() => {
                        see(&line.expect("is not the end"));
                    }
                    () = &mut until => break,
                }
            }
            follower.kill();
            kills += 1;
            // What it printed lies in the pipe, and was seen.
            while let Some(line) = follower.lines.recv().await {
                see(&line);
            }
        }
        (ids, lines, kills)
    };
    let (sent, (mut read, mut lines, kills)) = tokio::join!(sending, reading);
    for line in bob.reads().await {
        read.insert(line["id"].as_str().expect("an id").to_owned());
        lines += 1;
    }
    assert_eq!(read, sent);
    assert!(
        lines <= sent.len() + kills,
        "at most the one being printed is printed again"
    );
    assert!(bob.reads().await.is_empty());
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_waits_for_a_pod_that_is_away() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;
    let port = pod.addr().port();
    pod.stop().await;
    let mut follower = bob.follows();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let pod = boot_at(&folder, port).await;
    alice.sends(&bob, "the pod is back").await;
    assert_eq!(follower.next().await["text"], "the pod is back");
    follower.kill();
    pod.stop().await;
}
