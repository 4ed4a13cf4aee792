//! What a store and a fetch cost in networks of different sizes. Nobody comes or goes: each seed is
//! linked to those closest to it and to a few in every other part of the key space, as neighbours
//! that have been there for long are, and nothing moves but what is asked for.

use std::collections::HashMap;

use muttr_core::{
    custody::Command,
    envelope::record::Record,
    limit::{HOLDERS, HOUR_MS, LINKS_MAX, NEIGHBOURHOOD},
    machine::Input,
    name::Position,
    rejection::Rejection,
};

use super::{
    access::Nat,
    custodian::{Custodian, Role, Who},
    plan::{A, Plan, Vice},
    records::Records,
    world::{Job, World},
};

/// Stores, and as many fetches, in one network.
const SAMPLES: u32 = 1_000;
/// Links of one seed.
pub const LINKS: usize = 30;
/// All stores begin within this, and all fetches.
const WINDOW_MS: u64 = 10_000;
/// Everyone is linked and has looked around by then; whoever is content looks again only after
/// everything is over.
const BEGIN_MS: u64 = 100_000;
/// All stores are over by then.
const STORED_MS: u64 = BEGIN_MS + 19_000;
/// All fetches are over so long after the first began.
const FETCH_MS: u64 = 22_000;

const _: () = assert!(NEIGHBOURHOOD < LINKS && LINKS <= LINKS_MAX);

/// Stands before the record key in a question for a record.
const KEY: &[u8] = b"\x63key\x58\x20";

/// How far records and questions for them went. A question's own count of hops says something else:
/// it need not begin with the first.
#[derive(Debug, Default)]
pub(super) struct Hops {
    numbers: HashMap<[u8; 32], u32>,
    /// How many links a record came over to somebody, the author's own standing for none.
    puts: HashMap<(u32, Who), u32>,
    /// The same of a question for it.
    gets: HashMap<(u32, Who), u32>,
    /// At which distance it was found first.
    found: HashMap<u32, u32>,
    /// Questions about these records, whatever they ask.
    asks: u64,
}

impl Hops {
    fn stored(&mut self, key: [u8; 32], number: u32, author: Who) {
        self.numbers.insert(key, number);
        self.puts.insert((number, author), 0);
    }

    /// How many links a record came over to somebody.
    pub(super) fn way(&self, number: u32, who: Who) -> Option<u32> {
        self.puts.get(&(number, who)).copied()
    }

    /// A question came.
    pub(super) fn see(&mut self, from: Who, to: Who, bytes: &[u8], records: &Records) {
        let (ways, number) = if let Some((number, ..)) = records.within(bytes) {
            (&mut self.puts, number)
        } else {
            let key = bytes.windows(KEY.len()).position(|it| it == KEY);
            let key = key.and_then(|at| bytes.get(at + KEY.len()..at + KEY.len() + 32));
            let key = key.and_then(|key| <[u8; 32]>::try_from(key).ok());
            let Some(number) = key.and_then(|key| self.numbers.get(&key).copied()) else {
                return;
            };
            (&mut self.gets, number)
        };
        self.asks += 1;
        let before = ways.get(&(number, from)).copied().unwrap_or_default();
        ways.entry((number, to)).or_insert(before + 1);
    }

    /// Somebody hands a record over.
    pub(super) fn answered(&mut self, from: Who, number: u32) {
        let hops = self.gets.get(&(number, from)).copied().unwrap_or(1);
        self.found.entry(number).or_insert(hops);
    }
}

pub(super) fn mean(values: impl Iterator<Item = u32>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), it| {
        (sum + f64::from(it), count + 1)
    });
    sum / f64::from(count.max(1))
}

/// What a network of one size costs.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Seeds in it.
    pub seeds: u32,
    /// Frames of all kinds for each store.
    pub frames_per_store: f64,
    /// The same for each fetch.
    pub frames_per_fetch: f64,
    /// Links that each store opened.
    pub dials_per_store: f64,
    /// The same for each fetch.
    pub dials_per_fetch: f64,
    /// Links that a record came over to its holders, on average.
    pub hops_store: f64,
    /// Links that a question went over to whoever had the record first.
    pub hops_fetch: f64,
    /// Stores that found all holders wanted.
    pub stored_percent: f64,
    /// Holders that are among the closest seeds there are.
    pub placed_percent: f64,
    /// Fetches that found what they looked for.
    pub fetched_percent: f64,
    /// What the machines cost meanwhile, in milliseconds of one core for each hour of each seed.
    pub core_ms_per_seed_hour: f64,
}

/// Plays a network of one size.
///
/// # Errors
/// What must not happen, and did.
pub fn grow(integer: u64, seeds: u32, vice: Option<(Vice, u64)>) -> Result<Growth, String> {
    let (mut world, places) = standing(integer, seeds, vice, true)?;
    world.hops = Some(Hops::default());
    let before = cost(&world);
    store_all(&mut world, SAMPLES)?;
    let stored = cost(&world);
    seek_all(&mut world, SAMPLES)?;
    let fetched = cost(&world);
    let seed_hours = f64::from(seeds) * (fetched.now_ms - before.now_ms) as f64 / HOUR_MS as f64;
    let hops = world.hops.take().unwrap_or_default();
    let sheets = world.records.all();
    let full = sheets.iter().filter(|it| it.promised.len() >= HOLDERS);
    let holders: usize = sheets.iter().map(|it| it.promised.len()).sum();
    let placed = sheets.iter().map(|it| {
        // The author is none of them, however close.
        let closest = places.closest(&Position::of(&it.key.0), HOLDERS + 1);
        let promised = it.promised.iter();
        promised.filter(|who| closest.contains(who)).count()
    });
    let promised = sheets.iter().zip(0..);
    let promised =
        promised.flat_map(|(it, number)| it.promised.iter().map(move |who| (number, *who)));
    let ways = promised.filter_map(|way| hops.puts.get(&way).copied());
    let samples = f64::from(SAMPLES);
    Ok(Growth {
        seeds,
        frames_per_store: (stored.frames - before.frames) as f64 / samples,
        frames_per_fetch: (fetched.frames - stored.frames) as f64 / samples,
        dials_per_store: (stored.dials - before.dials) as f64 / samples,
        dials_per_fetch: (fetched.dials - stored.dials) as f64 / samples,
        stored_percent: full.count() as f64 * 100.0 / samples,
        placed_percent: placed.sum::<usize>() as f64 * 100.0 / holders.max(1) as f64,
        fetched_percent: world.tally.fetch_ms.len() as f64 * 100.0 / samples,
        hops_store: mean(ways),
        hops_fetch: mean(hops.found.into_values()),
        core_ms_per_seed_hour: (fetched.core_ns - before.core_ns) as f64 / 1e6 / seed_hours,
    })
}

struct Cost {
    frames: u64,
    dials: u64,
    core_ns: u64,
    now_ms: u64,
}

/// What stores and fetches have cost so far. Meanwhile those who hold something tell their
/// neighbours, which is not counted. Each question is counted with its answer.
fn cost(world: &World) -> Cost {
    let asks = world.hops.as_ref().map_or(0, |hops| hops.asks);
    let dials = world.tally.dials;
    Cost {
        frames: 2 * (asks + world.tally.frames.routing),
        dials: dials.for_stores + dials.for_fetches,
        core_ns: world.tally.core_ns,
        now_ms: world.now_ms,
    }
}

/// A network in which everyone is linked as they are to stay.
pub(super) fn standing(
    integer: u64,
    seeds: u32,
    vice: Option<(Vice, u64)>,
    doubts: bool,
) -> Result<(World, Places), String> {
    let plan = Plan {
        name: "growth",
        people: seeds,
        online: seeds,
        pods: 0,
        pods_keep: false,
        messages: 0,
        vice,
        ..A
    };
    let mut world = World::new(plan, integer);
    world.open = true;
    for _ in 0..seeds {
        let role = Role::Tab {
            home: 0,
            nat: Nat::Open,
        };
        let mut seed = Custodian::new(world.chance.bytes(), role, true);
        seed.doubts = doubts;
        if let Some((vice, permille)) = vice
            && world.chance.permille(permille)
        {
            seed.vice = Some(vice);
        }
        let who = world.add(seed);
        let random = world.chance.bytes();
        world.at_mut(who).start(0, random);
        world.give(who, Input::Command(Command::Start));
    }
    let places = Places::of(&world, Custodian::runs);
    places.connect(&mut world);
    world.run_until(BEGIN_MS)?;
    Ok((world, places))
}

/// Has honest seeds store so many records.
pub(super) fn store_all(world: &mut World, samples: u32) -> Result<(), String> {
    for sample in 0..samples {
        world.run_until(BEGIN_MS + WINDOW_MS * u64::from(sample) / u64::from(samples))?;
        let author = honest(world);
        let (integer, now) = (world.chance.number(), (world.time(), world.now_ms));
        let number = world.records.write(integer, now, (0, 0));
        world.store_from(author, number);
    }
    world.run_until(STORED_MS)
}

/// Has honest seeds fetch each of them once.
pub(super) fn seek_all(world: &mut World, samples: u32) -> Result<(), String> {
    let begin_ms = world.now_ms;
    for sample in 0..samples {
        world.run_until(begin_ms + WINDOW_MS * u64::from(sample) / u64::from(samples))?;
        let reader = honest(world);
        world.seek(reader, sample);
    }
    world.run_until(begin_ms + FETCH_MS)
}

fn honest(world: &mut World) -> Who {
    loop {
        let who = world.chance.roll(u64::from(world.plan.people)) as Who;
        if world.at(who).vice.is_none() {
            return who;
        }
    }
}

/// Everyone in the order of their positions.
#[derive(Debug)]
pub(super) struct Places(Vec<(Position, Who)>);

impl Places {
    pub(super) fn of(world: &World, which: impl Fn(&Custodian) -> bool) -> Self {
        let everyone = world.custodians.iter().enumerate();
        let everyone = everyone.filter(|(_, it)| which(it));
        let mut places: Vec<_> = everyone
            .map(|(who, it)| (it.seed.position(), who as Who))
            .collect();
        places.sort_unstable();
        Self(places)
    }

    /// Those who share at least so many leading bits with a position.
    fn sharing(&self, position: &Position, bits: u32) -> &[(Position, Who)] {
        let shares = |other: &Position| other.distance(position).leading_zeros() >= bits;
        let from = self
            .0
            .partition_point(|(other, _)| other < position && !shares(other));
        let until = self
            .0
            .partition_point(|(other, _)| other < position || shares(other));
        self.0.get(from..until).unwrap_or_default()
    }

    /// The closest, closest first.
    pub(super) fn closest(&self, position: &Position, count: usize) -> Vec<Who> {
        let bits = (0..=40).rev();
        let some = bits.map(|bits| self.sharing(position, bits));
        let some = some.into_iter().find(|some| some.len() >= count);
        let mut some = some.unwrap_or(&self.0).to_vec();
        some.sort_unstable_by_key(|(other, _)| other.distance(position));
        some.into_iter().take(count).map(|(_, who)| who).collect()
    }

    /// Links everyone to their neighbours, and then to somebody in each farther part in turn.
    fn connect(&self, world: &mut World) {
        for (position, who) in &self.0 {
            for other in self.closest(position, NEIGHBOURHOOD + 1) {
                let full = world.at(other).links.len() >= LINKS;
                if other != *who && !full && world.at(*who).links.len() < LINKS {
                    world.link(*who, other);
                }
            }
        }
        for (position, who) in &self.0 {
            for round in 0..4_u32 {
                for bits in 0..32 {
                    if world.at(*who).links.len() >= LINKS {
                        break;
                    }
                    self.link_far(world, position, *who, bits, round);
                }
            }
        }
    }

    /// Links to somebody who shares exactly so many bits.
    fn link_far(&self, world: &mut World, position: &Position, who: Who, bits: u32, round: u32) {
        let (wide, narrow) = (
            self.sharing(position, bits),
            self.sharing(position, bits + 1),
        );
        let far = wide.len() - narrow.len();
        if far <= NEIGHBOURHOOD * round as usize / 4 {
            return;
        }
        for _ in 0..8 {
            let (_, other) = wide[world.chance.roll(wide.len() as u64) as usize];
            let is_far = world
                .at(other)
                .seed
                .position()
                .distance(position)
                .leading_zeros()
                == bits;
            let is_new = !world.at(who).links.contains_key(&other);
            if is_far && is_new && world.at(other).links.len() < LINKS {
                return world.link(who, other);
            }
        }
    }
}

impl World {
    /// Somebody stores a record whose way is looked at.
    pub(super) fn store_from(&mut self, author: Who, number: u32) {
        let key = self.records.at(number).key.0;
        if let Some(hops) = &mut self.hops {
            hops.stored(key, number, author);
        }
        self.place(author, number);
    }

    /// Somebody fetches a record, once.
    pub(super) fn seek(&mut self, reader: Who, number: u32) {
        let id = self.job(Job::Sought { number });
        let key = self.records.at(number).key;
        if let Some(hops) = &mut self.hops {
            hops.gets.insert((number, reader), 0);
        }
        self.at_mut(reader).fetches += 1;
        self.give(reader, Input::Command(Command::Fetch { id, key }));
    }

    /// What a fetch without a visit came to.
    pub(super) fn sought(&mut self, who: Who, number: u32, result: Result<Record, Rejection>) {
        let fetches = &mut self.at_mut(who).fetches;
        *fetches = fetches.saturating_sub(1);
        let Ok(record) = result else {
            return;
        };
        self.tally.fetch_ms.push(0);
        if record.key() != self.records.at(number).key {
            self.object(format!("{who} asked for record {number} and got another"));
        }
    }
}
