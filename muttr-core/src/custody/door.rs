//! What goes in and out of custody: its configuration, commands and events.

use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::SigningKey;

pub use crate::routing::Contact;
use crate::{
    envelope::{record::Record, stamp::Stamp},
    limit,
    name::{RecordKey, SeedId},
    rejection::Rejection,
    wire::store::{Receipt, Tombstone},
};

/// How a seed's or a pod's custody is set up.
#[derive(Clone)]
pub struct Config {
    /// Top byte of every ticket and question number issued here.
    pub space: u8,
    /// Our own seed id: the public half of `key`.
    pub me: SeedId,
    /// Signs our receipts.
    pub key: SigningKey,
    /// Where all of custody's chance comes from.
    pub random: [u8; 32],
    /// Whether we keep records that others put.
    pub stores: bool,
    /// Bytes of records kept at most; 0 keeps nothing.
    pub bytes_max: u64,
    /// Of these, bytes that only [`Command::Keep`] may use, whatever others put; at most half.
    pub bytes_reserved: u64,
    /// Records kept at most.
    pub records_max: usize,
    /// Released records remembered at most.
    pub tombstones_max: usize,
    /// Stores under way at once.
    pub stores_max: usize,
    /// Questions of others forwarded at once.
    pub forwards_max: usize,
    /// Neighbours that are asked for a record at the end of its way: in all, and at once.
    pub around: (usize, usize),
    /// Whether who says that there is nothing is doubted, and others are asked. Never off but to
    /// measure what that is worth.
    pub doubts: bool,
    /// Zero bits that are asked of every stamp. Never another number but in simulations, in which
    /// a search would cost time and show nothing; 0 asks for no stamps at all.
    pub stamp_bits: u8,
    /// Whether copies are made of what has become rare among our neighbours.
    pub repairs: bool,
    /// Links beyond which idle ones are closed before another is opened.
    pub links_max: usize,
    /// Others link to us directly and not over circuits, as to a pod: when such a link breaks,
    /// its seed is gone, or will be back by itself.
    pub direct: bool,
}

impl Config {
    /// The configuration of an ordinary seed, such as a browser tab.
    #[must_use]
    pub fn seed(space: u8, key: SigningKey, random: [u8; 32]) -> Self {
        Self {
            space,
            me: SeedId(key.verifying_key().to_bytes()),
            key,
            random,
            stores: true,
            bytes_max: limit::KEEP_BYTES_DEFAULT,
            bytes_reserved: 0,
            records_max: limit::KEEP_RECORDS_MAX,
            tombstones_max: limit::TOMBSTONES_MAX,
            stores_max: limit::STORES_MAX,
            forwards_max: limit::FORWARDED_MAX,
            around: limit::AROUND,
            doubts: true,
            stamp_bits: limit::STAMP_BITS,
            repairs: true,
            links_max: limit::LINKS_MAX,
            direct: false,
        }
    }

    /// The configuration of a pod: more room, a share of it for its own people, more links.
    #[must_use]
    pub fn pod(space: u8, key: SigningKey, random: [u8; 32]) -> Self {
        Self {
            bytes_max: limit::POD_BYTES_DEFAULT,
            bytes_reserved: limit::POD_BYTES_DEFAULT / 2,
            records_max: limit::POD_RECORDS_MAX,
            tombstones_max: limit::POD_TOMBSTONES_MAX,
            stores_max: limit::POD_STORES_MAX,
            forwards_max: limit::POD_FORWARDED_MAX,
            around: limit::POD_AROUND,
            // What a pod holds are replicas, beside the copies that seeds hold.
            repairs: false,
            links_max: limit::POD_LINKS_MAX,
            direct: true,
            ..Self::seed(space, key, random)
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("me", &self.me)
            .field("stores", &self.stores)
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}

/// What can be asked of custody. Every `id` is the caller's own and comes back in the events.
#[derive(Clone, Debug)]
pub enum Command {
    /// Read what is held; answered by [`Event::Ready`]. Until then others are told `Busy`.
    Start,
    /// Pods of other places: some are asked in every lookup, for seeds that know them and not us.
    Elsewhere(Vec<Contact>),
    /// Find our place in the network through these; their links are never closed from here.
    Join(Vec<Contact>),
    /// Place `copies` copies with the closest willing seeds other than ourselves and known pods.
    ///
    /// We never count as a holder of what we store: the point is that it outlasts us.
    Store {
        /// Comes back in [`Event::Receipt`] and [`Event::Stored`].
        id: u64,
        /// What to place.
        record: Record,
        /// Its stamp, where there is one; otherwise one is looked for first.
        stamp: Option<Stamp>,
        /// How many holders are wanted.
        copies: usize,
    },
    /// Find a stamp for a record of our own; answered by [`Event::Stamped`].
    Stamp {
        /// Comes back in [`Event::Stamped`].
        id: u64,
        /// For which record.
        key: RecordKey,
    },
    /// Find a record; answered by [`Event::Fetched`].
    Fetch {
        /// Comes back in [`Event::Fetched`].
        id: u64,
        /// Which one.
        key: RecordKey,
    },
    /// Keep a record ourselves; answered by [`Event::Kept`].
    Keep {
        /// Comes back in [`Event::Kept`].
        id: u64,
        /// What to keep.
        record: Record,
        /// The stamp that came with it. Of what came with none no copies are made from here.
        stamp: Option<Stamp>,
    },
    /// Find out who holds a record now; answered by [`Event::Counted`].
    Count {
        /// Comes back in [`Event::Counted`].
        id: u64,
        /// Which one.
        key: RecordKey,
        /// The hash in its header, by which a release is known to be true.
        deletion_hash: [u8; 32],
        /// Pods that promised to keep it, beside those that are known here. They are asked
        /// themselves, if they are linked.
        pods: Vec<SeedId>,
    },
    /// Have every copy of a record given up: whoever it was for has opened it; answered by
    /// [`Event::Released`].
    Release {
        /// Comes back in [`Event::Released`].
        id: u64,
        /// Which record, and by what right.
        tombstone: Tombstone,
    },
    /// Change how much we keep. What no longer fits is given up, soonest to expire first; 0
    /// stops keeping for others.
    Quota {
        /// Bytes of records at most.
        bytes_max: u64,
    },
    /// This seed is a pod: never a holder of what we store, asked first for what we fetch.
    Pod(SeedId),
    /// Seeds we heard of, to be tried when a lookup needs a beginning.
    Known(Vec<Contact>),
}

/// What custody reports.
#[derive(Clone, Debug)]
pub enum Event {
    /// What is held was read; others are served from now on.
    Ready,
    /// A holder promised, and its signature is good. A few may follow [`Event::Stored`].
    Receipt {
        /// Of [`Command::Store`].
        id: u64,
        /// The promise.
        receipt: Receipt,
    },
    /// A store came to its end: enough holders, nobody left to ask, or
    /// [`limit::STORE_MS_MAX`] has passed. Comes exactly once.
    Stored {
        /// Of [`Command::Store`].
        id: u64,
        /// How many holders promised so far.
        receipts: usize,
    },
    /// A search for a stamp came to its end.
    Stamped {
        /// Of [`Command::Stamp`].
        id: u64,
        /// The stamp, or [`Rejection::Busy`].
        result: Result<Stamp, Rejection>,
    },
    /// A fetch came to its end.
    Fetched {
        /// Of [`Command::Fetch`].
        id: u64,
        /// The record, whose bytes are those the key names; or `NoRecord`, `TimedOut`, `Busy`;
        /// or, as of [`Record::parse`], why what lies under the key is no record.
        result: Result<Record, Rejection>,
    },
    /// A keep came to its end.
    Kept {
        /// Of [`Command::Keep`].
        id: u64,
        /// Our own promise, once durable.
        result: Result<Receipt, Rejection>,
    },
    /// A release came to its end.
    Released {
        /// Of [`Command::Release`].
        id: u64,
        /// How many of those asked said that they, or others behind them, gave up the record.
        heard: usize,
    },
    /// A count came to its end.
    Counted {
        /// Of [`Command::Count`].
        id: u64,
        /// What was found, or [`Rejection::Busy`].
        result: Result<Tally, Rejection>,
    },
    /// What we hold has changed.
    Held {
        /// How many records.
        records: usize,
        /// How many bytes they have.
        bytes: u64,
    },
}

/// Who holds a record, as far as it could be confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Seeds, ourselves and pods not among them. One of those that were named together was chosen
    /// by chance and handed the record over; where it did not, none of them is here.
    pub seeds: Vec<SeedId>,
    /// Pods, each by its own word.
    pub pods: Vec<SeedId>,
    /// What was handed over.
    pub record: Option<Record>,
    /// The record was released, as this proves: nobody needs to hold it.
    pub gone: Option<Tombstone>,
}

/// Figures for whoever looks on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records held.
    pub records: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Seeds in the routing table.
    pub seeds: usize,
    /// Links to seeds that are up, pods included.
    pub links: usize,
    /// Lookups under way.
    pub lookups: usize,
    /// Stores and fetches under way.
    pub jobs: usize,
}
