//! The versions of the database in a tab, and how one becomes the next.
//!
//! A version is never edited once it shipped: what changes is written as one more step.

use muttr_core::machine::Table;

/// What each version adds to the one before, from version 1 on.
const STEPS: [&[Table]; 2] = [
    &[
        Table::Setting,
        Table::Record,
        Table::Inbox,
        Table::Outbox,
        Table::Message,
        Table::Contact,
    ],
    // Duplicates came to be recognised by the message's id, no longer by its place in the inbox.
    &[Table::Seen],
];

/// The version this program reads and writes.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// The tables to create when a database of version `old` (0: there is none) is opened.
pub(crate) fn missing_since(old: u32) -> impl Iterator<Item = Table> {
    STEPS.into_iter().skip(old as usize).flatten().copied()
}
