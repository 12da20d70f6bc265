//! The markets of a simulated match.

use super::TICK_MS;
use super::offer::best_back;
use super::sides::Sides;
use crate::Applied;
use overround_domain::markets::{
    MarketKind, OutcomeStatus, SourceEvent, SourceMarket, SourceOutcome, SourceStatus, TieRule,
};
use overround_domain::time::Timestamp;

/// What a market asks, in matches of one sport. Exactly one of its outcomes wins.
pub(super) trait Question: Copy {
    /// How a match of the sport stands.
    type Standing;

    fn market_type(self) -> String;

    fn name(self) -> String;

    /// Key and name of each outcome, in their order.
    fn outcomes(self, sides: &Sides<String>) -> Vec<(&'static str, String)>;

    fn tie_rule(self) -> TieRule {
        TieRule::DeadHeat
    }

    /// The probability of each outcome, in their order.
    fn probabilities(self, standing: &Self::Standing) -> Vec<f64>;

    /// The place of the outcome that has won, once that is certain.
    fn winner(self, standing: &Self::Standing) -> Option<usize>;
}

/// How markets that are not decided are sold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sale {
    pub(super) status: SourceStatus,
    pub(super) in_play: bool,
    pub(super) bet_delay_ms: i64,
}

/// One market of a match.
#[derive(Debug, Clone)]
struct Board<Q> {
    question: Q,
    market: SourceMarket,
}

/// All markets of a match, message by message.
#[derive(Debug)]
pub(super) struct Sheet<Q> {
    boards: Vec<Board<Q>>,
    start: Timestamp,
    /// How many messages were sent.
    sent: i64,
}

impl<Q: Question> Sheet<Q> {
    /// The markets of a match whose first message is at `start`, not on sale yet.
    pub(super) fn new(questions: &[Q], event: &SourceEvent, sides: &Sides<String>, start: Timestamp) -> Self {
        let boards = questions.iter().map(|question| Board::new(*question, event, sides)).collect();
        Self { boards, start, sent: 0 }
    }

    /// The next message: the markets that changed by how the match stands now, all of them in the first one.
    pub(super) fn next(&mut self, standing: &Q::Standing, sale: &Sale, headline: Option<String>) -> Applied {
        let is_first = self.sent == 0;
        let changed = self.boards.iter_mut().filter_map(|board| {
            let changed = board.update(standing, sale);
            (changed || is_first).then(|| board.market.clone())
        });
        let changed: Vec<SourceMarket> = changed.collect();
        let at = self.start.plus_millis(self.sent.saturating_mul(TICK_MS));
        self.sent += 1;
        Applied { at, heartbeat: changed.is_empty(), changed, stale_upstream: false, headline }
    }

    /// Every market as it stands after the last message.
    pub(super) fn markets(&self) -> impl Iterator<Item = &SourceMarket> {
        self.boards.iter().map(|board| &board.market)
    }
}

impl<Q: Question> Board<Q> {
    fn new(question: Q, event: &SourceEvent, sides: &Sides<String>) -> Self {
        let market_type = question.market_type();
        let market = SourceMarket {
            key: format!("{}:{market_type}", event.key),
            event: event.clone(),
            name: question.name(),
            market_type,
            kind: MarketKind::Odds,
            number_of_winners: 1,
            tie_rule: question.tie_rule(),
            status: SourceStatus::Inactive,
            in_play: false,
            bet_delay_ms: 0,
            outcomes: (0..).zip(question.outcomes(sides)).map(outcome).collect(),
        };
        Self { question, market }
    }

    /// Brings the market to this standing. Returns whether it changed.
    fn update(&mut self, standing: &Q::Standing, sale: &Sale) -> bool {
        if self.market.status == SourceStatus::Closed {
            return false;
        }
        let before = self.market.clone();
        let winner = self.question.winner(standing);
        self.market.in_play = sale.in_play;
        self.market.bet_delay_ms = sale.bet_delay_ms;
        self.market.status = if winner.is_some() { SourceStatus::Closed } else { sale.status };
        if let Some(winner) = winner {
            for (place, outcome) in self.market.outcomes.iter_mut().enumerate() {
                outcome.won = Some(place == winner);
            }
        } else if sale.status != SourceStatus::Suspended {
            // While it is suspended the last prices stand; it opens again at new ones.
            let probabilities = self.question.probabilities(standing);
            for (outcome, probability) in self.market.outcomes.iter_mut().zip(probabilities) {
                outcome.best_back = best_back(probability);
            }
        }
        self.market != before
    }
}

fn outcome((position, (key, name)): (u32, (&str, String))) -> SourceOutcome {
    SourceOutcome {
        key: key.to_owned(),
        name,
        line: None,
        pair: None,
        position,
        status: OutcomeStatus::Active,
        best_back: None,
        won: None,
    }
}
