//! `betting.allowances`: each cell's share of each cap, and how much of it bets took.
//!
//! A bet takes from its cell's share in the transaction that accepts it, and never more than is there. The shares of a cap
//! together are no more than the cap, so that it holds exactly, at however many processes. What the shares leave of the
//! cap belongs to nobody: what a closed bet gives back goes there, out of its cell's share too, and a cell that runs
//! short takes from there before it takes from others. So a cap that was lowered below what is taken takes no bet
//! before it holds again, in whichever cell bets close. Shares grow only while the cap's row is locked.
//!
//! Rows are locked in the order of cap and cell.

use crate::cells::distinct;
use crate::{Error, Statement, Tx};
use overround_domain::ids::LimitId;
use overround_domain::money::Cents;
use overround_domain::wallet::Cell;
use sqlx::{FromRow, PgExecutor};
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "betting.allowances";

/// A cell's share of a cap.
pub type ShareKey = (LimitId, Cell);

/// What a batch of bets changes about a share, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShareChange {
    /// What its new bets took.
    pub taken: i64,
    /// What its closed bets gave back.
    pub given_back: i64,
}

#[derive(FromRow)]
struct Share {
    cell: i16,
    share_cents: i64,
    used_cents: i64,
}

impl Share {
    const fn left(&self) -> i64 {
        self.share_cents.saturating_sub(self.used_cents)
    }
}

fn caps(keys: impl Iterator<Item = ShareKey>) -> Vec<Uuid> {
    keys.map(|(cap, _)| cap.uuid()).collect()
}

fn cells(keys: impl Iterator<Item = ShareKey>) -> Vec<i16> {
    keys.map(|(_, cell)| cell.get()).collect()
}

/// What these shares leave, locked until the transaction ends. One that does not exist is left out.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn lock(tx: &mut Tx, keys: &[ShareKey]) -> Result<BTreeMap<ShareKey, Cents>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Uuid, i16, i64)> = sqlx::query_as(
        "SELECT a.cap_id, a.cell, a.share_cents - a.used_cents \
         FROM unnest($1::uuid[], $2::smallint[]) AS w (cap_id, cell) \
         JOIN betting.allowances a ON a.cap_id = w.cap_id AND a.cell = w.cell AND a.cell = any($3) \
         ORDER BY a.cap_id, a.cell FOR NO KEY UPDATE OF a",
    )
    .bind(caps(keys.iter().copied()))
    .bind(cells(keys.iter().copied()))
    .bind(distinct(keys.iter().map(|(_, cell)| *cell)))
    .fetch_all(&mut **tx)
    .await?;
    let read = |(cap, cell, left)| {
        let cell = Cell::from_i16(cell);
        let cell = cell.ok_or_else(|| Error::inconsistent(TABLE, "cell", cap, "it is negative"))?;
        Ok(((LimitId::from_uuid(cap), cell), Cents::new(left)))
    };
    rows.into_iter().map(read).collect()
}

/// Writes what bets took of shares that are locked, and gave back.
pub fn change(to: &mut Statement, changes: &BTreeMap<ShareKey, ShareChange>) {
    if changes.is_empty() {
        return;
    }
    to.add(
        "UPDATE betting.allowances a \
            SET used_cents = a.used_cents + c.taken - c.given_back, share_cents = a.share_cents - c.given_back \
         FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bigint[]) AS c (cap_id, cell, taken, given_back) \
         WHERE a.cap_id = c.cap_id AND a.cell = c.cell AND a.cell = any($5)",
    )
    .bind(caps(changes.keys().copied()))
    .bind(cells(changes.keys().copied()))
    .bind(changes.values().map(|change| change.taken).collect::<Vec<_>>())
    .bind(changes.values().map(|change| change.given_back).collect::<Vec<_>>())
    .bind(distinct(changes.keys().map(|(_, cell)| *cell)));
}

async fn shares_of(executor: impl PgExecutor<'_>, cap: LimitId) -> Result<Vec<Share>, Error> {
    Ok(sqlx::query_as(
        "SELECT cell, share_cents, used_cents FROM betting.allowances WHERE cap_id = $1 ORDER BY cell",
    )
    .bind(cap.uuid())
    .fetch_all(executor)
    .await?)
}

/// The shares of a cap in these cells, locked until the transaction ends.
async fn lock_cells(tx: &mut Tx, cap: LimitId, cells: &[i16]) -> Result<Vec<Share>, Error> {
    Ok(sqlx::query_as(
        "SELECT cell, share_cents, used_cents FROM betting.allowances WHERE cap_id = $1 AND cell = any($2) \
         ORDER BY cell FOR NO KEY UPDATE",
    )
    .bind(cap.uuid())
    .bind(cells)
    .fetch_all(&mut **tx)
    .await?)
}

async fn set_shares(tx: &mut Tx, cap: LimitId, shares: &[Share]) -> Result<(), Error> {
    sqlx::query(
        "UPDATE betting.allowances a SET share_cents = n.share_cents \
         FROM unnest($2::smallint[], $3::bigint[]) AS n (cell, share_cents) \
         WHERE a.cap_id = $1 AND a.cell = n.cell AND a.cell = any($2)",
    )
    .bind(cap.uuid())
    .bind(shares.iter().map(|share| share.cell).collect::<Vec<_>>())
    .bind(shares.iter().map(|share| share.share_cents).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Shares out, in equal parts, what is left of a cap whose row is locked; each cell keeps what it used. Where more was
/// used than the cap is now, or it is let go, no cell gets more than it used. Returns what was used.
///
/// # Errors
/// The database's.
pub async fn share_out(tx: &mut Tx, cap: LimitId, amount: Option<Cents>, cells: u16) -> Result<Cents, Error> {
    let all: Vec<i16> = (0..i16::try_from(cells).unwrap_or(i16::MAX)).collect();
    sqlx::query(
        "INSERT INTO betting.allowances (cap_id, cell, share_cents, used_cents) \
         SELECT $1, cell, 0, 0 FROM unnest($2::smallint[]) AS cell ON CONFLICT DO NOTHING",
    )
    .bind(cap.uuid())
    .bind(&all)
    .execute(&mut **tx)
    .await?;
    let mut shares = lock_cells(tx, cap, &all).await?;
    let used = shares.iter().fold(0_i64, |sum, share| sum.saturating_add(share.used_cents));
    let left = amount.map_or(0, |amount| amount.get().saturating_sub(used).max(0));
    let parts = i64::from(cells.max(1));
    for (at, share) in (0..).zip(&mut shares) {
        share.share_cents = share.used_cents + left / parts + i64::from(at < left % parts);
    }
    set_shares(tx, cap, &shares).await?;
    Ok(Cents::new(used))
}

/// Moves what nobody has of a cap, and then what other cells have left, to a cell that needs so much: as far as there is
/// any, and at most twice what it is short of, so that its next bets need not ask. From the cells that have most.
///
/// # Errors
/// The database's.
pub async fn gather(tx: &mut Tx, (cap, cell): ShareKey, needed: Cents) -> Result<(), Error> {
    let amount: Option<Option<i64>> =
        sqlx::query_scalar("SELECT amount_cents FROM betting.caps WHERE id = $1 FOR NO KEY UPDATE")
            .bind(cap.uuid())
            .fetch_optional(&mut **tx)
            .await?;
    let Some(amount) = amount.flatten() else { return Ok(()) };
    // While the cap is locked, these can only shrink: by bets that close.
    let mut shares = shares_of(&mut **tx, cap).await?;
    let together = shares.iter().fold(0_i64, |sum, share| sum.saturating_add(share.share_cents));
    let free = amount.saturating_sub(together).max(0);
    let Some(own) = shares.iter().position(|share| share.cell == cell.get()) else { return Ok(()) };
    let own = shares.swap_remove(own);
    let wanted = needed.get().saturating_sub(own.left()).saturating_mul(2);
    shares.sort_unstable_by_key(|share| -share.left());
    let mut expected = free;
    let mut asked = Vec::new();
    for share in shares {
        if expected >= wanted || share.left() <= 0 {
            break;
        }
        expected = expected.saturating_add(share.left());
        asked.push(share.cell);
    }
    if wanted <= 0 || expected <= 0 {
        return Ok(());
    }
    asked.push(cell.get());
    let mut locked = lock_cells(tx, cap, &asked).await?;
    let mut gained = free.min(wanted);
    for share in locked.iter_mut().filter(|share| share.cell != cell.get()) {
        let moved = share.left().min(wanted - gained).max(0);
        share.share_cents -= moved;
        gained += moved;
    }
    for share in locked.iter_mut().filter(|share| share.cell == cell.get()) {
        share.share_cents += gained;
    }
    set_shares(tx, cap, &locked).await
}

/// Whether a gathering could find anything: what of the cap the cell itself does not have.
///
/// # Errors
/// The database's.
pub async fn can_gather(executor: impl PgExecutor<'_>, (cap, cell): ShareKey) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(
        "SELECT c.amount_cents > sum(a.used_cents + CASE a.cell WHEN $2 THEN a.share_cents - a.used_cents ELSE 0 END) \
         FROM betting.caps c JOIN betting.allowances a ON a.cap_id = c.id WHERE c.id = $1 GROUP BY c.id",
    )
    .bind(cap.uuid())
    .bind(cell.get())
    .fetch_optional(executor)
    .await?
    .flatten()
    .unwrap_or(false))
}

/// What was used of each of these caps.
///
/// # Errors
/// The database's.
pub async fn used(
    executor: impl PgExecutor<'_>,
    caps: &[LimitId],
) -> Result<BTreeMap<LimitId, Cents>, Error> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT cap_id, sum(used_cents)::bigint FROM betting.allowances WHERE cap_id = any($1) GROUP BY cap_id",
    )
    .bind(caps.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|(id, cents)| (LimitId::from_uuid(id), Cents::new(cents))).collect())
}
