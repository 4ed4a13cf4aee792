//! The power goes while a data directory is new: whatever it was shown to others must be there
//! again, and whatever is half done must keep nobody from beginning anew.

use std::{path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    CUTS, Moments, number,
    pod::{Pod, bare, get, shipped},
    weak_disk::{Cut, DARK, weaken},
};

/// Operations on the disk before which the power goes at the latest; a start takes about half.
const OPERATIONS: u64 = 400;

/// Who a pod says it is, if it is still there to say so.
async fn identity(pod: &Pod) -> Option<[Value; 2]> {
    let answer = get(pod.listen, "/.well-known/muttr").await;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let told: Value = serde_json::from_str(body).ok()?;
    Some(["certificate", "seed"].map(|name| told[name].clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_others_saw_is_the_same_after_a_power_cut() {
    let mut moments = Moments::of_this_run();
    let mut seen = 0;
    for turn in 0..4 * number(CUTS).unwrap_or(3) {
        let folder = TempDir::new().expect("a folder");
        let mut pod = Pod::new(folder.path().join("srv/oak"));
        let cut = Cut {
            // Every other time it is left to come up, and the power goes at the end.
            before: (turn % 2) * (1 + moments.below(OPERATIONS)),
            integer: moments.next(),
        };
        let mut command = shipped();
        weaken(&mut command, folder.path(), cut);
        let before = match pod.serves(command).await {
            Some(_) => identity(&pod).await,
            None => None,
        };
        let status = match before {
            Some(_) => pod.stops().await,
            None => pod.ends().await,
        };
        assert!(matches!(status.code(), Some(0 | DARK)), "{cut:?} {status}");
        pod.serves_again(shipped).await;
        if before.is_some() {
            seen += 1;
            assert!(identity(&pod).await == before, "another pod: {cut:?}");
        }
        pod.kill();
    }
    assert!(seen > 0);
}

fn muttr(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = bare(Path::new(env!("CARGO_BIN_EXE_muttr")));
    command
        .arg("--data-dir")
        .arg(data_dir)
        .args(["--pod", "http://localhost:1"])
        .args(arguments);
    command
}

#[test]
fn a_key_that_was_made_survives_a_power_cut() {
    let mut moments = Moments::of_this_run();
    for _ in 0..8 {
        let folder = TempDir::new().expect("a folder");
        let data_dir = folder.path().join("people/alice");
        let mut create = muttr(&data_dir, &["key", "create"]);
        let cut = Cut {
            before: 0,
            integer: moments.next(),
        };
        weaken(&mut create, folder.path(), cut);
        let made = create.output().expect("runs");
        assert!(made.status.success(), "{made:?}");
        let shown = muttr(&data_dir, &["key", "show"]).output().expect("runs");
        assert!(shown.status.success(), "{cut:?} {shown:?}");
    }
}
