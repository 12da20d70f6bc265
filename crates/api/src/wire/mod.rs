//! What travels: request and response bodies, apart from the domain's types so that neither binds
//! the other. Field names are the product's (`stake_cents`, `price: {num, den}`).

pub mod accounts;
pub mod bets;
pub mod caps;
pub mod events;
pub mod exposure;
pub mod feeds;
pub mod freezes;
pub mod health;
pub mod input;
pub mod limits;
pub mod markets;
pub mod names;
pub mod producers;
pub mod reports;
pub mod schema;
pub mod statements;
pub mod stream;
pub mod trading;
pub mod wallets;

use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

/// An exact price: the return on one unit of stake, stake included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Price, example = json!({"num": 21, "den": 11}))]
pub struct PriceTerms {
    /// Numerator.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub num: u32,
    /// Denominator.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub den: u32,
}

impl From<Price> for PriceTerms {
    fn from(price: Price) -> Self {
        Self { num: price.num(), den: price.den() }
    }
}

/// An instant on the wire: RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

/// A part of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T: ToSchema> {
    /// The rows.
    pub items: Vec<T>,
    /// Give this as `cursor` to read on; null at the end of the list.
    pub next_cursor: Option<String>,
}
