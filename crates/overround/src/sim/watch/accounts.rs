//! What a reader knows of accounts. Every ledger entry of a wallet is told of once and in its order; and what was told last
//! is how the account stands.

use crate::sim::check::Mismatch;
use crate::sim::model::Account;
use overround_app::{AccountView, Change, ChronicleEvent};
use overround_domain::ids::{AccountId, BetId};
use overround_domain::money::Cents;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What a reader knows of a wallet: the number of its last entry, and the balance after it.
type Known = (i64, i64);

/// What a reader was told of accounts.
#[derive(Default)]
pub struct Accounts {
    wallets: BTreeMap<AccountId, Known>,
    /// How many entries accounts had as they stood.
    stood: BTreeMap<AccountId, i64>,
    held: BTreeMap<AccountId, i64>,
    /// Of the bets that it was told of.
    stakes: BTreeMap<BetId, Cents>,
}

impl Accounts {
    /// How an account stands otherwise than the reader knows, if it does.
    pub fn behind(&self, account: &Account) -> Option<Mismatch> {
        let model = (account.seq, account.purse.balance, account.held);
        let (seq, balance) = self.wallets.get(&account.id).copied().unwrap_or_default();
        let told = (seq, balance, self.held.get(&account.id).copied().unwrap_or_default());
        let what = format!("what a reader of {} knows: its entries, balance and hold", account.id);
        (model != told).then(|| Mismatch::plain(&what, model, told))
    }

    /// Notes how an account stands.
    pub fn stand(&mut self, view: &AccountView) {
        self.wallets.insert(view.id, (view.account_seq, view.balance.get()));
        self.stood.insert(view.id, view.account_seq);
        self.held.insert(view.id, view.held.get());
    }

    /// Notes what happened to an account.
    ///
    /// # Errors
    /// What nobody may be told.
    pub fn hear(&mut self, account: AccountId, event: &ChronicleEvent) -> Result<(), Mismatch> {
        match &event.change {
            Change::BetPlaced(bet) => {
                self.stakes.insert(bet.bet_id, bet.stake);
                if self.post(account, bet.account_seq, bet.balance, 1..=1)? {
                    self.held.insert(account, bet.held.get());
                }
            }
            Change::BetSettled(bet) => {
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
            Change::Credited(moved)
            | Change::Debited(moved)
            | Change::Adjusted(moved)
            | Change::Reversed(moved)
            | Change::Transferred(moved) => {
                self.post(moved.account_id, moved.account_seq, moved.balance, 1..=1)?;
                if let Some(to) = &moved.to {
                    self.post(to.account_id, to.account_seq, to.balance, 1..=1)?;
                }
            }
            Change::WalletOpened(_) | Change::Frozen(_) | Change::Unfrozen(_) => {}
            Change::EventChanged(_) | Change::MarketOpened(_) | Change::MarketSettled(_) => {
                return Err(Mismatch::plain(
                    &format!("what is told of {account}"),
                    "an account's event",
                    event,
                ));
            }
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
