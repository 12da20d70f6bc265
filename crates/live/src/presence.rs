//! Who is where: users at places, whatever process they are connected to.

use crate::{Error, Live};
use overround_domain::ids::{EventId, RoomId, UserId};
use redis::{Cmd, ScriptInvocation};
use std::fmt;
use std::time::Duration;

/// Where somebody can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At a sporting event.
    Event(EventId),
    /// In a chat room.
    Room(RoomId),
}

/// The place's id.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(id) => id.fmt(f),
            Self::Room(id) => id.fmt(f),
        }
    }
}

impl Place {
    /// The keys of the place, all in one slot: the beats, the users, and at how many processes each user is.
    fn keys(self) -> [String; 3] {
        ["beats", "users", "held"].map(|name| format!("presence:{{{self}}}:{name}"))
    }
}

/// What a process says about one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    /// The place.
    pub place: Place,
    /// Who is there, newly or still.
    pub there: Vec<UserId>,
    /// Who has left.
    pub left: Vec<UserId>,
}

impl Attendance {
    /// A question only: how many are there.
    pub const fn of(place: Place) -> Self {
        Self { place, there: Vec::new(), left: Vec::new() }
    }
}

impl Live {
    /// Says who of a process's users is at places, in one round trip; how many users each place has then, in their order.
    /// Who is not said again within `stay` is gone, on the Redis server's clock.
    ///
    /// # Errors
    /// When Redis is away or refuses; the same again is harmless.
    pub async fn attend(
        &self,
        process: &str,
        stay: Duration,
        attendances: &[Attendance],
    ) -> Result<Vec<u64>, Error> {
        let stay_ms = u64::try_from(stay.as_millis()).unwrap_or(u64::MAX).max(1);
        let calls = attendances.iter().map(|Attendance { place, there, left }| {
            let [beats, users, held] = place.keys();
            let mut call = self.scripts.attend.key(beats);
            call.key(users).key(held).arg(process).arg(stay_ms).arg(there.len());
            for user in there.iter().chain(left) {
                call.arg(user.to_string());
            }
            call
        });
        let calls: Vec<ScriptInvocation<'_>> = calls.collect();
        self.connection.call_all(&self.scripts.attend, &calls).await
    }

    /// Whether a user is at a place, by any process.
    ///
    /// # Errors
    /// When Redis is away or refuses.
    pub async fn is_at(&self, place: Place, user: UserId) -> Result<bool, Error> {
        let mut exists = Cmd::new();
        let [_, _, held] = place.keys();
        exists.arg("HEXISTS").arg(held).arg(user.to_string());
        self.connection.ask(&exists).await
    }

    /// A part of the users at a place, in the order of their ids as texts: at most `limit` of those after one. Those whose
    /// process died are among them until the place is asked how many there are.
    ///
    /// # Errors
    /// When Redis is away or refuses, and [`Error::Unreadable`] for a name that is no user's.
    pub async fn users_at(
        &self,
        place: Place,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UserId>, Error> {
        let [_, key, _] = place.keys();
        let from = after.map_or_else(|| "-".to_owned(), |user| format!("({user}"));
        let mut range = Cmd::new();
        range.arg("ZRANGEBYLEX").arg(&key).arg(from).arg("+").arg("LIMIT").arg(0).arg(limit);
        let names: Vec<String> = self.connection.ask(&range).await?;
        let user = |name: String| {
            let detail = format!("{name:?} is no user");
            name.parse().map_err(|_| Error::Unreadable { key: key.clone(), field: "user", detail })
        };
        names.into_iter().map(user).collect()
    }
}
