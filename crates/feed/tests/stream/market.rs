//! What a market's messages come to.

use crate::*;
use overround_domain::markets::{MarketKind, OutcomeStatus, SourceStatus, TieRule};
use overround_domain::time::Timestamp;

#[test]
fn a_definition_becomes_a_market() {
    let more = r#""inPlay":true,"betDelay":5,"openDate":"2020-05-02T09:00:00.000Z","#;
    let items = play(&[mcm(7, &change(&definition("SUSPENDED", more, RUNNERS)))]);
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].at, Timestamp::from_millis(7));
    let market = &items[0].changed[0];
    assert_eq!(
        (market.key.as_str(), market.market_type.as_str(), market.name.as_str()),
        ("1.1", "MATCH_ODDS", "Match Odds")
    );
    assert_eq!((market.event.key.as_str(), market.event.name.as_str()), ("9", "Tennis event 9"));
    assert_eq!(market.event.sport, "tennis");
    assert_eq!(market.event.starts_at, Some(Timestamp::from_millis(1_588_410_000_000)));
    assert_eq!((market.kind, market.number_of_winners), (MarketKind::Odds, 1));
    assert_eq!((market.status, market.in_play, market.bet_delay_ms), (SourceStatus::Suspended, true, 5000));
    assert_eq!(market.tie_rule, TieRule::DeadHeat);
    let outcomes: Vec<_> =
        market.outcomes.iter().map(|o| (o.key.as_str(), o.name.as_str(), o.position)).collect();
    assert_eq!(outcomes, [("11:0", "Ann", 0), ("22:0", "Player 22", 1)]);
}

#[test]
fn best_price_of_each_ladder() {
    let cases = [
        ("full depth: the highest price", r#""atb":[[1.5,2],[1.7,3],[1.6,1]]"#, price(17, 10)),
        ("full depth before displayed", r#""atb":[[1.5,2]],"bdatb":[[0,1.6,2]]"#, price(3, 2)),
        ("displayed", r#""bdatb":[[1,1.58,9],[0,1.6,2]]"#, price(8, 5)),
        ("displayed without level 0", r#""bdatb":[[0,0,0],[1,1.58,9]]"#, price(79, 50)),
        ("best offers", r#""batb":[[0,101,2]]"#, price(101, 1)),
        ("last traded where there is no book", r#""ltp":3.45"#, price(69, 20)),
        ("no last traded beside a book", r#""ltp":3.45,"atl":[[3.5,1]]"#, None),
        ("a last traded 0 is none", r#""ltp":0"#, None),
        ("no money, no price", r#""atb":[[1.5,0]]"#, None),
    ];
    for (case, fields, expected) in cases {
        let market = market_after(&[open(), prices(2, &format!(r#"{{"id":11,{fields}}}"#))]);
        assert_eq!(best(&market), [expected, None], "{case}");
    }
}

#[test]
fn deltas_add_replace_and_remove_levels() {
    let deltas = [
        (r#""atb":[[1.5,2],[1.6,3]]"#, price(8, 5)),
        (r#""atb":[[1.6,9]]"#, price(8, 5)),
        (r#""atb":[[1.6,0]]"#, price(3, 2)),
        (r#""atb":[[1.6,0],[1.5,0]]"#, None),
        (r#""bdatb":[[0,1.44,2],[1,1.43,2]]"#, price(36, 25)),
        (r#""bdatb":[[0,1.43,4],[1,1.42,2]]"#, price(143, 100)),
        (r#""bdatb":[[0,0,0]]"#, price(71, 50)),
        (r#""atb":[[1.01,500]]"#, price(101, 100)),
    ];
    let mut lines = vec![open()];
    for (step, (fields, expected)) in deltas.into_iter().enumerate() {
        lines.push(prices(2, &format!(r#"{{"id":11,{fields}}}"#)));
        assert_eq!(best(&market_after(&lines)), [expected, None], "after step {step}");
    }
}

#[test]
fn a_message_that_moves_no_price_changes_nothing() {
    let lines = [
        open(),
        prices(2, r#"{"id":11,"atb":[[1.5,2]]}"#),
        prices(3, r#"{"id":11,"atb":[[1.5,7],[1.4,1]],"trd":[[1.5,99]],"tv":3.5}"#),
        prices(4, r#"{"id":22,"atl":[[3.0,7]]}"#),
        mcm(5, &change(&definition("OPEN", "", RUNNERS))),
    ];
    let changed: Vec<usize> = play(&lines).iter().map(|item| item.changed.len()).collect();
    assert_eq!(changed, [1, 1, 0, 0, 0]);
}

#[test]
fn an_image_replaces_prices_and_definition() {
    let lines = [
        open(),
        prices(2, r#"{"id":11,"atb":[[1.5,2]]},{"id":22,"atb":[[2.5,2]]}"#),
        mcm(
            3,
            &change(&format!(
                r#""img":true,{},"rc":[{{"id":11,"atb":[[1.4,2]]}}]"#,
                definition("SUSPENDED", "", RUNNERS)
            )),
        ),
    ];
    let market = market_after(&lines);
    assert_eq!((market.status, best(&market)), (SourceStatus::Suspended, vec![price(7, 5), None]));
    let without_definition = mcm(4, &change(r#""img":true,"rc":[{"id":22,"atb":[[2.4,2]]}]"#));
    let market = market_after(&[lines.to_vec(), vec![without_definition]].concat());
    assert_eq!((market.status, best(&market)), (SourceStatus::Suspended, vec![None, price(12, 5)]));
}

#[test]
fn img_false_is_a_delta() {
    let lines = [
        open(),
        prices(2, r#"{"id":11,"atb":[[1.5,2]]}"#),
        mcm(3, &change(r#""img":false,"con":true,"rc":[{"id":22,"atb":[[2.4,2]]}]"#)),
    ];
    assert_eq!(best(&market_after(&lines)), [price(3, 2), price(12, 5)]);
}

#[test]
fn prices_before_the_definition_are_kept() {
    let lines = [prices(1, r#"{"id":11,"atb":[[1.5,2]]}"#), open()];
    let items = play(&lines);
    assert!(items[0].changed.is_empty());
    assert_eq!(best(&items[1].changed[0]), [price(3, 2), None]);
}

#[test]
fn runner_statuses_become_outcomes_and_results() {
    let runners =
        r#"[{"status":"REMOVED","sortPriority":1,"id":1},{"status":"WINNER","sortPriority":2,"id":2},
        {"status":"LOSER","sortPriority":3,"id":3},{"status":"PLACED","sortPriority":4,"id":4},
        {"status":"HIDDEN","sortPriority":5,"id":5},{"status":"REMOVED_VACANT","sortPriority":6,"id":6},
        {"status":"NEW_WORD","sortPriority":7,"id":7}]"#
            .replace('\n', "");
    let market = market_after(&[mcm(1, &change(&definition("CLOSED", "", &runners)))]);
    let outcomes: Vec<_> = market.outcomes.iter().map(|o| (o.key.as_str(), o.status, o.won)).collect();
    let (active, removed) = (OutcomeStatus::Active, OutcomeStatus::Removed);
    let expected = [
        ("2:0", active, Some(true)),
        ("3:0", active, Some(false)),
        ("4:0", active, Some(true)),
        ("5:0", active, None),
        ("7:0", active, None),
        ("1:0", removed, None),
        ("6:0", removed, None),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(market.status, SourceStatus::Closed);
}

#[test]
fn an_open_market_has_no_results() {
    let runners = r#"[{"status":"WINNER","id":1},{"status":"LOSER","id":2}]"#;
    let market = market_after(&[mcm(1, &change(&definition("SUSPENDED", "", runners)))]);
    assert!(market.outcomes.iter().all(|outcome| outcome.won.is_none()));
}

#[test]
fn an_each_way_market_has_no_results() {
    let runners = r#"[{"status":"WINNER","id":1},{"status":"PLACED","id":2}]"#;
    let closed = definition("CLOSED", "", runners).replace("MATCH_ODDS", "EACH_WAY");
    let market = market_after(&[mcm(1, &change(&closed))]);
    assert!(market.outcomes.iter().all(|outcome| outcome.won.is_none()));
}

#[test]
fn a_removed_runner_has_no_price() {
    let removed = RUNNERS.replacen("ACTIVE", "REMOVED", 1);
    let lines = [
        open(),
        prices(2, r#"{"id":11,"ltp":1.5},{"id":22,"ltp":2.5}"#),
        mcm(3, &change(&definition("OPEN", "", &removed))),
        prices(4, r#"{"id":11,"ltp":1.6}"#),
    ];
    assert_eq!(best(&market_after(&lines)), [price(5, 2), None]);
}

#[test]
fn an_unknown_status_is_suspended() {
    let market = market_after(&[mcm(1, &change(&definition("PONDERING", "", RUNNERS)))]);
    assert_eq!(market.status, SourceStatus::Suspended);
}

#[test]
fn what_a_definition_leaves_out_has_one_safe_reading() {
    let bare = r#""marketDefinition":{"status":null,"bettingType":null,"inPlay":null,"betDelay":null,"runners":[null,{"id":1},{"id":2,"status":null,"hc":null,"sortPriority":null,"name":null}]}"#;
    let market = market_after(&[mcm(1, &change(bare)), prices(2, r#"{"id":1,"atb":[[1.5,1]]}"#)]);
    assert_eq!((market.status, market.kind), (SourceStatus::Suspended, MarketKind::Odds));
    assert_eq!((market.in_play, market.bet_delay_ms, market.number_of_winners), (false, 0, 1));
    let statuses: Vec<_> = market.outcomes.iter().map(|o| (o.status, o.won)).collect();
    assert_eq!(statuses, [(OutcomeStatus::Active, None); 2]);
    assert_eq!(best(&market), [None, None], "whose status is not known is not sold");
}

#[test]
fn numbers_out_of_range_are_clamped() {
    for (fields, winners, delay_ms) in [
        (r#""numberOfWinners":-1,"betDelay":-5,"#, 0, 0),
        (r#""numberOfWinners":2.0,"betDelay":5.0,"#, 2, 5_000),
        (r#""numberOfWinners":99999999999999999999,"betDelay":99999999999,"#, 65_535, 86_400_000),
    ] {
        let definition = definition("OPEN", fields, RUNNERS).replace(r#""numberOfWinners":1,"#, "");
        let market = market_after(&[mcm(1, &change(&definition))]);
        assert_eq!((market.number_of_winners, market.bet_delay_ms), (winners, delay_ms), "{fields}");
    }
}

#[test]
fn a_definition_without_runners_says_nothing_of_them() {
    let full = definition("OPEN", r#""marketName":"x","#, RUNNERS);
    for runners in ["null", "[]", "[null]"] {
        let bare = definition("SUSPENDED", "", runners);
        let market = market_after(&[mcm(1, &change(&full)), mcm(2, &change(&bare))]);
        let keys: Vec<_> = market.outcomes.iter().map(|o| (o.key.as_str(), o.status)).collect();
        assert_eq!(keys, [("11:0", OutcomeStatus::Active), ("22:0", OutcomeStatus::Active)], "{runners}");
        assert_eq!(market.status, SourceStatus::Suspended);
    }
    let alone = market_after(&[mcm(1, &change(&definition("OPEN", "", "null")))]);
    assert!(alone.outcomes.is_empty());
}

#[test]
fn what_a_market_is_stays_where_a_later_definition_leaves_it_out() {
    let asian = definition("OPEN", "", RUNNERS).replace(r#""ODDS""#, r#""ASIAN_HANDICAP_DOUBLE_LINE""#);
    let bare = format!(r#""marketDefinition":{{"status":"SUSPENDED","runners":{RUNNERS}}}"#);
    let before = market_after(&[mcm(1, &change(&asian))]);
    let after = market_after(&[mcm(1, &change(&asian)), mcm(2, &change(&bare))]);
    assert_eq!(after, SourceMarket { status: SourceStatus::Suspended, ..before });
}

#[test]
fn names_once_given_stay() {
    let named = format!(r#""name":"The Final","eventName":"Ann v Bea",{}"#, "");
    let unnamed = RUNNERS.replace(r#","name":"Ann""#, "");
    let lines = [
        mcm(1, &change(&definition("OPEN", &named, RUNNERS))),
        mcm(2, &change(&definition("SUSPENDED", "", &unnamed))),
    ];
    let market = market_after(&lines);
    assert_eq!((market.name.as_str(), market.event.name.as_str()), ("The Final", "Ann v Bea"));
    assert_eq!(market.outcomes[0].name, "Ann");
}

#[test]
fn a_draw_is_an_outcome_where_it_is_listed() {
    let with_draw =
        r#"[{"status":"ACTIVE","id":1},{"status":"ACTIVE","id":2},{"status":"ACTIVE","id":58805}]"#;
    let market = market_after(&[mcm(1, &change(&definition("OPEN", "", with_draw)))]);
    assert_eq!(market.tie_rule, TieRule::DrawIsAnOutcome);
    assert_eq!(market.outcomes[2].name, "The Draw");
}
