//! A lane's queue: bounded, and fair between accounts.
//!
//! A batch takes one command of each account in turn, so that an account that floods the house waits
//! for itself and for nobody else; and no account may fill the queue by itself.

use overround_domain::ids::AccountId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The part of a queue that one account may fill: one of so many.
const ACCOUNT_SHARE: usize = 8;

/// Why a queue did not take something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is full, or the account has its share of it.
    Full,
    /// It takes nothing any more.
    Closed,
}

/// What waits, by account.
pub(super) struct Queue<T> {
    depth: usize,
    state: Mutex<State<T>>,
    /// There is something to take, or nothing will come any more.
    filled: Notify,
    /// There is room again.
    room: Notify,
}

struct State<T> {
    by_account: HashMap<AccountId, VecDeque<T>>,
    /// The accounts that have something, in the order of their turns.
    turns: VecDeque<AccountId>,
    len: usize,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue of at most `depth`.
    pub(super) fn new(depth: usize) -> Self {
        let state = State { by_account: HashMap::new(), turns: VecDeque::new(), len: 0, closed: false };
        Self { depth, state: Mutex::new(state), filled: Notify::new(), room: Notify::new() }
    }

    /// Takes something in, or gives it back with the reason.
    pub(super) fn push(&self, account: AccountId, item: T) -> Result<(), (Refused, T)> {
        let share = (self.depth / ACCOUNT_SHARE).max(1);
        let mut state = self.state();
        if state.closed {
            return Err((Refused::Closed, item));
        }
        let waiting = state.by_account.get(&account).map_or(0, VecDeque::len);
        if state.len >= self.depth || waiting >= share {
            return Err((Refused::Full, item));
        }
        if waiting == 0 {
            state.turns.push_back(account);
        }
        state.by_account.entry(account).or_default().push_back(item);
        state.len += 1;
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes something in as soon as there is room, or gives it back when it is closed.
    pub(super) async fn push_waiting(&self, account: AccountId, mut item: T) -> Result<(), T> {
        loop {
            let room = self.room.notified();
            match self.push(account, item) {
                Ok(()) => return Ok(()),
                Err((Refused::Closed, back)) => return Err(back),
                Err((Refused::Full, back)) => item = back,
            }
            room.await;
        }
    }

    /// At most `max` of what waits, in turns, as soon as there is any. None once it is closed and empty.
    pub(super) async fn take(&self, max: usize) -> Option<Vec<T>> {
        loop {
            let filled = self.filled.notified();
            {
                let mut state = self.state();
                let taken = state.take(max);
                if !taken.is_empty() {
                    drop(state);
                    self.room.notify_waiters();
                    return Some(taken);
                }
                if state.closed {
                    return None;
                }
            }
            filled.await;
        }
    }

    /// Takes nothing in any more; what waits can still be taken out.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
        self.room.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn take(&mut self, max: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(max.min(self.len));
        while taken.len() < max {
            let Some(account) = self.turns.pop_front() else { break };
            let Some(waiting) = self.by_account.get_mut(&account) else { continue };
            taken.extend(waiting.pop_front());
            if waiting.is_empty() {
                self.by_account.remove(&account);
            } else {
                self.turns.push_back(account);
            }
        }
        self.len -= taken.len();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use uuid::Uuid;

    fn account(n: u128) -> AccountId {
        AccountId::from_uuid(Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn accounts_take_turns_and_each_keeps_its_order() {
        let queue = Queue::new(80);
        for (who, what) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (2, "b2")] {
            queue.push(account(who), what).unwrap();
        }
        assert_eq!(queue.take(4).await, Some(vec!["a1", "b1", "c1", "a2"]));
        assert_eq!(queue.take(4).await, Some(vec!["b2", "a3"]));
    }

    #[tokio::test]
    async fn it_is_bounded_as_a_whole_and_for_each_account() {
        let queue = Queue::new(16);
        queue.push(account(1), 0).unwrap();
        queue.push(account(1), 1).unwrap();
        assert_eq!(queue.push(account(1), 2), Err((Refused::Full, 2)), "an eighth for one account");
        for n in 2..16 {
            queue.push(account(n), n).unwrap();
        }
        assert_eq!(queue.push(account(99), 99), Err((Refused::Full, 99)));
        assert_eq!(queue.take(1).await.map(|taken| taken.len()), Some(1));
        queue.push(account(99), 99).unwrap();
    }

    #[tokio::test]
    async fn who_waits_gets_in_when_there_is_room() {
        let queue = Queue::new(1);
        queue.push(account(1), 1).unwrap();
        let mut waiting = Box::pin(queue.push_waiting(account(2), 2));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(queue.take(8).await, Some(vec![1]));
        assert_eq!(waiting.await, Ok(()));
        assert_eq!(queue.take(8).await, Some(vec![2]));
    }

    #[tokio::test]
    async fn once_closed_it_empties_and_ends() {
        let queue = Queue::new(8);
        queue.push(account(1), 1).unwrap();
        queue.close();
        assert_eq!(queue.push(account(2), 2), Err((Refused::Closed, 2)));
        assert_eq!(queue.push_waiting(account(2), 2).await, Err(2));
        assert_eq!(queue.take(8).await, Some(vec![1]));
        assert_eq!(queue.take(8).await, None);
    }
}
