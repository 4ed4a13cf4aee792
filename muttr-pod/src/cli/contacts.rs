//! `muttr contacts`: who there is.

use clap::Args;
use muttr_core::seed::Judgement;

use super::{
    output::Output,
    recipient::Recipient,
    settings::{Reach, Settings},
    trouble::Trouble,
};
use crate::seed::Running;

/// List people, or decide about one. Speaks to nobody.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  muttr contacts\n  muttr contacts --accept bob")]
pub(super) struct Contacts {
    /// They are welcome: no longer a new contact, and told when their messages arrive.
    #[arg(long, value_name = "ALIAS")]
    accept: Option<Recipient>,
    /// Their messages are not to be shown.
    #[arg(long, value_name = "ALIAS", conflicts_with = "accept")]
    block: Option<Recipient>,
}

impl Contacts {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let seed = settings.open(Reach::Offline, None).await?;
        let done = self.list(&seed, output).await;
        seed.stop().await;
        done
    }

    async fn list(self, seed: &Running, output: &Output) -> Result<(), Trouble> {
        let decided = match (self.accept, self.block) {
            (Some(who), _) => Some((who, Judgement::Accept)),
            (None, Some(who)) => Some((who, Judgement::Block)),
            (None, None) => None,
        };
        if let Some((who, judgement)) = decided {
            let contact = seed.judge(who.at(seed.host()), judgement).await?;
            return output.contact(&contact, None, None);
        }
        for conversation in seed.conversations().await? {
            output.contact(&conversation.contact, None, Some(conversation.unread))?;
        }
        Ok(())
    }
}
