//! A few hundred people for two hours: the simulator of populations, as it is played every time.
//! What it is for takes longer: `make sim`, `make sim-full`.

use std::fmt::Write as _;

use ed25519_dalek::SigningKey;
use muttr_core::{
    limit::{HOLDERS, HOUR_MS, MINUTE_MS, RECORD_LIFE_DEFAULT_MS},
    name::{Position, SeedId},
    time::Time,
};
use muttr_tests::{
    population::{
        Outcome, Plan, again,
        grind::{Size, grind},
        growth::grow,
        mirror::{Played, mirror},
        plan::Vice,
        scenario::{play, small},
    },
    sample,
};

/// The integer that decides everything; any will do.
fn integer() -> u64 {
    let named = std::env::var("MUTTR_SIM_SEED").ok();
    named.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn played(plan: Plan) -> Outcome {
    let integer = integer();
    let outcome = play(plan, integer);
    outcome.unwrap_or_else(|what| panic!("{what}\n{}", again(plan.name, integer)))
}

#[test]
fn people_come_and_go_and_no_promise_is_broken() {
    let outcome = played(small());
    let figure = |name| outcome.figure(name).expect("a figure of every run");
    assert_eq!(figure("messages_stored"), f64::from(small().messages));
    assert!(figure("looks") > 0.0 && figure("seed_hours") > 0.0);
}

#[test]
fn one_integer_decides_everything() {
    let plan = Plan {
        store_until_ms: 40 * MINUTE_MS,
        end_ms: HOUR_MS,
        ..small().of(200)
    };
    let [first, second] = [played(plan), played(plan)];
    let figures = first.figures.iter().zip(&second.figures);
    for ((name, one), (_, other)) in figures {
        // How long this machine took is no matter of chance.
        let timed = name.starts_with("core_ms");
        assert!(timed || one == other, "{name}: {one}, then {other}");
    }
}

#[test]
fn what_is_stored_in_a_standing_network_is_found() {
    for vice in [None, Some((Vice::OneOfEach, 200))] {
        let growth = grow(integer(), 100, vice);
        let growth = growth.unwrap_or_else(|what| panic!("{what}\n{}", again("growth", integer())));
        assert!(growth.fetched_percent > 90.0, "{growth:?} with {vice:?}");
    }
}

/// What is written down of a network in which each record went to the seeds closest to it.
fn ideal(seeds: u32, records: u64) -> String {
    let id = |number: u32| {
        let key = SigningKey::from_bytes(&sample::secret(integer(), number));
        SeedId(key.verifying_key().to_bytes())
    };
    let mut text = format!(
        "natives {} {seeds}\njoined 5000\nsettled 60000\n",
        integer()
    );
    for number in 0..records {
        let (author, wall_ms) = (number as u32 % seeds, 1_796_083_200_000 + number * 200);
        let now = Time {
            mono_ms: 0,
            wall_ms,
        };
        let record = sample::record(number, now, 0, RECORD_LIFE_DEFAULT_MS);
        let target = Position::of(&record.key().0);
        let mut others: Vec<SeedId> = (0..seeds).filter(|it| *it != author).map(id).collect();
        others.sort_by_key(|seed| seed.position().distance(&target));
        let reader = (author + 1) % seeds;
        let _ = writeln!(text, "record {number} {wall_ms} {author} {reader}");
        for holder in others.into_iter().take(HOLDERS) {
            let _ = writeln!(text, "held {holder}");
        }
    }
    text
}

#[test]
fn a_network_that_was_real_is_played_again() {
    let text = ideal(60, 20);
    let again = |text: &str| mirror(integer(), &Played::read(text).expect("makes sense"));
    let mirrored = again(&text).expect("is played");
    assert!(mirrored.overlap_percent_real >= 100.0, "{mirrored:?}");
    assert!(mirrored.overlap_percent_sim > 75.0, "{mirrored:?}");
    assert!(mirrored.fetched_percent_sim > 90.0, "{mirrored:?}");
    let (one, other) = (
        mirrored.overlap_percent_sim,
        mirrored.overlap_percent_real_vs_sim,
    );
    assert!((one - other).abs() < f64::EPSILON, "{mirrored:?}");
    // Where nobody promised anything, nothing is the same.
    let lines = text.lines().filter(|line| !line.starts_with("held"));
    let homeless = again(&lines.collect::<Vec<_>>().join("\n")).expect("is played");
    let both = homeless.overlap_percent_real + homeless.overlap_percent_real_vs_sim;
    assert!(both < f64::EPSILON, "{homeless:?}");
}

#[test]
fn what_is_written_down_wrongly_is_not_played() {
    let good = ideal(3, 1);
    for line in ["natives 1", "held nobody", "tab 00", "record 1 2 3", "what"] {
        assert!(Played::read(&format!("{good}{line}\n")).is_err(), "{line}");
    }
    assert!(Played::read("natives 1 3\n").is_err());
    assert!(Played::read(&good.replace("natives", "tab")).is_err());
}

#[test]
fn ids_that_are_closer_than_all_holders_hide_little() {
    let size = Size {
        seeds: 200,
        targets: 100,
        sybils: 10_000,
    };
    let found = |doubts| {
        let ground = grind(integer(), size, doubts);
        let ground = ground.unwrap_or_else(|what| panic!("{what}\n{}", again("grind", integer())));
        ground.retrieved_percent
    };
    assert!(found(true) >= 99.0);
    // Before people who believe whatever they are told, the attacker gets somewhere.
    assert!(found(false) < 95.0);
}
