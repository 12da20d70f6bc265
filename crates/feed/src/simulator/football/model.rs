//! The pricing model: goals of the two sides are independent Poisson processes.
//!
//! Only the four basic operations are used, which IEEE 754 defines to the last bit, so that a seed
//! gives the same prices on every machine. (A library's `exp` may differ in the last bit.)

use crate::simulator::sides::Sides;

/// Goals of one side beyond which a match's probability is nothing that a price could show.
const GOALS_MAX: u32 = 24;
/// Halvings of the exponent before the series, and squarings after it.
const EXP_HALVINGS: u32 = 8;
/// Terms of the series of the exponential function; the argument is below 1/8.
const EXP_TERMS: u32 = 12;
/// The probabilities of home win, draw and away win at this score with these goals expected yet.
pub(super) fn match_odds(score: Sides<u32>, expected: Sides<f64>) -> [f64; 3] {
    let (home, away) = (poisson(expected.home), poisson(expected.away));
    let mut results = [0.0; 3];
    for (scored, p_home) in (score.home..).zip(&home) {
        for (conceded, p_away) in (score.away..).zip(&away) {
            let [win, draw, loss] = &mut results;
            let result = match scored.cmp(&conceded) {
                std::cmp::Ordering::Greater => win,
                std::cmp::Ordering::Equal => draw,
                std::cmp::Ordering::Less => loss,
            };
            *result += p_home * p_away;
        }
    }
    let total: f64 = results.iter().sum();
    results.map(|p| p / total)
}

/// The probability that the match ends with more than `line` goals.
pub(super) fn over(line: u32, score: Sides<u32>, expected: Sides<f64>) -> f64 {
    let Some(missing) = line.checked_sub(score.home + score.away) else { return 1.0 };
    // The sum of two Poisson counts is one.
    let at_most: f64 = poisson(expected.home + expected.away).iter().zip(0..=missing).map(|(p, _)| p).sum();
    (1.0 - at_most).max(0.0)
}

/// The probability that both sides end with a goal.
pub(super) fn both_score(score: Sides<u32>, expected: Sides<f64>) -> f64 {
    let scores = |scored: u32, expected: f64| if scored > 0 { 1.0 } else { 1.0 - exp_of_minus(expected) };
    scores(score.home, expected.home) * scores(score.away, expected.away)
}

/// The probabilities of 0, 1, 2... goals where `mean` are expected.
fn poisson(mean: f64) -> Vec<f64> {
    let mut p = exp_of_minus(mean);
    let mut probabilities = Vec::new();
    for goals in 0..=GOALS_MAX {
        probabilities.push(p);
        p *= mean / f64::from(goals + 1);
    }
    probabilities
}

/// e^-x for x from 0 to 32: the series for x / 2^8, squared eight times.
fn exp_of_minus(x: f64) -> f64 {
    let y = -x / f64::from(1_u32 << EXP_HALVINGS);
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..=EXP_TERMS {
        term *= y / f64::from(n);
        sum += term;
    }
    (0..EXP_HALVINGS).fold(sum, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::offer::best_back;
    use proptest::prelude::*;

    fn sides<T>(home: T, away: T) -> Sides<T> {
        Sides { home, away }
    }

    #[test]
    fn exponential_is_right() {
        for tenths in 0..320 {
            let x = f64::from(tenths) / 10.0;
            assert!((exp_of_minus(x) - (-x).exp()).abs() < 1e-13, "{x}");
        }
    }

    #[test]
    fn known_probabilities() {
        // Worked out with another language's exponential function.
        let [home, draw, away] = match_odds(sides(0, 0), sides(1.5, 1.1));
        let cases = [
            (home, 0.464_244_185_787),
            (draw, 0.257_667_214_776),
            (away, 0.278_088_599_437),
            (over(2, sides(0, 0), sides(1.5, 1.1)), 0.481_570_424_064),
            (both_score(sides(0, 0), sides(1.5, 1.1)), 0.518_272_334_368),
        ];
        for (got, expected) in cases {
            assert!((got - expected).abs() < 1e-11, "{got} is not {expected}");
        }
    }

    proptest! {
        #[test]
        fn probabilities_are_consistent(
            home in 0.0..6.0_f64, away in 0.0..6.0_f64, scored in 0_u32..6, conceded in 0_u32..6,
        ) {
            let (score, expected) = (sides(scored, conceded), sides(home, away));
            let results = match_odds(score, expected);
            prop_assert!((results.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let overs: Vec<f64> = (0..8).map(|line| over(line, score, expected)).collect();
            prop_assert!(overs.windows(2).all(|pair| pair[0] >= pair[1] - 1e-12));
            let all = results.iter().chain(&overs).copied().chain([both_score(score, expected)]);
            for p in all {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&p));
                prop_assert!(best_back(p).is_some());
            }
            // Both sides scoring means at least two goals.
            prop_assert!(both_score(score, expected) <= over(1, score, expected) + 1e-9);
        }
    }
}
