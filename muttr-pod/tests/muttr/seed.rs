//! Seeds that only keep, and people who show themselves to none of them.

use std::time::Duration;

use tempfile::TempDir;

use super::{Follower, Person, boot};

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_without_a_key_keeps_what_others_send() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;
    let keeper = Person::new(&folder, &pod, "keeper");
    let arguments = ["--json", "--listen", "127.0.0.1:0", "seed"];
    let mut keeping = Follower::new(keeper.command(&arguments));
    let told = keeping.next().await;
    let address = told["addresses"][0].as_str().expect("an address");
    assert!(address.starts_with("/ip4/127.0.0.1/tcp/"), "{address}");

    // The pod may not have heard of it yet.
    let mut seeds = 0;
    for _ in 0..20 {
        seeds = alice.sends(&bob, "keep this").await["seeds"]
            .as_u64()
            .expect("a number");
        if seeds > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(seeds, 1);
    assert_eq!(keeping.next().await["records"], 1);
    assert!(!keeper.data_dir.join("keys/identity.pgp").exists());
    assert!(keeping.end("-TERM").success());
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hides_writes_and_reads_all_the_same() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;
    let sent = alice
        .does(&["--json", "--hide-address", "send", "bob", "psst"])
        .await;
    assert_eq!(sent[0]["status"], "notified");
    let read = bob.does(&["--json", "--hide-address", "inbox"]).await;
    assert_eq!(read[0]["text"], "psst");
    pod.stop().await;
}
