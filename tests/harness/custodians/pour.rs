//! Questions to one holder, asked straight over the link to it.

use std::{sync::Arc, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt as _};
use muttr_core::{
    custody::receipt,
    envelope::{
        record::{Record, key_of},
        stamp,
    },
    limit,
    name::{RecordKey, SeedId},
    rejection::Rejection,
    time::Time,
    wire::store::{Get, Put, StoreAnswer, StoreAsk},
};
use muttr_tests::sample;
use tokio::time::sleep;

use crate::seed::{Seed, wall_ms};

/// Records on their way to the holder at once.
const WINDOW: usize = 16;
/// A holder that is busy is left alone for so long.
const BUSY: Duration = Duration::from_millis(50);

/// How one put ended.
enum Ended {
    Receipted(RecordKey),
    Refused(Rejection),
    /// Neither: the link is gone.
    Unanswered,
}

/// Puts records, one after another, for as long as the link lasts.
pub(crate) async fn pour(seed: Arc<Seed>, to: SeedId, first: u64) {
    let (mut next, mut receipts, mut open) = (first, 0_u64, true);
    let mut under_way = FuturesUnordered::new();
    loop {
        while open && under_way.len() < WINDOW {
            under_way.push(put(&seed, to, next));
            next += 1;
        }
        match under_way.next().await {
            Some(Ended::Receipted(key)) => {
                receipts += 1;
                println!("receipt {key}");
            }
            Some(Ended::Refused(why)) => {
                println!("refused {}", why.code());
            }
            Some(Ended::Unanswered) => open = false,
            None => break,
        }
    }
    println!("dry {receipts} {next}");
}

/// Half of all records are of the smallest class, half of the rest of the next one, and so on.
fn record(integer: u64) -> Record {
    let now = Time {
        mono_ms: 0,
        wall_ms: wall_ms(),
    };
    let largest = limit::RECORD_CLASSES_BYTES.len() - 1;
    let class = (integer.trailing_ones() as usize).min(largest);
    sample::record(integer, now, class, limit::RECORD_LIFE_DEFAULT_MS)
}

async fn put(seed: &Seed, to: SeedId, integer: u64) -> Ended {
    let record = record(integer);
    let (key, expires_h) = (record.key(), record.expires_h());
    let stamp = stamp::find(limit::STAMP_BITS, &key);
    let question = StoreAsk::Put(Put {
        record: record.into_bytes(),
        stamp: stamp.to_bytes(),
        hops: 0,
        spread: 0,
    });
    match seed.ask(to, question).await {
        Some(StoreAnswer::Kept(receipts)) => match receipts.as_slice() {
            [one] if receipt::check(one, &key, expires_h, &to).is_ok() => Ended::Receipted(key),
            _ => Ended::Refused(Rejection::BadSignature),
        },
        Some(StoreAnswer::Rejected(why)) => {
            sleep(BUSY).await;
            Ended::Refused(why)
        }
        Some(_) => Ended::Refused(Rejection::Malformed),
        None => Ended::Unanswered,
    }
}

/// Asks which records a holder has.
pub(crate) async fn have(seed: Arc<Seed>, of: SeedId, keys: Vec<RecordKey>) {
    let count = keys.len();
    let answer = seed.ask(of, StoreAsk::Have(keys)).await;
    let told = match answer {
        Some(StoreAnswer::Have(have)) if have.len() == count => {
            let digit = |has: &bool| if *has { '1' } else { '0' };
            have.iter().map(digit).collect()
        }
        other => code(other),
    };
    println!("have {of} {told}");
}

/// Asks a holder for a record.
pub(crate) async fn get(seed: Arc<Seed>, of: SeedId, key: RecordKey) {
    // As far as a question may have come: it is not passed on any more.
    let hops = limit::HOPS_MAX;
    let told = match seed.ask(of, StoreAsk::Get(Get { key, hops })).await {
        Some(StoreAnswer::Record(bytes)) => (key_of(&bytes) == key).to_string(),
        other => code(other),
    };
    println!("got {key} {told}");
}

fn code(answer: Option<StoreAnswer>) -> String {
    match answer {
        Some(StoreAnswer::Rejected(why)) => why.code().into(),
        Some(_) => Rejection::Malformed.code().into(),
        None => "gone".into(),
    }
}
