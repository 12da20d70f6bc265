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
    cells: Vec<Cell>,
    queue: Arc<Queue<T>>,
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

    fn give_back(&self, cells: &[Cell]) {
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
    fn take(&mut self, max: usize) -> (Vec<T>, Vec<Cell>) {
        let mut taken = Vec::with_capacity(max.min(self.ready_len));
        let (mut cells, mut have_more) = (Vec::new(), VecDeque::new());
        let cells_max = (self.ready.len() * max).div_ceil(self.ready_len.max(1));
        while taken.len() < max {
            let fresh = if cells.len() < cells_max { self.ready.pop_front() } else { None };
            let Some(cell) = fresh.or_else(|| have_more.pop_front()) else { break };
            let Some(waiting) = self.cells.get_mut(&cell) else { continue };
            if fresh.is_some() {
                self.ready_len -= waiting.len;
                self.in_hand.insert(cell);
                cells.push(cell);
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

    fn give_back(&mut self, cells: &[Cell]) {
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
mod tests {
    use super::*;
    use futures::FutureExt;
    use uuid::Uuid;

    fn owner(cell: i16, account: u128) -> Owner {
        let account = AccountId::from_uuid(Uuid::from_u128(account));
        Owner { cell: Cell::from_i16(cell).unwrap(), account }
    }

    fn queue(depth: usize) -> Arc<Queue<u32>> {
        Arc::new(Queue::new(depth))
    }

    async fn take(queue: &Arc<Queue<u32>>, max: usize) -> Batch<u32> {
        queue.take(max).await.unwrap()
    }

    /// What could be taken now, if anything could.
    fn now(queue: &Arc<Queue<u32>>, max: usize) -> Option<Batch<u32>> {
        queue.take(max).now_or_never().flatten()
    }

    #[tokio::test]
    async fn accounts_take_turns_and_each_keeps_its_order() {
        let queue = queue(80);
        for (who, what) in [(1, 11), (1, 12), (1, 13), (2, 21), (3, 31), (2, 22)] {
            queue.push(owner(0, who), what).unwrap();
        }
        assert_eq!(take(&queue, 4).await.items, [11, 21, 31, 12]);
        assert_eq!(take(&queue, 4).await.items, [22, 13]);
    }

    #[tokio::test]
    async fn who_floods_one_cell_holds_up_nobody() {
        let queue = queue(800);
        for what in 0..50 {
            queue.push(owner(0, 1), what).unwrap();
        }
        queue.push(owner(0, 2), 98).unwrap();
        queue.push(owner(1, 3), 99).unwrap();
        let first = take(&queue, 5).await;
        assert_eq!(first.items, [0, 98, 1, 2, 3], "accounts of the same cell take turns");
        assert_eq!(now(&queue, 5).unwrap().items, [99], "another lane has the other cell");
    }

    #[tokio::test]
    async fn cells_take_turns_and_are_in_one_hand_at_a_time() {
        let queue = queue(80);
        for (cell, what) in [(0, 1), (0, 2), (1, 3), (2, 4), (2, 5)] {
            queue.push(owner(cell, u128::from(what)), what).unwrap();
        }
        let first = take(&queue, 1).await;
        assert_eq!(first.items, [1]);
        // What is left of the cell waits until the first batch is done.
        let second = now(&queue, 8).unwrap();
        assert_eq!(second.items, [3, 4, 5]);
        queue.push(owner(1, 9), 9).unwrap();
        assert!(now(&queue, 1).is_none(), "both cells are in hand");
        drop(second);
        let third = now(&queue, 1).unwrap();
        assert_eq!(third.items, [9]);
        drop((first, third));
        assert_eq!(take(&queue, 8).await.items, [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_lane_begins_for_much_or_for_what_waited_long() {
        let queue = queue(800);
        queue.push(owner(0, 1), 1).unwrap();
        let first = take(&queue, 16).await;
        for n in 2..5 {
            queue.push(owner(1, u128::from(n)), n).unwrap();
        }
        assert!(now(&queue, 16).is_none(), "three are not worth it");
        queue.push(owner(2, 5), 5).unwrap();
        let second = now(&queue, 16).unwrap();
        assert_eq!(second.items, [2, 3, 4, 5]);
        queue.push(owner(3, 6), 6).unwrap();
        let began = Instant::now();
        assert_eq!(take(&queue, 16).await.items, [6], "it has waited for two that are held up");
        assert_eq!(began.elapsed(), PATIENCE);
        drop((first, second));
        queue.push(owner(4, 7), 7).unwrap();
        assert_eq!(now(&queue, 16).unwrap().items, [7], "nobody works");
    }

    #[tokio::test]
    async fn it_is_bounded_as_a_whole_and_for_each_account() {
        let queue = queue(16);
        queue.push(owner(0, 1), 0).unwrap();
        queue.push(owner(0, 1), 1).unwrap();
        assert_eq!(queue.push(owner(0, 1), 2), Err((Refused::Full, 2)), "an eighth for one account");
        for n in 2..16 {
            queue.push(owner(i16::try_from(n).unwrap(), u128::from(n)), n).unwrap();
        }
        assert_eq!(queue.push(owner(0, 99), 99), Err((Refused::Full, 99)));
        assert_eq!(take(&queue, 1).await.items.len(), 1);
        queue.push(owner(0, 99), 99).unwrap();
    }

    #[tokio::test]
    async fn who_waits_gets_in_when_there_is_room() {
        let queue = queue(1);
        queue.push(owner(0, 1), 1).unwrap();
        let mut waiting = Box::pin(queue.push_waiting(owner(0, 2), 2));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(take(&queue, 8).await.items, [1]);
        assert_eq!(waiting.await, Ok(()));
        assert_eq!(take(&queue, 8).await.items, [2]);
    }

    #[tokio::test]
    async fn once_closed_it_empties_and_ends() {
        let queue = queue(8);
        queue.push(owner(0, 1), 1).unwrap();
        queue.push(owner(0, 2), 2).unwrap();
        queue.close();
        assert_eq!(queue.push(owner(1, 3), 3), Err((Refused::Closed, 3)));
        assert_eq!(queue.push_waiting(owner(1, 3), 3).await, Err(3));
        let first = take(&queue, 1).await;
        let mut second = Box::pin(queue.take(8));
        assert!(second.as_mut().now_or_never().is_none(), "its cell is in hand");
        drop(first);
        assert_eq!(second.await.unwrap().items, [2]);
        assert!(queue.take(8).await.is_none());
        assert!(queue.take(8).await.is_none(), "every lane is told");
    }
}
