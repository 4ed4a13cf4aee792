//! A person, as written on the command line.

use std::str::FromStr;

use muttr_core::name::{Alias, Host, Label, NotAName};

/// `bob@pod.example`, or `bob` for somebody of the own pod.
#[derive(Clone, Debug)]
pub(super) struct Recipient {
    label: Label,
    host: Option<Host>,
}

impl Recipient {
    /// The whole alias, for a seed of this pod.
    pub(super) fn at(&self, home: &Host) -> Alias {
        let host = self.host.clone().unwrap_or_else(|| home.clone());
        Alias::new(self.label.clone(), host)
    }

    /// Whether it may be somebody of another pod.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.host.is_some()
    }

    /// The label, unless it is one of another pod.
    pub(super) fn label_at(&self, home: &Host) -> Option<Label> {
        let ours = self.host.as_ref().is_none_or(|host| host == home);
        ours.then(|| self.label.clone())
    }
}

impl FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed: Result<Self, NotAName> = match text.split_once('@') {
            Some(_) => text.parse().map(|alias: Alias| Self {
                label: alias.label().clone(),
                host: Some(alias.host().clone()),
            }),
            None => text.parse().map(|label| Self { label, host: None }),
        };
        parsed.map_err(|_| {
            "no alias; write it like bob@pod.example, in small letters, digits, . _ and -".into()
        })
    }
}
