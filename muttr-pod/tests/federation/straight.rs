//! While somebody's own pod is away, their contacts at other pods are told without it.

use muttr_core::{rejection::Rejection, seed::Status};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{PATIENCE, Pod, comes, draft, own, person, reads, seed_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_written_to_while_ones_own_pod_is_away() {
    let folder = TempDir::new().expect("a folder");
    let mut oak = Pod::start(&folder, "oak", &[]).await;
    let elm = Pod::start(&folder, "elm", &[]).await;
    let alice = person(&folder, &oak, "alice").await;
    let bob = person(&folder, &elm, "bob").await;
    let carol = person(&folder, &elm, "carol").await;
    for (author, to) in [(&alice, &bob), (&bob, &alice), (&alice, &carol)] {
        let delivered = timeout(PATIENCE, author.deliver(draft(own(to), "hello"))).await;
        delivered.expect("in time").expect("is delivered");
        reads(to, 1).await;
    }
    oak.kill();
    let gone = alice.wait_for(|view| !view.online).await;
    gone.expect("notices");
    let straight = timeout(PATIENCE, alice.deliver(draft(own(&bob), "without my pod"))).await;
    let straight = straight.expect("in time").expect("is delivered");
    assert_eq!((straight.status, straight.pods), (Status::Notified, 1));
    let read = reads(&bob, 2).await;
    assert!(!read[1].request, "she is a contact");
    // Carol never wrote to her: what is for carol waits for oak.
    let waits = alice.send(draft(own(&carol), "with my pod")).await;
    assert_eq!(waits.expect("is kept").status, Status::Queued);
    bob.stop().await;
    oak.starts().await;
    reads(&carol, 2).await;
    let bob = comes(seed_of(&folder, &elm, "bob")).await;
    let read = bob.inbox().await.expect("reads");
    assert_eq!(read.len(), 2, "once is enough: {read:?}");
    for seed in [alice, bob, carol] {
        seed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_capability_was_taken_back_is_not_let_in_without_a_pod() {
    let folder = TempDir::new().expect("a folder");
    let mut oak = Pod::start(&folder, "oak", &[]).await;
    let elm = Pod::start(&folder, "elm", &[]).await;
    let alice = person(&folder, &oak, "alice").await;
    let bob = person(&folder, &elm, "bob").await;
    for (author, to) in [(&alice, &bob), (&bob, &alice)] {
        let delivered = timeout(PATIENCE, author.deliver(draft(own(to), "hello"))).await;
        delivered.expect("in time").expect("is delivered");
        reads(to, 1).await;
    }
    bob.judge(own(&alice), muttr_core::seed::Judgement::Block)
        .await
        .expect("is noted");
    oak.kill();
    alice.wait_for(|view| !view.online).await.expect("notices");
    let sent = alice.send(draft(own(&bob), "it is me")).await;
    let sent = sent.expect("is kept");
    assert_eq!(sent.status, Status::Queued, "{sent:?}");
    assert_eq!(sent.reason, Some(Rejection::Unidentified));
    for seed in [alice, bob] {
        seed.stop().await;
    }
}
