//! What players read from the API: the fields of its answers that they use.

use overround_domain::ids::BetId;
use overround_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A price on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Numerator.
    pub num: u32,
    /// Denominator.
    pub den: u32,
}

impl Terms {
    /// Whether `current` is a price that a player who saw this one takes under `policy`.
    pub fn takes(self, current: Self, policy: &str) -> bool {
        let now = u128::from(current.num) * u128::from(self.den);
        let seen = u128::from(self.num) * u128::from(current.den);
        match policy.strip_prefix("WITHIN_").map(str::parse::<u128>) {
            Some(Ok(tolerance)) => now * 100 >= seen * (100 - tolerance.min(100)),
            _ => match policy {
                "ANY" => true,
                "HIGHER" => now >= seen,
                _ => now == seen,
            },
        }
    }
}

/// A market as `GET /v1/markets/{market_id}` shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Board {
    /// The market.
    pub id: String,
    /// The house's status of it.
    pub status: String,
    /// The version of the prices.
    pub version: i64,
    /// The outcomes.
    pub outcomes: Vec<Selection>,
}

/// An outcome of a [`Board`].
#[derive(Debug, Clone, Deserialize)]
pub struct Selection {
    /// The outcome.
    pub id: String,
    /// The handicap or total, on line markets.
    #[serde(default)]
    pub line: Option<String>,
    /// Its price; none when it is not on offer.
    #[serde(default)]
    pub price: Option<Terms>,
}

/// The receipt of an accepted bet.
#[derive(Debug, Clone, Deserialize)]
pub struct Receipt {
    /// The bet.
    pub id: String,
    /// The return if every leg wins.
    pub potential_payout_cents: i64,
    /// The legs by position.
    pub legs: Vec<ReceiptLeg>,
}

/// A leg as it was filled.
#[derive(Debug, Clone, Deserialize)]
pub struct ReceiptLeg {
    /// The price.
    pub price: Terms,
}

/// An account.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// The account.
    pub id: String,
    /// What can be staked.
    pub balance_cents: i64,
}

/// The part of a problem answer that players look at.
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// The refusal's code.
    pub code: String,
}

/// A page of an account's bets.
#[derive(Debug, Clone, Deserialize)]
pub struct BetPage {
    /// The bets.
    pub items: Vec<BetState>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

impl BetPage {
    /// The bets placed since then, and where they go on: the newest come first, so that the rest is older
    /// once one is.
    pub fn since(self, since: Timestamp) -> (Vec<BetState>, Option<String>) {
        let all = self.items.len();
        let recent = |bet: &BetState| bet.id.created_at().is_none_or(|placed_at| placed_at >= since);
        let bets: Vec<BetState> = self.items.into_iter().take_while(recent).collect();
        let more = self.next_cursor.filter(|_| bets.len() == all);
        (bets, more)
    }
}

/// A bet as it stands.
#[derive(Debug, Clone, Deserialize)]
pub struct BetState {
    /// The bet: its id says when it was placed.
    pub id: BetId,
    /// PENDING, SETTLED or VOID.
    pub status: String,
    /// How it ended.
    pub result: Option<String>,
    /// Paid back so far.
    pub return_cents: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn bets_are_read_until_one_is_older() {
        let bet = |ms: u128| BetState {
            id: BetId::from_uuid(Uuid::from_u128(ms << 80 | 7 << 76 | 2 << 62)),
            status: "PENDING".to_owned(),
            result: None,
            return_cents: 0,
        };
        let cases: [(&[u128], usize, bool); 4] =
            [(&[9, 7, 5], 3, true), (&[9, 5, 4], 2, false), (&[4, 3], 0, false), (&[], 0, true)];
        for (placed, read, goes_on) in cases {
            let items = placed.iter().map(|ms| bet(*ms)).collect();
            let page = BetPage { items, next_cursor: Some("c".to_owned()) };
            let (bets, more) = page.since(Timestamp::from_millis(5));
            assert_eq!((bets.len(), more.is_some()), (read, goes_on), "{placed:?}");
        }
    }

    #[test]
    fn policies_take_what_they_say() {
        let (two, low, high) =
            (Terms { num: 2, den: 1 }, Terms { num: 19, den: 10 }, Terms { num: 21, den: 10 });
        let cases = [
            ("NONE", [true, false, false]),
            ("HIGHER", [true, false, true]),
            ("ANY", [true, true, true]),
            ("WITHIN_5", [true, true, true]),
            ("WITHIN_4", [true, false, true]),
        ];
        for (policy, expected) in cases {
            assert_eq!([two, low, high].map(|now| two.takes(now, policy)), expected, "{policy}");
        }
    }
}
