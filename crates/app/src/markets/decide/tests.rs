//! What a market becomes, message by message: tables over the pure decision.

use super::*;
use overround_domain::betting::Fraction;
use overround_domain::ids::EventId;
use overround_domain::markets::{Line, OutcomeSuspension, Scope, SourceEvent, SuspensionReason, TieRule};

const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A market that is decided on message by message.
struct Market {
    known: Known,
    jump: Option<JumpLimit>,
    ids: u128,
}

impl Market {
    fn new(kind: MarketKind) -> Self {
        let row = MarketRow {
            id: MarketId::from_uuid(Uuid::from_u128(1)),
            event_id: EventId::from_uuid(Uuid::from_u128(2)),
            producer: "test".to_owned(),
            source: "test".to_owned(),
            source_key: "1.1".to_owned(),
            market_type: "MATCH_ODDS".to_owned(),
            name: "Match Odds".to_owned(),
            kind,
            number_of_winners: 1,
            tie_rule: TieRule::DeadHeat,
            rules_version: 1,
            source_status: SourceStatus::Inactive,
            source_prices: BTreeMap::new(),
            status: MarketStatus::Inactive,
            in_play: false,
            bet_delay_ms: 0,
            cutoff_at: None,
            version: 0,
            status_version: 0,
            created_at: AT,
            margin: None,
            manual_prices: BTreeMap::new(),
        };
        let known = Known::new(row, Vec::new(), None, Holds::default());
        Self { known, jump: None, ids: 100 }
    }

    fn hear(&mut self, source: &SourceMarket) -> Decided {
        let pricing = Pricing { margin: Margin::HOUSE, jump: self.jump };
        let ids = &mut self.ids;
        let mut new_id = || {
            *ids += 1;
            Uuid::from_u128(*ids)
        };
        let decided = decide(&self.known, source, AT, pricing, &mut new_id);
        let (row, outcomes) = (decided.row.clone(), decided.outcomes.clone());
        self.known = Known::new(row, outcomes, Some(decided.snapshot.clone()), self.known.holds.clone());
        decided
    }
}

fn price(num: u32, den: u32) -> Option<Price> {
    Some(Price::new(num, den).unwrap())
}

fn runner(position: u32, best_back: Option<Price>) -> SourceOutcome {
    SourceOutcome {
        key: format!("r{position}"),
        name: format!("Runner {position}"),
        line: None,
        pair: None,
        position,
        status: OutcomeStatus::Active,
        best_back,
        won: None,
    }
}

fn market(outcomes: Vec<SourceOutcome>) -> SourceMarket {
    SourceMarket {
        key: "1.1".to_owned(),
        event: SourceEvent {
            key: "e".to_owned(),
            name: "A v B".to_owned(),
            sport: "tennis".to_owned(),
            starts_at: None,
        },
        market_type: "MATCH_ODDS".to_owned(),
        name: "Match Odds".to_owned(),
        kind: MarketKind::Odds,
        number_of_winners: 1,
        tie_rule: TieRule::DeadHeat,
        status: SourceStatus::Open,
        in_play: false,
        bet_delay_ms: 0,
        outcomes,
    }
}

fn three() -> SourceMarket {
    market(vec![runner(0, price(3, 1)), runner(1, price(3, 1)), runner(2, price(3, 1))])
}

fn closed_by(source: &mut SourceMarket, winner: usize) {
    source.status = SourceStatus::Closed;
    for (index, outcome) in source.outcomes.iter_mut().enumerate() {
        outcome.won = Some(index == winner);
    }
}

fn versions(decided: &Decided) -> (i64, i64) {
    (decided.snapshot.version, decided.snapshot.status_version)
}

#[test]
fn each_kind_of_change_moves_what_it_should() {
    type Change = fn(&mut SourceMarket);
    let cases: [(&str, Change, (i64, i64)); 9] = [
        ("nothing", |_| {}, (1, 1)),
        ("a name", |market| market.name = "Winner".to_owned(), (1, 1)),
        ("the order of the list", |market| market.outcomes[0].position = 7, (1, 1)),
        ("a price", |market| market.outcomes[0].best_back = price(2, 1), (2, 1)),
        ("in play", |market| market.in_play = true, (2, 1)),
        ("the delay", |market| market.bet_delay_ms = 5_000, (2, 1)),
        ("a status", |market| market.status = SourceStatus::Suspended, (2, 2)),
        ("a runner that is removed", |market| market.outcomes[2].status = OutcomeStatus::Removed, (2, 2)),
        ("a runner that comes", |market| market.outcomes.push(runner(3, price(5, 1))), (2, 2)),
    ];
    for (what, change, expected) in cases {
        let mut one = Market::new(MarketKind::Odds);
        assert_eq!(versions(&one.hear(&three())), (1, 1), "the first version");
        let mut source = three();
        change(&mut source);
        let decided = one.hear(&source);
        assert_eq!(versions(&decided), expected, "{what}");
        assert_eq!(decided.is_new, expected.0 == 2, "{what}");
        let moves = if expected.1 == 2 { FenceChange::Move } else { FenceChange::None };
        assert_eq!(decided.fence, moves, "{what}");
        assert!(!one.hear(&source).is_new, "{what}: the same again is no change");
    }
}

#[test]
fn the_status_follows_from_source_holds_and_prices() {
    use HoldKind as H;
    use MarketStatus as M;
    use SourceStatus as S;
    let cases = [
        (S::Open, None, true, M::Open),
        (S::Open, None, false, M::Suspended),
        (S::Open, Some(H::Suspended), true, M::Suspended),
        (S::Open, Some(H::Review), true, M::Suspended),
        (S::Open, Some(H::Closed), true, M::Closed),
        (S::Suspended, None, true, M::Suspended),
        (S::Suspended, Some(H::Closed), true, M::Closed),
        (S::Inactive, None, true, M::Inactive),
        (S::Inactive, Some(H::Suspended), true, M::Inactive),
        (S::Closed, None, true, M::Closed),
        (S::Closed, Some(H::Suspended), false, M::Closed),
    ];
    for (source, held, sellable, expected) in cases {
        assert_eq!(effective_status(source, held, sellable), expected, "{source:?} {held:?} {sellable}");
    }
}

#[test]
fn a_market_that_is_not_all_priced_is_suspended_and_shows_no_price() {
    let mut one = Market::new(MarketKind::Odds);
    let mut source = three();
    source.outcomes[1].best_back = None;
    let decided = one.hear(&source);
    assert_eq!(decided.row.status, MarketStatus::Suspended);
    assert!(decided.snapshot.prices.is_empty());
    assert_eq!(decided.snapshot.suspensions.len(), 3);
    assert_eq!(one.hear(&three()).row.status, MarketStatus::Open);
}

#[test]
fn an_outcome_that_the_source_leaves_out_is_a_non_runner_for_good() {
    let mut one = Market::new(MarketKind::Odds);
    let gone = one.hear(&three()).outcomes[2].id;
    let mut source = three();
    source.outcomes.pop();
    let decided = one.hear(&source);
    assert_eq!((decided.removed.as_slice(), decided.updated.len()), (&[gone][..], 1));
    assert_eq!((decided.row.status, versions(&decided)), (MarketStatus::Open, (2, 2)));
    assert_eq!(decided.snapshot.prices.len(), 2);
    assert!(!one.hear(&source).is_new, "it goes once");
    let back = one.hear(&three());
    assert!(!back.is_new && back.removed.is_empty(), "and does not come back");
    closed_by(&mut source, 0);
    let settled = one.hear(&source);
    assert_eq!(settled.result, Recorded::Recorded);
    assert_eq!(settled.results.unwrap()[&gone], LegResult::refund(Some("NON_RUNNER".to_owned())));
}

#[test]
fn a_message_without_outcomes_says_nothing_of_them() {
    let mut one = Market::new(MarketKind::Odds);
    one.hear(&three());
    let decided = one.hear(&market(Vec::new()));
    assert!(decided.removed.is_empty() && decided.updated.is_empty());
    assert_eq!(decided.row.status, MarketStatus::Suspended, "nothing is priced");
    assert_eq!(one.hear(&three()).row.status, MarketStatus::Open);
}

#[test]
fn a_market_is_settled_by_the_rules_it_was_first_seen_with() {
    type Change = fn(&mut SourceMarket);
    let all_win: Change = |source| source.outcomes.iter_mut().for_each(|outcome| outcome.won = Some(true));
    let cases: [(&str, Change); 4] = [
        ("its tie rule", |source| source.tie_rule = TieRule::DrawIsAnOutcome),
        ("its kind", |source| source.kind = MarketKind::Line),
        ("its places", |source| source.number_of_winners = 3),
        ("its places, unknown now", |source| source.number_of_winners = 0),
    ];
    for (what, change) in cases {
        let mut one = Market::new(MarketKind::Odds);
        one.hear(&three());
        let mut source = three();
        change(&mut source);
        assert_eq!(one.hear(&source).row.status, MarketStatus::Open, "{what}: prices are by the first, too");
        source.status = SourceStatus::Closed;
        all_win(&mut source);
        let settled = one.hear(&source);
        let heat = LegResult::dead_heat(Fraction::new(1, 3).unwrap());
        assert_eq!(settled.row.number_of_winners, 1, "{what}");
        assert!(settled.results.unwrap().values().all(|result| *result == heat), "{what}");
    }
}

#[test]
fn a_number_of_winners_that_was_not_known_becomes_known_once() {
    let mut one = Market::new(MarketKind::Odds);
    one.known.row.number_of_winners = 0;
    for (said, kept) in [(0, 0), (2, 2), (1, 2), (0, 2)] {
        let source = SourceMarket { number_of_winners: said, ..three() };
        assert_eq!(one.hear(&source).row.number_of_winners, kept, "after {said}");
    }
    let mut line = Market::new(MarketKind::Line);
    line.known.row.number_of_winners = 0;
    assert_eq!(line.hear(&three()).row.number_of_winners, 0, "lines have none");
}

#[test]
fn lines_are_sold_pair_by_pair() {
    let pair = |number: u32, line: i32, backs: [Option<Price>; 2]| {
        let side = |at: u32, back| SourceOutcome {
            key: format!("{line}/{at}"),
            line: Some(Line::from_quarters(line)),
            pair: Some(number),
            ..runner(number * 2 + at, back)
        };
        vec![side(0, backs[0]), side(1, backs[1])]
    };
    let mut outcomes = pair(0, 2, [price(2, 1), price(2, 1)]);
    outcomes.extend(pair(1, 4, [price(2, 1), None]));
    outcomes.extend(pair(2, 6, [price(153, 100), price(61, 2)]));
    let mut source = SourceMarket { kind: MarketKind::Line, number_of_winners: 0, ..market(outcomes) };
    let mut one = Market::new(MarketKind::Line);
    let decided = one.hear(&source);
    assert_eq!(decided.row.status, MarketStatus::Open);
    assert_eq!(decided.snapshot.prices.len(), 2);
    assert!(decided.snapshot.prices.values().all(|quote| quote.line == Some(Line::from_quarters(2))));

    source.outcomes[0].line = Some(Line::from_quarters(3));
    assert_eq!(versions(&one.hear(&source)), (2, 2), "a line that changes moves the fence");
    let fewer = SourceMarket { outcomes: source.outcomes[..2].to_vec(), ..source.clone() };
    let decided = one.hear(&fewer);
    assert!(decided.removed.is_empty(), "a line that is not offered any more is no non-runner");
    assert_eq!(decided.row.status, MarketStatus::Open);
    source.outcomes[1].best_back = None;
    assert_eq!(one.hear(&source).row.status, MarketStatus::Suspended, "no whole pair is left");
    source.status = SourceStatus::Closed;
    source.outcomes[0].won = Some(true);
    let decided = one.hear(&source);
    assert!(matches!(decided.result, Recorded::NeedsManual(_)), "lines are settled by score");
    assert_eq!(decided.row.status, MarketStatus::Closed);
}

#[test]
fn a_removed_runner_never_comes_back() {
    let mut one = Market::new(MarketKind::Odds);
    one.hear(&three());
    let mut source = three();
    source.outcomes[2].status = OutcomeStatus::Removed;
    let decided = one.hear(&source);
    let gone = decided.outcomes[2].id;
    assert_eq!(decided.removed, [gone]);
    assert_eq!(decided.row.status, MarketStatus::Open, "the others are all priced");
    let decided = one.hear(&three());
    assert!(!decided.is_new && decided.removed.is_empty());
    assert_eq!(
        decided.snapshot.suspensions,
        [OutcomeSuspension { outcome_id: gone, reason: SuspensionReason::Removed }]
    );
}

#[test]
fn closing_with_a_winner_settles_and_nothing_comes_after() {
    let mut one = Market::new(MarketKind::Odds);
    let open = one.hear(&three());
    let mut source = three();
    source.status = SourceStatus::Closed;
    for outcome in &mut source.outcomes {
        outcome.best_back = None;
    }
    let closed = one.hear(&source);
    assert_eq!((closed.row.status, closed.result.clone()), (MarketStatus::Closed, Recorded::None));
    assert_eq!(closed.snapshot.prices, open.snapshot.prices, "the last prices stand");
    for (index, outcome) in source.outcomes.iter_mut().enumerate() {
        outcome.won = Some(index == 1);
    }
    let settled = one.hear(&source);
    assert_eq!((settled.row.status, versions(&settled)), (MarketStatus::Settled, (3, 3)));
    let results = settled.results.unwrap();
    let won: Vec<bool> = settled.outcomes.iter().map(|row| results[&row.id].won).collect();
    assert_eq!(won, [false, true, false]);
    let after = one.hear(&three());
    assert_eq!((after.is_new, after.result), (false, Recorded::None));
}

#[test]
fn a_trader_s_suspension_outlives_the_source_s_open_but_not_its_result() {
    let mut one = Market::new(MarketKind::Odds);
    one.hear(&three());
    one.known.holds.own = Some(HoldKind::Suspended);
    assert_eq!(one.hear(&three()).row.status, MarketStatus::Suspended);
    one.known.holds = Holds { group: Some(HoldKind::Suspended), ..Holds::default() };
    assert_eq!(one.hear(&three()).row.status, MarketStatus::Suspended, "whatever its scope");
    let mut source = three();
    closed_by(&mut source, 0);
    assert_eq!(one.hear(&source).row.status, MarketStatus::Settled);
}

#[test]
fn an_outcome_that_is_held_leaves_the_others_on_sale_and_moves_the_fence() {
    let mut one = Market::new(MarketKind::Odds);
    let open = one.hear(&three());
    let held = open.outcomes[1].id;
    one.known.holds.outcomes.insert(held);
    let decided = one.hear(&three());
    assert_eq!((decided.row.status, versions(&decided)), (MarketStatus::Open, (2, 2)));
    assert_eq!(
        decided.snapshot.suspensions,
        [OutcomeSuspension { outcome_id: held, reason: SuspensionReason::Trader }]
    );
    let others = |snapshot: &Snapshot| {
        let prices = snapshot.prices.iter().filter(|(id, _)| **id != held);
        prices.map(|(id, quote)| (*id, quote.clone())).collect::<Vec<_>>()
    };
    assert_eq!(others(&decided.snapshot), others(&open.snapshot), "at the prices of before");
    let mut moved = three();
    moved.outcomes[0].best_back = price(5, 2);
    assert_eq!(versions(&one.hear(&moved)), (3, 2), "a price moves no fence");
    moved.outcomes[1].best_back = None;
    assert_eq!(one.hear(&moved).row.status, MarketStatus::Suspended, "it must be priced all the same");
    one.hear(&three());
    one.known.holds.outcomes.clear();
    let back = one.hear(&three());
    assert_eq!((back.snapshot.prices, back.fence), (open.snapshot.prices, FenceChange::Move));
}

#[test]
fn a_market_all_of_whose_outcomes_are_held_is_suspended() {
    let mut one = Market::new(MarketKind::Odds);
    let open = one.hear(&three());
    one.known.holds.outcomes = open.outcomes.iter().map(|row| row.id).collect();
    assert_eq!(one.hear(&three()).row.status, MarketStatus::Suspended);
}

#[test]
fn what_an_act_decides_is_what_the_last_message_would() {
    let mut one = Market::new(MarketKind::Odds);
    let open = one.hear(&three());
    let holds = Holds { own: Some(HoldKind::Suspended), ..Holds::default() };
    let (row, offers) = decide_again(&one.known, one.known.row.clone(), &holds, Margin::HOUSE);
    assert_eq!((row.status, &offers.prices), (MarketStatus::Suspended, &open.snapshot.prices));
    let (row, offers) = decide_again(&one.known, one.known.row.clone(), &Holds::default(), Margin::HOUSE);
    assert_eq!((row.status, offers.prices), (MarketStatus::Open, open.snapshot.prices));
}

#[test]
fn a_trader_s_price_stands_in_for_the_source_s_also_where_that_has_none() {
    let mut one = Market::new(MarketKind::Odds);
    let open = one.hear(&three());
    let ids: Vec<OutcomeId> = open.outcomes.iter().map(|row| row.id).collect();
    let shown = |decided: &Decided| -> Vec<Option<String>> {
        ids.iter().map(|id| Some(decided.snapshot.prices.get(id)?.price.decimal())).collect()
    };
    let some = |prices: [&str; 3]| prices.map(|price| Some(price.to_owned())).to_vec();
    one.known.row.manual_prices.extend(price(10, 1).map(|price| (ids[1], price)));
    let decided = one.hear(&three());
    assert_eq!((shown(&decided), versions(&decided)), (some(["2.88", "10.00", "2.88"]), (2, 1)));
    let mut source = three();
    source.outcomes[1].best_back = None;
    assert_eq!(one.hear(&source).row.status, MarketStatus::Suspended, "the others cannot be normalized");
    for id in [ids[0], ids[2]] {
        one.known.row.manual_prices.extend(price(2, 1).map(|price| (id, price)));
    }
    let decided = one.hear(&source);
    assert_eq!((shown(&decided), decided.row.status), (some(["2.00", "10.00", "2.00"]), MarketStatus::Open));
}

#[test]
fn a_price_that_jumps_while_on_sale_suspends_its_market_for_review() {
    let open = || {
        let mut one = Market::new(MarketKind::Odds);
        one.jump = JumpLimit::new(40);
        one.hear(&three());
        one
    };
    let moved = |back: (u32, u32)| {
        let mut source = three();
        source.outcomes[0].best_back = price(back.0, back.1);
        source
    };
    let mut one = open();
    assert_eq!(one.hear(&moved((7, 2))).review, None, "not too far");
    let jumped = one.hear(&moved((6, 1)));
    assert_eq!(
        (jumped.row.status, versions(&jumped), jumped.fence),
        (MarketStatus::Suspended, (3, 2), FenceChange::Move)
    );
    let review = jumped.review.unwrap();
    let told = "the price of Runner 0 moved from 3.20 to 4.80 in one message, by more than 40 %";
    assert_eq!((review.scope, review.kind), (Scope::Market(jumped.row.id), Some(HoldKind::Review)));
    assert_eq!((review.actor.as_str(), review.reason.as_str()), ("house", told));
    assert!(
        jumped.snapshot.prices.values().any(|quote| quote.price.decimal() == "4.80"),
        "shown where it went"
    );
    one.known.holds.own = review.kind;
    assert_eq!(one.hear(&moved((2, 1))).review, None, "it is held already");

    // What the source suspends in between may come back at any price.
    let mut goal = open();
    let suspended = SourceMarket { status: SourceStatus::Suspended, ..moved((30, 1)) };
    assert_eq!(goal.hear(&suspended).review, None);
    assert_eq!(goal.hear(&moved((2, 1))).row.status, MarketStatus::Open);
    // A price that goes is no price that moves.
    let mut gone = open();
    let mut source = three();
    source.outcomes[0].best_back = None;
    assert_eq!(gone.hear(&source).review, None);
    let mut off = open();
    off.jump = None;
    assert_eq!(off.hear(&moved((1000, 1))).row.status, MarketStatus::Open);
}
