//! What the markets of a tennis match ask.

use super::model::MatchOdds;
use super::score::Score;
use crate::simulator::board;
use crate::simulator::sides::{Side, Sides};

/// What a market asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// Who wins the match.
    Match,
    /// Who wins a set, by its number from 0.
    Set(usize),
    /// The sets of both.
    Result,
    /// At most so many games in the match, or more.
    Games(u32),
}

/// What is on sale. A third set may not be played, and is not.
pub(super) const QUESTIONS: [Question; 7] = [
    Question::Match,
    Question::Set(0),
    Question::Set(1),
    Question::Result,
    Question::Games(20),
    Question::Games(22),
    Question::Games(24),
];

/// The sets of home and away, as results are listed.
const RESULTS: [(&str, u32, u32); 4] = [("2-0", 2, 0), ("2-1", 2, 1), ("1-2", 1, 2), ("0-2", 0, 2)];

/// How the match stands for its markets.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) score: Score,
    pub(super) odds: MatchOdds,
    /// The match is over: everything is decided.
    pub(super) over: bool,
}

impl board::Question for Question {
    type Standing = Standing;

    fn market_type(self) -> String {
        match self {
            Self::Match => "MATCH_ODDS".to_owned(),
            Self::Set(number) => format!("SET_WINNER_{}", number + 1),
            Self::Result => "SET_BETTING".to_owned(),
            Self::Games(games) => format!("OVER_UNDER_{games}5_GAMES"),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Match => "Match Odds".to_owned(),
            Self::Set(number) => format!("Set {} Winner", number + 1),
            Self::Result => "Set Betting".to_owned(),
            Self::Games(games) => format!("Over/Under {games}.5 Games"),
        }
    }

    fn outcomes(self, sides: &Sides<String>) -> Vec<(&'static str, String)> {
        match self {
            Self::Match | Self::Set(_) => vec![("home", sides.home.clone()), ("away", sides.away.clone())],
            Self::Result => RESULTS
                .map(|(key, home, away)| {
                    let winner = if home > away { &sides.home } else { &sides.away };
                    (key, format!("{winner} 2-{}", home.min(away)))
                })
                .to_vec(),
            Self::Games(games) => {
                vec![("under", format!("Under {games}.5 Games")), ("over", format!("Over {games}.5 Games"))]
            }
        }
    }

    fn probabilities(self, standing: &Standing) -> Vec<f64> {
        let odds = &standing.odds;
        let home = match self {
            Self::Match => odds.home(),
            // The model tells of the sets from the one that is played on.
            Self::Set(number) => {
                let before = standing.score.sets().len();
                number.checked_sub(before).and_then(|at| odds.sets.get(at)).copied().unwrap_or(0.5)
            }
            Self::Result => return odds.results.to_vec(),
            Self::Games(games) => 1.0 - odds.more_games_than(games as usize),
        };
        // Sums of many chances may miss 0 and 1 by a little.
        let home = home.clamp(0.0, 1.0);
        vec![home, 1.0 - home]
    }

    fn winner(self, standing: &Standing) -> Option<usize> {
        let score = &standing.score;
        let place = |side| usize::from(side == Side::Away);
        match self {
            Self::Set(number) => score.winner_of_set(number).map(place),
            Self::Games(games) if score.games_of_all() > games => Some(1),
            _ if !standing.over => None,
            Self::Match => score.winner().map(place),
            Self::Result => {
                let won = score.sets_won();
                RESULTS.iter().position(|(_, home, away)| (*home, *away) == (won.home, won.away))
            }
            Self::Games(_) => Some(0),
        }
    }
}
