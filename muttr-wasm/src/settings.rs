//! What the shell itself remembers, in rows of the setting table beside those of the machine.

use muttr_core::{
    limit,
    machine::{Address, Batch, Kept, Row, Scan, Table, Write},
    name::{Host, SeedId},
    rejection::Rejection,
    routing::Contact,
    wire,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use crate::{random, store::Disk};

const IDENTITY: &[u8] = b"shell/identity";
const SEED_KEY: &[u8] = b"shell/seed-key";
const QUOTA: &[u8] = b"shell/quota";

/// A pod, as the shell knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pod {
    /// Where its libp2p is.
    pub(crate) contact: Contact,
    /// The address of its STUN responder, `stun:host:port`; none when it has none.
    pub(crate) stun: Option<String>,
    /// Pods of other places that it knows.
    pub(crate) others: Vec<Contact>,
}

/// A pod, as it was when it last answered.
#[derive(Serialize, Deserialize)]
struct PodRow {
    seed: SeedId,
    addresses: Vec<ByteBuf>,
    // Rows of tabs that knew no WebRTC have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stun: Option<String>,
    // And rows of tabs that knew one pod only have none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<OtherRow>,
}

/// A pod of another place.
#[derive(Serialize, Deserialize)]
struct OtherRow {
    seed: SeedId,
    addresses: Vec<ByteBuf>,
}

impl From<&Contact> for OtherRow {
    fn from(contact: &Contact) -> Self {
        let addresses = contact.addresses.iter().cloned().map(ByteBuf::from);
        Self {
            seed: contact.seed,
            addresses: addresses.collect(),
        }
    }
}

impl From<OtherRow> for Contact {
    fn from(row: OtherRow) -> Self {
        let addresses = row.addresses.into_iter().map(ByteBuf::into_vec);
        Self {
            seed: row.seed,
            addresses: addresses.collect(),
        }
    }
}

/// The person's secret key, if one was saved.
///
/// # Errors
/// `StorageFailed`
pub(crate) async fn identity(disk: &mut Disk) -> Result<Option<Zeroizing<Vec<u8>>>, Rejection> {
    Ok(get(disk, IDENTITY).await?.map(Zeroizing::new))
}

/// Saves the person's secret key.
///
/// # Errors
/// `StorageFailed`, `Full`
pub(crate) async fn save_identity(disk: &mut Disk, secret: &[u8]) -> Result<(), Rejection> {
    put(disk, IDENTITY.to_vec(), secret.to_vec()).await
}

/// The secret of the seed's libp2p key, made when there is none yet.
///
/// # Errors
/// `StorageFailed`, `Full`
pub(crate) async fn seed_key(disk: &mut Disk) -> Result<Zeroizing<[u8; 32]>, Rejection> {
    let known = get(disk, SEED_KEY).await?.map(Zeroizing::new);
    if let Some(secret) = known.and_then(|bytes| bytes.as_slice().try_into().ok()) {
        return Ok(Zeroizing::new(secret));
    }
    let secret = Zeroizing::new(random::bytes());
    put(disk, SEED_KEY.to_vec(), secret.to_vec()).await?;
    Ok(secret)
}

/// How many bytes to keep for others: what is asked for now, or was last, or the default.
///
/// # Errors
/// `StorageFailed`, `Full`
pub(crate) async fn quota(disk: &mut Disk, asked: Option<u64>) -> Result<u64, Rejection> {
    let known = get(disk, QUOTA)
        .await?
        .and_then(|bytes| bytes.as_slice().try_into().ok());
    let known = known.map(u64::from_be_bytes);
    if let Some(bytes_max) = asked
        && known != asked
    {
        put(disk, QUOTA.to_vec(), quota_row(bytes_max).value).await?;
    }
    Ok(asked.or(known).unwrap_or(limit::KEEP_BYTES_DEFAULT))
}

/// The row that says how many bytes to keep for others.
pub(crate) fn quota_row(bytes_max: u64) -> Row {
    Row {
        key: QUOTA.to_vec(),
        value: bytes_max.to_be_bytes().to_vec(),
    }
}

/// The pod of this name: as it says now, or else as it said last.
///
/// # Errors
/// `PodUnreachable` when it has never been met; `StorageFailed`, `Full`
pub(crate) async fn pod(
    disk: &mut Disk,
    host: &Host,
    answer: Option<Pod>,
) -> Result<Pod, Rejection> {
    let key = format!("shell/pod/{host}").into_bytes();
    let known = get(disk, &key).await?;
    if let Some(pod) = answer {
        let row = pod_row(&pod);
        if known.as_ref() != Some(&row) {
            put(disk, key, row).await?;
        }
        return Ok(pod);
    }
    let row = known.and_then(|row| wire::decode::<PodRow>(&row, usize::MAX).ok());
    let row = row.ok_or(Rejection::PodUnreachable)?;
    let addresses: Vec<Address> = row.addresses.into_iter().map(ByteBuf::into_vec).collect();
    Ok(Pod {
        contact: Contact {
            seed: row.seed,
            addresses,
        },
        stun: row.stun,
        others: row.others.into_iter().map(Contact::from).collect(),
    })
}

fn pod_row(pod: &Pod) -> Vec<u8> {
    let addresses = pod.contact.addresses.iter().cloned().map(ByteBuf::from);
    wire::encode(&PodRow {
        seed: pod.contact.seed,
        addresses: addresses.collect(),
        stun: pod.stun.clone(),
        others: pod.others.iter().map(OtherRow::from).collect(),
    })
}

async fn get(disk: &mut Disk, key: &[u8]) -> Result<Option<Vec<u8>>, Rejection> {
    let rows = disk.recall(&Scan::one(Table::Setting, key)).await;
    Ok(rows
        .ok_or(Rejection::StorageFailed)?
        .pop()
        .map(|row| row.value))
}

async fn put(disk: &mut Disk, key: Vec<u8>, value: Vec<u8>) -> Result<(), Rejection> {
    let writes = vec![Write::Put(Table::Setting, Row { key, value })];
    match disk
        .keep(&[&Batch {
            needs: Vec::new(),
            writes,
        }])
        .await
        .first()
    {
        Some(Kept::Ok) => Ok(()),
        Some(Kept::Full) => Err(Rejection::Full),
        _ => Err(Rejection::StorageFailed),
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn oak(stun: Option<&str>) -> Pod {
        Pod {
            contact: Contact {
                seed: SeedId([7; 32]),
                addresses: vec![vec![1, 2, 3]],
            },
            stun: stun.map(str::to_owned),
            others: Vec::new(),
        }
    }

    #[wasm_bindgen_test]
    async fn a_pod_that_does_not_answer_is_as_it_was_when_it_last_did() {
        let host: Host = "oak.example".parse().expect("is a host");
        let mut disk = Disk::in_memory();
        let never = pod(&mut disk, &host, None).await;
        assert_eq!(never, Err(Rejection::PodUnreachable));
        for stun in [Some("stun:oak.example:3478"), None] {
            let met = pod(&mut disk, &host, Some(oak(stun))).await;
            assert_eq!(met, Ok(oak(stun)));
            assert_eq!(pod(&mut disk, &host, None).await, Ok(oak(stun)));
        }
    }

    #[wasm_bindgen_test]
    async fn pods_of_other_places_are_remembered_with_it() {
        let host: Host = "oak.example".parse().expect("is a host");
        let mut disk = Disk::in_memory();
        let elm = Contact {
            seed: SeedId([8; 32]),
            addresses: vec![vec![4, 5]],
        };
        let met = Pod {
            others: vec![elm],
            ..oak(None)
        };
        let said = pod(&mut disk, &host, Some(met.clone())).await;
        assert_eq!(said, Ok(met.clone()));
        assert_eq!(pod(&mut disk, &host, None).await, Ok(met));
    }

    #[wasm_bindgen_test]
    async fn a_pod_met_before_there_was_stun_is_still_known() {
        #[derive(Serialize)]
        struct OldRow {
            seed: SeedId,
            addresses: Vec<ByteBuf>,
        }
        let old = wire::encode(&OldRow {
            seed: SeedId([7; 32]),
            addresses: vec![ByteBuf::from(vec![1, 2, 3])],
        });
        let host: Host = "oak.example".parse().expect("is a host");
        let mut disk = Disk::in_memory();
        let kept = put(&mut disk, b"shell/pod/oak.example".to_vec(), old).await;
        assert_eq!(kept, Ok(()));
        assert_eq!(pod(&mut disk, &host, None).await, Ok(oak(None)));
    }
}
