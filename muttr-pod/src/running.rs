//! A pod that runs.

use std::net::SocketAddr;

use muttr_core::name::Host;
use tokio::{sync::watch, task::JoinHandle};

use crate::{Failure, setup::Places};

/// A pod that runs until it is stopped. Dropping this stops it too, without waiting for it.
#[derive(Debug)]
pub struct Running {
    pub(crate) places: Places,
    pub(crate) host: Host,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) driver: JoinHandle<()>,
    /// Everything beside the driver, in the order in which it is waited for.
    pub(crate) others: Vec<JoinHandle<()>>,
}

impl Running {
    /// Where it listens, with the port it got.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.places.page
    }

    /// Where it answers STUN, with the port it got; `None` when it is off or its port was taken.
    #[must_use]
    pub const fn stun(&self) -> Option<SocketAddr> {
        self.places.stun
    }

    /// Where it tells figures, with the port it got; `None` when it does not.
    #[must_use]
    pub const fn metrics(&self) -> Option<SocketAddr> {
        self.places.metrics
    }

    /// The name it goes by.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Waits until it serves, or has stopped.
    pub async fn ready(&mut self) {
        // Fails when it has stopped.
        let _ = self.ready.wait_for(|ready| *ready).await;
    }

    /// Waits until it stops by itself.
    pub async fn stopped(&mut self) -> Failure {
        if let Err(error) = (&mut self.driver).await {
            tracing::error!(%error, "the driver broke down");
        }
        Failure::Stopped
    }

    /// Stops it: no new work, what is under way on disk is finished, everything is closed.
    pub async fn stop(self) {
        // Fails when everything that listened has ended already.
        let _ = self.stop.send(true);
        for task in [self.driver].into_iter().chain(self.others) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task broke down");
            }
        }
    }
}
