//! One account as this process follows it.

use super::AccountEvent;
use crate::AccountView;
use crate::stream::FrameKind;
use crate::stream::reader::{Mailbox, News};
use crate::stream::topic::Encoded;
use crate::stream::topics::Topical;
use bytes::Bytes;
use overround_domain::ids::AccountId;
use overround_live::{KEPT_EVENTS, Position};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// A place in an account's channel, and what is told there.
#[derive(Debug)]
pub struct AccountFrame {
    /// The account whose channel it is.
    pub account_id: AccountId,
    /// The place.
    pub position: Position,
    /// What is told.
    pub news: AccountNews,
    encoded: Encoded,
}

/// What is told at a place.
#[derive(Debug)]
pub enum AccountNews {
    /// The account as it stands: with all that was told up to the place, or more.
    Standing(AccountView),
    /// What happened.
    Event(AccountEvent),
}

impl AccountFrame {
    /// The frame's text for readers of that kind, made by `encode` once, for all of them.
    pub fn encoded(&self, kind: FrameKind, encode: impl FnOnce() -> String) -> Bytes {
        self.encoded.get(kind, encode)
    }
}

/// What a reader at some place has not seen.
pub(crate) enum Unseen {
    Nothing,
    /// The account has to be read first.
    Standing,
    /// These, of what was kept since so many breaks.
    Frames(Vec<Arc<AccountFrame>>, u64),
    /// What came next is not kept any more, since the reader was too slow.
    Gone,
}

#[derive(Default)]
struct State {
    /// The place of the last event that is known of; none before Redis was asked.
    at: Option<Position>,
    /// The last events, without a gap, up to that place.
    frames: VecDeque<Arc<AccountFrame>>,
    /// How often the events could not be continued, and those kept were given up.
    breaks: u64,
    /// The account as it was read last, and when that was begun.
    standing: Option<(Instant, Arc<AccountFrame>)>,
    /// Somebody needs to know how it stands.
    is_wanted: bool,
    is_being_read: bool,
    readers: BTreeMap<u64, Arc<Mailbox>>,
}

/// An account that this process follows, and its readers.
pub(crate) struct Topic {
    pub(super) account: AccountId,
    state: Mutex<State>,
}

impl Topical for Topic {
    type Key = AccountId;

    fn new(account: AccountId) -> Self {
        Self { account, state: Mutex::default() }
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
    pub(super) fn hear(&self, position: Position, event: Option<AccountEvent>) -> bool {
        let mut state = self.state();
        let Some(at) = &state.at else { return false };
        if at.epoch != position.epoch || position.seq > at.seq + 1 {
            return false;
        }
        if position.seq == at.seq + 1 {
            state.push(self.account, position, event);
            state.wake(self.account);
        }
        true
    }

    /// Takes what the account's history says after what is known; it replaces what it does not continue. A history that
    /// was read before something was heard says nothing new.
    pub(super) fn fill(&self, at: Position, events: Vec<Option<AccountEvent>>) {
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
                state.push(self.account, Position { epoch: Arc::clone(&at.epoch), seq }, event);
            }
        }
        state.wake(self.account);
    }

    /// What a reader who has seen everything up to `seen` has not seen; one who has seen nothing, or cannot go on from
    /// there, needs to know how the account stands, as of `since` or later. `breaks` is how often events were given up
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
            if breaks == Some(state.breaks) {
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

    /// The place that the account is to be read at, if somebody needs that, and nobody does it.
    pub(super) fn is_to_be_read(&self) -> Option<Position> {
        let mut state = self.state();
        let at = state.at.clone().filter(|_| state.is_wanted && !state.is_being_read)?;
        (state.is_wanted, state.is_being_read) = (false, true);
        Some(at)
    }

    /// The account as it was found after that place, by who began to read at `read_at`; none where it could not be.
    pub(super) fn stands(&self, read_at: Instant, position: Position, account: Option<AccountView>) {
        let mut state = self.state();
        state.is_being_read = false;
        let Some(account) = account else {
            state.is_wanted = true;
            return;
        };
        let news = AccountNews::Standing(account);
        let frame = AccountFrame { account_id: self.account, position, news, encoded: Encoded::default() };
        state.standing = Some((read_at, Arc::new(frame)));
        state.wake(self.account);
    }
}

impl State {
    /// Adds an event. In the place of one that cannot be read, readers are told how the account stands.
    fn push(&mut self, account_id: AccountId, position: Position, event: Option<AccountEvent>) {
        self.at = Some(position.clone());
        let Some(event) = event else {
            self.breaks += 1;
            self.frames.clear();
            return;
        };
        if self.frames.len() >= KEPT_EVENTS {
            self.frames.pop_front();
        }
        let news = AccountNews::Event(event);
        self.frames.push_back(Arc::new(AccountFrame {
            account_id,
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

    fn after(&self, seq: i64) -> Vec<Arc<AccountFrame>> {
        self.frames.iter().filter(|frame| frame.position.seq > seq).cloned().collect()
    }

    fn wake(&self, account: AccountId) {
        for mailbox in self.readers.values() {
            mailbox.put(News::Account(account));
        }
    }
}
