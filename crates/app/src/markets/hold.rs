//! Holds of many markets at once: by event, by sport, or all.
//!
//! A hold counts from its commit on, for whoever decides about a market after that; the markets that stand
//! otherwise then follow in batches, each with a version of its own. The call answers when all have. Where it does
//! not get so far, [`App::follow_holds`] does, at whichever process comes to it first.

use super::act::said;
use super::commit::load;
use super::decide::decide_again;
use super::domain_events::hold_changed;
use super::version::{Said, Version};
use super::{GroupAction, HoldView};
use crate::authored::{check_author, check_reason};
use crate::wallet::key_mismatch;
use crate::{Answer, App, Error, Keyed, Listed, Page};
use overround_domain::ids::{HoldId, MarketId};
use overround_domain::markets::{Group, HoldKind, MarketStatus, Scope, Snapshot, SourceStatus};
use overround_store::market::{self, HoldChange, HoldRow, MarketRow};
use overround_store::wallet::actor_idempotency::{self, Claimed};
use overround_store::{Isolation, Tx, events};
use std::sync::Arc;

/// How many markets follow in one transaction, which holds their fences in every cell.
const BATCH: i64 = 50;

/// What a transaction came to.
enum Ran {
    Now(GroupAction),
    Before(GroupAction),
    Mismatch,
}

/// A batch of markets that have followed.
struct Followed {
    shown: Vec<Snapshot>,
    /// The last one that was looked at; none when there are no more.
    last: Option<MarketId>,
}

impl App {
    /// Takes all markets of a group off sale, also those that come later, until it is resumed. When it answers,
    /// no bet is accepted on any of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such event. After [`Error::Unavailable`] the same request may be sent
    /// again, and completes what was begun.
    pub async fn suspend_group(
        &self,
        group: Group,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<GroupAction>, Error> {
        self.change_group(group, Some(HoldKind::Suspended), actor, keyed, reason).await
    }

    /// Ends the suspension of a group. Its markets are again what their producers, their prices and all other
    /// holds, narrower and wider, make them.
    ///
    /// # Errors
    /// As [`suspend_group`](Self::suspend_group).
    pub async fn resume_group(
        &self,
        group: Group,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<GroupAction>, Error> {
        self.change_group(group, None, actor, keyed, reason).await
    }

    /// Has all markets follow the holds that cover them, where a call or a process ended before they had.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn follow_holds(&self) -> Result<(), Error> {
        for group in market::holds::pending(self.store().read()).await? {
            self.follow(&group, None).await?;
        }
        Ok(())
    }

    /// What is held, newest first, but for markets that are over.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn holds(&self, page: Page) -> Result<Listed<HoldView>, Error> {
        let rows = market::holds::list(self.store().read(), page.after, i64::from(page.limit) + 1).await?;
        let held = rows.into_iter().filter_map(hold_view).collect();
        Ok(Listed::from_rows(held, page.limit, |hold: &HoldView| (hold.changed_at, hold.id.uuid())))
    }

    async fn change_group(
        &self,
        group: Group,
        kind: Option<HoldKind>,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<GroupAction>, Error> {
        check_reason(&reason)?;
        check_author(actor, &keyed)?;
        if let Group::Event(event) = group {
            let found = market::events::find(self.store().read(), event).await?;
            found.ok_or_else(|| Error::not_found("event", event))?;
        }
        let scope = Scope::Group(group.clone());
        let change = Arc::new((group.clone(), HoldChange { scope, kind, actor: actor.to_owned(), reason }));
        let trace_id = keyed.trace_id.clone();
        let (app, keyed) = (self.clone(), Arc::new(keyed));
        let ran = self
            .store()
            .run("hold_group", Isolation::ReadCommitted, move |tx| {
                let (app, change, keyed) = (app.clone(), Arc::clone(&change), Arc::clone(&keyed));
                Box::pin(async move { app.change_group_in(tx, &change.0, &change.1, &keyed).await })
            })
            .await?;
        let answer = match ran {
            Ran::Mismatch => return Err(Error::refused(key_mismatch(), trace_id)),
            Ran::Now(action) => Answer::first(action),
            Ran::Before(action) => Answer::replay(action),
        };
        // In a task of its own: who goes away leaves no market behind.
        let app = self.clone();
        let following = tokio::spawn(async move { app.follow(&group, Some(trace_id)).await });
        following.await.map_err(Error::internal)??;
        Ok(answer)
    }

    async fn change_group_in(
        &self,
        tx: &mut Tx,
        group: &Group,
        change: &HoldChange,
        keyed: &Keyed,
    ) -> Result<Ran, overround_store::Error> {
        let now = self.clock().now();
        let unreadable = |error: serde_json::Error| {
            overround_store::Error::inconsistent("wallet.actor_idempotency", "answer", &keyed.key, error)
        };
        match actor_idempotency::claim(tx, &change.actor, &keyed.key, &keyed.request_hash, now).await? {
            Claimed::Mismatch => return Ok(Ran::Mismatch),
            Claimed::Done(kept) => return serde_json::from_value(kept).map(Ran::Before).map_err(unreadable),
            Claimed::New => {}
        }
        market::holds::while_no_market_appears(tx).await?;
        let id = HoldId::from_uuid(self.clock().id());
        let hold = market::holds::set(tx, id, change, now).await?;
        events::append(tx, &[hold_changed(self.clock(), &hold, Some(keyed.trace_id.clone()))]).await?;
        let action = GroupAction {
            group: group.clone(),
            held: hold.kind.is_some(),
            version: hold.version,
            changed_at: hold.changed_at,
        };
        let stored = serde_json::to_value(&action).map_err(unreadable)?;
        actor_idempotency::keep(tx, &change.actor, &keyed.key, &stored).await?;
        Ok(Ran::Now(action))
    }

    /// Has a group's markets follow its hold, batch by batch. To do it twice, or beside another process, is
    /// harmless: what has followed stays as it is.
    pub(super) async fn follow(&self, group: &Group, trace_id: Option<String>) -> Result<(), Error> {
        let hold = market::holds::of_group(self.store().read(), group).await?;
        let Some(hold) = hold.filter(|hold| hold.pending) else { return Ok(()) };
        let (id, version) = (hold.id, hold.version);
        let act = if hold.kind.is_some() { "suspend_group" } else { "resume_group" };
        let fields = said(act, &hold.actor, Some(&hold.reason));
        let work = Arc::new((group.clone(), hold, Said { fields, trace_id }));
        let mut after = None;
        loop {
            let (app, work) = (self.clone(), Arc::clone(&work));
            let followed = self
                .store()
                .run("follow_hold", Isolation::ReadCommitted, move |tx| {
                    let (app, work) = (app.clone(), Arc::clone(&work));
                    Box::pin(async move { app.follow_in(tx, &work.0, &work.1, &work.2, after).await })
                })
                .await?;
            futures::future::join_all(followed.shown.iter().map(|snapshot| self.show_change(snapshot))).await;
            if followed.last.is_none() {
                break;
            }
            after = followed.last;
        }
        self.store()
            .run("hold_followed", Isolation::ReadCommitted, move |tx| {
                Box::pin(market::holds::followed(tx, id, version))
            })
            .await?;
        Ok(())
    }

    async fn follow_in(
        &self,
        tx: &mut Tx,
        group: &Group,
        hold: &HoldRow,
        said: &Said,
        after: Option<MarketId>,
    ) -> Result<Followed, overround_store::Error> {
        // All are locked, whatever their status: a message that opens one of them may be on its way.
        let rows = market::markets::lock_group(tx, group, after, BATCH).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|found| found >= BATCH);
        let last = rows.last().filter(|_| is_full).map(|row| row.id);
        let affected = rows.into_iter().filter(|row| may_follow(row, hold.kind)).collect();
        let now = self.clock().now();
        let mut versions = Vec::new();
        for known in load(tx, affected).await? {
            let (row, offers) = decide_again(&known, known.row.clone(), &known.holds, self.settings().margin);
            if row.status != known.row.status {
                versions.push(Version::after(&known, row, offers, now)?);
            }
        }
        if !versions.is_empty() {
            self.write_versions(tx, &versions, said).await?;
        }
        Ok(Followed { shown: versions.into_iter().map(|one| one.snapshot).collect(), last })
    }
}

/// A hold in force; none where it is let go.
fn hold_view(row: HoldRow) -> Option<HoldView> {
    let HoldRow { id, scope, kind, actor, reason, changed_at, .. } = row;
    Some(HoldView { id, scope, kind: kind?, actor, reason, changed_at })
}

/// Whether a market's status may change by a hold of its group that is set, or let go.
fn may_follow(row: &MarketRow, kind: Option<HoldKind>) -> bool {
    match kind {
        Some(_) => row.status == MarketStatus::Open,
        None => row.status == MarketStatus::Suspended && row.source_status == SourceStatus::Open,
    }
}
