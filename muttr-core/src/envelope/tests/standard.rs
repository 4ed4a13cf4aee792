//! What is sealed and exported here is OpenPGP for others too: rPGP's own high-level reader, of
//! which nothing else here makes use, opens it.

use pgp::{
    composed::{Deserializable, Message, SignedPublicKey, SignedSecretKey},
    types::{KeyDetails, Password},
};

use super::{NOW, alice, bob, dice, draft, sealed};
use crate::keyring::Certificate;

#[test]
fn a_certificate_and_a_secret_key_are_whole() {
    let alice = alice();
    let public = SignedPublicKey::from_bytes(alice.certificate().bytes()).unwrap();
    public.verify_bindings().unwrap();
    assert_eq!(
        public.fingerprint().as_bytes(),
        alice.fingerprint().as_bytes()
    );
    assert_eq!(public.public_subkeys.len(), 3);
    let secret = SignedSecretKey::from_bytes(alice.to_secret().as_slice()).unwrap();
    secret.verify_bindings().unwrap();
    let text = alice.export(&mut dice(1), "words").unwrap();
    let (locked, _) = SignedSecretKey::from_string(&text).unwrap();
    let password = Password::from("words");
    let unlocked = locked.primary_key.unlock(&password, |_, _| Ok(())).unwrap();
    unlocked.unwrap();
    let again = Certificate::read(&pgp::ser::Serialize::to_bytes(&public).unwrap()).unwrap();
    assert_eq!(&again, alice.certificate());
}

#[test]
fn a_sealed_message_is_signed_encrypted_openpgp() {
    let payload = draft(NOW, b"hello");
    let record = sealed(NOW, &payload).unwrap();
    let secret = SignedSecretKey::from_bytes(bob().to_secret().as_slice()).unwrap();
    let message = Message::from_bytes(record.ciphertext()).unwrap();
    let mut opened = message.decrypt(&Password::empty(), &secret).unwrap();
    assert_eq!(opened.as_data_vec().unwrap(), payload.encode());
    let author = SignedPublicKey::from_bytes(alice().certificate().bytes()).unwrap();
    opened.verify(&author.primary_key).unwrap();
}
