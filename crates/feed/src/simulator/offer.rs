//! What an exchange offers at a probability.

use overround_domain::odds::{Price, ladder_floor};

/// What an exchange's best offer leaves of the fair price.
const OFFERED: f64 = 0.985;
/// The lowest price of the ladder, in hundredths.
const LOWEST_HUNDREDTHS: u64 = 101;

/// The best price an exchange would show for that probability: the fair one less the offered spread,
/// floored to the ladder and kept inside it. None when there is nothing to price.
pub(super) fn best_back(probability: f64) -> Option<Price> {
    let fair = 100.0 * OFFERED / probability;
    if fair.is_nan() {
        return None;
    }
    // A cast of a float keeps to the bounds of its type; the ladder's top bounds it anyway.
    ladder_floor((fair as u64).max(LOWEST_HUNDREDTHS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_on_the_ladder() {
        for p in (1..1000).map(|n| f64::from(n) / 1000.0) {
            let price = best_back(p).unwrap();
            assert!(price.is_on_ladder(), "{price:?}");
            let fair = 1.0 / p;
            assert!(f64::from(price.num()) / f64::from(price.den()) <= fair.max(1.01), "{price:?} at {p}");
        }
        assert_eq!(best_back(1.0), Price::new(101, 100).ok());
        assert_eq!(best_back(0.0), Price::new(1000, 1).ok());
        assert_eq!(best_back(0.5), Price::new(197, 100).ok());
        assert_eq!(best_back(f64::NAN), None);
    }
}
