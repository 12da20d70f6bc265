//! Write: all rows of a batch, one statement a table.

use overround_domain::betting::{LegResult, RecentBet};
use overround_domain::events::DomainEvent;
use overround_domain::ids::{AccountId, BetId};
use overround_domain::wallet::{Account, Cell};
use overround_store::betting::bets::{self, NewBet};
use overround_store::betting::legs::{self, NewLeg};
use overround_store::betting::settlements::{self, NewSettlement};
use overround_store::wallet::accounts;
use overround_store::wallet::entries::{self, EntryRow};
use overround_store::wallet::freezes::{self, NewFreeze};
use overround_store::wallet::idempotency::{self, Answered};
use overround_store::wallet::reversals::{self, NewReversal};
use overround_store::{Error, Tx, events};
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
    pub events: Vec<DomainEvent>,
}

/// Writes everything.
pub(super) async fn write(tx: &mut Tx, mut writes: Writes) -> Result<(), Error> {
    idempotency::keep(tx, &writes.answers).await?;
    let changed: Vec<(Account, Option<Vec<RecentBet>>)> = writes
        .accounts
        .into_iter()
        .map(|account| {
            let recent = writes.recent.remove(&account.id);
            (account, recent)
        })
        .collect();
    accounts::update(tx, &changed).await?;
    entries::append(tx, &writes.entries).await?;
    reversals::insert(tx, &writes.reversals).await?;
    freezes::insert(tx, &writes.freezes).await?;
    bets::insert(tx, &writes.bets).await?;
    legs::insert(tx, &writes.legs).await?;
    legs::decide(tx, &writes.decided).await?;
    let settled: Vec<_> = writes.settlements.iter().map(|row| row.settled.clone()).collect();
    bets::settle(tx, &settled).await?;
    settlements::insert(tx, &writes.settlements).await?;
    events::append(tx, &writes.events).await
}
