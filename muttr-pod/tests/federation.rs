//! Two pods as they are shipped, each a process, and people at both who write to each other.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use muttr_core::{
    limit,
    name::{Alias, Label},
    seed::{Draft, Message},
};
use muttr_pod::seed::{Config, Running, keys, start};
use tempfile::TempDir;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

#[path = "federation/held.rs"]
mod held;
#[path = "federation/killed.rs"]
mod killed;
#[path = "federation/refusals.rs"]
mod refusals;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(120);

/// A pod that can be killed and started again: the same folder, the same port.
struct Pod {
    data_dir: PathBuf,
    listen: SocketAddr,
    settings: &'static [&'static str],
    process: Option<Child>,
}

impl Pod {
    async fn start(folder: &TempDir, name: &str, settings: &'static [&'static str]) -> Self {
        let mut pod = Self {
            data_dir: folder.path().join(name),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings,
            process: None,
        };
        pod.starts().await;
        pod
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muttr-pod"));
        // Settings of whoever runs the tests are not this pod's.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUTTR_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--stun", "off", "--log", "off"])
            .args(["--insecure-loopback-federation", "--notify-burst", "10000"])
            .args(["--notify-per-minute", "60000", "--changes-burst", "10000"])
            .arg("--listen")
            .arg(self.listen.to_string())
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(self.settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    /// Starts it, and waits until it listens.
    async fn starts(&mut self) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let mut process = self.command().spawn().expect("there is a pod");
            let stdout = process.stdout.take().expect("is piped");
            self.process = Some(process);
            let line = spawn_blocking(move || {
                let mut line = String::new();
                BufReader::new(stdout).read_line(&mut line).map(|_| line)
            });
            let line = timeout(PATIENCE, line).await.expect("says where in time");
            let line = line.expect("is read").expect("text");
            if let Some(addr) = line.strip_prefix("listening on http://") {
                self.listen = addr.trim_end().parse().expect("an address");
                return;
            }
            // Somebody's connection may have got its port meanwhile.
            self.kill();
            sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not start");
    }

    /// Like a power cut.
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Fails when it has ended.
            let _ = process.kill();
            process.wait().expect("ends");
        }
    }

    fn name(&self) -> String {
        format!("localhost:{}", self.listen.port())
    }

    fn alias(&self, label: &str) -> Alias {
        let alias = format!("{label}@{}", self.name());
        alias.parse().expect("an alias")
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a person's seed at this pod is started with; the key is made the first time.
fn seed_of(folder: &TempDir, pod: &Pod, name: &str) -> Config {
    let data_dir = folder.path().join(name);
    if keys::load(&data_dir, None).is_err() {
        keys::create(&data_dir, None).expect("makes a key");
    }
    let identity = keys::load(&data_dir, None).expect("loads it");
    let url = format!("http://{}", pod.name());
    let url = url.parse().expect("an address");
    Config::new(data_dir, vec![url], Some(identity))
}

async fn comes(config: Config) -> Running {
    let seed = start(config).await.expect("starts");
    let online = timeout(PATIENCE, seed.online()).await;
    online.expect("in time").expect("finds the pod");
    seed
}

/// Somebody who has an alias, the name of their folder.
async fn registered(config: Config) -> Running {
    let name = config.data_dir.file_name().expect("has a name");
    let label: Label = name.to_string_lossy().parse().expect("a label");
    let seed = comes(config).await;
    seed.register(label).await.expect("registers");
    seed
}

async fn person(folder: &TempDir, pod: &Pod, name: &str) -> Running {
    registered(seed_of(folder, pod, name)).await
}

fn own(seed: &Running) -> Alias {
    seed.view().alias.expect("registered")
}

fn draft(to: Alias, text: &str) -> Draft {
    Draft {
        to,
        content_type: "text/plain".into(),
        body: text.into(),
        reply_to: None,
        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
    }
}

/// Waits until so many messages have arrived, a little longer for any too many, and yields them.
async fn reads(seed: &Running, messages: usize) -> Vec<Message> {
    let mut arrivals = seed.arrivals();
    for number in 0..messages {
        let next = timeout(PATIENCE, arrivals.next()).await;
        next.unwrap_or_else(|_| panic!("{number} of {messages} came"))
            .expect("comes");
    }
    sleep(Duration::from_millis(1_500)).await;
    let read = seed.inbox().await.expect("reads");
    assert_eq!(read.len(), messages, "{read:?}");
    for message in &read {
        assert!(message.verified, "{message:?}");
    }
    read
}
