//! The power method of applying a margin, in whole numbers.
//!
//! With p the fair probabilities of a book, of which `winners` win, the margined ones are p^k, with the one exponent
//! k in (0, 1) at which they sum to `winners * (1 + margin)`. (S. Clarke, S. Kovalchik, M. Ingram, "Adjusting
//! bookmaker's odds to allow for overround", American Journal of Sports Science 5(6), 2017,
//! doi:10.11648/j.ajss.20170506.12, take a margin off a book by a power; this puts it on.) The sum falls from the number of outcomes at k = 0 to `winners` at
//! k = 1 and is convex in k, so that it is at least what is wanted from 0 up to exactly one k, and below it after.
//!
//! Numbers are whole multiples of 2^-62, and p^k is the product of those of p^(1/2), p^(1/4), p^(1/8)... that are
//! the binary digits of k: each the integer square root of the one before. The digits of k are found from the first
//! on, each set where the sum stays large enough. So the same book has the same prices on every machine.
//!
//! All is rounded down, some hundred times, so that a margined probability is too small by less than 2^-55/p of
//! itself: by 2^-45 at a price of 1000. k is too small by less than 2^-48. The probabilities sum to no less than is
//! wanted, and those that were in an order stay in it.

/// One, in multiples of 2^-62.
pub(super) const ONE: u64 = 1 << FRACTION_BITS;

const FRACTION_BITS: u32 = 62;

/// How many binary digits of the exponent are found.
const EXPONENT_BITS: u32 = 48;

/// Probabilities below one raised to the largest power at which they still sum to `wanted`. All are one where
/// nothing less will do.
pub(super) fn raised(fair: &[u64], wanted: u128) -> Vec<u64> {
    let mut raised = vec![ONE; fair.len()];
    let mut roots = fair.to_vec();
    for _ in 0..EXPONENT_BITS {
        roots.iter_mut().for_each(|root| *root = square_root(*root));
        let tried: Vec<u64> = raised.iter().zip(&roots).map(|(one, root)| product(*one, *root)).collect();
        if tried.iter().copied().map(u128::from).sum::<u128>() >= wanted {
            raised = tried;
        }
    }
    raised
}

/// Of a number that is at most one.
fn square_root(one: u64) -> u64 {
    u64::try_from((u128::from(one) << FRACTION_BITS).isqrt()).unwrap_or(ONE)
}

/// Of two numbers that are at most one.
fn product(one: u64, other: u64) -> u64 {
    u64::try_from((u128::from(one) * u128::from(other)) >> FRACTION_BITS).unwrap_or(ONE)
}

#[cfg(test)]
mod tests {
    use super::{ONE, raised};

    /// The published example of the R package `implied` (its README, "The power method"): fair
    /// probabilities and margins of three football matches, and the odds in hundredths that they come from.
    const PUBLISHED: [([u64; 3], u64, [u64; 3]); 3] = [
        ([2_311_414, 2_630_644, 5_057_942], 211_860, [420, 370, 195]),
        ([4_003_156, 2_627_189, 3_369_655], 232_611, [245, 370, 290]),
        ([4_667_139, 2_908_985, 2_423_876], 634_628, [205, 320, 380]),
    ];

    /// In multiples of 10^-7.
    fn of(ten_millionths: u64) -> u64 {
        u64::try_from((u128::from(ten_millionths) << 62) / 10_000_000).unwrap()
    }

    #[test]
    fn the_published_example_comes_out() {
        for (fair, margin, odds) in PUBLISHED {
            let wanted = u128::from(of(10_000_000 + margin));
            let raised = raised(&fair.map(of), wanted);
            for (one, odds) in raised.iter().zip(odds) {
                // In hundred-thousandths: the example is given in seven digits.
                let found = (u128::from(ONE) * 100_000 / u128::from(*one)) as u64;
                assert!(found.abs_diff(odds * 1_000) <= 5, "{found} and not {odds} hundredths");
            }
        }
    }

    #[test]
    fn the_sum_is_what_is_wanted_to_the_last_digits() {
        for (fair, margin, ..) in PUBLISHED {
            let wanted = u128::from(of(10_000_000 + margin));
            let sum: u128 = raised(&fair.map(of), wanted).into_iter().map(u128::from).sum();
            assert!(sum >= wanted && sum - wanted < 1 << (62 - 44), "{}", sum - wanted);
        }
    }

    #[test]
    fn a_margin_that_is_too_large_leaves_only_certainties() {
        assert_eq!(raised(&[ONE / 2, ONE / 2], 3 * u128::from(ONE)), [ONE, ONE]);
    }
}
