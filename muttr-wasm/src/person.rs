//! A person's identity, as the facade holds it.

use js_sys::Promise;
use muttr_core::keyring::Identity;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;

use crate::{clock::Clock, error::thrown, random, settings, store::Disk};

/// Secrets that stay inside the wasm; wiped when freed.
#[wasm_bindgen]
pub struct Person(Identity);

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(…)")
    }
}

impl Person {
    pub(crate) fn into_identity(self) -> Identity {
        self.0
    }
}

#[wasm_bindgen]
impl Person {
    /// Makes a new one.
    ///
    /// # Errors
    /// A code, as all of this.
    pub fn create() -> Result<Self, JsValue> {
        let identity = Identity::generate(&mut random::generator(), Clock::new().now());
        identity.map(Self).map_err(thrown)
    }

    /// Resolves to the one in this database, or to `undefined`.
    pub fn load(database: String) -> Promise {
        future_to_promise(async move {
            let mut disk = Disk::open(&database).await.map_err(thrown)?;
            let Some(secret) = settings::identity(&mut disk).await.map_err(thrown)? else {
                return Ok(JsValue::UNDEFINED);
            };
            Identity::from_secret(&secret)
                .map(|identity| Self(identity).into())
                .map_err(thrown)
        })
    }

    /// Reads an exported one.
    ///
    /// # Errors
    /// `BAD_PASSPHRASE`, `BAD_IDENTITY`
    pub fn import(key: &[u8], passphrase: &str) -> Result<Self, JsValue> {
        Identity::import(key, passphrase).map(Self).map_err(thrown)
    }

    /// Armored, under a passphrase.
    ///
    /// # Errors
    /// `BAD_PASSPHRASE` for one that is too short
    pub fn export(&self, passphrase: &str) -> Result<String, JsValue> {
        self.0
            .export(&mut random::generator(), passphrase)
            .map_err(thrown)
    }

    /// Saves it in this database.
    pub fn save(&self, database: String) -> Promise {
        let secret = self.0.to_secret();
        future_to_promise(async move {
            let mut disk = Disk::open(&database).await.map_err(thrown)?;
            settings::save_identity(&mut disk, &secret)
                .await
                .map_err(thrown)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// The same person once more: a seed takes its own along.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(self.0.clone())
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    /// The certificate in binary.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        self.0.certificate().bytes().to_vec()
    }
}
