//! Markets as they are answered, encoded once for all who read the same: only the age differs from one answer to the next.

use crate::problem::Problem;
use crate::wire::markets::Market;
use bytes::Bytes;
use overround_app::MarketBoard;
use overround_domain::ids::MarketId;
use quick_cache::sync::Cache;
use std::sync::Arc;

/// How many markets' texts are kept: those that are read least go first.
const TEXTS_MAX: usize = 10_000;
/// The age in a text that leaves it open. No string in JSON has a bare quotation mark, so it stands there once.
const AGE: &str = r#""age_ms":"#;
const NO_AGE: &str = "null";

/// The texts that were made.
pub struct MarketTexts(Cache<MarketId, Arc<Text>>);

/// A market's text, and what it was made of.
struct Text {
    board: MarketBoard,
    before_age: String,
    after_age: String,
}

impl Default for MarketTexts {
    fn default() -> Self {
        Self(Cache::new(TEXTS_MAX))
    }
}

impl MarketTexts {
    /// The JSON of a [`Market`].
    ///
    /// # Errors
    /// An internal one, if it cannot be encoded.
    pub fn json(&self, board: &MarketBoard) -> Result<Bytes, Problem> {
        let id = board.market.id;
        let text = match self.0.get(&id).filter(|text| text.is_of(board)) {
            Some(text) => text,
            None => {
                let text = Arc::new(Text::new(board)?);
                self.0.insert(id, Arc::clone(&text));
                text
            }
        };
        Ok(text.at_age(board.age_ms))
    }
}

impl Text {
    fn new(board: &MarketBoard) -> Result<Self, Problem> {
        let board = MarketBoard { age_ms: None, ..board.clone() };
        let text = serde_json::to_string(&Market::from(board.clone())).map_err(|error| {
            tracing::error!(%error, market = %board.market.id, "a market cannot be encoded");
            Problem::internal()
        })?;
        let around =
            text.split_once(AGE).and_then(|(before, rest)| Some((before, rest.strip_prefix(NO_AGE)?)));
        let (before, after_age) = around.ok_or_else(|| {
            tracing::error!(market = %board.market.id, "a market's text has no age");
            Problem::internal()
        })?;
        Ok(Self { before_age: format!("{before}{AGE}"), after_age: after_age.to_owned(), board })
    }

    /// Whether that board differs from the text's by its age at most. What is shared is the same without a look into it.
    fn is_of(&self, board: &MarketBoard) -> bool {
        Arc::ptr_eq(&self.board.market, &board.market)
            && Arc::ptr_eq(&self.board.snapshot, &board.snapshot)
            && self.board.confirmed_at == board.confirmed_at
            && self.board.freshness == board.freshness
    }

    fn at_age(&self, age_ms: Option<i64>) -> Bytes {
        let age = age_ms.map(|age_ms| age_ms.to_string());
        let age = age.as_deref().unwrap_or(NO_AGE);
        [&self.before_age, age, &self.after_age].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overround_app::{Freshness, MarketInfo, OutcomeInfo};
    use overround_domain::ids::{EventId, OutcomeId};
    use overround_domain::markets::{MarketKind, MarketStatus, OutcomeStatus, Snapshot, TieRule};
    use overround_domain::time::Timestamp;
    use std::collections::BTreeMap;
    use uuid::Uuid;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000 + ms)
    }

    fn board(version: i64, name: &str) -> MarketBoard {
        let (id, event_id) =
            (MarketId::from_uuid(Uuid::from_u128(1)), EventId::from_uuid(Uuid::from_u128(2)));
        let outcome = OutcomeInfo {
            id: OutcomeId::from_uuid(Uuid::from_u128(3)),
            name: name.to_owned(),
            line: None,
            status: OutcomeStatus::Active,
            result: None,
        };
        let market = MarketInfo {
            id,
            event_id,
            name: name.to_owned(),
            market_type: "MATCH_ODDS".to_owned(),
            kind: MarketKind::Odds,
            number_of_winners: 1,
            tie_rule: TieRule::DeadHeat,
            rules_version: 1,
            outcomes: vec![outcome],
            created_at: at(0),
        };
        let snapshot = Snapshot {
            market_id: id,
            event_id,
            version,
            status_version: 1,
            status: MarketStatus::Open,
            in_play: false,
            bet_delay_ms: 0,
            cutoff_at: None,
            as_of: at(version),
            prices: BTreeMap::new(),
            suspensions: Vec::new(),
        };
        let (market, snapshot) = (Arc::new(market), Arc::new(snapshot));
        MarketBoard {
            market,
            snapshot,
            confirmed_at: Some(at(5)),
            age_ms: Some(7),
            freshness: Freshness::Fresh,
        }
    }

    /// Whatever was asked before, an answer is what the board says now.
    #[test]
    fn a_text_is_that_of_its_board() {
        let first = board(1, r#"a "name" with "age_ms":null"#);
        let boards = [
            first.clone(),
            MarketBoard { age_ms: Some(1_240), ..first.clone() },
            MarketBoard { age_ms: None, confirmed_at: None, freshness: Freshness::Expired, ..first.clone() },
            MarketBoard { freshness: Freshness::Stale, ..first.clone() },
            MarketBoard { confirmed_at: Some(at(9)), ..first.clone() },
            MarketBoard { snapshot: board(2, "").snapshot, ..first.clone() },
            MarketBoard { market: board(1, "renamed").market, ..first.clone() },
        ];
        let texts = MarketTexts::default();
        for before in &boards {
            for now in &boards {
                let _ = texts.json(before).unwrap();
                let wanted = serde_json::to_string(&Market::from(now.clone())).unwrap();
                assert_eq!(texts.json(now).unwrap(), wanted);
            }
        }
    }
}
