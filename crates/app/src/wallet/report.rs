//! Reports over all accounts, each of one snapshot.

use crate::{App, Error};
use overround_domain::money::Currency;
use overround_domain::time::Timestamp;
use overround_domain::wallet::{Cell, Segregation};
use overround_store::wallet::reports::{self, KindBalance};
use std::collections::BTreeMap;

/// Something that was computed from one snapshot of all accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<T> {
    /// When the snapshot was taken.
    pub as_of: Timestamp,
    /// What it shows.
    pub rows: T,
}

impl App {
    /// The balances of all accounts by currency, cell and kind.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn trial_balance(&self) -> Result<Report<Vec<KindBalance>>, Error> {
        let cells: Vec<Cell> = Cell::all(self.cells()).collect();
        let as_of = self.clock().now();
        let rows = self
            .store()
            .snapshot(move |tx| Box::pin(async move { reports::balances(tx, &cells).await }))
            .await?;
        Ok(Report { as_of, rows })
    }

    /// The players' money against what came in for them, by currency.
    ///
    /// # Errors
    /// When the database is away, or a sum leaves its range.
    pub async fn segregation(&self) -> Result<Report<BTreeMap<Currency, Segregation>>, Error> {
        let Report { as_of, rows } = self.trial_balance().await?;
        let mut sums: BTreeMap<Currency, Segregation> = BTreeMap::new();
        for row in rows {
            let sum = sums.entry(row.currency).or_default();
            *sum = sum.with(row.kind, row.balance).ok_or_else(|| {
                Error::internal(format!("the balances in {} leave the range of 64 bits", row.currency))
            })?;
        }
        Ok(Report { as_of, rows: sums })
    }
}
