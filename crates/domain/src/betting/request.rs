//! What a player asks for.

use super::{FillMode, LegType, PricePolicy};
use crate::ids::{MarketId, OutcomeId};
use crate::markets::Line;
use crate::money::{Cents, Currency};
use crate::odds::Price;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// A selection that a player asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct LegRequest {
    /// The market.
    pub market_id: MarketId,
    /// The outcome.
    pub outcome_id: OutcomeId,
    /// The price the player saw.
    pub price: Price,
    /// The handicap or total the player saw, on line markets.
    pub line: Option<Line>,
    /// The market's version the player saw.
    pub market_version: i64,
    /// What kind of selection it is.
    pub leg_type: LegType,
    /// What the client attaches (player id, alternative lines...); kept with the leg.
    pub attrs: Map<String, Value>,
}

/// A bet that a player asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceBet {
    /// The stake in minor units.
    pub stake: Cents,
    /// What becomes of a stake above what may be taken.
    pub fill: FillMode,
    /// Its currency.
    pub currency: Currency,
    /// Which moves of the price are allowed.
    pub price_policy: PricePolicy,
    /// Whether the player means it, though the same bet was placed moments ago.
    pub confirm_duplicate: bool,
    /// The selections, one or more.
    pub legs: Vec<LegRequest>,
}

impl PlaceBet {
    /// A number that is the same for the same stake, currency and selections (market, outcome, line) in
    /// whatever order: the first eight bytes of their SHA-256.
    pub fn fingerprint(&self) -> i64 {
        let mut legs: Vec<_> =
            self.legs.iter().map(|leg| (leg.market_id, leg.outcome_id, leg.line)).collect();
        legs.sort_unstable();
        let mut hash = Sha256::new();
        hash.update(self.stake.get().to_be_bytes());
        hash.update(self.currency.as_str());
        for (market, outcome, line) in legs {
            hash.update(market.uuid().as_bytes());
            hash.update(outcome.uuid().as_bytes());
            hash.update(line.map_or([0xff; 5], |line| {
                let [a, b, c, d] = line.quarters().to_be_bytes();
                [0, a, b, c, d]
            }));
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest.iter().take(8).fold(0_i64, |number, byte| number << 8 | i64::from(*byte))
    }
}

#[cfg(test)]
mod tests;
