//! The Muttr protocol: state machines that read no clock, open no socket and touch no disk.
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

extern crate alloc;

pub mod limit;
pub mod machine;
pub mod name;
pub mod rejection;
pub mod time;

pub mod envelope;
pub mod keyring;
pub mod wire;

pub mod session;

pub mod custody;
pub mod routing;
pub mod rtc;

pub mod pod;
pub mod seed;
