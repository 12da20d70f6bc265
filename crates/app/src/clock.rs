//! The clock and the ids made from it.

use overround_domain::time::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::{ContextV7, Uuid};

/// Where the time comes from: the system, or a recording that is played.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    // One context for all clones, so that ids made in one millisecond still ascend.
    context: Arc<Mutex<ContextV7>>,
}

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
    // The system's, and by how many milliseconds it was set since.
    Stepping(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self { source: Source::System, context: Arc::new(Mutex::new(ContextV7::new())) }
    }

    /// A clock that stands at `at` until it is [`set`](Self::set).
    pub fn manual(at: Timestamp) -> Self {
        Self {
            source: Source::Manual(Arc::new(AtomicI64::new(at.millis()))),
            context: Arc::new(Mutex::new(ContextV7::new())),
        }
    }

    /// The system's clock for a test that sets it meanwhile, by [`step`](Self::step).
    pub fn stepping() -> Self {
        Self { source: Source::Stepping(Arc::default()), context: Arc::new(Mutex::new(ContextV7::new())) }
    }

    /// Sets a stepping clock by so many milliseconds, backward where they are below zero, as an operator or a
    /// time service may set the system's. Other clocks are left alone.
    pub fn step(&self, ms: i64) {
        if let Source::Stepping(stepped_ms) = &self.source {
            stepped_ms.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        match &self.source {
            Source::System => chrono::Utc::now().into(),
            Source::Manual(ms) => Timestamp::from_millis(ms.load(Ordering::SeqCst)),
            Source::Stepping(ms) => {
                Timestamp::from(chrono::Utc::now()).plus_millis(ms.load(Ordering::SeqCst))
            }
        }
    }

    /// Moves a manual clock forward to `at`; it never goes back. The system's clock is left alone.
    pub fn set(&self, at: Timestamp) {
        if let Source::Manual(ms) = &self.source {
            ms.fetch_max(at.millis(), Ordering::SeqCst);
        }
    }

    /// Whether this is a manual clock.
    pub const fn is_manual(&self) -> bool {
        matches!(self.source, Source::Manual(_))
    }

    /// The clock as the cache needs it: Redis tells its own time, unless a recording's is played.
    pub fn for_cache(&self) -> overround_live::Now {
        match &self.source {
            Source::System | Source::Stepping(_) => overround_live::Now::Server,
            Source::Manual(_) => overround_live::Now::At(self.now()),
        }
    }

    /// A new id (UUIDv7) of the present instant. Ids of one clock ascend. A row's `created_at` is
    /// taken from its id, which can be a little ahead of `now` where many ids are made at once.
    pub fn id(&self) -> Uuid {
        let ms = u64::try_from(self.now().millis()).unwrap_or(0);
        let nanos = u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, ms / 1000, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overround_domain::ids::BetId;

    #[test]
    fn ids_ascend_and_carry_their_instant() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        let clock = Clock::manual(at);
        let ids: Vec<Uuid> = (0..1000).map(|_| clock.id()).collect();
        assert!(ids.is_sorted(), "ids of one millisecond ascend");
        assert!(ids.iter().all(|id| BetId::from_uuid(*id).created_at() == Some(at)));
    }

    #[test]
    fn a_stepping_clock_goes_back() {
        let (clock, hour_ms) = (Clock::stepping(), 3_600_000);
        let (before, id) = (clock.now(), clock.id());
        clock.step(-hour_ms);
        assert!(clock.now() < before.plus_millis(-hour_ms / 2));
        assert!(clock.id() != id && !clock.is_manual());
    }

    #[test]
    fn a_manual_clock_never_goes_back() {
        let clock = Clock::manual(Timestamp::from_millis(10));
        clock.set(Timestamp::from_millis(5));
        assert_eq!(clock.now(), Timestamp::from_millis(10));
    }
}
