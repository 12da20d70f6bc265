//! Chance, the same on every machine.

use super::sides::Sides;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A number from 0 to below 1, of 53 random bits: exact, and the same on every machine.
pub(super) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    const BITS: u32 = 53;
    (rng.next_u64() >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64
}

/// A number from -1 to below 1.
pub(super) fn signed_unit(rng: &mut ChaCha8Rng) -> f64 {
    2.0 * unit(rng) - 1.0
}

/// One of so many, from 0.
pub(super) fn index(rng: &mut impl Rng, count: usize) -> usize {
    usize::try_from(rng.next_u32()).unwrap_or(0) % count.max(1)
}

/// Two different names of a list.
pub(super) fn two_of(names: &[&str], rng: &mut impl Rng) -> Sides<String> {
    let count = names.len();
    let first = index(rng, count);
    // One of the others: a step of 1 to count - 1 around the ring.
    let second = (first + 1 + index(rng, count.saturating_sub(1))) % count.max(1);
    let name = |place: usize| names.get(place).copied().unwrap_or_default().to_owned();
    Sides { home: name(first), away: name(second) }
}
