//! Whole populations for days: thousands of the very custody machines that tabs and pods run, whose
//! people come and go, under virtual time. One integer decides everything.
//!
//! Where [`crate::simulator`] plays a village with everything a person does, this plays a city
//! and nothing but custody, and counts: what can still be read, what it costs in dials, frames and
//! copies. What is modelled and not played: the network (see [`access`]), the disks (a power cut
//! is the other simulator's), the people, and the word of mouth by which a reader knows a record
//! key. Signatures are real.

pub mod access;
mod arrivals;
mod chance;
mod custodian;
pub mod grind;
pub mod growth;
mod links;
pub mod mirror;
mod outcome;
pub mod plan;
pub mod plot;
mod records;
pub mod report;
pub mod scenario;
mod scenes;
mod shelf;
mod tally;
mod visits;
mod world;

pub use outcome::Outcome;
pub use plan::Plan;

/// The line that plays a run again.
#[must_use]
pub fn again(scenario: &str, integer: u64) -> String {
    format!("play it again: MUTTR_SIM_SEED={integer} cargo figures {scenario}")
}
