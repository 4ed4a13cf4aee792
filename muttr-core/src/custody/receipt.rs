//! Custody receipts: a holder's signed promise, made here and checked here.

use alloc::vec::Vec;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::{
    name::{RecordKey, SeedId},
    rejection::Rejection,
    wire::store::Receipt,
};

/// Promises to keep a record until it expires.
pub(crate) fn sign(key: &SigningKey, record: RecordKey, expires_h: u32) -> Receipt {
    let seed = SeedId(key.verifying_key().to_bytes());
    let signature = key.sign(&Receipt::signed_bytes(&record, expires_h, &seed));
    let signature: Vec<u8> = signature.to_bytes().into();
    Receipt {
        key: record,
        expires_h,
        seed,
        signature,
    }
}

/// Checks that `seed` itself promised to keep this record until it expires.
///
/// The signature is checked strictly: one of small order or in another spelling is none
/// (RFC 8032, section 5.1.7, and "Taming the many EdDSAs", 2020).
///
/// # Errors
/// [`Rejection::BadSignature`].
pub fn check(
    receipt: &Receipt,
    record: &RecordKey,
    expires_h: u32,
    seed: &SeedId,
) -> Result<(), Rejection> {
    let told = (&receipt.key, receipt.expires_h, &receipt.seed) == (record, expires_h, seed);
    let signature = Signature::from_slice(&receipt.signature);
    let key = VerifyingKey::from_bytes(&seed.0);
    let (true, Ok(signature), Ok(key)) = (told, signature, key) else {
        return Err(Rejection::BadSignature);
    };
    let signed = Receipt::signed_bytes(record, expires_h, seed);
    key.verify_strict(&signed, &signature)
        .map_err(|_| Rejection::BadSignature)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: RecordKey = RecordKey([1; 32]);

    #[test]
    fn only_the_holder_itself_can_promise_and_only_what_was_asked() {
        let (alice, mallory) = (
            SigningKey::from_bytes(&[2; 32]),
            SigningKey::from_bytes(&[3; 32]),
        );
        let receipt = sign(&alice, RECORD, 600);
        let seed = receipt.seed;
        assert_eq!(check(&receipt, &RECORD, 600, &seed), Ok(()));
        let refused = Err(Rejection::BadSignature);
        assert_eq!(check(&receipt, &RECORD, 606, &seed), refused);
        assert_eq!(check(&receipt, &RecordKey([9; 32]), 600, &seed), refused);
        assert_eq!(
            check(&receipt, &RECORD, 600, &sign(&mallory, RECORD, 600).seed),
            refused
        );
        let forged = Receipt {
            seed,
            ..sign(&mallory, RECORD, 600)
        };
        assert_eq!(check(&forged, &RECORD, 600, &seed), refused);
        for at in 0..64 {
            let mut bent = receipt.clone();
            bent.signature[at] ^= 0x10;
            assert_eq!(check(&bent, &RECORD, 600, &seed), refused);
        }
        let mut short = receipt;
        short.signature.pop();
        assert_eq!(check(&short, &RECORD, 600, &seed), refused);
    }

    #[test]
    fn a_receipt_has_one_spelling() {
        let receipt = sign(&SigningKey::from_bytes(&[2; 32]), RECORD, 600);
        assert_eq!(
            receipt,
            sign(&SigningKey::from_bytes(&[2; 32]), RECORD, 600)
        );
        assert_eq!(receipt.signature.len(), 64);
    }
}
