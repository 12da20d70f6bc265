//! What never changes about accounts, kept in memory: owner, cell, currency, hold account.

use crate::{App, Error};
use overround_domain::ids::{AccountId, UserId};
use overround_domain::money::Currency;
use overround_domain::wallet::{Cell, PlayerAccounts};
use overround_store::wallet::accounts::{self, Fixed};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// How many accounts are remembered; beyond it the memory begins anew.
const REMEMBERED_MAX: usize = 200_000;

/// What never changes about a player's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Player {
    /// The account.
    pub account_id: AccountId,
    /// Where its open bets' stakes are held.
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
        PlayerAccounts { player: self.account_id, hold: self.hold_id, currency: self.currency }
    }
}

/// The accounts seen so far.
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
    /// The player's account of that id.
    pub(crate) async fn player(&self, id: AccountId) -> Result<Player, Error> {
        if let Some(player) = self.directory().get(id) {
            return Ok(player);
        }
        let found = accounts::find_player(self.store().read(), id).await?;
        let Fixed { cell, currency, user_id, hold_id } =
            found.ok_or_else(|| Error::not_found("account", id))?;
        let player = Player { account_id: id, hold_id, cell, user_id, currency };
        self.directory().remember(player);
        Ok(player)
    }

    /// Whose account it is; none if there is no such player's account. For authorization.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn account_owner(&self, id: AccountId) -> Result<Option<UserId>, Error> {
        match self.player(id).await {
            Ok(player) => Ok(Some(player.user_id)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
