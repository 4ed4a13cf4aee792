//! Native seeds in one process, without a command line.

use std::time::Duration;

use muttr_core::{
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

    let draft = |text: &str| Draft {
        to: bob.view().alias.expect("registered"),
        content_type: "text/plain".into(),
        body: text.into(),
        reply_to: None,
        life_ms: muttr_core::limit::RECORD_LIFE_DEFAULT_MS,
    };
    let mut arrivals = bob.arrivals();
    let delivery = alice.deliver(draft("hello")).await.expect("is delivered");
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
