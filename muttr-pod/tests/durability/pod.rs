//! A pod in a process of its own, which ends in no orderly way.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use muttr_core::name::Host;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    time::{sleep, timeout},
};

use super::PATIENCE;

/// What is granted, as settings in the environment: everything that one address and a few people
/// need who write to hundreds.
const GRANTED: [(&str, &str); 11] = [
    ("MUTTR_STUN", "off"),
    ("MUTTR_LOG", "off"),
    ("MUTTR_ADDRESS_SOCKETS_BURST", "1000000"),
    ("MUTTR_ADDRESS_SOCKETS_PER_S", "10000"),
    ("MUTTR_CHANGES_BURST", "1000000"),
    ("MUTTR_CHANGES_PER_S", "10000"),
    ("MUTTR_NOTIFY_BURST", "1000000"),
    ("MUTTR_NOTIFY_PER_MINUTE", "600000"),
    ("MUTTR_MAILBOX_STRANGERS_MAX", "100000"),
    ("MUTTR_MAILBOX_ENTRIES_MAX", "200000"),
    ("MUTTR_MAILBOX_BYTES_MAX", "1000000000"),
];

/// Settings of whoever runs the tests are no others'.
pub(super) fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUTTR_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// The pod as it is shipped.
pub(super) fn shipped() -> Command {
    let mut command = bare(Path::new(env!("CARGO_BIN_EXE_muttr-pod")));
    command.arg("serve");
    command
}

/// A pod that is started again and again: the same folder, the same port.
pub(super) struct Pod {
    pub(super) data_dir: PathBuf,
    pub(super) listen: SocketAddr,
    process: Option<Child>,
}

impl Pod {
    pub(super) fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            process: None,
        }
    }

    /// Starts it and waits until it listens; `false` if it ended before, for whatever reason.
    pub(super) async fn listens(&mut self, mut command: Command) -> bool {
        command
            .envs(GRANTED)
            .env("MUTTR_LISTEN", self.listen.to_string())
            .env("MUTTR_DATA_DIR", &self.data_dir)
            .stdout(Stdio::piped());
        let mut process = command.spawn().expect("there is a pod");
        let stdout = process.stdout.take().expect("is piped");
        self.process = Some(process);
        let (tell, said) = oneshot::channel();
        thread::spawn(|| read(stdout, tell));
        let said = timeout(PATIENCE, said).await;
        // It is never told when it ends before.
        let said = said.expect("says where in time").ok();
        if let Some(listen) = said {
            self.listen = listen;
        }
        said.is_some()
    }

    /// Starts it and waits until it serves; yields how long that took, `None` if it ended before.
    pub(super) async fn serves(&mut self, command: Command) -> Option<Duration> {
        let began = Instant::now();
        if !self.listens(command).await {
            return None;
        }
        while began.elapsed() < PATIENCE {
            if get(self.listen, "/healthz")
                .await
                .starts_with("HTTP/1.1 200")
            {
                return Some(began.elapsed());
            }
            if self.has_ended().is_some() {
                return None;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("it is never ready");
    }

    /// The same for one that nothing keeps from serving, but for somebody's connection that got
    /// its port meanwhile.
    pub(super) async fn serves_again(&mut self, command: impl Fn() -> Command) -> Duration {
        for _ in 0..100 {
            if let Some(ready) = self.serves(command()).await {
                return ready;
            }
            self.kill();
            sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not start");
    }

    pub(super) fn has_ended(&mut self) -> Option<ExitStatus> {
        let process = self.process.as_mut().expect("was started");
        process.try_wait().expect("can be asked")
    }

    /// Waits until it ends by itself.
    pub(super) async fn ends(&mut self) -> ExitStatus {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.has_ended() {
                return status;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("it goes on and on");
    }

    /// Tells it to end, and waits until it has.
    pub(super) async fn stops(&mut self) -> ExitStatus {
        if let Some(status) = self.has_ended() {
            return status;
        }
        let id = self.process.as_ref().expect("was started").id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.expect("there is a kill command").success());
        self.ends().await
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Fails when it has ended.
            let _ = process.kill();
            process.wait().expect("ends");
        }
    }

    pub(super) fn host(&self) -> Host {
        let name = format!("localhost:{}", self.listen.port());
        name.parse().expect("a host")
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads everything that is said, and tells where it listens.
fn read(stdout: ChildStdout, tell: oneshot::Sender<SocketAddr>) {
    let mut tell = Some(tell);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some((_, address)) = line.split_once("listening on http://")
            && let Some(tell) = tell.take()
        {
            // Fails when nobody waits any more.
            let _ = tell.send(address.trim_end().parse().expect("an address"));
        }
    }
}

/// What is answered over HTTP, as it came; nothing when nobody answers.
pub(super) async fn get(addr: SocketAddr, path: &str) -> String {
    let asked = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    if let Ok(mut stream) = TcpStream::connect(addr).await
        && stream.write_all(asked.as_bytes()).await.is_ok()
    {
        // What came before it broke off is looked at all the same.
        let _ = stream.read_to_end(&mut answer).await;
    }
    String::from_utf8_lossy(&answer).into_owned()
}
