//! What a pod looks after while its people are away: mended where it can be, told where not.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures::future::join_all;
use muttr_core::{
    limit,
    machine::{Batch, Kept, Row, Scan, Table, Write},
    name::Alias,
    rejection::Rejection,
    seed::{Delivery, Status},
};
use muttr_pod::{
    seed::{Config, Running},
    store::{Done, Op, Store as _, sqlite::Sqlite},
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{PATIENCE, Pod, comes, draft, own, person, seed_of};

/// It looks after everything every second.
const WATCHFUL: &[&str] = &["--watch-s", "1"];

/// Nobody's seed, which keeps records for others.
fn keeper(folder: &TempDir, pod: &Pod, number: usize) -> Config {
    let url = format!("http://{}", pod.name());
    let pods = vec![url.parse().expect("an address")];
    Config {
        keep_bytes_max: Some(1 << 20),
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..Config::new(folder.path().join(format!("k{number}")), pods, None)
    }
}

async fn rows(database: &Path, table: Table) -> Vec<Row> {
    let mut store = Sqlite::open(database, None).await.expect("opens");
    let all = Op::Recall(Scan::all(table, Vec::new(), 1_000));
    match store.run(&[all]).await.pop() {
        Some(Done::Recalled(Some(rows))) => rows,
        other => panic!("the rows cannot be read: {other:?}"),
    }
}

/// Deletes every record behind somebody's back, who may be running; yields how many there were.
async fn forget_all(database: &Path) -> usize {
    let all = rows(database, Table::Record).await;
    let count = all.len();
    let delete = |row: Row| Write::Delete(Table::Record, row.key);
    let batch = Batch {
        needs: Vec::new(),
        writes: all.into_iter().map(delete).collect(),
    };
    let mut store = Sqlite::open(database, None).await.expect("opens");
    assert_eq!(store.run(&[Op::Keep(batch)]).await, [Done::Kept(Kept::Ok)]);
    count
}

/// Waits until something is so in a table.
async fn until(database: &Path, table: Table, what: &str, is_so: impl Fn(&[Row]) -> bool) {
    let began = Instant::now();
    while !is_so(&rows(database, table).await) {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// Whether it says of itself that it is lost.
fn is_lost(row: &Row) -> bool {
    row.value.windows(5).any(|part| part == b"lost\xf5")
}

async fn delivery(seed: &Running, with: &Alias) -> Delivery {
    let messages = seed.messages(with.clone(), None, 1).await.expect("reads");
    let message = messages.into_iter().next().expect("wrote something");
    message.delivery.expect("of ours")
}

/// Alice wrote to bob, who was not there, gave her own copy up, and left. As many seeds keep it as
/// are to, with the pod.
async fn entrusted(folder: &TempDir, oak: &Pod) -> (Vec<Running>, Alias) {
    let keepers = (0..limit::HOLDERS).map(|number| comes(keeper(folder, oak, number)));
    let keepers = join_all(keepers).await;
    let alice = person(folder, oak, "alice").await;
    let bob = person(folder, oak, "bob").await;
    let to = own(&bob);
    bob.stop().await;
    sleep(Duration::from_secs(1)).await;
    let delivered = timeout(PATIENCE, alice.deliver(draft(to.clone(), "hello"))).await;
    let delivered = delivered.expect("in time").expect("is delivered");
    assert_eq!(delivered.pods, 1, "{delivered:?}");
    let began = Instant::now();
    while delivery(&alice, &to).await.seeds < u32::try_from(limit::HOLDERS).expect("few") {
        assert!(began.elapsed() < PATIENCE, "too few keep it");
        sleep(Duration::from_millis(200)).await;
    }
    alice.stop().await;
    (keepers, to)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_any_more_is_told_to_its_author_when_she_comes_back() {
    let folder = TempDir::new().expect("a folder");
    let mut oak = Pod::start(&folder, "oak", WATCHFUL).await;
    let database = oak.data_dir.join("pod.db");
    let (keepers, bob) = entrusted(&folder, &oak).await;
    for seed in keepers {
        seed.stop().await;
    }
    for number in 0..limit::HOLDERS {
        let database = keeper(&folder, &oak, number).data_dir.join("seed.db");
        assert!(forget_all(&database).await > 0);
    }
    assert!(forget_all(&database).await > 0);
    // Somebody is there who could have had it.
    let keeper = comes(keeper(&folder, &oak, 0)).await;
    until(&database, Table::Watch, "it is lost", |rows| {
        rows.iter().filter(|row| is_lost(row)).count() == 1
    })
    .await;
    oak.kill();
    oak.starts().await;
    let alice = comes(seed_of(&folder, &oak, "alice")).await;
    let began = Instant::now();
    let seen = loop {
        let seen = delivery(&alice, &bob).await;
        if seen.status == Status::Lost {
            break seen;
        }
        assert!(began.elapsed() < PATIENCE, "{seen:?}");
        sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(seen.reason, Some(Rejection::Lost));
    assert_eq!((seen.seeds, seen.pods), (0, 0));
    until(&database, Table::Watch, "she knows", |rows| {
        !rows.iter().any(is_lost)
    })
    .await;
    // She remembers.
    alice.stop().await;
    let alice = comes(seed_of(&folder, &oak, "alice")).await;
    assert_eq!(delivery(&alice, &bob).await.status, Status::Lost);
    alice.stop().await;
    keeper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pod_lost_it_fetches_back_from_those_who_hold_it() {
    let folder = TempDir::new().expect("a folder");
    let oak = Pod::start(&folder, "oak", WATCHFUL).await;
    let database = oak.data_dir.join("pod.db");
    let (keepers, _) = entrusted(&folder, &oak).await;
    let before = rows(&database, Table::Record).await;
    let keys = |rows: &[Row]| -> Vec<Vec<u8>> { rows.iter().map(|row| row.key.clone()).collect() };
    // While it runs, and does not look.
    assert_eq!(forget_all(&database).await, before.len());
    let keys_before = keys(&before);
    until(&database, Table::Record, "it is there again", |rows| {
        keys(rows) == keys_before
    })
    .await;
    let watches = rows(&database, Table::Watch).await;
    assert!(!watches.iter().any(is_lost));
    for seed in keepers {
        seed.stop().await;
    }
}
