//! Storms: random leaving, coming, crashing and killing, for many integers. The oracle looks on.
//!
//! `MUTTR_SIM_SEED=81723 cargo sim NAME` plays one integer again, `MUTTR_SIM_RUNS=1000 cargo sim`
//! plays so many.

use muttr_core::{
    limit::{DAY_MS, HOUR_MS},
    name::RecordKey,
};
use muttr_tests::{
    crowd::Crowd,
    holders::Holders,
    profile::{CALM, HOMES, PHONES, Profile, STORM},
    scenario::PodName,
    storm::storm,
};

/// The weather of a run: each integer has its own.
const WEATHER: [Profile; 4] = [STORM, HOMES, STORM, PHONES];

const fn weather(integer: u64) -> Profile {
    WEATHER[(integer % 4) as usize]
}

/// Demands that every one of these keys is found by someone, asking a few times: those at least
/// that one of the closest seeds promised to keep. What was stored while the closest were away
/// lies where only repair would bring it home from.
fn all_found(holders: &mut Holders, keys: &[RecordKey]) -> Result<(), String> {
    for key in keys
        .iter()
        .filter(|key| holders.is_in_place(key))
        .collect::<Vec<_>>()
    {
        let mut found = false;
        for _ in 0..4 {
            let reader = holders.world.roll(holders.tabs.len() as u64) as usize;
            let job = holders.fetch(holders.tabs[reader], *key);
            holders.run(20_000)?;
            found = holders.fetched.get(&job) == Some(&true);
            if found {
                break;
            }
        }
        if !found {
            let who = &holders.promised[key];
            return Err(format!(
                "{key:?}, promised by {} seeds, is not found",
                who.len()
            ));
        }
    }
    Ok(())
}

#[test]
fn stored_records_are_found() {
    storm("stored_records_are_found", 8, |integer| {
        let mut holders = Holders::new(integer, weather(integer), 2, 24);
        holders.run(60_000)?;
        for number in 0..6 {
            let author = holders.tabs[number * 4];
            holders.store(author, number % 6, 10 * DAY_MS);
            holders.run(1_000)?;
        }
        holders.run(30_000)?;
        let keys: Vec<_> = holders.promised.keys().copied().collect();
        if keys.len() < 6 {
            return Err(format!(
                "only {} of 6 records were taken by anyone",
                keys.len()
            ));
        }
        all_found(&mut holders, &keys)
    });
}

#[test]
fn promises_outlive_crashes() {
    storm("promises_outlive_crashes", 8, |integer| {
        let mut holders = Holders::new(integer, weather(integer), 2, 20);
        holders.run(30_000)?;
        for _ in 0..60 {
            unrest(&mut holders)?;
        }
        holders.world.profile = HOMES;
        for who in holders
            .pods
            .iter()
            .chain(&holders.tabs)
            .copied()
            .collect::<Vec<_>>()
        {
            if !holders.world.runs(who) {
                holders.start(who);
            }
        }
        holders.run(3 * 60_000)?;
        let keys: Vec<_> = holders.promised.keys().copied().collect();
        all_found(&mut holders, &keys)
    });
}

#[test]
fn people_write_through_storms() {
    storm("people_write_through_storms", 10, |integer| {
        let mut crowd = Crowd::gather(integer, weather(integer), &[PodName::Oak], 5)?;
        for _ in 0..80 {
            crowd.unrest()?;
        }
        crowd.settle()
    });
}

#[test]
fn each_message_arrives_exactly_once() {
    storm("each_message_arrives_exactly_once", 6, |integer| {
        let pods = [PodName::Oak, PodName::Elm];
        let mut crowd = Crowd::gather(integer, CALM, &pods, 10)?;
        crowd.befriend()?;
        crowd.endure(integer)?;
        crowd.all_arrive()?;
        crowd.all_are_told()?;
        crowd.all_is_over()
    });
}

/// Something happens to someone.
fn unrest(holders: &mut Holders) -> Result<(), String> {
    let pick = holders.world.roll(holders.tabs.len() as u64) as usize;
    let (tab, dice) = (holders.tabs[pick], holders.world.roll(10));
    match dice {
        0..=2 if holders.world.runs(tab) => holders.world.kill(tab),
        3 if holders.world.runs(tab) => holders.world.leave(tab),
        4 => {
            let which = holders.world.roll(holders.pods.len() as u64) as usize;
            let pod = holders.pods[which];
            if holders.world.runs(pod) {
                holders.world.kill(pod);
            }
            holders.run(500)?;
            holders.start(pod);
        }
        _ if !holders.world.runs(tab) => holders.start(tab),
        _ => {
            let class = holders.world.roll(4) as usize;
            holders.store(tab, class, HOUR_MS * 24);
        }
    }
    let pause_ms = holders.world.roll(4_000);
    holders.run(pause_ms)
}
