//! Power cuts under a pod that is written to.

use std::{
    env,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use clap::Parser;
use muttr_pod::{config::Settings, serve, store::sqlite::Commit};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Mutex, watch},
    time::timeout,
};

use super::{
    CUTS, Moments, PATIENCE,
    ledger::{Ledger, Losses, read_all},
    number,
    people::move_in,
    pod::{Pod, bare, shipped},
    post::write,
    report,
    weak_disk::{Cut, DARK, weaken},
};

const PEOPLE: usize = 60;
/// Operations on the disk before which the power goes at the latest: a few seconds' worth.
const OPERATIONS: u64 = 4_000;
/// How a pod ends whose port somebody's connection got meanwhile.
const CANNOT_LISTEN: i32 = 3;
/// Tells a process that it is [`a_pod_that_does_not_sync`].
const AS_POD: &str = "MUTTR_TEST_AS_POD";

/// Cuts a pod's power again and again while people write; yields what they wrote.
async fn storm(program: fn() -> Command, mut moments: Moments, cuts: u64) -> Ledger {
    let folder = TempDir::new().expect("a folder");
    let mut pod = Pod::new(folder.path().join("oak"));
    pod.serves_again(program).await;
    let people = move_in(&pod, PEOPLE).await;
    // From here on everybody's alias is on the disk, whoever runs the pod.
    assert!(pod.stops().await.success());

    let ledger = Mutex::new(Ledger::default());
    let (stop, stopping) = watch::channel(false);
    let writing = write((pod.listen, pod.host()), &people, &ledger, stopping);
    let cutting = async {
        for number in 1..=cuts {
            let cut = Cut {
                before: 1 + moments.below(OPERATIONS),
                integer: moments.next(),
            };
            let (mut ready, mut status, began) = (None, None, Instant::now());
            while status.is_none_or(|it| it == Some(CANNOT_LISTEN)) {
                let mut command = program();
                weaken(&mut command, folder.path(), cut);
                ready = pod.serves(command).await;
                status = Some(pod.ends().await.code());
            }
            assert_eq!(status, Some(Some(DARK)), "{cut:?}");
            let lasted = began.elapsed();
            println!("{number}: ready within {ready:.1?}, dark after {lasted:.1?}, {cut:?}");
        }
        pod.serves_again(program).await;
        stop.send(true).expect("somebody writes");
    };
    let both = async { tokio::join!(writing, cutting) };
    let patience = PATIENCE + Duration::from_secs(20 * cuts);
    timeout(patience, both).await.expect("they finish");
    read_all(&pod, &people, &ledger).await;
    ledger.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_power_cut() {
    let cuts = number(CUTS).unwrap_or(3);
    let ledger = storm(shipped, Moments::of_this_run(), cuts).await;
    let losses = ledger.losses();
    report(json!({
        "cuts": cuts,
        "cuts_acknowledged": ledger.acknowledged.len(),
        "cuts_lost": losses.lost,
        "cuts_played_twice": losses.twice,
    }));
    assert_eq!(losses, Losses::default());
    assert!(!ledger.acknowledged.is_empty());
}

/// The control: with commits that do not wait for the disk the same cuts take away what was
/// acknowledged, or else the cuts are none.
#[tokio::test(flavor = "multi_thread")]
async fn without_sync_a_power_cut_takes_back_what_was_acknowledged() {
    if env::var_os(AS_POD).is_some() {
        return a_pod_that_does_not_sync().await;
    }
    let cuts = number(CUTS).unwrap_or(3);
    let ledger = storm(without_sync, Moments::of_this_run(), cuts).await;
    let losses = ledger.losses();
    report(json!({
        "cuts_without_sync_acknowledged": ledger.acknowledged.len(),
        "cuts_without_sync_lost": losses.lost,
    }));
    assert!(losses.lost > 0, "{losses:?}");
}

/// This very test, as a pod.
fn without_sync() -> Command {
    let mut command = bare(&env::current_exe().expect("a path"));
    command
        .args(["--exact", "--nocapture"])
        .arg("cuts::without_sync_a_power_cut_takes_back_what_was_acknowledged")
        .env(AS_POD, "1");
    command
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
}

/// What `muttr-pod serve` does, but for the one thing that no setting can change.
async fn a_pod_that_does_not_sync() {
    let settings = Cli::parse_from([Path::new("pod")]).settings;
    let mut config = settings.finish().expect("good settings");
    config.commit = Commit::Written;
    let mut terminate = signal(SignalKind::terminate()).expect("can be waited for");
    let mut running = serve(config).await.expect("starts");
    println!("listening on http://{}", running.addr());
    tokio::select! {
        _ = terminate.recv() => {}
        failure = running.stopped() => panic!("{failure}"),
    }
    running.stop().await;
}
