//! Keys: made, locked, taken away and brought back.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use tempfile::TempDir;

use super::{Person, boot};

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("writes");
    path.to_str().expect("a path").to_owned()
}

fn mode(path: &Path) -> u32 {
    let permissions = fs::metadata(path).expect("is there").permissions();
    permissions.mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_key_is_of_no_use_without_its_passphrase() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let secret = write(&folder, "secret", "correct horse battery staple\n");
    let wrong = write(&folder, "wrong", "incorrect horse\n");
    let short = write(&folder, "short", "horse\n");

    let alice = Person::new(&folder, &pod, "alice");
    let refused = ["--passphrase-file", &short, "key", "create"];
    alice
        .fails(&refused, 5, "passphrase", "BAD_PASSPHRASE")
        .await;
    let made = ["--json", "--passphrase-file", &secret, "key", "create"];
    let made = alice.does(&made).await;
    let fingerprint = made[0]["fingerprint"].as_str().expect("a fingerprint");
    assert_eq!(fingerprint.len(), 64);
    let file = alice.data_dir.join("keys/identity.pgp");
    assert_eq!(mode(&file), 0o600);
    let text = fs::read_to_string(&file).expect("is armored");
    assert!(text.starts_with("-----BEGIN PGP PRIVATE KEY BLOCK-----"));

    let register = ["register", "alice"];
    alice
        .fails(&register, 5, "cannot use the key", "BAD_PASSPHRASE")
        .await;
    let refused = ["--passphrase-file", &wrong, "key", "show"];
    alice
        .fails(&refused, 5, "cannot use the key", "BAD_PASSPHRASE")
        .await;
    let register = ["--passphrase-file", &secret, "register", "alice"];
    alice.does(&register).await;
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_to_another_machine() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let secret = write(&folder, "secret", "correct horse battery staple\n");
    let alice = Person::registered(&folder, &pod, "alice").await;
    let shown = alice.does(&["--json", "key", "show"]).await;

    let exported = folder.path().join("alice.asc");
    let path = exported.to_str().expect("a path");
    let export = [
        "--passphrase-file",
        &secret,
        "key",
        "export",
        "--output",
        path,
    ];
    alice.does(&export).await;
    assert_eq!(mode(&exported), 0o600);
    alice.fails(&export, 2, "alice.asc", "MISUSE").await;

    let elsewhere = Person::new(&folder, &pod, "elsewhere");
    let import = [
        "--json",
        "--passphrase-file",
        &secret,
        "key",
        "import",
        path,
    ];
    assert_eq!(elsewhere.does(&import).await, shown);
    // It is the same person, who is known to have that alias.
    let register = ["--json", "--passphrase-file", &secret, "register", "alice"];
    let registered = elsewhere.does(&register).await;
    assert_eq!(registered[0]["fingerprint"], shown[0]["fingerprint"]);
    let bad = write(&folder, "bad", "no key at all");
    let third = Person::new(&folder, &pod, "third");
    let import = ["key", "import", &bad];
    third.fails(&import, 5, "no identity", "BAD_IDENTITY").await;
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_and_completions_teach() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let alice = Person::new(&folder, &pod, "alice");
    for (arguments, word) in [
        (["--help"].as_slice(), "Exit codes:"),
        (&["send", "--help"], "Examples:"),
        (&["inbox", "--help"], "--follow"),
        (&["bot", "--help"], "MUTTR_FROM"),
        (&["verify", "--help"], "safety number"),
        (&["completions", "bash"], "_muttr"),
        (&["completions", "zsh"], "#compdef muttr"),
        (&["completions", "fish"], "complete -c muttr"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let output = alice.runs(arguments).await;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    assert!(!alice.data_dir.exists(), "nothing was made by asking");
    pod.stop().await;
}
