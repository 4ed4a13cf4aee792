//! Many native seeds in one process, for measurements: `native FOLDER COUNT URL…`.
//!
//! They listen on loopback, keep for others, and call the pods home in turn. It prints
//! `ready ADDRESS` for each; then it reads `NUMBER ADDRESS TEXT` from stdin, one a line, upon which
//! the seed of that number writes the text, and prints `sent TEXT MS` once that was accepted,
//! `failed TEXT CODE` when it was not, and `read TEXT MS VERIFIED` for whatever arrives, with the
//! milliseconds since 1970.

use std::{
    env,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use muttr_core::{
    limit,
    name::{Alias, Label},
    seed::{Draft, Event},
};
use muttr_pod::seed::{Config, PodUrl, Running, Told, keys, start};
use tokio::io::{AsyncBufReadExt as _, BufReader};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that each keeps for others.
const KEEP_BYTES: u64 = 16 << 20;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("native: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let mut words = env::args().skip(1);
    let folder = words.next().ok_or("a folder is missing")?;
    let count: usize = words.next().ok_or("a count is missing")?.parse()?;
    let pods: Vec<PodUrl> = words.map(|url| url.parse()).collect::<Result<_, _>>()?;
    let mut seeds = Vec::new();
    for (number, pod) in (0..count).zip(pods.iter().cycle()) {
        let seed = open(Path::new(&folder), number, pod).await?;
        seeds.push(Arc::new(seed));
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let mut words = line.splitn(3, ' ');
        let number: usize = words.next().ok_or("no number")?.parse()?;
        let to: Alias = words.next().ok_or("no address")?.parse()?;
        let text = words.next().ok_or("no text")?.to_owned();
        let seed = Arc::clone(seeds.get(number).ok_or("no such seed")?);
        tokio::spawn(write(seed, to, text));
    }
    Ok(())
}

async fn open(folder: &Path, number: usize, pod: &PodUrl) -> Result<Running, Failure> {
    let data_dir = folder.join(format!("native-{number}"));
    keys::create(&data_dir, None)?;
    let identity = keys::load(&data_dir, None)?;
    let config = Config {
        keep_bytes_max: Some(KEEP_BYTES),
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..Config::new(data_dir, vec![pod.clone()], Some(identity))
    };
    let seed = start(config).await?;
    seed.online().await?;
    let label: Label = format!("native{number}").parse()?;
    let alias = seed.register(label).await?;
    let mut events = seed.events();
    tokio::spawn(async move {
        while let Some(told) = events.next().await {
            if let Told::Event(event) = told
                && let Event::Message(message) = event.as_ref()
            {
                let text = String::from_utf8_lossy(&message.body);
                println!("read {text} {} {}", now_ms(), message.verified);
            }
        }
    });
    println!("ready {alias}");
    Ok(seed)
}

async fn write(seed: Arc<Running>, to: Alias, text: String) {
    let draft = Draft {
        to,
        content_type: "text/plain".into(),
        body: text.clone().into_bytes(),
        reply_to: None,
        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
    };
    match seed.send(draft).await {
        Ok(_) => println!("sent {text} {}", now_ms()),
        Err(failure) => println!("failed {text} {}", failure.code()),
    }
}

fn now_ms() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}
