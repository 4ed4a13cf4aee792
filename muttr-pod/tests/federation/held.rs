//! A message that no pod has any more is with the seeds of both.

use std::{path::Path, time::Duration};

use futures::future::join_all;
use muttr_core::machine::{Batch, Kept, Scan, Table, Write};
use muttr_pod::{
    seed::{Config, Running},
    store::{Done, Op, Store as _, sqlite::Sqlite},
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{PATIENCE, Pod, comes, draft, own, person, reads, registered, seed_of};

/// Somebody who listens, and keeps records for others.
async fn keeper(folder: &TempDir, pod: &Pod, name: &str) -> Running {
    let config = Config {
        keep_bytes_max: Some(1 << 20),
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..seed_of(folder, pod, name)
    };
    registered(config).await
}

/// Deletes every record of a pod that does not run; yields how many there were.
async fn forget_all(data_dir: &Path) -> usize {
    let database = data_dir.join("pod.db");
    let mut store = Sqlite::open(&database, None).await.expect("opens");
    let all = Op::Recall(Scan::all(Table::Record, Vec::new(), 1_000));
    let Some(Done::Recalled(Some(rows))) = store.run(&[all]).await.pop() else {
        panic!("the rows cannot be read");
    };
    let count = rows.len();
    let delete = |row: muttr_core::machine::Row| Write::Delete(Table::Record, row.key);
    let batch = Batch {
        needs: Vec::new(),
        writes: rows.into_iter().map(delete).collect(),
    };
    let done = store.run(&[Op::Keep(batch)]).await;
    assert_eq!(done, [Done::Kept(Kept::Ok)]);
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_fetched_from_seeds_when_no_pod_has_it() {
    let folder = TempDir::new().expect("a folder");
    let mut oak = Pod::start(&folder, "oak", &[]).await;
    let mut elm = Pod::start(&folder, "elm", &[]).await;
    let oaks = ["k0", "k1"].map(|name| keeper(&folder, &oak, name));
    let elms = ["k2", "k3"].map(|name| keeper(&folder, &elm, name));
    let (oaks, elms) = tokio::join!(join_all(oaks), join_all(elms));
    let alice = person(&folder, &oak, "alice").await;
    let bob = person(&folder, &elm, "bob").await;
    let to = own(&bob);
    bob.stop().await;
    // Until they know of each other.
    sleep(Duration::from_secs(2)).await;
    let delivered = timeout(PATIENCE, alice.deliver(draft(to, "hello"))).await;
    let delivery = delivered.expect("in time").expect("is delivered");
    assert!(delivery.seeds > 0, "{delivery:?}");
    alice.stop().await;

    for pod in [&mut oak, &mut elm] {
        pod.kill();
        assert!(forget_all(&pod.data_dir).await > 0);
        pod.starts().await;
    }
    let bob = comes(seed_of(&folder, &elm, "bob")).await;
    let read = reads(&bob, 1).await;
    assert_eq!(read[0].body, b"hello");
    for seed in oaks.into_iter().chain(elms).chain([bob]) {
        seed.stop().await;
    }
}
