//! The port of price providers that are asked for one market at a time.

use super::SourceMarket;
use std::fmt::Debug;
use std::pin::Pin;
use thiserror::Error;

/// What a provider says of a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The market's complete state.
    pub market: SourceMarket,
    /// For how many milliseconds the provider has known that to be so, on its own clock; 0 or more.
    pub age_ms: i64,
}

/// Why a provider said nothing that can be used. Nothing is sold by it.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// It cannot be reached, or answers too late.
    #[error("the price provider is away: {0}")]
    Away(String),
    /// What it answers is no market's state.
    #[error("the price provider's answer about {key} cannot be used: {detail}")]
    Unusable {
        /// The market that was asked for, by the provider's own id.
        key: String,
        /// What is wrong.
        detail: String,
    },
}

/// A provider's answer, to wait for; none if it does not know the market.
pub type Telling<'a> = Pin<Box<dyn Future<Output = Result<Option<Told>, ProviderError>> + Send + 'a>>;

/// Whoever can be asked what a market's prices are now.
pub trait PriceProvider: Debug + Send + Sync {
    /// The producer whose markets it knows.
    fn producer(&self) -> &str;

    /// Asks for the market with the provider's own id `key`. It fails when the provider is away, or its answer
    /// cannot be used.
    fn told<'a>(&'a self, key: &'a str) -> Telling<'a>;
}
