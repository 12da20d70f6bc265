//! Opening something under (actor, key): what opening an account and opening a wallet have in common.

use crate::{Answer, App, Error, Keyed};
use overround_domain::betting::{Refusal, RefusalCode};
use overround_domain::events::{DomainEvent, EventType};
use overround_domain::ids::{AccountId, DomainEventId};
use overround_domain::time::Timestamp;
use overround_domain::wallet::{Account, Cell};
use overround_store::wallet::accounts::{self, NewAccounts};
use overround_store::wallet::actor_idempotency::{self, Claimed};
use overround_store::{Isolation, Tx, events};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The answer kept under (actor, key).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept<V> {
    Opened(V),
    /// It stood already.
    Exists,
}

/// What the transaction came to.
enum Ran<V> {
    Now(Kept<V>),
    Before(Value),
    Mismatch,
}

/// What is inserted.
pub(super) enum Rows {
    Player(NewAccounts),
    Wallet(Account),
}

/// What is to be opened, and under whose key. The view is its answer.
pub(super) struct Opening<V> {
    pub actor: String,
    pub keyed: Keyed,
    pub view: V,
    pub created_at: Timestamp,
    pub rows: Rows,
    pub event: DomainEvent,
}

impl App {
    /// Opens it once, or answers as the first time. `exists` says what stood already.
    pub(super) async fn open<V>(
        &self,
        opening: Opening<V>,
        exists: impl FnOnce() -> String,
    ) -> Result<Answer<V>, Error>
    where
        V: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let trace_id = opening.keyed.trace_id.clone();
        let name = match opening.rows {
            Rows::Player(_) => "open_account",
            Rows::Wallet(_) => "open_wallet",
        };
        let opening = Arc::new(opening);
        let ran = self
            .store()
            .run(name, Isolation::Serializable, move |tx| {
                let opening = Arc::clone(&opening);
                Box::pin(async move { opening.run(tx).await })
            })
            .await?;
        let (kept, replayed) = match ran {
            Ran::Now(kept) => (kept, false),
            Ran::Before(kept) => (serde_json::from_value(kept).map_err(Error::internal)?, true),
            Ran::Mismatch => return Err(Error::refused(key_mismatch(), trace_id)),
        };
        match kept {
            Kept::Opened(value) => Ok(Answer { replayed, value }),
            Kept::Exists => Err(Error::Conflict { code: "ACCOUNT_EXISTS", detail: exists() }),
        }
    }

    /// The event of an account or a wallet that is opened.
    pub(super) fn opened(
        &self,
        event_type: EventType,
        cell: Cell,
        id: AccountId,
        payload: Value,
        keyed: &Keyed,
        created_at: Timestamp,
    ) -> DomainEvent {
        DomainEvent {
            id: DomainEventId::from_uuid(self.clock().id()),
            cell: Some(cell),
            event_type,
            aggregate_id: id.uuid(),
            aggregate_version: 0,
            payload,
            trace_id: Some(keyed.trace_id.clone()),
            created_at,
        }
    }
}

impl<V: Clone + Serialize> Opening<V> {
    async fn run(&self, tx: &mut Tx) -> Result<Ran<V>, overround_store::Error> {
        let (actor, keyed, now) = (&self.actor, &self.keyed, self.created_at);
        match actor_idempotency::claim(tx, actor, &keyed.key, &keyed.request_hash, now).await? {
            Claimed::Mismatch => return Ok(Ran::Mismatch),
            Claimed::Done(answer) => return Ok(Ran::Before(answer)),
            Claimed::New => {}
        }
        let is_new = match &self.rows {
            Rows::Player(rows) => accounts::open(tx, rows, now).await?,
            Rows::Wallet(row) => accounts::open_wallet(tx, row, now).await?,
        };
        let kept = if is_new {
            events::append(tx, std::slice::from_ref(&self.event)).await?;
            Kept::Opened(self.view.clone())
        } else {
            Kept::Exists
        };
        actor_idempotency::keep(tx, actor, &keyed.key, &json!(kept)).await?;
        Ok(Ran::Now(kept))
    }
}

/// The refusal of a key that was used for another request.
pub(crate) fn key_mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::IdempotencyMismatch,
        "the Idempotency-Key was used for another request; nothing was executed",
    )
}
