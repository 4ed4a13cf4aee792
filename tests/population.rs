//! A few hundred people for two hours: the simulator of populations, as it is played every time.
//! What it is for takes longer: `make sim`, `make sim-full`.

use muttr_core::limit::{HOUR_MS, MINUTE_MS};
use muttr_tests::population::{
    Outcome, Plan, again,
    grind::{Size, grind},
    growth::grow,
    plan::Vice,
    scenario::{play, small},
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
