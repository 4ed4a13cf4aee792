//! Seeds that do nothing but custody, many in one process: the very machine that is simulated,
//! over real libp2p. `custodians FOLDER COUNT INTEGER BYTES URL` starts them one after another, the
//! pod at `URL` being home to all; the integer decides who they are, and each keeps so many bytes
//! for others. Lines on stdin tell what to do; `SEED` is a number, 0 for the first, `ID` is a seed
//! id, `KEY` a record key, and `INTEGER` makes a record ([`muttr_tests::sample`]).
//!
//! ```text
//! pour SEED ID INTEGER   puts one record after another to a linked seed, from this one on, for as
//!                        long as the link lasts
//! have SEED ID KEY,…     asks a linked seed which of these it has
//! get SEED ID KEY        asks a linked seed for a record
//! store SEED INTEGER     has the seed store a record as authors do
//! fetch SEED KEY         and fetch one as readers do
//! look                   asks all of them how they stand
//! ```
//!
//! ```text
//! ready SEED ID
//! linked SEED ID         or unlinked
//! receipt KEY            of what was poured: signed, by who was asked
//! refused CODE           likewise
//! dry COUNT INTEGER      the link is gone; receipts so far, and the next record
//! have ID BITS           one digit for each key; or a code
//! got KEY true           or a code
//! wrote SEED KEY MS      the seed stores this, as of that moment since 1970
//! promised KEY ID        a holder of what was stored
//! stored KEY COUNT
//! fetched KEY true       or a code
//! went SEED ID KEY HOPS  the seed asks another one to keep a record, so many forwarders behind it
//! came SEED ID KEY HOPS  another one asks the seed
//! looked LINKS,… RECORDS,…
//! ```

use std::{
    collections::BTreeMap,
    env,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use muttr_core::{
    custody::{Command, Event},
    limit,
    name::RecordKey,
    time::Time,
};
use muttr_pod::seed::{PodUrl, describe};
use muttr_tests::sample;
use tokio::io::{AsyncBufReadExt as _, BufReader};

mod overheard;
mod pour;
mod seed;

use overheard::News;
use seed::{Seed, Start};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a seed stores or fetches: the number it was given → the record.
type Jobs = Arc<Mutex<BTreeMap<u64, RecordKey>>>;

/// A seed, and what it is about.
#[derive(Clone)]
struct Custodian {
    seed: Arc<Seed>,
    jobs: Jobs,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("custodians: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [folder, count, integer, bytes, url] = words.as_slice() else {
        return Err("custodians FOLDER COUNT INTEGER BYTES URL".into());
    };
    let (count, integer): (u32, u64) = (count.parse()?, integer.parse()?);
    let keep_bytes_max = bytes.parse()?;
    let pod = describe(&url.parse::<PodUrl>()?).await?.pod;
    let mut all = Vec::new();
    for number in 0..count {
        let jobs = Jobs::default();
        let start = Start {
            folder: &Path::new(folder).join(format!("custodian-{number}")),
            secret: sample::secret(integer, number),
            random: sample::secret(!integer, number),
            keep_bytes_max,
            pod: pod.clone(),
        };
        let of_seed = Arc::clone(&jobs);
        let seed = Seed::start(start, move |news| tell(number, &of_seed, &news)).await?;
        println!("ready {number} {}", seed.id);
        let seed = Arc::new(seed);
        all.push(Custodian { seed, jobs });
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        obey(&all, &words)?;
    }
    Ok(())
}

/// Begins what a line asks for.
fn obey(all: &[Custodian], words: &[&str]) -> Result<(), Failure> {
    if let ["look"] = words {
        tokio::spawn(look(all.to_vec()));
        return Ok(());
    }
    let [what, number, rest @ ..] = words else {
        return Err("a line without a seed".into());
    };
    let it = all.get(number.parse::<usize>()?).ok_or("no such seed")?;
    let seed = Arc::clone(&it.seed);
    match (*what, rest) {
        ("pour", [id, first]) => {
            tokio::spawn(pour::pour(seed, id.parse()?, first.parse()?));
        }
        ("have", [id, keys]) => {
            let keys: Result<_, _> = keys.split(',').map(str::parse).collect();
            tokio::spawn(pour::have(seed, id.parse()?, keys?));
        }
        ("get", [id, key]) => {
            tokio::spawn(pour::get(seed, id.parse()?, key.parse()?));
        }
        ("store", [integer]) => store(number, it, integer.parse()?),
        ("fetch", [key]) => {
            let key = key.parse()?;
            let id = begin(it, key);
            seed.command(Command::Fetch { id, key });
        }
        _ => return Err(format!("what is {what}?").into()),
    }
    Ok(())
}

fn begin(it: &Custodian, key: RecordKey) -> u64 {
    let mut jobs = it.jobs.lock().unwrap_or_else(PoisonError::into_inner);
    let id = jobs.len() as u64 + 1;
    jobs.insert(id, key);
    id
}

fn store(number: &str, it: &Custodian, integer: u64) {
    let now = Time {
        mono_ms: 0,
        wall_ms: seed::wall_ms(),
    };
    let record = sample::record(integer, now, 0, limit::RECORD_LIFE_DEFAULT_MS);
    println!("wrote {number} {} {}", record.key(), now.wall_ms);
    let id = begin(it, record.key());
    it.seed.command(Command::Store {
        id,
        record,
        stamp: None,
        copies: limit::HOLDERS,
    });
}

async fn look(all: Vec<Custodian>) {
    let (mut links, mut records) = (Vec::new(), Vec::new());
    for it in all {
        if let Some(stats) = it.seed.stats().await {
            links.push(stats.links.to_string());
            records.push(stats.records.to_string());
        }
    }
    println!("looked {} {}", links.join(","), records.join(","));
}

/// Prints what a seed tells, in so far as anybody wants to know.
fn tell(number: u32, jobs: &Jobs, news: &News) {
    let key = |id: &u64| {
        let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.get(id).copied()
    };
    match news {
        News::Linked(seed, true) => println!("linked {number} {seed}"),
        News::Linked(seed, false) => println!("unlinked {number} {seed}"),
        News::Put {
            came,
            other,
            key,
            hops,
        } => {
            let way = if *came { "came" } else { "went" };
            println!("{way} {number} {other} {key} {hops}");
        }
        News::Custody(Event::Receipt { receipt, .. }) => {
            println!("promised {} {}", receipt.key, receipt.seed);
        }
        News::Custody(Event::Stored { id, receipts }) => {
            if let Some(key) = key(id) {
                println!("stored {key} {receipts}");
            }
        }
        News::Custody(Event::Fetched { id, result }) => {
            if let Some(key) = key(id) {
                let found = result.as_ref().map(|record| record.key() == key);
                match found {
                    Ok(same) => println!("fetched {key} {same}"),
                    Err(why) => println!("fetched {key} {}", why.code()),
                }
            }
        }
        News::Custody(_) => {}
    }
}
