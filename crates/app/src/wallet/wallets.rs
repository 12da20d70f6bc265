//! The wallets of a player's account: cash, and what was opened beside it.

use super::opening::{Opening, Rows};
use super::{Player, WalletView};
use crate::authored::check_actor;
use crate::{Answer, App, Error, Keyed};
use overround_domain::events::EventType;
use overround_domain::ids::AccountId;
use overround_domain::money::Cents;
use overround_domain::time::Timestamp;
use overround_domain::wallet::{Account, AccountKind, AccountStatus};
use overround_store::wallet::accounts;
use serde_json::json;

/// The least floor of a debt: 10^13 minor units below zero.
const DEBT_FLOOR_MIN: i64 = -10_000_000_000_000;

impl App {
    /// Opens a wallet beside a player's account: a BONUS or FREE_BET, whose floor is zero, or a DEBT, whose floor
    /// says how much may be owed.
    ///
    /// # Errors
    /// [`Error::Conflict`] `ACCOUNT_EXISTS` when there is one of that kind, which is kept under the key;
    /// [`Error::NotFound`] when there is no such account; [`Error::Invalid`] for another kind, or a floor that the
    /// kind does not have.
    pub async fn open_wallet(
        &self,
        account_id: AccountId,
        actor: &str,
        keyed: Keyed,
        kind: AccountKind,
        floor: Option<Cents>,
    ) -> Result<Answer<WalletView>, Error> {
        check_actor(actor)?;
        let floor = floor_of(kind, floor)?;
        let player = self.player(account_id).await?;
        let id = AccountId::from_uuid(self.clock().id());
        let wallet = Account {
            id,
            cell: player.cell,
            kind,
            user_id: Some(player.user_id),
            owner_account_id: Some(player.account_id),
            currency: player.currency,
            status: AccountStatus::Active,
            balance: Cents::ZERO,
            floor: Some(floor),
            seq: 0,
        };
        let created_at = id.created_at().unwrap_or_else(|| self.clock().now());
        let view = view_of(&wallet, created_at)?;
        let payload = json!({
            "account_id": id.uuid(), "owner_account_id": player.account_id.uuid(), "kind": kind,
            "currency": player.currency, "floor_cents": floor, "author": actor,
        });
        let event = self.opened(EventType::WalletOpened, player.cell, id, payload, &keyed, created_at);
        let rows = Rows::Wallet(wallet);
        let opening = Opening { actor: actor.to_owned(), keyed, view, created_at, rows, event };
        self.open(opening, || format!("the account has a wallet of kind {kind}; one of a kind is kept")).await
    }

    /// The wallets of a player's account, itself first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn wallets(&self, account_id: AccountId) -> Result<Vec<WalletView>, Error> {
        let player = self.player(account_id).await?;
        self.wallets_beside(player).await
    }

    /// What a wallet's balance is.
    pub(super) async fn balance_now(&self, wallet: Player) -> Result<Cents, Error> {
        let wallets = self.wallets_beside(wallet).await?;
        let found = wallets.iter().find(|view| view.id == wallet.account_id);
        found.map(|view| view.balance).ok_or_else(|| Error::not_found("account", wallet.account_id))
    }

    async fn wallets_beside(&self, wallet: Player) -> Result<Vec<WalletView>, Error> {
        let rows = accounts::wallets_of(self.store().read(), wallet.main_id, wallet.cell).await?;
        rows.iter().map(|(account, created_at)| view_of(account, *created_at)).collect()
    }
}

fn view_of(account: &Account, created_at: Timestamp) -> Result<WalletView, Error> {
    let without =
        || overround_store::Error::inconsistent("wallet.accounts", "floor_cents", account.id, "it is null");
    Ok(WalletView::new(account, created_at).ok_or_else(without)?)
}

/// The floor of a new wallet of that kind.
fn floor_of(kind: AccountKind, asked: Option<Cents>) -> Result<Cents, Error> {
    let invalid = |pointer: &str, detail: String| Err(Error::Invalid { pointer: pointer.to_owned(), detail });
    match (kind, asked) {
        (AccountKind::Bonus | AccountKind::FreeBet, None) => Ok(Cents::ZERO),
        (AccountKind::Bonus | AccountKind::FreeBet, Some(_)) => invalid(
            "/floor_cents",
            format!("a wallet of kind {kind} never goes below zero; leave the floor out"),
        ),
        (AccountKind::Debt, Some(floor)) if (DEBT_FLOOR_MIN..0).contains(&floor.get()) => Ok(floor),
        (AccountKind::Debt, _) => {
            invalid("/floor_cents", format!("a debt has a floor, from {DEBT_FLOOR_MIN} to -1 minor units"))
        }
        _ => invalid("/kind", format!("a wallet of kind {kind} is not opened beside an account")),
    }
}
