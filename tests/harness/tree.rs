//! The repository as text: what the rules of `tidy.rs` look at.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One file of the repository.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it lies, from the root, with `/` between the parts.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// What tools make and what they fetch.
const MADE: [&str; 7] = [
    ".git",
    "target",
    "node_modules",
    "dist",
    "pkg",
    ".cache",
    "generated",
];

/// The repository's root folder.
///
/// # Panics
/// When the tests' folder has no parent.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the tests lie in the repository")
        .to_owned()
}

/// Every text file that people wrote, in order of path.
#[must_use]
pub fn sources() -> Vec<Source> {
    let (root, mut sources) = (root(), Vec::new());
    collect(&root, &root, &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if MADE.iter().any(|made| name == *made) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, sources);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).unwrap_or(&path);
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            sources.push(Source {
                path: parts.join("/"),
                text,
            });
        }
    }
}

impl Source {
    /// Whether its name ends in one of these.
    #[must_use]
    pub fn is(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| self.path.ends_with(ending))
    }

    /// Its lines with their numbers from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The lines that ship: without comments, and without the tests at the end of a Rust file.
    pub fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let only_tests = self.is(&["/tests.rs", "/cast.rs"]) || self.path.contains("/tests/");
        let lines = self
            .lines()
            .take_while(move |(_, line)| !only_tests && !line.starts_with("#[cfg(test)]"));
        lines.map(|(number, line)| {
            let comment = line.find("//").filter(|at| !line[..*at].ends_with(':'));
            (number, &line[..comment.unwrap_or(line.len())])
        })
    }
}
