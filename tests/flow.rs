//! Every scenario of `tests/scenarios`, played on the simulator's stage.

use std::{env, fs, path::Path};

use muttr_tests::{
    profile::{CALM, HOMES},
    scenario::{Person, Scenario, Stage},
    stage::{Stage as Play, play},
};

/// Every scenario, by its file's name.
fn scenarios() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut all = Vec::new();
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
            all.push((name, scenario));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn scenario(name: &str) -> Scenario {
    let mut all = scenarios().into_iter();
    all.find(|(file, _)| file == name)
        .expect("a scenario of this name")
        .1
}

#[test]
fn every_scenario_holds() {
    let only = env::var("MUTTR_SCENARIO").ok();
    let mut failed = Vec::new();
    for (name, scenario) in scenarios() {
        let wanted = only
            .as_ref()
            .is_none_or(|only| name.contains(only.as_str()));
        if !wanted || !scenario.plays_on(Stage::Simulator) {
            continue;
        }
        for (integer, weather) in [(1, CALM), (2, HOMES)] {
            if let Err(what) = play(&scenario, integer, weather) {
                failed.push(format!("{name} ({}): {what}", weather.name));
            }
        }
    }
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n"));
}

/// Between any two sentences of the main job the pod loses its power and comes back, and
/// everyone comes back to it by themselves.
#[test]
fn the_pod_may_die_between_any_two_steps() {
    let scenario = scenario("twelve_steps.txt");
    for after in 1..scenario.lines.len() {
        let mut stage = Play::new(after as u64, CALM);
        for (index, line) in scenario.lines.iter().enumerate() {
            stage
                .perform(line)
                .unwrap_or_else(|what| panic!("killed after {after}: {what}"));
            if index + 1 == after {
                lose_power(&mut stage).unwrap_or_else(|what| panic!("after {after}: {what}"));
            }
        }
    }
}

fn lose_power(stage: &mut Play) -> Result<(), String> {
    let said = |text: &str| {
        let scenario = Scenario::parse("between the lines", text).map_err(|no| no.to_string())?;
        scenario
            .lines
            .into_iter()
            .next()
            .ok_or_else(|| "nothing".to_owned())
    };
    stage.perform(&said("oak restarts")?)?;
    for who in [Person::Alice, Person::Bob] {
        if stage.village.person(who).is_ok() {
            stage.perform(&said(&format!("{who} is online"))?)?;
        }
    }
    Ok(())
}
