//! `betting.day_payouts`: what each account's bets of its last day may return together, where the house bounds it.

use crate::cells::distinct;
use crate::{Error, Statement, Tx};
use overround_domain::betting::DayPayouts;
use overround_domain::ids::AccountId;
use overround_domain::money::Cents;
use overround_domain::wallet::Cell;
use std::collections::BTreeMap;
use uuid::Uuid;

/// An account with its cell.
pub type Of = (AccountId, Cell);

/// The payouts of these accounts on a day, or on a later one that they have bets of, locked until the transaction ends. The
/// rows are written and not looked up, since a look-up of absent ones locks pages of the index.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &mut Tx, of: &[Of], day: i64) -> Result<BTreeMap<AccountId, DayPayouts>, Error> {
    if of.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Uuid, i64, i64)> = sqlx::query_as(
        "INSERT INTO betting.day_payouts AS d (account_id, cell, day, payout_cents) \
         SELECT w.account_id, w.cell, $3, 0 FROM unnest($1::uuid[], $2::smallint[]) AS w (account_id, cell) \
         ON CONFLICT (account_id, cell) DO UPDATE SET day = greatest(d.day, excluded.day), \
                payout_cents = CASE WHEN d.day < excluded.day THEN 0 ELSE d.payout_cents END \
         RETURNING d.account_id, d.day, d.payout_cents",
    )
    .bind(of.iter().map(|(account, _)| account.uuid()).collect::<Vec<_>>())
    .bind(of.iter().map(|(_, cell)| cell.get()).collect::<Vec<_>>())
    .bind(day)
    .fetch_all(&mut **tx)
    .await?;
    let read = |(account, day, cents)| {
        (AccountId::from_uuid(account), DayPayouts { day, payouts: Cents::new(cents) })
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Writes the payouts of accounts that are locked.
pub fn write(to: &mut Statement, payouts: &BTreeMap<Of, Cents>) {
    if payouts.is_empty() {
        return;
    }
    to.add(
        "UPDATE betting.day_payouts d SET payout_cents = c.payout_cents \
         FROM unnest($1::uuid[], $2::smallint[], $3::bigint[]) AS c (account_id, cell, payout_cents) \
         WHERE d.account_id = c.account_id AND d.cell = c.cell AND d.cell = any($4)",
    )
    .bind(payouts.keys().map(|(account, _)| account.uuid()).collect::<Vec<_>>())
    .bind(payouts.keys().map(|(_, cell)| cell.get()).collect::<Vec<_>>())
    .bind(payouts.values().map(|cents| cents.get()).collect::<Vec<_>>())
    .bind(distinct(payouts.keys().map(|(_, cell)| *cell)));
}
