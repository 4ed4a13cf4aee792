//! Message ⇄ payload ⇄ envelope ⇄ record.

pub mod container;
pub mod record;
