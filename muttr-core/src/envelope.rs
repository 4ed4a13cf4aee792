//! Message ⇄ payload ⇄ envelope ⇄ record.
//!
//! What a person wrote becomes a [`Payload`]; [`seal`] signs it, pads it and encrypts it into a
//! [`record::Record`]; [`open`] goes back, and believes nothing that its one rule does not allow.

pub mod container;
mod fault;
mod open;
pub(crate) mod packet;
mod payload;
pub mod record;
mod seal;
pub mod stamp;
mod value;

pub use fault::Fault;
pub use open::{Known, Opened, open};
pub use payload::{
    Attached, Correspondence, Kind, Party, Payload, Progress, ReadReceipt, deletion_hash,
};
pub use seal::seal;

#[cfg(test)]
mod tests;
