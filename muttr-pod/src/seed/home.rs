//! Which pod a data directory is used with, and how it last described itself: a seed whose pod is
//! away waits for it instead of giving up.

use std::{fs, io, path::Path};

use libp2p::Multiaddr;
use muttr_core::routing::Contact;
use serde::{Deserialize, Serialize};

use super::{Description, PodUrl};
use crate::secrets;

/// In the data directory.
const FILE: &str = "pod.json";

#[derive(Serialize, Deserialize)]
struct Home {
    pod: String,
    seed: String,
    addresses: Vec<String>,
    channel: String,
}

/// What was written last; `None` when nothing was, or nothing that can be understood.
pub(super) fn read(data_dir: &Path) -> Option<(PodUrl, Description)> {
    let bytes = fs::read(data_dir.join(FILE)).ok()?;
    let home: Home = serde_json::from_slice(&bytes).ok()?;
    let addresses = home.addresses.iter().map(|text| text.parse::<Multiaddr>());
    let addresses: Result<Vec<_>, _> = addresses
        .map(|address| address.map(|address| address.to_vec()))
        .collect();
    let pod = Contact {
        seed: home.seed.parse().ok()?,
        addresses: addresses.ok()?,
    };
    let description = Description {
        pod,
        channel: home.channel,
        // Those are learnt anew each time.
        pods: Vec::new(),
    };
    Some((home.pod.parse().ok()?, description))
}

/// Writes down a pod that came to know us.
pub(super) fn write(data_dir: &Path, url: &PodUrl, description: &Description) -> io::Result<()> {
    let addresses = description.pod.addresses.iter().cloned();
    let addresses = addresses.filter_map(|bytes| Multiaddr::try_from(bytes).ok());
    let home = Home {
        pod: url.to_string(),
        seed: description.pod.seed.to_string(),
        addresses: addresses.map(|address| address.to_string()).collect(),
        channel: description.channel.clone(),
    };
    secrets::write(&data_dir.join(FILE), &serde_json::to_vec_pretty(&home)?)
}
