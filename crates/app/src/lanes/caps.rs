//! Hard caps in a lane: a bet takes from its cell's share of each cap in the transaction that accepts it. Where that share is
//! too small the bet is put off, the share gets what other cells have left, and the bet is decided then.

use super::command::{Command, Place};
use super::decide::{Decider, impossible};
use super::limits::Limits;
use super::load::LoadedBet;
use overround_domain::betting::{
    AcceptedBet, BetStatus, Cap, CapMeasure, CapRoom, CapTake, PlaceContext, Refusal, RefusalCode, place,
};
use overround_domain::ids::BetId;
use overround_domain::money::Cents;
use overround_domain::wallet::Cell;
use overround_store::betting::allowances::{self, ShareKey};
use overround_store::{Isolation, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What shares need to have left, by share.
pub(super) type Needs = BTreeMap<ShareKey, Cents>;

fn of_place(limits: &Limits, place: &Place) -> Vec<Cap> {
    let legs = place.request.legs.iter().map(|leg| (leg.market_id, leg.outcome_id));
    limits.caps_of(legs, place.request.currency)
}

/// The shares that new bets take from, and that these may give back to.
pub(super) fn shares(
    limits: &Limits,
    commands: &[Arc<Command>],
    bets: &BTreeMap<BetId, LoadedBet>,
) -> Vec<ShareKey> {
    let mut keys: BTreeSet<ShareKey> = BTreeSet::new();
    for command in commands {
        if let Command::Place(place) = &**command {
            keys.extend(of_place(limits, place).into_iter().map(|cap| (cap.id, place.player.cell)));
        }
    }
    for bet in bets.values().filter(|bet| bet.row.status == BetStatus::Pending) {
        keys.extend(returnable(bet).map(|take| (take.cap_id, bet.row.cell)));
    }
    keys.into_iter().collect()
}

/// What a bet gives back when it closes.
fn returnable(bet: &LoadedBet) -> impl Iterator<Item = &CapTake> {
    let takes = bet.row.limited.iter().flat_map(|limited| &limited.caps);
    takes.filter(|take| take.measure == CapMeasure::Liability)
}

impl Decider<'_> {
    /// What the caps that a bet counts for leave of its cell's shares.
    pub(super) fn cap_rooms(&self, command: &Place) -> Vec<CapRoom> {
        let cell = command.player.cell;
        let room = |cap: Cap| {
            // A cap has a share in every cell; without one it leaves nothing.
            let left = self.loaded.allowances.get(&(cap.id, cell)).copied().unwrap_or(Cents::ZERO);
            CapRoom { cap, left }
        };
        of_place(&self.loaded.limits, command).into_iter().map(room).collect()
    }

    /// What the cell's shares lack for a bet that they alone stand in the way of, so that more may be gathered; none
    /// where they do not, and where that was tried.
    pub(super) fn short_of_caps(
        &self,
        command: &Place,
        context: &PlaceContext<'_>,
        decided: &Result<AcceptedBet, Refusal>,
    ) -> Option<Needs> {
        if context.caps.is_empty() || self.gathered {
            return None;
        }
        let bounded = match decided {
            Ok(bet) => bet.stake < command.request.stake,
            Err(refusal) => matches!(
                refusal.code,
                RefusalCode::AboveEventMax | RefusalCode::AboveMax | RefusalCode::CombinationMax
            ),
        };
        if !bounded {
            return None;
        }
        let uncapped = place(&command.request, &PlaceContext { caps: &[], ..*context }).ok()?;
        let need = |room: &CapRoom| {
            let needed = room.cap.measure.of(uncapped.stake, uncapped.potential_payout);
            (needed > room.left).then_some(((room.cap.id, command.player.cell), needed))
        };
        let needs: Needs = context.caps.iter().filter_map(need).collect();
        (!needs.is_empty()).then_some(needs)
    }

    /// Takes what an accepted bet counts from its cell's shares.
    pub(super) fn take(&mut self, cell: Cell, bet: &AcceptedBet) -> Result<(), overround_store::Error> {
        for take in bet.limited.iter().flat_map(|limited| &limited.caps) {
            let key = (take.cap_id, cell);
            let over = || impossible("a bet takes more than its cell's share of a cap");
            let left = self.loaded.allowances.get_mut(&key).ok_or_else(over)?;
            *left = left.checked_sub(take.cents).filter(|left| *left >= Cents::ZERO).ok_or_else(over)?;
            self.writes.shares.entry(key).or_default().taken += take.cents.get();
        }
        Ok(())
    }

    /// Gives back what a bet that closes took of liabilities.
    pub(super) fn give_back(&mut self, bet: &BetId) {
        let Some(bet) = self.loaded.bets.get(bet) else { return };
        for take in returnable(bet) {
            self.writes.shares.entry((take.cap_id, bet.row.cell)).or_default().given_back += take.cents.get();
        }
    }
}

/// Sees to it that shares have left what bets need, as far as the caps go: each in a small transaction of its own. What it
/// does not get is refused, never exceeded.
pub(super) async fn gather(store: &Store, needs: Needs) {
    for (key, needed) in needs {
        if let Err(error) = gather_one(store, key, needed).await {
            let (cap, cell) = key;
            tracing::warn!(%error, %cap, cell = cell.get(), "a cell's share of a cap gets nothing from other cells");
        }
    }
}

async fn gather_one(store: &Store, key: ShareKey, needed: Cents) -> Result<(), overround_store::Error> {
    // Of a cap that is used up nothing is locked.
    if allowances::can_gather(store.read(), key).await? {
        metrics::counter!("overround_cap_gatherings_total").increment(1);
        let moved = store.run("gather_cap", Isolation::ReadCommitted, move |tx| {
            Box::pin(async move { allowances::gather(tx, key, needed).await })
        });
        moved.await?;
    }
    Ok(())
}
