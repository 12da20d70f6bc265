//! Whatever comes in, nothing panics, and what comes out is whole.

use crate::*;
use overround_domain::markets::MarketKind;
use overround_domain::time::Timestamp;
use proptest::prelude::*;

/// JSON numbers of all sorts, sensible and not.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..3000_i64).prop_map(|n| format!("{}.{:02}", n / 100, n % 100)),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("JSON has no infinities", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        "-?[0-9]{1,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,12})?",
    ]
}

/// Messages of the right shape with any numbers.
fn message() -> impl Strategy<Value = String> {
    let entry = (number(), number(), number());
    let status = prop_oneof![Just("OPEN"), Just("CLOSED"), Just("SUSPENDED"), Just("?")];
    let kind = prop_oneof![Just("ODDS"), Just("ASIAN_HANDICAP_DOUBLE_LINE"), Just("LINE")];
    let segment = prop_oneof![Just("NONE"), Just("SEG_START"), Just("SEG"), Just("SEG_END")];
    (entry, number(), status, kind, segment, any::<bool>()).prop_map(
        |((a, b, c), hc, status, kind, segment, img)| {
            let definition = definition(
                status,
                "",
                &format!(r#"[{{"status":"WINNER","id":1,"hc":{hc}}},{{"status":"ACTIVE","id":1}}]"#),
            );
            let definition = definition.replace(r#""ODDS""#, &format!(r#""{kind}""#));
            let rc = format!(r#"{{"id":1,"hc":{hc},"ltp":{a},"atb":[[{a},{b}]],"bdatb":[[{c},{a},{b}]]}}"#);
            let change = change(&format!(r#""img":{img},{definition},"rc":[{rc}]"#));
            format!(r#"{{"op":"mcm","pt":5,"segmentType":"{segment}","mc":[{change}]}}"#)
        },
    )
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        if let Ok(input) = Input::new("any", Cursor::new(bytes)) {
            prop_assert!(Recording::open([input]).count() <= 2000);
        }
    }

    #[test]
    fn arbitrary_text_in_a_message_never_panics(text in "\\PC{0,40}", key in "[a-zA-Z]{1,12}") {
        let quoted = serde_json::to_string(&text).unwrap();
        let lines = [
            format!(r#"{{"op":"mcm","pt":1,"mc":[{{"id":{quoted},"{key}":{quoted}}}]}}"#),
            mcm(1, &change(&definition("OPEN", &format!(r#""name":{quoted},"venue":{quoted},"marketTime":{quoted},"#), RUNNERS))),
        ];
        for item in recording(&lines).flatten() {
            for market in item.changed {
                prop_assert!(!market.name.is_empty() && !market.event.name.is_empty());
            }
        }
    }

    #[test]
    fn well_formed_messages_give_whole_markets(lines in prop::collection::vec(message(), 1..8)) {
        let mut last = Timestamp::from_millis(0);
        for item in recording(&lines).flatten() {
            prop_assert!(item.at >= last);
            last = item.at;
            for market in item.changed {
                let keys: std::collections::BTreeSet<_> = market.outcomes.iter().map(|o| &o.key).collect();
                prop_assert_eq!(keys.len(), market.outcomes.len());
                let positions = market.outcomes.iter().map(|o| o.position);
                prop_assert!(positions.eq(0..u32::try_from(market.outcomes.len()).unwrap()));
                for outcome in &market.outcomes {
                    prop_assert_eq!(outcome.line.is_some(), market.kind == MarketKind::Line);
                    prop_assert_eq!(outcome.pair.is_some(), market.kind == MarketKind::Line);
                }
            }
        }
    }
}
