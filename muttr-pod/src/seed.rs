//! A seed without a browser: the machine that a tab drives, driven by a process.
//!
//! It keeps its tables in SQLite and its keys in files, speaks to its pod over a WebSocket and to
//! other seeds over libp2p. [`start`] starts one; many can run in one process, each with a data
//! directory of its own.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use ed25519_dalek::SigningKey;
use futures::future::join_all;
use libp2p::{Multiaddr, Swarm};
use muttr_core::{
    keyring::Identity,
    limit,
    machine::{Scan, Table},
    name::SeedId,
    routing::Contact,
    seed::{self, Command, Event, Seed},
};
use rand_core::{OsRng, RngCore as _};
use tokio::sync::{broadcast, mpsc, watch};
use zeroize::Zeroizing;

mod arrivals;
mod backoff;
mod courier;
mod describe;
mod failure;
mod home;
pub mod keys;
mod line;
#[allow(
    missing_docs,
    reason = "the derive writes BehaviourEvent, without a word"
)]
mod network;
mod place;
mod running;
mod socket;
mod view;

pub use arrivals::Arrivals;
pub use describe::{Description, describe};
pub use failure::Failure;
pub use place::PodUrl;
pub use running::{Events, Running, Told};
pub use view::View;

use crate::{
    driver::{Clock, Driver},
    envoy::Reach,
    store::{self, Done, Op, Store as _, sqlite::Sqlite},
};
use courier::Courier;
use view::{Board, Watched};

/// The database's file in the data directory.
const DATABASE: &str = "seed.db";
/// What commands and the channel may have told the driver before they wait.
const HAPPENINGS_MAX: usize = 256;
/// Events that a listener may be behind before it misses some.
const EVENTS_MAX: usize = 256;

/// What a native seed is started with.
#[derive(Debug)]
pub struct Config {
    /// Where keys and database lie.
    pub data_dir: PathBuf,
    /// The home pod, then others to learn of seeds from. Empty: the home pod of the last time.
    pub pods: Vec<PodUrl>,
    /// Who the person is; none for a seed that only keeps records for others.
    pub identity: Option<Identity>,
    /// Bytes to keep for others. `None` goes on with what was kept before, and begins nothing.
    pub keep_bytes_max: Option<u64>,
    /// No other seed shall learn that this one is there; its pod places and fetches for it.
    pub hidden: bool,
    /// Where other seeds may connect to; `None` for a seed that only dials.
    pub listen: Option<SocketAddr>,
    /// Speak to nobody, for whoever only wants to look at what is here.
    pub offline: bool,
}

impl Config {
    /// A person's seed that only dials, and begins to keep nothing for others.
    #[must_use]
    pub const fn new(data_dir: PathBuf, pods: Vec<PodUrl>, identity: Option<Identity>) -> Self {
        Self {
            data_dir,
            pods,
            identity,
            keep_bytes_max: None,
            hidden: false,
            listen: None,
            offline: false,
        }
    }
}

/// Starts a seed. It is not online yet: see [`Running::online`].
///
/// # Errors
/// A [`Failure`] when the data directory cannot be used, or the pod was never met and is away.
pub async fn start(config: Config) -> Result<Running, Failure> {
    let lock = claim(&config.data_dir)?;
    let (url, description) = find_home(&config).await?;
    let (database, keep_bytes_max) = open_database(&config).await?;
    let failed = |error: io::Error| Failure::DataDir(config.data_dir.clone(), error);
    let secret = keys::seed_key(&config.data_dir).map_err(failed)?;
    let (swarm, addresses) = open_network(&config, &url, &secret, keep_bytes_max).await?;

    let (happenings, happenings_in) = mpsc::channel(HAPPENINGS_MAX);
    let (ops, ops_in) = mpsc::unbounded_channel();
    let (done, done_in) = mpsc::unbounded_channel();
    let (stop, stopping) = watch::channel(false);
    let (events, _) = broadcast::channel(EVENTS_MAX);
    let courier = Courier::new(&url, happenings.clone()).map_err(failed)?;
    let board = Arc::new(Board::new());
    let waiting = Arc::new(running::Waiting::default());

    let machine = machine(&config, &url, &description, &secret, keep_bytes_max);
    let id = machine_id(&secret);
    let driver = Driver {
        machine: Watched::new(machine, Arc::clone(&board)),
        on_event: on_event(
            Arc::clone(&board),
            Arc::clone(&waiting),
            events.clone(),
            courier,
        ),
        clock: Clock::start(),
        swarm,
        happenings: happenings_in,
        ops,
        done: done_in,
        stop: stopping.clone(),
    };
    let mut tasks = vec![
        tokio::spawn(driver.run(vec![Command::Start])),
        tokio::spawn(async move {
            store::serve(database, ops_in, done).await;
            drop(lock);
        }),
    ];
    if !config.offline {
        let line = line::Line {
            url: url.clone(),
            path: description.channel.clone(),
            happenings: happenings.clone(),
            board: Arc::clone(&board),
            stop: stopping.clone(),
        };
        // The channel is for what concerns a person.
        if config.identity.is_some() {
            tasks.push(tokio::spawn(line.run()));
        }
        let (online, data_dir) = (board.subscribe(), config.data_dir);
        let home = (url.clone(), description);
        tasks.push(tokio::spawn(remember(data_dir, home, online, stopping)));
    }
    Ok(Running::new(running::Parts {
        id,
        url,
        addresses,
        board,
        waiting,
        events,
        happenings,
        stop,
        tasks,
    }))
}

/// The database, and how many bytes to keep in it for others.
async fn open_database(config: &Config) -> Result<(Sqlite, u64), Failure> {
    let path = config.data_dir.join(DATABASE);
    let database = Sqlite::open(&path, None).await;
    let mut database = database.map_err(|error| Failure::Database(path, error.into()))?;
    let keep_bytes_max = match config.keep_bytes_max {
        Some(bytes_max) => bytes_max,
        None => kept_before(&mut database).await,
    };
    Ok((database, keep_bytes_max))
}

/// The swarm, and where it can be connected to.
async fn open_network(
    config: &Config,
    home: &PodUrl,
    secret: &Zeroizing<[u8; 32]>,
    keep_bytes_max: u64,
) -> Result<(Swarm<network::Behaviour>, Vec<Multiaddr>), Failure> {
    let failed = |error: io::Error| Failure::DataDir(config.data_dir.clone(), error);
    let seen = !config.hidden && !config.offline;
    let stores = keep_bytes_max > 0 && seen;
    // Whose pod is on this machine tries things out on it.
    let reach = if home.is_local() {
        Reach::Loopback
    } else {
        Reach::Seeds
    };
    let mut swarm = network::swarm(**secret, stores, reach).map_err(failed)?;
    let addresses = match config.listen.filter(|_| seen) {
        Some(at) => network::listen(&mut swarm, at).await?,
        None => Vec::new(),
    };
    if seen {
        for pod in others(config).await {
            network::meet(&mut swarm, &pod);
        }
    }
    Ok((swarm, addresses))
}

/// Makes the data directory and keeps others out of it.
fn claim(data_dir: &Path) -> Result<std::fs::File, Failure> {
    if data_dir.join(crate::setup::DATABASE).exists() {
        return Err(Failure::OfAPod(data_dir.to_owned()));
    }
    crate::setup::claim(data_dir).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Failure::InUse(data_dir.to_owned()),
        _ => Failure::DataDir(data_dir.to_owned(), error),
    })
}

/// The home pod: as it describes itself now, or as it last did.
async fn find_home(config: &Config) -> Result<(PodUrl, Description), Failure> {
    let known = home::read(&config.data_dir);
    let asked = config.pods.first().cloned();
    let (url, known) = match (asked, known) {
        (None, None) => return Err(Failure::NoPod),
        (None, Some((url, known))) => (url, Some(known)),
        (Some(asked), None) => (asked, None),
        (Some(asked), Some((url, known))) => {
            if asked.host() != url.host() {
                return Err(Failure::OtherPod {
                    home: url.to_string(),
                    asked: asked.to_string(),
                });
            }
            (asked, Some(known))
        }
    };
    let description = match known {
        Some(known) if config.offline => known,
        Some(known) => match describe(&url).await {
            Err(Failure::Unreachable(..)) => known,
            described => described?,
        },
        None => describe(&url).await?,
    };
    Ok((url, description))
}

/// The other pods, as they describe themselves; one that is away is done without.
async fn others(config: &Config) -> Vec<Contact> {
    let urls = config.pods.iter().skip(1);
    let mut pods = Vec::new();
    for described in join_all(urls.map(describe)).await {
        match described {
            Ok(description) => pods.push(description.pod),
            Err(failure) => tracing::warn!(%failure, "done without another pod"),
        }
    }
    pods
}

/// What is kept for others is a promise: a seed that keeps something goes on keeping.
async fn kept_before(database: &mut Sqlite) -> u64 {
    let any = Op::Recall(Scan::all(Table::Record, Vec::new(), 1));
    match database.run(&[any]).await.as_slice() {
        [Done::Recalled(Some(rows))] if rows.is_empty() => 0,
        _ => limit::KEEP_BYTES_DEFAULT,
    }
}

fn machine_id(secret: &[u8; 32]) -> SeedId {
    SeedId(SigningKey::from_bytes(secret).verifying_key().to_bytes())
}

fn machine(
    config: &Config,
    url: &PodUrl,
    description: &Description,
    secret: &Zeroizing<[u8; 32]>,
    keep_bytes_max: u64,
) -> Seed {
    let mut random = [0; 32];
    OsRng.fill_bytes(&mut random);
    let mut pod = description.pod.clone();
    if config.offline {
        // Nobody is dialled whose address is not known.
        pod.addresses.clear();
    }
    Seed::new(seed::Config {
        host: url.host().clone(),
        pod,
        pods: description.pods.clone(),
        key: SigningKey::from_bytes(secret),
        identity: config.identity.clone(),
        keep_bytes_max,
        hidden: config.hidden,
        posts: !config.hidden && !config.offline,
        random,
    })
}

/// Answers whoever asked, and tells everybody else everything else.
fn on_event(
    board: Arc<Board>,
    waiting: Arc<running::Waiting>,
    events: broadcast::Sender<Arc<Event>>,
    courier: Courier,
) -> impl FnMut(Event) + Send {
    move |event| {
        board.on_event(&event);
        match event {
            Event::Done(id, result) => waiting.end(id, result),
            Event::Post { id, host, body } => courier.carry(id, host, body),
            // Fails when nobody listens.
            event => drop(events.send(Arc::new(event))),
        }
    }
}

/// Writes down the pod once it came to know us.
async fn remember(
    data_dir: PathBuf,
    (url, description): (PodUrl, Description),
    mut view: watch::Receiver<View>,
    mut stopping: watch::Receiver<bool>,
) {
    tokio::select! {
        biased;
        online = view.wait_for(|view| view.online) => if online.is_err() { return },
        _ = stopping.wait_for(|stop| *stop) => return,
    }
    let written = tokio::task::spawn_blocking(move || home::write(&data_dir, &url, &description));
    if !matches!(written.await, Ok(Ok(()))) {
        tracing::warn!("the pod is not remembered: the data directory cannot be written to");
    }
}
