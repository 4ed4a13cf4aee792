//! `muttr verify`: is that key really theirs?

use clap::Args;
use muttr_core::{
    keyring::safety_number,
    name::Fingerprint,
    seed::{ContactView, Judgement},
};

use super::{
    output::Output,
    recipient::Recipient,
    settings::{Reach, Settings},
    trouble::Trouble,
};
use crate::seed::Running;

const EXAMPLES: &str = "\
Examples:
  muttr verify bob
  muttr verify bob --expect '12345 67890 …'
  muttr verify bob --expect b2a1…

Both of you see the same safety number. Read it to each other on a way that nobody can change,
then say --expect with what you heard: if it is the same, bob is marked as verified.";

/// Compare keys with somebody, so that nobody sits between you.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// Whom.
    to: Recipient,
    /// The safety number or the fingerprint that they told you; if it is right, they are marked as
    /// verified.
    #[arg(long, value_name = "NUMBER|FINGERPRINT")]
    expect: Option<String>,
    /// Believe the new key of somebody whose key has changed. Ask them first why it did.
    #[arg(long)]
    accept_key: bool,
}

impl Verify {
    pub(super) async fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let own = settings.identity()?.fingerprint();
        let seed = settings.open(Reach::Online, None).await?;
        let verified = settings
            .in_time("asking the pod", async {
                Ok(self.verify(&seed, own).await)
            })
            .await;
        seed.stop().await;
        let contact = verified??;
        let number = safety_number(&own, &contact.fingerprint);
        output.contact(&contact, Some(&number), None)
    }

    async fn verify(&self, seed: &Running, own: Fingerprint) -> Result<ContactView, Trouble> {
        let alias = self.to.at(seed.host());
        let mut contact = seed.lookup(alias.clone()).await?;
        if self.accept_key {
            contact = seed.judge(alias.clone(), Judgement::AcceptKey).await?;
        }
        let Some(expected) = &self.expect else {
            return Ok(contact);
        };
        if !is_same(expected, own, contact.fingerprint) {
            return Err(Trouble::Differs(alias));
        }
        Ok(seed.judge(alias, Judgement::Verify).await?)
    }
}

/// Whether what was heard is the fingerprint, or the number; blanks do not count.
fn is_same(heard: &str, own: Fingerprint, theirs: Fingerprint) -> bool {
    let heard: String = heard.split_whitespace().collect();
    let number: String = safety_number(&own, &theirs).split_whitespace().collect();
    heard == number || heard.to_ascii_lowercase() == theirs.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_capitals_do_not_count_and_digits_do() {
        let (own, theirs) = (Fingerprint([1; 32]), Fingerprint([0xab; 32]));
        let number = safety_number(&own, &theirs);
        assert!(is_same(&number, own, theirs));
        assert!(is_same(&number.replace(' ', ""), own, theirs));
        assert!(is_same(&"AB ".repeat(32), own, theirs));
        assert!(!is_same(&safety_number(&own, &own), own, theirs));
        assert!(!is_same("", own, theirs));
        assert!(!is_same(&own.to_string(), own, theirs));
    }
}
