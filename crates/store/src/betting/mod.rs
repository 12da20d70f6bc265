//! `betting`: bets, their legs, what they were settled at, and what limits their stakes.

pub mod account_factors;
pub mod bets;
pub mod legs;
pub mod limits;
pub mod settlements;
