//! The markets of a simulated match.

use super::model::{self, Sides};
use overround_domain::markets::{
    MarketKind, OutcomeStatus, SourceEvent, SourceMarket, SourceOutcome, SourceStatus, TieRule,
};

/// The totals on sale: more than this many goals, or not.
const TOTALS: [u32; 5] = [0, 1, 2, 3, 4];

/// What a market asks.
#[derive(Debug, Clone, Copy)]
enum Question {
    /// Home, draw or away.
    Result,
    /// At most this many goals, or more.
    Total(u32),
    /// Whether both sides score.
    BothScore,
}

/// How the match stands for its markets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) score: Sides<u32>,
    /// The goals that the market expects yet.
    pub(super) expected: Sides<f64>,
    /// The status of every market that is not decided.
    pub(super) status: SourceStatus,
    pub(super) in_play: bool,
    pub(super) bet_delay_ms: i64,
    /// The match is over: everything is decided.
    pub(super) over: bool,
}

/// One market of the match.
#[derive(Debug)]
pub(super) struct Board {
    question: Question,
    market: SourceMarket,
}

impl Board {
    /// The markets of a match, not on sale yet.
    pub(super) fn all(event: &SourceEvent, sides: Sides<&str>) -> Vec<Self> {
        let totals = TOTALS.map(Question::Total);
        let questions = [Question::Result].into_iter().chain(totals).chain([Question::BothScore]);
        questions.map(|question| Self::new(question, event, sides)).collect()
    }

    fn new(question: Question, event: &SourceEvent, sides: Sides<&str>) -> Self {
        let market_type = question.market_type();
        let market = SourceMarket {
            key: format!("{}:{market_type}", event.key),
            event: event.clone(),
            name: question.name(),
            market_type,
            kind: MarketKind::Odds,
            number_of_winners: 1,
            tie_rule: match question {
                Question::Result => TieRule::DrawIsAnOutcome,
                Question::Total(_) | Question::BothScore => TieRule::DeadHeat,
            },
            status: SourceStatus::Inactive,
            in_play: false,
            bet_delay_ms: 0,
            outcomes: (0..).zip(question.outcomes(sides)).map(outcome).collect(),
        };
        Self { question, market }
    }

    /// Brings the market to this standing. Returns whether it changed.
    pub(super) fn update(&mut self, standing: &Standing) -> bool {
        if self.market.status == SourceStatus::Closed {
            return false;
        }
        let before = self.market.clone();
        let winner = self.question.winner(standing);
        self.market.in_play = standing.in_play;
        self.market.bet_delay_ms = standing.bet_delay_ms;
        self.market.status = if winner.is_some() { SourceStatus::Closed } else { standing.status };
        if let Some(winner) = winner {
            for (place, outcome) in self.market.outcomes.iter_mut().enumerate() {
                outcome.won = Some(place == winner);
            }
        } else if standing.status != SourceStatus::Suspended {
            // While it is suspended the last prices stand; it opens again at new ones.
            let probabilities = self.question.probabilities(standing);
            for (outcome, probability) in self.market.outcomes.iter_mut().zip(probabilities) {
                outcome.best_back = model::best_back(probability);
            }
        }
        self.market != before
    }

    /// The market as it stands.
    pub(super) fn market(&self) -> &SourceMarket {
        &self.market
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

impl Question {
    fn market_type(self) -> String {
        match self {
            Self::Result => "MATCH_ODDS".to_owned(),
            Self::Total(goals) => format!("OVER_UNDER_{goals}5"),
            Self::BothScore => "BOTH_TEAMS_TO_SCORE".to_owned(),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Result => "Match Odds".to_owned(),
            Self::Total(goals) => format!("Over/Under {goals}.5 Goals"),
            Self::BothScore => "Both Teams to Score".to_owned(),
        }
    }

    fn outcomes(self, sides: Sides<&str>) -> Vec<(&'static str, String)> {
        match self {
            Self::Result => vec![
                ("home", sides.home.to_owned()),
                ("draw", "The Draw".to_owned()),
                ("away", sides.away.to_owned()),
            ],
            Self::Total(goals) => {
                vec![("under", format!("Under {goals}.5 Goals")), ("over", format!("Over {goals}.5 Goals"))]
            }
            Self::BothScore => vec![("yes", "Yes".to_owned()), ("no", "No".to_owned())],
        }
    }

    /// The probability of each outcome, in their order.
    fn probabilities(self, standing: &Standing) -> Vec<f64> {
        let (score, expected) = (standing.score, standing.expected);
        match self {
            Self::Result => model::match_odds(score, expected).to_vec(),
            Self::Total(goals) => {
                let over = model::over(goals, score, expected);
                vec![1.0 - over, over]
            }
            Self::BothScore => {
                let yes = model::both_score(score, expected);
                vec![yes, 1.0 - yes]
            }
        }
    }

    /// The place of the outcome that has won, once that is certain.
    fn winner(self, standing: &Standing) -> Option<usize> {
        let Sides { home, away } = standing.score;
        match self {
            Self::Result if !standing.over => None,
            Self::Result => Some(match home.cmp(&away) {
                std::cmp::Ordering::Greater => 0,
                std::cmp::Ordering::Equal => 1,
                std::cmp::Ordering::Less => 2,
            }),
            Self::Total(goals) if home + away > goals => Some(1),
            Self::Total(_) => standing.over.then_some(0),
            Self::BothScore if home > 0 && away > 0 => Some(0),
            Self::BothScore => standing.over.then_some(1),
        }
    }
}
