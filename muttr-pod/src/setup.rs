//! What a pod is made of before it runs.

use std::{fs, io, net::SocketAddr, path::Path};

use ed25519_dalek::SigningKey;
use libp2p::Multiaddr;
use muttr_core::{
    name::Host,
    pod::{self, Command},
    time::Time,
};
use rand_core::{OsRng, RngCore as _};
use tokio::net::{TcpListener, UdpSocket};

use crate::{Config, Failure, folder, secrets::Secrets, store::sqlite::Sqlite, stun};

/// The database's file in the data directory.
pub(crate) const DATABASE: &str = "pod.db";
/// Held locked by the pod that uses the data directory.
const LOCK: &str = "lock";

/// Everything that a pod takes from the machine it runs on.
pub(crate) struct Opened {
    pub(crate) lock: fs::File,
    pub(crate) secrets: Secrets,
    pub(crate) database: Sqlite,
    pub(crate) ports: Ports,
    pub(crate) host: Host,
}

/// Where it listens.
pub(crate) struct Ports {
    pub(crate) page: (TcpListener, SocketAddr),
    pub(crate) metrics: Option<(TcpListener, SocketAddr)>,
    pub(crate) stun: Option<(UdpSocket, SocketAddr)>,
}

impl Ports {
    pub(crate) fn places(&self) -> Places {
        Places {
            page: self.page.1,
            metrics: self.metrics.as_ref().map(|port| port.1),
            stun: self.stun.as_ref().map(|port| port.1),
        }
    }
}

/// The addresses of its ports, with the numbers that they got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) page: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) stun: Option<SocketAddr>,
}

/// Takes it.
pub(crate) async fn open(config: &Config, now: Time) -> Result<Opened, Failure> {
    let lock = claim(&config.data_dir)
        .map_err(|error| Failure::DataDir(config.data_dir.clone(), error))?;
    let secrets = Secrets::load(&config.data_dir, now).map_err(Failure::Keys)?;
    let path = config.data_dir.join(DATABASE);
    let database = Sqlite::open_to(&path, config.database_bytes_max, config.commit).await;
    let database = database.map_err(|error| Failure::Database(path, error.into()))?;
    let page = bind(config.listen).await?;
    let metrics = match config.metrics {
        Some(at) => Some(bind(at).await?),
        None => None,
    };
    let host = name(config, page.1)?;
    let stun = stun::place(config.stun, page.1, &host).and_then(stun::open);
    Ok(Opened {
        lock,
        secrets,
        database,
        ports: Ports {
            page,
            metrics,
            stun,
        },
        host,
    })
}

/// Makes the data directory and keeps others out of it.
pub(crate) fn claim(data_dir: &Path) -> io::Result<fs::File> {
    folder::make(data_dir)?;
    let lock = fs::File::create(data_dir.join(LOCK))?;
    lock.try_lock()?;
    Ok(lock)
}

/// A listener there, and the address with the port it got.
async fn bind(at: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error| Failure::Listen(at, error);
    let listener = TcpListener::bind(at).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// The name it was given, or that of its port on this machine.
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

/// How the machine is set up.
pub(crate) fn machine(
    config: &Config,
    host: &Host,
    address: &Multiaddr,
    secrets: Secrets,
    seed: SigningKey,
) -> pod::Config {
    let mut random = [0; 32];
    OsRng.fill_bytes(&mut random);
    let Secrets {
        identity, noise, ..
    } = secrets;
    let mut machine = pod::Config::new(host.clone(), identity, noise, seed, random);
    if let Some(bytes_max) = config.record_bytes_max {
        machine.custody.bytes_max = bytes_max;
        machine.custody.bytes_reserved = bytes_max / 2;
    }
    machine.quotas = config.quotas.over(machine.quotas);
    machine.addresses = vec![address.to_vec()];
    machine.policy = config.policy.clone();
    machine
}

/// What the machine is told first.
pub(crate) fn first(known_pods: Vec<Host>) -> Vec<Command> {
    let mut first = vec![Command::Start];
    if !known_pods.is_empty() {
        first.push(Command::Meet(known_pods));
    }
    first
}
