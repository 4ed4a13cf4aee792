//! A pod: one process, one port, one folder. It serves the page, introduces seeds to each other,
//! relays between them and tells them their addresses, keeps records, aliases and notifications, and drives the protocol's
//! machine with all of it.
//!
//! [`seed`] is the other side: a seed without a browser, driven by the same loop, on which the
//! command `muttr` ([`cli`]) is built.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use axum::serve::ListenerExt as _;
use ed25519_dalek::SigningKey;
use muttr_core::{
    name::{Host, SeedId},
    pod::{Command, Event, Pod},
};
use rand_core::{OsRng, RngCore as _};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    driver::{Clock, Driver},
    http::{Front, Resolves, WellKnown},
    secrets::Secrets,
    store::sqlite::Sqlite,
};

pub mod cli;
pub mod config;
mod driver;
mod error;
pub mod files;
mod http;
mod secrets;
pub mod seed;
pub mod store;
mod stun;
mod swarm;
mod transport;

pub use config::Config;
pub use error::Failure;

/// The database's file in the data directory.
const DATABASE: &str = "pod.db";
/// Held locked by the pod that uses the data directory.
const LOCK: &str = "lock";
/// What the HTTP side may have told the driver before it waits.
const HAPPENINGS_MAX: usize = 1024;
/// Upgraded sockets waiting for libp2p.
const ARRIVALS_MAX: usize = 64;
/// How long connections get to end before they are cut.
const STOP_MAX: Duration = Duration::from_millis(1000);

/// A pod that runs until it is stopped. Dropping this stops it too, without waiting for it.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    host: Host,
    ready: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    driver: JoinHandle<()>,
    store: JoinHandle<()>,
    http: JoinHandle<()>,
    stun: Option<(SocketAddr, JoinHandle<()>)>,
}

impl Running {
    /// Where it listens, with the port it got.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it answers STUN, with the port it got; `None` when it is off or its port was taken.
    #[must_use]
    pub fn stun(&self) -> Option<SocketAddr> {
        self.stun.as_ref().map(|(addr, _)| *addr)
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
        let stun = self.stun.map(|(_, task)| task);
        for task in [self.driver, self.store, self.http].into_iter().chain(stun) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task broke down");
            }
        }
    }
}

/// Starts a pod.
///
/// # Errors
/// A [`Failure`] when the port or the data directory cannot be used.
pub async fn serve(config: Config) -> Result<Running, Failure> {
    let clock = Clock::start();
    let lock = claim(&config.data_dir)
        .map_err(|error| Failure::DataDir(config.data_dir.clone(), error))?;
    let secrets = Secrets::load(&config.data_dir, clock.now()).map_err(Failure::Keys)?;
    let path = config.data_dir.join(DATABASE);
    let database = Sqlite::open(&path, config.database_bytes_max).await;
    let database = database.map_err(|error| Failure::Database(path, error.into()))?;

    let failed = |error| Failure::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let host = name(&config, addr)?;
    let address = swarm::address(&host);
    let stun = stun::place(config.stun, addr, &host).and_then(stun::open);

    let (happenings, happenings_in) = mpsc::channel(HAPPENINGS_MAX);
    let (arrivals, arrivals_in) = mpsc::channel(ARRIVALS_MAX);
    let (ops, ops_in) = mpsc::unbounded_channel();
    let (done, done_in) = mpsc::unbounded_channel();
    let (ready_out, ready) = watch::channel(false);
    let (stop, stopping) = watch::channel(false);
    let resolves = Arc::new(Resolves::default());

    let keypair = muttr_net::keypair(*secrets.seed)
        .map_err(|error| Failure::Keys(io::Error::other(error)))?;
    let swarm = swarm::swarm(&keypair, &address, arrivals_in)
        .map_err(|error| Failure::Keys(io::Error::other(error)))?;
    let seed = SigningKey::from_bytes(&secrets.seed);
    let me = SeedId(seed.verifying_key().to_bytes());
    let certificate = secrets.identity.certificate().bytes().to_vec();
    let driver = Driver {
        machine: Pod::new(machine_config(&config, &host, secrets, seed)),
        on_event: on_event(ready_out, Arc::clone(&resolves)),
        clock,
        swarm,
        happenings: happenings_in,
        ops,
        done: done_in,
        stop: stopping.clone(),
    };
    let front = Front {
        well_known: WellKnown::new(&host, me, address.to_string(), &certificate)
            .with_stun(stun.as_ref().map(|(_, addr)| addr.port())),
        host: host.clone(),
        happenings,
        arrivals,
        ready: ready.clone(),
        stopping: stopping.clone(),
        resolves,
        channels_begun: AtomicU64::new(0),
    };
    let store = tokio::spawn(async move {
        store::serve(database, ops_in, done).await;
        drop(lock);
    });
    let driver = tokio::spawn(driver.run(Command::Start));
    let stun = stun.map(|(socket, addr)| {
        let serving = stun::serve(socket, stopping.clone());
        (addr, tokio::spawn(serving))
    });
    let http = tokio::spawn(listen(listener, front, stopping));
    Ok(Running {
        addr,
        host,
        ready,
        stop,
        driver,
        store,
        http,
        stun,
    })
}

/// Makes the data directory and keeps others out of it.
pub(crate) fn claim(data_dir: &Path) -> io::Result<fs::File> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)?;
    let lock = fs::File::create(data_dir.join(LOCK))?;
    lock.try_lock()?;
    Ok(lock)
}

fn name(config: &Config, addr: SocketAddr) -> Result<Host, Failure> {
    config.host.clone().map_or_else(
        || {
            let name = format!("localhost:{}", addr.port());
            name.parse()
                .map_err(|_| Failure::Config(format!("host: {name} is no name")))
        },
        Ok,
    )
}

fn machine_config(
    config: &Config,
    host: &Host,
    secrets: Secrets,
    seed: SigningKey,
) -> muttr_core::pod::Config {
    let mut random = [0; 32];
    OsRng.fill_bytes(&mut random);
    let Secrets {
        identity, noise, ..
    } = secrets;
    let mut machine = muttr_core::pod::Config::new(host.clone(), identity, noise, seed, random);
    if let Some(bytes_max) = config.record_bytes_max {
        machine.custody.bytes_max = bytes_max;
        machine.custody.bytes_reserved = bytes_max / 2;
    }
    let (own, quotas) = (&config.quotas, &mut machine.quotas);
    quotas.mailbox_strangers_max = own
        .mailbox_strangers_max
        .unwrap_or(quotas.mailbox_strangers_max);
    quotas.mailbox_entries_max = own
        .mailbox_entries_max
        .unwrap_or(quotas.mailbox_entries_max);
    quotas.mailbox_bytes_max = own.mailbox_bytes_max.unwrap_or(quotas.mailbox_bytes_max);
    quotas.changes_burst = own.changes_burst.unwrap_or(quotas.changes_burst);
    quotas.changes_per_s = own.changes_per_s.unwrap_or(quotas.changes_per_s);
    machine
}

fn on_event(ready: watch::Sender<bool>, resolves: Arc<Resolves>) -> impl FnMut(Event) + Send {
    move |event| match event {
        Event::Ready => {
            tracing::info!("ready");
            ready.send_replace(true);
        }
        Event::ReadFailed => tracing::error!("the database cannot be read; trying again"),
        Event::RowsUnreadable(rows) => tracing::warn!(rows, "rows left alone, not understood"),
        Event::Resolved { id, result } => resolves.end(id, result),
        Event::Closed(why) => tracing::debug!(%why, "closed a channel"),
    }
}

/// Serves HTTP until told to stop; what then does not end by itself is cut.
async fn listen(listener: TcpListener, front: Front, stopping: watch::Receiver<bool>) {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small messages will wait");
        }
    });
    let service = http::router(front).into_make_service_with_connect_info::<SocketAddr>();
    let stopped = |mut stopping: watch::Receiver<bool>| async move {
        // Fails when the pod was dropped, which stops it too.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopped(stopping.clone()));
    let cut = async {
        stopped(stopping).await;
        tokio::time::sleep(STOP_MAX).await;
    };
    tokio::select! {
        served = serving.into_future() => if let Err(error) = served {
            tracing::error!(%error, "no longer listening");
        },
        () = cut => {}
    }
}
