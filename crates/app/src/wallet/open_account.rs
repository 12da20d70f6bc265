//! Opening a player's account, with its hold account and the house's of its cell.

use super::AccountView;
use super::opening::{Opening, Rows};
use crate::{Answer, App, Error, Keyed};
use overround_domain::events::EventType;
use overround_domain::ids::{AccountId, UserId};
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet::{Account, AccountKind, AccountStatus, Cell};
use overround_store::wallet::accounts::NewAccounts;
use serde_json::json;

impl App {
    /// Opens a user's account in a currency. `actor` is who asks; the key counts among their acts.
    ///
    /// # Errors
    /// [`Error::Conflict`] `ACCOUNT_EXISTS` when the user has one in that currency: kept under the key
    /// like the account that is opened.
    pub async fn open_account(
        &self,
        actor: &str,
        keyed: Keyed,
        user_id: UserId,
        currency: Currency,
    ) -> Result<Answer<AccountView>, Error> {
        let (view, rows) = self.new_accounts(user_id, currency);
        let payload = json!({
            "account_id": view.id.uuid(), "user_id": user_id.uuid(), "currency": currency,
        });
        let (cell, created_at) = (rows.player.cell, view.created_at);
        let event = self.opened(EventType::AccountOpened, cell, view.id, payload, &keyed, created_at);
        let opening =
            Opening { actor: actor.to_owned(), keyed, view, created_at, rows: Rows::Player(rows), event };
        self.open(opening, || format!("the user has an account in {currency}; one a currency is kept")).await
    }

    /// A new account, and its rows: its own, its hold, and the house's of its cell, which may stand
    /// already.
    fn new_accounts(&self, user_id: UserId, currency: Currency) -> (AccountView, NewAccounts) {
        let cell = Cell::of(user_id, self.cells());
        let new_id = || AccountId::from_uuid(self.clock().id());
        let id = new_id();
        let account = |id, kind, user_id: Option<UserId>, owner_account_id| Account {
            id,
            cell,
            kind,
            user_id,
            owner_account_id,
            currency,
            status: AccountStatus::Active,
            balance: Cents::ZERO,
            floor: user_id.map(|_| Cents::ZERO),
            seq: 0,
        };
        let rows = NewAccounts {
            player: account(id, AccountKind::Player, Some(user_id), None),
            hold: account(new_id(), AccountKind::Hold, Some(user_id), Some(id)),
            house: [AccountKind::House, AccountKind::PspClearing]
                .map(|kind| account(new_id(), kind, None, None))
                .to_vec(),
        };
        let view = AccountView {
            id,
            user_id,
            currency,
            balance: Cents::ZERO,
            held: Cents::ZERO,
            status: AccountStatus::Active,
            account_seq: 0,
            created_at: id.created_at().unwrap_or_else(|| self.clock().now()),
        };
        (view, rows)
    }
}
