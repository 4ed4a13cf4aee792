//! `muttr register`: an alias at the pod.

use clap::Args;
use muttr_core::{name::Alias, rejection::Rejection};

use super::{
    output::Output,
    recipient::Recipient,
    settings::{Reach, Settings},
    trouble::Trouble,
};
use crate::seed::{Failure, Running};

const EXAMPLES: &str = "\
Examples:
  muttr --pod https://pod.example register alice
  muttr register alice --moved-to alice@elsewhere.example";

/// Take an alias at the pod, or renew it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Register {
    /// The part before the @, like alice.
    label: Recipient,
    /// You have moved: whoever writes to your alias is told this one and nothing is passed on.
    /// Registering without this takes it back.
    #[arg(long, value_name = "ALIAS")]
    moved_to: Option<Alias>,
}

impl Register {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let fingerprint = settings.identity()?.fingerprint().to_string();
        let seed = settings.open(Reach::Online, None).await?;
        let registered = self.register(settings, &seed).await;
        seed.stop().await;
        let alias = registered?;
        let text = match &self.moved_to {
            Some(to) => format!("{alias} has moved to {to}, fingerprint {fingerprint}"),
            None => format!("{alias} is yours, fingerprint {fingerprint}"),
        };
        output.person(Some(&alias), &fingerprint, &text)
    }

    async fn register(&self, settings: &Settings, seed: &Running) -> Result<Alias, Trouble> {
        let label = self.label.label_at(seed.host());
        let label = label.ok_or(Failure::Refused(Rejection::ForeignPod))?;
        match self.moved_to.clone() {
            Some(to) => {
                let moving = seed.move_away(label, to);
                settings.in_time("moving", moving).await
            }
            None => settings.in_time("registering", seed.register(label)).await,
        }
    }
}
