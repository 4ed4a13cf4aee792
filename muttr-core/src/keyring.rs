//! Own secrets and the certificates of others.
//!
//! rPGP turns bytes into packets and does the mathematics; it judges neither expiry nor
//! revocation nor what a key is for. Those rules are here, in one place each, and rPGP is given
//! no byte whose form was not checked before.

mod armor;
pub mod binding;
mod certificate;
mod identity;
mod key;
mod lock;
mod proof;
mod reduce;
mod safety;
mod selfsign;
pub(crate) mod statement;

pub use certificate::Certificate;
pub use identity::Identity;
pub(crate) use key::Unusable;
pub use safety::safety_number;

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
pub(crate) use tests::cast;
