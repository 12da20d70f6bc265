//! From the log of events to the chronicles.

use super::ChronicleEvent;
use super::event::About;
use crate::{App, Error};
use overround_live::{Chronicle, Told};
use overround_store::events::log::{self, Beginning, Logged};
use overround_store::{Isolation, Tx};

/// The consumer's name.
const CONSUMER: &str = "teller";
/// How many events are read at once.
const BATCH: i64 = 1_000;

impl App {
    /// Tells what happened to accounts and sporting events since the last time, until the log is read to its end. At one
    /// process at a time; another one has nothing to do meanwhile. What was told and not noted is told again, and left out
    /// by Redis.
    ///
    /// # Errors
    /// When a datastore is away. Nothing is passed over by that.
    pub async fn tell_chronicles(&self) -> Result<(), Error> {
        loop {
            let app = self.clone();
            let more = self
                .store()
                .run("tell_chronicles", Isolation::ReadCommitted, move |tx| {
                    let app = app.clone();
                    Box::pin(async move { app.tell_chronicles_in(tx).await })
                })
                .await??;
            if !more {
                return Ok(());
            }
        }
    }

    /// Whether there may be more. The place is noted after what came before it was told.
    async fn tell_chronicles_in(&self, tx: &mut Tx) -> Result<Result<bool, Error>, overround_store::Error> {
        let now = self.clock().now();
        let Some(place) = log::lock(tx, CONSUMER, Beginning::Now, now).await? else { return Ok(Ok(false)) };
        let part = log::after(tx, &place, &ChronicleEvent::TYPES, BATCH).await?;
        let Some(end) = part.end else { return Ok(Ok(false)) };
        let mut told = Vec::with_capacity(part.events.len());
        for event in part.events {
            match self.told(event).await {
                Ok(event) => told.extend(event),
                Err(error) => return Ok(Err(error)),
            }
        }
        if !told.is_empty() {
            let source = log::name(tx).await?;
            if let Err(error) = self.live().tell(&source, &told).await {
                return Ok(Err(error.into()));
            }
        }
        log::advance(tx, CONSUMER, &place, &end, now).await?;
        Ok(Ok(part.more))
    }

    /// What is told of an event; nothing where that cannot be learnt from it, which holds no other up.
    async fn told(&self, logged: Logged) -> Result<Option<Told>, Error> {
        let (kind, id, place) = (logged.event_type, logged.aggregate_id, logged.place.clone());
        let read = ChronicleEvent::of(logged).and_then(|event| {
            let text = serde_json::to_string(&event)?;
            Ok((event.about(), text))
        });
        let (about, text) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, %kind, %id, "an event of the log cannot be read, and is not told");
                return Ok(None);
            }
        };
        let chronicle = match about {
            About::Event(event) => Chronicle::Event(event),
            About::Wallet(wallet) => match self.wallet(wallet).await {
                Ok(wallet) => Chronicle::Account(wallet.main_id),
                Err(Error::NotFound { .. }) => {
                    tracing::error!(%wallet, "an event is of a wallet that is not there, and is not told");
                    return Ok(None);
                }
                Err(error) => return Err(error),
            },
        };
        Ok(Some(Told { chronicle, xid8: place.xid8, identity: place.identity, text }))
    }
}
