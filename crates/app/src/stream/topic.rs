//! One market as this process follows it.

use super::reader::{Mailbox, News};
use super::topics::Topical;
use crate::{Clock, Error};
use bytes::Bytes;
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use overround_live::{Held, History, KEPT_VERSIONS, Live, Position};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync;
use tokio::time::Instant;

/// How a frame stands to what its reader has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// The market as it stands: the first that the reader sees of it.
    Snapshot,
    /// The version after the one before.
    Update,
    /// What the reader has seen cannot be continued: the market as it stands.
    Reset,
}

/// One version of a market at its place in the market's channel.
#[derive(Debug)]
pub struct Frame {
    /// Its place.
    pub position: Position,
    /// The version.
    pub snapshot: Arc<Snapshot>,
    /// Whether status, line or runners are others than in the version before: such a frame is not passed over.
    pub moves_status: bool,
    encoded: Encoded,
}

/// A frame's text for readers of each kind, made once for all of them.
#[derive(Debug, Default)]
pub(super) struct Encoded([OnceLock<Bytes>; 3]);

impl Encoded {
    pub(super) fn get(&self, kind: FrameKind, encode: impl FnOnce() -> String) -> Bytes {
        let [snapshot, update, reset] = &self.0;
        let once = match kind {
            FrameKind::Snapshot => snapshot,
            FrameKind::Update => update,
            FrameKind::Reset => reset,
        };
        once.get_or_init(|| encode().into()).clone()
    }
}

impl Frame {
    fn new(position: Position, snapshot: Arc<Snapshot>, before: Option<&Self>) -> Self {
        let moves_status =
            before.is_none_or(|before| before.snapshot.status_version != snapshot.status_version);
        Self { position, snapshot, moves_status, encoded: Encoded::default() }
    }

    /// The frame's text for readers of that kind, made by `encode` once, for all of them.
    pub fn encoded(&self, kind: FrameKind, encode: impl FnOnce() -> String) -> Bytes {
        self.encoded.get(kind, encode)
    }
}

/// Whether a market's prices may be sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub sellable: bool,
    /// The producer's last sign of life, as far as it is known.
    pub confirmed_at: Option<Timestamp>,
}

/// What a reader at some place has not seen.
pub(super) enum Unseen {
    Nothing,
    /// Several versions.
    Frames(Vec<Arc<Frame>>),
    /// The newest: the next one, or the first that the reader sees, or it cannot go on from where it is.
    One(FrameKind, Arc<Frame>),
}

/// How a topic looks to a reader.
pub(super) struct Look {
    pub unseen: Unseen,
    /// Whether anything is known of the market.
    pub is_known: bool,
    /// What was last found of its prices; none before anybody looked.
    pub window: Option<Window>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Arc<Frame>>,
    /// When Redis was last asked what it holds of the market, and the answer.
    looked: Option<(Instant, Option<Held>)>,
    /// Whether what is published of it is heard.
    is_heard: bool,
    /// When somebody who is no reader last asked for it.
    touched: Option<Instant>,
    /// When a market that nothing is known of is asked for again, and how long after that.
    fill: Option<(Instant, Duration)>,
}

/// How long to wait until a market that nothing is known of is asked for again, at first and at most.
const FILL_AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// For how long a market is followed after somebody who is no reader asked for it.
const TOUCHED_FOR: Duration = Duration::from_secs(60);
/// For how long an answer of Redis serves all who ask, whatever it says.
const ANSWER_FOR: Duration = Duration::from_millis(100);

/// A market that this process follows, and its readers.
pub(crate) struct Topic {
    pub(super) market: MarketId,
    state: Mutex<State>,
    /// Under a lock of their own: those who are woken look at the state while the others are.
    readers: Mutex<BTreeMap<u64, Arc<Mailbox>>>,
    /// One asks Redis, the others wait for the answer.
    asking: sync::Mutex<()>,
}

impl Topical for Topic {
    type Key = MarketId;

    fn new(market: MarketId) -> Self {
        Self { market, state: Mutex::default(), readers: Mutex::default(), asking: sync::Mutex::default() }
    }

    fn join(&self, reader: u64, mailbox: &Arc<Mailbox>) {
        self.readers().insert(reader, Arc::clone(mailbox));
    }

    fn leave(&self, reader: u64) {
        self.readers().remove(&reader);
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.has_no_reader() && self.state().touched.is_none_or(|touched| touched + TOUCHED_FOR < now)
    }
}

impl Topic {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Mailbox>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_no_reader(&self) -> bool {
        self.readers().is_empty()
    }

    fn wake(&self) {
        for mailbox in self.readers().values() {
            mailbox.put(News::Market(self.market));
        }
    }

    /// Notes whether what is published of the market is heard from now on.
    pub(super) fn hears(&self, is_heard: bool) {
        self.state().is_heard = is_heard;
    }

    /// What is known of the market without asking: what is fresh and would have been heard to change, or what was
    /// just asked. On a recording's clock nothing is known for long.
    pub(super) fn held(&self, live: &Live, clock: &Clock) -> Option<Held> {
        if clock.is_manual() {
            return None;
        }
        let now = Instant::now();
        let mut state = self.state();
        state.touched = Some(now);
        let (asked, Some(held)) = state.looked.as_ref()? else { return None };
        let since = now.saturating_duration_since(*asked);
        let held = held.after(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let relied_on = since < ANSWER_FOR || (state.is_heard && held.fresh_ms > 0);
        // What was heard since, or written by this process, is newer.
        let known = live.known(self.market).filter(|known| known.version > held.snapshot.version);
        relied_on.then(|| Held { snapshot: known.unwrap_or_else(|| Arc::clone(&held.snapshot)), ..held })
    }

    /// What Redis holds of the market: asked once for all who want to know it at one time.
    ///
    /// # Errors
    /// When Redis is away, or what it holds cannot be read.
    pub(crate) async fn read(&self, live: &Live, clock: &Clock) -> Result<Option<Held>, Error> {
        let _asking = self.asking.lock().await;
        if let Some(held) = self.held(live, clock) {
            return Ok(Some(held));
        }
        let asked = Instant::now();
        let held = live.read_one(self.market, clock.for_cache()).await?;
        self.look(asked, held.as_ref());
        Ok(held)
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.state().frames.back().map(|frame| frame.position.clone())
    }

    /// Takes a version that was heard of. False if it does not follow what is known: the history has to be read.
    pub(super) fn hear(&self, position: Position, snapshot: Arc<Snapshot>) -> bool {
        let mut state = self.state();
        let Some(last) = state.frames.back() else { return false };
        if last.position.epoch == position.epoch && position.seq <= last.position.seq {
            return true;
        }
        if last.position.epoch != position.epoch || position.seq != last.position.seq + 1 {
            return false;
        }
        // One epoch for all readers: comparing it with what a reader has seen looks at no text.
        let position = Position { epoch: Arc::clone(&last.position.epoch), ..position };
        state.push(position, snapshot);
        drop(state);
        self.wake();
        true
    }

    /// Takes what the market's history says after what is known; it replaces what it does not continue. A history that
    /// goes back is of a server that lost something, and says nothing new.
    pub(super) fn fill(&self, history: History) {
        let mut state = self.state();
        let last = state.frames.back().map(|frame| frame.position.clone());
        let continues =
            |seq| last.as_ref().is_some_and(|last| last.epoch == history.at.epoch && last.seq + 1 == seq);
        let first = history.versions.first().map(|snapshot| snapshot.version);
        match first {
            Some(seq) if continues(seq) => {}
            Some(_) if last.as_ref().is_some_and(|last| last.seq > history.at.seq) => return,
            Some(_) => state.frames.clear(),
            None => return,
        }
        for snapshot in history.versions {
            let position = Position { epoch: Arc::clone(&history.at.epoch), seq: snapshot.version };
            state.push(position, snapshot);
        }
        drop(state);
        self.wake();
    }

    /// How the topic looks to a reader who has seen everything up to `seen`.
    pub(super) fn look_from(&self, seen: Option<&Position>) -> Look {
        let state = self.state();
        Look { unseen: state.unseen(seen), is_known: !state.frames.is_empty(), window: state.window() }
    }

    /// Whether nothing is known of it, and it is time to ask again.
    pub(super) fn is_to_be_filled(&self, now: Instant) -> bool {
        let mut state = self.state();
        if !state.frames.is_empty() {
            return false;
        }
        let (at, after) = state.fill.unwrap_or((now, FILL_AGAIN_AFTER.0));
        let due = at <= now;
        let next = if due { (now + after, (after * 2).min(FILL_AGAIN_AFTER.1)) } else { (at, after) };
        state.fill = Some(next);
        due
    }

    /// Whether it is time to look whether the prices may still be sold.
    pub(super) fn is_to_be_looked_at(&self, now: Instant, clock: &Clock) -> bool {
        if self.has_no_reader() {
            return false;
        }
        let state = self.state();
        let is_fresh = |(asked, held): &(Instant, Option<Held>)| {
            let since = i64::try_from(now.saturating_duration_since(*asked).as_millis()).unwrap_or(i64::MAX);
            held.as_ref().is_some_and(|held| held.fresh_ms > since)
        };
        // A recording's clock stands or jumps: its markets are looked at each time, as are those that are not fresh.
        clock.is_manual() || !state.looked.as_ref().is_some_and(is_fresh)
    }

    /// Notes what Redis held of the market when it was asked.
    pub(super) fn look(&self, asked: Instant, held: Option<&Held>) {
        let mut state = self.state();
        let before = state.window();
        state.looked = Some((asked, held.cloned()));
        let is_another = before.map(|window| window.sellable) != state.window().map(|window| window.sellable);
        drop(state);
        if is_another {
            self.wake();
        }
    }
}

impl State {
    fn push(&mut self, position: Position, snapshot: Arc<Snapshot>) {
        if self.frames.len() >= KEPT_VERSIONS {
            self.frames.pop_front();
        }
        let frame = Frame::new(position, snapshot, self.frames.back().map(Arc::as_ref));
        self.frames.push_back(Arc::new(frame));
    }

    /// What a reader who has seen everything up to `seen` has not seen. Nothing that is older than that is ever said.
    fn unseen(&self, seen: Option<&Position>) -> Unseen {
        let (Some(oldest), Some(newest)) = (self.frames.front(), self.frames.back()) else {
            return Unseen::Nothing;
        };
        let Some(seen) = seen else { return Unseen::One(FrameKind::Snapshot, Arc::clone(newest)) };
        let is_of_epoch = newest.position.epoch == seen.epoch;
        if newest.position.seq < seen.seq || (is_of_epoch && newest.position.seq == seen.seq) {
            return Unseen::Nothing;
        }
        if !is_of_epoch || seen.seq.saturating_add(1) < oldest.position.seq {
            return Unseen::One(FrameKind::Reset, Arc::clone(newest));
        }
        if seen.seq.saturating_add(1) == newest.position.seq {
            return Unseen::One(FrameKind::Update, Arc::clone(newest));
        }
        Unseen::Frames(self.frames.iter().filter(|frame| frame.position.seq > seen.seq).cloned().collect())
    }

    /// What was last found of the market's prices; none before anybody looked.
    fn window(&self) -> Option<Window> {
        let (_, held) = self.looked.as_ref()?;
        Some(Window {
            sellable: held.as_ref().is_some_and(|held| held.sellable_ms > 0),
            confirmed_at: held.as_ref().and_then(|held| held.confirmed_at),
        })
    }
}
