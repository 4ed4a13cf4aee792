//! `kill -9`, again and again, while hundreds of people are written to.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    sync::{Mutex, watch},
    time::{sleep, timeout},
};

use super::{
    KILLS, Moments, PATIENCE,
    ledger::{Ledger, Losses, read_all},
    number,
    people::move_in,
    pod::{Pod, shipped},
    post::{PER_S, write},
    report,
};

const PEOPLE: usize = 500;
/// For how long a pod runs before it is killed.
const RUNS_MS: (u64, u64) = (300, 1_500);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() {
    let kills = number(KILLS).unwrap_or(10);
    let mut moments = Moments::of_this_run();
    let folder = TempDir::new().expect("a folder");
    let mut pod = Pod::new(folder.path().join("oak"));
    pod.serves_again(shipped).await;
    let began = Instant::now();
    let people = move_in(&pod, PEOPLE).await;
    println!("{PEOPLE} people moved in within {:.1?}", began.elapsed());

    let ledger = Mutex::new(Ledger::default());
    let (stop, stopping) = watch::channel(false);
    let writing = write((pod.listen, pod.host()), &people, &ledger, stopping);
    let (began, mut ready) = (Instant::now(), Vec::new());
    let killing = async {
        for kill in 1..=kills {
            let runs = RUNS_MS.0 + moments.below(RUNS_MS.1 - RUNS_MS.0);
            let runs = Duration::from_millis(runs);
            sleep(runs).await;
            pod.kill();
            let took = pod.serves_again(shipped).await;
            println!("{kill}: killed after {runs:.1?}, ready again within {took:.1?}");
            ready.push(took);
        }
        stop.send(true).expect("somebody writes");
    };
    let both = async { tokio::join!(writing, killing) };
    let patience = PATIENCE + Duration::from_secs(10 * kills);
    timeout(patience, both).await.expect("they finish");
    let seconds = began.elapsed().as_secs_f64();

    read_all(&pod, &people, &ledger).await;
    let ledger = ledger.into_inner();
    let losses = ledger.losses();
    ready.sort_unstable();
    let acknowledged = ledger.acknowledged.len();
    report(json!({
        "kills": kills,
        "kills_people": PEOPLE,
        "kills_offered_per_s": PER_S,
        "kills_acknowledged": acknowledged,
        "kills_acknowledged_per_s": (acknowledged as f64 / seconds).round(),
        "kills_lost": losses.lost,
        "kills_played_twice": losses.twice,
        "kills_ready_ms_p50": ready[ready.len() / 2].as_millis(),
        "kills_ready_ms_max": ready[ready.len() - 1].as_millis(),
    }));
    assert_eq!(losses, Losses::default());
    assert!(acknowledged > 0);
}
