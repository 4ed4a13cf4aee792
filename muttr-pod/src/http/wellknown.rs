//! How the pod describes itself to those who only know its name.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use muttr_core::name::{Host, SeedId};
use serde::Serialize;

use super::Front;

/// `/.well-known/muttr`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WellKnown {
    version: u8,
    host: String,
    /// The peer id, base58.
    seed: String,
    /// Multiaddrs at which libp2p reaches it.
    addresses: Vec<String>,
    /// Path of the private channel.
    channel: &'static str,
    /// The OpenPGP certificate, base64.
    certificate: String,
    /// UDP port at which it answers STUN, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    stun: Option<u16>,
}

impl WellKnown {
    pub(crate) fn new(host: &Host, seed: SeedId, address: String, certificate: &[u8]) -> Self {
        Self {
            version: 1,
            host: host.to_string(),
            seed: seed.to_string(),
            addresses: vec![address],
            channel: "/channel",
            certificate: STANDARD.encode(certificate),
            stun: None,
        }
    }

    pub(crate) fn with_stun(self, port: Option<u16>) -> Self {
        Self { stun: port, ..self }
    }
}

pub(super) async fn show(State(front): State<Arc<Front>>) -> Json<WellKnown> {
    Json(front.well_known.clone())
}
