//! A network that was real, played again in the simulator: the same seeds around a pod, the same
//! records stored and fetched by the same of them. What it came to stands beside what it came to
//! in the world (`tests/bench/custody.mjs`).

use std::{collections::BTreeSet, str::SplitWhitespace};

use muttr_core::{
    limit::{DAY_MS, HOLDERS},
    name::{Position, SeedId},
    time::Time,
};

use super::{
    access::{Access, CONFERENCE, Nat},
    custodian::{Custodian, Role, Who},
    growth::{Hops, Places, mean},
    plan::{A, Plan},
    world::{What, World},
};
use crate::sample;

/// One machine: nothing is far, and nothing is lost.
const LOOPBACK: Access = Access {
    name: "loopback",
    latency_ms: 0,
    jitter_ms: 2,
    lost_permille: 0,
    bytes_per_ms: 100_000,
    undialled_permille: 0,
    ..CONFERENCE
};
/// Longer than any of this takes.
const STAYS_MS: u64 = 1_000_000 * DAY_MS;
/// After the last store, and after the last fetch: as long as each may take.
const AFTER_MS: u64 = 30_000;
/// Between two fetches.
const FETCH_EVERY_MS: u64 = 100;
/// The pod comes first, and everybody after it.
const POD: Who = 0;

/// A record that was stored.
#[derive(Debug)]
struct Written {
    /// What it was made from.
    integer: u64,
    wall_ms: u64,
    author: u32,
    reader: u32,
    /// Who promised to keep it.
    held: BTreeSet<SeedId>,
}

/// What happened in the world.
#[derive(Debug, Default)]
pub struct Played {
    secrets: Vec<[u8; 32]>,
    joined_ms: u64,
    settled_ms: u64,
    records: Vec<Written>,
}

impl Played {
    /// Reads what was written down, a line for each thing:
    ///
    /// ```text
    /// natives INTEGER COUNT             seeds with the secret keys of `sample::secret`
    /// tab SECRET                        one more, whose secret key is this in hexadecimal
    /// joined MS                         everyone came within this
    /// settled MS                        and so long after that the first record was stored
    /// record INTEGER MS AUTHOR READER   stored at that moment since 1970, and later fetched
    /// held ID                           by this holder, the record before
    /// ```
    ///
    /// # Errors
    /// A line that makes no sense.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut played = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            played
                .take(&mut words)
                .ok_or_else(|| format!("not understood: {line}"))?;
        }
        let seeds = played.secrets.len() as u32;
        let known = |it: &Written| it.author < seeds && it.reader < seeds;
        if played.records.is_empty() || !played.records.iter().all(known) {
            return Err("no records, or somebody stored one who was not there".to_owned());
        }
        Ok(played)
    }

    fn take(&mut self, words: &mut SplitWhitespace<'_>) -> Option<()> {
        match words.next()? {
            "natives" => {
                let (integer, count) = (number(words)?, number(words)? as u32);
                let secrets = (0..count).map(|each| sample::secret(integer, each));
                self.secrets.extend(secrets);
            }
            "tab" => {
                // Written like a record key, and as long.
                let secret: muttr_core::name::RecordKey = words.next()?.parse().ok()?;
                self.secrets.push(secret.0);
            }
            "joined" => self.joined_ms = number(words)?,
            "settled" => self.settled_ms = number(words)?,
            "record" => self.records.push(Written {
                integer: number(words)?,
                wall_ms: number(words)?,
                author: number(words)? as u32,
                reader: number(words)? as u32,
                held: BTreeSet::new(),
            }),
            "held" => {
                let holder = words.next()?.parse().ok()?;
                self.records.last_mut()?.held.insert(holder);
            }
            _ => return None,
        }
        Some(())
    }

    fn begin_ms(&self) -> u64 {
        self.joined_ms + self.settled_ms
    }
}

fn number(words: &mut SplitWhitespace<'_>) -> Option<u64> {
    words.next()?.parse().ok()
}

/// Figures of both, in percent and links.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mirrored {
    /// Holders in the world that are among the seeds closest to the record.
    pub overlap_percent_real: f64,
    /// The same in the simulator.
    pub overlap_percent_sim: f64,
    /// Holders in one that are holders of the same record in the other.
    pub overlap_percent_real_vs_sim: f64,
    /// Links that a record came over to its holders in the simulator, on average.
    pub hops_mean_sim: f64,
    /// Of the links that each simulated seed has, how many on average.
    pub links_mean_sim: f64,
    /// Stores in the simulator that found all holders wanted.
    pub stored_percent_sim: f64,
    /// Fetches in the simulator that found what they looked for.
    pub fetched_percent_sim: f64,
}

/// Of two sets that should be the same, how much of the larger one is in both; summed up.
#[derive(Default)]
struct Overlap {
    both: usize,
    all: usize,
}

impl Overlap {
    fn add<T: Ord>(&mut self, one: &BTreeSet<T>, other: &BTreeSet<T>) {
        self.both += one.intersection(other).count();
        self.all += one.len().max(other.len());
    }

    fn percent(&self) -> f64 {
        self.both as f64 * 100.0 / self.all.max(1) as f64
    }
}

/// Plays it again.
///
/// # Errors
/// What must not happen, and did.
pub fn mirror(integer: u64, played: &Played) -> Result<Mirrored, String> {
    let mut world = settled(integer, played)?;
    let links = world.custodians.iter().skip(1).map(|it| it.links.len());
    let links_mean_sim = links.sum::<usize>() as f64 / played.secrets.len() as f64;
    world.hops = Some(Hops::default());
    let first_ms = played.records[0].wall_ms;
    for written in &played.records {
        world.run_until(played.begin_ms() + written.wall_ms.saturating_sub(first_ms))?;
        let at = Time {
            mono_ms: 0,
            wall_ms: written.wall_ms,
        };
        let number = world
            .records
            .write(written.integer, (at, world.now_ms), (POD, POD));
        let author = POD + 1 + written.author;
        world.store_from(author, number);
    }
    world.run_until(world.now_ms + AFTER_MS)?;
    for (written, number) in played.records.iter().zip(0..) {
        world.run_until(world.now_ms + FETCH_EVERY_MS)?;
        world.seek(POD + 1 + written.reader, number);
    }
    world.run_until(world.now_ms + AFTER_MS)?;
    let (real, sim, between) = overlaps(&world, played);
    let hops = world.hops.take().unwrap_or_default();
    let ways = world
        .records
        .all()
        .iter()
        .zip(0..)
        .flat_map(|(it, number)| {
            let way = |who: &Who| hops.way(number, *who);
            it.promised.iter().filter_map(way).collect::<Vec<_>>()
        });
    let stored = world.records.all().iter();
    let stored = stored.filter(|it| it.promised.len() >= HOLDERS).count();
    let percent = |part: usize| part as f64 * 100.0 / played.records.len() as f64;
    Ok(Mirrored {
        overlap_percent_real: real.percent(),
        overlap_percent_sim: sim.percent(),
        overlap_percent_real_vs_sim: between.percent(),
        hops_mean_sim: mean(ways),
        links_mean_sim,
        stored_percent_sim: percent(stored),
        fetched_percent_sim: percent(world.tally.fetch_ms.len()),
    })
}

/// The world a while after everybody came.
fn settled(integer: u64, played: &Played) -> Result<World, String> {
    let people = played.secrets.len() as u32;
    let plan = Plan {
        name: "mirror",
        access: LOOPBACK,
        people,
        online: people,
        session_median_ms: STAYS_MS,
        pods: 1,
        pod_away_ms_per_day: 0,
        messages: 0,
        ..A
    };
    let mut world = World::new(plan, integer);
    world.open = true;
    // The clocks say what they said there when the first record was stored.
    world.wall_start_ms = played.records[0].wall_ms.saturating_sub(played.begin_ms());
    let pod = Custodian::new(world.chance.bytes(), Role::Pod, true);
    let pod = world.add(pod);
    world.later(0, What::Come(pod));
    let step_ms = played.joined_ms / u64::from(people);
    for (secret, number) in played.secrets.iter().zip(1..) {
        let role = Role::Tab {
            home: POD,
            nat: Nat::Open,
        };
        let who = world.add(Custodian::new(*secret, role, true));
        world.later(step_ms * number, What::Come(who));
    }
    world.run_until(played.begin_ms())?;
    Ok(world)
}

/// Between the closest seeds and the holders in the world, those in the simulator, and between both.
fn overlaps(world: &World, played: &Played) -> (Overlap, Overlap, Overlap) {
    let places = Places::of(world, |it| !it.is_pod());
    let (mut real, mut sim, mut between) = Default::default();
    for (written, sheet) in played.records.iter().zip(world.records.all()) {
        // The author is no holder, however close.
        let author = POD + 1 + written.author;
        let closest = places.closest(&Position::of(&sheet.key.0), HOLDERS + 1);
        let closest = closest.into_iter().filter(|who| *who != author);
        let seed = |who: Who| world.at(who).seed;
        let closest: BTreeSet<_> = closest.take(HOLDERS).map(seed).collect();
        let promised: BTreeSet<_> = sheet.promised.iter().map(|who| seed(*who)).collect();
        Overlap::add(&mut real, &written.held, &closest);
        Overlap::add(&mut sim, &promised, &closest);
        Overlap::add(&mut between, &written.held, &promised);
    }
    (real, sim, between)
}
