//! Markets as a source describes them, for tests to publish; and as Redis holds them.

use overround_domain::ids::{EventId, MarketId};
use overround_domain::markets::{
    MarketKind, MarketStatus, OutcomeStatus, Snapshot, SourceEvent, SourceMarket, SourceOutcome,
    SourceStatus, TieRule,
};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use std::collections::BTreeMap;
use uuid::Uuid;

/// An open match-odds market with one winner: outcomes named `a`, `b`, `c`... at these best back
/// prices. Its event is named after `event`, so that markets of one event can be made.
///
/// # Panics
/// When a price is none.
pub fn match_odds(event: &str, key: &str, best_backs: &[(u32, u32)]) -> SourceMarket {
    SourceMarket {
        key: key.to_owned(),
        event: SourceEvent {
            key: event.to_owned(),
            name: format!("Event {event}"),
            sport: "tennis".to_owned(),
            starts_at: None,
        },
        market_type: "MATCH_ODDS".to_owned(),
        name: "Match Odds".to_owned(),
        kind: MarketKind::Odds,
        number_of_winners: 1,
        tie_rule: TieRule::DeadHeat,
        status: SourceStatus::Open,
        in_play: false,
        bet_delay_ms: 0,
        outcomes: ('a'..)
            .zip(0u32..)
            .zip(best_backs)
            .map(|((name, at), back)| outcome(name, at, *back))
            .collect(),
    }
}

fn outcome(name: char, position: u32, (num, den): (u32, u32)) -> SourceOutcome {
    SourceOutcome {
        key: name.to_string(),
        name: name.to_string(),
        line: None,
        pair: None,
        position,
        status: OutcomeStatus::Active,
        best_back: Some(crate::done("make a price", Price::new(num, den))),
        won: None,
    }
}

/// An open market's snapshot at a version, set at an instant, with nothing on offer.
pub fn snapshot_of(market_id: MarketId, version: i64, as_of: Timestamp) -> Snapshot {
    Snapshot {
        market_id,
        event_id: EventId::from_uuid(Uuid::from_u128(7)),
        version,
        status_version: 1,
        status: MarketStatus::Open,
        in_play: false,
        bet_delay_ms: 0,
        cutoff_at: None,
        as_of,
        prices: BTreeMap::new(),
        suspensions: Vec::new(),
    }
}
