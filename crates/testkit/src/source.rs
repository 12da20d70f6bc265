//! Markets as a source describes them, for tests to publish.

use overround_domain::markets::{
    MarketKind, OutcomeStatus, SourceEvent, SourceMarket, SourceOutcome, SourceStatus, TieRule,
};
use overround_domain::odds::Price;

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
