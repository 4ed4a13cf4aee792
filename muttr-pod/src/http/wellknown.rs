//! How the pod describes itself to those who only know its name.

use std::{net::SocketAddr, sync::Arc};

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use libp2p::Multiaddr;
use muttr_core::{
    custody::Contact,
    limit,
    name::SeedId,
    pod::{self, Described},
};
use serde::{Deserialize, Serialize};

use super::Front;

/// `/.well-known/muttr`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WellKnown {
    /// Of this description; 1.
    pub version: u8,
    /// The name the pod goes by.
    pub host: String,
    /// The peer id, base58.
    pub seed: String,
    /// Multiaddrs at which libp2p reaches it.
    pub addresses: Vec<String>,
    /// Path of the private channel.
    pub channel: String,
    /// The OpenPGP certificate, base64.
    pub certificate: String,
    /// UDP port at which it answers STUN, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stun: Option<u16>,
    /// A [`SignedDescription`](muttr_core::wire::fed::SignedDescription), base64; absent until
    /// the pod has read what it keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    /// Other pods, for seeds to look around through.
    #[serde(default)]
    pub pods: Vec<Acquaintance>,
    /// What it grants other pods and their people.
    #[serde(default)]
    pub limits: Limits,
    /// Whether it deals with any pod, `open`, or with those that its operator listed, `listed`.
    #[serde(default)]
    pub policy: String,
}

/// What a pod grants other pods and their people.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Largest record.
    pub record_bytes_max: usize,
    /// Largest body of `POST /fed/v1/notify`.
    pub handover_bytes_max: usize,
    /// Notifications that one pod may hand over at once.
    pub handovers_burst: u32,
    /// And a second that it may go on with.
    pub handovers_per_s: u32,
    /// Notifications that a mailbox keeps.
    pub mailbox_entries_max: usize,
    /// Of them those from strangers.
    pub mailbox_strangers_max: usize,
}

impl Limits {
    const fn of(quotas: &pod::Quotas) -> Self {
        Self {
            record_bytes_max: limit::RECORD_BYTES_MAX,
            handover_bytes_max: limit::HANDOVER_BYTES_MAX,
            handovers_burst: quotas.handovers_burst,
            handovers_per_s: quotas.handovers_per_s,
            mailbox_entries_max: quotas.mailbox_entries_max,
            mailbox_strangers_max: quotas.mailbox_strangers_max,
        }
    }
}

/// Where the seed of another pod is found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Acquaintance {
    /// The peer id, base58.
    pub seed: String,
    /// Multiaddrs at which libp2p reaches it.
    pub addresses: Vec<String>,
}

impl Acquaintance {
    fn of(contact: &Contact) -> Self {
        let addresses = contact.addresses.iter().cloned();
        let addresses = addresses.filter_map(|address| Multiaddr::try_from(address).ok());
        Self {
            seed: contact.seed.to_string(),
            addresses: addresses.map(|address| address.to_string()).collect(),
        }
    }
}

impl WellKnown {
    /// What is known before the machine says anything.
    pub(crate) fn new(
        machine: &pod::Config,
        seed: SeedId,
        address: &Multiaddr,
        stun: Option<SocketAddr>,
    ) -> Self {
        let policy = if machine.policy.allow.is_empty() {
            "open"
        } else {
            "listed"
        };
        Self {
            version: 1,
            host: machine.host.to_string(),
            seed: seed.to_string(),
            addresses: vec![address.to_string()],
            channel: "/channel".into(),
            certificate: STANDARD.encode(machine.identity.certificate().bytes()),
            stun: stun.map(|stun| stun.port()),
            signed: None,
            pods: Vec::new(),
            limits: Limits::of(&machine.quotas),
            policy: policy.into(),
        }
    }

    /// What the machine says of the pod from now on.
    pub(crate) fn describe(&mut self, described: &Described) {
        self.signed = Some(STANDARD.encode(&described.signed));
        self.pods = described.pods.iter().map(Acquaintance::of).collect();
    }
}

pub(super) async fn show(State(front): State<Arc<Front>>) -> Json<WellKnown> {
    Json(front.well_known.borrow().clone())
}
