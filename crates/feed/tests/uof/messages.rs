//! What messages are read as.

use crate::synthetic::*;
use crate::*;
use overround_domain::betting::{Fraction, VoidFactor};
use overround_domain::time::Timestamp;
use overround_feed::health::Sign;
use overround_feed::uof::{Certainty, Error, MESSAGE_BYTES_MAX, OutcomeResult};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[test]
fn recorded_settlement() {
    let Some(bytes) = recorded("bet_settlement.xml") else { return };
    let Message::BetSettlement(message) = Message::parse(&bytes).unwrap() else { panic!() };
    assert_eq!((message.header.producer, message.header.at), (Some(3), at(1_547_538_073_717)));
    assert_eq!((message.event.as_str(), message.certainty), ("sr:match:16807109", Certainty::Confirmed));
    let markets: Vec<_> =
        message.markets.iter().map(|one| (one.market.to_string(), one.outcomes.len())).collect();
    let expected = [
        ("193", 2),
        ("204/setnr=1|total=9.5", 2),
        ("201", 4),
        ("535/variant=pre:markettext:52751", 32),
        ("40/type=live", 5),
    ];
    assert_eq!(markets, expected.map(|(key, outcomes)| (key.to_owned(), outcomes)));
    let result = |id: &str, won, void| OutcomeResult {
        id: id.to_owned(),
        won: Some(won),
        void,
        dead_heat: Fraction::ONE,
    };
    assert_eq!(
        message.markets[2].outcomes,
        [
            result("863", false, VoidFactor::Full),
            result("864", false, VoidFactor::Half),
            result("861", true, VoidFactor::Half),
            result("862", false, VoidFactor::None),
        ]
    );
    let half = Fraction::new(1, 2).unwrap();
    let dead_heats = message.markets[3].outcomes.iter().filter(|one| one.dead_heat == half);
    assert!(dead_heats.map(|one| one.won).eq([Some(true), Some(true)]));
}

#[test]
fn recorded_cancellation_and_its_rollback() {
    let Some(bytes) = recorded("bet_cancel.xml") else { return };
    let Message::BetCancel(cancel) = Message::parse(&bytes).unwrap() else { panic!() };
    assert_eq!((cancel.start, cancel.end), (Some(at(1_564_597_838_000)), Some(at(1_564_598_513_000))));
    assert_eq!((cancel.header.producer, cancel.superceded_by), (Some(1), None));
    assert_eq!(cancel.markets[0].market.to_string(), "62/goalnr=1");
    assert_eq!(cancel.markets[0].void_reason, Some(12));

    let rollback = Message::parse(&recorded("rollback_bet_cancel.xml").unwrap()).unwrap();
    let Message::RollbackBetCancel(rollback) = rollback else { panic!() };
    assert_eq!((rollback.header.producer, rollback.start, rollback.end), (None, None, None));
    assert_eq!(rollback.markets[0].market.to_string(), "48/score=41.5");
}

#[test]
fn synthetic_settlement_family() {
    let Message::BetSettlement(settled) = parse(BET_SETTLEMENT) else { panic!() };
    assert_eq!((settled.certainty, settled.markets[0].void_reason), (Certainty::Live, Some(3)));
    let results: Vec<_> = settled.markets[0].outcomes.iter().map(|one| (one.won, one.void)).collect();
    // Undecided; wholly void, which needs no result; half void and lost.
    assert_eq!(
        results,
        [(None, VoidFactor::None), (Some(false), VoidFactor::Full), (Some(false), VoidFactor::Half)]
    );
    let Message::RollbackBetSettlement(rollback) = parse(ROLLBACK_BET_SETTLEMENT) else { panic!() };
    let named: Vec<_> = rollback.markets.iter().map(|one| one.outcomes.join(",")).collect();
    assert_eq!(named, ["", "6,7"]);
    let Message::BetCancel(cancel) = parse(BET_CANCEL_SUPERCEDED) else { panic!() };
    assert_eq!((cancel.start, cancel.end), (None, Some(at(900))));
    assert_eq!(cancel.superceded_by.as_deref(), Some("sr:match:2"));
}

#[test]
fn signs_of_life_are_in_the_result() {
    let cases = [
        (ALIVE, Some(1), Some(Sign::Alive)),
        (ALIVE_AFTER_A_GAP, Some(1), Some(Sign::Gap)),
        (SNAPSHOT_COMPLETE, Some(3), Some(Sign::Recovered { request: Some(42) })),
        (FIXTURE_CHANGE, Some(3), None),
        (ROLLBACK_BET_SETTLEMENT, Some(1), None),
    ];
    for (text, producer, sign) in cases {
        let (heard, feed) = play(&[text.to_owned()]);
        assert_eq!((heard.producer, heard.sign), (producer, sign), "{text}");
        assert!(heard.changed.is_empty() && feed.markets().next().is_none());
    }
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let wrong = [
        "",
        "no xml",
        "<alive",
        r#"<alive product="1" timestamp="1" subscribed="1">"#,
        r#"<alive product="1" timestamp="1" subscribed="1"></dead>"#,
        r#"<alive product="1" timestamp="1"/>"#,
        r#"<alive product="1" timestamp="1" subscribed="2"/>"#,
        r#"<alive timestamp="1" subscribed="1"/>"#,
        r#"<alive product="x" timestamp="1" subscribed="1"/>"#,
        r#"<alive product="1" timestamp="1" product="2" subscribed="1"/>"#,
        r#"<alive product="1" timestamp="1" subscribed="1"/><alive/>"#,
        r#"<alive product="1" timestamp="-1" subscribed="1"/>"#,
        r#"<alive product="1" timestamp="999999999999999" subscribed="1"/>"#,
        r#"<snapshot_complete product="1" timestamp="1"/>"#,
        r#"<odds_change event_id="sr:match:1" timestamp="1"/>"#,
        r#"<odds_change product="1" timestamp="1"/>"#,
        r#"<odds_change product="1" event_id="a/b" timestamp="1"/>"#,
        r#"<bet_settlement event_id="sr:match:1" timestamp="1" product="1"/>"#,
        r#"<bet_settlement event_id="sr:match:1" timestamp="1" product="1" certainty="3"/>"#,
        r#"<alive product="1" timestamp="1" subscribed="1"/>and more"#,
        r#"<alive product="1" timestamp="1" subscribed="1">text</alive>"#,
        r#"<market_descriptions/>"#,
    ];
    for text in wrong {
        assert!(Message::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Message::parse(b"<alive product=\"\xff\"/>").is_err());
    assert!(Message::parse(format!("\u{feff}{ALIVE}\n").as_bytes()).is_ok());
    for market in [r#"<market id="x"/>"#, "<market/>", r#"<market id="1" specifiers="total"/>"#] {
        assert!(Message::parse(odds(1, 1, market).as_bytes()).is_err(), "{market}");
    }
    for factor in
        [r#"void_factor="0.25""#, r#"dead_heat_factor="0""#, r#"dead_heat_factor="1.5""#, r#"result="2""#]
    {
        let text = BET_SETTLEMENT.replace(r#"result="-1""#, factor);
        assert!(matches!(Message::parse(text.as_bytes()), Err(Error::Attribute { .. })), "{factor}");
    }
}

#[test]
fn entities_are_refused_unless_they_are_xmls_own() {
    let bomb = r#"<!DOCTYPE a [<!ENTITY b "c">]><alive product="1" timestamp="1" subscribed="1"/>"#;
    assert_eq!(Message::parse(bomb.as_bytes()), Err(Error::Entities));
    let used = r#"<alive product="&b;" timestamp="1" subscribed="1"/>"#;
    assert_eq!(Message::parse(used.as_bytes()), Err(Error::Entities));
    let own = odds(1, 1, r#"<market id="1" specifiers="a=&lt;&amp;"/>"#);
    assert_eq!(market_after(&[own]).key, "sr:match:1/1/a=<&");
}

#[test]
fn limits_are_kept() {
    let mut large = ALIVE.as_bytes().to_vec();
    large.resize(MESSAGE_BYTES_MAX, b' ');
    assert!(Message::parse(&large).is_ok());
    large.push(b' ');
    assert_eq!(Message::parse(&large), Err(Error::TooLarge { bytes: MESSAGE_BYTES_MAX + 1 }));

    let deep = "<a>".repeat(100_000);
    assert!(matches!(Message::parse(deep.as_bytes()), Err(Error::Malformed { .. })));
    let attributes: String = (0..200_000).map(|number| format!(" a{number}=''")).collect();
    let many = format!("<alive{attributes}/>");
    assert!(matches!(Message::parse(many.as_bytes()), Err(Error::Malformed { .. })));
}
