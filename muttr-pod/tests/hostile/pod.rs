//! A pod as it is shipped, a process, and what can be seen of it from outside.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use muttr_core::name::Host;
use tempfile::TempDir;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{PATIENCE, TICK, line::Line};

pub(super) struct Pod {
    process: Child,
    pub(super) at: SocketAddr,
    figures_at: SocketAddr,
    data_dir: PathBuf,
    log: PathBuf,
}

/// Figures by their name, with label and code.
pub(super) type Figures = BTreeMap<String, u64>;

impl Pod {
    pub(super) async fn start(folder: &TempDir, name: &str, settings: &[&str]) -> Self {
        let data_dir = folder.path().join(name);
        let log = folder.path().join(format!("{name}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_muttr-pod"));
        // Settings of whoever runs the tests are not this pod's.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUTTR_") {
                command.env_remove(name);
            }
        }
        let mut process = command
            .args(["serve", "--stun", "off", "--log", "debug"])
            .args(["--insecure-loopback-federation", "--listen", "127.0.0.1:0"])
            .args(["--metrics", "127.0.0.1:0", "--data-dir"])
            .arg(&data_dir)
            .args(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a file"))
            .spawn()
            .expect("there is a pod");
        let stdout = process.stdout.take().expect("is piped");
        let line = spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = timeout(PATIENCE, line).await.expect("says where in time");
        let line = line.expect("is read").expect("text");
        let at = line.trim_end().strip_prefix("listening on http://");
        let at = at.and_then(|at| at.parse().ok()).expect("an address");
        let mut pod = Self {
            process,
            at,
            figures_at: at,
            data_dir,
            log,
        };
        let told = timeout(PATIENCE, pod.where_it_tells_figures()).await;
        pod.figures_at = told.expect("tells figures");
        let ready = timeout(PATIENCE, pod.ready()).await;
        ready.expect("is ready in time");
        pod
    }

    /// The log says so.
    async fn where_it_tells_figures(&self) -> SocketAddr {
        loop {
            let log = self.log();
            let told = log.split_once("tells figures").map(|(_, rest)| rest);
            let told = told.and_then(|told| told.split_once("address=")?.1.lines().next());
            if let Some(at) = told.and_then(|told| told.trim().parse().ok()) {
                return at;
            }
            sleep(TICK).await;
        }
    }

    async fn ready(&self) {
        while Line::new(self.at).get("/healthz").await.status != 200 {
            sleep(TICK).await;
        }
    }

    pub(super) fn name(&self) -> String {
        format!("localhost:{}", self.at.port())
    }

    pub(super) fn host(&self) -> Host {
        self.name().parse().expect("a host")
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("is there")
    }

    /// What `/metrics` says, word for word.
    pub(super) async fn metrics(&self) -> String {
        let answer = Line::new(self.figures_at).get("/metrics").await;
        assert_eq!(answer.status, 200);
        answer.body
    }

    pub(super) async fn figures(&self) -> Figures {
        let text = self.metrics().await;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let figures = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        figures.collect()
    }

    /// A line of `/proc/PID/status` that tells KiB; `None` where there is no such file.
    pub(super) fn memory_kib(&self, line: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let value = status.lines().find_map(|it| it.strip_prefix(line))?;
        let value = value.trim_start_matches(':').trim().strip_suffix(" kB")?;
        value.trim().parse().ok()
    }

    /// The database, and what is to be written into it.
    pub(super) fn disk_bytes(&self) -> u64 {
        let files = ["pod.db", "pod.db-wal"].map(|name| self.data_dir.join(name));
        let sizes = files.iter().filter_map(|path| fs::metadata(path).ok());
        sizes.map(|file| file.len()).sum()
    }

    /// Ends in order, so that the log is complete.
    pub(super) async fn stop(&mut self) {
        let process = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &process]).status();
        assert!(told.expect("there is a kill command").success());
        while self.process.try_wait().expect("can be asked").is_none() {
            sleep(TICK).await;
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // Fails when it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
