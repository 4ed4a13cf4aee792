//! Every scenario of `tests/scenarios`, read and played in the simulator.

use std::{fs, path::Path};

use muttr_tests::scenario::Scenario;

#[test]
fn every_scenario_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut read = 0;
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".txt") && name != "grammar.txt" {
            let text = fs::read_to_string(&path).expect("text");
            let scenario = Scenario::parse(&name, &text).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert!(!scenario.lines.is_empty(), "{name} says nothing");
            read += 1;
        }
    }
    assert!(read > 0, "there are scenarios");
}
