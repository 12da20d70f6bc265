//! What never changes about the players' wallets, kept in memory: owner, cell, currency, what stands beside it.

use crate::{App, Error};
use overround_domain::ids::{AccountId, UserId};
use overround_domain::money::Currency;
use overround_domain::wallet::{AccountKind, Cell, PlayerAccounts};
use overround_store::wallet::accounts::{self, Fixed};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// How many wallets are remembered; beyond it the memory begins anew.
const REMEMBERED_MAX: usize = 200_000;

/// What never changes about a wallet of a player: the player's account, or one that stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Player {
    /// The wallet.
    pub account_id: AccountId,
    /// What it is for.
    pub kind: AccountKind,
    /// The player's account, beside which it stands or which it is.
    pub main_id: AccountId,
    /// Where the stakes of that account's open bets are held.
    pub hold_id: AccountId,
    /// The cell that all its rows are in.
    pub cell: Cell,
    /// Whose it is.
    pub user_id: UserId,
    /// Its currency.
    pub currency: Currency,
}

impl Player {
    /// The accounts that a bet of the player moves money between.
    pub(crate) const fn accounts(&self) -> PlayerAccounts {
        PlayerAccounts { player: self.main_id, hold: self.hold_id, currency: self.currency }
    }
}

/// The wallets seen so far.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    players: RwLock<HashMap<AccountId, Player>>,
}

impl Directory {
    fn get(&self, id: AccountId) -> Option<Player> {
        self.players.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn remember(&self, player: Player) {
        let mut players = self.players.write().unwrap_or_else(PoisonError::into_inner);
        if players.len() >= REMEMBERED_MAX {
            players.clear();
        }
        players.insert(player.account_id, player);
    }
}

impl App {
    /// The player's account of that id, which bets are placed on.
    pub(crate) async fn player(&self, id: AccountId) -> Result<Player, Error> {
        let wallet = self.wallet(id).await?;
        if wallet.kind == AccountKind::Player { Ok(wallet) } else { Err(Error::not_found("account", id)) }
    }

    /// The wallet of that id: a player's account, or one beside it.
    pub(crate) async fn wallet(&self, id: AccountId) -> Result<Player, Error> {
        if let Some(wallet) = self.directory().get(id) {
            return Ok(wallet);
        }
        let found = accounts::find_wallet(self.store().read(), id).await?;
        let Fixed { kind, cell, currency, user_id, main_id, hold_id } =
            found.ok_or_else(|| Error::not_found("account", id))?;
        let wallet = Player { account_id: id, kind, main_id, hold_id, cell, user_id, currency };
        self.directory().remember(wallet);
        Ok(wallet)
    }

    /// Whose wallet it is; none if there is no such wallet of a player. For authorization.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn account_owner(&self, id: AccountId) -> Result<Option<UserId>, Error> {
        match self.wallet(id).await {
            Ok(wallet) => Ok(Some(wallet.user_id)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
