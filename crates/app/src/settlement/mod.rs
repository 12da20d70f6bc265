//! Paying the bets of markets whose results are recorded.

mod pay_market;

/// What one run of paying a market did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paid {
    /// Bets that were settled or made void.
    pub bets: u64,
    /// What they returned to their players, in minor units of their currencies.
    pub returned_cents: i64,
}
