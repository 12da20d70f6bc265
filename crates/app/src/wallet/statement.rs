//! What a balance was, and statements: a period's entries between its opening and closing balance.

use super::{BalanceView, EntryView, Player, StatementView};
use crate::{App, Error, Listed, Page};
use overround_domain::ids::{AccountId, EntryId};
use overround_domain::time::Timestamp;
use overround_store::wallet::statements::{self, Period, Totals};

/// The most entries of a statement that is given out whole.
pub const WHOLE_STATEMENT_MAX: u32 = 50_000;

/// As of when a balance is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Now.
    Now,
    /// After all entries up to and with that instant.
    Time(Timestamp),
    /// After that entry.
    Entry(EntryId),
}

impl App {
    /// What the balance of a player's wallet was.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account, or it has no such entry.
    pub async fn balance(&self, id: AccountId, as_of: AsOf) -> Result<BalanceView, Error> {
        let player = self.wallet(id).await?;
        let (pool, currency) = (self.store().read(), player.currency);
        let at = match as_of {
            AsOf::Now => self.clock().now(),
            AsOf::Time(at) => at,
            AsOf::Entry(entry_id) => {
                let row = statements::entry(pool, id, player.cell, entry_id).await?;
                let row = row.ok_or_else(|| Error::not_found("entry", entry_id))?;
                let (at, balance) = (row.created_at, row.booked.balance_after);
                return Ok(BalanceView { account_id: id, currency, balance, at, entry_id: Some(entry_id) });
            }
        };
        let balance = match as_of {
            AsOf::Now => self.balance_now(player).await?,
            AsOf::Time(_) | AsOf::Entry(_) => statements::balance_at(pool, id, player.cell, at)
                .await?
                .ok_or_else(|| Error::not_found("account", id))?,
        };
        Ok(BalanceView { account_id: id, currency, balance, at, entry_id: None })
    }

    /// A part of a period's entries, oldest first, with what the whole period came to.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn statement(
        &self,
        id: AccountId,
        from: Timestamp,
        to: Timestamp,
        page: Page,
    ) -> Result<StatementView, Error> {
        let player = self.wallet(id).await?;
        let (totals, entries) = self.read_statement(player, Period { from, to }, page).await?;
        let entries = Listed::from_rows(entries, page.limit, |entry| (entry.created_at, entry.id.uuid()));
        Ok(StatementView { account_id: id, currency: player.currency, from, to, totals, entries })
    }

    /// A whole statement, whose entries were added up and found to lead from the opening balance to the
    /// closing one. A period of more than [`WHOLE_STATEMENT_MAX`] entries is [`Error::Invalid`].
    ///
    /// # Errors
    /// As [`App::statement`].
    pub async fn whole_statement(
        &self,
        id: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<StatementView, Error> {
        let page = Page { limit: WHOLE_STATEMENT_MAX, after: None };
        let view = self.statement(id, from, to, page).await?;
        if view.entries.next.is_some() {
            return Err(Error::Invalid {
                pointer: "/to".to_owned(),
                detail: format!(
                    "the period has more than {WHOLE_STATEMENT_MAX} entries; ask for a shorter one"
                ),
            });
        }
        let amounts = view.entries.items.iter().map(|entry| i128::from(entry.amount.get()));
        if i128::from(view.totals.opening.get()) + amounts.sum::<i128>()
            != i128::from(view.totals.closing.get())
        {
            return Err(Error::internal(format!("the entries of {id} from {from} to {to} do not add up")));
        }
        Ok(view)
    }

    /// The totals and the entries, both of one snapshot.
    async fn read_statement(
        &self,
        player: Player,
        period: Period,
        page: Page,
    ) -> Result<(Totals, Vec<EntryView>), Error> {
        let (id, cell, limit) = (player.account_id, player.cell, i64::from(page.limit) + 1);
        let (totals, rows) = self
            .store()
            .snapshot(move |tx| {
                Box::pin(async move {
                    let totals = statements::totals(&mut **tx, id, cell, period).await?;
                    let rows = statements::list(&mut **tx, id, cell, period, page.after, limit).await?;
                    Ok((totals, rows))
                })
            })
            .await?;
        let totals = totals.ok_or_else(|| Error::not_found("account", id))?;
        check(&totals).ok_or_else(|| {
            Error::internal(format!(
                "the balances of {id} from {} to {} do not add up",
                period.from, period.to
            ))
        })?;
        Ok((totals, rows.into_iter().map(EntryView::from).collect()))
    }
}

/// Opening balance, what came in and what went out make the closing balance.
fn check(totals: &Totals) -> Option<()> {
    let sum = totals.opening.checked_add(totals.credits)?.checked_add(totals.debits)?;
    (sum == totals.closing).then_some(())
}
