//! What a pod acknowledged is there after `kill -9`, and after a power cut.

use std::time::{Duration, SystemTime};

use serde_json::Value;

#[cfg(target_os = "linux")]
#[path = "durability/cuts.rs"]
mod cuts;
#[path = "harness/report.rs"]
mod harness;
#[path = "durability/kills.rs"]
mod kills;
#[path = "durability/ledger.rs"]
mod ledger;
#[path = "durability/people.rs"]
mod people;
#[path = "durability/pod.rs"]
mod pod;
#[path = "durability/post.rs"]
mod post;
#[cfg(target_os = "linux")]
#[path = "durability/start.rs"]
mod start;
#[cfg(target_os = "linux")]
#[path = "durability/store.rs"]
mod store;
#[cfg(target_os = "linux")]
#[path = "durability/weak_disk.rs"]
mod weak_disk;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(120);
/// Sets how often a pod is killed; a soak sets it higher.
const KILLS: &str = "MUTTR_SOAK_KILLS";
/// Sets how often the power goes; a soak sets it higher.
const CUTS: &str = "MUTTR_SOAK_CUTS";
/// Sets the integer that the moments follow from, to see the same ones again.
const INTEGER: &str = "MUTTR_SOAK_SEED";

/// Numbers that look random and follow from one integer (SplitMix64).
#[derive(Clone)]
struct Moments(u64);

impl Moments {
    /// From the integer of this run, which is printed.
    fn of_this_run() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("after 1970").as_micros();
        let integer = number(INTEGER).unwrap_or_else(|| u64::try_from(now).expect("fits"));
        println!("{INTEGER}={integer}");
        Self(integer)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

/// Adds figures to `target/report/durability.json`.
fn report(figures: Value) {
    harness::report("durability", figures);
}
