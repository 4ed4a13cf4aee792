//! Figures as files: what was measured, on what, and when.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value, json};

/// Adds figures, whose names tell their units, to those of the same commit in
/// `target/report/NAME.json`.
pub(crate) fn report(name: &str, figures: Value) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("report");
    fs::create_dir_all(&folder).expect("is made");
    let path = folder.join(name).with_extension("json");
    let before = fs::read(&path).unwrap_or_default();
    let mut all: Map<String, Value> = serde_json::from_slice(&before).unwrap_or_default();
    let about = about(name);
    if all.get("commit") != Some(&about["commit"]) {
        all.clear();
    }
    println!("{figures:#}");
    for part in [about, figures] {
        let Value::Object(part) = part else {
            panic!("figures have names");
        };
        all.extend(part);
    }
    let text = serde_json::to_string_pretty(&all).expect("is text");
    fs::write(path, text + "\n").expect("is written");
}

fn about(name: &str) -> Value {
    let changed = if said("git", &["status", "--porcelain"]).is_empty() {
        ""
    } else {
        "+"
    };
    json!({
        "schema": format!("muttr/{name}/1"),
        "commit": said("git", &["rev-parse", "--short=12", "HEAD"]) + changed,
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "runs": 1,
        "date": said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
    })
}

/// What a command prints; nothing where there is no such command.
fn said(command: &str, words: &[&str]) -> String {
    let output = Command::new(command).args(words).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    String::from_utf8_lossy(&text).trim().to_owned()
}
