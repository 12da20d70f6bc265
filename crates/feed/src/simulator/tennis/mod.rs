//! A tennis match that is made up from a seed, point by point.

mod model;
mod players;
mod questions;
mod score;

pub use score::Score;

use super::board::{Sale, Sheet};
use super::chance::{signed_unit, two_of, unit};
use super::sides::{Side, Sides};
use super::{LISTED_TICKS, PRE_MATCH_TICKS, TICK_MS, TURNING_IN_PLAY_TICKS};
use crate::Applied;
use overround_domain::markets::{SourceEvent, SourceMarket, SourceStatus};
use overround_domain::time::Timestamp;
use questions::{QUESTIONS, Question, Standing};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use score::Won;
use std::fmt;

/// How long it takes from a point's end until the next one is under way, in ticks: after a point, a game, a game at which
/// ends are changed, and a set.
const POINT_TICKS: u32 = 2;
const GAME_TICKS: u32 = 4;
const CHANGE_TICKS: u32 = 9;
const SET_TICKS: u32 = 12;
/// How long the match is over before its results are declared.
const ENDED_TICKS: u32 = 3;
/// How long a bet is held in play.
const BET_DELAY_MS: i64 = 5_000;
/// The chance of an average player to win a point that they serve, and how far apart players are around it.
const SERVE: f64 = 0.64;
const SERVE_SPREAD: f64 = 0.05;
/// The largest move of the market's opinion of a player in one tick, and its bounds around the truth.
const OPINION_STEP: f64 = 0.0015;
const OPINION_SPREAD: f64 = 0.02;

/// Where a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Listed,
    PreMatch,
    Played,
    Ended,
    Over,
}

/// A simulated tennis match, best of three sets. There are about 700 messages.
#[derive(Debug)]
pub struct Tennis {
    rng: ChaCha8Rng,
    sides: Sides<String>,
    sheet: Sheet<Question>,
    score: Score,
    serves: Sides<f64>,
    /// What the market takes a player's serve for, beside the truth.
    opinion: Sides<f64>,
    stage: Stage,
    /// Ticks of the stage gone.
    stage_ticks: u32,
    /// Ticks until the next point is under way.
    rest_ticks: u32,
}

impl Tennis {
    /// The match of that seed, whose first message is at `start`.
    pub fn new(seed: u64, start: Timestamp) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sides = two_of(&players::PLAYERS, &mut rng);
        let mut serve = || SERVE + SERVE_SPREAD * signed_unit(&mut rng);
        let serves = Sides { home: serve(), away: serve() };
        let mut opinion = || OPINION_SPREAD * signed_unit(&mut rng) / 2.0;
        let opinion = Sides { home: opinion(), away: opinion() };
        let first = if rng.next_u32() % 2 == 0 { Side::Home } else { Side::Away };
        let begins = i64::from(LISTED_TICKS + PRE_MATCH_TICKS) * TICK_MS;
        let event = SourceEvent {
            key: format!("simulated-tennis-{seed}"),
            name: format!("{} v {}", sides.home, sides.away),
            sport: "tennis".to_owned(),
            starts_at: Some(start.plus_millis(begins)),
        };
        let sheet = Sheet::new(&QUESTIONS, &event, &sides, start);
        Self {
            rng,
            sides,
            sheet,
            score: Score::new(first),
            serves,
            opinion,
            stage: Stage::Listed,
            stage_ticks: 0,
            rest_ticks: 0,
        }
    }

    /// How the match stands after the last message.
    pub const fn score(&self) -> &Score {
        &self.score
    }

    /// Every market of the match as it stands after the last message.
    pub fn markets(&self) -> impl Iterator<Item = &SourceMarket> {
        self.sheet.markets()
    }

    /// Moves the clock by one tick. Returns what there is to tell.
    fn tick(&mut self) -> Option<String> {
        let entered = self.stage_ticks >= self.stage_length();
        if entered {
            (self.stage, self.stage_ticks) = (self.stage.next(), 0);
        }
        self.stage_ticks += 1;
        if matches!(self.stage, Stage::Ended | Stage::Over) {
            return (entered && self.stage == Stage::Over).then(|| format!("Results: {self}"));
        }
        drift(&mut self.opinion.home, &mut self.rng);
        drift(&mut self.opinion.away, &mut self.rng);
        match (self.stage, entered) {
            (Stage::PreMatch, true) => Some(format!("On sale: {self}")),
            (Stage::Played, true) => {
                self.rest_ticks = POINT_TICKS;
                Some(format!("Play: {self}"))
            }
            (Stage::Played, false) => self.play(),
            _ => None,
        }
    }

    /// Plays one tick: the rest before a point, or the point.
    fn play(&mut self) -> Option<String> {
        if self.rest_ticks > 0 {
            self.rest_ticks -= 1;
            return None;
        }
        let server = self.score.serves();
        let winner = if unit(&mut self.rng) < *self.serves.of(server) { server } else { server.other() };
        let is_break = winner != self.score.server();
        let won = self.score.point(winner);
        let games = self.score.games();
        self.rest_ticks = match won {
            Won::Point => POINT_TICKS,
            Won::Game if (games.home + games.away) % 2 == 1 => CHANGE_TICKS,
            Won::Game => GAME_TICKS,
            Won::Set | Won::Match => SET_TICKS,
        };
        let name = self.sides.of(winner);
        match won {
            Won::Match => {
                (self.stage, self.stage_ticks) = (Stage::Ended, 1);
                Some(format!("Game, set and match, {name}: {self}"))
            }
            Won::Set => Some(format!("Set, {name}: {self}")),
            Won::Game if is_break => Some(format!("Break, {name}: {self}")),
            Won::Game | Won::Point => None,
        }
    }

    const fn stage_length(&self) -> u32 {
        match self.stage {
            Stage::Listed => LISTED_TICKS,
            Stage::PreMatch => PRE_MATCH_TICKS,
            // It ends with a point.
            Stage::Played | Stage::Over => u32::MAX,
            Stage::Ended => ENDED_TICKS,
        }
    }

    fn standing(&self) -> Standing {
        let serves =
            Sides { home: self.serves.home + self.opinion.home, away: self.serves.away + self.opinion.away };
        Standing {
            odds: model::of_match(&serves, &self.score),
            score: self.score.clone(),
            over: self.stage == Stage::Over,
        }
    }

    fn sale(&self) -> Sale {
        let in_play = !matches!(self.stage, Stage::Listed | Stage::PreMatch);
        Sale { status: self.status(), in_play, bet_delay_ms: if in_play { BET_DELAY_MS } else { 0 } }
    }

    /// Sale stops while a point is played that can break a service, or win a set or the match.
    fn status(&self) -> SourceStatus {
        let turning = self.stage_ticks + TURNING_IN_PLAY_TICKS > PRE_MATCH_TICKS;
        let is_under_way = self.rest_ticks == 0;
        match self.stage {
            Stage::Listed => SourceStatus::Inactive,
            Stage::PreMatch if turning => SourceStatus::Suspended,
            Stage::Played if is_under_way && self.score.is_big() => SourceStatus::Suspended,
            Stage::PreMatch | Stage::Played => SourceStatus::Open,
            Stage::Ended | Stage::Over => SourceStatus::Suspended,
        }
    }
}

impl Iterator for Tennis {
    type Item = Applied;

    fn next(&mut self) -> Option<Applied> {
        if self.stage == Stage::Over {
            return None;
        }
        let headline = self.tick();
        let (standing, sale) = (self.standing(), self.sale());
        Some(self.sheet.next(&standing, &sale, headline))
    }
}

impl Stage {
    const fn next(self) -> Self {
        match self {
            Self::Listed => Self::PreMatch,
            Self::PreMatch => Self::Played,
            Self::Played => Self::Ended,
            Self::Ended | Self::Over => Self::Over,
        }
    }
}

/// `A Marlowe 6-4 3-2 40-15 T Okonjo`.
impl fmt::Display for Tennis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stage {
            Stage::Listed | Stage::PreMatch => write!(f, "{} v {}", self.sides.home, self.sides.away),
            _ => write!(f, "{} {} {}", self.sides.home, self.score, self.sides.away),
        }
    }
}

/// Moves an opinion by a step of chance, within its bounds.
fn drift(opinion: &mut f64, rng: &mut ChaCha8Rng) {
    let moved = *opinion + OPINION_STEP * signed_unit(rng);
    *opinion = moved.clamp(-OPINION_SPREAD, OPINION_SPREAD);
}
