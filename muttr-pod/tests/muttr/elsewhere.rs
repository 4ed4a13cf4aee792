//! What is in the way of a message to another pod has a sentence, a code and an exit code.

use std::net::SocketAddr;

use muttr_pod::{
    Running,
    config::{Settings, Stun},
    envoy::Reach,
    serve,
};
use serde_json::Value;
use tempfile::TempDir;

use super::Person;

/// A pod that deals with others on this machine; `port` 0 takes a free one.
async fn pod(folder: &TempDir, name: &str, port: u16, strangers: Option<usize>) -> Running {
    let settings = Settings {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], port))),
        stun: Some(Stun::Off),
        data_dir: Some(folder.path().join(name)),
        mailbox_strangers_max: strangers,
        ..Settings::default()
    };
    let mut config = settings.finish().expect("good settings");
    config.reach = Reach::Loopback;
    let mut pod = serve(config).await.expect("starts");
    pod.ready().await;
    pod
}

impl Person {
    /// Sends something that is accepted; yields the delivery.
    async fn sends_to(&self, to: &str, text: &str) -> Value {
        let sent = self
            .does(&["--json", "--timeout", "30", "send", to, text])
            .await;
        let [delivery] = sent.as_slice() else {
            panic!("{sent:?}");
        };
        delivery.clone()
    }

    /// Sends something that its own pod keeps and the other does not take; yields what is said.
    async fn waits(&self, to: &str) -> String {
        let output = self.runs(&["send", to, "are you there?"]).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        said
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_not_there_and_one_that_is_down() {
    let folder = TempDir::new().expect("a folder");
    let oak = pod(&folder, "oak", 0, None).await;
    let elm = pod(&folder, "elm", 0, None).await;
    let alice = Person::registered(&folder, &oak, "alice").await;
    let bob = Person::registered(&folder, &elm, "bob").await;

    let output = alice
        .runs(&["--timeout", "6", "send", "bob@nowhere.invalid", "hello"])
        .await;
    let said = String::from_utf8_lossy(&output.stderr);
    // Where names are looked up slowly, a pod waits no longer for that than for another pod.
    let (exit, sentence) = if said.contains("TIMED_OUT") {
        (7, "No answer in time")
    } else {
        (10, "There is no pod of that name")
    };
    assert_eq!(output.status.code(), Some(exit), "{said}");
    assert!(said.contains(sentence), "{said}");
    assert!(exit == 7 || said.contains("NO_SUCH_POD"), "{said}");

    let delivery = alice.sends_to(&bob.alias(), "hello").await;
    assert_eq!(delivery["status"], "notified", "{delivery}");
    let port = elm.addr().port();
    elm.stop().await;
    let said = alice.waits(&bob.alias()).await;
    assert!(said.contains("POD_UNREACHABLE"), "{said}");
    assert!(said.contains("your pod goes on trying"), "{said}");
    let stranger = format!("carol@localhost:{port}");
    alice
        .fails(
            &["--timeout", "6", "send", &stranger, "hello"],
            3,
            "could not be sent yet: The pod cannot be reached",
            "POD_UNREACHABLE",
        )
        .await;
    let elm = pod(&folder, "elm", port, None).await;
    let mut texts = Vec::new();
    while texts.len() < 2 {
        texts.extend(bob.reads().await);
    }
    assert_eq!(texts[0]["text"], "hello");
    assert_eq!(texts[1]["text"], "are you there?");

    // Bob answers, and so alice may write to him without her own pod.
    bob.sends(&alice, "I was away").await;
    assert_eq!(alice.reads().await.len(), 1);
    oak.stop().await;
    let delivery = alice.sends_to(&bob.alias(), "so was my pod").await;
    assert_eq!(delivery["status"], "notified", "{delivery}");
    assert_eq!(bob.reads().await[0]["text"], "so was my pod");
    elm.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_moved_away() {
    let folder = TempDir::new().expect("a folder");
    let oak = pod(&folder, "oak", 0, None).await;
    let elm = pod(&folder, "elm", 0, None).await;
    let alice = Person::registered(&folder, &oak, "alice").await;
    let bob = Person::registered(&folder, &elm, "bob").await;
    alice.sends(&bob, "before").await;
    // Bob, at oak from now on.
    let moved = Person {
        data_dir: folder.path().join("bob-at-oak"),
        ..Person::new(&folder, &oak, "bob")
    };
    moved.does(&["key", "create"]).await;
    moved.does(&["register", "bob"]).await;
    let new = moved.alias();
    let register = ["--json", "register", "bob", "--moved-to", &new];
    assert_eq!(bob.does(&register).await[0]["alias"], bob.alias());

    let sentence = format!("{} has moved to {new}", bob.alias());
    for _ in 0..2 {
        let send = ["send", &bob.alias(), "after"];
        alice.fails(&send, 11, &sentence, "MOVED").await;
    }
    assert_eq!(alice.sends_to(&new, "after").await["status"], "notified");
    let read = moved.reads().await;
    assert_eq!(read.len(), 1);
    assert_eq!(read[0]["text"], "after");
    // What came before is still at the old pod, and nothing else.
    let read = bob.reads().await;
    assert_eq!(read.len(), 1);
    assert_eq!(read[0]["text"], "before");
    oak.stop().await;
    elm.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_without_room_and_a_certificate_that_changed() {
    let folder = TempDir::new().expect("a folder");
    let oak = pod(&folder, "oak", 0, None).await;
    // Each pod's strangers get half of the places that are free: three, and two of what is left.
    let elm = pod(&folder, "elm", 0, Some(4)).await;
    let alice = Person::registered(&folder, &oak, "alice").await;
    let bob = Person::registered(&folder, &elm, "bob").await;
    let carol = Person::registered(&folder, &elm, "carol").await;
    for text in ["one", "two"] {
        assert_eq!(
            alice.sends_to(&bob.alias(), text).await["status"],
            "notified"
        );
    }
    let delivery = alice.sends_to(&bob.alias(), "three").await;
    assert_eq!(delivery["status"], "stored", "{delivery}");
    assert_eq!(delivery["reason"], "STRANGERS_FULL");
    carol.sends(&bob, "from here").await;
    carol
        .fails(
            &["--timeout", "6", "send", "bob", "too much"],
            13,
            "takes no more messages from strangers for now",
            "STRANGERS_FULL",
        )
        .await;

    // The pod forgets who bob is, and somebody else takes the alias.
    let port = elm.addr().port();
    elm.stop().await;
    for ending in ["", "-wal", "-shm"] {
        // Not all of them need be there.
        let _ = std::fs::remove_file(folder.path().join("elm").join(format!("pod.db{ending}")));
    }
    let elm = pod(&folder, "elm", port, None).await;
    let mallory = Person::new(&folder, &elm, "mallory");
    mallory.does(&["key", "create"]).await;
    mallory.does(&["register", "bob"]).await;
    alice
        .fails(
            &["send", &bob.alias(), "is it you?"],
            12,
            "The certificate of that alias is not the one known before",
            "KEY_CHANGED",
        )
        .await;
    oak.stop().await;
    elm.stop().await;
}
