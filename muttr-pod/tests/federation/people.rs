//! People and their seeds, which speak to pods that are processes.

use std::time::Duration;

use muttr_core::{
    limit,
    name::{Alias, Label},
    seed::{Draft, Message},
};
use muttr_pod::seed::{Config, Running, keys, start};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{PATIENCE, Pod};

/// What a person's seed at this pod is started with; the key is made the first time.
pub(super) fn seed_of(folder: &TempDir, pod: &Pod, name: &str) -> Config {
    let data_dir = folder.path().join(name);
    if keys::load(&data_dir, None).is_err() {
        keys::create(&data_dir, None).expect("makes a key");
    }
    let identity = keys::load(&data_dir, None).expect("loads it");
    let url = format!("http://{}", pod.name());
    let url = url.parse().expect("an address");
    Config::new(data_dir, vec![url], Some(identity))
}

pub(super) async fn comes(config: Config) -> Running {
    let seed = start(config).await.expect("starts");
    let online = timeout(PATIENCE, seed.online()).await;
    online.expect("in time").expect("finds the pod");
    seed
}

/// Somebody who has an alias, the name of their folder.
pub(super) async fn registered(config: Config) -> Running {
    let name = config.data_dir.file_name().expect("has a name");
    let label: Label = name.to_string_lossy().parse().expect("a label");
    let seed = comes(config).await;
    seed.register(label).await.expect("registers");
    seed
}

pub(super) async fn person(folder: &TempDir, pod: &Pod, name: &str) -> Running {
    registered(seed_of(folder, pod, name)).await
}

pub(super) fn own(seed: &Running) -> Alias {
    seed.view().alias.expect("registered")
}

pub(super) fn draft(to: Alias, text: &str) -> Draft {
    Draft {
        to,
        content_type: "text/plain".into(),
        body: text.into(),
        reply_to: None,
        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
    }
}

/// Waits until so many messages have arrived, a little longer for any too many, and yields them.
pub(super) async fn reads(seed: &Running, messages: usize) -> Vec<Message> {
    let mut arrivals = seed.arrivals();
    for number in 0..messages {
        let next = timeout(PATIENCE, arrivals.next()).await;
        next.unwrap_or_else(|_| panic!("{number} of {messages} came"))
            .expect("comes");
    }
    sleep(Duration::from_millis(1_500)).await;
    let read = seed.inbox().await.expect("reads");
    assert_eq!(read.len(), messages, "{read:?}");
    for message in &read {
        assert!(message.verified, "{message:?}");
    }
    read
}
