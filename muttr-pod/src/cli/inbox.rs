//! `muttr inbox`: what arrived, each message once.

use std::time::Duration;

use clap::Args;
use tokio::time::timeout;

use super::{
    output::Output,
    settings::{Reach, Settings, told_to_end},
    trouble::Trouble,
};
use crate::seed::{Arrivals, Failure, Running};

/// How long a seed that leaves waits for its receipts to be taken.
const LEAVE_MAX: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Examples:
  muttr inbox
  muttr inbox --follow --json | while read -r line; do echo \"$line\" | jq -r .text; done

A message counts as read once it is printed. If the process is killed between the two it is
printed again, with the same id; none is ever left out.";

/// Read what arrived: each message once.
///
/// Without --follow it takes over what waits at the pod and ends.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Inbox {
    /// Go on with what comes, until SIGTERM or SIGINT.
    #[arg(long, short)]
    follow: bool,
    /// Keep so many bytes for others meanwhile [default: as before, at first none].
    #[arg(long, value_name = "BYTES")]
    keep: Option<u64>,
}

impl Inbox {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let seed = settings.open(Reach::Patient, self.keep).await?;
        let read = if self.follow {
            follow(&seed, output).await
        } else {
            drain(settings, &seed, output).await
        };
        seed.stop().await;
        read
    }
}

async fn follow(seed: &Running, output: &Output) -> Result<(), Trouble> {
    let mut arrivals = seed.arrivals();
    let reading = async {
        loop {
            let message = arrivals.next().await?;
            output.message(&message)?;
            seed.advance(&message).await?;
        }
    };
    tokio::select! {
        read = reading => read,
        trouble = refused(seed) => Err(trouble),
        ended = told_to_end() => ended,
    }
}

/// Waits until the pod wants nothing of this seed any more.
pub(super) async fn refused(seed: &Running) -> Trouble {
    match seed.wait_for(|view| view.refused.is_some()).await {
        Ok(view) => view
            .refused
            .map_or(Failure::Stopped, Failure::Refused)
            .into(),
        Err(failure) => failure.into(),
    }
}

/// What is here is shown, with or without the pod; then it is said if the pod was not there.
async fn drain(settings: &Settings, seed: &Running, output: &Output) -> Result<(), Trouble> {
    let taking_over = async {
        seed.online().await?;
        seed.drained().await
    };
    let taken_over = settings.in_time("taking over messages", taking_over).await;
    let mut arrivals = seed.arrivals();
    print(seed, &mut arrivals, output).await?;
    taken_over?;
    // Authors are told that their messages arrived; that is no reason to wait for long.
    let left = seed.wait_for(|view| view.under_way.leaving == 0);
    let _ = timeout(LEAVE_MAX, left).await;
    Ok(())
}

async fn print(
    seed: &Running,
    arrivals: &mut Arrivals<'_>,
    output: &Output,
) -> Result<(), Trouble> {
    while let Some(message) = arrivals.waiting().await? {
        output.message(&message)?;
        seed.advance(&message).await?;
    }
    Ok(())
}
