//! What stands in the house's books after a step, against what stands in the model's.

use super::{Mismatch, Touched};
use crate::compose::use_case;
use crate::failure::Failure;
use crate::sim::model::{Bet, Closed, Ending, Market, Model};
use futures::future::{join_all, try_join_all};
use overround_app::{App, BetView, EntryView, Error, Page};
use overround_domain::betting::BetStatus;
use overround_domain::ids::{AccountId, BetId, OutcomeId};
use overround_domain::markets::{Snapshot, SuspensionReason};
use overround_domain::wallet::AccountStatus;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many rows are read at once.
const PAGE: u32 = 200;

/// What the house shows after a step.
struct Views {
    accounts: Vec<Result<(i64, i64, AccountStatus), Error>>,
    bets: Vec<(BetId, Result<BetView, Error>)>,
    boards: Vec<(usize, Result<Arc<Snapshot>, Error>)>,
}

/// Looks at every account, and at the bets and markets that a step touched, at either process in turn.
///
/// # Errors
/// The first difference.
pub async fn look(apps: &[App], model: &Model, touched: &Touched) -> Result<(), Mismatch> {
    let views = read(apps, model, touched).await;
    for ((slot, account), view) in model.accounts.iter().zip(views.accounts) {
        let expected = (account.purse.balance, account.held, account.purse.stops.status());
        let house = view.map_err(|error| error.to_string());
        if house != Ok(expected) {
            let what = format!("balance, hold and status of account {slot}");
            return Err(Mismatch::new(None, what, expected, house));
        }
    }
    for (id, view) in views.bets {
        let Some(bet) = model.bets.get(&id) else { continue };
        same_bet(id, bet, view)?;
    }
    for (slot, board) in views.boards {
        let Some(market) = model.markets.get(&slot) else { continue };
        let different =
            |model: String, house: String| Mismatch::new(None, format!("market {slot}"), model, house);
        match board {
            Ok(snapshot) => {
                same_snapshot(market, &snapshot).map_err(|(model, house)| different(model, house))?
            }
            Err(error) => return Err(different(format!("{market:?}"), error.to_string())),
        }
    }
    Ok(())
}

async fn read(apps: &[App], model: &Model, touched: &Touched) -> Views {
    let app = |at: usize| apps.get(at % apps.len().max(1));
    let accounts = model.accounts.iter().map(async |(slot, account)| {
        let view = app(*slot)?.account(account.id).await;
        Some(view.map(|view| (view.balance.get(), view.held.get(), view.status)))
    });
    let bets = touched.bets.iter().enumerate().map(async |(at, id)| {
        let account = model.bets.get(id)?.account;
        Some((*id, app(at)?.bet(account, *id).await))
    });
    let boards = touched.markets.iter().map(async |slot| {
        let market = model.markets.get(slot)?;
        let seen = Some(market.version).filter(|version| *version > 0);
        Some((*slot, app(*slot)?.market(market.id, seen).await.map(|board| board.snapshot)))
    });
    let (accounts, bets, boards) = futures::join!(join_all(accounts), join_all(bets), join_all(boards));
    Views {
        accounts: accounts.into_iter().flatten().collect(),
        bets: bets.into_iter().flatten().collect(),
        boards: boards.into_iter().flatten().collect(),
    }
}

/// Every open bet of every account, and every bet that closed since the last time; those are forgotten then.
///
/// # Errors
/// When the bets cannot be read.
pub async fn sweep(apps: &[App], model: &mut Model) -> Result<Result<(), Mismatch>, Failure> {
    let Some(app) = apps.first() else { return Ok(Ok(())) };
    for account in model.accounts.values() {
        let house = open_bets(app, account.id).await?;
        let own = model.bets.iter().filter(|(_, bet)| bet.account == account.id && bet.closed.is_none());
        let own: BTreeSet<BetId> = own.map(|(id, _)| *id).collect();
        if own != house {
            return Ok(Err(Mismatch::new(None, format!("the open bets of {}", account.id), own, house)));
        }
    }
    let all = Touched {
        bets: model.bets.keys().copied().collect(),
        markets: model.markets.keys().copied().collect(),
        ..Touched::default()
    };
    if let Err(mismatch) = look(apps, model, &all).await {
        return Ok(Err(mismatch));
    }
    model.bets.retain(|_, bet| bet.closed.is_none() || bet.legs.iter().any(|leg| leg.ending.is_none()));
    Ok(Ok(()))
}

async fn open_bets(app: &App, account: AccountId) -> Result<BTreeSet<BetId>, Failure> {
    let (mut open, mut after) = (BTreeSet::new(), None);
    loop {
        let page = Page { limit: PAGE, after };
        let listed = app.bets(account, Some(BetStatus::Pending), page).await;
        let listed = listed.map_err(|error| use_case("reading the open bets", &error))?;
        open.extend(listed.items.iter().map(|view| view.receipt.id));
        after = listed.next;
        if after.is_none() {
            return Ok(open);
        }
    }
}

/// The entries that accounts got since the model last knew, by their sequence.
///
/// # Errors
/// When they cannot be read.
pub async fn new_entries(app: &App, model: &Model) -> Result<BTreeMap<AccountId, Vec<EntryView>>, Failure> {
    let read = model.accounts.values().map(async |account| {
        let (mut new, mut after) = (Vec::new(), None);
        loop {
            let listed = app.entries(account.id, Page { limit: PAGE, after }).await;
            let listed = listed.map_err(|error| use_case("reading entries", &error))?;
            let known = listed.items.iter().any(|entry| entry.account_seq <= account.seq);
            new.extend(listed.items.into_iter().filter(|entry| entry.account_seq > account.seq));
            after = listed.next;
            if known || after.is_none() {
                break;
            }
        }
        new.sort_by_key(|entry| entry.account_seq);
        Ok((account.id, new))
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

fn same_bet(id: BetId, bet: &Bet, view: Result<BetView, Error>) -> Result<(), Mismatch> {
    let endings: Vec<Option<Ending>> = bet.legs.iter().map(|leg| leg.ending).collect();
    let expected = match bet.closed {
        None => (BetStatus::Pending, None, 0, endings),
        Some(Closed { status, result, returned }) => (status, result, returned, endings),
    };
    let house = view.map_err(|error| error.to_string()).map(|view| {
        let endings = view.leg_results.iter().map(|result| result.as_ref().map(Ending::of)).collect();
        (view.status, view.result, view.returned.get(), endings)
    });
    if house.as_ref() == Ok(&expected) {
        Ok(())
    } else {
        Err(Mismatch::new(None, format!("{id}"), expected, house))
    }
}

/// A snapshot against the market that it is of; both views where they differ.
pub(super) fn same_snapshot(market: &Market, snapshot: &Snapshot) -> Result<(), (String, String)> {
    let mut prices: Vec<_> = Vec::new();
    let mut off: Vec<(OutcomeId, SuspensionReason)> = Vec::new();
    for runner in &market.runners {
        match (runner.removed, runner.offer) {
            (true, _) => off.push((runner.id, SuspensionReason::Removed)),
            (false, None) => off.push((runner.id, SuspensionReason::Unpriced)),
            (false, Some(price)) => prices.push((runner.id, price, runner.line)),
        }
    }
    prices.sort_unstable_by_key(|(id, ..)| *id);
    off.sort_unstable();
    let model = (
        (market.id, market.event, market.version, market.status_version),
        (market.status, market.in_play, market.bet_delay_ms),
        (prices, off),
    );
    let mut suspended: Vec<_> = snapshot.suspensions.iter().map(|one| (one.outcome_id, one.reason)).collect();
    suspended.sort_unstable();
    let offered = snapshot.prices.iter().map(|(id, quote)| (*id, quote.price, quote.line)).collect();
    let house = (
        (snapshot.market_id, snapshot.event_id, snapshot.version, snapshot.status_version),
        (snapshot.status, snapshot.in_play, snapshot.bet_delay_ms),
        (offered, suspended),
    );
    if model == house { Ok(()) } else { Err((format!("{model:?}"), format!("{house:?}"))) }
}
