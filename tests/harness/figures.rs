//! Plays populations for days and reports what it came to: `make sim`, `make sim-full`.
//!
//! ```text
//! cargo figures short               two days → target/report/custody-short.json
//! cargo figures full                fourteen days → target/report/custody.json
//! cargo figures NAME …              some scenarios of `full`; without a name, a list of them
//! cargo figures growth              networks of 100, 1,000 and 10,000 seeds
//! cargo figures grind               an attacker with a hundred thousand ids, and the control
//! cargo figures mirror FILE         what was played with real seeds (tests/bench/custody.mjs), again
//! ```
//!
//! `MUTTR_SIM_SEED` is the integer (1), `MUTTR_SIM_PEOPLE` is how many there are in each
//! population; `MUTTR_SIM_MESSAGES` and `MUTTR_SIM_DAYS` are for named scenarios.
//! `MUTTR_SIM_BASELINE=1` makes what `short` or `full` played the baseline.

use std::{
    collections::VecDeque,
    env, fs,
    process::ExitCode,
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use muttr_tests::population::{
    Outcome, Plan, again,
    grind::{Grind, Size, WHOLE, grind},
    growth::{Growth, grow},
    mirror::{Mirrored, Played as PlayedThere, mirror},
    plan::Vice,
    report::{Report, table, write_baseline},
    scenario::{Length, PEOPLE, all, play, small},
};

/// Sizes of networks, and those of `full`.
const SIZES: [u32; 3] = [100, 1_000, 10_000];
const SIZES_FULL: [u32; 4] = [100, 1_000, 10_000, 100_000];
/// Without an attacker, and with one, before whom everyone or nobody is credulous.
const GRIND: [Task; 3] = [
    Task::Grind(0, true),
    Task::Grind(WHOLE.sybils, false),
    Task::Grind(WHOLE.sybils, true),
];

/// What is played with so many integers, since little is lost each time, and in `full`.
const VANISHING: &str = "vanish70";
const VANISHINGS: u64 = 4;
const VANISHINGS_FULL: u64 = 20;

#[derive(Clone, Debug)]
enum Task {
    Population(Box<Plan>),
    /// The same with another integer, so much greater.
    Again(Box<Plan>, u64),
    Growth(&'static str, u32),
    Grind(u32, bool),
}

enum Played {
    Population(Box<Outcome>),
    Again(Box<Outcome>),
    Growth(&'static str, Growth),
    Grind(Grind),
}

impl Task {
    fn name(&self) -> &'static str {
        match self {
            Self::Population(plan) | Self::Again(plan, _) => plan.name,
            Self::Growth(..) => "growth",
            Self::Grind(..) => "grind",
        }
    }

    fn play(self, integer: u64) -> Result<Played, String> {
        match self {
            Self::Again(plan, more) => {
                play(*plan, integer + more).map(|outcome| Played::Again(Box::new(outcome)))
            }
            Self::Population(plan) => {
                play(*plan, integer).map(|outcome| Played::Population(Box::new(outcome)))
            }
            Self::Grind(sybils, doubts) => {
                let size = Size { sybils, ..WHOLE };
                grind(integer, size, doubts).map(Played::Grind)
            }
            Self::Growth(kind, seeds) => {
                let drops = (kind == "dropping").then_some((Vice::Drops, 200));
                grow(integer, seeds, drops).map(|growth| Played::Growth(kind, growth))
            }
        }
    }
}

fn population(plan: Plan) -> Task {
    Task::Population(Box::new(plan))
}

fn named(variable: &str) -> Option<u64> {
    env::var(variable).ok().and_then(|text| text.parse().ok())
}

fn growths(sizes: &'static [u32]) -> impl Iterator<Item = Task> {
    let kinds = sizes
        .iter()
        .flat_map(|seeds| [("honest", *seeds), ("dropping", *seeds)]);
    kinds.map(|(kind, seeds)| Task::Growth(kind, seeds))
}

/// What is to be played, and the name of the report if there is one.
fn tasks(wanted: &[String]) -> Result<(Vec<Task>, Option<&'static str>), String> {
    let people = named("MUTTR_SIM_PEOPLE").map_or(PEOPLE, |it| it as u32);
    let populations = |length| {
        let plans = all(length, people);
        let integers = match length {
            Length::Short => VANISHINGS,
            Length::Full => VANISHINGS_FULL,
        };
        let vanishing = plans.iter().find(|plan| plan.name == VANISHING).copied();
        let again = vanishing
            .into_iter()
            .flat_map(move |plan| (1..integers).map(move |more| Task::Again(Box::new(plan), more)));
        plans.into_iter().map(population).chain(again)
    };
    match wanted.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["short"] => {
            let tasks = populations(Length::Short)
                .chain(growths(&SIZES))
                .chain(GRIND);
            Ok((tasks.collect(), Some("custody-short")))
        }
        ["full"] => {
            let tasks = populations(Length::Full)
                .chain(growths(&SIZES_FULL))
                .chain(GRIND);
            Ok((tasks.collect(), Some("custody")))
        }
        ["grind"] => Ok((GRIND.to_vec(), None)),
        ["growth"] => Ok((growths(&SIZES).collect(), None)),
        [] => {
            let mut names: Vec<_> = all(Length::Full, people)
                .iter()
                .map(|plan| plan.name)
                .collect();
            names.extend(["grind", "growth", "small"]);
            Err(format!("short, full, or some of: {}", names.join(" ")))
        }
        _ => {
            let mut known = all(Length::Full, people);
            known.push(small());
            let plan = |name: &String| {
                let known = known.iter().find(|plan| plan.name == name.as_str());
                let plan = *known.ok_or_else(|| format!("there is no scenario {name}"))?;
                let days = named("MUTTR_SIM_DAYS");
                let end_ms = days.map_or(plan.end_ms, |days| days * 86_400_000);
                Ok(population(Plan {
                    messages: named("MUTTR_SIM_MESSAGES").map_or(plan.messages, |it| it as u32),
                    end_ms,
                    store_until_ms: plan.store_until_ms.min(end_ms - 3_600_000),
                    ..plan
                }))
            };
            let tasks: Result<Vec<_>, String> = wanted.iter().map(plan).collect();
            Ok((tasks?, None))
        }
    }
}

/// Plays everything, as many at once as there are cores.
fn play_all(tasks: Vec<Task>, integer: u64) -> Result<Report, String> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let waiting = Mutex::new(VecDeque::from(tasks));
    let report = Mutex::new(Report::default());
    let failed = Mutex::new(None);
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    let work = || {
        while let Some(task) = next() {
            let since = Instant::now();
            let name = task.name();
            let played = task.play(integer);
            println!("{name}: {:.1} s", since.elapsed().as_secs_f64());
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            match played {
                Ok(Played::Population(outcome)) => report.outcomes.push(*outcome),
                Ok(Played::Again(outcome)) => report.again.push(*outcome),
                Ok(Played::Growth(kind, growth)) => report.growth.push((kind, growth)),
                Ok(Played::Grind(grind)) => report.grind.push(grind),
                Err(what) => {
                    let what = format!("{what}\n{}", again(name, integer));
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(what) => Err(what),
        None => Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Plays again what was real, and prints each figure by name.
fn play_again(path: &str, integer: u64) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|why| format!("{path}: {why}"))?;
    let Mirrored {
        overlap_percent_real,
        overlap_percent_sim,
        overlap_percent_real_vs_sim,
        hops_mean_sim,
        links_mean_sim,
        stored_percent_sim,
        fetched_percent_sim,
    } = mirror(integer, &PlayedThere::read(&text)?)?;
    println!("holder_overlap_percent_real {overlap_percent_real}");
    println!("holder_overlap_percent_sim {overlap_percent_sim}");
    println!("holder_overlap_percent_real_vs_sim {overlap_percent_real_vs_sim}");
    println!("hops_mean_sim {hops_mean_sim}");
    println!("links_mean_sim {links_mean_sim}");
    println!("stored_percent_sim {stored_percent_sim}");
    println!("fetched_percent_sim {fetched_percent_sim}");
    Ok(())
}

fn run() -> Result<(), String> {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let integer = named("MUTTR_SIM_SEED").unwrap_or(1);
    if let [what, path] = wanted.as_slice()
        && what == "mirror"
    {
        return play_again(path, integer);
    }
    let (tasks, name) = tasks(&wanted)?;
    println!("MUTTR_SIM_SEED={integer}");
    let report = play_all(tasks, integer)?;
    let flat = report.flat();
    println!("{}", table(name.unwrap_or("custody-short"), &flat));
    if let Some(name) = name {
        let path = report.write(name).map_err(|why| why.to_string())?;
        println!("{}", path.display());
        if named("MUTTR_SIM_BASELINE").is_some() {
            write_baseline(name, &flat).map_err(|why| why.to_string())?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}
