//! Everything that can be played, by name, and what of it makes up a report.

use muttr_core::limit::{DAY_MS, HOUR_MS, MINUTE_MS};

use super::{
    Outcome, access,
    plan::{A, Plan, Scene, Vice},
    world::World,
};

/// Plays a plan.
///
/// # Errors
/// What must not happen, and did.
pub fn play(plan: Plan, integer: u64) -> Result<Outcome, String> {
    World::of_people(plan, integer).play()
}

/// How much is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Two days, and fewer people.
    Short,
    /// Everything.
    Full,
}

const fn named(name: &'static str, plan: Plan) -> Plan {
    Plan { name, ..plan }
}

/// A few people for a few hours: what `make test` plays.
#[must_use]
pub fn small() -> Plan {
    named(
        "small",
        Plan {
            messages: 60,
            store_until_ms: HOUR_MS,
            end_ms: 2 * HOUR_MS,
            looks_per_visit: 10,
            ..A.of(400)
        },
    )
}

/// So many of those online leave at once and for ever.
fn vanishing(name: &'static str, plan: Plan, at_ms: u64, permille: u64) -> Plan {
    Plan {
        name,
        messages: plan.messages.min(10_000),
        store_until_ms: 2 * HOUR_MS,
        end_ms: at_ms + 2 * HOUR_MS,
        scene: Some(Scene::Vanish { at_ms, permille }),
        ..plan
    }
}

/// People in each population unless told otherwise: as many as fit into the time that a report may
/// take.
pub const PEOPLE: u32 = 1_000;

/// All populations of a report, of so many people each.
#[must_use]
pub fn all(length: Length, people: u32) -> Vec<Plan> {
    let (days, messages, hours) = match length {
        Length::Short => (2, 5_000, 6),
        Length::Full => (14, 100_000, 28),
    };
    let a = Plan {
        messages,
        end_ms: days * DAY_MS,
        store_until_ms: days * DAY_MS - HOUR_MS,
        ..A.of(people)
    };
    let bad_pods = Plan {
        pod_wiped_on_day: Some(3),
        ..a
    };
    let alone = a.without_pods();
    let day_of = |plan: Plan| Plan {
        messages: messages / 5,
        end_ms: hours * HOUR_MS,
        store_until_ms: hours / 3 * HOUR_MS,
        ..plan
    };
    let day = day_of(alone);
    let poisoned = |plan: Plan| Plan {
        vice: Some((Vice::OneOfEach, 500)),
        ..plan
    };
    let mut plans = vec![
        named("no_pods_a", alone),
        named("no_pods_b", alone.half_gone()),
        named("bad_pods_a", bad_pods),
        named("bad_pods_b", bad_pods.half_gone()),
        named(
            "no_seeds",
            Plan {
                seeds_keep: false,
                ..bad_pods.of(people / 5)
            },
        ),
        vanishing("vanish70", alone, hours * HOUR_MS - 2 * HOUR_MS, 700),
        vanishing("vanish30", alone, 2 * HOUR_MS + 5 * MINUTE_MS, 300),
        named("poison", poisoned(day_of(a))),
        named("honest", day_of(a)),
        // Half of four holders who are there is two, and one time in sixteen none is honest.
        named("poison_no_pods", poisoned(day)),
        named(
            "partition",
            Plan {
                scene: Some(Scene::Partition {
                    at_ms: 2 * HOUR_MS,
                    for_ms: 10 * MINUTE_MS,
                }),
                ..day
            },
        ),
        named(
            "drops",
            Plan {
                vice: Some((Vice::Drops, 200)),
                ..day
            },
        ),
    ];
    let names = ["wifi", "wifi_lossy", "cellular", "office", "conference"];
    for (name, access) in names.into_iter().zip(access::ALL).skip(1) {
        plans.push(named(name, Plan { access, ..day }));
    }
    plans
}
