use super::{LineBet, ThreeWaySide, line_result, three_way_result};
use crate::betting::{LegResult, leg_factor, stake_share};
use crate::markets::Line;
use crate::test_support::{config, price};
use num_rational::BigRational;
use num_traits::{FromPrimitive, One};
use proptest::prelude::*;

fn line(text: &str) -> Line {
    text.parse().unwrap()
}

#[test]
fn handicaps_by_score() {
    // Own score, opponent's, line, result.
    let cases = [
        (2, 1, "-0.5", LegResult::win()),
        (2, 1, "-0.75", LegResult::half_win()),
        (2, 1, "-1", LegResult::refund(None)),
        (2, 1, "-1.25", LegResult::half_lose()),
        (2, 1, "-1.5", LegResult::lose()),
        (0, 0, "0", LegResult::refund(None)),
        (0, 0, "0.25", LegResult::half_win()),
        (0, 0, "-0.25", LegResult::half_lose()),
        (1, 3, "2", LegResult::refund(None)),
        (1, 3, "2.5", LegResult::win()),
        (i32::MAX, 0, "-0.5", LegResult::win()),
        (i32::MIN, i32::MAX, "0.5", LegResult::lose()),
    ];
    for (own, opponent, text, result) in cases {
        let bet = LineBet::Handicap { own, opponent };
        assert_eq!(line_result(bet, line(text)), result, "{own}:{opponent} {text}");
    }
}

#[test]
fn totals_by_score() {
    let cases = [
        (3, "2.5", LegResult::win(), LegResult::lose()),
        (3, "2.75", LegResult::half_win(), LegResult::half_lose()),
        (3, "3", LegResult::refund(None), LegResult::refund(None)),
        (3, "3.25", LegResult::half_lose(), LegResult::half_win()),
        (3, "3.5", LegResult::lose(), LegResult::win()),
    ];
    for (total, text, over, under) in cases {
        assert_eq!(line_result(LineBet::Over { total }, line(text)), over, "over {text}");
        assert_eq!(line_result(LineBet::Under { total }, line(text)), under, "under {text}");
    }
}

#[test]
fn a_three_way_handicap_has_no_push() {
    use ThreeWaySide::{Draw, Opponent, Own};
    for (own, opponent, text, winner) in [(2, 0, "-1", Own), (1, 0, "-1", Draw), (0, 0, "-1", Opponent)] {
        for side in [Own, Draw, Opponent] {
            let result = three_way_result(side, own, opponent, line(text));
            assert_eq!(result, if side == winner { LegResult::win() } else { LegResult::lose() });
        }
    }
}

proptest! {
    #![proptest_config(config())]

    /// At a price of 2 the two sides of a line share twice the stake, whatever the score.
    #[test]
    fn the_sides_of_a_line_mirror_each_other(own in 0..30_i32, opponent in 0..30_i32, quarters in -80..80_i32) {
        let here = line_result(LineBet::Handicap { own, opponent }, Line::from_quarters(quarters));
        let there = LineBet::Handicap { own: opponent, opponent: own };
        let there = line_result(there, Line::from_quarters(-quarters));
        let even = price(2, 1);
        let two = BigRational::from_u8(2).unwrap();
        prop_assert_eq!(leg_factor(even, &here) + leg_factor(even, &there), two);

        let total = own + opponent;
        let over = line_result(LineBet::Over { total }, Line::from_quarters(quarters));
        let under = line_result(LineBet::Under { total }, Line::from_quarters(quarters));
        prop_assert!(stake_share(&over) + stake_share(&under) >= BigRational::one());
        prop_assert_eq!(over.void, under.void);
    }
}
