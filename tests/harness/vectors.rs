//! Test vectors as files: what code says about itself, held against what is committed.

use std::{env, fmt::Write as _, fs};

use crate::tree;

/// The variable that has the files written instead of compared.
const WRITE: &str = "MUTTR_WRITE_FIXTURES";

/// A file of vectors in the making.
#[derive(Debug)]
pub struct Vectors {
    name: &'static str,
    text: String,
}

impl Vectors {
    /// Begins the file `tests/fixtures/wire/NAME.txt`; `about` tells its reader what it holds.
    #[must_use]
    pub fn new(name: &'static str, about: &str) -> Self {
        let text = about.lines().map(|line| format!("# {line}\n")).collect();
        Self { name, text }
    }

    /// Adds a vector: its name, then lines of `key: value`.
    pub fn add(&mut self, name: &str, lines: &[(&str, String)]) {
        let _ = writeln!(self.text, "\nname: {name}");
        for (key, value) in lines {
            let _ = writeln!(self.text, "{key}: {value}");
        }
    }

    /// Compares with the committed file.
    ///
    /// # Panics
    /// At the first line that differs.
    pub fn check(self) {
        let path = tree::root().join(format!("tests/fixtures/wire/{}.txt", self.name));
        if env::var_os(WRITE).is_some() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, &self.text).expect("a file");
            return;
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        for (number, (ours, theirs)) in self.text.lines().zip(committed.lines()).enumerate() {
            assert_eq!(ours, theirs, "{}.txt:{}", self.name, number + 1);
        }
        let (ours, theirs) = (self.text.lines().count(), committed.lines().count());
        assert_eq!(ours, theirs, "{}.txt has so many lines", self.name);
    }
}

/// Bytes as they are written in vectors.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Canonical CBOR in diagnostic notation (RFC 8949, section 8).
///
/// # Panics
/// When it is not CBOR of the kinds that Muttr writes.
#[must_use]
pub fn diagnostic(bytes: &[u8]) -> String {
    let (said, rest) = item(bytes);
    assert!(rest.is_empty(), "something follows the item");
    said
}

fn item(bytes: &[u8]) -> (String, &[u8]) {
    let (first, rest) = bytes.split_first().expect("an item");
    let (number, mut rest) = argument(first & 0x1f, rest);
    let said = match first >> 5 {
        0 => number.to_string(),
        1 => format!("-{}", number + 1),
        2 => {
            let (content, after) = rest.split_at(number as usize);
            rest = after;
            format!("h'{}'", hex(content))
        }
        3 => {
            let (content, after) = rest.split_at(number as usize);
            rest = after;
            format!("{:?}", std::str::from_utf8(content).expect("text"))
        }
        4 => {
            let items: Vec<_> = (0..number).map(|_| take(&mut rest)).collect();
            format!("[{}]", items.join(", "))
        }
        5 => {
            let pairs = (0..number).map(|_| {
                let key = take(&mut rest);
                format!("{key}: {}", take(&mut rest))
            });
            let pairs: Vec<_> = pairs.collect();
            format!("{{{}}}", pairs.join(", "))
        }
        7 if number == 20 => "false".into(),
        7 if number == 21 => "true".into(),
        7 if number == 22 => "null".into(),
        other => panic!("major type {other} is not written by Muttr"),
    };
    (said, rest)
}

fn take(rest: &mut &[u8]) -> String {
    let (said, after) = item(rest);
    *rest = after;
    said
}

fn argument(short: u8, rest: &[u8]) -> (u64, &[u8]) {
    let len = match short {
        0..24 => return (u64::from(short), rest),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => panic!("an indefinite length"),
    };
    let (number, rest) = rest.split_at(len);
    (
        number
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        rest,
    )
}
