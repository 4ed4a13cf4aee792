//! `muttr send`: one message.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use clap::Args;
use muttr_core::{
    limit,
    name::MessageId,
    rejection::Rejection,
    seed::{Delivery, Draft},
};

use super::{
    output::Output,
    recipient::Recipient,
    settings::{Reach, Settings},
    trouble::Trouble,
};
use crate::seed::{Failure, Running};

const EXAMPLES: &str = "\
Examples:
  muttr send bob@pod.example 'The oak has leaves again.'
  date | muttr send bob
  muttr send bob --file picture.png --content-type image/png";

/// Send a message: the argument, a file, or what comes on stdin.
///
/// Exits with 0 once the notification is accepted: durably with the recipient's pod, or with your
/// own, which then hands it over by itself. While your own pod is away, somebody of another pod who
/// has written to you is told by theirs, without yours.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Send {
    /// To whom: bob@pod.example, or bob for somebody of your own pod.
    to: Recipient,
    /// The text; without it and without --file, stdin is sent.
    text: Option<String>,
    /// Send this file, at most 56,000 bytes.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// Media type [default: text/plain, or application/octet-stream for what is no UTF-8].
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// The message it answers.
    #[arg(long, value_name = "ID")]
    reply_to: Option<MessageId>,
    /// How long the network keeps it, at most 30.
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    days: u64,
}

impl Send {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let body = self.body()?;
        let seed = match settings.open(Reach::Online, None).await {
            // A contact at another pod may be told without ours.
            Err(away) if is_away(&away) && self.to.is_elsewhere() => settings
                .open(Reach::Patient, None)
                .await
                .map_err(|_| away)?,
            opened => opened?,
        };
        let delivered = self.deliver(settings, &seed, body).await;
        seed.stop().await;
        output.delivery(&delivered?)
    }

    fn body(&self) -> Result<Vec<u8>, Trouble> {
        if let Some(text) = &self.text {
            return Ok(text.clone().into_bytes());
        }
        match &self.file {
            Some(path) => {
                let read = File::open(path).and_then(read);
                read.map_err(|error| Trouble::File(path.clone(), error))
            }
            None => read(io::stdin().lock()).map_err(Trouble::Pipe),
        }
    }

    async fn deliver(
        &self,
        settings: &Settings,
        seed: &Running,
        body: Vec<u8>,
    ) -> Result<Delivery, Trouble> {
        let draft = Draft {
            to: self.to.at(seed.host()),
            content_type: content_type(self.content_type.as_deref(), &body),
            body,
            reply_to: self.reply_to,
            life_ms: self.days.saturating_mul(limit::DAY_MS),
        };
        let delivering = seed.deliver(draft);
        match settings.in_time("sending", delivering).await {
            Err(Trouble::Seed(Failure::TimedOut(_))) => Err(self.not_yet(seed).await),
            Err(Trouble::Seed(Failure::Refused(Rejection::Moved))) => Err(self.moved(seed).await),
            delivered => delivered,
        }
    }

    /// They are found elsewhere; they said where.
    async fn moved(&self, seed: &Running) -> Trouble {
        let from = self.to.at(seed.host());
        let known = seed.lookup(from.clone()).await;
        match known.map(|contact| contact.moved_to) {
            Ok(Some(to)) => Trouble::Moved(from, to),
            _ => Failure::Refused(Rejection::Moved).into(),
        }
    }

    /// The time is up; what is known of what is in the way?
    async fn not_yet(&self, seed: &Running) -> Trouble {
        if !seed.view().online {
            return Trouble::Queued(Rejection::PodUnreachable);
        }
        let last = seed.messages(self.to.at(seed.host()), None, 1).await;
        let last = last.unwrap_or_default().into_iter().next();
        let reason = last.and_then(|message| message.delivery?.reason);
        reason.map_or(Trouble::QueuedSilently, Trouble::Queued)
    }
}

/// Whether it is only that our own pod does not answer.
const fn is_away(trouble: &Trouble) -> bool {
    matches!(trouble.code(), Rejection::PodUnreachable)
}

/// What was said, or what it looks like.
pub(super) fn content_type(said: Option<&str>, body: &[u8]) -> String {
    let guess = match std::str::from_utf8(body) {
        Ok(_) => "text/plain",
        Err(_) => "application/octet-stream",
    };
    said.unwrap_or(guess).to_owned()
}

/// One byte more than a message may have, so that too much is refused and not cut off.
fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let bound = u64::try_from(limit::BODY_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let mut body = Vec::new();
    from.take(bound).read_to_end(&mut body)?;
    Ok(body)
}
