//! Reports: a file for programs, a table for people, and what was different before.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    path::PathBuf,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use muttr_core::limit::{DAY_MS, HOUR_MS};

use super::{grind::Grind, growth::Growth, outcome::Outcome, plot, tally::Age};
use crate::tree::root;

/// Everything that was played.
#[derive(Debug, Default)]
pub struct Report {
    /// Populations.
    pub outcomes: Vec<Outcome>,
    /// One of them with other integers.
    pub again: Vec<Outcome>,
    /// Networks of different sizes, each honest and with forwarders that drop.
    pub growth: Vec<(&'static str, Growth)>,
    /// With an attacker of many ids, with and without what is done about them.
    pub grind: Vec<Grind>,
}

/// Figures that have a name of their own: that name, and where they come from.
const FROM: [(&str, &str, &str); 12] = [
    (
        "delivered_percent_bad_pods_a",
        "bad_pods_a",
        "readable_percent",
    ),
    (
        "delivered_percent_bad_pods_b",
        "bad_pods_b",
        "readable_percent",
    ),
    ("delivered_percent_no_seeds", "no_seeds", "readable_percent"),
    (
        "delivered_percent_no_pods_24h_a",
        "no_pods_a",
        "readable_24h_percent",
    ),
    (
        "delivered_percent_no_pods_24h_b",
        "no_pods_b",
        "readable_24h_percent",
    ),
    (
        "copies_moved_per_record_day1_a",
        "no_pods_a",
        "copies_moved_day1",
    ),
    (
        "copies_moved_per_record_day1_b",
        "no_pods_b",
        "copies_moved_day1",
    ),
    (
        "repair_mib_per_seed_day",
        "no_pods_a",
        "repair_mib_per_seed_day",
    ),
    ("dials_per_store", "no_pods_a", "dials_per_store"),
    ("dials_per_seed_hour", "no_pods_a", "dials_per_seed_hour"),
    ("poison_retrieved_percent", "poison", "readable_percent"),
    (
        "core_ms_per_seed_hour",
        "no_pods_a",
        "core_ms_per_seed_hour",
    ),
];

/// One figure of one scenario.
type Flat = BTreeMap<String, f64>;

fn git(arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// A moment as JavaScript's `toISOString` writes it (the days by Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", 2013).
fn date(now_ms: u64) -> String {
    let (days, ms) = (now_ms / DAY_MS + 719_468, now_ms % DAY_MS);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute) = (ms / HOUR_MS, ms / 60_000 % 60);
    let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn object(entries: impl IntoIterator<Item = (String, String)>) -> String {
    let entries = entries.into_iter();
    let entries = entries.map(|(name, value)| format!("{}: {value}", quoted(&name)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

/// How alike real and simulated seeds chose holders, if `make bench-custody` has looked.
fn overlap() -> Option<(String, String)> {
    const NAME: &str = "holder_overlap_percent_real_vs_sim";
    let text = fs::read_to_string(root().join("target/report/custody-real.json")).ok()?;
    let (_, rest) = text.split_once(&format!("{}:", quoted(NAME)))?;
    let value = rest.trim_start().split([',', '\n', '}']).next()?.trim();
    value.parse::<f64>().ok()?;
    Some((NAME.to_owned(), value.to_owned()))
}

impl Report {
    fn figure(&self, scenario: &str, figure: &str) -> Option<f64> {
        let found = self.outcomes.iter().find(|it| it.plan.name == scenario);
        found?.figure(figure)
    }

    /// A figure of a scenario, averaged over all integers that it was played with.
    fn mean(&self, scenario: &str, figure: &str) -> Option<f64> {
        let played = self.outcomes.iter().chain(&self.again);
        let played = played.filter(|it| it.plan.name == scenario);
        let values: Vec<f64> = played.filter_map(|it| it.figure(figure)).collect();
        let sum: f64 = values.iter().sum();
        (!values.is_empty()).then(|| sum / values.len() as f64)
    }

    /// The figures that have a name of their own, of those scenarios that were played.
    fn headlines(&self) -> Vec<(String, String)> {
        let mut headlines = Vec::new();
        for (name, scenario, figure) in FROM {
            let value = self.figure(scenario, figure);
            headlines.extend(value.map(|it| (name.to_owned(), number(it))));
        }
        if let Some(moved) = self.figure("no_pods_a", "copies_moved_per_record_life") {
            let mean = (
                "copies_moved_per_record_day_mean14_a".to_owned(),
                number(moved / 14.0),
            );
            headlines.push(mean);
        }
        if let Some(mean) = self.mean("vanish70", "lost_of_10000") {
            headlines.push(("lost_mean_of_10000_vanish70".to_owned(), number(mean)));
        }
        if let Some(mean) = self.mean("vanish70", "at_target_percent") {
            let name = "restored_after_2h_percent_vanish70".to_owned();
            headlines.push((name, number(mean)));
        }
        headlines.extend(overlap());
        let p95 = |scenario| self.figure(scenario, "fetch_ms_p95").filter(|ms| *ms > 0.0);
        if let (Some(poisoned), Some(clean)) = (p95("poison"), p95("honest")) {
            headlines.push((
                "poison_fetch_p95_ratio".to_owned(),
                number(poisoned / clean),
            ));
        }
        let honest = self.growth.iter().filter(|(kind, _)| *kind == "honest");
        let hops: Vec<_> = honest
            .map(|(_, it)| (it.seeds.to_string(), number(it.hops_fetch)))
            .collect();
        let ground = self.grind.iter().filter(|it| it.sybils > 0);
        headlines.extend(ground.map(|it| {
            let plain = if it.doubts { "" } else { "_plain" };
            let name = format!("grind_retrieved_percent{plain}");
            (name, number(it.retrieved_percent))
        }));
        if !hops.is_empty() {
            headlines.push(("hops_mean_by_seeds".to_owned(), object(hops)));
        }
        let large = self.growth.iter().filter(|(kind, _)| *kind == "honest");
        let large = large.map(|(_, it)| it).find(|it| it.seeds == 10_000);
        headlines.extend(large.map(|it| {
            let name = "core_ms_per_seed_hour_at_10000".to_owned();
            (name, number(it.core_ms_per_seed_hour))
        }));
        headlines
    }

    /// Every figure under the scenario's name and its own.
    #[must_use]
    pub fn flat(&self) -> BTreeMap<String, f64> {
        let mut flat = Flat::new();
        for outcome in &self.outcomes {
            let name = outcome.plan.name;
            let figures = outcome.figures.iter();
            flat.extend(figures.map(|(figure, value)| (format!("{name}.{figure}"), *value)));
        }
        for (kind, it) in &self.growth {
            let named = growth_figures(it);
            let path = |figure| format!("growth_{kind}_{:06}.{figure}", it.seeds);
            flat.extend(
                named
                    .into_iter()
                    .map(|(figure, value)| (path(figure), value)),
            );
        }
        for it in &self.grind {
            let plain = if it.doubts { "" } else { "_plain" };
            let path = |figure| format!("grind_{:06}{plain}.{figure}", it.sybils);
            flat.insert(path("retrieved_percent"), it.retrieved_percent);
            flat.insert(path("frames_per_fetch"), it.frames_per_fetch);
            flat.insert(path("dials_per_fetch"), it.dials_per_fetch);
        }
        flat
    }

    /// Writes `target/report/NAME.json`; where it lies.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self, name: &str) -> io::Result<PathBuf> {
        let changed = if git(&["status", "--porcelain"]).is_empty() {
            ""
        } else {
            "+"
        };
        let commit = git(&["rev-parse", "--short=12", "HEAD"]) + changed;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let runs = self.outcomes.len() + self.growth.len() + self.grind.len();
        let longest = self.outcomes.iter().max_by_key(|it| it.plan.end_ms);
        let days = longest.map_or(0, |it| it.plan.end_ms / DAY_MS);
        let online = self.outcomes.iter().map(|it| it.plan.online).max();
        let stored: f64 = self
            .outcomes
            .iter()
            .filter_map(|it| it.figure("messages_stored"))
            .sum();
        let mut entries = vec![
            ("schema".to_owned(), quoted("muttr/custody/1")),
            ("commit".to_owned(), quoted(&commit)),
            ("cores".to_owned(), cores.to_string()),
            ("runs".to_owned(), runs.to_string()),
            ("date".to_owned(), quoted(&date(now_ms.as_millis() as u64))),
            ("days".to_owned(), days.to_string()),
            (
                "seeds_concurrent".to_owned(),
                online.unwrap_or_default().to_string(),
            ),
            ("messages_stored".to_owned(), number(stored)),
        ];
        entries.extend(self.headlines());
        let scenarios = self.outcomes.iter();
        let scenarios = scenarios.map(|it| (it.plan.name.to_owned(), scenario(it)));
        entries.push(("scenarios".to_owned(), object(scenarios)));
        let growth = self.growth.iter().map(|(kind, it)| {
            let figures = growth_figures(it).into_iter();
            let figures = figures.map(|(name, value)| (name.to_owned(), number(value)));
            let seeds = ("seeds".to_owned(), it.seeds.to_string());
            let kind = ("forwarders".to_owned(), quoted(kind));
            object([kind, seeds].into_iter().chain(figures))
        });
        let growth = growth.collect::<Vec<_>>().join(", ");
        entries.push(("growth".to_owned(), format!("[{growth}]")));
        let folder = root().join("target/report");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.json"));
        let lines = entries.into_iter();
        let lines: Vec<_> = lines
            .map(|(name, it)| format!("  {}: {it}", quoted(&name)))
            .collect();
        fs::write(&path, format!("{{\n{}\n}}\n", lines.join(",\n")))?;
        const CURVES: [&str; 4] = ["no_pods_a", "no_pods_b", "bad_pods_a", "bad_pods_b"];
        let curves = self.outcomes.iter();
        let curves: Vec<_> = curves.filter(|it| CURVES.contains(&it.plan.name)).collect();
        fs::write(folder.join(format!("{name}.svg")), plot::curve(&curves))?;
        Ok(path)
    }
}

fn growth_figures(it: &Growth) -> [(&'static str, f64); 10] {
    [
        ("frames_per_store", it.frames_per_store),
        ("frames_per_fetch", it.frames_per_fetch),
        ("dials_per_store", it.dials_per_store),
        ("dials_per_fetch", it.dials_per_fetch),
        ("hops_mean_store", it.hops_store),
        ("hops_mean_fetch", it.hops_fetch),
        ("stored_percent", it.stored_percent),
        ("placed_percent", it.placed_percent),
        ("fetched_percent", it.fetched_percent),
        ("core_ms_per_seed_hour", it.core_ms_per_seed_hour),
    ]
}

fn scenario(outcome: &Outcome) -> String {
    let constants = outcome.plan.constants().into_iter();
    let constants = constants.map(|(name, value)| (name.to_owned(), quoted(&value)));
    let figures = outcome.figures.iter();
    let figures = figures.map(|(name, value)| ((*name).to_owned(), number(*value)));
    let curve = outcome.ages.iter().enumerate();
    let curve: Vec<_> = curve.map(|(hour, age)| point(hour, age)).collect();
    let parts = [
        ("integer".to_owned(), outcome.integer.to_string()),
        ("constants".to_owned(), object(constants)),
        ("figures".to_owned(), object(figures)),
        ("curve".to_owned(), format!("[{}]", curve.join(", "))),
    ];
    object(parts)
}

fn point(hour: usize, age: &Age) -> String {
    let share = |part: u64, of: u64| number(part as f64 * 100.0 / of.max(1) as f64);
    object([
        ("age_h".to_owned(), hour.to_string()),
        ("looks".to_owned(), age.looks.to_string()),
        ("readable_percent".to_owned(), share(age.found, age.looks)),
        (
            "online_percent".to_owned(),
            share(age.seen - age.dark, age.seen),
        ),
        ("lost_percent".to_owned(), share(age.lost, age.seen)),
        ("copies_moved".to_owned(), age.moved.to_string()),
    ])
}

fn baseline(name: &str) -> PathBuf {
    root().join(format!("tests/fixtures/custody/{name}.txt"))
}

/// Writes what was played as what later reports are compared with, and its picture beside it.
///
/// # Errors
/// The disk's.
pub fn write_baseline(name: &str, flat: &BTreeMap<String, f64>) -> io::Result<()> {
    let path = baseline(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let lines = flat.iter();
    let lines = lines.map(|(name, value)| format!("{name} {}\n", number(*value)));
    fs::write(&path, lines.collect::<String>())?;
    let drawn = root().join(format!("target/report/{name}.svg"));
    fs::copy(drawn, path.with_extension("svg")).map(drop)
}

/// The figures beside those of the baseline, as far as it has them.
#[must_use]
pub fn table(name: &str, flat: &BTreeMap<String, f64>) -> String {
    let text = fs::read_to_string(baseline(name)).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let before: Flat = lines
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect();
    let mut table = String::new();
    let mut scenario = "";
    for (path, value) in flat {
        let (name, figure) = path.split_once('.').unwrap_or(("", path));
        if name != scenario {
            scenario = name;
            let _ = writeln!(
                table,
                "\n{name:<36} {:>14} {:>14} {:>10}",
                "now", "baseline", "change"
            );
        }
        let _ = write!(table, "  {figure:<34} {:>14}", number(*value));
        if let Some(before) = before.get(path) {
            let change = if *before == 0.0 {
                String::new()
            } else {
                format!("{:+.1} %", (value / before - 1.0) * 100.0)
            };
            let _ = write!(table, " {:>14} {change:>10}", number(*before));
        }
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(date(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(date(1_796_083_261_007), "2026-12-01T00:01:01.007Z");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(12.0), "12");
        assert_eq!(number(0.120_04), "0.12");
        assert_eq!(number(-0.000_001), "0");
    }
}
