//! Reading bets.

use super::{BetReceipt, BetView, LegReceipt};
use crate::wallet::Player;
use crate::{App, Error, Listed, Page};
use overround_domain::betting::{AcceptedBet, AcceptedLeg, BetStatus, LimitDecision};
use overround_domain::ids::{AccountId, BetId, LegId};
use overround_domain::money::Cents;
use overround_store::Store;
use overround_store::betting::bets::{self, BetKey, BetRow};
use overround_store::betting::legs::{self, LegRow};
use std::collections::BTreeMap;

impl LegReceipt {
    pub(crate) fn new(id: LegId, position: i16, leg: AcceptedLeg) -> Self {
        Self {
            id,
            position,
            event_id: leg.event_id,
            market_id: leg.market_id,
            outcome_id: leg.outcome_id,
            price: leg.price,
            line: leg.line,
            market_version: leg.market_version,
            leg_type: leg.leg_type,
            attrs: leg.attrs,
        }
    }
}

impl BetReceipt {
    pub(crate) fn new(id: BetId, account_id: AccountId, bet: &AcceptedBet, legs: Vec<LegReceipt>) -> Self {
        Self {
            id,
            account_id,
            accepted_at: bet.accepted_at,
            kind: bet.kind,
            stake: bet.stake,
            requested_stake: requested(bet.limited.as_ref(), bet.stake),
            currency: bet.currency,
            potential_payout: bet.potential_payout,
            price_policy: bet.price_policy,
            void_policy: bet.void_policy,
            rules_version: bet.rules_version,
            bet_delay_ms: bet.bet_delay_ms,
            legs,
        }
    }
}

/// What was asked for, where it is not what was staked.
fn requested(limited: Option<&LimitDecision>, stake: Cents) -> Option<Cents> {
    limited.map(|decision| decision.requested_stake_cents).filter(|requested| *requested != stake)
}

impl BetView {
    fn new(row: BetRow, legs: Vec<LegRow>) -> Self {
        let (legs, leg_results) =
            legs.into_iter().map(|leg| (LegReceipt::new(leg.id, leg.position, leg.leg), leg.result)).unzip();
        let receipt = BetReceipt {
            id: row.id,
            account_id: row.account_id,
            accepted_at: row.accepted_at.unwrap_or(row.created_at),
            kind: row.kind,
            stake: row.stake,
            requested_stake: requested(row.limited.as_ref(), row.stake),
            currency: row.currency,
            potential_payout: row.potential_payout,
            price_policy: row.price_policy,
            void_policy: row.void_policy,
            rules_version: row.rules_version,
            bet_delay_ms: row.bet_delay_ms,
            legs,
        };
        Self {
            receipt,
            status: row.status,
            acceptance: row.acceptance,
            result: row.result,
            returned: row.returned,
            settled_at: row.settled_at,
            created_at: row.created_at,
            leg_results,
        }
    }
}

impl App {
    /// One bet of an account.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account has no such bet.
    pub async fn bet(&self, account_id: AccountId, bet_id: BetId) -> Result<BetView, Error> {
        let player = self.player(account_id).await?;
        view(self.store(), &player, bet_id).await
    }

    /// An account's bets, newest first; only those of a status when one is given.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn bets(
        &self,
        account_id: AccountId,
        status: Option<BetStatus>,
        page: Page,
    ) -> Result<Listed<BetView>, Error> {
        let player = self.player(account_id).await?;
        let limit = i64::from(page.limit) + 1;
        let rows =
            bets::list(self.store().read(), account_id, player.cell, status, page.after, limit).await?;
        let listed = Listed::from_rows(rows, page.limit, |row| (row.created_at, row.id.uuid()));
        let items = with_legs(self.store(), &player, listed.items).await?;
        Ok(Listed { items, next: listed.next })
    }
}

/// What an accepted bet was answered with, from the rows that were frozen then.
pub(crate) async fn stored_receipt(store: &Store, player: &Player, id: BetId) -> Result<BetReceipt, Error> {
    Ok(view(store, player, id).await?.receipt)
}

async fn view(store: &Store, player: &Player, id: BetId) -> Result<BetView, Error> {
    let none = || Error::not_found("bet", id);
    let created_at = id.created_at().ok_or_else(none)?;
    let key = BetKey { account_id: player.account_id, created_at, id, cell: player.cell };
    let rows = bets::load(store.read(), &[key]).await?;
    with_legs(store, player, rows).await?.into_iter().next().ok_or_else(none)
}

async fn with_legs(store: &Store, player: &Player, rows: Vec<BetRow>) -> Result<Vec<BetView>, Error> {
    let ids: Vec<BetId> = rows.iter().map(|row| row.id).collect();
    let mut by_bet: BTreeMap<BetId, Vec<LegRow>> = BTreeMap::new();
    for leg in legs::of_bets(store.read(), &ids, &[player.cell]).await? {
        by_bet.entry(leg.bet_id).or_default().push(leg);
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let legs = by_bet.remove(&row.id).unwrap_or_default();
            BetView::new(row, legs)
        })
        .collect())
}
