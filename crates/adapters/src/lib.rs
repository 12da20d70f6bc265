//! Connections to providers of market data. What is said over them, and what it means, is the feed's: an
//! adapter moves bytes, keeps time, and tries again.

pub mod betfair;
mod lines;
pub mod price_provider;
