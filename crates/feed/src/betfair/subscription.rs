//! What is asked of the Exchange Stream API: who asks, for which markets, and how often.

use serde::Serialize;
use std::fmt;

/// The longest conflation that there is, in milliseconds.
pub const CONFLATE_MS_MAX: u32 = 120_000;
/// The shortest and longest time between heartbeats, in milliseconds.
pub const HEARTBEAT_MS_MIN: u32 = 500;
/// The longest time between heartbeats, in milliseconds.
pub const HEARTBEAT_MS_MAX: u32 = 5_000;
/// The most levels of a ladder that can be asked for.
pub const LADDER_LEVELS_MAX: u32 = 10;

/// The two secrets of a session. They stand in no log and no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(super) app_key: String,
    pub(super) session_token: String,
}

impl Credentials {
    /// An application key, and the session token that a login gave.
    pub fn new(app_key: impl Into<String>, session_token: impl Into<String>) -> Self {
        Self { app_key: app_key.into(), session_token: session_token.into() }
    }

    /// A text of the source's, without either secret.
    pub(super) fn redact(&self, text: &str) -> String {
        let secrets = [&self.app_key, &self.session_token].into_iter().filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Which markets. A list that is empty asks for all; a market must be in every list that is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketFilter {
    /// These markets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub market_ids: Vec<String>,
    /// Markets of these sports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_type_ids: Vec<String>,
    /// Markets of these events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_ids: Vec<String>,
    /// Markets of these types, such as `MATCH_ODDS`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub market_types: Vec<String>,
    /// Markets that are bet on so, such as `ODDS`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub betting_types: Vec<String>,
    /// Markets of events in these countries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub country_codes: Vec<String>,
    /// Markets of events at these venues.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub venues: Vec<String>,
    /// Only markets that will, or will not, go in play.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_in_play_enabled: Option<bool>,
}

/// Which of a market's prices to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Prices {
    /// The best offers, those made by cross-matching included (`bdatb`).
    #[serde(rename = "EX_BEST_OFFERS_DISP")]
    BestDisplayed,
    /// The best offers (`batb`).
    #[serde(rename = "EX_BEST_OFFERS")]
    Best,
    /// All offers (`atb`).
    #[serde(rename = "EX_ALL_OFFERS")]
    All,
}

/// A subscription to markets: their definitions and their prices to back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub(super) filter: MarketFilter,
    pub(super) prices: Prices,
    pub(super) ladder_levels: u32,
    pub(super) conflate_ms: u32,
    pub(super) heartbeat_ms: u32,
}

/// Why there is no such subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// Conflation is out of range.
    #[error("conflation is from 0 to {CONFLATE_MS_MAX} ms")]
    Conflation,
    /// The heartbeat is out of range.
    #[error("a heartbeat is from {HEARTBEAT_MS_MIN} to {HEARTBEAT_MS_MAX} ms")]
    Heartbeat,
    /// The number of levels is out of range.
    #[error("a ladder has from 1 to {LADDER_LEVELS_MAX} levels")]
    LadderLevels,
}

impl Subscription {
    /// A subscription to the best displayed price of these markets, not conflated, with the longest
    /// heartbeat.
    pub fn new(filter: MarketFilter) -> Self {
        Self {
            filter,
            prices: Prices::BestDisplayed,
            ladder_levels: 1,
            conflate_ms: 0,
            heartbeat_ms: HEARTBEAT_MS_MAX,
        }
    }

    /// The subscription with these prices, so many levels deep (all offers have no levels).
    ///
    /// # Errors
    /// When there are no ladders of so many levels.
    pub fn with_prices(self, prices: Prices, ladder_levels: u32) -> Result<Self, SubscriptionError> {
        if !(1..=LADDER_LEVELS_MAX).contains(&ladder_levels) {
            return Err(SubscriptionError::LadderLevels);
        }
        Ok(Self { prices, ladder_levels, ..self })
    }

    /// The subscription with changes gathered for so long before they are sent.
    ///
    /// # Errors
    /// When that is too long.
    pub fn with_conflation(self, conflate_ms: u32) -> Result<Self, SubscriptionError> {
        if conflate_ms > CONFLATE_MS_MAX {
            return Err(SubscriptionError::Conflation);
        }
        Ok(Self { conflate_ms, ..self })
    }

    /// The subscription with a sign of life at least that often.
    ///
    /// # Errors
    /// When that is out of range.
    pub fn with_heartbeat(self, heartbeat_ms: u32) -> Result<Self, SubscriptionError> {
        if !(HEARTBEAT_MS_MIN..=HEARTBEAT_MS_MAX).contains(&heartbeat_ms) {
            return Err(SubscriptionError::Heartbeat);
        }
        Ok(Self { heartbeat_ms, ..self })
    }
}
