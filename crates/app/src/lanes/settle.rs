//! Deciding a settlement: the legs that a market's result decides, and what their bet returns.

use super::command::{Outcome, Settle};
use super::decide::{Decider, impossible};
use super::load::LoadedBet;
use overround_domain::betting::{BetSettlement, BetStatus, settle_bet};
use overround_domain::events::EventType;
use overround_domain::ids::SettlementId;
use overround_domain::wallet::{AccountKind, settlement_posting};
use overround_store::Error;
use overround_store::betting::bets::{BetRow, SettledBet};
use overround_store::betting::settlements::NewSettlement;
use serde_json::json;

impl Decider<'_> {
    /// Gives the bet's open legs on the market their results. Where that decides the bet it is paid,
    /// once: a bet that is not PENDING any more only learns how its last legs ended.
    pub(super) fn settle(&mut self, command: &Settle) -> Result<Outcome, Error> {
        let Some(bet) = self.decide_legs(command) else { return Ok(Outcome::Settled(None)) };
        if bet.row.status != BetStatus::Pending {
            return Ok(Outcome::Settled(None));
        }
        let legs: Vec<_> = bet.legs.iter().map(|leg| (leg.leg.price, leg.result.clone())).collect();
        let bet = bet.row.clone();
        let Some(settlement) = settle_bet(bet.kind, bet.stake, &legs).map_err(impossible)? else {
            return Ok(Outcome::Settled(None));
        };
        self.pay(command, bet, settlement)?;
        Ok(Outcome::Settled(Some(settlement.returned)))
    }

    fn decide_legs(&mut self, command: &Settle) -> Option<&LoadedBet> {
        let bet = self.loaded.bets.get_mut(&command.bet_id)?;
        for leg in &mut bet.legs {
            if leg.result.is_some() || leg.leg.market_id != command.results.market_id {
                continue;
            }
            if let Some(result) = command.results.outcomes.get(&leg.leg.outcome_id) {
                leg.result = Some(result.clone());
                self.writes.decided.push((leg.bet_id, leg.position, leg.cell, result.clone()));
            }
        }
        Some(bet)
    }

    fn pay(&mut self, command: &Settle, bet: BetRow, settlement: BetSettlement) -> Result<(), Error> {
        let id = SettlementId::from_uuid(self.clock.id());
        let (accounts, returned) = (command.player.accounts(), settlement.returned);
        let house = self.house_account(&command.player, AccountKind::House)?;
        let posting = settlement_posting(self.posting_id(), &accounts, house, id, bet.stake, returned)
            .map_err(impossible)?;
        self.post(&command.player, &posting).map_err(impossible)?;
        let (account, hold) = (self.account(accounts.player)?, self.account(accounts.hold)?);
        let (generation, version) = (bet.settlement_generation + 1, bet.version + 1);
        let payload = json!({
            "bet_id": bet.id.uuid(), "account_id": bet.account_id.uuid(), "settlement_id": id.uuid(),
            "generation": generation, "status": settlement.status, "result": settlement.result,
            "return_cents": settlement.returned, "currency": bet.currency,
            "balance_cents": account.balance, "held_cents": hold.balance, "account_seq": account.seq,
        });
        self.event(EventType::BetSettled, bet.cell, bet.id.uuid(), version, payload, None);
        self.give_back(&bet.id);
        if let Some(loaded) = self.loaded.bets.get_mut(&bet.id) {
            loaded.row.status = settlement.status;
        }
        let settled = SettledBet { bet, settlement, generation, version, settled_at: self.now };
        self.writes.settlements.push(NewSettlement {
            id,
            settled,
            certainty: command.results.certainty,
            source: command.results.source.clone(),
            reason: command.results.reason.clone(),
        });
        Ok(())
    }
}
