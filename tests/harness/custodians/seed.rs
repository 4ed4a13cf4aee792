//! One seed: custody, over real libp2p, on a real disk.

use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId,
    swarm::{self, NetworkBehaviour, Swarm, SwarmEvent},
};
use muttr_core::{
    custody::{Command, Config, Contact, Custody, Stats},
    limit,
    machine::{Input, Link, Machine as _, Output, Ticket},
    name::SeedId,
    time::Time,
    wire::{
        self,
        store::{StoreAnswer, StoreAsk},
    },
};
use muttr_net::{HasNet, Net, Profile, Translator};
use muttr_pod::{
    envoy::Reach,
    store::{self, Done, Op, sqlite::Sqlite},
    transport::sockets,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Failure,
    overheard::{News, Overheard, Wish},
};

/// Top byte of custody's numbers.
const SPACE: u8 = 1;
/// How long it may take until it is known where one listens.
const LISTENS: Duration = Duration::from_secs(10);
/// How long a machine without deadline sleeps.
const IDLE: Duration = Duration::from_secs(3_600);

#[derive(NetworkBehaviour)]
struct Behaviour {
    net: Net,
}

impl HasNet for Behaviour {
    fn net(&mut self) -> &mut Net {
        &mut self.net
    }
}

/// What a seed is started with.
pub(crate) struct Start<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) secret: [u8; 32],
    /// Where its custody's chance comes from.
    pub(crate) random: [u8; 32],
    /// Bytes that it keeps for others; 0 for one that keeps nothing.
    pub(crate) keep_bytes_max: u64,
    pub(crate) pod: Contact,
}

/// A running seed.
#[derive(Debug)]
pub(crate) struct Seed {
    pub(crate) id: SeedId,
    wishes: mpsc::UnboundedSender<Wish>,
}

impl Seed {
    pub(crate) async fn start(
        start: Start<'_>,
        tell: impl FnMut(News) + Send + 'static,
    ) -> Result<Self, Failure> {
        let key = ed25519_dalek::SigningKey::from_bytes(&start.secret);
        let config = Config::seed(SPACE, key, start.random);
        let id = config.me;
        let custody = Custody::new(Config {
            stores: start.keep_bytes_max > 0,
            bytes_max: start.keep_bytes_max,
            ..config
        });
        let swarm = listening(start.secret, start.keep_bytes_max > 0).await?;
        std::fs::create_dir_all(start.folder)?;
        let disk = Sqlite::open(&start.folder.join("seed.db"), None).await?;
        let (wishes, wished) = mpsc::unbounded_channel();
        let (ops, ops_in) = mpsc::unbounded_channel();
        let (done, done_in) = mpsc::unbounded_channel();
        tokio::spawn(store::serve(disk, ops_in, done));
        let first = [
            Command::Start,
            Command::Pod(start.pod.seed),
            Command::Join(vec![start.pod]),
        ];
        let driver = Driver {
            machine: Overheard::new(custody),
            began: Instant::now(),
            swarm,
            translator: Translator::new(),
            wished,
            ops,
            done: done_in,
            tell,
        };
        let first = first.map(|command| Input::Command(Wish::Custody(command)));
        tokio::spawn(driver.run(first.into()));
        Ok(Self { id, wishes })
    }

    /// Has custody do something.
    pub(crate) fn command(&self, command: Command) {
        let _ = self.wishes.send(Wish::Custody(command));
    }

    /// Asks a linked seed; `None` when the link goes first, or the answer makes no sense.
    pub(crate) async fn ask(&self, seed: SeedId, question: StoreAsk) -> Option<StoreAnswer> {
        let (answer, answered) = oneshot::channel();
        let wish = Wish::Ask(seed, Box::new(question), answer);
        self.wishes.send(wish).ok()?;
        let bytes = answered.await.ok()?;
        wire::decode(&bytes, limit::STORE_BYTES_MAX).ok()
    }

    pub(crate) async fn stats(&self) -> Option<Stats> {
        let (answer, answered) = oneshot::channel();
        self.wishes.send(Wish::Look(answer)).ok()?;
        answered.await.ok()
    }
}

/// The time in milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// A swarm that listens on loopback, and says where.
async fn listening(secret: [u8; 32], stores: bool) -> Result<Swarm<Behaviour>, Failure> {
    let keypair = muttr_net::keypair(secret)?;
    let transport = muttr_net::stack(sockets(Reach::Loopback)?, &keypair)?;
    let profile = Profile {
        agent: "muttr/custodian".into(),
        connections_max: limit::SEED_CONNECTIONS_MAX,
        stores,
    };
    let behaviour = Behaviour {
        net: Net::new(keypair.public(), profile),
    };
    let config = muttr_net::swarm_config(swarm::Config::with_tokio_executor());
    let me = PeerId::from(keypair.public());
    let mut swarm = Swarm::new(transport, behaviour, me, config);
    swarm.listen_on("/ip4/127.0.0.1/tcp/0/ws".parse::<Multiaddr>()?)?;
    let address = async {
        loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                return address;
            }
        }
    };
    let address = tokio::time::timeout(LISTENS, address).await?;
    swarm.add_external_address(address);
    Ok(swarm)
}

/// Everything the loop holds in its hands.
struct Driver<F> {
    machine: Overheard,
    began: Instant,
    swarm: Swarm<Behaviour>,
    translator: Translator,
    wished: mpsc::UnboundedReceiver<Wish>,
    ops: mpsc::UnboundedSender<(Ticket, Op)>,
    done: mpsc::UnboundedReceiver<(Ticket, Done)>,
    tell: F,
}

impl<F: FnMut(News)> Driver<F> {
    /// Runs for as long as anybody can wish for anything.
    async fn run(mut self, mut inputs: VecDeque<Input<Wish>>) {
        loop {
            while let Some(input) = inputs.pop_front() {
                self.machine.handle(self.now(), input);
                while let Some(output) = self.machine.poll() {
                    inputs.extend(self.carry_out(output));
                }
            }
            let deadline = self.machine.deadline();
            let deadline = deadline.map(|ms| self.began + Duration::from_millis(ms));
            let deadline = deadline.unwrap_or_else(|| Instant::now() + IDLE);
            inputs.extend(tokio::select! {
                Some((ticket, done)) = self.done.recv() => Some(store::report(ticket, done)),
                () = tokio::time::sleep_until(deadline.into()) => Some(Input::Tick),
                event = self.swarm.select_next_some() => match event {
                    SwarmEvent::Behaviour(BehaviourEvent::Net(event)) => {
                        self.translator.on_net(&mut self.swarm, event)
                    }
                    other => self.translator.on_swarm(&other),
                },
                wish = self.wished.recv() => match wish {
                    Some(wish) => Some(Input::Command(wish)),
                    None => return,
                },
            });
        }
    }

    fn now(&self) -> Time {
        let mono_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Time {
            mono_ms,
            wall_ms: wall_ms(),
        }
    }

    fn carry_out(&mut self, output: Output<News>) -> Option<Input<Wish>> {
        let output = match store::request(output) {
            Ok(request) => {
                let _ = self.ops.send(request);
                return None;
            }
            Err(output) => output,
        };
        match output {
            Output::Link(seed, addresses) => self.translator.link(&mut self.swarm, seed, addresses),
            Output::Unlink(Link::Seed(seed)) => {
                Translator::unlink(&mut self.swarm, seed);
                None
            }
            Output::Send(Link::Seed(seed), frame) => {
                self.translator.send(&mut self.swarm, seed, frame)
            }
            Output::Event(news) => {
                (self.tell)(news);
                None
            }
            // A custodian has no channel, and what is for the disk went there.
            _ => None,
        }
    }
}
