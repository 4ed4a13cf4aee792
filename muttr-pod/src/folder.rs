//! Folders that are there to stay.

use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::Path};

/// Makes a folder, and those above it that are not there, for their owner alone. A folder is an
/// entry of the one above it, which a power cut takes away until that one is synced; and with it
/// all that was synced inside.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|folder| !is_there(folder));
    let missing: Vec<&Path> = missing.collect();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    for folder in missing {
        let above = folder.parent().filter(|above| !is_here(above));
        sync(above.unwrap_or_else(|| Path::new(".")))?;
    }
    Ok(())
}

/// Makes sure that what a folder has is on the disk: the entries, not what is in them.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

fn is_there(folder: &Path) -> bool {
    is_here(folder) || folder.exists()
}

/// What is above a name without a slash.
fn is_here(folder: &Path) -> bool {
    folder.as_os_str().is_empty()
}
