//! Write: all rows of a batch, with one statement.

use overround_domain::betting::{LegResult, RecentBet};
use overround_domain::events::DomainEvent;
use overround_domain::ids::{AccountId, BetId};
use overround_domain::money::Cents;
use overround_domain::wallet::{Account, Cell};
use overround_store::betting::allowances::{self, ShareChange, ShareKey};
use overround_store::betting::bets::{self, NewBet};
use overround_store::betting::day_payouts;
use overround_store::betting::legs::{self, NewLeg};
use overround_store::betting::settlements::{self, NewSettlement};
use overround_store::wallet::accounts;
use overround_store::wallet::entries::{self, EntryRow};
use overround_store::wallet::freezes::{self, NewFreeze};
use overround_store::wallet::idempotency::{self, Answered};
use overround_store::wallet::reversals::{self, NewReversal};
use overround_store::{Error, Statement, Tx, events};
use std::collections::BTreeMap;

/// What a batch's decisions amount to.
#[derive(Default)]
pub(super) struct Writes {
    pub answers: Vec<Answered>,
    pub accounts: Vec<Account>,
    pub recent: BTreeMap<AccountId, Vec<RecentBet>>,
    pub entries: Vec<EntryRow>,
    pub reversals: Vec<NewReversal>,
    pub freezes: Vec<NewFreeze>,
    pub bets: Vec<NewBet>,
    pub legs: Vec<NewLeg>,
    pub decided: Vec<(BetId, i16, Cell, LegResult)>,
    pub settlements: Vec<NewSettlement>,
    pub day_payouts: BTreeMap<(AccountId, Cell), Cents>,
    pub shares: BTreeMap<ShareKey, ShareChange>,
    pub events: Vec<DomainEvent>,
}

/// Writes everything. No row is written twice: what is claimed, answered and settled is there once, and an account
/// is written as the whole batch leaves it.
pub(super) async fn write(tx: &mut Tx, mut writes: Writes) -> Result<(), Error> {
    let changed: Vec<(Account, Option<Vec<RecentBet>>)> = writes
        .accounts
        .into_iter()
        .map(|account| {
            let recent = writes.recent.remove(&account.id);
            (account, recent)
        })
        .collect();
    let settled: Vec<_> = writes.settlements.iter().map(|row| row.settled.clone()).collect();
    let mut statement = Statement::default();
    idempotency::keep(&mut statement, &writes.answers);
    accounts::update(&mut statement, &changed);
    entries::append(&mut statement, &writes.entries);
    reversals::insert(&mut statement, &writes.reversals);
    freezes::insert(&mut statement, &writes.freezes);
    bets::insert(&mut statement, &writes.bets);
    legs::insert(&mut statement, &writes.legs);
    legs::decide(&mut statement, &writes.decided);
    bets::settle(&mut statement, &settled);
    settlements::insert(&mut statement, &writes.settlements);
    day_payouts::write(&mut statement, &writes.day_payouts);
    allowances::change(&mut statement, &writes.shares);
    events::add(&mut statement, &writes.events);
    statement.execute(tx).await
}
