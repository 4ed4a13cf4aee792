//! What is stored where, who signed for it, how it is found again.

mod door;

pub use door::{Command, Config, Contact, Event, Stats};
