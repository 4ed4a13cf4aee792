//! `muttr seed`: keeps records for others, and nothing else.

use clap::Args;
use muttr_core::limit;
use serde::Serialize;

use super::{
    inbox::refused,
    output::Output,
    settings::{Reach, Settings, told_to_end},
    trouble::Trouble,
};
use crate::seed::{Running, View};

const EXAMPLES: &str = "\
Examples:
  muttr --data-dir seed --pod https://pod.example seed
  muttr --data-dir seed --pod https://pod.example --listen 192.0.2.7:4001 seed --keep 10000000000";

/// Keep records for others until SIGTERM or SIGINT; needs no key.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Seed {
    /// How many bytes to keep at most.
    #[arg(long, value_name = "BYTES", default_value_t = limit::KEEP_BYTES_DEFAULT)]
    keep: u64,
}

#[derive(Serialize)]
struct SeedLine {
    seed: String,
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct HeldLine {
    records: u64,
    bytes: u64,
}

impl Seed {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let seed = settings
            .open_as(None, Reach::Patient, Some(self.keep))
            .await?;
        let done = tokio::select! {
            done = tell(&seed, output) => done,
            trouble = refused(&seed) => Err(trouble),
            ended = told_to_end() => ended,
        };
        seed.stop().await;
        done
    }
}

async fn tell(seed: &Running, output: &Output) -> Result<(), Trouble> {
    let addresses: Vec<String> = seed.addresses().iter().map(ToString::to_string).collect();
    let text = format!("seed {} {}", seed.id(), addresses.join(" "));
    let line = SeedLine {
        seed: seed.id().to_string(),
        addresses,
    };
    output.line(&line, text.trim_end())?;
    let mut told = (0, 0);
    loop {
        let View { held, .. } = seed.wait_for(|view| view.held != told).await?;
        told = held;
        let (records, bytes) = held;
        let text = format!("keeping {records} records, {bytes} bytes");
        output.line(&HeldLine { records, bytes }, &text)?;
    }
}
