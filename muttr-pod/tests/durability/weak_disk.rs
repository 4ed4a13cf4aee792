//! Power cuts without pulling a plug: `weak_disk.c`, put between a process and the kernel.
//!
//! Why not a VFS in SQLite: that would have to be registered inside the process, which needs
//! `unsafe` and a pod made for the test. This way the pod is the very program that is shipped,
//! SQLite's own layer over the system is tested along with it, and so are the files and folders
//! that are no database. It is C because that is what a preloaded library is made of; whoever can
//! compile SQLite can compile it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// How a process ends whose power was cut.
pub(super) const DARK: i32 = 86;

/// When the power goes, and what follows from which integer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Before the operation on the disk that has this number; if there is none, when the process
    /// has ended.
    pub(super) before: u64,
    /// Decides what of that which was not synced is kept nevertheless.
    pub(super) integer: u64,
}

/// Lets a process write to a weak disk wherever it writes inside a folder.
pub(super) fn weaken(command: &mut Command, folder: &Path, cut: Cut) {
    let folder = folder.canonicalize().expect("is there");
    command
        .env("LD_PRELOAD", library())
        .env("WEAK_DISK_ROOT", folder)
        .env("WEAK_DISK_CUT", cut.before.to_string())
        .env("WEAK_DISK_INTEGER", cut.integer.to_string());
}

/// Compiled once for each run of the tests.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let name = format!("weak-disk-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durability/weak_disk.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let output = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O1", "-pthread", "-o"])
            .arg(&library)
            .arg(source)
            .output();
        let output = output.unwrap_or_else(|error| panic!("{compiler}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        // Whoever else runs these tests may be using one of that name, and goes on with it.
        let name = library.with_file_name("weak-disk.so");
        fs::rename(&library, &name).expect("is renamed");
        name
    })
}
