use super::{NON_RUNNER, ResultError, results_from_winners};
use crate::betting::LegResult;
use crate::ids::OutcomeId;
use crate::markets::{MarketKind, OutcomeStatus, TieRule};
use crate::test_support::{config, fraction, uuid};
use proptest::prelude::*;

fn id(n: u64) -> OutcomeId {
    OutcomeId::from_uuid(uuid(n))
}

/// The results of outcomes spelled W winner, L loser, R removed, ? undecided.
fn results(spelled: &str, winners: u32, tie: TieRule) -> Result<Vec<LegResult>, ResultError> {
    let outcome = |(n, letter): (u64, char)| match letter {
        'W' => (id(n), OutcomeStatus::Active, Some(true)),
        'L' => (id(n), OutcomeStatus::Active, Some(false)),
        'R' => (id(n), OutcomeStatus::Removed, None),
        _ => (id(n), OutcomeStatus::Active, None),
    };
    let outcomes: Vec<_> = (1..).zip(spelled.chars()).map(outcome).collect();
    let results = results_from_winners(MarketKind::Odds, winners, tie, &outcomes)?;
    Ok(results.into_values().collect())
}

#[test]
fn what_winners_mean_for_each_outcome() {
    let (win, lose) = (LegResult::win(), LegResult::lose());
    let void = LegResult::refund(Some(NON_RUNNER.to_owned()));
    let shared = LegResult::dead_heat(fraction(1, 2));
    let push = LegResult::refund(None);
    let cases = [
        ("WL", 1, TieRule::DeadHeat, vec![&win, &lose]),
        ("LWR", 1, TieRule::DeadHeat, vec![&lose, &win, &void]),
        ("WLW", 1, TieRule::DeadHeat, vec![&shared, &lose, &shared]),
        ("WWL", 1, TieRule::Push, vec![&push, &push, &lose]),
        ("LLW", 1, TieRule::DrawIsAnOutcome, vec![&lose, &lose, &win]),
        ("WWLW", 3, TieRule::DeadHeat, vec![&win, &win, &lose, &win]),
        // Double chance, and a place market of which only two finished.
        ("WWL", 2, TieRule::DrawIsAnOutcome, vec![&win, &win, &lose]),
        ("WWL", 3, TieRule::DeadHeat, vec![&win, &win, &lose]),
        ("WL", 0, TieRule::DeadHeat, vec![&win, &lose]),
    ];
    for (spelled, winners, tie, expected) in cases {
        let expected: Vec<LegResult> = expected.into_iter().cloned().collect();
        assert_eq!(results(spelled, winners, tie), Ok(expected), "{spelled} of {winners} under {tie}");
    }
}

#[test]
fn what_takes_a_person_is_refused() {
    let too_many = |winners, number_of_winners| ResultError::NeedsPositions { winners, number_of_winners };
    let cases = [
        ("LL", 1, TieRule::DeadHeat, ResultError::NoWinner),
        ("RR", 1, TieRule::DeadHeat, ResultError::NoWinner),
        ("", 1, TieRule::DeadHeat, ResultError::NoWinner),
        ("W?", 1, TieRule::DeadHeat, ResultError::Undecided(id(2))),
        ("WWWL", 2, TieRule::DeadHeat, too_many(3, 2)),
        ("WWL", 1, TieRule::DrawIsAnOutcome, too_many(2, 1)),
    ];
    for (spelled, winners, tie, error) in cases {
        assert_eq!(results(spelled, winners, tie), Err(error), "{spelled} of {winners} under {tie}");
    }
}

#[test]
fn a_line_is_never_settled_from_winners_and_losers() {
    let outcomes = [(id(1), OutcomeStatus::Active, Some(true)), (id(2), OutcomeStatus::Active, Some(false))];
    let results = results_from_winners(MarketKind::Line, 1, TieRule::DeadHeat, &outcomes);
    assert_eq!(results, Err(ResultError::NeedsScore));
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_dead_heat_shares_one_win(winners in 1..=20_u32, losers in 0..=20_usize) {
        let spelled = "W".repeat(usize::try_from(winners).unwrap()) + &"L".repeat(losers);
        let results = results(&spelled, 1, TieRule::DeadHeat).unwrap();
        let won = results.iter().filter(|result| result.won);
        prop_assert!(won.clone().all(|result| result.dead_heat == fraction(1, winners)));
        prop_assert_eq!(won.count(), usize::try_from(winners).unwrap());
    }
}
