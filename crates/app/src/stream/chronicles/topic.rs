//! One chronicle as this process follows it.

use super::{ChronicleEvent, can_be_caught_up};
use crate::stream::FrameKind;
use crate::stream::reader::{Mailbox, News};
use crate::stream::topic::Encoded;
use crate::stream::topics::Topical;
use crate::{AccountView, EventInfo};
use bytes::Bytes;
use overround_live::{Chronicle, Position};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// A place in a chronicle, and what is told there.
#[derive(Debug)]
pub struct ChronicleFrame {
    /// The chronicle.
    pub chronicle: Chronicle,
    /// The place.
    pub position: Position,
    /// What is told.
    pub news: ChronicleNews,
    encoded: Encoded,
}

/// What is told at a place.
#[derive(Debug)]
pub enum ChronicleNews {
    /// How things stand: with all that was told up to the place, or more.
    Standing(Standing),
    /// What happened.
    Event(ChronicleEvent),
}

/// What a chronicle is of, as it stands.
#[derive(Debug)]
pub enum Standing {
    /// An account.
    Account(AccountView),
    /// A sporting event.
    Event(EventInfo),
}

impl ChronicleFrame {
    /// The frame's text for readers of that kind, made by `encode` once, for all of them.
    pub fn encoded(&self, kind: FrameKind, encode: impl FnOnce() -> String) -> Bytes {
        self.encoded.get(kind, encode)
    }
}

/// What a reader at some place has not seen.
pub(crate) enum Unseen {
    Nothing,
    /// What it is of has to be read first.
    Standing,
    /// These, of what was kept since so many breaks.
    Frames(Vec<Arc<ChronicleFrame>>, u64),
    /// What came next is not kept any more, since the reader was too slow.
    Gone,
}

#[derive(Default)]
struct State {
    /// The place of the last event that is known of; none before Redis was asked.
    at: Option<Position>,
    /// The last events, without a gap, up to that place.
    frames: VecDeque<Arc<ChronicleFrame>>,
    /// How often the events could not be continued, and those kept were given up.
    breaks: u64,
    /// How things stood when they were read last, and when that was begun.
    standing: Option<(Instant, Arc<ChronicleFrame>)>,
    /// Somebody needs to know how they stand.
    is_wanted: bool,
    is_being_read: bool,
    readers: BTreeMap<u64, Arc<Mailbox>>,
}

/// A chronicle that this process follows, and its readers.
pub(crate) struct Topic {
    pub(super) chronicle: Chronicle,
    state: Mutex<State>,
}

impl Topical for Topic {
    type Key = Chronicle;

    fn new(chronicle: Chronicle) -> Self {
        Self { chronicle, state: Mutex::default() }
    }

    fn join(&self, reader: u64, mailbox: &Arc<Mailbox>) {
        self.state().readers.insert(reader, Arc::clone(mailbox));
    }

    fn leave(&self, reader: u64) {
        self.state().readers.remove(&reader);
    }

    fn is_idle(&self, _: Instant) -> bool {
        self.state().readers.is_empty()
    }
}

impl Topic {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.state().at.clone()
    }

    /// Takes an event that was heard of, or that one was that cannot be read. False if it does not follow what is known:
    /// the history has to be read.
    pub(super) fn hear(&self, position: Position, event: Option<ChronicleEvent>) -> bool {
        let mut state = self.state();
        let Some(at) = &state.at else { return false };
        if at.epoch != position.epoch || position.seq > at.seq + 1 {
            return false;
        }
        if position.seq == at.seq + 1 {
            state.push(self.chronicle, position, event);
            state.wake(self.chronicle);
        }
        true
    }

    /// Takes what the history says after what is known; it replaces what it does not continue. A history that
    /// was read before something was heard says nothing new.
    pub(super) fn fill(&self, at: Position, events: Vec<Option<ChronicleEvent>>) {
        let mut state = self.state();
        let first = at.seq + 1 - i64::try_from(events.len()).unwrap_or(0);
        let known = state.at.clone().filter(|known| known.epoch == at.epoch);
        match known {
            Some(known) if known.seq >= at.seq => return,
            Some(known) if known.seq + 1 >= first => {}
            _ => {
                state.breaks += u64::from(state.at.is_some());
                state.frames.clear();
                state.at = Some(Position { epoch: Arc::clone(&at.epoch), seq: first - 1 });
            }
        }
        for (seq, event) in (first..).zip(events) {
            if state.at.as_ref().is_some_and(|known| known.seq < seq) {
                state.push(self.chronicle, Position { epoch: Arc::clone(&at.epoch), seq }, event);
            }
        }
        state.wake(self.chronicle);
    }

    /// What a reader who has seen everything up to `seen` has not seen; one who has seen nothing, or cannot go on from
    /// there, needs to know how things stand, as of `since` or later. `breaks` is how often events were given up
    /// when it was told something last: one that was left behind by another break is not slow.
    pub(crate) fn unseen(&self, seen: Option<&Position>, breaks: Option<u64>, since: Instant) -> Unseen {
        let mut state = self.state();
        let Some(at) = state.at.clone() else { return Unseen::Nothing };
        if let Some(seen) = seen.filter(|seen| seen.epoch == at.epoch) {
            // Another process has told the reader more than this one knows yet.
            if seen.seq > at.seq {
                return Unseen::Nothing;
            }
            if state.goes_on_from(seen.seq) {
                return Unseen::Frames(state.after(seen.seq), state.breaks);
            }
            if breaks == Some(state.breaks) && !can_be_caught_up(self.chronicle) {
                return Unseen::Gone;
            }
        }
        match &state.standing {
            Some((read_at, standing))
                if *read_at >= since
                    && standing.position.epoch == at.epoch
                    && state.goes_on_from(standing.position.seq) =>
            {
                let mut frames = vec![Arc::clone(standing)];
                frames.extend(state.after(standing.position.seq));
                Unseen::Frames(frames, state.breaks)
            }
            _ => {
                state.is_wanted = true;
                Unseen::Standing
            }
        }
    }

    /// The place that they are to be read at, if somebody needs that, and nobody does it.
    pub(super) fn is_to_be_read(&self) -> Option<Position> {
        let mut state = self.state();
        let at = state.at.clone().filter(|_| state.is_wanted && !state.is_being_read)?;
        (state.is_wanted, state.is_being_read) = (false, true);
        Some(at)
    }

    /// How things were found after that place, by who began to read at `read_at`; none where they could not be.
    pub(super) fn stands(&self, read_at: Instant, position: Position, standing: Option<Standing>) {
        let mut state = self.state();
        state.is_being_read = false;
        let Some(standing) = standing else {
            state.is_wanted = true;
            return;
        };
        let news = ChronicleNews::Standing(standing);
        let frame = ChronicleFrame { chronicle: self.chronicle, position, news, encoded: Encoded::default() };
        state.standing = Some((read_at, Arc::new(frame)));
        state.wake(self.chronicle);
    }
}

impl State {
    /// Adds an event. In the place of one that cannot be read, readers are told how things stand.
    fn push(&mut self, chronicle: Chronicle, position: Position, event: Option<ChronicleEvent>) {
        self.at = Some(position.clone());
        let Some(event) = event else {
            self.breaks += 1;
            self.frames.clear();
            return;
        };
        if self.frames.len() >= chronicle.kept() {
            self.frames.pop_front();
        }
        let news = ChronicleNews::Event(event);
        self.frames.push_back(Arc::new(ChronicleFrame {
            chronicle,
            position,
            news,
            encoded: Encoded::default(),
        }));
    }

    /// Whether all events after a place in this epoch are kept.
    fn goes_on_from(&self, seq: i64) -> bool {
        let oldest = self.frames.front().map(|frame| frame.position.seq);
        let next = self.at.as_ref().map(|at| at.seq + 1);
        oldest.or(next).is_some_and(|first| seq + 1 >= first)
    }

    fn after(&self, seq: i64) -> Vec<Arc<ChronicleFrame>> {
        self.frames.iter().filter(|frame| frame.position.seq > seq).cloned().collect()
    }

    fn wake(&self, chronicle: Chronicle) {
        for mailbox in self.readers.values() {
            mailbox.put(News::Chronicle(chronicle));
        }
    }
}
