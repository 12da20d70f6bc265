//! The topics that this process follows, each with its readers.

use super::reader::Mailbox;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many topics of a kind a process follows.
pub(super) const TOPICS_MAX: usize = 20_000;

/// What is followed: a market, or a chronicle.
pub(super) trait Topical {
    /// What it is known by.
    type Key: Copy + Ord + Hash;

    fn new(key: Self::Key) -> Self;

    fn join(&self, reader: u64, mailbox: &Arc<Mailbox>);

    fn leave(&self, reader: u64);

    /// Whether nobody reads it any more.
    fn is_idle(&self, now: Instant) -> bool;
}

/// The topics of one kind.
pub(super) struct Topics<T: Topical> {
    topics: Mutex<HashMap<T::Key, Arc<T>>>,
    /// A topic came or went, or its readers need something.
    pub(super) changed: Notify,
}

impl<T: Topical> Default for Topics<T> {
    fn default() -> Self {
        Self { topics: Mutex::default(), changed: Notify::new() }
    }
}

/// A reader's place among a topic's readers; dropped, it is none of them any more.
pub(super) struct Joined<T: Topical> {
    pub(super) topic: Arc<T>,
    pub(super) topics: Arc<Topics<T>>,
    reader: u64,
}

impl<T: Topical> Drop for Joined<T> {
    fn drop(&mut self) {
        self.topic.leave(self.reader);
        if self.topic.is_idle(Instant::now()) {
            self.topics.changed.notify_one();
        }
    }
}

impl<T: Topical> Topics<T> {
    /// Makes somebody a reader of a topic, which is made if there is none; none when there are `most` already. All under the
    /// lock, so that the topic is not dropped as idle before it has its reader.
    pub(super) fn join(
        self: &Arc<Self>,
        key: T::Key,
        most: usize,
        reader: u64,
        mailbox: &Arc<Mailbox>,
    ) -> Option<Joined<T>> {
        let mut topics = self.lock();
        let topic = self.among(&mut topics, key, most)?;
        topic.join(reader, mailbox);
        Some(Joined { topic, topics: Arc::clone(self), reader })
    }

    /// A topic, which is made if there is none; none when there are `most` already.
    pub(super) fn touch(&self, key: T::Key, most: usize) -> Option<Arc<T>> {
        self.among(&mut self.lock(), key, most)
    }

    fn among(&self, topics: &mut HashMap<T::Key, Arc<T>>, key: T::Key, most: usize) -> Option<Arc<T>> {
        let is_full = topics.len() >= most;
        match topics.entry(key) {
            Entry::Occupied(topic) => Some(Arc::clone(topic.get())),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(place) => {
                self.changed.notify_one();
                Some(Arc::clone(place.insert(Arc::new(T::new(key)))))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<T::Key, Arc<T>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn find(&self, key: T::Key) -> Option<Arc<T>> {
        self.lock().get(&key).cloned()
    }

    /// Drops the topics that nobody reads any more, and compares the others with those that are followed: the topics that are
    /// new, and the keys of those that are gone. At one instant: a topic that is made anew after it was dropped is another
    /// one, which knows nothing, and is new when these are compared again.
    pub(super) fn adjust(&self, following: &BTreeSet<T::Key>) -> (Vec<Arc<T>>, Vec<T::Key>) {
        let now = Instant::now();
        let mut topics = self.lock();
        topics.retain(|_, topic| !topic.is_idle(now));
        let new = topics.iter().filter(|(key, _)| !following.contains(*key));
        let new = new.map(|(_, topic)| Arc::clone(topic)).collect();
        let gone = following.iter().filter(|key| !topics.contains_key(*key)).copied().collect();
        (new, gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    const KEYS: u32 = 200;

    #[derive(Default)]
    struct Counted(u32, AtomicUsize);

    impl Topical for Counted {
        type Key = u32;

        fn new(key: u32) -> Self {
            Self(key, AtomicUsize::new(0))
        }

        fn join(&self, _: u64, _: &Arc<Mailbox>) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }

        fn leave(&self, _: u64) {
            self.1.fetch_sub(1, Ordering::SeqCst);
        }

        fn is_idle(&self, _: Instant) -> bool {
            self.1.load(Ordering::SeqCst) == 0
        }
    }

    /// One that is taken for another would wait for ever for what the other was told.
    #[test]
    fn who_follows_keys_knows_each_topic_however_readers_come_and_go() {
        let (topics, ends) = (Arc::<Topics<Counted>>::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mailbox = Arc::<Mailbox>::default();
                for _ in 0..2_000 {
                    drop((0..KEYS).map(|key| topics.join(key, TOPICS_MAX, 1, &mailbox)).collect::<Vec<_>>());
                }
                ends.store(true, Ordering::SeqCst);
            });
            let mut known = BTreeMap::<u32, Arc<Counted>>::new();
            while !ends.load(Ordering::SeqCst) {
                let (new, gone) = topics.adjust(&known.keys().copied().collect());
                gone.iter().for_each(|key| drop(known.remove(key)));
                known.extend(new.into_iter().map(|topic| (topic.0, topic)));
                let is_another = |topic: &Arc<Counted>| {
                    known.get(&topic.0).is_some_and(|known| !Arc::ptr_eq(known, topic))
                };
                let other = topics.all().into_iter().find(is_another);
                assert!(
                    other.is_none(),
                    "{:?} is another than the one that is followed",
                    other.map(|topic| topic.0)
                );
            }
        });
    }
}
