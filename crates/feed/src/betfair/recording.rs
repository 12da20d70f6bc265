//! A recording: one or more files of messages, merged by their instants and applied one by one.

use super::error::FeedError;
use super::input::Input;
use super::markets::Markets;
use super::segments::{Assembler, Complete};
use crate::Applied;
use overround_domain::markets::SourceMarket;
use overround_domain::time::Timestamp;
use std::collections::VecDeque;

/// What was met so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Change messages applied, a segmented one counted once. Heartbeats are among them.
    pub messages: u64,
    /// Messages that only said that the stream is alive.
    pub heartbeats: u64,
    /// Lines of other operations (connection, status, orders), which carry no market data.
    pub other_operations: u64,
    /// Lines and segments that were errors; left out.
    pub errors: u64,
    /// Ladder entries with money at what is no price; left out.
    pub refused_entries: u64,
    /// Runners that were listed twice, or on a line that is no multiple of a quarter; left out.
    pub refused_runners: u64,
}

/// Betfair stream files played as one: an iterator over what each message came to, in the order of
/// their publish times (files at the same instant in the order they were given). Nothing is loaded
/// ahead but one message a file.
///
/// An error stands for the line it names; the iterator goes on behind it.
///
/// ```
/// use overround_feed::betfair::{Input, Recording};
///
/// let line = r#"{"op":"mcm","pt":1588396480947,"mc":[{"id":"1.17","marketDefinition":{"eventId":"9",
///     "eventTypeId":"2","marketType":"MATCH_ODDS","bettingType":"ODDS","status":"OPEN",
///     "runners":[{"id":5,"status":"ACTIVE","name":"B Hassan"}]},
///     "rc":[{"id":5,"atb":[[1.64,29.59]]}]}]}"#.replace('\n', "");
/// let mut recording = Recording::open([Input::new("a line", std::io::Cursor::new(line))?]);
/// let applied = recording.next().transpose()?;
/// let outcome = applied.as_ref().and_then(|applied| applied.changed.first()?.outcomes.first());
/// assert_eq!(outcome.map(|outcome| outcome.name.as_str()), Some("B Hassan"));
/// assert_eq!(outcome.and_then(|outcome| outcome.best_back).map(|price| (price.num(), price.den())), Some((41, 25)));
/// # Ok::<(), overround_feed::betfair::FeedError>(())
/// ```
#[derive(Debug)]
pub struct Recording {
    tracks: Vec<Track>,
    markets: Markets,
    counts: Counts,
    at: i64,
}

/// One file, read up to its next whole message.
#[derive(Debug)]
struct Track {
    input: Input,
    assembler: Assembler,
    ready: VecDeque<Result<Complete, FeedError>>,
    other_operations: u64,
    /// The publish time of the last message that had one.
    pt: i64,
    late: bool,
    ended: bool,
}

impl Recording {
    /// A recording of these files. Nothing is read yet beyond what told bz2 from plain text.
    pub fn open(inputs: impl IntoIterator<Item = Input>) -> Self {
        let tracks = inputs.into_iter().map(Track::new).collect();
        Self { tracks, markets: Markets::default(), counts: Counts::default(), at: 0 }
    }

    /// What was met so far.
    pub fn counts(&self) -> Counts {
        let other_operations = self.tracks.iter().map(|track| track.other_operations).sum();
        let refused = self.markets.refused;
        Counts {
            other_operations,
            refused_entries: refused.entries,
            refused_runners: refused.runners,
            ..self.counts
        }
    }

    /// Every market described so far, as it stands, in the order of their keys.
    pub fn markets(&self) -> impl Iterator<Item = &SourceMarket> {
        self.markets.said()
    }

    fn apply(&mut self, message: Complete) -> Applied {
        let changed = self.markets.apply(message.changes);
        self.counts.messages += 1;
        self.counts.heartbeats += u64::from(message.heartbeat);
        Applied {
            at: Timestamp::from_millis(self.at),
            changed,
            heartbeat: message.heartbeat,
            stale_upstream: message.late || self.tracks.iter().any(Track::is_late),
            headline: None,
        }
    }
}

impl Iterator for Recording {
    type Item = Result<Applied, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        for track in &mut self.tracks {
            track.fill();
        }
        // The first of equal keys: an error at once, else the earliest message.
        let track = self
            .tracks
            .iter_mut()
            .filter(|track| !track.ready.is_empty())
            .min_by_key(|track| track.next_pt())?;
        let message = match track.ready.pop_front()? {
            Ok(message) => message,
            Err(error) => {
                self.counts.errors += 1;
                return Some(Err(error));
            }
        };
        track.pt = message.pt.unwrap_or(track.pt);
        track.late = message.late;
        self.at = self.at.max(track.pt);
        Some(Ok(self.apply(message)))
    }
}

impl Track {
    fn new(input: Input) -> Self {
        Self {
            input,
            assembler: Assembler::default(),
            ready: VecDeque::new(),
            other_operations: 0,
            pt: 0,
            late: false,
            ended: false,
        }
    }

    /// Whether its stream said that it is late and may yet say otherwise.
    fn is_late(&self) -> bool {
        self.late && !(self.ended && self.ready.is_empty())
    }

    /// The publish time of what comes next. Errors and messages without one come at once.
    fn next_pt(&self) -> i64 {
        match self.ready.front() {
            Some(Ok(message)) => message.pt.unwrap_or(self.pt),
            _ => i64::MIN,
        }
    }

    /// Reads on until a whole message or an error is ready, or the file ends.
    fn fill(&mut self) {
        while self.ready.is_empty() && !self.ended {
            match self.input.next_message() {
                Some(Ok(Some(message))) => {
                    let assembled = self.assembler.push(message);
                    self.refuse(assembled.error);
                    self.ready.extend(assembled.complete.map(Ok));
                }
                Some(Ok(None)) => self.other_operations += 1,
                Some(Err(error)) => self.ready.push_back(Err(error)),
                None => {
                    while let Some(reason) = self.assembler.finish() {
                        self.refuse(Some(reason));
                    }
                    self.ended = true;
                }
            }
        }
    }

    fn refuse(&mut self, reason: Option<&'static str>) {
        let error = reason.map(|reason| FeedError::Segments {
            input: self.input.name().to_owned(),
            line: self.input.line(),
            reason,
        });
        self.ready.extend(error.map(Err));
    }
}
