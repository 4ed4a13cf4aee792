//! Playing something many times, each time decided by another integer.

use std::env;

/// The variable that names one integer to be played again.
const INTEGER: &str = "MUTTR_SIM_SEED";
/// The variable that says how many integers to play instead of the usual few.
const RUNS: &str = "MUTTR_SIM_RUNS";

/// Plays `play` for the integers from 1 to `runs`, or for the one that `MUTTR_SIM_SEED` names.
///
/// # Panics
/// At the first violation, with the one line that plays it again. `name` is the test's.
pub fn storm(name: &str, runs: u64, mut play: impl FnMut(u64) -> Result<(), String>) {
    let named = |variable| {
        env::var(variable)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let integers = match named(INTEGER) {
        Some(integer) => integer..=integer,
        None => 1..=named(RUNS).unwrap_or(runs),
    };
    for integer in integers {
        if let Err(violation) = play(integer) {
            panic!("{violation}\nplay it again: {INTEGER}={integer} cargo sim {name}\n");
        }
    }
}
