//! `betting`: bets, their legs, and what they were settled at.

pub mod bets;
pub mod legs;
pub mod settlements;
