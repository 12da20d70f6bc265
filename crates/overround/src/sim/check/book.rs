//! One account's step: its entries say in which order its operations were carried out.

use super::turns::Turns;
use super::{Heard, Markets, Mismatch};
use super::{factors, freezes};
use crate::sim::acts::Act;
use crate::sim::calls::{Ask, Call, Given, Value};
use crate::sim::model::{
    Account, Factors, Handled, Limits, Market, Posted, Purse, Sight, Slip, Verdict, is_out_of_range, judge,
};
use overround_app::{BetReceipt, EntryView, PostingView};
use overround_domain::betting::{BetKind, PlaceBet, VoidPolicy};
use overround_domain::ids::{AccountId, MarketId};
use overround_domain::wallet::{EntryType, RefType};

/// Stakes and returns of bets that a step closed.
pub(super) type Returns = Vec<(i64, i64)>;

/// One account's step.
pub(super) struct Book<'a> {
    limits: &'a Limits,
    markets: &'a Markets,
    now: i64,
    account: &'a mut Account,
    turns: Turns,
    /// What its bets can have been limited by.
    factors: Vec<Factors>,
    /// What it could be asked for, before the step and after each of its postings.
    states: Vec<Purse>,
}

impl<'a> Book<'a> {
    /// The book before the first posting; the freezes of the step are in order.
    pub(super) fn open(
        limits: &'a Limits,
        markets: &'a Markets,
        now: i64,
        account: &'a mut Account,
        asked: &[&Heard],
    ) -> Result<Self, Mismatch> {
        let turns = Turns::new(freezes::in_order(account, asked, now)?);
        let factors = factors::in_order(account, asked, now)?;
        let states = vec![account.purse.clone()];
        Ok(Self { limits, markets, now, account, turns, factors, states })
    }

    /// Goes through the account's postings, and then through what moved no money.
    pub(super) fn check(
        mut self,
        asked: &[&Heard],
        entries: &[EntryView],
        returns: &Returns,
    ) -> Result<(), Mismatch> {
        let (mut paid, mut carried_out) = (Vec::new(), 0);
        for posting in entries.chunk_by(|one, next| one.posting_id == next.posting_id) {
            let Some(first) = posting.first() else { continue };
            self.in_sequence(posting)?;
            let moved: Vec<(EntryType, i64)> =
                posting.iter().map(|entry| (entry.entry_type, entry.amount.get())).collect();
            let amount = moved.iter().map(|(_, amount)| amount).sum();
            let is_return = first.ref_type == RefType::Settlement;
            let Some(stops) = self.turns.post(if is_return { 0 } else { amount }) else {
                return Err(Mismatch::new(None, "a posting", "the account is frozen", first));
            };
            self.account.purse.stops = stops;
            let by_hand = if is_return {
                paid.push(moved);
                false
            } else {
                carried_out += 1;
                self.carried_out(asked, first, &moved)?
            };
            self.account.purse.book(Posted { id: first.posting_id, amount, by_hand, reversed: false });
            self.states.push(self.account.purse.clone());
        }
        self.account.purse.stops = self.turns.last();
        self.account.purse.forget_postings();
        self.same_returns(paid, returns)?;
        let succeeded = |given: &Given| matches!(given.value, Value::Placed(_) | Value::Moved(_));
        let told = asked.iter().filter(|(_, given)| succeeded(given)).count();
        if told != carried_out {
            let what = format!("the postings of {}", self.account.id);
            return Err(Mismatch::new(None, what, format!("{told}, by the answers: {asked:?}"), entries));
        }
        let met = self.turns.met(&self.states);
        let mut refused = asked.iter().filter(|(_, given)| {
            !succeeded(given) && !matches!(given.value, Value::Frozen(_) | Value::Factored(_))
        });
        refused.try_for_each(|(ask, given)| self.refused(&met, ask, given))
    }

    /// The account's sequence has no gap, and each entry's balance is the sum so far.
    fn in_sequence(&mut self, posting: &[EntryView]) -> Result<(), Mismatch> {
        let mut balance = self.account.purse.balance;
        for entry in posting {
            self.account.seq += 1;
            balance += entry.amount.get();
            let model = (self.account.seq, balance);
            if model != (entry.account_seq, entry.balance_after.get()) {
                return Err(Mismatch::new(None, "an entry's sequence and balance", model, entry));
            }
        }
        Ok(())
    }

    /// The operation whose posting this is, judged by what stood when its turn came. Whether it was by hand.
    fn carried_out(
        &mut self,
        asked: &[&Heard],
        entry: &EntryView,
        moved: &[(EntryType, i64)],
    ) -> Result<bool, Mismatch> {
        let its = |given: &Given| match &given.value {
            Value::Placed(receipt) => (RefType::Bet, receipt.id.uuid()) == (entry.ref_type, entry.ref_id),
            Value::Moved(view) => view.posting_id == entry.posting_id,
            _ => false,
        };
        let Some((ask, given)) = asked.iter().find(|(_, given)| its(given)) else {
            return Err(Mismatch::new(None, "a posting", "nobody asked for it", entry));
        };
        let (expected, by_hand) = match (&ask.call, &given.value) {
            (Call::Bet { bet, .. }, Value::Placed(receipt)) => {
                self.placed(ask, bet, receipt)?;
                ((EntryType::Hold, -receipt.stake.get()), false)
            }
            (Call::ByHand { act, .. }, Value::Moved(view)) => {
                let amount = self.moved(ask, act, view, entry)?;
                let entry_type = if amount < 0 { EntryType::Debit } else { EntryType::Credit };
                ((entry_type, amount), !matches!(act, Act::Reverse { .. }))
            }
            _ => return Err(Mismatch::of(ask, "an answer of its kind", given)),
        };
        if moved == [expected] { Ok(by_hand) } else { Err(Mismatch::of(ask, expected, moved)) }
    }

    /// What an act by hand changes the balance by; its answer and its entry say so, and what they refer to.
    fn moved(
        &mut self,
        ask: &Ask,
        act: &Act,
        view: &PostingView,
        entry: &EntryView,
    ) -> Result<i64, Mismatch> {
        let purse = &mut self.account.purse;
        let (ref_type, amount) = match purse.handle(act) {
            Some(Handled::Posted(ref_type, amount)) if !is_out_of_range(act) => (ref_type, amount),
            other => return Err(Mismatch::of(ask, other, view)),
        };
        let refers_to = match act {
            Act::Reverse { posting } => *posting,
            _ => view.posting_id,
        };
        let model = (self.account.id, amount, purse.balance + amount, purse.currency, ref_type, refers_to);
        let (said, after) = (view.amount.get(), view.balance_after.get());
        let house = (view.account_id, said, after, view.currency, view.ref_type, view.ref_id);
        if model != house || (ref_type, refers_to.uuid()) != (entry.ref_type, entry.ref_id) {
            return Err(Mismatch::of(ask, model, (house, entry)));
        }
        if let Act::Reverse { posting } = act {
            purse.mark_reversed(*posting);
        }
        Ok(amount)
    }

    /// An accepted bet must be right for one of the ways in which its markets can have been seen.
    fn placed(&mut self, ask: &Ask, bet: &PlaceBet, receipt: &BetReceipt) -> Result<(), Mismatch> {
        let verdicts = self.verdicts(&self.account.purse, bet);
        if !verdicts.iter().any(|verdict| is_receipt_of(verdict, bet, receipt, self.account.id, self.now)) {
            return Err(Mismatch::of(ask, verdicts, receipt));
        }
        let oldest = self.now - self.limits.duplicate_window_ms;
        self.account.purse.recent.retain(|(_, at)| *at > oldest);
        self.account.purse.recent.push((Slip::of(bet), self.now));
        self.account.held += receipt.stake.get();
        Ok(())
    }

    /// A refused operation must be right in one of the states that it can have met.
    fn refused(&self, met: &[Purse], ask: &Ask, given: &Given) -> Result<(), Mismatch> {
        let mut possible: Vec<Verdict> = Vec::new();
        match &ask.call {
            Call::ByHand { act, .. } if is_out_of_range(act) => {
                return answered(ask, given, &invalid_amount());
            }
            Call::ByHand { act, .. } => {
                for purse in met {
                    match purse.handle(act) {
                        Some(Handled::Refused(verdict)) => possible.push(verdict),
                        Some(Handled::NoPosting) => {
                            return answered(ask, given, &Value::NotFound("posting"));
                        }
                        Some(Handled::Posted(..)) | None => {}
                    }
                }
            }
            Call::Bet { bet, .. } => {
                for purse in met {
                    possible.extend(self.verdicts(purse, bet));
                }
            }
            _ => {}
        }
        let Value::Refused(kept) = &given.value else { return Err(Mismatch::of(ask, possible, given)) };
        let refusal = &kept.refusal;
        let house = Verdict::Refused { code: refusal.code, leg: refusal.leg, data: refusal.data.clone() };
        if possible.contains(&house) {
            return Ok(());
        }
        possible.dedup();
        Err(Mismatch::of(ask, possible, house))
    }

    /// What may become of a bet, by all the ways in which its markets can have been seen.
    fn verdicts(&self, purse: &Purse, bet: &PlaceBet) -> Vec<Verdict> {
        let mut ways: Vec<Vec<Option<Sight<'_>>>> = vec![Vec::new()];
        for leg in &bet.legs {
            let seen = self.markets.sights(leg.market_id, self.now);
            ways = ways
                .into_iter()
                .flat_map(|way| seen.iter().map(move |sight| [way.as_slice(), &[*sight]].concat()))
                .collect();
        }
        let mut verdicts = Vec::new();
        for way in ways {
            for levels in
                self.factors.iter().flat_map(|one| self.markets.wide.iter().map(move |wide| (one, wide)))
            {
                let verdict = judge(self.limits, purse, levels, bet, &way, self.now);
                if !verdicts.contains(&verdict) {
                    verdicts.push(verdict);
                }
            }
        }
        verdicts
    }

    /// The bets that the step closed, each paid once: its stake comes free as far as it is returned, and what
    /// it won comes from the house.
    fn same_returns(
        &mut self,
        mut paid: Vec<Vec<(EntryType, i64)>>,
        returns: &Returns,
    ) -> Result<(), Mismatch> {
        let mut expected = Vec::new();
        for (stake, returned) in returns {
            self.account.held -= stake;
            let mut entries = vec![(EntryType::Release, *stake.min(returned))];
            if returned > stake {
                entries.push((EntryType::Credit, returned - stake));
            }
            if *returned > 0 {
                expected.push(entries);
            }
        }
        expected.sort_unstable();
        paid.sort_unstable();
        let what = format!("the returns to {}", self.account.id);
        if paid == expected { Ok(()) } else { Err(Mismatch::new(None, what, expected, paid)) }
    }
}

impl Markets {
    /// The ways in which a bet of the step can have seen a market.
    fn sights(&self, id: MarketId, now: i64) -> Vec<Option<Sight<'_>>> {
        let Some(before) = self.before.get(&id) else { return vec![None] };
        let after = self.after.get(&id).unwrap_or(before);
        let mut sights = Vec::new();
        let mut see = |fence, shown: &Market, snapshot| {
            let (may, may_not) = shown.may_be_shown_or_not(now);
            sights.extend(may.then_some(Some(Sight { fence, shown: Some(snapshot) })));
            sights.extend(may_not.then_some(Some(Sight { fence, shown: None })));
        };
        see(before, before, before);
        let moved = (after.version, after.confirmed_at) != (before.version, before.confirmed_at);
        if moved || after.bounds != before.bounds {
            see(after, before, before);
            see(after, after, after);
        }
        sights
    }
}

/// The answer to an amount that nobody may move.
pub(super) fn invalid_amount() -> Value {
    Value::Invalid("/amount_cents".to_owned())
}

fn answered(ask: &Ask, given: &Given, expected: &Value) -> Result<(), Mismatch> {
    if given.value == *expected { Ok(()) } else { Err(Mismatch::of(ask, expected, given)) }
}

fn is_receipt_of(
    verdict: &Verdict,
    bet: &PlaceBet,
    receipt: &BetReceipt,
    account: AccountId,
    now: i64,
) -> bool {
    let Verdict::Accepted { stake, payout, bet_delay_ms, legs } = verdict else { return false };
    let kind = if bet.legs.len() > 1 { BetKind::Parlay } else { BetKind::Single };
    let requested = (bet.stake.get() != *stake).then_some(bet.stake);
    let whole = (receipt.kind, receipt.currency, receipt.account_id) == (kind, bet.currency, account)
        && (receipt.stake.get(), receipt.requested_stake) == (*stake, requested)
        && (receipt.potential_payout.get(), receipt.bet_delay_ms) == (*payout, *bet_delay_ms)
        && (receipt.price_policy, receipt.void_policy) == (bet.price_policy, VoidPolicy::Leg)
        && receipt.accepted_at.millis() == now
        && receipt.legs.len() == legs.len();
    whole
        && receipt.legs.iter().zip(legs).zip(&bet.legs).all(|((leg, filled), asked)| {
            (leg.market_id, leg.outcome_id, leg.line, leg.leg_type)
                == (asked.market_id, asked.outcome_id, asked.line, asked.leg_type)
                && (leg.event_id, leg.price, leg.market_version)
                    == (filled.event, filled.price, filled.version)
        })
}
