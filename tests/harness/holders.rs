//! A network of nothing but custody: tabs and pods that keep records for each other.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use muttr_core::{
    custody::{Command, Config, Contact, Custody, Event},
    envelope::record::Record,
    limit,
    machine::{Frame, Output},
    name::{Position, RecordKey, SeedId},
    time::Time,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::{
    oracle::Oracle,
    profile::Profile,
    promises::{check_answer, has_kept},
    sample,
    simulator::{Manner, Role, Who, World, pod_address},
};

/// The world, and who is in it.
#[derive(Debug)]
pub struct Holders {
    /// The world.
    pub world: World<Custody>,
    /// The pods.
    pub pods: Vec<Who>,
    /// The tabs.
    pub tabs: Vec<Who>,
    keys: BTreeMap<Who, SigningKey>,
    records: u64,
    jobs: u64,
    /// Every record that someone promised to keep → who promised.
    pub promised: BTreeMap<RecordKey, Vec<SeedId>>,
    /// Fetches: what came of each that has ended.
    pub fetched: BTreeMap<u64, bool>,
    asked: BTreeMap<u64, RecordKey>,
}

/// Whoever promises to keep a record has it on disk.
struct Covered;

impl Oracle<Custody> for Covered {
    fn sees(
        &mut self,
        world: &World<Custody>,
        who: Who,
        output: &Output<Event>,
    ) -> Result<(), String> {
        match output {
            Output::Send(_, Frame::Answer(_, bytes)) => check_answer(world, who, bytes),
            Output::Event(Event::Kept {
                result: Ok(receipt),
                ..
            }) => has_kept(world, who, receipt),
            _ => Ok(()),
        }
    }
}

impl Holders {
    /// A network that runs: every tab knows the pod it calls home.
    #[must_use]
    pub fn new(integer: u64, profile: Profile, pods: usize, tabs: usize) -> Self {
        let mut this = Self {
            world: World::new(integer, profile, Box::new(Covered)),
            pods: Vec::new(),
            tabs: Vec::new(),
            keys: BTreeMap::new(),
            records: 0,
            jobs: 0,
            promised: BTreeMap::new(),
            fetched: BTreeMap::new(),
            asked: BTreeMap::new(),
        };
        for number in 0..pods {
            let who = this.add(&format!("pod {number}"), Role::Pod);
            this.pods.push(who);
        }
        for number in 0..tabs {
            let pod = this.pods[number % pods];
            let who = this.add(
                &format!("tab {number}"),
                Role::Tab {
                    pod,
                    manner: Manner::Storing,
                },
            );
            this.tabs.push(who);
        }
        for who in this
            .pods
            .iter()
            .chain(&this.tabs)
            .copied()
            .collect::<Vec<_>>()
        {
            this.start(who);
        }
        this
    }

    fn add(&mut self, name: &str, role: Role) -> Who {
        let key = SigningKey::from_bytes(&self.world.random());
        let who = self
            .world
            .add(name, SeedId(key.verifying_key().to_bytes()), role);
        self.keys.insert(who, key);
        who
    }

    /// Starts a participant, or starts it again on the disk it has.
    pub fn start(&mut self, who: Who) {
        let (key, random) = (self.keys[&who].clone(), self.world.random());
        let role = self.world.at(who).role;
        let config = match role {
            Role::Pod => Config::pod(1, key, random),
            Role::Tab { .. } => Config::seed(1, key, random),
        };
        self.world.start(who, Custody::new(config));
        self.world.hang_up(who);
        self.world.command(who, Command::Start);
        for pod in self.pods.clone() {
            let seed = self.world.at(pod).seed;
            let knows = match role {
                Role::Pod => pod != who,
                Role::Tab { pod: home, .. } => pod == home,
            };
            if knows {
                self.world.command(who, Command::Pod(seed));
                let addresses = vec![pod_address(pod)];
                self.world
                    .command(who, Command::Join(vec![Contact { seed, addresses }]));
            }
        }
    }

    /// Has `who` store a record; its key.
    pub fn store(&mut self, who: Who, class: usize, life_ms: u64) -> RecordKey {
        let now = Time {
            mono_ms: 0,
            wall_ms: self.world.wall_ms(),
        };
        self.records += 1;
        let integer = ChaCha8Rng::from_seed(self.world.random()).next_u64();
        let record: Record = sample::record(integer, now, class, life_ms);
        let key = record.key();
        let id = self.job(key);
        self.world.command(
            who,
            Command::Store {
                id,
                record,
                stamp: None,
                copies: limit::HOLDERS,
            },
        );
        key
    }

    /// Whether one of the seeds closest to a record promised to keep it.
    #[must_use]
    pub fn is_in_place(&self, key: &RecordKey) -> bool {
        let target = Position::of(key.as_bytes());
        let seeds = self.world.everyone().map(|(_, at)| at.seed);
        let mut closest: Vec<_> = seeds
            .map(|seed| (seed.position().distance(&target), seed))
            .collect();
        closest.sort();
        let closest = closest.into_iter().take(limit::HOLDERS);
        let promised = self.promised.get(key).map_or(&[][..], Vec::as_slice);
        closest
            .into_iter()
            .any(|(_, seed)| promised.contains(&seed))
    }

    /// Has `who` fetch a record; the job's number, under which the result will stand.
    pub fn fetch(&mut self, who: Who, key: RecordKey) -> u64 {
        let id = self.job(key);
        self.world.command(who, Command::Fetch { id, key });
        id
    }

    fn job(&mut self, key: RecordKey) -> u64 {
        self.jobs += 1;
        self.asked.insert(self.jobs, key);
        self.jobs
    }

    /// Lets time pass, and takes note of what the machines tell.
    ///
    /// # Errors
    /// What the oracle objects to, or a record that is not the one asked for.
    pub fn run(&mut self, ms: u64) -> Result<(), String> {
        let until_ms = self.world.now_ms() + ms;
        self.world.run_until(until_ms)?;
        for (_, _, event) in self.world.take_told() {
            match event {
                Event::Receipt { id, receipt } => {
                    if self.asked.get(&id) != Some(&receipt.key) {
                        return Err(format!("job {id} has a receipt for another record"));
                    }
                    self.promised
                        .entry(receipt.key)
                        .or_default()
                        .push(receipt.seed);
                }
                Event::Fetched { id, result } => {
                    let wanted = self.asked.get(&id).copied();
                    if let Ok(record) = &result
                        && Some(record.key()) != wanted
                    {
                        return Err(format!("job {id} fetched another record"));
                    }
                    if self.fetched.insert(id, result.is_ok()).is_some() {
                        return Err(format!("job {id} ended twice"));
                    }
                }
                Event::Ready
                | Event::Stored { .. }
                | Event::Kept { .. }
                | Event::Released { .. }
                | Event::Counted { .. }
                | Event::Stamped { .. }
                | Event::Held { .. } => {}
            }
        }
        Ok(())
    }
}
