//! What the unit tests share: a deterministic property-test configuration, ids and strategies.

use crate::betting::{Fraction, LegResult, VoidFactor};
use crate::money::{Cents, Currency};
use crate::odds::{Price, ladder};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use uuid::Uuid;

/// The same cases in every run, and no files left behind.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(20_261_124),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The n-th of distinct UUIDs.
pub(crate) fn uuid(n: u64) -> Uuid {
    Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | n)
}

pub(crate) fn price(num: u32, den: u32) -> Price {
    Price::new(num, den).unwrap()
}

pub(crate) fn cents(cents: i64) -> Cents {
    Cents::new(cents)
}

pub(crate) fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

pub(crate) fn fraction(num: u32, den: u32) -> Fraction {
    Fraction::new(num, den).unwrap()
}

/// A table of transitions: a row for each status, in it an `x` for each that it can become, else a dot.
pub(crate) fn transitions<S: Copy>(all: &[S], can_become: fn(S, S) -> bool) -> Vec<String> {
    let mark = |from: S, to: S| if can_become(from, to) { 'x' } else { '.' };
    all.iter().map(|from| all.iter().map(|to| mark(*from, *to)).collect()).collect()
}

/// Any price: of the ladder, of small terms, or of any.
pub(crate) fn any_price() -> impl Strategy<Value = Price> {
    let ladder: Vec<Price> = ladder().collect();
    let of_terms = |max: u32| {
        (1..max, 2..=max).prop_filter_map("a price is above 1", |(den, num)| Price::new(num, den).ok())
    };
    prop_oneof![proptest::sample::select(ladder), of_terms(50), of_terms(1_000_000)]
}

/// Any result a leg can have.
pub(crate) fn any_result() -> impl Strategy<Value = LegResult> {
    let dead_heat = (1_u32..6).prop_flat_map(|den| (1..=den).prop_map(move |num| fraction(num, den)));
    let void = proptest::sample::select(VoidFactor::ALL);
    let reason = proptest::option::of(Just("CANCELLED".to_owned()));
    (any::<bool>(), void, dead_heat, reason).prop_map(|(won, void, dead_heat, void_reason)| LegResult {
        won,
        void,
        dead_heat,
        void_reason,
    })
}
