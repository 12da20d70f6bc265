//! Opening a player's account, with its hold account and the house's of its cell.

use super::AccountView;
use crate::{Answer, App, Error, Keyed};
use overround_domain::betting::{Refusal, RefusalCode};
use overround_domain::events::{DomainEvent, EventType};
use overround_domain::ids::{AccountId, DomainEventId, UserId};
use overround_domain::money::{Cents, Currency};
use overround_domain::wallet::{Account, AccountKind, AccountStatus, Cell};
use overround_store::wallet::accounts;
use overround_store::wallet::actor_idempotency::{self, Claimed};
use overround_store::{Isolation, events};
use serde_json::json;

/// What the transaction came to.
enum Opened {
    Now(AccountView),
    Before(serde_json::Value),
    Mismatch,
}

impl App {
    /// Opens a user's account in a currency. `actor` is who asks; the key counts among their acts.
    ///
    /// # Errors
    /// [`Error::Conflict`] `ACCOUNT_EXISTS` when the user has one in that currency.
    pub async fn open_account(
        &self,
        actor: &str,
        keyed: Keyed,
        user_id: UserId,
        currency: Currency,
    ) -> Result<Answer<AccountView>, Error> {
        let (view, accounts) = self.new_accounts(user_id, currency);
        let event = self.opened_event(&view, &keyed);
        let (actor, asked) = (actor.to_owned(), keyed.clone());
        let ran = self
            .store()
            .run("open_account", Isolation::Serializable, move |tx| {
                let (actor, keyed, accounts) = (actor.clone(), keyed.clone(), accounts.clone());
                let (view, event) = (view.clone(), event.clone());
                Box::pin(async move {
                    let now = view.created_at;
                    match actor_idempotency::claim(tx, &actor, &keyed.key, &keyed.request_hash, now).await? {
                        Claimed::Mismatch => return Ok(Opened::Mismatch),
                        Claimed::Done(answer) => return Ok(Opened::Before(answer)),
                        Claimed::New => {}
                    }
                    accounts::open(tx, &accounts, now).await?;
                    let answer = json!(view);
                    actor_idempotency::keep(tx, &actor, &keyed.key, &answer).await?;
                    events::append(tx, &[event]).await?;
                    Ok(Opened::Now(view))
                })
            })
            .await;
        match ran {
            Ok(Opened::Now(view)) => Ok(Answer::first(view)),
            Ok(Opened::Before(answer)) => {
                Ok(Answer::replay(serde_json::from_value(answer).map_err(Error::internal)?))
            }
            Ok(Opened::Mismatch) => Err(Error::refused(key_mismatch(), asked.trace_id)),
            Err(overround_store::Error::Constraint(name))
                if name.starts_with("accounts_user_kind_currency_key") =>
            {
                Err(Error::Conflict {
                    code: "ACCOUNT_EXISTS",
                    detail: format!("the user has an account in {currency}; one a currency is kept"),
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A new account, and its rows: its own, its hold, and the house's of its cell, which may stand
    /// already.
    fn new_accounts(&self, user_id: UserId, currency: Currency) -> (AccountView, Vec<Account>) {
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
        let rows = vec![
            account(id, AccountKind::Player, Some(user_id), None),
            account(new_id(), AccountKind::Hold, Some(user_id), Some(id)),
            account(new_id(), AccountKind::House, None, None),
            account(new_id(), AccountKind::PspClearing, None, None),
        ];
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

/// The refusal of a key that was used for another request.
pub(crate) fn key_mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::IdempotencyMismatch,
        "the Idempotency-Key was used for another request; nothing was executed",
    )
}
