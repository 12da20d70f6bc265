//! The money of a step: what was paid, and each account's part of it.

use super::book::{Book, Returns, invalid_amount};
use super::{Heard, Markets, Mismatch, Round, Touched};
use crate::sim::calls::{Ask, Call, Value};
use crate::sim::model::{Bet, Leg, is_out_of_range};
use overround_app::{BetReceipt, Paid};
use overround_domain::ids::AccountId;
use std::collections::BTreeMap;

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
            Book::open(&limits, markets, self.now, account, &asked)?.check(&asked, entries, &returns)?;
        }
        // What is left was asked of accounts that nobody opened.
        let stranger = asked.into_values().flatten().find(|(ask, given)| given.value != of_nobody(ask));
        if let Some((ask, given)) = stranger {
            return Err(Mismatch::of(ask, of_nobody(ask), given));
        }
        touched.stale = markets.stale_answers(leads, self.now);
        for (ask, given) in leads {
            if let (Call::Bet { account, .. }, Value::Placed(receipt)) = (&ask.call, &given.value) {
                touched.bets.insert(receipt.id);
                self.model.bets.insert(receipt.id, accepted(*account, receipt));
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
            touched.closed.push(closed);
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
        Call::ByHand { act, .. } if is_out_of_range(act) => invalid_amount(),
        _ => Value::NotFound("account"),
    }
}

fn accepted(account: AccountId, receipt: &BetReceipt) -> Bet {
    let legs = receipt.legs.iter().map(|leg| Leg {
        market: leg.market_id,
        outcome: leg.outcome_id,
        price: leg.price,
        ending: None,
    });
    Bet { account, stake: receipt.stake.get(), legs: legs.collect(), closed: None }
}
