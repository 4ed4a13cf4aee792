//! Pods are killed while people write: what was accepted arrives, once.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use futures::future::join_all;
use muttr_core::{
    name::{Alias, MessageId},
    seed::Draft,
};
use muttr_pod::seed::Running;
use tempfile::TempDir;
use tokio::time::sleep;

use super::{PATIENCE, Pod, draft, own, person};

/// Sets how often a pod is killed; a soak sets it higher.
const KILLS: &str = "MUTTR_SOAK_KILLS";
/// Sets the integer that the moments follow from, to see the same ones again.
const INTEGER: &str = "MUTTR_SOAK_SEED";
/// Messages of each author for each kill.
const EACH: u64 = 5;

/// Numbers that look random and follow from one integer (SplitMix64).
struct Moments(u64);

impl Moments {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

fn integer() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.expect("after 1970").as_micros();
    let integer = number(INTEGER).unwrap_or_else(|| u64::try_from(now).expect("fits"));
    println!("{INTEGER}={integer}");
    integer
}

/// Kills one or the other, again and again, and starts it again.
async fn kill(pods: &mut [Pod; 2], mut moments: Moments, kills: u64) {
    let began = Instant::now();
    for _ in 0..kills {
        sleep(Duration::from_millis(300 + moments.below(900))).await;
        let which = usize::try_from(moments.below(2)).expect("small");
        let pod = &mut pods[which];
        pod.kill();
        let at = began.elapsed();
        sleep(Duration::from_millis(moments.below(600))).await;
        pod.starts().await;
        println!(
            "{at:.1?}: {} killed; {:.1?}: back",
            pod.name(),
            began.elapsed()
        );
    }
}

/// A message that is written a while from now.
struct Plan<'a> {
    after_ms: u64,
    author: &'a Running,
    draft: Draft,
}

/// Everybody writes to everybody at the other pod.
fn plans<'a>(
    oaks: &'a [Running],
    elms: &'a [Running],
    moments: &mut Moments,
    kills: u64,
) -> Vec<Plan<'a>> {
    let to_elm = oaks.iter().map(|author| (author, elms));
    let to_oak = elms.iter().map(|author| (author, oaks));
    let mut plans = Vec::new();
    for (author, others) in to_elm.chain(to_oak) {
        for (number, to) in (0..kills * EACH).zip(others.iter().cycle()) {
            plans.push(Plan {
                after_ms: moments.below(kills * 1_200),
                author,
                draft: draft(own(to), &format!("number {number}")),
            });
        }
    }
    plans
}

/// Writes it; yields whose inbox it belongs in.
async fn write(plan: Plan<'_>) -> (Alias, MessageId) {
    sleep(Duration::from_millis(plan.after_ms)).await;
    let delivery = plan.author.send(plan.draft).await.expect("is accepted");
    (delivery.to, delivery.id)
}

type Arrived = Mutex<BTreeMap<(Alias, MessageId), u32>>;

async fn count(seed: &Running, arrived: &Arrived) {
    let mut arrivals = seed.arrivals();
    loop {
        let message = arrivals.next().await.expect("the seed runs");
        assert!(message.verified, "{message:?}");
        let mut arrived = arrived.lock().expect("nobody panicked");
        *arrived.entry((own(seed), message.id)).or_default() += 1;
    }
}

/// Waits until all of these have arrived.
async fn all_arrive(accepted: &[(Alias, MessageId)], arrived: &Arrived) {
    let began = Instant::now();
    loop {
        let missing = {
            let arrived = arrived.lock().expect("nobody panicked");
            let missing = accepted.iter().filter(|it| !arrived.contains_key(it));
            missing.count()
        };
        if missing == 0 {
            println!(
                "all {} arrived {:.1?} later",
                accepted.len(),
                began.elapsed()
            );
            return;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{missing} of {} are missing",
            accepted.len()
        );
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_pod_may_be_killed_at_any_point() {
    let kills = number(KILLS).unwrap_or(6);
    let mut moments = Moments(integer());
    let folder = TempDir::new().expect("a folder");
    let oak = Pod::start(&folder, "oak", &[]).await;
    let elm = Pod::start(&folder, "elm", &[]).await;
    let oaks = join_all(["alice", "carol"].map(|name| person(&folder, &oak, name))).await;
    let elms = join_all(["bob", "dave"].map(|name| person(&folder, &elm, name))).await;
    let people = || oaks.iter().chain(&elms);

    let arrived = Arrived::default();
    let plans = plans(&oaks, &elms, &mut moments, kills);
    let mut pods = [oak, elm];
    let story = async {
        let writing = join_all(plans.into_iter().map(write));
        let (accepted, ()) = tokio::join!(writing, kill(&mut pods, moments, kills));
        all_arrive(&accepted, &arrived).await;
        // What comes twice comes soon.
        sleep(Duration::from_secs(3)).await;
        accepted
    };
    let counting = join_all(people().map(|seed| count(seed, &arrived)));
    let accepted = tokio::select! {
        accepted = story => accepted,
        _ = counting => panic!("a seed stopped"),
    };

    let arrived = arrived.into_inner().expect("nobody panicked");
    let once = accepted.into_iter().map(|it| (it, 1)).collect();
    assert_eq!(arrived, once);
    for seed in oaks.into_iter().chain(elms) {
        seed.stop().await;
    }
}
