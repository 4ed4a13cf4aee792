//! Embeds the built page, if it is built: every file of `www/dist`, with the compressed copies
//! (`.br`, `.gz`) that lie beside it.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hasher as _},
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let www = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../www");
    let dist = www.join("dist");
    // A path that is not there would make cargo build anew every time.
    for watched in [&dist, &www] {
        if watched.exists() {
            println!("cargo::rerun-if-changed={}", watched.display());
            break;
        }
    }
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = BTreeSet::new();
    if dist.join("index.html").exists() {
        collect(&dist, "", &mut files)?;
    }
    let mut assets = String::from("&[");
    for path in &files {
        let original = path
            .strip_suffix(".br")
            .or_else(|| path.strip_suffix(".gz"));
        if original.is_some_and(|original| files.contains(original)) {
            continue;
        }
        let compressed = |ending: &str| {
            let copy = format!("{path}.{ending}");
            let copy = files.contains(&copy).then(|| include(&dist, &copy));
            copy.map_or_else(|| "None".into(), |copy| format!("Some({copy})"))
        };
        write!(
            assets,
            "Asset {{ path: {path:?}, etag: {:?}, plain: {}, br: {}, gzip: {} }},",
            etag(&fs::read(dist.join(&path[1..]))?),
            include(&dist, path),
            compressed("br"),
            compressed("gz"),
        )?;
    }
    assets.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("page.rs"), assets)?;
    Ok(())
}

/// All files below `folder`, as paths of URLs; in the order in which the pod searches them.
fn collect(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeSet<String>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|_| "file names are UTF-8")?;
        let path = format!("{prefix}/{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &path, files)?;
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

fn include(dist: &Path, path: &str) -> String {
    format!("include_bytes!({:?})", dist.join(&path[1..]))
}

/// Changes when the content does; not a promise against anybody who tries.
fn etag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    format!("\"{:016x}\"", hasher.finish())
}
