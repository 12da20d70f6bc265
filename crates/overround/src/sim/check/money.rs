//! The money of a step: an account's entries say in which order its operations were carried out.

use super::{Heard, Markets, Mismatch, Round, Touched};
use crate::sim::calls::{Ask, Call, Given, Value};
use crate::sim::model::{Account, Bet, Leg, Limits, Market, Purse, Sight, Slip, Verdict, judge};
use overround_app::{BetReceipt, EntryView, Paid};
use overround_domain::betting::{BetKind, PlaceBet, RefusalCode, RefusalData, VoidPolicy};
use overround_domain::ids::{AccountId, MarketId};
use overround_domain::money::Currency;
use overround_domain::wallet::{EntryType, RefType};
use std::collections::BTreeMap;

/// The largest amount of a credit or debit.
const AMOUNT_MAX: i64 = 10_000_000_000_000;

/// Stakes and returns of bets that a step closed.
type Returns = Vec<(i64, i64)>;

impl Round<'_> {
    pub(super) fn money(
        &mut self,
        leads: &[&Heard],
        markets: &Markets,
        touched: &mut Touched,
    ) -> Result<(), Mismatch> {
        let mut returns = self.paid(touched)?;
        let mut asked: BTreeMap<AccountId, Vec<&Heard>> = BTreeMap::new();
        for lead in leads {
            if let Some(account) = lead.0.call.account() {
                asked.entry(account).or_default().push(lead);
            }
        }
        let limits = self.model.limits;
        for account in self.model.accounts.values_mut() {
            let asked = asked.remove(&account.id).unwrap_or_default();
            let entries = self.entries.get(&account.id).map(Vec::as_slice).unwrap_or_default();
            let returns = returns.remove(&account.id).unwrap_or_default();
            let mut book = Book { limits: &limits, markets, now: self.now, account, states: Vec::new() };
            book.check(&asked, entries, &returns)?;
        }
        // What is left was asked of accounts that nobody opened.
        let stranger = asked.into_values().flatten().find(|(ask, given)| given.value != of_nobody(ask));
        if let Some((ask, given)) = stranger {
            return Err(Mismatch::of(ask, of_nobody(ask), given));
        }
        for (ask, given) in leads {
            if let (Call::Bet { account, bet }, Value::Placed(receipt)) = (&ask.call, &given.value) {
                touched.bets.insert(receipt.id);
                self.model.bets.insert(receipt.id, accepted(*account, bet, receipt));
            }
        }
        Ok(())
    }

    /// The payments of markets: what they closed, by account.
    fn paid(&mut self, touched: &mut Touched) -> Result<BTreeMap<AccountId, Returns>, Mismatch> {
        let (mut decided, mut house) = (Vec::new(), Paid::default());
        for (ask, given) in self.heard {
            let Call::Pay { slot, market } = &ask.call else { continue };
            let Value::Paid(paid) = &given.value else { return Err(Mismatch::of(ask, "it is paid", given)) };
            house.bets += paid.bets;
            house.returned_cents += paid.returned_cents;
            if let Some(market) = self.model.markets.get(slot).filter(|one| one.id == *market).cloned() {
                decided.extend(self.model.pay(&market));
            }
        }
        let closed = self.model.close(&decided);
        touched.bets.extend(decided);
        let mut model = Paid::default();
        let mut returns: BTreeMap<AccountId, Returns> = BTreeMap::new();
        for (_, account, stake, closed) in closed {
            model.bets += 1;
            model.returned_cents += closed.returned;
            returns.entry(account).or_default().push((stake, closed.returned));
        }
        if house == model {
            Ok(returns)
        } else {
            Err(Mismatch::new(None, "the payments of the step", model, house))
        }
    }
}

/// The answer to who has no account.
fn of_nobody(ask: &Ask) -> Value {
    match &ask.call {
        Call::Move { amount, .. } if !(1..=AMOUNT_MAX).contains(amount) => invalid_amount(),
        _ => Value::NotFound("account"),
    }
}

fn invalid_amount() -> Value {
    Value::Invalid("/amount_cents".to_owned())
}

fn accepted(account: AccountId, bet: &PlaceBet, receipt: &BetReceipt) -> Bet {
    let legs = receipt.legs.iter().map(|leg| Leg {
        market: leg.market_id,
        outcome: leg.outcome_id,
        price: leg.price,
        ending: None,
    });
    Bet { account, stake: bet.stake.get(), legs: legs.collect(), closed: None }
}

/// One account's step.
struct Book<'a> {
    limits: &'a Limits,
    markets: &'a Markets,
    now: i64,
    account: &'a mut Account,
    /// What it could be asked for, before the step and after each of its postings.
    states: Vec<Purse>,
}

impl Book<'_> {
    fn check(&mut self, asked: &[&Heard], entries: &[EntryView], returns: &Returns) -> Result<(), Mismatch> {
        self.states.push(self.account.purse.clone());
        let mut paid = Vec::new();
        let mut carried_out = 0;
        for posting in entries.chunk_by(|one, next| one.posting_id == next.posting_id) {
            let Some(first) = posting.first() else { continue };
            self.in_sequence(posting)?;
            let moved: Vec<(EntryType, i64)> =
                posting.iter().map(|entry| (entry.entry_type, entry.amount.get())).collect();
            if first.ref_type == RefType::Settlement {
                paid.push(moved);
            } else {
                carried_out += 1;
                self.carried_out(asked, first, &moved)?;
            }
            self.account.purse.balance += posting.iter().map(|entry| entry.amount.get()).sum::<i64>();
            self.states.push(self.account.purse.clone());
        }
        self.same_returns(paid, returns)?;
        let succeeded = |given: &Given| matches!(given.value, Value::Placed(_) | Value::Moved(_));
        let told = asked.iter().filter(|(_, given)| succeeded(given)).count();
        if told != carried_out {
            let what = format!("the postings of {}", self.account.id);
            return Err(Mismatch::new(None, what, format!("{told}, by the answers: {asked:?}"), entries));
        }
        let mut refused = asked.iter().filter(|(_, given)| !succeeded(given));
        refused.try_for_each(|(ask, given)| self.refused(ask, given))
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

    /// The operation whose posting this is, judged by what stood when its turn came.
    fn carried_out(
        &mut self,
        asked: &[&Heard],
        entry: &EntryView,
        moved: &[(EntryType, i64)],
    ) -> Result<(), Mismatch> {
        let its = |given: &Given| match &given.value {
            Value::Placed(receipt) => (RefType::Bet, receipt.id.uuid()) == (entry.ref_type, entry.ref_id),
            Value::Moved(view) => view.posting_id == entry.posting_id,
            _ => false,
        };
        let Some((ask, given)) = asked.iter().find(|(_, given)| its(given)) else {
            return Err(Mismatch::new(None, "a posting", "nobody asked for it", entry));
        };
        let expected = match (&ask.call, &given.value) {
            (Call::Bet { bet, .. }, Value::Placed(receipt)) => {
                self.placed(ask, bet, receipt)?;
                (EntryType::Hold, -bet.stake.get())
            }
            (Call::Move { credits, amount, currency, .. }, Value::Moved(view)) => {
                if let Some(refusal) = refuse_move(&self.account.purse, *credits, *amount, *currency) {
                    return Err(Mismatch::of(ask, refusal, view));
                }
                let signed = if *credits { *amount } else { -*amount };
                let (model, house) = (
                    (signed, self.account.purse.balance + signed, self.account.id),
                    (view.amount.get(), view.balance_after.get(), view.account_id),
                );
                if model != house {
                    return Err(Mismatch::of(ask, model, house));
                }
                (if *credits { EntryType::Credit } else { EntryType::Debit }, signed)
            }
            _ => return Err(Mismatch::of(ask, "an answer of its kind", given)),
        };
        if moved == [expected] { Ok(()) } else { Err(Mismatch::of(ask, expected, moved)) }
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
        self.account.held += bet.stake.get();
        Ok(())
    }

    /// A refused operation must be right at some point of the account's order.
    fn refused(&self, ask: &Ask, given: &Given) -> Result<(), Mismatch> {
        let mut possible: Vec<Verdict> = Vec::new();
        match &ask.call {
            Call::Move { amount, .. } if !(1..=AMOUNT_MAX).contains(amount) => {
                let as_said = given.value == invalid_amount();
                return if as_said { Ok(()) } else { Err(Mismatch::of(ask, invalid_amount(), given)) };
            }
            Call::Move { credits, amount, currency, .. } => {
                possible.extend(
                    self.states.iter().filter_map(|purse| refuse_move(purse, *credits, *amount, *currency)),
                );
            }
            Call::Bet { bet, .. } => {
                for purse in &self.states {
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
            let verdict = judge(self.limits, purse, bet, &way, self.now);
            if !verdicts.contains(&verdict) {
                verdicts.push(verdict);
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
        if after.version != before.version || after.confirmed_at != before.confirmed_at {
            see(after, before, before);
            see(after, after, after);
        }
        sights
    }
}

fn refuse_move(purse: &Purse, credits: bool, amount: i64, currency: Currency) -> Option<Verdict> {
    if currency != purse.currency {
        let data = RefusalData::default();
        return Some(Verdict::Refused { code: RefusalCode::CurrencyMismatch, leg: None, data });
    }
    (!credits && amount > purse.balance).then(|| purse.insufficient())
}

fn is_receipt_of(
    verdict: &Verdict,
    bet: &PlaceBet,
    receipt: &BetReceipt,
    account: AccountId,
    now: i64,
) -> bool {
    let Verdict::Accepted { payout, bet_delay_ms, legs } = verdict else { return false };
    let kind = if bet.legs.len() > 1 { BetKind::Parlay } else { BetKind::Single };
    let whole = (receipt.kind, receipt.stake, receipt.currency, receipt.account_id)
        == (kind, bet.stake, bet.currency, account)
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
