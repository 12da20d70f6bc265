//! What the markets of a football match ask.

use super::model;
use crate::simulator::board;
use crate::simulator::sides::Sides;
use overround_domain::markets::TieRule;

/// What a market asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// Home, draw or away.
    Result,
    /// At most this many goals, or more.
    Total(u32),
    /// Whether both sides score.
    BothScore,
}

/// What is on sale.
pub(super) const QUESTIONS: [Question; 7] = [
    Question::Result,
    Question::Total(0),
    Question::Total(1),
    Question::Total(2),
    Question::Total(3),
    Question::Total(4),
    Question::BothScore,
];

/// How the match stands for its markets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) score: Sides<u32>,
    /// The goals that the market expects yet.
    pub(super) expected: Sides<f64>,
    /// The match is over: everything is decided.
    pub(super) over: bool,
}

impl board::Question for Question {
    type Standing = Standing;

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

    fn outcomes(self, sides: &Sides<String>) -> Vec<(&'static str, String)> {
        match self {
            Self::Result => vec![
                ("home", sides.home.clone()),
                ("draw", "The Draw".to_owned()),
                ("away", sides.away.clone()),
            ],
            Self::Total(goals) => {
                vec![("under", format!("Under {goals}.5 Goals")), ("over", format!("Over {goals}.5 Goals"))]
            }
            Self::BothScore => vec![("yes", "Yes".to_owned()), ("no", "No".to_owned())],
        }
    }

    fn tie_rule(self) -> TieRule {
        match self {
            Self::Result => TieRule::DrawIsAnOutcome,
            Self::Total(_) | Self::BothScore => TieRule::DeadHeat,
        }
    }

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
