//! Own secrets and the certificates of others.
//!
//! rPGP turns bytes into packets and does the mathematics; it judges neither expiry nor
//! revocation nor what a key is for. Those rules are here, in one place each, and rPGP is given
//! no byte whose form was not checked before.

mod armor;
pub mod binding;
mod certificate;
mod identity;
mod lock;
mod proof;
mod selfsign;
pub(crate) mod statement;

pub use certificate::Certificate;
pub(crate) use certificate::Unusable;
pub use identity::Identity;

#[cfg(test)]
pub(crate) mod cast;
#[cfg(test)]
pub(crate) mod tests;
