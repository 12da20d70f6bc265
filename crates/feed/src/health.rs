//! The health of a producer of market data: whether what it last said may be trusted.
//!
//! Silence is told by the receiver's clock: all instants here are of it, whatever the messages say.

use overround_domain::time::Timestamp;

/// How long a Sportradar producer may be silent, which says that it is alive every ten seconds.
pub const UOF_SILENCE_MS_MAX: i64 = 20_000;
/// How many heartbeats of a Betfair stream may be missed.
pub const BETFAIR_HEARTBEATS_MISSED_MAX: u32 = 3;

/// Whether a producer's prices may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is alive, and nothing that it said is missing.
    Up,
    /// It is alive, and what it said meanwhile is not here yet.
    Recovering,
    /// It is silent, or was never heard.
    Down,
}

/// What was heard of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It is alive.
    Alive,
    /// It is alive, and says that messages were lost (`alive` with `subscribed="0"`).
    Gap,
    /// All that was missing is here: a snapshot is complete, or the image after a subscription.
    Recovered {
        /// The recovery that is complete, where recoveries are asked for by number.
        request: Option<u64>,
    },
    /// Its connection is cut.
    Cut,
}

/// A change of state, or a reason to ask for a recovery once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state now. Equal to the one before where messages were lost during a recovery.
    pub to: State,
    /// When.
    pub at: Timestamp,
}

/// The health of one producer. Down until it is first heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    silence_ms_max: i64,
    state: State,
    heard_at: Option<Timestamp>,
    awaited: Option<u64>,
}

impl Health {
    /// The health of a producer that may be silent for that long.
    pub fn new(silence_ms_max: i64) -> Self {
        Self { silence_ms_max, state: State::Down, heard_at: None, awaited: None }
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.state
    }

    /// The first instant at which it is down by silence; none while it is down.
    pub fn down_at(&self) -> Option<Timestamp> {
        let heard_at = self.heard_at.filter(|_| self.state != State::Down)?;
        Some(heard_at.plus_millis(self.silence_ms_max).plus_millis(1))
    }

    /// Changes how long it may be silent.
    pub fn set_silence(&mut self, silence_ms_max: i64) {
        self.silence_ms_max = silence_ms_max;
    }

    /// Says that a recovery was asked for. Only its completion counts from now on: another's leaves
    /// out what was lost between the two.
    pub fn recovery_requested(&mut self, request: u64) {
        self.awaited = Some(request);
    }

    /// Takes what was heard at an instant. Silence before it is told by [`Self::tick`], to be called
    /// first with the same instant.
    pub fn heard(&mut self, sign: Sign, at: Timestamp) -> Option<Transition> {
        if sign != Sign::Cut {
            self.heard_at = Some(self.heard_at.map_or(at, |last| last.max(at)));
        }
        match (sign, self.state) {
            (Sign::Cut, State::Up | State::Recovering) => Some(self.turn(State::Down, at)),
            (Sign::Cut, State::Down) | (Sign::Alive, State::Up | State::Recovering) => None,
            (Sign::Alive | Sign::Gap, State::Down) | (Sign::Gap, State::Up) => {
                Some(self.turn(State::Recovering, at))
            }
            // It says so with every sign of life until the recovery begins.
            (Sign::Gap, State::Recovering) if self.awaited.is_none() => None,
            (Sign::Gap, State::Recovering) => Some(self.turn(State::Recovering, at)),
            (Sign::Recovered { request }, State::Recovering) if request == self.awaited => {
                Some(self.turn(State::Up, at))
            }
            (Sign::Recovered { .. }, State::Up | State::Recovering) => None,
            // What was complete before the silence is not complete after it.
            (Sign::Recovered { .. }, State::Down) => Some(self.turn(State::Recovering, at)),
        }
    }

    /// Looks at the clock: silent for longer than the limit is down.
    pub fn tick(&mut self, now: Timestamp) -> Option<Transition> {
        let silent = self.down_at().is_some_and(|down_at| down_at <= now);
        silent.then(|| self.turn(State::Down, now))
    }

    fn turn(&mut self, to: State, at: Timestamp) -> Transition {
        let from = std::mem::replace(&mut self.state, to);
        self.awaited = None;
        Transition { from, to, at }
    }
}

#[cfg(test)]
mod tests;
