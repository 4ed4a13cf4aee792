//! The command `muttr` as it is shipped, with a real pod in this process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::Duration,
};

use muttr_pod::{
    Running,
    config::{Settings, Stun},
    serve,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};

#[path = "muttr/bot.rs"]
mod bot;
#[path = "muttr/elsewhere.rs"]
mod elsewhere;
#[path = "muttr/failures.rs"]
mod failures;
#[path = "muttr/follow.rs"]
mod follow;
#[path = "muttr/keys.rs"]
mod keys;
#[path = "muttr/library.rs"]
mod library;
#[path = "muttr/seed.rs"]
mod seed;
#[path = "muttr/talk.rs"]
mod talk;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);

async fn boot_at(folder: &TempDir, port: u16) -> Running {
    let settings = Settings {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], port))),
        stun: Some(Stun::Off),
        data_dir: Some(folder.path().join("pod")),
        ..Settings::default()
    };
    let config = settings.finish().expect("good settings");
    let mut pod = serve(config).await.expect("starts");
    pod.ready().await;
    pod
}

async fn boot(folder: &TempDir) -> Running {
    boot_at(folder, 0).await
}

/// A person at a terminal of their own.
struct Person {
    data_dir: PathBuf,
    pod: String,
    name: &'static str,
}

impl Person {
    fn new(folder: &TempDir, pod: &Running, name: &'static str) -> Self {
        Self {
            data_dir: folder.path().join(name),
            pod: format!("http://{}", pod.host()),
            name,
        }
    }

    /// Somebody who has a key and an alias.
    async fn registered(folder: &TempDir, pod: &Running, name: &'static str) -> Self {
        let person = Self::new(folder, pod, name);
        person.does(&["key", "create"]).await;
        let registered = person.does(&["--json", "register", name]).await;
        assert_eq!(registered[0]["alias"], person.alias());
        person
    }

    fn alias(&self) -> String {
        format!("{}@{}", self.name, self.pod.trim_start_matches("http://"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muttr"));
        // Settings of whoever runs the tests are not theirs.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUTTR_") {
                command.env_remove(name);
            }
        }
        command
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(["--pod", &self.pod])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    async fn runs(&self, arguments: &[&str]) -> Output {
        outcome(self.command(arguments), Vec::new()).await
    }

    /// Does something that succeeds; yields the JSON lines of its output.
    async fn does(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.runs(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        // Nobody sits at a terminal.
        assert_eq!(said, "", "{arguments:?}");
        let lines = String::from_utf8(output.stdout).expect("text");
        let lines = lines.lines().map(serde_json::from_str);
        lines.filter_map(Result::ok).collect()
    }

    async fn sends(&self, to: &Self, text: &str) -> Value {
        let sent = self.does(&["--json", "send", &to.alias(), text]).await;
        let [delivery] = sent.as_slice() else {
            panic!("{sent:?}");
        };
        delivery.clone()
    }

    async fn reads(&self) -> Vec<Value> {
        self.does(&["inbox", "--json"]).await
    }

    /// Fails with an exit code, and a sentence with a code on stderr.
    async fn fails(&self, arguments: &[&str], exit: i32, sentence: &str, code: &str) {
        let output = self.runs(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
        assert!(said.contains(sentence), "{arguments:?}: {said}");
        assert!(said.contains(code), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }

    /// Begins to follow the inbox.
    fn follows(&self) -> Follower {
        Follower::new(self.command(&["inbox", "--follow", "--json"]))
    }
}

/// A command that runs until it is told to end.
struct Follower {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Follower {
    fn new(mut command: Command) -> Self {
        let mut child = command.spawn().expect("starts");
        let stdout = BufReader::new(child.stdout.take().expect("is piped"));
        let (tell, lines) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    async fn next(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.recv()).await;
        let line = line.expect("comes in time").expect("is not the end");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Like a power cut.
    fn kill(&mut self) {
        self.child.kill().expect("runs");
        self.child.wait().expect("ends");
    }

    /// Politely.
    fn end(&mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status();
        assert!(killed.expect("there is a kill command").success());
        self.child.wait().expect("ends")
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Fails when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a command something on stdin, and waits for its end.
async fn outcome(mut command: Command, input: Vec<u8>) -> Output {
    let running = spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).spawn().expect("starts");
        let mut stdin = child.stdin.take().expect("is piped");
        // Fails when the command does not want it.
        let _ = stdin.write_all(&input);
        drop(stdin);
        child.wait_with_output().expect("ends")
    });
    let output = timeout(PATIENCE, running).await;
    output.expect("ends in time").expect("runs")
}
