//! `market.fences`: one row a cell and market, moved by changes of status, line and runners and
//! never by prices. A batch of bets holds the rows of its cells FOR SHARE, so a suspension waits for
//! the bets in flight, and later bets see it.

use crate::cells::distinct;
use crate::{Error, Tx};
use overround_domain::betting::Fence;
use overround_domain::ids::MarketId;
use overround_domain::wallet::Cell;
use sqlx::FromRow;
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "market.fences";

/// Every cell of a database that was made with that many.
fn all_cells(cells: u16) -> Vec<i16> {
    (0..i16::try_from(cells).unwrap_or(i16::MAX)).collect()
}

/// Inserts a new market's fence in every cell.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &mut Tx, fences: &[(MarketId, Fence)], cells: u16) -> Result<(), Error> {
    if fences.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO market.fences (market_id, cell, status, status_version) \
         SELECT n.market_id, c.cell, n.status, n.status_version \
         FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS n (market_id, status, status_version) \
         CROSS JOIN unnest($4::smallint[]) AS c (cell)",
    )
    .bind(fences.iter().map(|(market, _)| market.uuid()).collect::<Vec<_>>())
    .bind(fences.iter().map(|(_, fence)| fence.status.as_str()).collect::<Vec<_>>())
    .bind(fences.iter().map(|(_, fence)| fence.status_version).collect::<Vec<_>>())
    .bind(all_cells(cells))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Moves fences in every cell with one statement, which waits for the bets that hold them. Rows are
/// locked in the order in which batches lock them.
///
/// # Errors
/// The database's; [`Error::Serialization`] when it stood in a batch's way.
pub async fn update(tx: &mut Tx, fences: &[(MarketId, Fence)], cells: u16) -> Result<(), Error> {
    if fences.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH c AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS c (market_id, status, status_version)), \
              locked AS (SELECT f.market_id, f.cell FROM market.fences f \
                         WHERE f.market_id = any($1) AND f.cell = any($4) \
                         ORDER BY f.market_id, f.cell FOR NO KEY UPDATE) \
         UPDATE market.fences f SET status = c.status, status_version = c.status_version \
         FROM locked JOIN c USING (market_id) \
         WHERE f.market_id = locked.market_id AND f.cell = locked.cell AND f.cell = any($4)",
    )
    .bind(fences.iter().map(|(market, _)| market.uuid()).collect::<Vec<_>>())
    .bind(fences.iter().map(|(_, fence)| fence.status.as_str()).collect::<Vec<_>>())
    .bind(fences.iter().map(|(_, fence)| fence.status_version).collect::<Vec<_>>())
    .bind(all_cells(cells))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[derive(FromRow)]
struct Read {
    market_id: Uuid,
    cell: i16,
    status: String,
    status_version: i64,
    limits_version: i64,
}

/// What a batch of bets reads of its markets.
#[derive(Debug, Default)]
pub struct Locked {
    /// The fences.
    pub fences: BTreeMap<(MarketId, Cell), Fence>,
    /// The version of the limits (`betting.limits_version`); none where there is no fence to lock.
    pub limits_version: Option<i64>,
}

/// Locks the fences of these markets in these cells FOR SHARE until the transaction ends: no status
/// moves meanwhile. A market that does not exist is left out.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn lock_shared(tx: &mut Tx, wanted: &[(MarketId, Cell)]) -> Result<Locked, Error> {
    if wanted.is_empty() {
        return Ok(Locked::default());
    }
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT f.market_id, f.cell, f.status, f.status_version, \
                (SELECT v.version FROM betting.limits_version v WHERE v.id = 1) AS limits_version \
         FROM unnest($1::uuid[], $2::smallint[]) AS w (market_id, cell) \
         JOIN market.fences f ON f.market_id = w.market_id AND f.cell = w.cell AND f.cell = any($3) \
         ORDER BY f.market_id, f.cell FOR SHARE OF f",
    )
    .bind(wanted.iter().map(|(market, _)| market.uuid()).collect::<Vec<_>>())
    .bind(wanted.iter().map(|(_, cell)| cell.get()).collect::<Vec<_>>())
    .bind(distinct(wanted.iter().map(|(_, cell)| *cell)))
    .fetch_all(&mut **tx)
    .await?;
    let limits_version = rows.first().map(|row| row.limits_version);
    let fences = rows
        .into_iter()
        .map(|row| {
            let key = format!("({}, {})", row.market_id, row.cell);
            let bad = |column, detail: &str| Error::inconsistent(TABLE, column, &key, detail);
            let status = row.status.parse().map_err(|_| bad("status", &row.status))?;
            let cell = Cell::from_i16(row.cell).ok_or_else(|| bad("cell", "it is negative"))?;
            let fence = Fence { status, status_version: row.status_version };
            Ok(((MarketId::from_uuid(row.market_id), cell), fence))
        })
        .collect::<Result<_, Error>>()?;
    Ok(Locked { fences, limits_version })
}
