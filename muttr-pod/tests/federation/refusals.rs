//! What can be in the way between two pods, and how it is said.

use muttr_core::{name::Alias, rejection::Rejection, seed::Status};
use muttr_pod::seed::{Failure, Running};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{PATIENCE, Pod, comes, draft, own, person, reads, seed_of};

/// Two pods, alice at the one and bob at the other.
async fn alice_and_bob(
    folder: &TempDir,
    settings: &'static [&'static str],
) -> ([Pod; 2], [Running; 2]) {
    let oak = Pod::start(folder, "oak", settings).await;
    let elm = Pod::start(folder, "elm", settings).await;
    let alice = person(folder, &oak, "alice").await;
    let bob = person(folder, &elm, "bob").await;
    ([oak, elm], [alice, bob])
}

fn said(failure: &Failure, code: Rejection, sentence: &str) {
    assert_eq!(failure.code(), code, "{failure}");
    assert_eq!(failure.to_string(), sentence);
}

async fn delivers(author: &Running, to: Alias, text: &str) {
    let delivered = timeout(PATIENCE, author.deliver(draft(to, text))).await;
    delivered.expect("in time").expect("is delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_or_person_that_is_not_there_has_a_sentence() {
    let folder = TempDir::new().expect("a folder");
    let ([oak, elm], [alice, bob]) = alice_and_bob(&folder, &[]).await;

    let nobody = elm.alias("nobody");
    let sentence = "Nobody is registered under that alias";
    let failure = alice.lookup(nobody.clone()).await.expect_err("is nobody");
    said(&failure, Rejection::NotFound, sentence);
    let failure = alice.send(draft(nobody, "hello")).await;
    said(
        &failure.expect_err("is nobody"),
        Rejection::NotFound,
        sentence,
    );

    // No pod may ever answer there: what is written is kept and says why it waits. Where names are
    // looked up slowly, a pod waits no longer for that than for another pod.
    let nowhere: &[Rejection] = &[Rejection::NoSuchPod, Rejection::TimedOut];
    for (pod, codes) in [
        ("localhost:1", &[Rejection::PodUnreachable][..]),
        ("oak.invalid", nowhere),
    ] {
        let alias: Alias = format!("bob@{pod}").parse().expect("an alias");
        let failure = alice.lookup(alias.clone()).await.expect_err("is not there");
        let code = failure.code();
        assert!(codes.contains(&code), "{code}");
        said(&failure, code, code.sentence().trim_end_matches('.'));
        let delivery = alice.send(draft(alias, "hello")).await.expect("is kept");
        assert_eq!(delivery.status, Status::Queued);
        let reason = delivery.reason.expect("says why");
        assert!(codes.contains(&reason), "{reason}");
    }
    alice.stop().await;
    bob.stop().await;
    drop([oak, elm]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_down_gets_what_was_written_meanwhile_once() {
    let folder = TempDir::new().expect("a folder");
    let ([oak, mut elm], [alice, bob]) = alice_and_bob(&folder, &[]).await;
    delivers(&alice, own(&bob), "one").await;
    reads(&bob, 1).await;

    elm.kill();
    let delivery = alice.send(draft(own(&bob), "two")).await.expect("is kept");
    assert_eq!(
        (delivery.status, delivery.reason),
        (Status::Stored, Some(Rejection::PodUnreachable))
    );
    // Its own pod has it: it need not be there itself.
    assert_eq!(delivery.pods, 1, "{delivery:?}");
    alice.stop().await;
    elm.starts().await;
    reads(&bob, 2).await;
    bob.stop().await;
    drop(oak);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_changed_is_not_written_to() {
    let folder = TempDir::new().expect("a folder");
    let ([oak, mut elm], [alice, bob]) = alice_and_bob(&folder, &[]).await;
    delivers(&alice, own(&bob), "hello").await;
    reads(&bob, 1).await;
    bob.stop().await;

    // The pod forgets who bob is, and somebody else takes the alias.
    elm.kill();
    for ending in ["", "-wal", "-shm"] {
        let path = elm.data_dir.join(format!("pod.db{ending}"));
        // Not all of them need be there.
        let _ = std::fs::remove_file(path);
    }
    elm.starts().await;
    let mallory = comes(seed_of(&folder, &elm, "mallory")).await;
    let label = "bob".parse().expect("a label");
    let bob = mallory.register(label).await.expect("is free");
    let failure = alice.send(draft(bob.clone(), "is it you?")).await;
    said(
        &failure.expect_err("is not bob"),
        Rejection::KeyChanged,
        "The certificate of that alias is not the one known before",
    );
    assert!(mallory.inbox().await.expect("reads").is_empty());
    alice.stop().await;
    mallory.stop().await;
    drop(oak);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_wait_until_there_is_room_for_them_at_the_other_pod() {
    let folder = TempDir::new().expect("a folder");
    // One pod may have half of what is free.
    let few = &["--mailbox-strangers-max", "4"];
    let ([oak, elm], [alice, bob]) = alice_and_bob(&folder, few).await;
    let to = own(&bob);
    bob.stop().await;
    delivers(&alice, to.clone(), "one").await;
    delivers(&alice, to.clone(), "two").await;
    let delivery = alice.send(draft(to, "three")).await.expect("is kept");
    assert_eq!(
        (delivery.status, delivery.reason),
        (Status::Stored, Some(Rejection::StrangersFull))
    );

    // Bob's device comes and acknowledges what there is.
    let bob = comes(seed_of(&folder, &elm, "bob")).await;
    reads(&bob, 3).await;
    alice.stop().await;
    bob.stop().await;
    drop(oak);
}
