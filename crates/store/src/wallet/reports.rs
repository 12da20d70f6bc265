//! Sums over all accounts.

use crate::{Error, Tx};
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet::{AccountKind, Cell};

/// The accounts of a currency, cell and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindBalance {
    /// Their currency.
    pub currency: Currency,
    /// Their cell.
    pub cell: Cell,
    /// Their kind.
    pub kind: AccountKind,
    /// How many there are.
    pub accounts: i64,
    /// The sum of their balances.
    pub balance: Cents,
}

/// All accounts of the cells, by currency, cell and kind. Reads the whole table, which the application's
/// plans do not do otherwise.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn balances(tx: &mut Tx, cells: &[Cell]) -> Result<Vec<KindBalance>, Error> {
    sqlx::query("SELECT set_config('enable_seqscan', 'on', true)").execute(&mut **tx).await?;
    let rows: Vec<(String, i16, String, i64, i64)> = sqlx::query_as(
        "SELECT currency, cell, kind, count(*), sum(balance_cents)::bigint FROM wallet.accounts \
         WHERE cell = any($1) GROUP BY currency, cell, kind ORDER BY currency, cell, kind",
    )
    .bind(cells.iter().map(|cell| cell.get()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(read).collect()
}

fn read(row: (String, i16, String, i64, i64)) -> Result<KindBalance, Error> {
    let (currency, cell, kind, accounts, balance) = row;
    let key = format!("({currency}, {cell}, {kind})");
    let bad = |column| Error::inconsistent("wallet.accounts", column, key.clone(), "it cannot be read");
    Ok(KindBalance {
        currency: currency.parse().map_err(|_| bad("currency"))?,
        cell: Cell::from_i16(cell).ok_or_else(|| bad("cell"))?,
        kind: kind.parse().map_err(|_| bad("kind"))?,
        accounts,
        balance: Cents::new(balance),
    })
}
