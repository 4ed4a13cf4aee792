//! `muttr register`: an alias at the pod.

use clap::Args;
use muttr_core::rejection::Rejection;

use super::{
    output::Output,
    recipient::Recipient,
    settings::{Reach, Settings},
    trouble::Trouble,
};
use crate::seed::{Failure, Running};

/// Take an alias at the pod, or renew it.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  muttr --pod https://pod.example register alice")]
pub(super) struct Register {
    /// The part before the @, like alice.
    label: Recipient,
}

impl Register {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let fingerprint = settings.identity()?.fingerprint().to_string();
        let seed = settings.open(Reach::Online, None).await?;
        let registered = self.register(settings, &seed).await;
        seed.stop().await;
        let alias = registered?;
        let text = format!("{alias} is yours, fingerprint {fingerprint}");
        output.person(Some(&alias), &fingerprint, &text)
    }

    async fn register(
        &self,
        settings: &Settings,
        seed: &Running,
    ) -> Result<muttr_core::name::Alias, Trouble> {
        let label = self.label.label_at(seed.host());
        let label = label.ok_or(Failure::Refused(Rejection::ForeignPod))?;
        settings.in_time("registering", seed.register(label)).await
    }
}
