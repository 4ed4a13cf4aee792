//! What a run comes to.

use muttr_core::limit::{DAY_MS, HOUR_MS, REPAIR_BELOW};

use super::{
    plan::Plan,
    tally::{Age, Tally},
    world::World,
};

/// What a person writes in a day, for what is reckoned and not played.
const RECKONED_MESSAGES_PER_DAY: f64 = 20.0;
/// And how large each record is.
const RECKONED_KIB: f64 = 4.0;
/// How long records live, unless their author says otherwise.
const LIFE_DAYS: f64 = 14.0;
const HOURS_PER_DAY: usize = (DAY_MS / HOUR_MS) as usize;

/// Figures by name, units last.
type Figures = Vec<(&'static str, f64)>;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was played.
    pub plan: Plan,
    /// The integer that decided everything.
    pub integer: u64,
    /// Counts of records by their age in hours.
    pub ages: Vec<Age>,
    /// Everything else.
    pub figures: Vec<(&'static str, f64)>,
}

fn percent(part: u64, of: u64) -> f64 {
    part as f64 * 100.0 / of.max(1) as f64
}

fn per(sum: u64, of: f64) -> f64 {
    if of > 0.0 { sum as f64 / of } else { 0.0 }
}

impl Outcome {
    pub(super) fn new(world: &World) -> Self {
        let mut figures = Vec::new();
        readable(world, &mut figures);
        copies(world, &mut figures);
        work(world, &mut figures);
        Self {
            plan: world.plan,
            integer: world.integer,
            ages: world.tally.ages.clone(),
            figures,
        }
    }

    /// A figure by its name.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<f64> {
        let mut figures = self.figures.iter();
        figures.find(|(own, _)| *own == name).map(|(_, it)| *it)
    }
}

/// How many of the records looked for were readable.
fn readable(world: &World, figures: &mut Figures) {
    let tally = &world.tally;
    let (all, first) = (tally.sum(0..usize::MAX), tally.sum(0..HOURS_PER_DAY));
    figures.extend([
        ("messages_stored", f64::from(world.records.len())),
        ("looks", all.looks as f64),
        ("readable_percent", percent(all.found, all.looks)),
        ("looks_24h", first.looks as f64),
        ("readable_24h_percent", percent(first.found, first.looks)),
        (
            "online_24h_percent",
            100.0 - percent(first.dark, first.seen),
        ),
        ("lost_of_10000", lost_of_10000(world)),
        ("at_target_percent", at_target_percent(world)),
        ("promised_by_nobody", tally.homeless as f64),
        (
            "receipts_per_record",
            per(tally.receipts, f64::from(world.records.len())),
        ),
    ]);
    let mut fetch_ms = tally.fetch_ms.clone();
    fetch_ms.sort_unstable();
    let at = |permille: usize| fetch_ms.get(fetch_ms.len() * permille / 1_000).copied();
    figures.extend([
        ("fetch_ms_p50", f64::from(at(500).unwrap_or_default())),
        ("fetch_ms_p95", f64::from(at(950).unwrap_or_default())),
    ]);
}

/// Records that as many hold and are online as guardians see to, at the end.
fn at_target_percent(world: &World) -> f64 {
    let stored = world
        .records
        .all()
        .iter()
        .filter(|it| !it.promised.is_empty());
    let (held, all) = stored.fold((0_u64, 0_u64), |(held, all), it| {
        (
            held + u64::from(it.online as usize >= REPAIR_BELOW),
            all + 1,
        )
    });
    percent(held, all)
}

/// Records of which nobody who may come back has a copy, at the end.
fn lost_of_10000(world: &World) -> f64 {
    let wall_ms = world.time().wall_ms;
    let there = world
        .records
        .all()
        .iter()
        .filter(|it| it.expires_ms > wall_ms);
    let (lost, all) = there.fold((0_u64, 0_u64), |(lost, all), it| {
        (lost + u64::from(it.copies == 0), all + 1)
    });
    per(lost * 10_000, all as f64)
}

/// How many copies moved for each record at each day of its life, and what that amounts to.
fn copies(world: &World, figures: &mut Figures) {
    const DAYS: [&str; 14] = [
        "copies_moved_day1",
        "copies_moved_day2",
        "copies_moved_day3",
        "copies_moved_day4",
        "copies_moved_day5",
        "copies_moved_day6",
        "copies_moved_day7",
        "copies_moved_day8",
        "copies_moved_day9",
        "copies_moved_day10",
        "copies_moved_day11",
        "copies_moved_day12",
        "copies_moved_day13",
        "copies_moved_day14",
    ];
    let tally = &world.tally;
    let moved = moved_by_hour(world, tally);
    let mut sum = 0.0;
    let mut last = 0.0;
    for (name, hours) in DAYS.into_iter().zip(moved.chunks(HOURS_PER_DAY)) {
        if hours.len() == HOURS_PER_DAY {
            last = hours.iter().sum();
            sum += last;
            figures.push((name, last));
        }
    }
    // What was not played is reckoned to go on as the last day did.
    let days = (moved.len() / HOURS_PER_DAY) as f64;
    let life = sum + last * (LIFE_DAYS - days).max(0.0);
    let all = tally.sum(0..usize::MAX);
    let (people, online) = (f64::from(world.plan.people), f64::from(world.plan.online));
    let copies = per(all.copies, all.seen as f64);
    let written_mib = RECKONED_MESSAGES_PER_DAY * RECKONED_KIB / 1024.0;
    figures.extend([
        ("copies_mean", copies),
        ("copies_online_mean", per(all.online, all.seen as f64)),
        ("copies_moved_per_record_life", life),
        (
            "repair_mib_per_seed_day",
            life * written_mib * people / online.max(1.0),
        ),
        ("kept_mib_per_seed", copies * written_mib * LIFE_DAYS),
    ]);
}

/// Copies moved for each record there was, hour by hour of its life, as far as full hours go.
fn moved_by_hour(world: &World, tally: &Tally) -> Vec<f64> {
    let mut there_ms = vec![0_u64; tally.ages.len()];
    for sheet in world.records.all() {
        let lived_ms = world.now_ms - sheet.stored_ms;
        for (hour, there_ms) in there_ms.iter_mut().enumerate() {
            let before_ms = hour as u64 * HOUR_MS;
            *there_ms += lived_ms.saturating_sub(before_ms).min(HOUR_MS);
        }
    }
    let hours = tally.ages.iter().zip(there_ms);
    hours
        .map(|(age, there_ms)| per(age.moved, there_ms as f64 / HOUR_MS as f64))
        .collect()
}

/// What it costs.
fn work(world: &World, figures: &mut Figures) {
    let tally = &world.tally;
    let seed_hours = tally.seed_ms as f64 / HOUR_MS as f64;
    let (dials, frames) = (tally.dials, tally.frames);
    let written = f64::from(world.records.len());
    let all = dials.all();
    figures.extend([
        ("seed_hours", seed_hours),
        ("dials_per_store", per(dials.for_stores, written)),
        ("dials_per_seed_hour", per(all, seed_hours)),
        (
            "dials_for_upkeep_per_seed_hour",
            per(dials.for_upkeep, seed_hours),
        ),
        (
            "dials_failed_percent",
            percent(dials.failed, all + dials.by_visitors),
        ),
        (
            "dials_per_look",
            per(dials.by_visitors, tally.sum(0..usize::MAX).looks as f64),
        ),
        (
            "links_to_pods_per_seed_hour",
            per(dials.to_pods, seed_hours),
        ),
        (
            "routing_frames_per_seed_hour",
            per(frames.routing, seed_hours),
        ),
        ("store_frames_per_seed_hour", per(frames.store, seed_hours)),
        (
            "records_pushed_first_per_store",
            per(frames.pushed_first, written),
        ),
        (
            "records_pushed_later_per_store",
            per(frames.pushed_later, written),
        ),
        ("records_pulled_per_store", per(frames.pulled, written)),
        ("inputs_per_seed_hour", per(tally.inputs, seed_hours)),
        (
            "core_ms_per_seed_hour",
            per(tally.core_ns / 1_000, seed_hours) / 1_000.0,
        ),
    ]);
}
