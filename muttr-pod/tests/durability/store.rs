//! Power cuts under a store alone: what was reported as kept is there, the rest whole or not at
//! all. Also at moments that a pod seldom lives through: while a database is made, while its log
//! is written back.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use muttr_core::machine::{Batch, Kept, Row, Scan, Table, Ticket, Write};
use muttr_pod::store::{
    Done, Op, Store as _, serve,
    sqlite::{Commit, Sqlite},
};
use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{
    CUTS, Moments, number,
    pod::bare,
    report,
    weak_disk::{Cut, DARK, weaken},
};

/// Operations on the disk before which the power goes at the latest, while a database is made.
const MAKING: u64 = 250;
/// And later: its log is written back about every 2,000.
const WRITING: u64 = 6_000;
/// Databases for each cut that a pod goes through, and cuts that each database goes through.
const DATABASES: u64 = 2;
const CUTS_EACH: u64 = 3;
/// Requests that wait at once, so that many share a commit.
const WAITING: u64 = 16;
const ROWS_MAX: u32 = 1_000_000;

/// To this process: write there until it is dark; from this number on; without waiting for the
/// disk.
const PATH: &str = "MUTTR_TEST_WRITE_UNTIL_DARK";
const FROM: &str = "MUTTR_TEST_WRITE_FROM";
const UNSYNCED: &str = "MUTTR_TEST_WRITE_UNSYNCED";

/// What came of all cuts.
#[derive(Debug, Default)]
struct Outcome {
    cuts: u64,
    kept: u64,
    lost: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_survives_a_power_cut() {
    if let Some(path) = env::var_os(PATH) {
        return write_until_dark(Path::new(&path)).await;
    }
    let moments = Moments::of_this_run();
    let synced = storm(Commit::Synced, moments.clone()).await;
    // The same moments.
    let written = storm(Commit::Written, moments).await;
    report(json!({
        "store_cuts": synced.cuts,
        "store_kept": synced.kept,
        "store_lost": synced.lost,
        "store_without_sync_lost": written.lost,
    }));
    assert_eq!(synced.lost, 0, "{synced:?}");
    assert!(
        synced.kept > 0 && written.lost > 0,
        "{synced:?} {written:?}"
    );
}

async fn storm(commit: Commit, mut moments: Moments) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..DATABASES * number(CUTS).unwrap_or(3) {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("pod.db");
        let mut there = 0;
        for cut in 0..CUTS_EACH {
            let most = if cut == 0 { MAKING } else { WRITING };
            let cut = Cut {
                before: 1 + moments.below(most),
                integer: moments.next(),
            };
            let said = cut_short(&folder, path.clone(), there, commit, cut).await;
            there = check(&path, &format!("{commit:?} {cut:?}")).await;
            outcome.cuts += 1;
            outcome.kept += said.len() as u64;
            outcome.lost += said.range(there..).count() as u64;
        }
    }
    outcome
}

/// Runs itself as a second process that writes until it is dark; yields what it said it had kept.
async fn cut_short(
    folder: &TempDir,
    path: PathBuf,
    from: u64,
    commit: Commit,
    cut: Cut,
) -> BTreeSet<u64> {
    let mut command: Command = bare(&env::current_exe().expect("a path"));
    command
        .args(["--exact", "--nocapture"])
        .arg("store::what_was_kept_survives_a_power_cut")
        .env(PATH, path)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped());
    if commit == Commit::Written {
        command.env(UNSYNCED, "1");
    }
    weaken(&mut command, folder.path(), cut);
    let run = move || {
        let mut writer = command.spawn().expect("starts");
        let said = BufReader::new(writer.stdout.take().expect("is piped")).lines();
        let kept = said.map_while(Result::ok).filter_map(|line| {
            let (_, number) = line.split_once("kept ")?;
            number.parse().ok()
        });
        let kept = kept.collect();
        let status = writer.wait().expect("ends");
        assert_eq!(status.code(), Some(DARK), "{cut:?}");
        kept
    };
    tokio::task::spawn_blocking(run).await.expect("is read")
}

/// Every number is a row in two tables, and the highest a third.
async fn write_until_dark(path: &Path) {
    let commit = match env::var_os(UNSYNCED) {
        None => Commit::Synced,
        Some(_) => Commit::Written,
    };
    let from = number(FROM).expect("a number");
    let store = Sqlite::open_to(path, None, commit).await.expect("opens");
    let (ops, ops_in) = mpsc::unbounded_channel();
    let (done, mut done_in) = mpsc::unbounded_channel();
    tokio::spawn(serve(store, ops_in, done));
    let ask = |number| {
        ops.send((Ticket(number), batch(number)))
            .expect("is served")
    };
    (from..from + WAITING).for_each(ask);
    while let Some((Ticket(number), done)) = done_in.recv().await {
        assert_eq!(done, Done::Kept(Kept::Ok));
        println!("kept {number}");
        ask(number + WAITING);
    }
}

fn row(number: u64, value: Vec<u8>) -> Row {
    Row {
        key: number.to_be_bytes().to_vec(),
        value,
    }
}

/// Mostly small, now and then as large as records are.
fn value(number: u64) -> Vec<u8> {
    let bytes = match number % 64 {
        0 => 60_000,
        _ => 100 + number * 37 % 3_000,
    };
    let byte = u8::try_from(number % 251).expect("fits");
    vec![byte; usize::try_from(bytes).expect("fits")]
}

fn batch(number: u64) -> Op {
    let head = Row {
        key: Vec::new(),
        value: number.to_be_bytes().to_vec(),
    };
    Op::Keep(Batch {
        needs: Vec::new(),
        writes: vec![
            Write::Put(Table::Record, row(number, value(number))),
            Write::Put(Table::Notification, row(number, vec![1; 80])),
            Write::Put(Table::Mailbox, head),
        ],
    })
}

/// The database is sound, and has every number up to one; yields the first that it has not.
async fn check(path: &Path, when: &str) -> u64 {
    let mut store = Sqlite::open(path, None).await.expect(when);
    let scan = |table| Op::Recall(Scan::all(table, Vec::new(), ROWS_MAX));
    let tables = [Table::Record, Table::Notification, Table::Mailbox];
    let done = store.run(&tables.map(scan)).await;
    store.close().await;
    let [
        Done::Recalled(Some(records)),
        Done::Recalled(Some(others)),
        Done::Recalled(Some(head)),
    ] = done.as_slice()
    else {
        panic!("{when}: unreadable");
    };
    let there = records.len() as u64;
    for (number, record) in (0..there).zip(records) {
        assert_eq!(*record, row(number, value(number)), "{when}");
    }
    let expected = (0..there).map(|number| row(number, vec![1; 80]));
    assert!(
        others.iter().cloned().eq(expected),
        "{when}: a batch is torn"
    );
    let highest = head.first().map(|row| row.value.clone());
    let expected = there
        .checked_sub(1)
        .map(|number| number.to_be_bytes().to_vec());
    assert_eq!(highest, expected, "{when}: a batch is torn");

    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.expect(when);
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await
        .expect(when);
    assert_eq!(sound, "ok", "{when}");
    connection.close().await.expect(when);
    there
}
