//! Names that a person can read. Where the recording gives none they are made from type, venue, time
//! and ids; a selection id that means the same in every market is spelled out.

use super::message::{Definition, Runner};
use crate::decimal::Decimal;
use chrono::{DateTime, Utc};

/// The longest name kept.
const NAME_CHARS_MAX: usize = 200;
/// The longest market type kept.
const TYPE_CHARS_MAX: usize = 100;
/// The market type of a definition that gives none.
const TYPE_UNKNOWN: &str = "UNKNOWN";

/// Selection ids that stand for a draw, whatever the event.
pub(super) const DRAWS: [i64; 3] = [58_805, 151_478, 2_004_841];

/// Betfair's `eventTypeId`: our word for the sport, what its events are called, what its runners are.
const SPORTS: [(&str, &str, &str); 24] = [
    ("1", "football", "Team"),
    ("2", "tennis", "Player"),
    ("3", "golf", "Player"),
    ("4", "cricket", "Team"),
    ("5", "rugby-union", "Team"),
    ("6", "boxing", "Boxer"),
    ("7", "horse-racing", "Runner"),
    ("8", "motor-sport", "Driver"),
    ("11", "cycling", "Rider"),
    ("1477", "rugby-league", "Team"),
    ("3503", "darts", "Player"),
    ("4339", "greyhound-racing", "Runner"),
    ("6422", "snooker", "Player"),
    ("6423", "american-football", "Team"),
    ("7511", "baseball", "Team"),
    ("7522", "basketball", "Team"),
    ("7524", "ice-hockey", "Team"),
    ("61420", "australian-rules", "Team"),
    ("468328", "handball", "Team"),
    ("998917", "volleyball", "Team"),
    ("2378961", "politics", "Candidate"),
    ("2593174", "table-tennis", "Player"),
    ("26420387", "mixed-martial-arts", "Fighter"),
    ("27454571", "esports", "Team"),
];

/// Selection ids that mean the same in every market.
const SELECTIONS: [(i64, &str); 26] = [
    (58_805, "The Draw"),
    (151_478, "Draw"),
    (2_004_841, "The Draw (HT)"),
    (5_851_482, "Under 0.5 Goals"),
    (5_851_483, "Over 0.5 Goals"),
    (1_221_385, "Under 1.5 Goals"),
    (1_221_386, "Over 1.5 Goals"),
    (47_972, "Under 2.5 Goals"),
    (47_973, "Over 2.5 Goals"),
    (1_222_344, "Under 3.5 Goals"),
    (1_222_345, "Over 3.5 Goals"),
    (1_222_347, "Under 4.5 Goals"),
    (1_222_346, "Over 4.5 Goals"),
    (1_485_567, "Under 5.5 Goals"),
    (1_485_568, "Over 5.5 Goals"),
    (2_542_448, "Under 6.5 Goals"),
    (2_542_449, "Over 6.5 Goals"),
    (7_044_482, "Over"),
    (7_044_483, "Under"),
    (6_384_646, "Home or Draw"),
    (6_384_647, "Draw or Away"),
    (6_384_648, "Home or Away"),
    (4_316_861, "Any Unquoted"),
    (9_063_254, "Any Other Home Win"),
    (9_063_255, "Any Other Away Win"),
    (9_063_256, "Any Other Draw"),
];

/// The sport, as a lower-case word.
pub(super) fn sport(definition: &Definition) -> &'static str {
    sport_entry(definition).map_or("other", |(_, sport, _)| sport)
}

/// The type of the market, such as `MATCH_ODDS`.
pub(super) fn market_type(definition: &Definition) -> String {
    given(definition.market_type.as_deref(), TYPE_CHARS_MAX).unwrap_or_else(|| TYPE_UNKNOWN.to_owned())
}

/// The name of the event: given, or of venue and day, or of sport and id.
pub(super) fn event(definition: &Definition, event_key: &str) -> String {
    if let Some(name) = given(definition.event_name.as_deref(), NAME_CHARS_MAX) {
        return name;
    }
    match (given(definition.venue.as_deref(), NAME_CHARS_MAX), starts_at(definition)) {
        (Some(venue), Some(day)) => format!("{venue}, {}", day.format("%-d %b %Y")),
        (Some(venue), None) => format!("{venue}, event {event_key}"),
        _ => {
            let sport = sport(definition);
            let sport =
                if sport == "other" { String::new() } else { format!("{} ", sport.replace('-', " ")) };
            capitalized(&format!("{sport}event {event_key}"))
        }
    }
}

/// The name of the market: given, or of its type and, at a race meeting, its time.
pub(super) fn market(definition: &Definition) -> String {
    if let Some(name) = given(definition.name.as_deref(), NAME_CHARS_MAX) {
        return name;
    }
    let name = of_type(&market_type(definition));
    let racing =
        definition.venue.is_some() || matches!(sport(definition), "horse-racing" | "greyhound-racing");
    match instant(definition.market_time.as_deref()).filter(|_| racing) {
        Some(time) => format!("{name}, {} UTC", time.format("%H:%M")),
        None => name,
    }
}

/// The name of a runner: given, or what its selection id always means, or made from the id.
pub(super) fn runner(definition: &Definition, runner: &Runner) -> String {
    if let Some(name) = given(runner.name.as_deref(), NAME_CHARS_MAX) {
        return name;
    }
    match SELECTIONS.iter().find(|(selection, _)| *selection == runner.id) {
        Some((_, name)) => (*name).to_owned(),
        None => {
            let noun = sport_entry(definition).map_or("Runner", |(_, _, noun)| noun);
            format!("{noun} {}", runner.id)
        }
    }
}

/// The name of a runner at a line: `Arsenal -0.75`, `Over 2.5`. Handicaps carry a sign, totals none.
pub(super) fn at_line(name: &str, line: Decimal, signed: bool) -> String {
    let shown = if signed && line.is_positive() { format!("+{line}") } else { line.to_string() };
    if name.ends_with(&format!(" {shown}")) { name.to_owned() } else { format!("{name} {shown}") }
}

/// The scheduled start of the event; the market's where the event's is not given.
pub(super) fn starts_at(definition: &Definition) -> Option<DateTime<Utc>> {
    instant(definition.open_date.as_deref()).or_else(|| instant(definition.market_time.as_deref()))
}

fn sport_entry(definition: &Definition) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let id = definition.event_type_id.as_deref()?;
    SPORTS.iter().find(|(event_type, _, _)| *event_type == id)
}

fn instant(text: Option<&str>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text?).ok().map(|instant| instant.with_timezone(&Utc))
}

/// A given text, printable, trimmed and cut; none when nothing is left.
fn given(text: Option<&str>, chars_max: usize) -> Option<String> {
    let printable: String = text?.chars().filter(|c| !c.is_control()).collect();
    let kept: String = printable.trim().chars().take(chars_max).collect();
    (!kept.is_empty()).then_some(kept)
}

/// `OVER_UNDER_25` is `Over/Under 2.5 Goals`, `SET_BETTING` is `Set Betting`.
fn of_type(market_type: &str) -> String {
    match market_type {
        "PLACE" => return "To Be Placed".to_owned(),
        "BOTH_TEAMS_TO_SCORE" => return "Both Teams to Score".to_owned(),
        TYPE_UNKNOWN => return "Market".to_owned(),
        _ => {}
    }
    if let Some(goals) = market_type.strip_prefix("OVER_UNDER_").and_then(with_point) {
        return format!("Over/Under {goals} Goals");
    }
    if let Some(goals) = market_type.strip_prefix("FIRST_HALF_GOALS_").and_then(with_point) {
        return format!("First Half Goals {goals}");
    }
    let words = market_type.split('_').filter(|word| !word.is_empty());
    words.map(|word| capitalized(&word.to_lowercase())).collect::<Vec<_>>().join(" ")
}

/// `25` is `2.5`, `105` is `10.5`.
fn with_point(digits: &str) -> Option<String> {
    let (whole, tenths) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
    let numeric = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    numeric.then(|| format!("{whole}.{tenths}"))
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(fields: &str) -> Definition {
        serde_json::from_str(&format!(r#"{{"status":"OPEN",{fields}}}"#)).unwrap()
    }

    #[test]
    fn events_have_names() {
        let cases = [
            (r#""eventName":" A v B\u0000 ","venue":"Ascot""#, "A v B"),
            (r#""venue":"Sheffield","openDate":"2022-04-19T17:19:00.000Z""#, "Sheffield, 19 Apr 2022"),
            (r#""venue":"Sheffield","openDate":"tomorrow""#, "Sheffield, event 77"),
            (r#""eventTypeId":"1""#, "Football event 77"),
            (r#""eventTypeId":"7","eventName":"""#, "Horse racing event 77"),
            (r#""eventTypeId":"999""#, "Event 77"),
        ];
        for (fields, name) in cases {
            assert_eq!(event(&definition(fields), "77"), name, "{fields}");
        }
    }

    #[test]
    fn markets_have_names() {
        let cases = [
            (r#""name":"1m Hcap","marketType":"WIN""#, "1m Hcap"),
            (r#""marketType":"MATCH_ODDS""#, "Match Odds"),
            (r#""marketType":"OVER_UNDER_25""#, "Over/Under 2.5 Goals"),
            (r#""marketType":"OVER_UNDER_105""#, "Over/Under 10.5 Goals"),
            (r#""marketType":"OVER_UNDER_X""#, "Over Under X"),
            (
                r#""marketType":"PLACE","eventTypeId":"7","marketTime":"2022-04-19T18:26:00.000Z""#,
                "To Be Placed, 18:26 UTC",
            ),
            (r#""inPlay":false"#, "Market"),
        ];
        for (fields, name) in cases {
            assert_eq!(market(&definition(fields)), name, "{fields}");
        }
    }

    #[test]
    fn runners_have_names() {
        let cases = [
            ("7", r#""name":"Sandgate","id":1"#, "Sandgate"),
            ("1", r#""id":58805"#, "The Draw"),
            ("2", r#""id":12345"#, "Player 12345"),
            ("0", r#""id":12345"#, "Runner 12345"),
        ];
        for (sport, fields, name) in cases {
            let definition =
                definition(&format!(r#""eventTypeId":"{sport}","runners":[{{"status":"ACTIVE",{fields}}}]"#));
            assert_eq!(runner(&definition, &definition.runners[0]), name);
        }
    }

    #[test]
    fn lines_are_shown_with_the_name() {
        let quarter: Decimal = serde_json::from_str("0.25").unwrap();
        let minus: Decimal = serde_json::from_str("-3.75").unwrap();
        assert_eq!(at_line("Arsenal", quarter, true), "Arsenal +0.25");
        assert_eq!(at_line("Arsenal", minus, true), "Arsenal -3.75");
        assert_eq!(at_line("Over", quarter, false), "Over 0.25");
        assert_eq!(at_line("Over 0.25", quarter, false), "Over 0.25");
        assert_eq!(at_line("Arsenal", Decimal::default(), true), "Arsenal 0");
    }
}
