//! What messages make of markets.

use crate::synthetic::*;
use crate::*;
use overround_domain::markets::{Line, MarketKind, OutcomeStatus, SourceStatus, TieRule};
use overround_domain::time::Timestamp;
use overround_feed::health::{Health, State, UOF_SILENCE_MS_MAX};
use overround_feed::uof::Said;
use std::collections::BTreeSet;

#[test]
fn recorded_odds_change() {
    let Some(bytes) = recorded("odds_change-0.xml") else { return };
    let message = Message::parse(&bytes).unwrap();
    let mut feed = Feed::default();
    let heard = feed.apply(&message);
    assert_eq!((heard.producer, feed.at()), (Some(2), Timestamp::from_millis(1234)));
    let stands: Vec<_> =
        markets(&heard.changed).map(|one| (one.key.as_str(), one.status, one.outcomes.len())).collect();
    assert_eq!(
        stands,
        [
            ("sr:match:123/47/score=41.5", SourceStatus::Open, 2),
            ("sr:match:123/48/score=42.5", SourceStatus::Open, 2),
            ("sr:match:123/49", SourceStatus::Inactive, 0),
            ("sr:match:123/123/game=3|point=1|set=2", SourceStatus::Suspended, 2),
            ("sr:match:123/188", SourceStatus::Open, 5),
            ("sr:match:123/899", SourceStatus::Open, 36),
            ("sr:match:123/145/variant=sr:point_range:76+", SourceStatus::Closed, 5),
            ("sr:match:123/888/player=sr:player:361790", SourceStatus::Open, 4),
            ("sr:match:123/891/goalnr=1|player=sr:player:122702", SourceStatus::Open, 4),
        ]
    );
    let changed: Vec<_> = markets(&heard.changed).collect();
    assert!(changed.iter().all(|market| market.in_play && market.number_of_winners == 0));
    assert_eq!(best(changed[0]), [price(28, 25), price(48, 25)]);
    // Outcomes with active="0" stay listed and are not offered.
    assert_eq!(best(changed[4]).iter().filter(|price| price.is_none()).count(), 2);
    assert!(changed[4].outcomes.iter().all(|outcome| outcome.status == OutcomeStatus::Active));
    assert_eq!(changed[0].name, "Market 47 (score=41.5)");
    assert_eq!((feed.counts().refused_odds, feed.counts().outdated), (0, 0));

    assert!(feed.apply(&message).changed.is_empty(), "a repetition changes nothing");
}

#[test]
fn a_known_market_has_names_and_rules() {
    let market = market_after(&[three_way(3, 1, "", ["1.5", "4.2", "6.0"])]);
    let names: Vec<_> = market.outcomes.iter().map(|outcome| outcome.name.as_str()).collect();
    assert_eq!((market.name.as_str(), names), ("1x2", vec!["Home", "Draw", "Away"]));
    assert_eq!((market.kind, market.number_of_winners), (MarketKind::Odds, 1));
    assert_eq!((market.tie_rule, market.status), (TieRule::DrawIsAnOutcome, SourceStatus::Open));
    assert_eq!(best(&market), [price(3, 2), price(21, 5), price(6, 1)]);
}

#[test]
fn a_known_market_without_all_its_outcomes_has_no_prices() {
    let two = odds(3, 1, r#"<market id="1"><outcome id="1" odds="2"/><outcome id="3" odds="2"/></market>"#);
    assert_eq!(best(&market_after(&[two])), [None, None]);
    let strange = odds(3, 2, r#"<market id="1"><outcome id="99" odds="2"/></market>"#);
    let market = market_after(&[three_way(3, 1, "", ["2", "3", "4"]), strange]);
    assert_eq!(best(&market), [None; 4]);
}

#[test]
fn handicaps_and_totals_are_lines() {
    let cases = [
        (18, "total=2.5", ["12", "13"], ["Over 2.5", "Under 2.5"], [10, 10]),
        (16, "hcp=-0.75", ["1714", "1715"], ["Home -0.75", "Away +0.75"], [-3, 3]),
        (223, "hcp=+10.5", ["1714", "1715"], ["Home +10.5", "Away -10.5"], [42, -42]),
        (225, "total=201", ["12", "13"], ["Over 201", "Under 201"], [804, 804]),
    ];
    for (id, specifiers, [a, b], names, lines) in cases {
        let market = market_after(&[odds(
            1,
            1,
            &format!(
                r#"<market id="{id}" specifiers="{specifiers}"><outcome id="{b}" odds="1.9"/><outcome id="{a}" odds="2"/><outcome id="x" odds="2"/></market>"#
            ),
        )]);
        assert_eq!(
            (market.kind, market.number_of_winners, market.tie_rule),
            (MarketKind::Line, 0, TieRule::Push)
        );
        let shown: Vec<_> = market.outcomes.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(shown, names);
        assert!(
            market.outcomes.iter().map(|one| one.line).eq(lines.map(|line| Some(Line::from_quarters(line))))
        );
        assert!(market.outcomes.iter().all(|one| one.pair == Some(0)));
        assert_eq!(best(&market), [price(2, 1), price(19, 10)]);
    }
}

#[test]
fn a_line_that_is_no_quarter_is_kept_and_cannot_be_sold() {
    let text = r#"<market id="18" specifiers="total=2.1"><outcome id="12" odds="2"/><outcome id="13" odds="2"/></market>"#;
    let market = market_after(&[odds(1, 1, text)]);
    assert_eq!((market.kind, market.number_of_winners), (MarketKind::Odds, 0));
}

#[test]
fn specifiers_are_one_key_however_they_are_listed() {
    let first = odds(1, 1, r#"<market id="123" specifiers="set=2|game=3"/>"#);
    let second = odds(1, 2, r#"<market id="123" specifiers="game=3|set=2" status="-1"/>"#);
    assert_eq!(market_after(&[first, second]).status, SourceStatus::Suspended);
}

#[test]
fn statuses_are_those_of_the_feed() {
    let cases = [
        ("", SourceStatus::Open),
        (r#"status="1""#, SourceStatus::Open),
        (r#"status="0""#, SourceStatus::Inactive),
        (r#"status="-1""#, SourceStatus::Suspended),
        (r#"status="-2""#, SourceStatus::Suspended),
        (r#"status="-3""#, SourceStatus::Closed),
        (r#"status="-4""#, SourceStatus::Closed),
        (r#"status="7""#, SourceStatus::Suspended),
    ];
    for (attributes, status) in cases {
        let market = market_after(&[three_way(1, 1, attributes, ["2", "3", "4"])]);
        assert_eq!(market.status, status, "{attributes}");
        assert!(market.outcomes.iter().all(|outcome| outcome.won.is_none()));
    }
}

#[test]
fn odds_that_are_no_price_are_counted_and_not_offered() {
    for odds in ["0", "1", "1.0", "NaN", "-2.5", "Infinity", "INF", "1e400", "0x2", "2,5", "1e9"] {
        let (heard, feed) = play(&[three_way(1, 1, "", [odds, "3", "4"])]);
        assert_eq!(best(&heard.changed[0].market), [None, price(3, 1), price(4, 1)], "{odds}");
        assert_eq!(feed.counts().refused_odds, 1, "{odds}");
    }
}

#[test]
fn an_outcome_left_out_or_inactive_is_not_offered_and_no_non_runner() {
    let whole = three_way(1, 1, "", ["2", "3", "4"]);
    let inactive = whole.replace(r#"odds="3" active="1""#, r#"odds="3" active="0""#);
    for second in [
        inactive,
        odds(1, 1, r#"<market id="1"><outcome id="1" odds="2"/><outcome id="3" odds="4"/></market>"#),
    ] {
        let market = market_after(&[whole.clone(), second]);
        assert_eq!(best(&market), [price(2, 1), None, price(4, 1)]);
        assert!(market.outcomes.iter().all(|outcome| outcome.status == OutcomeStatus::Active));
    }
}

#[test]
fn an_older_message_never_overwrites_a_newer_one() {
    let (new, old) = (three_way(1, 20, "", ["2", "3", "4"]), three_way(1, 10, "", ["5", "6", "7"]));
    let (heard, feed) = play(&[new.clone(), old]);
    assert!(heard.changed.is_empty());
    assert_eq!(feed.at(), Timestamp::from_millis(20), "the feed's instant does not go back");
    assert_eq!(feed.counts().outdated, 1);
    let (heard, _) = play(&[new.clone(), new]);
    assert!(heard.changed.is_empty());
}

#[test]
fn a_stop_moves_active_markets_of_its_groups() {
    let open = three_way(1, 10, "", ["2", "3", "4"]);
    let inactive = three_way(1, 10, r#"status="0""#, ["2", "3", "4"]);
    let cases = [
        (&open, r#"groups="all""#, SourceStatus::Suspended),
        (&open, r#"groups="all" market_status="0""#, SourceStatus::Inactive),
        (&open, r#"groups="all" market_status="-1""#, SourceStatus::Suspended),
        (&open, r#"groups="all" market_status="1""#, SourceStatus::Suspended),
        (&open, "", SourceStatus::Suspended),
        (&open, r#"groups="corners|score""#, SourceStatus::Suspended),
        (&open, r#"groups="corners""#, SourceStatus::Open),
        (&inactive, r#"groups="all""#, SourceStatus::Inactive),
    ];
    for (before, attributes, status) in cases {
        assert_eq!(
            market_after(&[before.clone(), bet_stop(1, 11, attributes)]).status,
            status,
            "{attributes}"
        );
    }
    // The groups of an unknown market are not known: every stop is its.
    let unknown = odds(1, 10, r#"<market id="47"/>"#);
    assert_eq!(
        market_after(&[unknown, bet_stop(1, 11, r#"groups="corners""#)]).status,
        SourceStatus::Suspended
    );
}

#[test]
fn a_stop_holds_until_newer_prices_in_any_order_of_arrival() {
    let (open, stop, again) = (
        three_way(1, 10, "", ["2", "3", "4"]),
        bet_stop(1, 20, r#"groups="all""#),
        three_way(1, 30, "", ["2", "3", "4"]),
    );
    let stopped = [
        vec![open.clone(), stop.clone()],
        vec![stop.clone(), open.clone()],
        vec![open.clone(), stop.clone(), open.clone()],
    ];
    for messages in stopped {
        assert_eq!(market_after(&messages).status, SourceStatus::Suspended);
    }
    for messages in [vec![open.clone(), stop.clone(), again.clone()], vec![again, open, stop]] {
        assert_eq!(market_after(&messages).status, SourceStatus::Open);
    }
}

#[test]
fn a_market_is_handed_over_from_one_producer_to_another() {
    let prematch = three_way(3, 10, "", ["2", "3", "4"]);
    let handed_over = three_way(3, 20, r#"status="-2""#, ["2", "3", "4"]);
    let live = three_way(1, 15, "", ["5", "6", "7"]);
    let of_live = [price(5, 1), price(6, 1), price(7, 1)];

    let waiting = market_after(&[prematch.clone(), handed_over.clone()]);
    assert_eq!((waiting.status, best(&waiting)), (SourceStatus::Suspended, vec![None; 3]));
    for messages in [
        vec![prematch.clone(), live.clone(), handed_over.clone()],
        vec![prematch.clone(), handed_over, live.clone()],
    ] {
        let market = market_after(&messages);
        assert_eq!((market.status, best(&market)), (SourceStatus::Open, of_live.to_vec()));
    }
    // What live has suspended does not come back at a price from before the start.
    let goal = three_way(1, 30, r#"status="-1""#, ["5", "6", "7"]);
    let late = three_way(3, 40, "", ["2", "3", "4"]);
    assert_eq!(market_after(&[prematch.clone(), live, goal, late]).status, SourceStatus::Suspended);
    // What live has not begun with stays with the prices from before the start.
    let booked = three_way(1, 5, r#"status="0""#, ["5", "6", "7"]);
    assert_eq!(market_after(&[booked, prematch]).status, SourceStatus::Open);
}

#[test]
fn of_two_producers_of_a_market_the_better_one_that_is_up_owns_it() {
    let mut feed = Feed::new(vec![4, 1]);
    let owners = |changed: &[Said]| -> Vec<(u32, SourceStatus)> {
        changed.iter().map(|said| (said.producer, said.market.status)).collect()
    };
    let by = |producer: u32, at: i64| parse(&three_way(producer, at, "", ["2", "3", "4"]));
    assert!(feed.trust(1, true).is_empty());
    assert_eq!(owners(&feed.apply(&by(1, 10)).changed), [(1, SourceStatus::Open)]);
    // Better, and not up yet: what it says is kept.
    assert!(feed.apply(&by(4, 11)).changed.is_empty());
    assert_eq!(owners(&feed.trust(4, true)), [(4, SourceStatus::Open)]);
    // From now on the other one's word is kept only.
    assert!(feed.apply(&parse(&three_way(1, 12, r#"status="-1""#, ["2", "3", "4"]))).changed.is_empty());
    assert!(feed.apply(&by(1, 13)).changed.is_empty());
    // It stays its owner while it has suspended it, and gives it back by falling silent, by handing it over, by calling it
    // inactive, and by leaving it out of its recovery.
    let stopped = parse(&three_way(4, 14, r#"status="-1""#, ["2", "3", "4"]));
    assert_eq!(owners(&feed.apply(&stopped).changed), [(4, SourceStatus::Suspended)]);
    assert_eq!(owners(&feed.trust(4, false)), [(1, SourceStatus::Open)]);
    assert_eq!(owners(&feed.trust(4, true)), [(4, SourceStatus::Suspended)]);
    for (at, status) in [(20, -2), (30, 0)] {
        let gives = three_way(4, at, &format!(r#"status="{status}""#), ["2", "3", "4"]);
        assert_eq!(owners(&feed.apply(&parse(&gives)).changed), [(1, SourceStatus::Open)], "{status}");
        assert_eq!(owners(&feed.apply(&by(4, at + 1)).changed), [(4, SourceStatus::Open)], "{status}");
    }
    assert_eq!(owners(&feed.withdraw_unnamed(4, &BTreeSet::new())), [(1, SourceStatus::Open)]);
    assert_eq!(owners(&feed.apply(&by(4, 40)).changed), [(4, SourceStatus::Open)]);
    // Neither is up: the better one's it stays, and nobody sells it.
    assert!(feed.trust(1, false).is_empty() && feed.trust(4, false).is_empty());
    assert_eq!(owners(&feed.forget_producer(4)), [(1, SourceStatus::Open)]);
    assert!(feed.forget_producer(1).is_empty() && feed.markets().next().is_none());
}

#[test]
fn prices_from_before_the_start_do_not_come_back_when_live_falls_silent() {
    let mut feed = Feed::default();
    feed.trust(3, true);
    feed.trust(1, true);
    for (producer, owner) in [(3, 3), (1, 1)] {
        let heard = feed.apply(&parse(&three_way(producer, 10, "", ["2", "3", "4"])));
        assert_eq!(heard.changed[0].producer, owner);
    }
    assert!(feed.trust(1, false).is_empty(), "its hold keeps the market off sale");
    assert!(feed.withdraw_unnamed(3, &BTreeSet::new()).is_empty());
}

#[test]
fn all_markets_of_an_event_go_in_play_with_it() {
    let first = odds(3, 10, r#"<market id="1"/><market id="186"/>"#);
    let running = odds_change(1, 20, r#"<sport_event_status status="1"/>"#);
    let (heard, mut feed) = play(&[first, running]);
    assert_eq!(heard.changed.len(), 2);
    assert!(markets(&heard.changed).all(|market| market.in_play));
    let before = odds_change(1, 15, r#"<sport_event_status status="0"/>"#);
    assert!(feed.apply(&parse(&before)).changed.is_empty(), "the older word does not count");
    let over = odds_change(1, 30, r#"<sport_event_status status="3"/>"#);
    assert_eq!(feed.apply(&parse(&over)).changed.len(), 2);
}

#[test]
fn the_settlement_family_moves_no_market() {
    let open = three_way(1, 10, "", ["2", "3", "4"]);
    for message in [BET_SETTLEMENT, BET_CANCEL_SUPERCEDED, ROLLBACK_BET_SETTLEMENT, FIXTURE_CHANGE] {
        let (heard, feed) = play(&[open.clone(), message.to_owned()]);
        assert!(heard.changed.is_empty());
        assert_eq!(feed.markets().next().unwrap().status, SourceStatus::Open);
    }
}

#[test]
fn signs_of_life_move_the_health_of_their_producer() {
    let mut feed = Feed::default();
    let mut health = Health::new(UOF_SILENCE_MS_MAX);
    let mut hear = |text: &str, health: &mut Health| {
        let sign = feed.apply(&parse(text)).sign.unwrap();
        health.heard(sign, Timestamp::from_millis(1));
        health.state()
    };
    assert_eq!(hear(ALIVE, &mut health), State::Recovering);
    health.recovery_requested(42);
    assert_eq!(hear(ALIVE, &mut health), State::Recovering);
    assert_eq!(hear(SNAPSHOT_COMPLETE, &mut health), State::Up);
    assert_eq!(hear(ALIVE, &mut health), State::Up);
    assert_eq!(hear(ALIVE_AFTER_A_GAP, &mut health), State::Recovering);
}

#[test]
fn an_event_that_is_forgotten_begins_anew() {
    let open = three_way(1, 10, "", ["2", "3", "4"]);
    let (_, mut feed) = play(std::slice::from_ref(&open));
    feed.forget("sr:match:1");
    assert_eq!(feed.markets().count(), 0);
    assert_eq!(feed.apply(&parse(&open)).changed.len(), 1);
}

#[test]
fn a_message_names_its_markets_and_says_when_nothing_in_it_is_news() {
    let mut feed = Feed::default();
    let (old, new) = (three_way(1, 10, "", ["2", "3", "4"]), three_way(1, 20, "", ["2", "3", "5"]));
    let heard = feed.apply(&parse(&new));
    assert_eq!((heard.named, heard.outdated), (vec!["sr:match:1/1".to_owned()], false));
    let again = feed.apply(&parse(&new));
    assert!(again.changed.is_empty() && !again.outdated && again.named.len() == 1);
    let late = feed.apply(&parse(&old));
    assert!(late.changed.is_empty() && late.outdated && late.named.len() == 1);
    let alive = feed.apply(&parse(ALIVE));
    assert!(alive.named.is_empty() && !alive.outdated);
}

#[test]
fn events_that_were_not_heard_of_for_long_are_forgotten() {
    let (_, mut feed) = play(&[three_way(1, 10, "", ["2", "3", "4"])]);
    feed.forget_before(Timestamp::from_millis(10));
    assert_eq!(feed.markets().count(), 1);
    feed.forget_before(Timestamp::from_millis(11));
    assert_eq!((feed.markets().count(), feed.at()), (0, Timestamp::from_millis(10)));
}

#[test]
fn what_a_recovery_does_not_name_is_taken_back_until_it_is_said_anew() {
    let open = three_way(1, 10, "", ["2", "3", "4"]);
    let (_, mut feed) = play(std::slice::from_ref(&open));
    let named = BTreeSet::from(["sr:match:1/1".to_owned()]);
    assert!(feed.withdraw_unnamed(1, &named).is_empty());
    let gone = feed.withdraw_unnamed(1, &BTreeSet::new());
    assert_eq!(
        (gone[0].market.status, best(&gone[0].market)),
        (SourceStatus::Suspended, vec![None, None, None])
    );
    assert!(feed.withdraw_unnamed(1, &BTreeSet::new()).is_empty());
    // Neither a change of the event nor what is older brings it back; the same words anew do.
    let run = odds_change(1, 11, r#"<sport_event_status status="1"/>"#);
    assert_eq!(feed.apply(&parse(&run)).changed[0].market.status, SourceStatus::Suspended);
    assert!(feed.apply(&parse(&three_way(1, 9, "", ["2", "3", "4"]))).changed.is_empty());
    let anew = feed.apply(&parse(&three_way(1, 12, "", ["2", "3", "4"]))).changed;
    assert_eq!((anew[0].market.status, best(&anew[0].market)[0]), (SourceStatus::Open, price(2, 1)));
}
