//! Reading accounts and their entries.

use super::{AccountView, EntryView};
use crate::{App, Error, Listed, Page};
use overround_domain::ids::{AccountId, UserId};
use overround_domain::wallet::Cell;
use overround_store::wallet::accounts::{self, Summary};
use overround_store::wallet::entries::{self, EntryRow};

impl AccountView {
    fn new(summary: Summary, user_id: UserId) -> Self {
        let account = summary.account;
        Self {
            id: account.id,
            user_id,
            currency: account.currency,
            balance: account.balance,
            held: summary.held,
            status: account.status,
            account_seq: account.seq,
            created_at: summary.created_at,
        }
    }
}

impl From<EntryRow> for EntryView {
    fn from(row: EntryRow) -> Self {
        let entry = row.booked.entry;
        Self {
            id: row.id,
            account_id: entry.account_id,
            posting_id: row.posting_id,
            account_seq: row.booked.account_seq,
            amount: entry.amount,
            currency: entry.currency,
            balance_after: row.booked.balance_after,
            entry_type: entry.entry_type,
            ref_type: row.ref_type,
            ref_id: row.ref_id,
            created_at: row.created_at,
        }
    }
}

impl App {
    /// A player's account.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of that id.
    pub async fn account(&self, id: AccountId) -> Result<AccountView, Error> {
        let player = self.player(id).await?;
        let summary = accounts::summary(self.store().read(), id, player.cell).await?;
        summary
            .map(|summary| AccountView::new(summary, player.user_id))
            .ok_or_else(|| Error::not_found("account", id))
    }

    /// A user's accounts, one a currency, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn accounts_of(&self, user_id: UserId) -> Result<Vec<AccountView>, Error> {
        let cell = Cell::of(user_id, self.cells());
        let summaries = accounts::of_user(self.store().read(), user_id, cell).await?;
        Ok(summaries.into_iter().map(|summary| AccountView::new(summary, user_id)).collect())
    }

    /// The entries of a player's wallet, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn entries(&self, id: AccountId, page: Page) -> Result<Listed<EntryView>, Error> {
        let wallet = self.wallet(id).await?;
        let limit = i64::from(page.limit) + 1;
        let rows = entries::list(self.store().read(), id, wallet.cell, page.after, limit).await?;
        let views = rows.into_iter().map(EntryView::from).collect();
        Ok(Listed::from_rows(views, page.limit, |entry| (entry.created_at, entry.id.uuid())))
    }
}
