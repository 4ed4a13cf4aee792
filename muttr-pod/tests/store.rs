//! What every database behind a pod has to do, and what this one does when it is killed.

use std::{path::Path, process::Command};

use muttr_core::machine::{Batch, Kept, Need, Row, Scan, Table, Write};
use muttr_pod::store::{Done, Op, Store, sqlite::Sqlite};

fn row(key: &[u8], value: &[u8]) -> Row {
    Row {
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Write {
    Write::Put(table, row(key, value))
}

fn keep(needs: Vec<Need>, writes: Vec<Write>) -> Op {
    Op::Keep(Batch { needs, writes })
}

fn scan(table: Table, from: &[u8], to: &[u8], rows_max: u32) -> Op {
    Op::Recall(Scan {
        table,
        from: from.to_vec(),
        to: to.to_vec(),
        rows_max,
    })
}

const OK: Done = Done::Kept(Kept::Ok);

fn rows(rows: &[(&[u8], &[u8])]) -> Done {
    Done::Recalled(Some(
        rows.iter().map(|(key, value)| row(key, value)).collect(),
    ))
}

/// The suite: a store that passes may stand behind a pod.
async fn conforms(store: &mut impl Store) {
    for table in Table::ALL {
        let ops = [
            scan(table, b"", b"", 10),
            keep(
                vec![],
                vec![
                    put(table, b"b", b"2"),
                    put(table, b"a", b"1"),
                    put(table, b"", b"0"),
                ],
            ),
            scan(table, b"", b"", 10),
        ];
        let done = store.run(&ops).await;
        let all = rows(&[(b"", b"0"), (b"a", b"1"), (b"b", b"2")]);
        assert_eq!(done, [rows(&[]), OK, all], "{}", table.name());
    }
    order_and_bounds(store).await;
    needs(store).await;
}

async fn order_and_bounds(store: &mut impl Store) {
    let table = Table::Notification;
    let keys: [&[u8]; 5] = [b"k", b"k\0", b"k\0\xff", b"k\x01", b"k\xff\xff"];
    let writes = keys.iter().rev().map(|key| put(table, key, key)).collect();
    assert_eq!(store.run(&[keep(vec![], writes)]).await, [OK]);
    let all: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (*key, *key)).collect();
    let ops = [
        scan(table, b"k", b"", 10),
        scan(table, b"k", b"k\x01", 10),
        scan(table, b"k\0", b"", 2),
        scan(table, b"k\x01", b"k\x01", 10),
        Op::Recall(Scan::one(table, b"k")),
        scan(table, b"k\xff\xff\xff", b"", 10),
    ];
    let expected = [
        rows(&all),
        rows(&all[..3]),
        rows(&all[1..3]),
        rows(&[]),
        rows(&all[..1]),
        rows(&[]),
    ];
    assert_eq!(store.run(&ops).await, expected);

    let large = vec![0xa5; 65_600];
    let ops = [
        keep(
            vec![],
            vec![
                put(Table::Record, b"large", &large),
                put(Table::Record, b"empty", b""),
            ],
        ),
        Op::Recall(Scan::one(Table::Record, b"large")),
        Op::Recall(Scan::one(Table::Record, b"empty")),
    ];
    let expected = [OK, rows(&[(b"large", &large)]), rows(&[(b"empty", b"")])];
    assert_eq!(store.run(&ops).await, expected);
}

async fn needs(store: &mut impl Store) {
    let table = Table::Binding;
    let absent = || vec![Need::Absent(table, b"alice".to_vec())];
    let equal = |value: &[u8]| vec![Need::Equal(table, b"alice".to_vec(), value.to_vec())];
    let other = || put(Table::Mailbox, b"alice", b"touched");
    let conflict = Done::Kept(Kept::Conflict);
    let ops = [
        keep(equal(b"1"), vec![put(table, b"alice", b"2"), other()]),
        keep(absent(), vec![put(table, b"alice", b"1")]),
        keep(absent(), vec![put(table, b"alice", b"mallory"), other()]),
        keep(equal(b"0"), vec![put(table, b"alice", b"mallory"), other()]),
        keep(equal(b"1"), vec![put(table, b"alice", b"2")]),
        Op::Recall(Scan::one(table, b"alice")),
        Op::Recall(Scan::one(Table::Mailbox, b"alice")),
        keep([absent(), equal(b"2")].concat(), vec![other()]),
        keep(
            vec![],
            vec![
                put(table, b"alice", b"3"),
                Write::Delete(table, b"alice".to_vec()),
            ],
        ),
        keep(absent(), vec![Write::Delete(table, b"nobody".to_vec())]),
    ];
    let expected = [
        Done::Kept(Kept::Conflict),
        OK,
        Done::Kept(Kept::Conflict),
        Done::Kept(Kept::Conflict),
        OK,
        rows(&[(b"alice", b"2")]),
        rows(&[]),
        conflict,
        OK,
        OK,
    ];
    assert_eq!(
        store.run(&ops).await,
        expected,
        "a conflict touches nothing, and nobody else"
    );
}

#[tokio::test]
async fn sqlite_conforms() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Sqlite::open(&folder.path().join("pod.db"), None)
        .await
        .expect("opens");
    conforms(&mut store).await;
    store.close().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_the_rest_of_its_group_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pod.db");
    let mut store = Sqlite::open(&path, Some(1 << 20)).await.expect("opens");
    let huge = vec![1; 2 << 20];
    let ops = [
        keep(vec![], vec![put(Table::Setting, b"before", b"1")]),
        keep(
            vec![],
            vec![
                put(Table::Record, b"huge", &huge),
                put(Table::Setting, b"half", b""),
            ],
        ),
        keep(vec![], vec![put(Table::Setting, b"behind", b"2")]),
        scan(Table::Setting, b"", b"", 10),
    ];
    let left = rows(&[(b"before", b"1"), (b"behind", b"2")]);
    assert_eq!(
        store.run(&ops).await,
        [OK, Done::Kept(Kept::Full), OK, left]
    );
}

#[tokio::test]
async fn a_newer_database_is_not_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pod.db");
    std::fs::write(
        &path,
        b"this is no database, it is a letter of some length, is it not?",
    )
    .expect("writes");
    assert!(Sqlite::open(&path, None).await.is_err());
}

/// Runs itself as a second process which writes until it is killed, then reads what it said it
/// had kept.
#[tokio::test]
async fn what_was_kept_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pod.db");
    if let Some(path) = std::env::var_os("MUTTR_TEST_WRITE_UNTIL_KILLED") {
        return write_until_killed(Path::new(&path)).await;
    }
    let mut writer = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "what_was_kept_survives_kill_9", "--nocapture"])
        .env("MUTTR_TEST_WRITE_UNTIL_KILLED", &path)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let said = std::io::BufReader::new(writer.stdout.take().expect("is piped"));
    let said = std::io::BufRead::lines(said).map_while(Result::ok);
    let kept = |line: String| {
        line.strip_prefix("kept ")
            .and_then(|n| n.parse::<u32>().ok())
    };
    let last = said.filter_map(kept).nth(40).expect("it writes");
    writer.kill().expect("dies");
    writer.wait().expect("is dead");

    let mut store = Sqlite::open(&path, None).await.expect("opens again");
    let done = store.run(&[scan(Table::Record, b"", b"", 100_000)]).await;
    let [Done::Recalled(Some(found))] = done.as_slice() else {
        panic!("unreadable")
    };
    assert!(
        last >= 40 && found.len() > last as usize,
        "{last} were kept, {} found",
        found.len()
    );
    for (number, row) in (0_u32..).zip(found) {
        assert_eq!(
            (row.key.as_slice(), row.value.len()),
            (number.to_be_bytes().as_slice(), 3000)
        );
    }
}

async fn write_until_killed(path: &Path) {
    let mut store = Sqlite::open(path, None).await.expect("opens");
    for number in 0_u32.. {
        let write = put(Table::Record, &number.to_be_bytes(), &[7; 3000]);
        assert_eq!(store.run(&[keep(vec![], vec![write])]).await, [OK]);
        println!("kept {number}");
    }
}
