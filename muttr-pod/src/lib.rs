//! A pod: one process, one port, one folder. It serves the page, introduces seeds to each other,
//! relays between them and tells them their addresses, keeps records, aliases and notifications,
//! deals with other pods, and drives the protocol's machine with all of it.
//!
//! [`seed`] is the other side: a seed without a browser, driven by the same loop, on which the
//! command `muttr` ([`cli`]) is built.

use std::{
    io,
    sync::{Arc, atomic::AtomicU64},
};

use ed25519_dalek::SigningKey;
use muttr_core::{name::SeedId, pod::Pod};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    driver::{Clock, Driver},
    envoy::Envoy,
    events::Events,
    http::{Front, Rooms, Visits, WellKnown},
    listen::listen,
    metrics::{Counts, Figures},
    reach::{Guard, Reach},
    setup::Ports,
};

mod allowance;
pub mod cli;
pub mod config;
mod driver;
pub mod envoy;
mod error;
mod events;
pub mod files;
mod folder;
mod http;
mod limits;
mod listen;
mod metrics;
mod reach;
mod running;
mod secrets;
pub mod seed;
mod setup;
pub mod store;
mod stun;
mod swarm;
pub mod transport;

pub use config::Config;
pub use error::Failure;
pub use running::Running;

/// What is said, loudly, of a pod that may reach other pods on its own machine.
pub const INSECURE: &str = "INSECURE: insecure_loopback_federation is on. Whoever names an alias \
    can make this pod connect to any port of this machine, without TLS. For tests only";

/// What the HTTP side may have told the driver before it waits.
const HAPPENINGS_MAX: usize = 1024;
/// Upgraded sockets waiting for libp2p.
const ARRIVALS_MAX: usize = 64;

/// Starts a pod.
///
/// # Errors
/// A [`Failure`] when the port or the data directory cannot be used.
pub async fn serve(config: Config) -> Result<Running, Failure> {
    let clock = Clock::start();
    let opened = setup::open(&config, clock.now()).await?;
    let (secrets, host, ports) = (opened.secrets, opened.host, opened.ports);
    let address = swarm::address(&host);
    let places = ports.places();
    let guard = guard(config.reach)?;

    let (happenings, happenings_in) = mpsc::channel(HAPPENINGS_MAX);
    let (arrivals, arrivals_in) = mpsc::channel(ARRIVALS_MAX);
    let (ops, ops_in) = mpsc::unbounded_channel();
    let (done, done_in) = mpsc::unbounded_channel();
    let (ready_out, ready) = watch::channel(false);
    let (stop, stopping) = watch::channel(false);
    let (rooms, counts) = (Arc::new(Rooms::default()), Arc::new(Counts::default()));

    let swarm = muttr_net::keypair(*secrets.seed)
        .map_err(io::Error::other)
        .and_then(|keypair| swarm::swarm(&keypair, &address, arrivals_in, guard.clone()))
        .map_err(Failure::Keys)?;
    let seed = SigningKey::from_bytes(&secrets.seed);
    let me = SeedId(seed.verifying_key().to_bytes());
    let machine = setup::machine(&config, &host, &address, secrets, seed);
    let told = WellKnown::new(&machine, me, &address, places.stun);
    let (well_known, told) = watch::channel(told);
    let mut events = Events {
        ready: ready_out,
        well_known,
        rooms: Arc::clone(&rooms),
        counts: Arc::clone(&counts),
        envoy: Envoy::over(guard),
        happenings: happenings.clone(),
        calls: JoinSet::new(),
    };
    let driver = Driver {
        machine: Pod::new(machine),
        on_event: move |event| events.on(event),
        clock,
        swarm,
        happenings: happenings_in,
        ops,
        done: done_in,
        stop: stopping.clone(),
    };
    let front = Front {
        well_known: told,
        host: host.clone(),
        happenings,
        arrivals,
        ready: ready.clone(),
        stopping: stopping.clone(),
        rooms,
        visits: Visits::new(config.rates),
        counts,
        reach: config.reach,
        channels_begun: AtomicU64::new(0),
    };
    let (database, lock) = (opened.database, opened.lock);
    let mut others = vec![tokio::spawn(async move {
        store::serve(database, ops_in, done).await;
        drop(lock);
    })];
    others.extend(serve_at(ports, front));
    Ok(Running {
        places,
        host,
        ready,
        stop,
        driver: tokio::spawn(driver.run(setup::first(config.known_pods))),
        others,
    })
}

/// Serves at all of its ports, and logs what is counted there.
fn serve_at(ports: Ports, front: Front) -> Vec<JoinHandle<()>> {
    let stopping = front.stopping.clone();
    let counts = Arc::clone(&front.counts);
    let figures = Figures {
        counts: Arc::clone(&counts),
        happenings: front.happenings.clone(),
    };
    let mut tasks = vec![
        tokio::spawn(listen(ports.page.0, http::router(front), stopping.clone())),
        tokio::spawn(counts.log_until(stopping.clone())),
    ];
    if let Some((listener, address)) = ports.metrics {
        tracing::info!(%address, "tells figures");
        let router = metrics::router(figures);
        tasks.push(tokio::spawn(listen(listener, router, stopping.clone())));
    }
    if let Some((socket, _)) = ports.stun {
        tasks.push(tokio::spawn(stun::serve(socket, stopping)));
    }
    tasks
}

/// What it connects through.
fn guard(reach: Reach) -> Result<Guard, Failure> {
    if reach == Reach::Loopback {
        tracing::warn!("{INSECURE}");
    }
    Guard::new(reach).map_err(|error| Failure::Config(format!("no TLS: {error}")))
}
