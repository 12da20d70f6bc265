//! Readers of accounts beside the workload. Each follows all accounts, is cut off now and then and comes back with its
//! places. Every ledger entry of a wallet is told of once and in its order, to all of them in the same words; and what they
//! were told last is how the account stands.

use super::{CUT_EVERY, PATIENCE};
use crate::sim::check::Mismatch;
use crate::sim::model::Account;
use overround_app::{AccountChange, AccountEvent, AccountNews, AccountView, App, Delivery, Error, FrameKind};
use overround_app::{Position, Reader, Subscribed};
use overround_domain::ids::{AccountId, BetId};
use overround_domain::money::Cents;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait until the log is read again, where it could not be read to its end.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What a reader knows of a wallet: the number of its last entry, and the balance after it.
type Known = (i64, i64);

/// A reader, and what it was told.
struct Watcher {
    app: App,
    reader: Reader,
    seen: BTreeMap<AccountId, Option<Position>>,
    wallets: BTreeMap<AccountId, Known>,
    /// How many entries accounts had as they stood.
    stood: BTreeMap<AccountId, i64>,
    held: BTreeMap<AccountId, i64>,
    /// Of the bets that it was told of.
    stakes: BTreeMap<BetId, Cents>,
}

/// All readers of accounts of a run, one a process.
pub struct AccountWatch {
    watchers: Vec<Watcher>,
    /// What each event said when it was first told, by its place.
    said: BTreeMap<(AccountId, Arc<str>, i64), AccountEvent>,
    /// How many events all readers were told of.
    pub events: u64,
}

impl AccountWatch {
    /// Readers of each process, who follow nothing yet.
    pub fn new(apps: &[App]) -> Self {
        let watcher = |app: &App| Watcher {
            app: app.clone(),
            reader: app.reader(),
            seen: BTreeMap::new(),
            wallets: BTreeMap::new(),
            stood: BTreeMap::new(),
            held: BTreeMap::new(),
            stakes: BTreeMap::new(),
        };
        Self { watchers: apps.iter().map(watcher).collect(), said: BTreeMap::new(), events: 0 }
    }

    /// After a step: has one of the processes tell what happened, follows accounts that are new, takes what there is to see,
    /// and cuts one of the readers off if it is time.
    ///
    /// # Errors
    /// That the log cannot be read; within, what no reader may see.
    pub async fn step(
        &mut self,
        step: u32,
        accounts: &BTreeMap<usize, Account>,
    ) -> Result<Result<(), Mismatch>, Error> {
        let turn = usize::try_from(step).unwrap_or(0) % self.watchers.len().max(1);
        if let Some(watcher) = self.watchers.get(turn) {
            watcher.app.tell_accounts().await?;
        }
        Ok(self.follow(step, turn, accounts).and_then(|()| self.take()))
    }

    fn follow(
        &mut self,
        step: u32,
        turn: usize,
        accounts: &BTreeMap<usize, Account>,
    ) -> Result<(), Mismatch> {
        for watcher in &mut self.watchers {
            for account in accounts.values() {
                if !watcher.seen.contains_key(&account.id) {
                    watcher.follow(account.id, None)?;
                }
            }
        }
        match self.watchers.get_mut(turn) {
            Some(watcher) if step.is_multiple_of(CUT_EVERY) => watcher.come_back(),
            _ => Ok(()),
        }
    }

    /// Waits until every reader knows how each account stands.
    ///
    /// # Errors
    /// That the log cannot be read; within, what no reader may see, or who does not know.
    pub async fn see(&mut self, accounts: &BTreeMap<usize, Account>) -> Result<Result<(), Mismatch>, Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            for watcher in &self.watchers {
                watcher.app.tell_accounts().await?;
            }
            if let Err(mismatch) = self.take() {
                return Ok(Err(mismatch));
            }
            let behind = self.watchers.iter().find_map(|one| accounts.values().find_map(|a| one.behind(a)));
            let Some(mismatch) = behind else { return Ok(Ok(())) };
            if Instant::now() >= until {
                return Ok(Err(mismatch));
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    /// Takes all that readers have to see by now.
    fn take(&mut self) -> Result<(), Mismatch> {
        for watcher in &mut self.watchers {
            while let Some(told) = watcher.reader.take(true) {
                for delivery in told {
                    let Some((account, at, event)) = watcher.saw(&delivery)? else { continue };
                    self.events += 1;
                    let first = self.said.entry((account, Arc::clone(&at.epoch), at.seq));
                    let first = first.or_insert_with(|| event.clone());
                    if *first != event {
                        let what = format!("what is told of {account} at {at:?}");
                        return Err(Mismatch::plain(&what, first, event));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Watcher {
    fn follow(&mut self, account: AccountId, seen: Option<Position>) -> Result<(), Mismatch> {
        let followed = self.reader.follow_account(account, seen.clone());
        if followed != Subscribed::Now {
            return Err(Mismatch::plain("a reader follows an account", Subscribed::Now, followed));
        }
        self.seen.insert(account, seen);
        Ok(())
    }

    /// Is cut off, and comes back from where it was.
    fn come_back(&mut self) -> Result<(), Mismatch> {
        self.reader = self.app.reader();
        for (account, seen) in std::mem::take(&mut self.seen) {
            self.follow(account, seen)?;
        }
        Ok(())
    }

    /// How an account stands otherwise than the reader knows, if it does.
    fn behind(&self, account: &Account) -> Option<Mismatch> {
        let model = (account.seq, account.purse.balance, account.held);
        let (seq, balance) = self.wallets.get(&account.id).copied().unwrap_or_default();
        let told = (seq, balance, self.held.get(&account.id).copied().unwrap_or_default());
        let what = format!("what a reader of {} knows: its entries, balance and hold", account.id);
        (model != told).then(|| Mismatch::plain(&what, model, told))
    }

    /// Notes what it was told. Returns the event, if it was one.
    fn saw(&mut self, delivery: &Delivery) -> Result<Option<(AccountId, Position, AccountEvent)>, Mismatch> {
        let wrong = |what: &str| Err(Mismatch::plain(what, "the next event", delivery));
        let Delivery::Account(kind, frame) = delivery else {
            return wrong("what a reader of accounts is told");
        };
        let (account, at) = (frame.account_id, frame.position.clone());
        let seen = self.seen.entry(account).or_default();
        let is_next = match (&seen, kind) {
            (None, FrameKind::Snapshot) => true,
            (Some(seen), FrameKind::Update) => seen.epoch == at.epoch && seen.seq + 1 == at.seq,
            // What Redis lost is begun anew.
            (Some(seen), FrameKind::Reset) => seen.epoch != at.epoch,
            _ => false,
        };
        if !is_next {
            return wrong(&format!("what a reader of {account} is told after {seen:?}"));
        }
        *seen = Some(at.clone());
        match &frame.news {
            AccountNews::Standing(view) => {
                self.stand(view);
                Ok(None)
            }
            AccountNews::Event(event) => {
                self.hear(account, event)?;
                Ok(Some((account, at, event.clone())))
            }
        }
    }

    fn stand(&mut self, view: &AccountView) {
        self.wallets.insert(view.id, (view.account_seq, view.balance.get()));
        self.stood.insert(view.id, view.account_seq);
        self.held.insert(view.id, view.held.get());
    }

    fn hear(&mut self, account: AccountId, event: &AccountEvent) -> Result<(), Mismatch> {
        match &event.change {
            AccountChange::BetPlaced(bet) => {
                self.stakes.insert(bet.bet_id, bet.stake);
                if self.post(account, bet.account_seq, bet.balance, 1..=1)? {
                    self.held.insert(account, bet.held.get());
                }
            }
            AccountChange::BetSettled(bet) => {
                // What is lost has no entry, what is returned one, and what is won beside it another.
                let entries = match (bet.returned, self.stakes.remove(&bet.bet_id)) {
                    (Cents::ZERO, _) => 0..=0,
                    (returned, Some(stake)) if returned <= stake => 1..=1,
                    (_, Some(_)) => 2..=2,
                    (_, None) => 1..=2,
                };
                if self.post(account, bet.account_seq, bet.balance, entries)? {
                    self.held.insert(account, bet.held.get());
                }
            }
            AccountChange::Credited(moved)
            | AccountChange::Debited(moved)
            | AccountChange::Adjusted(moved)
            | AccountChange::Reversed(moved)
            | AccountChange::Transferred(moved) => {
                self.post(moved.account_id, moved.account_seq, moved.balance, 1..=1)?;
                if let Some(to) = &moved.to {
                    self.post(to.account_id, to.account_seq, to.balance, 1..=1)?;
                }
            }
            AccountChange::WalletOpened(_) | AccountChange::Frozen(_) | AccountChange::Unfrozen(_) => {}
        }
        Ok(())
    }

    /// Notes so many entries of a wallet, which come right after those that are known. Whether they are news: the account
    /// as it stood may have had them already.
    fn post(
        &mut self,
        wallet: AccountId,
        seq: i64,
        balance: Cents,
        entries: RangeInclusive<i64>,
    ) -> Result<bool, Mismatch> {
        let stood = self.stood.get(&wallet).copied().unwrap_or_default();
        if seq < stood || (seq == stood && *entries.end() > 0) {
            return Ok(false);
        }
        // Of a wallet that is not the account itself nothing is known before the first event.
        if let Some((last, _)) = self.wallets.get(&wallet)
            && !entries.contains(&(seq - last))
        {
            let what = format!("how many entries of {wallet} a reader is told of, up to its {seq}.");
            return Err(Mismatch::plain(&what, entries, seq - last));
        }
        self.wallets.insert(wallet, (seq, balance.get()));
        Ok(true)
    }
}
