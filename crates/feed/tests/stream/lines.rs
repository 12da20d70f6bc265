//! Markets whose runners stand at lines.

use crate::*;
use overround_domain::markets::{Line, MarketKind, TieRule};

/// Key, name, line in quarters and pair of each outcome.
fn lines_of(betting_type: &str, runners: &str) -> Vec<(String, String, Option<Line>, Option<u32>)> {
    let definition = definition("OPEN", "", runners).replace(r#""ODDS""#, &format!(r#""{betting_type}""#));
    let market = market_after(&[mcm(1, &change(&definition))]);
    assert_eq!(
        (market.kind, market.number_of_winners, market.tie_rule),
        (MarketKind::Line, 0, TieRule::Push)
    );
    market.outcomes.into_iter().map(|o| (o.key, o.name, o.line, o.pair)).collect()
}

fn line(quarters: i32) -> Option<Line> {
    Some(Line::from_quarters(quarters))
}

#[test]
fn handicaps_pair_with_their_opposites() {
    let runners = r#"[{"status":"ACTIVE","sortPriority":1,"id":1,"hc":-0.5},{"status":"ACTIVE","sortPriority":2,"id":2,"hc":0.5},
        {"status":"ACTIVE","sortPriority":3,"id":1},{"status":"ACTIVE","sortPriority":4,"id":2,"hc":0},
        {"status":"ACTIVE","sortPriority":5,"id":1,"hc":0.5},{"status":"ACTIVE","sortPriority":6,"id":2,"hc":-0.5}]"#
        .replace('\n', "");
    let expected = [
        ("1:-0.5", "Player 1 -0.5", -2, 0),
        ("2:0.5", "Player 2 +0.5", 2, 0),
        ("1:0", "Player 1 0", 0, 1),
        ("2:0", "Player 2 0", 0, 1),
        ("1:0.5", "Player 1 +0.5", 2, 2),
        ("2:-0.5", "Player 2 -0.5", -2, 2),
    ];
    let expected = expected
        .map(|(key, name, quarters, pair)| (key.to_owned(), name.to_owned(), line(quarters), Some(pair)));
    assert_eq!(lines_of("ASIAN_HANDICAP_DOUBLE_LINE", &runners), expected);
}

#[test]
fn totals_pair_at_the_same_line() {
    let runners = r#"[{"status":"ACTIVE","id":7044483,"hc":2.5},{"status":"ACTIVE","id":7044482,"hc":2.5},{"status":"ACTIVE","id":7044483,"hc":2.75}]"#;
    let outcomes = lines_of("ASIAN_HANDICAP_DOUBLE_LINE", runners);
    let shown: Vec<_> = outcomes.iter().map(|(_, name, line, pair)| (name.as_str(), *line, *pair)).collect();
    let expected = [
        ("Under 2.5", line(10), Some(0)),
        ("Over 2.5", line(10), Some(0)),
        ("Under 2.75", line(11), Some(1)),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_line_that_is_no_quarter_is_left_out_and_counted() {
    let runners = r#"[{"status":"ACTIVE","id":1,"hc":-0.3},{"status":"ACTIVE","id":2,"hc":0.25}]"#;
    let asian = definition("OPEN", "", runners).replace(r#""ODDS""#, r#""ASIAN_HANDICAP_SINGLE_LINE""#);
    let mut recording = recording(&[mcm(1, &change(&asian))]);
    let item = recording.next().unwrap().unwrap();
    assert_eq!(item.changed[0].outcomes.len(), 1);
    assert_eq!(recording.counts().refused_runners, 1);
}

#[test]
fn what_is_bet_on_at_evens_has_no_price() {
    let runners = r#"[{"status":"ACTIVE","id":1}]"#;
    let runs = definition("OPEN", "", runners).replace(r#""ODDS""#, r#""LINE""#);
    let market = market_after(&[mcm(1, &change(&runs)), prices(2, r#"{"id":1,"atb":[[158.5,10]]}"#)]);
    assert_eq!(best(&market), [None]);
}

#[test]
fn runners_of_one_selection_are_told_by_handicap() {
    let runners = r#"[{"status":"ACTIVE","id":1,"hc":-0.5},{"status":"ACTIVE","id":2,"hc":0.5},{"status":"ACTIVE","id":1,"hc":-1}]"#;
    let asian = definition("OPEN", "", runners).replace(r#""ODDS""#, r#""ASIAN_HANDICAP_DOUBLE_LINE""#);
    let lines = [
        mcm(1, &change(&asian)),
        prices(2, r#"{"id":1,"hc":-1.0,"atb":[[2.2,1]]},{"id":1,"hc":-0.50,"atb":[[1.8,1]]}"#),
    ];
    assert_eq!(best(&market_after(&lines)), [price(9, 5), None, price(11, 5)]);
}
