//! How the pod describes itself to those who only know its name.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use libp2p::Multiaddr;
use muttr_core::{
    custody::Contact,
    name::{Host, SeedId},
    pod::Described,
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
    pub(crate) fn new(host: &Host, seed: SeedId, address: String, certificate: &[u8]) -> Self {
        Self {
            version: 1,
            host: host.to_string(),
            seed: seed.to_string(),
            addresses: vec![address],
            channel: "/channel".into(),
            certificate: STANDARD.encode(certificate),
            stun: None,
            signed: None,
            pods: Vec::new(),
        }
    }

    pub(crate) fn with_stun(self, port: Option<u16>) -> Self {
        Self { stun: port, ..self }
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
