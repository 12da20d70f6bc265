//! What waits for the lanes: bounded, in order, fair between accounts, and never two batches of one cell at once.
//!
//! A batch takes one command of each account in turn, so that an account that floods the house waits
//! for itself and for nobody else; and no account may fill the queue by itself. A lane takes whole cells: those that
//! no other lane has in hand. So lanes never stand in each other's way, and one that is alone fills its batch from all cells.

use overround_domain::ids::AccountId;
use overround_domain::wallet::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, timeout_at};

/// The part of a queue that one account may fill: one of so many.
const ACCOUNT_SHARE: usize = 8;

/// A batch costs as much as eight bets in one, whatever is in it (benches/README.md). So while a lane works, another
/// begins only for so large a part of a full batch...
const WORTH_A_LANE: usize = 4;
/// ...or once something could have been taken for so long: the lanes that work may be held up.
const PATIENCE: Duration = Duration::from_millis(10);

/// Why a queue did not take something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is full, or the account has its share of it.
    Full,
    /// It takes nothing any more.
    Closed,
}

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub cell: Cell,
    pub account: AccountId,
}

/// What waits.
pub(super) struct Queue<T> {
    depth: usize,
    state: Mutex<State<T>>,
    /// There is something to take, or nothing will come any more.
    filled: Notify,
    /// There is room again.
    room: Notify,
}

struct State<T> {
    cells: BTreeMap<Cell, Waiting<T>>,
    /// The cells that have something and are in nobody's hand, in the order of their turns.
    ready: VecDeque<Cell>,
    /// How much waits in those.
    ready_len: usize,
    /// Since when something could have been taken from those.
    ready_since: Option<Instant>,
    /// The cells in a lane's hand.
    in_hand: BTreeSet<Cell>,
    len: usize,
    closed: bool,
}

/// What waits in one cell, by account.
struct Waiting<T> {
    by_account: HashMap<AccountId, VecDeque<T>>,
    /// The accounts that have something, in the order of their turns.
    turns: VecDeque<AccountId>,
    len: usize,
}

/// A batch. Its cells are in the hand of whoever has it, until it is dropped.
pub(super) struct Batch<T> {
    pub items: Vec<T>,
    cells: BTreeSet<Cell>,
    queue: Arc<Queue<T>>,
}

impl<T> Batch<T> {
    /// Gives back the cells that are not among `cells`.
    pub(super) fn keep_only(&mut self, cells: &BTreeSet<Cell>) {
        let done: BTreeSet<Cell> = self.cells.extract_if(.., |cell| !cells.contains(cell)).collect();
        self.queue.give_back(&done);
    }

    /// Takes what came into its cells since, up to `max` in all, and says how much.
    pub(super) fn top_up(&mut self, max: usize) -> usize {
        let before = self.items.len();
        self.queue.state().top_up(&self.cells, max, &mut self.items);
        self.queue.room.notify_waiters();
        self.items.len() - before
    }

    /// The cells in hand.
    pub(super) const fn cells(&self) -> &BTreeSet<Cell> {
        &self.cells
    }
}

impl<T> Drop for Batch<T> {
    fn drop(&mut self) {
        self.queue.give_back(&self.cells);
    }
}

impl<T> Queue<T> {
    /// A queue of at most `depth`.
    pub(super) fn new(depth: usize) -> Self {
        let state = State {
            cells: BTreeMap::new(),
            ready: VecDeque::new(),
            ready_len: 0,
            ready_since: None,
            in_hand: BTreeSet::new(),
            len: 0,
            closed: false,
        };
        Self { depth, state: Mutex::new(state), filled: Notify::new(), room: Notify::new() }
    }

    /// Takes something in, or gives it back with the reason.
    pub(super) fn push(&self, owner: Owner, item: T) -> Result<(), (Refused, T)> {
        let share = (self.depth / ACCOUNT_SHARE).max(1);
        let mut state = self.state();
        if state.closed {
            return Err((Refused::Closed, item));
        }
        if state.len >= self.depth || state.waiting(owner) >= share {
            return Err((Refused::Full, item));
        }
        state.put(owner, item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes something in as soon as there is room, or gives it back when it is closed.
    pub(super) async fn push_waiting(&self, owner: Owner, mut item: T) -> Result<(), T> {
        loop {
            let room = self.room.notified();
            match self.push(owner, item) {
                Ok(()) => return Ok(()),
                Err((Refused::Closed, back)) => return Err(back),
                Err((Refused::Full, back)) => item = back,
            }
            room.await;
        }
    }

    /// At most `max` of what waits in cells that are in nobody's hand, in turns, as soon as it is worth a lane.
    /// None once it is closed and empty.
    pub(super) async fn take(self: &Arc<Self>, max: usize) -> Option<Batch<T>> {
        loop {
            let filled = self.filled.notified();
            let patience = {
                let mut state = self.state();
                if state.is_worth_a_lane(max) {
                    let (items, cells) = state.take(max);
                    let others = state.is_worth_a_lane(max);
                    drop(state);
                    self.room.notify_waiters();
                    if others {
                        self.filled.notify_one();
                    }
                    return Some(Batch { items, cells, queue: Arc::clone(self) });
                }
                if state.closed && state.len == 0 {
                    // Other lanes may wait for the same.
                    self.filled.notify_one();
                    return None;
                }
                state.ready_since.map(|since| since + PATIENCE)
            };
            match patience {
                Some(until) => drop(timeout_at(until, filled).await),
                None => filled.await,
            }
        }
    }

    /// Takes nothing in any more; what waits can still be taken out.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
        self.room.notify_waiters();
    }

    fn give_back(&self, cells: &BTreeSet<Cell>) {
        self.state().give_back(cells);
        self.filled.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn waiting(&self, owner: Owner) -> usize {
        let of_cell = self.cells.get(&owner.cell);
        of_cell.and_then(|waiting| waiting.by_account.get(&owner.account)).map_or(0, VecDeque::len)
    }

    fn put(&mut self, owner: Owner, item: T) {
        let waiting = self.cells.entry(owner.cell).or_insert_with(Waiting::new);
        let was_empty = waiting.len == 0;
        waiting.put(owner.account, item);
        self.len += 1;
        if self.in_hand.contains(&owner.cell) {
            return;
        }
        self.ready_len += 1;
        if was_empty {
            self.ready.push_back(owner.cell);
        }
        self.note_the_time();
    }

    fn is_worth_a_lane(&self, max: usize) -> bool {
        let is_late = || self.ready_since.is_some_and(|since| since.elapsed() >= PATIENCE);
        let is_enough =
            self.in_hand.is_empty() || self.closed || self.ready_len >= (max / WORTH_A_LANE).max(1);
        self.ready_len > 0 && (is_enough || is_late())
    }

    /// One command of each account of the cells first, then the next ones of those that have more. Where more
    /// is ready than one batch takes, only so many cells as hold about a batch: the others are for other lanes.
    fn take(&mut self, max: usize) -> (Vec<T>, BTreeSet<Cell>) {
        let mut taken = Vec::with_capacity(max.min(self.ready_len));
        let (mut cells, mut have_more) = (BTreeSet::new(), VecDeque::new());
        let cells_max = (self.ready.len() * max).div_ceil(self.ready_len.max(1));
        while taken.len() < max {
            let fresh = if cells.len() < cells_max { self.ready.pop_front() } else { None };
            let Some(cell) = fresh.or_else(|| have_more.pop_front()) else { break };
            let Some(waiting) = self.cells.get_mut(&cell) else { continue };
            if fresh.is_some() {
                self.ready_len -= waiting.len;
                self.in_hand.insert(cell);
                cells.insert(cell);
            }
            self.len -= waiting.take_a_round(max - taken.len(), &mut taken);
            if waiting.len > 0 {
                have_more.push_back(cell);
            }
        }
        self.ready_since = None;
        self.note_the_time();
        (taken, cells)
    }

    fn top_up(&mut self, in_hand: &BTreeSet<Cell>, max: usize, taken: &mut Vec<T>) {
        let mut cells: VecDeque<Cell> = in_hand.iter().copied().collect();
        while taken.len() < max {
            let Some(cell) = cells.pop_front() else { break };
            let Some(waiting) = self.cells.get_mut(&cell) else { continue };
            self.len -= waiting.take_a_round(max - taken.len(), taken);
            if waiting.len > 0 {
                cells.push_back(cell);
            }
        }
    }

    fn give_back(&mut self, cells: &BTreeSet<Cell>) {
        for cell in cells {
            self.in_hand.remove(cell);
            let waiting = self.cells.get(cell).map_or(0, |waiting| waiting.len);
            if waiting > 0 {
                self.ready.push_back(*cell);
                self.ready_len += waiting;
            }
        }
        self.note_the_time();
    }

    /// The clock of [`PATIENCE`] runs while something is ready.
    fn note_the_time(&mut self) {
        self.ready_since = (self.ready_len > 0).then(|| self.ready_since.unwrap_or_else(Instant::now));
    }
}

impl<T> Waiting<T> {
    fn new() -> Self {
        Self { by_account: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }

    fn put(&mut self, account: AccountId, item: T) {
        let of_account = self.by_account.entry(account).or_default();
        if of_account.is_empty() {
            self.turns.push_back(account);
        }
        of_account.push_back(item);
        self.len += 1;
    }

    /// Moves one of each account into `taken`, at most `max`, and says how many.
    fn take_a_round(&mut self, max: usize, taken: &mut Vec<T>) -> usize {
        let before = self.len;
        let mut left = max.min(self.turns.len());
        while left > 0 {
            let Some(account) = self.turns.pop_front() else { break };
            let Some(of_account) = self.by_account.get_mut(&account) else { continue };
            if let Some(item) = of_account.pop_front() {
                taken.push(item);
                self.len -= 1;
                left -= 1;
            }
            if of_account.is_empty() {
                self.by_account.remove(&account);
            } else {
                self.turns.push_back(account);
            }
        }
        before - self.len
    }
}

#[cfg(test)]
mod tests;
