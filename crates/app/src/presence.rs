//! Presence: which users are at which places, by all processes' word.
//!
//! Each process knows its own connections, and says in Redis who of its users is where: at once when one comes or goes, and
//! again in a third of the time for which a word holds, places by the hundred in a round trip. So a process that dies takes its
//! users with it, and a Redis that lost everything has it again at the next beat. How many there are is asked once a
//! second, of the places that somebody here watches, and told to them if it changed: never one word a user.

use crate::stream::{Mailbox, News};
use crate::task::Task;
use crate::{App, Error};
use overround_domain::ids::UserId;
use overround_live::{Attendance, Error as LiveError, Live, Place};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// How often places are asked how many are there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who comes and goes within so long is said at once.
const GATHER: Duration = Duration::from_millis(50);
/// How often a word is said again within the time for which it holds.
const BEATS_A_STAY: u32 = 3;
/// How many users are named to Redis in one call, which keeps it from all else.
const USERS_AT_ONCE: usize = 500;
/// How many calls are made in one round trip.
const CALLS_AT_ONCE: usize = 100;
/// How many places a process keeps at most.
const PLACES_MAX: usize = 20_000;

/// Presence, as this process keeps it.
pub(crate) struct Presence {
    shared: Arc<Shared>,
    task: Task,
}

pub(crate) struct Shared {
    live: Live,
    /// This process, by a name that no other has.
    process: String,
    stay: Duration,
    places: Mutex<HashMap<Place, Here>>,
    /// Somebody came, left or began to watch.
    changed: Notify,
    away: AtomicBool,
}

/// What a process knows of a place.
#[derive(Default)]
struct Here {
    /// Its users who are there, and by how many connections.
    users: HashMap<UserId, usize>,
    /// Those of whom Redis was not told yet that they came, or left.
    untold: BTreeSet<UserId>,
    watchers: BTreeMap<u64, Arc<Mailbox>>,
    /// How many are there by all processes' word; none until it was asked.
    count: Option<u64>,
}

impl Here {
    fn is_idle(&self) -> bool {
        self.users.is_empty() && self.untold.is_empty() && self.watchers.is_empty()
    }
}

/// A reader's place among those who watch a place, and among those who are there if it is; dropped, it is none of them.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    place: Place,
    reader: u64,
    user: Option<UserId>,
}

impl Watch {
    /// How many users are there, as far as it is known.
    pub(crate) fn count(&self) -> Option<u64> {
        self.shared.places().get(&self.place).and_then(|here| here.count)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut places = self.shared.places();
        let Some(here) = places.get_mut(&self.place) else { return };
        here.watchers.remove(&self.reader);
        if let Some(user) = self.user
            && let Some(connections) = here.users.get_mut(&user)
        {
            *connections -= 1;
            if *connections == 0 {
                here.users.remove(&user);
                here.untold.insert(user);
                self.shared.changed.notify_one();
            }
        }
        if here.is_idle() {
            places.remove(&self.place);
        }
    }
}

impl Shared {
    fn places(&self) -> MutexGuard<'_, HashMap<Place, Here>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a reader one of those who watch a place, as a user who is there or as nobody; none when there are too many.
    pub(crate) fn watch(
        self: &Arc<Self>,
        place: Place,
        reader: u64,
        mailbox: &Arc<Mailbox>,
        user: Option<UserId>,
    ) -> Option<Watch> {
        let mut places = self.places();
        if places.len() >= PLACES_MAX && !places.contains_key(&place) {
            return None;
        }
        let here = places.entry(place).or_default();
        here.watchers.insert(reader, Arc::clone(mailbox));
        if let Some(user) = user {
            let connections = here.users.entry(user).or_insert(0);
            *connections += 1;
            if *connections == 1 {
                here.untold.insert(user);
            }
        }
        self.changed.notify_one();
        Some(Watch { shared: Arc::clone(self), place, reader, user })
    }

    /// Who came and left since Redis was told; or all who are there, too.
    fn untold(&self, all: bool) -> Vec<Attendance> {
        let mut attendances = Vec::new();
        let mut places = self.places();
        for (place, here) in places.iter_mut() {
            let untold = std::mem::take(&mut here.untold);
            let (mut there, left): (Vec<UserId>, Vec<UserId>) =
                untold.into_iter().partition(|user| here.users.contains_key(user));
            if all {
                there = here.users.keys().copied().collect();
            }
            let parts = there.chunks(USERS_AT_ONCE).map(|there| (there, &[][..]));
            let parts = parts.chain(left.chunks(USERS_AT_ONCE).map(|left| (&[][..], left)));
            attendances.extend(parts.map(|(there, left)| Attendance {
                place: *place,
                there: there.to_vec(),
                left: left.to_vec(),
            }));
        }
        places.retain(|_, here| !here.is_idle());
        attendances
    }

    /// Tells Redis who came and left, or all who are there. What fails is told with the next beat, which is now due; and who
    /// left is gone when the last word of them ends. Whether it succeeded.
    async fn tell(&self, all: bool) -> bool {
        for attendances in self.untold(all).chunks(CALLS_AT_ONCE) {
            if !self.heard(self.live.attend(&self.process, self.stay, attendances).await.map(drop)) {
                return false;
            }
        }
        true
    }

    /// Asks how many are at the places that are watched, or at those alone of which it is not known.
    async fn look(&self, all: bool) {
        let is_wanted = |here: &Here| !here.watchers.is_empty() && (all || here.count.is_none());
        let wanted: Vec<Attendance> = {
            let places = self.places();
            let wanted = places.iter().filter(|(_, here)| is_wanted(here));
            wanted.map(|(place, _)| Attendance::of(*place)).collect()
        };
        for questions in wanted.chunks(CALLS_AT_ONCE) {
            let counts = match self.live.attend(&self.process, self.stay, questions).await {
                Ok(counts) => counts,
                Err(error) => {
                    self.heard(Err(error));
                    return;
                }
            };
            let mut places = self.places();
            for (question, count) in questions.iter().zip(counts) {
                let Some(here) = places.get_mut(&question.place) else { continue };
                if here.count.replace(count) != Some(count) {
                    here.watchers.values().for_each(|mailbox| mailbox.put(News::Place(question.place)));
                }
            }
        }
    }

    /// Notes whether Redis answered. A failure is told once, until it answers again.
    fn heard(&self, answered: Result<(), LiveError>) -> bool {
        let away = answered.is_err();
        let was_away = self.away.swap(away, Ordering::Relaxed);
        if let Err(error) = answered
            && !was_away
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "nobody knows who is present until Redis answers"
            );
        }
        !away
    }
}

impl Presence {
    /// Starts the task that tells and asks. A user whose process died is gone after `stay`. Called inside a tokio runtime.
    pub(crate) fn start(live: &Live, stay: Duration) -> Self {
        let shared = Arc::new(Shared {
            live: live.clone(),
            process: format!("{:016x}", rand::random::<u64>()),
            stay,
            places: Mutex::default(),
            changed: Notify::new(),
            away: AtomicBool::new(false),
        });
        let task = Task::start(|stop| keep(Arc::clone(&shared), stop));
        Self { shared, task }
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Tells who left, and ends the task.
    pub(crate) async fn stop(&self) {
        self.task.stop().await;
    }
}

/// Tells and asks until the stop.
async fn keep(shared: Arc<Shared>, stop: CancellationToken) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let beat_every = shared.stay / BEATS_A_STAY;
    let mut next_beat = Instant::now() + beat_every;
    loop {
        let (look_at_all, told) = tokio::select! {
            () = stop.cancelled() => break,
            _ = looks.tick() => (true, true),
            () = shared.changed.notified() => {
                sleep(GATHER).await;
                (false, shared.tell(false).await)
            }
            () = tokio::time::sleep_until(next_beat) => {
                let told = shared.tell(true).await;
                next_beat = Instant::now() + if told { beat_every } else { LOOK_EVERY.min(beat_every) };
                (false, told)
            }
        };
        if !told {
            next_beat = next_beat.min(Instant::now() + LOOK_EVERY.min(beat_every));
            continue;
        }
        shared.look(look_at_all).await;
    }
    // The connections are closed by now, or are not heard of any more.
    shared.tell(false).await;
}

/// How many are at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceView {
    /// How many users; one with several devices counts once.
    pub count: u64,
    /// Whether the one who asks is among them.
    pub is_there: bool,
}

impl App {
    /// How many users are at a place, and whether this one is, by all processes' word.
    ///
    /// # Errors
    /// When a datastore is away, and [`Error::NotFound`] when there is no such place.
    pub async fn presence(&self, place: Place, user: UserId) -> Result<PlaceView, Error> {
        match place {
            Place::Event(id) => drop(self.event(id).await?),
            Place::Room(id) => return Err(Error::not_found("room", id)),
        }
        let shared = self.presence_state().shared();
        let counts = shared.live.attend(&shared.process, shared.stay, &[Attendance::of(place)]).await?;
        let is_there = shared.live.is_at(place, user).await?;
        Ok(PlaceView { count: counts.first().copied().unwrap_or(0), is_there })
    }
}
