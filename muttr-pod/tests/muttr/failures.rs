//! What goes wrong has an exit code, a sentence and a code.

use tempfile::TempDir;

use super::{Person, boot};

/// Arguments, exit code, part of the sentence, code.
type Case<'a> = (&'a [&'a str], i32, &'a str, &'a str);

async fn all_fail(person: &Person, cases: &[Case<'_>]) {
    for (arguments, exit, sentence, code) in cases {
        person.fails(arguments, *exit, sentence, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_a_sentence_with_a_code() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::new(&folder, &pod, "alice");
    let no_key: [Case<'_>; 3] = [
        (&["register", "alice"], 5, "muttr key create", "NO_IDENTITY"),
        (&["send", "bob", "hi"], 5, "muttr key create", "NO_IDENTITY"),
        (&["inbox"], 5, "muttr key create", "NO_IDENTITY"),
    ];
    all_fail(&alice, &no_key).await;
    alice.does(&["key", "create"]).await;
    let elsewhere = "alice@elsewhere.example";
    let no_alias: [Case<'_>; 5] = [
        (&["key", "create"], 2, "not written over", "MISUSE"),
        (
            &["send", "bob", "hi"],
            6,
            "muttr register",
            "ALIAS_REQUIRED",
        ),
        (&["inbox"], 6, "muttr register", "ALIAS_REQUIRED"),
        (
            &["register", "postmaster"],
            8,
            "whoever runs the pod",
            "ALIAS_RESERVED",
        ),
        (&["register", elsewhere], 8, "another pod", "FOREIGN_POD"),
    ];
    all_fail(&alice, &no_alias).await;
    alice.does(&["register", "alice"]).await;

    let bob = Person::new(&folder, &pod, "bob");
    bob.does(&["key", "create"]).await;
    let taken: Case<'_> = (&["register", "alice"], 8, "Someone else", "ALIAS_TAKEN");
    all_fail(&bob, &[taken]).await;
    let long = "x".repeat(56_001);
    let refused: [Case<'_>; 3] = [
        (
            &["send", "nobody", "hi"],
            8,
            "Nobody is registered",
            "NOT_FOUND",
        ),
        (
            &["verify", "nobody"],
            8,
            "Nobody is registered",
            "NOT_FOUND",
        ),
        (
            &["send", "alice", &long],
            8,
            "Larger than allowed",
            "TOO_LARGE",
        ),
    ];
    all_fail(&alice, &refused).await;
    let json = alice.runs(&["--json", "send", "nobody", "hi"]).await;
    let said: serde_json::Value = serde_json::from_slice(&json.stderr).expect("JSON");
    assert_eq!(said["code"], "NOT_FOUND");
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_not_there_is_said_to_be() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let never = Person::new(&folder, &pod, "never");
    never.does(&["key", "create"]).await;
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    pod.stop().await;
    for (person, arguments) in [
        (&alice, ["send", "alice", "hi"].as_slice()),
        (&never, &["register", "never"]),
        (&never, &["inbox", "--follow"]),
    ] {
        person
            .fails(arguments, 3, "cannot reach the pod", "POD_UNREACHABLE")
            .await;
    }
    // Somebody listens there, who is no pod and says nothing.
    let silent = Person {
        pod: format!("http://{}", held.local_addr().expect("an address")),
        ..Person::new(&folder, &boot(&folder).await, "never")
    };
    silent
        .fails(&["inbox"], 3, "cannot reach the pod", "POD_UNREACHABLE")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_exit_code_2() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    for (arguments, sentence) in [
        (["send"].as_slice(), "required arguments"),
        (&["send", "Alice B", "hi"], "write it like bob@pod.example"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&["send", "bob", "hi", "--file", "x"], "cannot be used with"),
        (&["key", "export"], "--passphrase-file"),
        (&["send", "bob", "--file", "none.txt"], "none.txt"),
        (&["--listen", "nowhere", "seed"], "invalid"),
    ] {
        let output = alice.runs(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(sentence), "{arguments:?}: {said}");
    }
    for url in ["http://pod.example", "pod.example", "ftp://localhost"] {
        let elsewhere = Person {
            pod: url.into(),
            ..Person::new(&folder, &pod, "alice")
        };
        let output = elsewhere.runs(&["inbox"]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("no address of a pod"), "{said}");
    }
    let other = TempDir::new().expect("a folder");
    let other_pod = boot(&other).await;
    let moved = Person {
        pod: format!("http://{}", other_pod.host()),
        ..Person::new(&folder, &pod, "alice")
    };
    moved
        .fails(
            &["inbox"],
            2,
            "data directory is used with the pod",
            "MISUSE",
        )
        .await;
    other_pod.stop().await;
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_at_a_time_uses_a_data_directory() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::registered(&folder, &pod, "alice").await;
    let mut follower = alice.follows();
    alice.sends_to_itself(&mut follower).await;
    alice
        .fails(&["inbox"], 9, "another process uses", "ALREADY_OPEN")
        .await;
    follower.kill();
    assert!(alice.reads().await.is_empty());

    let of_the_pod = Person {
        data_dir: folder.path().join("pod"),
        ..Person::new(&folder, &pod, "alice")
    };
    of_the_pod
        .fails(
            &["key", "create"],
            4,
            "the data directory of a pod",
            "STORAGE_FAILED",
        )
        .await;
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("writes");
    let on_a_file = Person {
        data_dir: file,
        ..Person::new(&folder, &pod, "alice")
    };
    on_a_file
        .fails(
            &["key", "create"],
            4,
            "cannot use the data directory",
            "STORAGE_FAILED",
        )
        .await;
    pod.stop().await;
}

impl Person {
    /// Waits until a follower of somebody runs, by a message that it shows.
    async fn sends_to_itself(&self, follower: &mut super::Follower) {
        // Its first line of output is the sign; from then on it holds the lock.
        let other = self.data_dir.with_file_name("other");
        let other = Self {
            data_dir: other,
            pod: self.pod.clone(),
            name: "other",
        };
        other.does(&["key", "create"]).await;
        other.does(&["register", "other"]).await;
        other.sends(self, "are you there?").await;
        assert_eq!(follower.next().await["text"], "are you there?");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}
