//! `muttr bot`: a command answers.

use std::{
    io::{self, Read as _, Write as _},
    process::{self, Command, Stdio},
    thread,
    time::Duration,
};

use clap::Args;
use futures::{StreamExt as _, stream::FuturesOrdered};
use muttr_core::{
    limit,
    seed::{Draft, Message},
};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{
    date,
    inbox::refused,
    output::Output,
    send::content_type,
    settings::{Reach, Settings, told_to_end},
    trouble::Trouble,
};
use crate::seed::{Failure, Running};

/// Answers that may be on their way at once.
const ANSWERS_MAX: usize = 16;
/// One byte more than a message may have, so that too much is refused and not cut off.
const BYTES_READ_MAX: u64 = limit::BODY_BYTES_MAX as u64 + 1;
/// How often it is looked whether a command has ended.
const LOOK: Duration = Duration::from_millis(5);

const EXAMPLES: &str = "\
Examples:
  muttr bot --exec cat
  muttr bot --exec 'echo \"you are $1, and wrote $(wc -c) bytes\"'
  muttr bot --exec ./answer.py

The command is run by sh, one message at a time. The body is its stdin; the author is its first
argument and MUTTR_FROM; MUTTR_TO, MUTTR_ID, MUTTR_SENT, MUTTR_REQUEST and MUTTR_CONTENT_TYPE say
the rest. What it writes to stdout is sent as the answer; nothing is, when it writes nothing, fails
or takes too long. Messages for whose author nobody vouches are not given to it.";

/// Answer messages with what a command says, until SIGTERM or SIGINT.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Bot {
    /// The command, run by sh.
    #[arg(long, value_name = "CMD")]
    exec: String,
    /// How long it may take for one message.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    exec_timeout: u64,
    /// Keep so many bytes for others meanwhile [default: as before, at first none].
    #[arg(long, value_name = "BYTES")]
    keep: Option<u64>,
}

impl Bot {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let seed = settings.open(Reach::Patient, self.keep).await?;
        let done = tokio::select! {
            done = self.answer_all(&seed, output) => done,
            trouble = refused(&seed) => Err(trouble),
            ended = told_to_end() => ended,
        };
        seed.stop().await;
        done
    }

    /// Commands are run one after another; an answer may still be on its way while the next
    /// command runs. A message is done with once its answer is.
    async fn answer_all(&self, seed: &Running, output: &Output) -> Result<(), Trouble> {
        let mut arrivals = seed.arrivals();
        let mut answers = FuturesOrdered::new();
        loop {
            let room = answers.len() < ANSWERS_MAX;
            tokio::select! {
                Some(message) = answers.next(), if !answers.is_empty() => {
                    seed.advance(&message).await?;
                }
                message = arrivals.next(), if room => {
                    let message = message?;
                    let answer = self.answer(&message).await?;
                    if let Some(draft) = &answer {
                        output.answered(&message, draft)?;
                    }
                    answers.push_back(send(seed, message, answer));
                }
            }
        }
    }

    /// What the command says to a message, if it says anything.
    async fn answer(&self, message: &Message) -> Result<Option<Draft>, Trouble> {
        if !message.verified {
            return Ok(None);
        }
        let child = self.spawn(message).map_err(Trouble::Exec)?;
        let patience = Duration::from_secs(self.exec_timeout);
        let body = match timeout(patience, talk(child, message.body.clone())).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the command failed");
                return Ok(None);
            }
            Err(_) => {
                tracing::warn!("the command took too long");
                return Ok(None);
            }
        };
        Ok((!body.is_empty()).then(|| Draft {
            to: message.from.clone(),
            content_type: content_type(None, &body),
            body,
            reply_to: Some(message.id),
            life_ms: limit::RECORD_LIFE_DEFAULT_MS,
        }))
    }

    fn spawn(&self, message: &Message) -> io::Result<Child> {
        let child = Command::new("sh")
            .args(["-c", &self.exec, "muttr"])
            .arg(message.from.to_string())
            .env("MUTTR_FROM", message.from.to_string())
            .env("MUTTR_TO", message.to.to_string())
            .env("MUTTR_ID", message.id.to_string())
            .env("MUTTR_SENT", date::rfc3339(message.sent_ms))
            .env("MUTTR_REQUEST", message.request.to_string())
            .env("MUTTR_CONTENT_TYPE", &message.content_type)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        child.map(Child)
    }
}

/// Sends an answer, and yields the message that is done with by that.
async fn send(seed: &Running, message: Message, answer: Option<Draft>) -> Message {
    if let Some(draft) = answer {
        match seed.send(draft).await {
            Ok(_) | Err(Failure::Stopped) => {}
            Err(failure) => tracing::warn!(%failure, "an answer was not sent"),
        }
    }
    message
}

/// A command that runs; it is ended when nobody waits for it any more.
struct Child(process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        // Fails when it has ended already, as it should have.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Gives a command its input while its output is read, so that neither waits for the other. The
/// threads end with the pipes, and those with the command.
async fn talk(mut child: Child, input: Vec<u8>) -> io::Result<Vec<u8>> {
    let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut stdin = child.0.stdin.take().ok_or_else(broken)?;
    let stdout = child.0.stdout.take().ok_or_else(broken)?;
    let (said, says) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        // Fails when the command does not want to know.
        let _ = stdin.write_all(&input);
    })?;
    thread::Builder::new().spawn(move || {
        let mut body = Vec::new();
        let read = stdout.take(BYTES_READ_MAX).read_to_end(&mut body);
        // Fails when it took too long.
        let _ = said.send(read.map(|_| body));
    })?;
    let body = says.await.map_err(|_| broken())??;
    loop {
        match child.0.try_wait()? {
            Some(status) if status.success() => return Ok(body),
            Some(status) => return Err(io::Error::other(status.to_string())),
            // It has closed its output, and so is about to end.
            None => sleep(LOOK).await,
        }
    }
}
