//! What a tab is.

mod door;

pub use door::*;
