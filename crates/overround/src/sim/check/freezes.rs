//! The freezes of a step: their numbers say in which order they changed what is stopped on an account.

use super::{Heard, Mismatch};
use crate::sim::acts::Act;
use crate::sim::calls::{Ask, Call, Value};
use crate::sim::model::{Account, Stops};
use overround_app::FreezeView;
use overround_domain::wallet::Freeze;

/// A freeze that was carried out, with its answer.
struct Done<'a> {
    ask: &'a Ask,
    freeze: Freeze,
    on: bool,
    view: &'a FreezeView,
}

impl Done<'_> {
    fn after(&self, stops: Stops) -> Stops {
        stops.after(self.freeze, self.on)
    }
}

/// What was stopped on the account: before the step, and after each freeze that changed it. Freezes are never
/// refused. One that changes nothing has the number of the last that did.
pub(super) fn in_order(account: &mut Account, asked: &[&Heard], now: i64) -> Result<Vec<Stops>, Mismatch> {
    let done: Vec<Done<'_>> =
        asked.iter().filter_map(|heard| carried_out(heard).transpose()).collect::<Result<_, _>>()?;
    let mut stops = account.purse.stops;
    let mut order = vec![stops];
    let last = done.iter().map(|one| one.view.version).max().unwrap_or(account.freezes).max(account.freezes);
    if let Some(early) = done.iter().find(|one| one.view.version < account.freezes) {
        return Err(Mismatch::of(early.ask, format!("a number from {}", account.freezes), early.view));
    }
    same_views(&done, account, stops, now)?;
    while account.freezes < last {
        account.freezes += 1;
        // Of those with one number the first changed something; the others found it as they wanted it.
        let numbered = done.iter().filter(|one| one.view.version == account.freezes);
        let mut left = numbered.map(|one| (one.after(stops), one.view.status));
        let changed = left.find(|(after, status)| *after != stops && after.status() == *status);
        let Some((after, _)) = changed else {
            let what = format!("freeze {} of {}", account.freezes, account.id);
            let house: Vec<_> = done.iter().map(|one| (one.ask, one.view)).collect();
            return Err(Mismatch::new(None, what, format!("one that changes {stops:?}"), house));
        };
        stops = after;
        order.push(stops);
        same_views(&done, account, stops, now)?;
    }
    account.purse.stops = stops;
    Ok(order)
}

/// The freezes of the account's present number all left what is stopped now, and would change nothing in it.
fn same_views(done: &[Done<'_>], account: &Account, stops: Stops, now: i64) -> Result<(), Mismatch> {
    let model = (account.id, stops.status(), now);
    for one in done.iter().filter(|one| one.view.version == account.freezes) {
        let house = (one.view.account_id, one.view.status, one.view.at.millis());
        if house != model || one.after(stops) != stops {
            return Err(Mismatch::of(one.ask, model, one.view));
        }
    }
    Ok(())
}

/// None: another act than a freeze.
fn carried_out<'a>((ask, given): &'a Heard) -> Result<Option<Done<'a>>, Mismatch> {
    match (&ask.call, &given.value) {
        (Call::ByHand { act: Act::Freeze { freeze, on }, .. }, Value::Frozen(view)) => {
            Ok(Some(Done { ask, freeze: *freeze, on: *on, view }))
        }
        (Call::ByHand { act: Act::Freeze { .. }, .. }, _) => Err(Mismatch::of(ask, "it is done", given)),
        _ => Ok(None),
    }
}
