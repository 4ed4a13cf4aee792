//! A seed in a tab: the driver of `muttr-core`'s seed machine between libp2p, a WebSocket and
//! IndexedDB, and the door through which the TypeScript facade in `js/` uses it.
//!
//! What is `pub` here is that door. Applications never see it.
#![cfg(target_arch = "wasm32")]

mod backoff;
mod channel;
mod clock;
mod driver;
pub mod error;
mod figures;
#[cfg(feature = "test-handles")]
pub mod handles;
mod line;
mod log;
mod network;
pub mod person;
mod random;
mod rtc;
pub mod seed;
mod settings;
mod store;
mod view;
