//! Two people write to each other.

use tempfile::TempDir;

use super::{Person, boot, boot_at, outcome};

#[tokio::test(flavor = "multi_thread")]
async fn alice_writes_and_bob_reads_it_once() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;

    let delivery = alice.sends(&bob, "The oak has leaves again.").await;
    assert_eq!(delivery["status"], "notified");
    assert_eq!(delivery["to"], bob.alias());
    assert_eq!(delivery["pods"], 1);

    let read = bob.reads().await;
    let [message] = read.as_slice() else {
        panic!("{read:?}");
    };
    assert_eq!(message["id"], delivery["id"]);
    assert_eq!(message["from"], alice.alias());
    assert_eq!(message["to"], bob.alias());
    assert_eq!(message["text"], "The oak has leaves again.");
    assert_eq!(message["verified"], true);
    assert_eq!(message["request"], true);
    let sent = message["sent"].as_str().expect("a date");
    assert!(sent.starts_with("20") && sent.ends_with('Z'), "{sent}");
    assert!(bob.reads().await.is_empty(), "once");

    // The second time bob is no stranger, and the other way round the answer finds its way.
    let id = message["id"].as_str().expect("an id");
    bob.does(&["send", "alice", "It has.", "--reply-to", id])
        .await;
    let read = alice.reads().await;
    assert_eq!(read[0]["text"], "It has.");
    assert_eq!(read[0]["reply_to"], id);
    assert_eq!(read[0]["request"], false);
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_shown_with_the_pod_away_and_the_pod_is_remembered() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;
    for text in ["one", "two", "three"] {
        alice.sends(&bob, text).await;
    }
    let mut follower = bob.follows();
    assert_eq!(follower.next().await["text"], "one");
    assert_eq!(follower.next().await["text"], "two");
    assert_eq!(follower.next().await["text"], "three");
    assert!(follower.end("-TERM").success());

    let port = pod.addr().port();
    pod.stop().await;
    let away = bob.runs(&["inbox"]).await;
    assert_eq!(away.status.code(), Some(3));
    let pod = boot_at(&folder, port).await;
    // Nobody says which pod.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_muttr"));
    command.arg("--data-dir").arg(&bob.data_dir).arg("inbox");
    let output = outcome(command, Vec::new()).await;
    assert!(output.status.success(), "{output:?}");
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_comes_from_an_argument_a_file_or_stdin() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;

    let output = outcome(alice.command(&["send", "bob"]), b"from stdin\n".to_vec()).await;
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(
        said.starts_with(&format!("sent to {}", bob.alias())),
        "{said}"
    );

    let picture = folder.path().join("picture.png");
    std::fs::write(&picture, [0x89, b'P', b'N', b'G', 0xff]).expect("writes");
    let picture = picture.to_str().expect("a path");
    alice
        .does(&[
            "send",
            "bob",
            "--file",
            picture,
            "--content-type",
            "image/png",
        ])
        .await;
    let read = bob.reads().await;
    assert_eq!(read[0]["text"], "from stdin\n");
    assert_eq!(read[0]["content_type"], "text/plain");
    assert_eq!(read[1]["text"], "");
    assert_eq!(read[1]["content_type"], "image/png");
    assert_eq!(read[1]["body_base64"], "iVBOR/8=");
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_compared_and_people_are_listed() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let bob = Person::registered(&folder, &pod, "bob").await;
    alice.sends(&bob, "hello").await;
    bob.reads().await;

    let by_alice = alice.does(&["--json", "verify", "bob"]).await;
    let by_bob = bob.does(&["--json", "verify", "alice"]).await;
    let number = by_alice[0]["safety_number"].as_str().expect("a number");
    assert_eq!(by_bob[0]["safety_number"], number, "both see the same");
    assert_eq!(by_alice[0]["trust"], "unverified");
    let wrong = "11111 ".repeat(12);
    alice
        .fails(
            &["verify", "bob", "--expect", &wrong],
            12,
            "somebody may sit between",
            "KEY_CHANGED",
        )
        .await;
    let verified = alice
        .does(&["--json", "verify", "bob", "--expect", number])
        .await;
    assert_eq!(verified[0]["trust"], "verified");
    let fingerprint = by_bob[0]["fingerprint"].as_str().expect("a fingerprint");
    let verified = bob
        .does(&["--json", "verify", "alice", "--expect", fingerprint])
        .await;
    assert_eq!(verified[0]["trust"], "verified");

    let people = alice.does(&["--json", "contacts"]).await;
    assert_eq!(people.len(), 1);
    assert_eq!(people[0]["alias"], bob.alias());
    assert_eq!(people[0]["trust"], "verified");
    assert_eq!(people[0]["accepted"], true);
    let accepted = bob.does(&["--json", "contacts", "--accept", "alice"]).await;
    assert_eq!(accepted[0]["accepted"], true);
    let blocked = bob.does(&["--json", "contacts", "--block", "alice"]).await;
    assert_eq!(blocked[0]["blocked"], true);
    alice.sends(&bob, "not to be shown").await;
    assert!(bob.reads().await.is_empty());
    pod.stop().await;
}
