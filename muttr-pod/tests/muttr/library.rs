//! Native seeds in one process, without a command line.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use muttr_core::{
    limit,
    name::Label,
    seed::{Draft, Status},
};
use muttr_pod::seed::{Config, Failure, PodUrl, Running, keys, start};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{PATIENCE, boot};

async fn seed(folder: &TempDir, url: &PodUrl, name: &str, keeps: bool) -> Running {
    let data_dir = folder.path().join(name);
    keys::create(&data_dir, None).expect("makes a key");
    let identity = keys::load(&data_dir, None).expect("loads it");
    let config = Config {
        keep_bytes_max: keeps.then_some(1 << 20),
        listen: keeps.then(|| ([127, 0, 0, 1], 0).into()),
        ..Config::new(data_dir, vec![url.clone()], Some(identity))
    };
    let seed = start(config).await.expect("starts");
    seed.online().await.expect("finds the pod");
    let label: Label = name.parse().expect("a label");
    seed.register(label).await.expect("registers");
    seed
}

fn draft(to: &Running, text: &str) -> Draft {
    Draft {
        to: to.view().alias.expect("registered"),
        content_type: "text/plain".into(),
        body: text.into(),
        reply_to: None,
        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
    }
}

/// Together they write more than the pod pushes before the first is acknowledged, and each no more
/// than anybody may write at once.
const AUTHORS: [&str; 4] = ["alice", "carol", "dave", "erin"];
const EACH: usize = 18;
const _: () = assert!(AUTHORS.len() * EACH > limit::PLAYBACK_WINDOW);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_takes_over_all_that_waits() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let url: PodUrl = format!("http://{}", pod.host())
        .parse()
        .expect("an address");
    let authors = AUTHORS.map(|name| seed(&folder, &url, name, false));
    let authors = join_all(authors).await;
    let bob = seed(&folder, &url, "bob", false).await;
    let texts: Vec<String> = (0..AUTHORS.len() * EACH)
        .map(|number| number.to_string())
        .collect();
    let drafts: Vec<Draft> = texts.iter().map(|text| draft(&bob, text)).collect();
    bob.stop().await;
    let writing = drafts.into_iter().zip(authors.iter().cycle());
    for delivery in join_all(writing.map(|(draft, author)| author.deliver(draft))).await {
        delivery.expect("is delivered");
    }

    let data_dir = folder.path().join("bob");
    let identity = keys::load(&data_dir, None).expect("loads it");
    let bob = start(Config::new(data_dir, Vec::new(), Some(identity)))
        .await
        .expect("starts");
    bob.online().await.expect("finds the pod");
    timeout(PATIENCE, bob.drained())
        .await
        .expect("in time")
        .expect("takes over");
    let read = bob.inbox().await.expect("reads");
    let read: BTreeSet<&[u8]> = read.iter().map(|message| message.body.as_slice()).collect();
    assert_eq!(read, texts.iter().map(String::as_bytes).collect());
    bob.stop().await;
    for author in authors {
        author.stop().await;
    }
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_that_listen_keep_what_others_send() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let url: PodUrl = format!("http://{}", pod.host())
        .parse()
        .expect("an address");
    let mut keepers = Vec::new();
    for name in ["k0", "k1", "k2"] {
        let keeper = seed(&folder, &url, name, true).await;
        assert_eq!(keeper.addresses().len(), 1);
        keepers.push(keeper);
    }
    let alice = seed(&folder, &url, "alice", false).await;
    let bob = seed(&folder, &url, "bob", false).await;
    assert!(alice.addresses().is_empty());
    // Until they know of each other.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let mut arrivals = bob.arrivals();
    let delivery = alice
        .deliver(draft(&bob, "hello"))
        .await
        .expect("is delivered");
    assert!(delivery.status >= Status::Notified);
    let message = timeout(PATIENCE, arrivals.next())
        .await
        .expect("in time")
        .expect("comes");
    assert_eq!(message.body, b"hello");
    bob.advance(&message).await.expect("is noted");
    assert!(bob.inbox().await.expect("reads").is_empty());
    assert!(delivery.seeds > 0, "{delivery:?}");
    let held = keepers.iter().map(|keeper| keeper.view().held.0);
    assert!(held.sum::<u64>() > 0);

    let taken = start(Config::new(
        folder.path().join("bob"),
        vec![url.clone()],
        None,
    ))
    .await;
    assert!(matches!(taken, Err(Failure::InUse(_))));
    bob.stop().await;
    let again = start(Config::new(folder.path().join("bob"), Vec::new(), None)).await;
    again.expect("the pod is remembered").stop().await;
    for seed in keepers.into_iter().chain([alice]) {
        seed.stop().await;
    }
    pod.stop().await;
}
