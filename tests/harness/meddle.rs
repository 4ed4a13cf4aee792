//! Reaches into a pod's database behind its back, as decay and thieves do.
//!
//! `meddle DATA_DIR forget KEY` deletes a record's row, `forget-all` every record's, and
//! `spoil KEY` turns one bit in the middle of a record. `show KEY` prints a record, and
//! `rename KEY OTHER` makes every notification of the one a notification of the other, as a pod
//! does that looks at nothing. `KEY` is a record key; it and what is printed are hexadecimal.

use std::{env, error::Error, path::Path, process::ExitCode};

use muttr_core::{
    limit,
    machine::{Batch, Kept, Row, Scan, Table, Write},
};
use muttr_pod::store::{Done, Op, Store as _, sqlite::Sqlite};

const ROWS_MAX: u32 = 100_000;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn key(hex: &str) -> Fallible<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    bytes.collect()
}

async fn rows(store: &mut Sqlite, table: Table, from: Vec<u8>, to: Vec<u8>) -> Fallible<Vec<Row>> {
    let scan = Scan {
        table,
        from,
        to,
        rows_max: ROWS_MAX,
    };
    match store.run(&[Op::Recall(scan)]).await.pop() {
        Some(Done::Recalled(Some(rows))) => Ok(rows),
        _ => Err("the rows cannot be read".into()),
    }
}

async fn record(store: &mut Sqlite, key: Vec<u8>) -> Fallible<Row> {
    let mut after = key.clone();
    after.push(0);
    let rows = rows(store, Table::Record, key, after).await?;
    rows.into_iter()
        .next()
        .ok_or_else(|| "there is no such record".into())
}

/// The record in a row: it begins with its magic and takes up a size class.
fn bytes(row: &Row) -> Fallible<&[u8]> {
    let at = row.value.windows(4).position(|part| part == b"MUT1");
    let rest = at.map_or(&[][..], |at| &row.value[at..]);
    let class = rest
        .get(5)
        .and_then(|class| limit::RECORD_CLASSES_BYTES.get(usize::from(*class)));
    let record = class.and_then(|class| rest.get(..*class));
    record.ok_or_else(|| "there is no record in this row".into())
}

async fn show(store: &mut Sqlite, key: Vec<u8>) -> Fallible<()> {
    let row = record(store, key).await?;
    let hex: String = bytes(&row)?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("{hex}");
    Ok(())
}

/// The notifications that name `old`, naming `new`.
fn renamed(rows: Vec<Row>, old: &[u8], new: &[u8]) -> Vec<Write> {
    let naming = rows.into_iter().filter_map(|mut row| {
        let at = row.value.windows(old.len()).position(|part| part == old)?;
        row.value[at..at + old.len()].copy_from_slice(new);
        Some(Write::Put(Table::Notification, row))
    });
    naming.collect()
}

fn spoiled(mut row: Row) -> Write {
    let middle = row.value.len() / 2;
    row.value[middle] ^= 1;
    Write::Put(Table::Record, row)
}

async fn writes(store: &mut Sqlite, words: &[&str]) -> Fallible<Vec<Write>> {
    let forget = |row: Row| Write::Delete(Table::Record, row.key);
    match words {
        ["forget", hex] => Ok(vec![forget(record(store, key(hex)?).await?)]),
        ["forget-all"] => {
            let all = rows(store, Table::Record, Vec::new(), Vec::new()).await?;
            Ok(all.into_iter().map(forget).collect())
        }
        ["spoil", hex] => Ok(vec![spoiled(record(store, key(hex)?).await?)]),
        ["rename", old, new] => {
            let (old, new) = (key(old)?, key(new)?);
            if old.len() != new.len() {
                return Err("two keys of one length".into());
            }
            let all = rows(store, Table::Notification, Vec::new(), Vec::new()).await?;
            Ok(renamed(all, &old, &new))
        }
        _ => Err(
            "meddle DATA_DIR forget KEY | forget-all | spoil KEY | show KEY | rename KEY OTHER"
                .into(),
        ),
    }
}

async fn meddle(words: &[&str]) -> Fallible<()> {
    let [data_dir, words @ ..] = words else {
        return Err("which data directory?".into());
    };
    let mut store = Sqlite::open(&Path::new(data_dir).join("pod.db"), None).await?;
    if let ["show", hex] = words {
        return show(&mut store, key(hex)?).await;
    }
    let batch = Batch {
        needs: Vec::new(),
        writes: writes(&mut store, words).await?,
    };
    match store.run(&[Op::Keep(batch)]).await.pop() {
        Some(Done::Kept(Kept::Ok)) => Ok(()),
        other => Err(format!("not written: {other:?}").into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match meddle(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
