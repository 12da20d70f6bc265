//! A football match that is made up from a seed: goals fall by chance, prices follow from a model, and
//! the stream of messages has everything a recorded one has. Clubs are fictitious.

mod clubs;
mod model;
mod questions;

use super::board::{Sale, Sheet};
use super::chance::{signed_unit, two_of, unit};
use super::sides::Sides;
use super::{LISTED_TICKS, PRE_MATCH_TICKS, TICK_MS, TICKS_A_MINUTE, TURNING_IN_PLAY_TICKS};
use crate::Applied;
use overround_domain::markets::{SourceEvent, SourceMarket, SourceStatus};
use overround_domain::time::Timestamp;
use questions::{QUESTIONS, Question, Standing};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;

/// How long the phases take, in ticks; the halves with two and four minutes added.
const FIRST_HALF_TICKS: u32 = 47 * TICKS_A_MINUTE;
const HALF_TIME_TICKS: u32 = 15 * TICKS_A_MINUTE;
const SECOND_HALF_TICKS: u32 = 49 * TICKS_A_MINUTE;
const FULL_TIME_TICKS: u32 = 3;
/// Regular minutes of a half.
const HALF_MINUTES: u32 = 45;
/// How long a bet is held in play.
const BET_DELAY_MS: i64 = 5_000;
/// Sale stops for this many ticks after a goal (30 to 60 s): these, and up to so many more.
const GOAL_TICKS_MIN: u32 = 3;
const GOAL_TICKS_MORE: u32 = 4;
/// Goals of an average home and away side over a whole match.
const GOALS: Sides<f64> = Sides { home: 1.5, away: 1.15 };
/// How far apart strengths are drawn around 1.
const STRENGTH_SPREAD: f64 = 0.45;
/// The largest move of the market's opinion of a side in one tick, and its bounds around the truth.
const OPINION_STEP: f64 = 0.006;
const OPINION_SPREAD: f64 = 0.15;

/// Where a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Known, not on sale.
    Listed,
    /// On sale, not begun.
    PreMatch,
    /// In play.
    FirstHalf,
    /// In play, the ball at rest.
    HalfTime,
    /// In play.
    SecondHalf,
    /// Ended, the results not declared yet.
    FullTime,
    /// Settled: nothing follows.
    Over,
}

/// The match in short; its text is a line such as `Northbridge Rovers 2-1 Eastmoor Athletic (63')`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The home side.
    pub home: String,
    /// The away side.
    pub away: String,
    /// Goals of the home side.
    pub home_goals: u32,
    /// Goals of the away side.
    pub away_goals: u32,
    /// Where the match is.
    pub phase: Phase,
    /// The minute that is played, from 1, added time not counted; none outside the halves.
    pub minute: Option<u32>,
}

/// A simulated football match: an iterator over its messages, one every [`TICK_MS`] from the start
/// instant on. Kick-off is 31 minutes after the start; there are about 860 messages.
///
/// One seed is one match, bit for bit.
#[derive(Debug)]
pub struct Football {
    rng: ChaCha8Rng,
    sides: Sides<String>,
    sheet: Sheet<Question>,
    score: Sides<u32>,
    /// Goals expected of each side in one tick of play.
    rates: Sides<f64>,
    /// What the market takes a side for, as a factor on the truth.
    opinion: Sides<f64>,
    phase: Phase,
    /// Ticks of the phase gone.
    phase_ticks: u32,
    /// Ticks until sale goes on after a goal.
    suspended_ticks: u32,
}

impl Football {
    /// The match of that seed, whose first message is at `start`.
    pub fn new(seed: u64, start: Timestamp) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sides = two_of(&clubs::CLUBS, &mut rng);
        let play_ticks = f64::from(FIRST_HALF_TICKS + SECOND_HALF_TICKS);
        let mut strength = || 1.0 + STRENGTH_SPREAD * signed_unit(&mut rng);
        let rates =
            Sides { home: GOALS.home * strength() / play_ticks, away: GOALS.away * strength() / play_ticks };
        let mut opinion = || 1.0 + OPINION_SPREAD * signed_unit(&mut rng) / 2.0;
        let opinion = Sides { home: opinion(), away: opinion() };
        let kick_off = i64::from(LISTED_TICKS + PRE_MATCH_TICKS) * TICK_MS;
        let event = SourceEvent {
            key: format!("simulated-football-{seed}"),
            name: format!("{} v {}", sides.home, sides.away),
            sport: "football".to_owned(),
            starts_at: Some(start.plus_millis(kick_off)),
        };
        let sheet = Sheet::new(&QUESTIONS, &event, &sides, start);
        Self {
            rng,
            sides,
            sheet,
            score: Sides { home: 0, away: 0 },
            rates,
            opinion,
            phase: Phase::Listed,
            phase_ticks: 0,
            suspended_ticks: 0,
        }
    }

    /// How the match stands after the last message.
    pub fn summary(&self) -> Summary {
        Summary {
            home: self.sides.home.clone(),
            away: self.sides.away.clone(),
            home_goals: self.score.home,
            away_goals: self.score.away,
            phase: self.phase,
            minute: self.minute(),
        }
    }

    /// Every market of the match as it stands after the last message.
    pub fn markets(&self) -> impl Iterator<Item = &SourceMarket> {
        self.sheet.markets()
    }

    fn minute(&self) -> Option<u32> {
        let of_half = (self.phase_ticks.saturating_sub(1) / TICKS_A_MINUTE + 1).min(HALF_MINUTES);
        match self.phase {
            Phase::FirstHalf => Some(of_half),
            Phase::SecondHalf => Some(HALF_MINUTES + of_half),
            Phase::Listed | Phase::PreMatch | Phase::HalfTime | Phase::FullTime | Phase::Over => None,
        }
    }

    /// Moves the clock by one tick. Returns what there is to tell.
    fn tick(&mut self) -> Option<String> {
        let entered = self.phase_ticks >= self.phase.ticks();
        if entered {
            self.phase = self.phase.next();
            self.phase_ticks = 0;
        }
        self.phase_ticks += 1;
        self.suspended_ticks = self.suspended_ticks.saturating_sub(1);
        if !matches!(self.phase, Phase::FullTime | Phase::Over) {
            drift(&mut self.opinion.home, &mut self.rng);
            drift(&mut self.opinion.away, &mut self.rng);
        }
        if self.play() {
            return Some(format!("Goal! {}", self.summary()));
        }
        if entered { self.phase.headline().map(|what| format!("{what}: {}", self.summary())) } else { None }
    }

    /// Plays one tick. Returns whether a goal fell.
    fn play(&mut self) -> bool {
        let kicking_off = self.phase_ticks <= 1;
        if !self.phase.is_played() || kicking_off || self.suspended_ticks > 0 {
            return false;
        }
        let chance = unit(&mut self.rng);
        if chance < self.rates.home {
            self.score.home += 1;
        } else if chance < self.rates.home + self.rates.away {
            self.score.away += 1;
        } else {
            return false;
        }
        let more = self.rng.next_u32() % GOAL_TICKS_MORE;
        self.suspended_ticks = GOAL_TICKS_MIN + more;
        true
    }

    fn standing(&self) -> Standing {
        let ticks_left = f64::from(self.play_ticks_left());
        Standing {
            score: self.score,
            expected: Sides {
                home: self.rates.home * self.opinion.home * ticks_left,
                away: self.rates.away * self.opinion.away * ticks_left,
            },
            over: self.phase == Phase::Over,
        }
    }

    fn sale(&self) -> Sale {
        let in_play = self.phase.is_in_play();
        Sale { status: self.status(), in_play, bet_delay_ms: if in_play { BET_DELAY_MS } else { 0 } }
    }

    fn play_ticks_left(&self) -> u32 {
        match self.phase {
            Phase::Listed | Phase::PreMatch => FIRST_HALF_TICKS + SECOND_HALF_TICKS,
            Phase::FirstHalf => FIRST_HALF_TICKS.saturating_sub(self.phase_ticks) + SECOND_HALF_TICKS,
            Phase::HalfTime => SECOND_HALF_TICKS,
            Phase::SecondHalf => SECOND_HALF_TICKS.saturating_sub(self.phase_ticks),
            Phase::FullTime | Phase::Over => 0,
        }
    }

    fn status(&self) -> SourceStatus {
        let turning = self.phase_ticks + TURNING_IN_PLAY_TICKS > PRE_MATCH_TICKS;
        match self.phase {
            Phase::Listed => SourceStatus::Inactive,
            Phase::PreMatch if turning => SourceStatus::Suspended,
            Phase::FullTime | Phase::Over => SourceStatus::Suspended,
            Phase::PreMatch | Phase::FirstHalf | Phase::HalfTime | Phase::SecondHalf => {
                if self.suspended_ticks > 0 { SourceStatus::Suspended } else { SourceStatus::Open }
            }
        }
    }
}

impl Iterator for Football {
    type Item = Applied;

    fn next(&mut self) -> Option<Applied> {
        if self.phase == Phase::Over {
            return None;
        }
        let headline = self.tick();
        let (standing, sale) = (self.standing(), self.sale());
        Some(self.sheet.next(&standing, &sale, headline))
    }
}

impl Phase {
    fn ticks(self) -> u32 {
        match self {
            Self::Listed => LISTED_TICKS,
            Self::PreMatch => PRE_MATCH_TICKS,
            Self::FirstHalf => FIRST_HALF_TICKS,
            Self::HalfTime => HALF_TIME_TICKS,
            Self::SecondHalf => SECOND_HALF_TICKS,
            Self::FullTime => FULL_TIME_TICKS,
            Self::Over => u32::MAX,
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Listed => Self::PreMatch,
            Self::PreMatch => Self::FirstHalf,
            Self::FirstHalf => Self::HalfTime,
            Self::HalfTime => Self::SecondHalf,
            Self::SecondHalf => Self::FullTime,
            Self::FullTime | Self::Over => Self::Over,
        }
    }

    fn is_played(self) -> bool {
        matches!(self, Self::FirstHalf | Self::SecondHalf)
    }

    fn is_in_play(self) -> bool {
        !matches!(self, Self::Listed | Self::PreMatch)
    }

    fn headline(self) -> Option<&'static str> {
        match self {
            Self::Listed => None,
            Self::PreMatch => Some("On sale"),
            Self::FirstHalf => Some("Kick-off"),
            Self::HalfTime => Some("Half-time"),
            Self::SecondHalf => Some("Second half"),
            Self::FullTime => Some("Full time"),
            Self::Over => Some("Results"),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Phase::Listed | Phase::PreMatch => write!(f, "{} v {}", self.home, self.away)?,
            _ => write!(f, "{} {}-{} {}", self.home, self.home_goals, self.away_goals, self.away)?,
        }
        match self.minute {
            Some(minute) => write!(f, " ({minute}')"),
            None => Ok(()),
        }
    }
}

/// Moves an opinion by a step of chance, within its bounds.
fn drift(opinion: &mut f64, rng: &mut ChaCha8Rng) {
    let moved = *opinion * (1.0 + OPINION_STEP * signed_unit(rng));
    *opinion = moved.clamp(1.0 - OPINION_SPREAD, 1.0 + OPINION_SPREAD);
}
