//! Two pods as they are shipped, each a process, and people at both who write to each other.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use muttr_core::name::Alias;
use tempfile::TempDir;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

#[path = "federation/held.rs"]
mod held;
#[path = "federation/killed.rs"]
mod killed;
#[path = "federation/people.rs"]
mod people;
#[path = "federation/refusals.rs"]
mod refusals;
#[path = "federation/straight.rs"]
mod straight;
#[path = "federation/watched.rs"]
mod watched;

use people::{comes, draft, own, person, reads, registered, seed_of};

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
