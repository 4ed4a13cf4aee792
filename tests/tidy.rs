//! The repository's own rules. Each test lists every place that breaks one.

use std::fs;

use muttr_core::rejection::Rejection;
use muttr_tests::tree::{Source, root, sources};

const LINES_MAX: usize = 600;
const CODE: [&str; 7] = [".rs", ".ts", ".tsx", ".mjs", ".js", ".css", ".sql"];

/// The words of a sentence.
fn list(words: &str) -> Vec<&str> {
    words.split_whitespace().collect()
}

/// Fails with one line for each place found.
#[track_caller]
fn none(rule: &str, places: &[String]) {
    assert!(places.is_empty(), "{rule}:\n  {}\n", places.join("\n  "));
}

/// Every line of these files that `wrong` finds fault with.
fn places(files: &[Source], mut wrong: impl FnMut(&Source, &str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for file in files {
        for (number, line) in file.lines() {
            if wrong(file, line) {
                places.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    places
}

fn code() -> Vec<Source> {
    sources()
        .into_iter()
        .filter(|file| file.is(&CODE))
        .collect()
}

/// The words of an identifier: `HttpServer` and `http_server` are both `http`, `server`.
fn words(identifier: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in identifier.chars() {
        let breaks = c == '_' || c == '-' || c.is_ascii_uppercase();
        if breaks && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c != '_' && c != '-') {
            word.push(c.to_ascii_lowercase());
        }
    }
    words
}

#[test]
fn files_are_short() {
    let long = code()
        .into_iter()
        .filter(|file| file.text.lines().count() > LINES_MAX);
    let long: Vec<_> = long.map(|file| file.path).collect();
    none("files of more than 600 lines", &long);
}

#[test]
fn nothing_is_left_for_later() {
    let marks = list("TO\u{44}O FIX\u{4d}E XX\u{58} HAC\u{4b}:");
    let macros = list("tod\u{6f}!( unimplemente\u{64}!( #[ignor\u{65}");
    let skips = list("test.skip\u{28} it.skip\u{28} describe.skip\u{28} .only\u{28} .fixme\u{28}");
    let found = places(&code(), |file, line| {
        let said = marks.iter().chain(&macros).any(|mark| line.contains(mark));
        let skipped = !file.is(&[".rs"]) && skips.iter().any(|skip| line.contains(skip));
        said || skipped
    });
    none("left for later, or left out", &found);
}

#[test]
fn things_have_the_names_of_the_vocabulary() {
    let avoided = list("node client server user manager helper service util utils");
    let makers = list("struct enum trait mod type class interface");
    let found = places(&code(), |_, line| {
        let mut tokens = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let made = tokens.by_ref().any(|token| makers.contains(&token));
        let name = tokens.next().unwrap_or_default();
        let defines = list("pub export struct enum trait mod type class interface");
        let begins = defines
            .iter()
            .any(|begin| line.trim_start().starts_with(begin));
        made && begins
            && words(name)
                .iter()
                .any(|word| avoided.contains(&word.as_str()))
    });
    none("names that the vocabulary avoids", &found);
    // Node is the name of a runtime, too.
    let files = code().into_iter().map(|file| file.path);
    let files: Vec<_> = files
        .filter(|path| {
            let name = path.rsplit('/').next().unwrap_or_default();
            let stem = name.split('.').next().unwrap_or_default();
            let runtime = name.starts_with("node") && !name.ends_with(".rs");
            let avoids = words(stem)
                .iter()
                .any(|word| avoided.contains(&word.as_str()));
            avoids && !runtime
        })
        .collect();
    none("files whose names the vocabulary avoids", &files);
}

#[test]
fn the_core_touches_nothing() {
    let banned = list(
        "std:: tokio axum libp2p web_sys js_sys wasm_bindgen serde_json HashMap HashSet \
         thread_rng OsRng getrandom SystemTime Instant::now Timestamp::now println! dbg!",
    );
    let core = code()
        .into_iter()
        .filter(|file| file.path.starts_with("muttr-core/src/"));
    let mut found = Vec::new();
    for file in core {
        for (number, line) in file.shipped() {
            let parts = line.split(|c: char| c.is_whitespace() || "(,;&<{".contains(c));
            let names = parts
                .into_iter()
                .any(|part| banned.iter().any(|word| part.starts_with(word)));
            let awaits =
                line.contains(".await;") || line.contains(".await?") || line.contains("async ");
            if names || awaits {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    none("the core reaches outside", &found);
}

/// Which rooms of the core each room may use.
const ARROWS: [(&str, &str); 14] = [
    ("time", ""),
    ("limit", ""),
    ("rejection", ""),
    ("name", "limit"),
    ("machine", "name time"),
    ("wire", "name limit rejection time"),
    // OpenPGP packets are cut in `envelope::packet`, for both.
    ("keyring", "name limit rejection time wire envelope"),
    ("envelope", "name limit rejection time wire keyring"),
    ("routing", "name limit rejection time machine wire"),
    ("rtc", "limit wire"),
    ("session", "name limit rejection time machine wire keyring"),
    (
        "custody",
        "name limit rejection time machine wire envelope routing",
    ),
    (
        "seed",
        "name limit rejection time machine wire keyring envelope routing session custody",
    ),
    (
        "pod",
        "name limit rejection time machine wire keyring envelope routing session custody",
    ),
];

#[test]
fn arrows_between_rooms_point_one_way() {
    let mut found = Vec::new();
    for file in code() {
        let Some(path) = file.path.strip_prefix("muttr-core/src/") else {
            continue;
        };
        let room = path.split(['/', '.']).next().unwrap_or_default();
        if room == "lib" {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            found.push(format!(
                "{}: a room without a place among the arrows",
                file.path
            ));
            continue;
        };
        let shipped: String = file
            .shipped()
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        for used in crate_uses(&shipped) {
            let known = ARROWS.iter().any(|(name, _)| *name == used);
            if known && used != room && !list(allowed).contains(&used.as_str()) {
                found.push(format!("{}: {room} uses {used}", file.path));
            }
        }
    }
    none("arrows that point the wrong way", &found);
}

#[test]
fn the_rules_see_what_they_look_for() {
    assert_eq!(words("HttpServer"), ["http", "server"]);
    assert_eq!(words("alias_manager"), ["alias", "manager"]);
    assert_eq!(words("Observer"), ["observer"]);
    let text = "use crate::{limit, seed::{Draft, Event}, wire::decode}; crate::pod::Pod";
    assert_eq!(crate_uses(text), ["limit", "seed", "wire", "pod"]);
}

/// The first segments of all paths that begin with `crate::`, also inside braces.
fn crate_uses(text: &str) -> Vec<String> {
    let mut uses = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(inside) = rest.strip_prefix('{') else {
            uses.push(
                rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next(),
            );
            continue;
        };
        let (mut depth, mut start) = (0_usize, 0);
        for (index, c) in inside.char_indices() {
            match c {
                '{' => depth += 1,
                '}' | ',' if depth == 0 => {
                    uses.push(inside[start..index].trim().split(':').next());
                    start = index + 1;
                    if c == '}' {
                        break;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    uses.into_iter()
        .flatten()
        .filter(|name| !name.is_empty())
        .map(Into::into)
        .collect()
}

#[test]
fn crates_and_packages_know_only_those_below_them() {
    let rules = [
        (
            "muttr-core/Cargo.toml",
            "muttr-net muttr-pod muttr-wasm tokio libp2p axum web-sys",
        ),
        (
            "muttr-core/net/Cargo.toml",
            "muttr-pod muttr-wasm axum sqlx",
        ),
        ("muttr-pod/Cargo.toml", "muttr-wasm"),
        ("muttr-wasm/Cargo.toml", "muttr-pod axum sqlx"),
        ("muttr-wasm/package.json", "\"dependencies\""),
    ];
    let mut found = Vec::new();
    for (path, banned) in rules {
        let text = fs::read_to_string(root().join(path)).unwrap_or_default();
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        for line in lines {
            let key = line
                .trim_start()
                .split(['.', ' ', '=', ':'])
                .next()
                .unwrap_or_default();
            if list(banned).contains(&key) {
                found.push(format!("{path}: {}", line.trim()));
            }
        }
    }
    let page = code()
        .into_iter()
        .filter(|file| file.path.starts_with("www/"));
    let page: Vec<_> = page.collect();
    found.extend(places(&page, |_, line| {
        line.contains("muttr-wasm") && (line.contains("import") || line.contains("from"))
    }));
    none("a crate or the page reaches upward or around", &found);
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let manifests = sources()
        .into_iter()
        .filter(|file| file.is(&["/Cargo.toml"]));
    let bare = manifests.filter(|file| !file.text.contains("[lints]\nworkspace = true"));
    none(
        "manifests without the workspace's lints",
        &bare.map(|file| file.path).collect::<Vec<_>>(),
    );
}

/// What libp2p's kad-dht calls its messages.
const KAD: [&str; 6] = [
    "FIND_NODE",
    "GET_VALUE",
    "GET_PROVIDERS",
    "PUT_VALUE",
    "ADD_PROVIDER",
    "PING",
];

fn is_constant(name: &str) -> bool {
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() > 3 && name.chars().all(upper)
}

#[test]
fn every_rejection_and_limit_is_in_the_protocol() {
    let protocol = fs::read_to_string(root().join("muttr-core/PROTOCOL.md")).expect("the protocol");
    let mut missing = Vec::new();
    for rejection in Rejection::ALL {
        let row = format!("| {} | `{}` |", rejection.number(), rejection.code());
        if !protocol.contains(&row) {
            missing.push(row);
        }
    }
    let limits = fs::read_to_string(root().join("muttr-core/src/limit.rs")).expect("the limits");
    for name in protocol
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| is_constant(name))
    {
        let code = Rejection::ALL
            .iter()
            .any(|rejection| rejection.code() == name);
        let limit = limits.contains(&format!("pub const {name}:"));
        let row = protocol.contains(&format!("\n| `{name}` |"));
        let known = code || KAD.contains(&name) || (limit && row);
        if !known {
            missing.push(format!("{name}, which the text speaks of"));
        }
    }
    none("missing in PROTOCOL.md", &missing);
}

#[test]
fn one_version_for_everything() {
    let cargo = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let version = cargo
        .split("version = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let version = version.expect("a version");
    let mut found = Vec::new();
    for path in ["muttr-wasm/package.json", "www/package.json"] {
        let text = fs::read_to_string(root().join(path)).unwrap_or_default();
        let ours = text
            .split("\"version\": \"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        if ours.is_some_and(|ours| ours != version) || (ours.is_none() && path.contains("wasm")) {
            found.push(format!("{path} says {ours:?}, Cargo.toml says {version}"));
        }
    }
    none("versions that differ", &found);
}

#[test]
fn nothing_names_a_machine() {
    let folders = list("/wor\u{6b}/ /hom\u{65}/ /roo\u{74}/ /User\u{73}/ /tm\u{70}/");
    let registries = [
        "https://registry.npmjs.org/",
        "https://github.com/rust-lang/crates.io-index",
    ];
    let found = places(&sources(), |file, line| {
        let lock = file.is(&["package-lock.json", "Cargo.lock"]);
        let fetched = line.contains("\"resolved\": \"http") || line.contains("source = \"");
        let foreign = lock && fetched && !registries.iter().any(|url| line.contains(url));
        foreign || folders.iter().any(|folder| line.contains(folder))
    });
    none("paths and hosts of one machine", &found);
}
