//! Who takes part: a tab or a pod, its machine while it runs, its disk always.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use muttr_core::{
    custody::{Config, Custody},
    limit,
    machine::Traits,
    name::SeedId,
};

use super::{access::Nat, plan::Vice, shelf::Shelf};

/// Names a participant of one world.
pub(super) type Who = u32;

/// No stamp costs anything here: how long one is looked for is a matter of the machine.
pub(super) const STAMP_BITS: u8 = 0;
/// Top byte of the numbers that custody issues.
pub(super) const SPACE: u8 = 1;

/// What kind of participant it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Pod,
    Tab {
        home: Who,
        nat: Nat,
    },
    /// One of the many ids of an attacker, who answers for all of them.
    Sybil,
}

/// Someone in the world.
#[derive(Debug)]
pub(super) struct Custodian {
    key: SigningKey,
    pub(super) seed: SeedId,
    pub(super) role: Role,
    pub(super) keeps: bool,
    /// It passes on what others ask for and keeps nothing.
    pub(super) full: bool,
    /// It doubts those who say that there is nothing.
    pub(super) doubts: bool,
    pub(super) vice: Option<Vice>,
    /// Which half it is in when the network falls apart.
    pub(super) half: bool,
    pub(super) shelf: Shelf,
    pub(super) machine: Option<Box<Custody>>,
    /// One run: what was meant for an earlier one does not reach a later one.
    pub(super) life: u32,
    pub(super) since_ms: u64,
    pub(super) wake_ms: Option<u64>,
    pub(super) overdue: u32,
    /// The far end → the number of the link to it.
    pub(super) links: BTreeMap<Who, u64>,
    pub(super) dialling: BTreeSet<Who>,
    /// Stores and fetches of its own under way, to whose account its dials are put.
    pub(super) stores: u32,
    pub(super) fetches: u32,
}

impl Custodian {
    pub(super) fn new(secret: [u8; 32], role: Role, keeps: bool) -> Self {
        let key = SigningKey::from_bytes(&secret);
        Self {
            seed: SeedId(key.verifying_key().to_bytes()),
            key,
            role,
            keeps,
            full: false,
            doubts: true,
            vice: None,
            half: false,
            shelf: Shelf::default(),
            machine: None,
            life: 0,
            since_ms: 0,
            wake_ms: None,
            overdue: 0,
            links: BTreeMap::new(),
            dialling: BTreeSet::new(),
            stores: 0,
            fetches: 0,
        }
    }

    pub(super) const fn runs(&self) -> bool {
        self.machine.is_some()
    }

    /// Whether anyone answers there.
    pub(super) fn answers(&self) -> bool {
        self.runs() || self.role == Role::Sybil
    }

    pub(super) fn is_pod(&self) -> bool {
        self.role == Role::Pod
    }

    pub(super) fn nat(&self) -> Nat {
        match self.role {
            Role::Pod | Role::Sybil => Nat::Open,
            Role::Tab { nat, .. } => nat,
        }
    }

    /// A machine for another run.
    pub(super) fn start(&mut self, now_ms: u64, random: [u8; 32]) {
        let config = if self.is_pod() {
            Config::pod(SPACE, self.key.clone(), random)
        } else {
            Config::seed(SPACE, self.key.clone(), random)
        };
        self.machine = Some(Box::new(Custody::new(Config {
            stores: self.keeps,
            doubts: self.doubts,
            // Work that is done, like signing, and not modelled.
            stamp_bits: STAMP_BITS,
            around: if self.doubts {
                config.around
            } else {
                limit::AROUND
            },
            bytes_max: if self.full { 0 } else { config.bytes_max },
            ..config
        })));
        self.since_ms = now_ms;
        self.wake_ms = None;
        // What an earlier run had begun is over.
        self.stores = 0;
        self.fetches = 0;
    }

    /// What others are told of it when a link comes up.
    pub(super) fn traits(&self, who: Who) -> Traits {
        Traits {
            addresses: vec![address(who)],
            routes: true,
            stores: self.keeps,
        }
    }
}

/// Where somebody is dialled.
pub(super) fn address(who: Who) -> Vec<u8> {
    [b"/sim/".as_slice(), &who.to_be_bytes()].concat()
}
