//! Whatever comes in, nothing panics, and the order of arrival does not matter.

use crate::synthetic::*;
use crate::*;
use overround_domain::markets::MarketKind;
use proptest::prelude::*;

const VALID: [&str; 6] = [
    ALIVE,
    SNAPSHOT_COMPLETE,
    ROLLBACK_BET_SETTLEMENT,
    BET_CANCEL_SUPERCEDED,
    BET_SETTLEMENT,
    FIXTURE_CHANGE,
];

/// A message that is valid.
fn valid() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(VALID.as_slice()).prop_map(str::to_owned), state(0..100)]
}

/// A message about prices at an instant.
fn state(at: std::ops::Range<i64>) -> impl Strategy<Value = String> {
    let product = prop::sample::select(vec![1_u32, 3]);
    let status =
        prop::sample::select(vec!["", r#"status="0""#, r#"status="-1""#, r#"status="-2""#, r#"status="-3""#]);
    let market = prop::sample::select(vec![
        r#"id="1""#,
        r#"id="18" specifiers="total=2.5""#,
        r#"id="16" specifiers="hcp=-1""#,
        r#"id="47" specifiers="b=1|a=2""#,
    ]);
    let outcome = prop::sample::select(vec!["1", "2", "3", "12", "13", "1714", "1715"]);
    let odds_of = prop_oneof![Just("0".to_owned()), "[1-9][0-9]?\\.[0-9]{1,3}", "\\PC{0,6}"];
    let outcome = (outcome, odds_of, any::<bool>()).prop_map(|(id, odds, active)| {
        let odds = odds.replace(['<', '&', '"'], "");
        format!(r#"<outcome id="{id}" odds="{odds}" active="{}"/>"#, u8::from(active))
    });
    let outcomes = prop::collection::vec(outcome, 0..4).prop_map(|all| all.concat());
    let prices = (product.clone(), at.clone(), status, market, outcomes, any::<bool>()).prop_map(
        |(product, at, status, market, outcomes, running)| {
            let run = if running { r#"<sport_event_status status="1"/>"# } else { "" };
            odds_change(
                product,
                at,
                &format!("{run}<odds><market {market} {status}>{outcomes}</market></odds>"),
            )
        },
    );
    let groups = prop::sample::select(vec![
        r#"groups="all""#,
        r#"groups="corners" market_status="0""#,
        r#"groups="all" market_status="0""#,
        r#"groups="corners""#,
    ]);
    let stop = (product, at, groups).prop_map(|(product, at, groups)| bet_stop(product, at, groups));
    prop_oneof![4 => prices, 1 => stop]
}

/// A valid message, damaged: cut off, a byte replaced, a part repeated.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (valid(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..3).prop_map(
        |(text, one, other, byte, how)| {
            let mut bytes = text.into_bytes();
            let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
            match how {
                0 => bytes.truncate(one),
                1 => drop(bytes.splice(one..=one, [byte])),
                _ => {
                    let part: Vec<u8> =
                        bytes.iter().take(one.max(other)).skip(one.min(other)).copied().collect();
                    bytes.splice(one..one, part);
                }
            }
            bytes
        },
    )
}

fn apply_all<'a>(messages: impl IntoIterator<Item = &'a String>) -> Feed {
    let mut feed = Feed::default();
    for message in messages {
        feed.apply(&parse(message));
    }
    feed
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Message::parse(&bytes);
    }

    #[test]
    fn damaged_messages_never_panic_and_leave_whole_markets(all in prop::collection::vec(damaged(), 1..8)) {
        let mut feed = Feed::default();
        for bytes in &all {
            if let Ok(message) = Message::parse(bytes) {
                feed.apply(&message);
            }
        }
        for market in feed.markets() {
            let positions = market.outcomes.iter().map(|outcome| outcome.position);
            prop_assert!(positions.eq(0..u32::try_from(market.outcomes.len()).unwrap()));
            for outcome in &market.outcomes {
                prop_assert_eq!(outcome.line.is_some(), market.kind == MarketKind::Line);
                prop_assert_eq!(outcome.pair.is_some(), market.kind == MarketKind::Line);
            }
        }
    }

    #[test]
    fn the_order_of_arrival_and_repetitions_change_nothing(
        states in prop::collection::vec(state(0..1), 1..8),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..16),
    ) {
        // Each message at an instant of its own.
        let messages: Vec<String> = (1..)
            .zip(&states)
            .map(|(at, text)| text.replace(r#"timestamp="0""#, &format!(r#"timestamp="{at}""#)))
            .collect();
        let in_order = apply_all(&messages);
        let shuffled = apply_all(order.iter().map(|index| index.get(&messages)).chain(messages.iter().rev()));
        prop_assert!(in_order.markets().eq(shuffled.markets()));
    }
}
