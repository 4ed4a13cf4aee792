//! The people of the tests. Their keys lie in `tests/fixtures/cast` as unprotected transferable
//! secret keys, one file a person, and are worth nothing: everybody has them.
//!
//! They were made by [`Identity::generate`] from dice seeded with the SHA-256 of
//! `muttr/cast/NAME`, the day after [`BORN`]. The test below makes them again and compares; run it with
//! `MUTTR_WRITE_FIXTURES=1` to write them anew after a change of the profile.

use crate::{keyring::Identity, limit, time::Time};

/// 2026-01-01 00:00:00 UTC, which all their keys are dated to.
pub(crate) const BORN: Time = Time {
    mono_ms: 0,
    wall_ms: 1_767_225_600_000,
};

macro_rules! cast {
    ($($name:ident),*) => {
        $(pub(crate) fn $name() -> Identity {
            let bytes = include_bytes!(concat!("../../../../tests/fixtures/cast/", stringify!($name), ".pgp"));
            Identity::from_secret(bytes).unwrap()
        })*

        #[test]
        fn the_cast_is_what_its_dice_make() {
            extern crate std;
            use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
            use sha2::{Digest, Sha256};
            let next_day = Time { mono_ms: 0, wall_ms: BORN.wall_ms + limit::DAY_MS };
            $(
                let seed = Sha256::digest(concat!("muttr/cast/", stringify!($name)));
                let made = Identity::generate(&mut ChaCha20Rng::from_seed(seed.into()), next_day).unwrap();
                if std::env::var_os("MUTTR_WRITE_FIXTURES").is_some() {
                    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/cast/");
                    std::fs::create_dir_all(folder).unwrap();
                    std::fs::write(std::format!("{folder}{}.pgp", stringify!($name)), made.to_secret()).unwrap();
                } else {
                    assert!($name().to_secret() == made.to_secret(), concat!(stringify!($name), " is somebody else"));
                }
            )*
        }
    };
}
cast!(alice, bob, carol, mallory);
