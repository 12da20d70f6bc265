//! `betting`: bets, their legs, what they were settled at, what limits their stakes, and what the
//! open ones come to.

pub mod account_factors;
pub mod allowances;
pub mod bets;
pub mod caps;
pub mod day_payouts;
pub mod exposure;
pub mod legs;
pub mod limits;
pub mod settlements;
