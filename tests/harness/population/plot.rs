//! The curve over days as a picture: how many records of an age are within reach.

use std::fmt::Write as _;

use super::{outcome::Outcome, tally::Age};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 48.0;
const COLOURS: [&str; 6] = [
    "#1b6ca8", "#c8553d", "#3a7d44", "#7d5ba6", "#b8860b", "#555555",
];

fn percent(age: &Age) -> f64 {
    (age.seen - age.dark) as f64 * 100.0 / age.seen as f64
}

/// Where the picture begins: curves that all lie close to 100 % are to be told apart.
fn lowest(outcomes: &[&Outcome]) -> f64 {
    let ages = outcomes.iter().flat_map(|it| &it.ages);
    let seen = ages.filter(|age| age.seen > 0).map(percent);
    let low = seen.fold(100.0, f64::min);
    (100.0 - (100.0 - low).max(0.1) * 1.1).max(0.0)
}

/// Draws a curve for each outcome: records of which somebody online holds a copy, by their age.
#[must_use]
pub fn curve(outcomes: &[&Outcome]) -> String {
    let hours = outcomes.iter().map(|it| it.ages.len()).max().unwrap_or(1);
    let x = |hour: usize| {
        MARGIN + (WIDTH - 2.0 * MARGIN) * hour as f64 / (hours.saturating_sub(1)).max(1) as f64
    };
    let low = lowest(outcomes);
    let y = |percent: f64| MARGIN + (HEIGHT - 2.0 * MARGIN) * (100.0 - percent) / (100.0 - low);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n"
    );
    for part in 0..=4 {
        let percent = 100.0 - (100.0 - low) * f64::from(part) / 4.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{MARGIN} {0:.1}H{1:.1}\" stroke=\"#ddd\"/><text x=\"8\" y=\"{0:.1}\">{percent:.2} %</text>",
            y(percent),
            WIDTH - MARGIN
        );
    }
    for day in 0..=hours / 24 {
        let at = x(day * 24).min(WIDTH - MARGIN);
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{:.1}\">day {day}</text>",
            HEIGHT - 24.0
        );
    }
    for (number, (outcome, colour)) in outcomes.iter().zip(COLOURS).enumerate() {
        let ages = outcome.ages.iter().enumerate();
        let seen = ages.filter(|(_, age)| age.seen > 0);
        let points = seen.map(|(hour, age)| format!("{:.1},{:.1}", x(hour), y(percent(age))));
        let points: Vec<_> = points.collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>",
            points.join(" ")
        );
        let left = MARGIN + 130.0 * number as f64;
        let name = outcome.plan.name;
        let _ = writeln!(
            svg,
            "<text x=\"{left:.1}\" y=\"24\" fill=\"{colour}\">{name}</text>"
        );
    }
    svg.push_str("</svg>\n");
    svg
}
