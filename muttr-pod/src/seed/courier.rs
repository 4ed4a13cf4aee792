//! Hands messages to other pods without the own one.

use std::io;

use muttr_core::{name::Host, seed::Command};
use tokio::sync::mpsc;

use super::{PodUrl, view::Watched};
use crate::{driver::Happening, envoy::Envoy, reach::Reach};

/// Carries what the machine posts; the machine bounds how much of it is under way.
pub(super) struct Courier {
    envoy: Envoy,
    happenings: mpsc::Sender<Happening<Watched>>,
}

impl Courier {
    pub(super) fn new(
        home: &PodUrl,
        happenings: mpsc::Sender<Happening<Watched>>,
    ) -> io::Result<Self> {
        // Whose pod is on this machine tries things out on it.
        let reach = if home.is_local() {
            Reach::Loopback
        } else {
            Reach::Guarded
        };
        let envoy = Envoy::new(reach)?;
        Ok(Self { envoy, happenings })
    }

    pub(super) fn carry(&self, id: u64, host: Host, body: Vec<u8>) {
        let (envoy, happenings) = (self.envoy.clone(), self.happenings.clone());
        tokio::spawn(async move {
            let result = envoy.notify(&host, body).await;
            let posted = Happening::Command(Command::Posted { id, result });
            // Fails when the seed has stopped.
            let _ = happenings.send(posted).await;
        });
    }
}
