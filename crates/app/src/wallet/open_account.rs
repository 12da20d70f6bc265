//! Opening a player's account, with its hold account and the house's of its cell.

use super::AccountView;
use crate::{Answer, App, Error, Keyed};
use overround_domain::betting::{Refusal, RefusalCode};
use overround_domain::events::{DomainEvent, EventType};
use overround_domain::ids::{AccountId, DomainEventId, UserId};
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet::{Account, AccountKind, AccountStatus, Cell};
use overround_store::wallet::accounts::{self, NewAccounts};
use overround_store::wallet::actor_idempotency::{self, Claimed};
use overround_store::{Isolation, Tx, events};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The answer kept under (actor, key).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Opened(AccountView),
    /// The user had an account in that currency.
    Exists,
}

/// What the transaction came to.
enum Ran {
    Now(Kept),
    Before(Value),
    Mismatch,
}

/// What is to be opened, and under whose key.
struct Opening {
    actor: String,
    keyed: Keyed,
    view: AccountView,
    accounts: NewAccounts,
    event: DomainEvent,
}

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
        let trace_id = keyed.trace_id.clone();
        let (view, accounts) = self.new_accounts(user_id, currency);
        let event = self.opened_event(&view, &keyed);
        let opening = Arc::new(Opening { actor: actor.to_owned(), keyed, view, accounts, event });
        let ran = self
            .store()
            .run("open_account", Isolation::Serializable, move |tx| {
                let opening = Arc::clone(&opening);
                Box::pin(async move { opening.run(tx).await })
            })
            .await?;
        match ran {
            Ran::Now(kept) => answer(kept, currency).map(Answer::first),
            Ran::Before(kept) => {
                let kept: Kept = serde_json::from_value(kept).map_err(Error::internal)?;
                answer(kept, currency).map(Answer::replay)
            }
            Ran::Mismatch => Err(Error::refused(key_mismatch(), trace_id)),
        }
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
            created_at: id.created_at().unwrap_or_else(|| self.clock().now()),
        };
        (view, rows)
    }

    fn opened_event(&self, view: &AccountView, keyed: &Keyed) -> DomainEvent {
        DomainEvent {
            id: DomainEventId::from_uuid(self.clock().id()),
            cell: Some(Cell::of(view.user_id, self.cells())),
            event_type: EventType::AccountOpened,
            aggregate_id: view.id.uuid(),
            aggregate_version: 0,
            payload: json!({
                "account_id": view.id.uuid(), "user_id": view.user_id.uuid(), "currency": view.currency,
            }),
            trace_id: Some(keyed.trace_id.clone()),
            created_at: view.created_at,
        }
    }
}

impl Opening {
    async fn run(&self, tx: &mut Tx) -> Result<Ran, overround_store::Error> {
        let (actor, keyed, now) = (&self.actor, &self.keyed, self.view.created_at);
        match actor_idempotency::claim(tx, actor, &keyed.key, &keyed.request_hash, now).await? {
            Claimed::Mismatch => return Ok(Ran::Mismatch),
            Claimed::Done(answer) => return Ok(Ran::Before(answer)),
            Claimed::New => {}
        }
        let kept = if accounts::open(tx, &self.accounts, now).await? {
            events::append(tx, std::slice::from_ref(&self.event)).await?;
            Kept::Opened(self.view.clone())
        } else {
            Kept::Exists
        };
        actor_idempotency::keep(tx, actor, &keyed.key, &json!(kept)).await?;
        Ok(Ran::Now(kept))
    }
}

fn answer(kept: Kept, currency: Currency) -> Result<AccountView, Error> {
    match kept {
        Kept::Opened(view) => Ok(view),
        Kept::Exists => Err(Error::Conflict {
            code: "ACCOUNT_EXISTS",
            detail: format!("the user has an account in {currency}; one a currency is kept"),
        }),
    }
}

/// The refusal of a key that was used for another request.
pub(crate) fn key_mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::IdempotencyMismatch,
        "the Idempotency-Key was used for another request; nothing was executed",
    )
}
