//! The command itself: its first line, its exit codes, its signals.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::get;

const POD: &str = env!("CARGO_BIN_EXE_muttr-pod");

pub(super) fn command(folder: &TempDir) -> Command {
    within(folder, Command::new(POD))
}

fn within(folder: &TempDir, mut command: Command) -> Command {
    // Settings of whoever runs the tests are not this pod's.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUTTR_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(super) fn signal(pod: &Child, signal: &str) {
    let killed = Command::new("kill")
        .args([signal, &pod.id().to_string()])
        .status();
    assert!(killed.expect("there is a kill command").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_where_it_listens_and_stops_when_told() {
    let folder = TempDir::new().expect("a folder");
    for with in ["-TERM", "-INT"] {
        let serve = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--stun",
            "0",
            "--data-dir",
            "data",
        ];
        let mut pod = command(&folder).args(serve).spawn().expect("starts");
        let mut lines = BufReader::new(pod.stdout.take().expect("is piped"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("says something");
        let addr = first
            .strip_prefix("listening on http://")
            .expect("says where")
            .trim_end();
        let addr = addr.parse().expect("an address");
        assert_eq!(get(addr, "/.well-known/muttr").await.status, 200);

        let told = Instant::now();
        signal(&pod, with);
        let status = pod.wait().expect("ends");
        assert!(
            status.success() && told.elapsed() < Duration::from_secs(2),
            "{status}"
        );
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("reads");
        assert_eq!(rest, "", "one line is all");
    }
}

#[test]
fn it_takes_as_many_open_files_as_it_may_have() {
    let Ok(own) = std::fs::read_to_string("/proc/self/limits") else {
        println!("skipped: this system does not tell a process's limits in /proc");
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let mut shell = within(&folder, Command::new("sh"));
    let serve = "serve --listen 127.0.0.1:0 --stun off --data-dir data";
    let script = format!("ulimit -Sn 256 && exec '{POD}' {serve}");
    shell.arg("-c").arg(script).stderr(Stdio::null());
    let mut pod = shell.spawn().expect("starts");
    let mut lines = BufReader::new(pod.stdout.take().expect("is piped"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("says where it listens");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pod.id()));
    signal(&pod, "-TERM");
    assert!(pod.wait().expect("ends").success(), "{first}");
    let files = |limits: &str| {
        let line = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"));
        let mut numbers = line.expect("is told").split_whitespace().map(str::to_owned);
        (numbers.next().expect("soft"), numbers.next().expect("hard"))
    };
    let (soft, hard) = files(&limits.expect("it runs"));
    assert_eq!((&soft, &hard), (&hard, &files(&own).1));
}

fn fails(folder: &TempDir, arguments: &[&str], code: i32, sentence: &str) {
    let output: Output = command(folder).args(arguments).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(sentence), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn what_is_wrong_has_an_exit_code_and_a_sentence() {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    write("bad.toml", "listen = '127.0.0.1:0'\ndatadir = 'x'\n").expect("writes");
    fails(
        &folder,
        &["serve", "--config", "bad.toml"],
        2,
        "unknown field `datadir`",
    );
    fails(&folder, &["serve", "--config", "none.toml"], 2, "none.toml");
    fails(&folder, &["serve", "--datadir", "x"], 2, "--data-dir");
    fails(&folder, &["serve", "--stun", "on"], 2, "neither a port");
    fails(
        &folder,
        &["serve", "--host", "a b"],
        2,
        "is not a name a pod can go by",
    );

    let known = "--known-pod";
    fails(&folder, &["serve", known, "http://oak.example"], 2, "TLS");
    let local = "insecure_loopback_federation allows";
    fails(&folder, &["serve", known, "localhost:1"], 2, local);
    write("bad.toml", "deny_pod = 'oak.example'\n").expect("writes");
    fails(&folder, &["serve", "--config", "bad.toml"], 2, "line 1");

    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = held.local_addr().expect("an address").to_string();
    fails(
        &folder,
        &["serve", "--listen", "127.0.0.1:0", "--metrics", &taken],
        3,
        "cannot listen at",
    );
    fails(
        &folder,
        &["serve", "--listen", &taken],
        3,
        "cannot listen at",
    );
    drop(held);

    write("file", "").expect("writes");
    fails(
        &folder,
        &["serve", "--data-dir", "file"],
        4,
        "data directory file",
    );
    std::fs::create_dir(folder.path().join("d")).expect("makes");
    write(
        "d/pod.db",
        "a letter, not a database, of a length that cannot be taken for one",
    )
    .expect("writes");
    fails(
        &folder,
        &["serve", "--data-dir", "d"],
        4,
        "cannot open the database",
    );
}

#[test]
fn the_override_is_said_loudly_and_once() {
    let folder = TempDir::new().expect("a folder");
    for (log, federation, expected) in [
        ("info", "--insecure-loopback-federation", 1),
        ("warn", "--insecure-loopback-federation=true", 1),
        ("error", "--insecure-loopback-federation", 1),
        ("off", "--insecure-loopback-federation", 1),
        ("info", "--insecure-loopback-federation=false", 0),
    ] {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--stun", "off"];
        let mut serve_loudly = command(&folder);
        serve_loudly.args(serve).args(["--log", log, federation]);
        serve_loudly.args(["--known-pod", "https://oak.example"]);
        let mut pod = serve_loudly.spawn().expect("starts");
        let mut lines = BufReader::new(pod.stdout.take().expect("is piped"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("says where it listens");
        signal(&pod, "-TERM");
        let mut said = String::new();
        let mut stderr = pod.stderr.take().expect("is piped");
        stderr.read_to_string(&mut said).expect("reads");
        assert!(pod.wait().expect("ends").success(), "{said}");
        let loud = said.lines().filter(|line| line.contains("INSECURE"));
        assert_eq!(loud.count(), expected, "{log} {federation}: {said}");
    }
}
