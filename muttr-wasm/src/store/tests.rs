//! One suite for every disk, and what is particular to IndexedDB; run in a browser.

use futures::{StreamExt as _, channel::mpsc::unbounded};
use indexed_db_futures::{Build as _, BuildPrimitive as _, database::Database};
use js_sys::Uint8Array;
use muttr_core::machine::{Batch, Kept, Need, Row, Scan, Table, Ticket, Write};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use super::{Disk, Memory, Outcome, Place, Request, attend};

wasm_bindgen_test_configure!(run_in_browser);

/// A database of version 1, as the first tabs wrote it.
const VERSION_1: &str = include_str!("../../tests/database-v1.txt");

async fn fresh(name: &str) -> Disk {
    Database::delete_by_name(name)
        .expect("asked for")
        .await
        .expect("deleted");
    Disk::open(name).await.expect("opens")
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Write {
    Write::Put(
        table,
        Row {
            key: key.to_vec(),
            value: value.to_vec(),
        },
    )
}

fn batch<const N: usize, const W: usize>(needs: [Need; N], writes: [Write; W]) -> Batch {
    Batch {
        needs: needs.to_vec(),
        writes: writes.to_vec(),
    }
}

async fn keys(disk: &mut Disk, scan: &Scan) -> Vec<Vec<u8>> {
    disk.recall(scan)
        .await
        .expect("recalls")
        .into_iter()
        .map(|row| row.key)
        .collect()
}

fn all(table: Table) -> Scan {
    Scan::all(table, Vec::new(), 1_000)
}

async fn conforms(mut disk: Disk) {
    rows_are_recalled_in_bytewise_order(&mut disk).await;
    a_batch_whose_need_does_not_hold_writes_nothing(&mut disk).await;
    batches_together_hold_or_conflict_each_by_itself(&mut disk).await;
    deletes_and_replacements_are_seen(&mut disk).await;
}

async fn rows_are_recalled_in_bytewise_order(disk: &mut Disk) {
    let disordered: [&[u8]; 6] = [&[0xff, 0], &[], &[1, 0], &[1], &[0x7f], &[0x80]];
    let writes = disordered.map(|key| put(Table::Record, key, &[key, b"!"].concat()));
    assert_eq!(disk.keep(&[&batch([], writes)]).await, [Kept::Ok]);
    let ordered: [&[u8]; 6] = [&[], &[1], &[1, 0], &[0x7f], &[0x80], &[0xff, 0]];
    assert_eq!(keys(disk, &all(Table::Record)).await, ordered);
    let some = Scan {
        table: Table::Record,
        from: vec![1],
        to: vec![0x80],
        rows_max: 2,
    };
    assert_eq!(keys(disk, &some).await, ordered[1..3]);
    assert_eq!(
        keys(
            disk,
            &Scan {
                rows_max: 9,
                ..some.clone()
            }
        )
        .await,
        ordered[1..4]
    );
    assert_eq!(
        keys(
            disk,
            &Scan {
                to: vec![1],
                ..some
            }
        )
        .await,
        [b""; 0]
    );
    let one = disk
        .recall(&Scan::one(Table::Record, &[1]))
        .await
        .expect("recalls");
    assert_eq!(
        one,
        [Row {
            key: vec![1],
            value: vec![1, b'!']
        }]
    );
}

async fn a_batch_whose_need_does_not_hold_writes_nothing(disk: &mut Disk) {
    let first = batch(
        [Need::Absent(Table::Seen, b"a".to_vec())],
        [put(Table::Seen, b"a", b"1")],
    );
    assert_eq!(disk.keep(&[&first]).await, [Kept::Ok]);
    let both = [put(Table::Seen, b"b", b"2"), put(Table::Inbox, b"b", b"2")];
    let again = batch([Need::Absent(Table::Seen, b"a".to_vec())], both.clone());
    assert_eq!(disk.keep(&[&again]).await, [Kept::Conflict]);
    let other = batch(
        [Need::Equal(Table::Seen, b"a".to_vec(), b"0".to_vec())],
        both.clone(),
    );
    assert_eq!(disk.keep(&[&other]).await, [Kept::Conflict]);
    assert_eq!(keys(disk, &all(Table::Inbox)).await, [b""; 0]);
    let right = batch(
        [Need::Equal(Table::Seen, b"a".to_vec(), b"1".to_vec())],
        both,
    );
    assert_eq!(disk.keep(&[&right]).await, [Kept::Ok]);
    assert_eq!(keys(disk, &all(Table::Seen)).await, [b"a", b"b"]);
    assert_eq!(keys(disk, &all(Table::Inbox)).await, [b"b"]);
}

async fn batches_together_hold_or_conflict_each_by_itself(disk: &mut Disk) {
    let once = |value| {
        batch(
            [Need::Absent(Table::Outbox, b"x".to_vec())],
            [
                put(Table::Outbox, b"x", value),
                put(Table::Outbox, value, value),
            ],
        )
    };
    let (first, second) = (once(b"first"), once(b"second"));
    let third = batch([], [put(Table::Outbox, b"third", b"3")]);
    let kept = disk
        .keep(&[&first, &second, &third, &Batch::default()])
        .await;
    assert_eq!(kept, [Kept::Ok, Kept::Conflict, Kept::Ok, Kept::Ok]);
    let rows: [&[u8]; 3] = [b"first", b"third", b"x"];
    assert_eq!(keys(disk, &all(Table::Outbox)).await, rows);
}

async fn deletes_and_replacements_are_seen(disk: &mut Disk) {
    let writes = [
        put(Table::Contact, b"k", b"1"),
        put(Table::Contact, b"k", b"2"),
        put(Table::Contact, b"l", b"1"),
        Write::Delete(Table::Contact, b"l".to_vec()),
        Write::Delete(Table::Contact, b"never".to_vec()),
    ];
    assert_eq!(disk.keep(&[&batch([], writes)]).await, [Kept::Ok]);
    let rows = disk.recall(&all(Table::Contact)).await.expect("recalls");
    assert_eq!(
        rows,
        [Row {
            key: b"k".to_vec(),
            value: b"2".to_vec()
        }]
    );
}

#[wasm_bindgen_test]
async fn memory_conforms() {
    conforms(Disk(Place::Memory(Memory::default()))).await;
}

#[wasm_bindgen_test]
async fn indexed_db_conforms() {
    conforms(fresh("conforms").await).await;
}

#[wasm_bindgen_test]
async fn what_was_kept_is_there_after_the_database_is_opened_again() {
    let mut disk = fresh("again").await;
    assert_eq!(
        disk.keep(&[&batch([], [put(Table::Setting, b"k", b"v")])])
            .await,
        [Kept::Ok]
    );
    drop(disk);
    let mut disk = Disk::open("again").await.expect("opens");
    assert_eq!(keys(&mut disk, &all(Table::Setting)).await, [b"k"]);
}

#[wasm_bindgen_test]
async fn a_handle_that_the_browser_dropped_is_replaced_once() {
    let mut disk = fresh("dropped").await;
    let Place::Indexed(indexed) = &mut disk.0 else {
        panic!("this browser has IndexedDB")
    };
    indexed.drop_handle().await;
    assert_eq!(
        disk.keep(&[&batch([], [put(Table::Setting, b"k", b"v")])])
            .await,
        [Kept::Ok]
    );
    let Place::Indexed(indexed) = &mut disk.0 else {
        panic!("this browser has IndexedDB")
    };
    indexed.drop_handle().await;
    assert_eq!(keys(&mut disk, &all(Table::Setting)).await, [b"k"]);
}

#[wasm_bindgen_test]
async fn a_database_of_version_1_keeps_its_rows_and_gets_what_it_lacks() {
    const NAME: &str = "migrates";
    let old: Vec<_> = VERSION_1.lines().map(row_of).collect();
    Database::delete_by_name(NAME)
        .expect("asked for")
        .await
        .expect("deleted");
    let mut stores: Vec<_> = old.iter().map(|(store, _)| *store).collect();
    stores.dedup();
    let created = stores.clone();
    let database = Database::open(NAME)
        .with_version(1_u32)
        .with_on_upgrade_needed(move |_, database| {
            for store in &created {
                database.create_object_store(*store).build()?;
            }
            Ok(())
        })
        .await
        .expect("creates");
    let transaction = database
        .transaction(stores)
        .with_mode(indexed_db_futures::transaction::TransactionMode::Readwrite)
        .build()
        .expect("begins");
    for (store, row) in &old {
        let store = transaction.object_store(store).expect("is there");
        let (key, value) = (js(&row.key), js(&row.value));
        store
            .put(value)
            .with_key(key)
            .primitive()
            .expect("asked for")
            .await
            .expect("puts");
    }
    transaction.commit().await.expect("commits");
    database.close();

    let mut disk = Disk::open(NAME).await.expect("migrates");
    for table in [
        Table::Setting,
        Table::Record,
        Table::Inbox,
        Table::Outbox,
        Table::Message,
        Table::Contact,
    ] {
        let before: Vec<_> = old
            .iter()
            .filter(|(store, _)| *store == table.name())
            .map(|(_, row)| row.clone())
            .collect();
        assert!(
            !before.is_empty(),
            "the old database has a row in {}",
            table.name()
        );
        assert_eq!(disk.recall(&all(table)).await.expect("recalls"), before);
    }
    assert_eq!(keys(&mut disk, &all(Table::Seen)).await, [b""; 0]);
    assert_eq!(
        disk.keep(&[&batch([], [put(Table::Seen, b"k", b"v")])])
            .await,
        [Kept::Ok]
    );
}

#[wasm_bindgen_test]
async fn requests_are_answered_in_order_and_to_the_last_one() {
    let disk = fresh("attends").await;
    let (requests, requested) = unbounded();
    let (outcomes, mut came_out) = unbounded();
    spawn_local(attend(disk, requested, outcomes));
    for n in 0..200_u8 {
        let kept = Request::Keep(
            Ticket(n.into()),
            batch([], [put(Table::Record, &[n], &[n])]),
        );
        requests.unbounded_send(kept).expect("attended");
        if n % 50 == 49 {
            let recalled = Request::Recall(Ticket(1_000 + u64::from(n)), all(Table::Record));
            requests.unbounded_send(recalled).expect("attended");
        }
    }
    drop(requests);
    let (mut kept, mut recalled) = (Vec::new(), Vec::new());
    while let Some(outcome) = came_out.next().await {
        match outcome {
            Outcome::Kept(Ticket(ticket), how) => {
                assert_eq!(how, Kept::Ok);
                kept.push(ticket);
            }
            Outcome::Recalled(_, rows) => recalled.push(rows.expect("recalls").len()),
        }
    }
    assert_eq!(kept, (0..200).collect::<Vec<_>>());
    assert_eq!(recalled, [50, 100, 150, 200]);
}

/// `store key value`, the latter two in hexadecimal.
fn row_of(line: &str) -> (&str, Row) {
    let mut words = line.split(' ');
    let mut word = || words.next().expect("three words a line");
    let (store, key, value) = (word(), word(), word());
    (
        store,
        Row {
            key: unhex(key),
            value: unhex(value),
        },
    )
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn js(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}
