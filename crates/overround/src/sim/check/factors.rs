//! The factors of a step: their numbers say in which order they were set.

use super::{Heard, Mismatch};
use crate::sim::acts::Act;
use crate::sim::calls::{Call, Value};
use crate::sim::model::{Account, Factors};
use crate::sim::workload::sport_of;
use std::collections::BTreeMap;

/// The factors that a bet of the step can have been limited by: those before it, and after each that was set. They lie
/// anywhere between the account's postings, since they are written apart from them.
pub(super) fn in_order(account: &mut Account, asked: &[&Heard], now: i64) -> Result<Vec<Factors>, Mismatch> {
    let mut by_sport: BTreeMap<&'static str, BTreeMap<i64, u16>> = BTreeMap::new();
    for (ask, given) in asked {
        let Call::ByHand { act: Act::Factor { sport, pct }, .. } = &ask.call else { continue };
        let Value::Factored(view) = &given.value else { return Err(Mismatch::of(ask, "it is set", given)) };
        let model = (account.id, *sport, *pct, now);
        let house = (view.account_id, sport_of(&view.sport), view.factor.pct(), view.changed_at.millis());
        let numbered = by_sport.entry(sport).or_default();
        if model != house || numbered.insert(view.version, *pct).is_some() {
            return Err(Mismatch::of(ask, model, view));
        }
    }
    let mut seen = vec![account.purse.factors.clone()];
    for (sport, numbered) in by_sport {
        let before = seen.clone();
        for (version, pct) in numbered {
            let last = account.factor_versions.entry(sport).or_insert(0);
            *last += 1;
            if version != *last {
                let what = format!("the number of a factor of {}", account.id);
                return Err(Mismatch::new(None, what, last, version));
            }
            account.purse.factors.insert(sport, pct);
            seen.extend(before.iter().map(|earlier| {
                let mut factors = earlier.clone();
                factors.insert(sport, pct);
                factors
            }));
        }
    }
    Ok(seen)
}
