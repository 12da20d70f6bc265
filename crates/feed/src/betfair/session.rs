//! A session of the Exchange Stream API without any I/O: lines and instants in, lines to send and events
//! out. Whoever drives it makes the connections.
//!
//! A connection goes: `connection` from the source, authentication, subscription, an image (or, where the
//! last one was cut, what was missed since), changes and heartbeats. A line that cannot be read, a part of
//! a message that is missing, and three heartbeats of silence end the connection: what the session knows
//! then is complete up to its last whole message, and the next connection goes on from there.

use super::markets::Markets;
use super::message::Message;
use super::segments::{Assembler, Complete};
use super::subscription::{Credentials, HEARTBEAT_MS_MAX, HEARTBEAT_MS_MIN, Subscription};
use super::wire::{self, Clocks, Line, Received, Status};
use crate::Applied;
use crate::health::{BETFAIR_HEARTBEATS_MISSED_MAX, Health, Sign, State, Transition};
use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;

/// How long the source may take to answer until the subscription stands; it gives a client as long.
pub const ANSWER_MS_MAX: i64 = 15_000;
/// How much of the source's words is kept.
const WORDS_CHARS_MAX: usize = 200;

/// Codes that a new attempt cannot change: what is asked, or who asks, must.
const FINAL: [(&str, &str); 8] = [
    ("NO_APP_KEY", "give an application key"),
    ("INVALID_APP_KEY", "give an application key that Betfair has activated for the stream"),
    ("NO_SESSION", "log in, and give the session token"),
    ("INVALID_SESSION_INFORMATION", "log in again, and give the new session token"),
    ("NOT_AUTHORIZED", "have Betfair enable the stream for the account"),
    ("SUBSCRIPTION_LIMIT_EXCEEDED", "narrow the filter, or have Betfair raise the limit"),
    ("INVALID_INPUT", "correct the filter"),
    ("INVALID_REQUEST", "correct the filter"),
];

/// What a session has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message was applied.
    Applied(Applied),
    /// The stream's health changed.
    Health(Transition),
}

/// What a line leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What to send now.
    pub send: Option<Line>,
    /// What happened, in this order.
    pub events: Vec<Event>,
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A request failed, or the source closes the connection.
    #[error("the source refuses with {code}: {message}")]
    Refused {
        /// Its error code.
        code: String,
        /// Its words, without our secrets.
        message: String,
    },
    /// A line is no message.
    #[error("a line cannot be read: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// A part of a message is missing.
    #[error("{reason}")]
    Segments {
        /// What does not fit.
        reason: &'static str,
    },
    /// A message came when none could.
    #[error("market data came before the subscription")]
    Unasked,
    /// Nothing came for too long.
    #[error("nothing came until the deadline")]
    Silent,
}

impl Fault {
    /// What must be done before another attempt makes sense; none where one may just be made.
    pub fn advice(&self) -> Option<&'static str> {
        let Self::Refused { code, .. } = self else { return None };
        FINAL.iter().find(|(known, _)| known == code).map(|(_, advice)| *advice)
    }
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Disconnected,
    /// Waiting for `connection`.
    Connecting,
    /// Waiting for the answer to the request of this id.
    Authenticating(i64),
    Subscribing(i64),
    Subscribed,
}

/// A session over any number of connections, one at a time.
#[derive(Debug)]
pub struct Session {
    credentials: Credentials,
    subscription: Subscription,
    phase: Phase,
    answer_by: Option<Timestamp>,
    last_id: i64,
    clocks: Option<Clocks>,
    assembler: Assembler,
    markets: Markets,
    health: Health,
    at: Timestamp,
}

impl Session {
    /// A session that is not connected yet.
    pub fn new(credentials: Credentials, subscription: Subscription) -> Self {
        let health = Health::new(silence_ms_max(subscription.heartbeat_ms));
        Self {
            credentials,
            subscription,
            phase: Phase::Disconnected,
            answer_by: None,
            last_id: 0,
            clocks: None,
            assembler: Assembler::default(),
            markets: Markets::default(),
            health,
            at: Timestamp::from_millis(0),
        }
    }

    /// Replaces the credentials: session tokens expire. What the session knows, and where the stream
    /// stood, is kept.
    pub fn renew(&mut self, credentials: Credentials) {
        self.credentials = credentials;
    }

    /// The stream's health.
    pub fn state(&self) -> State {
        self.health.state()
    }

    /// Every market described so far, as it stands, in the order of their keys.
    pub fn markets(&self) -> impl Iterator<Item = &SourceMarket> {
        self.markets.said()
    }

    /// Begins a connection that was just made.
    pub fn connected(&mut self, now: Timestamp) {
        self.phase = Phase::Connecting;
        self.answer_by = Some(now.plus_millis(ANSWER_MS_MAX));
        self.assembler = Assembler::default();
        self.health.set_silence(silence_ms_max(self.subscription.heartbeat_ms));
    }

    /// Ends the connection. A message that was begun is dropped: it comes again.
    pub fn disconnected(&mut self, now: Timestamp) -> Option<Event> {
        self.phase = Phase::Disconnected;
        self.answer_by = None;
        self.assembler = Assembler::default();
        self.health.heard(Sign::Cut, now).map(Event::Health)
    }

    /// When [`Self::check`] fails if nothing is received; none while there is no connection.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Disconnected => None,
            Phase::Subscribed => self.health.down_at(),
            Phase::Connecting | Phase::Authenticating(_) | Phase::Subscribing(_) => self.answer_by,
        }
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// When the deadline has passed. The connection must be ended.
    pub fn check(&self, now: Timestamp) -> Result<(), Fault> {
        match self.deadline() {
            Some(deadline) if deadline <= now => Err(Fault::Silent),
            _ => Ok(()),
        }
    }

    /// Takes note that a part of a line has come: a long one may take longer than heartbeats do, and no
    /// heartbeat comes between its parts.
    pub fn receiving(&mut self, now: Timestamp) {
        if self.phase == Phase::Subscribed {
            self.hear(Sign::Alive, now, &mut Output::default());
        }
    }

    /// Takes a line, with or without its end.
    ///
    /// # Errors
    /// When the connection cannot go on. It must be ended; [`Fault::advice`] says whether another may
    /// help.
    pub fn receive(&mut self, line: &[u8], now: Timestamp) -> Result<Output, Fault> {
        if line.trim_ascii().is_empty() {
            return Ok(Output::default());
        }
        let mut output = Output::default();
        let complete = match wire::read(line).map_err(|reason| self.malformed(&reason))? {
            Received::Connection if self.phase == Phase::Connecting => {
                let id = self.next_id();
                self.phase = Phase::Authenticating(id);
                output.send = Some(wire::authentication(id, &self.credentials)?);
                None
            }
            Received::Connection | Received::Other => None,
            Received::Status(status) => {
                output.send = self.status(&status)?;
                None
            }
            Received::Change(message) => self.assemble(*message)?,
        };
        // Only now, since what a fault comes with is lost.
        self.hear(Sign::Alive, now, &mut output);
        if let Some(complete) = complete {
            self.change(complete, now, &mut output);
        }
        Ok(output)
    }

    /// Takes a message or a part of one. Returns the message that it completes.
    fn assemble(&mut self, message: Message) -> Result<Option<Complete>, Fault> {
        if !matches!(self.phase, Phase::Subscribing(_) | Phase::Subscribed) {
            return Err(Fault::Unasked);
        }
        if let Some(heartbeat_ms) = message.heartbeat_ms {
            let kept = heartbeat_ms.0.clamp(HEARTBEAT_MS_MIN, HEARTBEAT_MS_MAX);
            self.health.set_silence(silence_ms_max(kept));
        }
        let assembled = self.assembler.push(message);
        match assembled.error {
            Some(reason) => Err(Fault::Segments { reason }),
            None => Ok(assembled.complete),
        }
    }

    /// Takes the answer to a request. Returns what to send next.
    fn status(&mut self, status: &Status) -> Result<Option<Line>, Fault> {
        if !status.is_success() {
            return Err(self.refused(status));
        }
        match (self.phase, status.id) {
            (Phase::Authenticating(asked), Some(id)) if asked == id => {
                let id = self.next_id();
                self.phase = Phase::Subscribing(id);
                wire::subscription(id, &self.subscription, self.clocks.as_ref()).map(Some)
            }
            (Phase::Subscribing(asked), Some(id)) if asked == id => {
                self.phase = Phase::Subscribed;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Takes a whole message.
    fn change(&mut self, message: Complete, now: Timestamp, output: &mut Output) {
        let caught_up = message.image || message.resumption;
        let changed = if message.image {
            self.markets.replace(message.changes)
        } else {
            self.markets.apply(message.changes)
        };
        self.at = self.at.max(Timestamp::from_millis(message.pt.unwrap_or(0)));
        self.remember(message.initial_clk, message.clk);
        output.events.push(Event::Applied(Applied {
            at: self.at,
            changed,
            heartbeat: message.heartbeat,
            stale_upstream: message.late,
            headline: None,
        }));
        if caught_up {
            self.hear(Sign::Recovered { request: None }, now, output);
        }
    }

    /// Keeps where the stream stands. Both clocks are wanted to resume; the first comes with an image.
    fn remember(&mut self, initial_clk: Option<String>, clk: Option<String>) {
        match (&mut self.clocks, initial_clk, clk) {
            (clocks, Some(initial_clk), Some(clk)) => *clocks = Some(Clocks { initial_clk, clk }),
            (Some(clocks), initial_clk, clk) => {
                clocks.initial_clk = initial_clk.unwrap_or_else(|| std::mem::take(&mut clocks.initial_clk));
                clocks.clk = clk.unwrap_or_else(|| std::mem::take(&mut clocks.clk));
            }
            (None, _, _) => {}
        }
    }

    fn hear(&mut self, sign: Sign, now: Timestamp, output: &mut Output) {
        output.events.extend(self.health.heard(sign, now).map(Event::Health));
    }

    fn refused(&mut self, status: &Status) -> Fault {
        let code = status.error_code.clone().unwrap_or_else(|| "UNEXPECTED_ERROR".to_owned());
        if code == "INVALID_CLOCK" {
            // The place is not known any more: the next connection asks for an image.
            self.clocks = None;
        }
        let message = self.words(status.error_message.as_deref().unwrap_or("it says no more"));
        Fault::Refused { code: self.words(&code), message }
    }

    fn malformed(&self, reason: &str) -> Fault {
        Fault::Malformed { reason: self.words(reason) }
    }

    /// Words of the source's, fit to be logged.
    fn words(&self, text: &str) -> String {
        let printable = self.credentials.redact(text);
        printable.chars().filter(|c| !c.is_control()).take(WORDS_CHARS_MAX).collect()
    }

    fn next_id(&mut self) -> i64 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }
}

fn silence_ms_max(heartbeat_ms: u32) -> i64 {
    i64::from(heartbeat_ms) * i64::from(BETFAIR_HEARTBEATS_MISSED_MAX)
}
