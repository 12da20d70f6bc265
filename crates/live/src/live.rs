//! The handle on Redis.

use crate::connection::Connection;
use crate::{Error, Followed, Subscriber};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use redis::Script;
use std::fmt;
use std::sync::Arc;

/// Of how many markets the snapshots that were read are remembered.
const REMEMBERED_MAX: usize = 20_000;

/// Redis. Cheap to clone; connects at first use and again after a failure.
#[derive(Clone)]
pub struct Live {
    pub(crate) connection: Connection,
    pub(crate) scripts: Arc<Scripts>,
    /// The highest version of each market that this process read or wrote. A version is one snapshot for ever, so that
    /// only its age needs to be asked for again; and one that is lower comes from a server that lost something.
    pub(crate) highest: Arc<Cache<MarketId, Arc<Snapshot>>>,
}

/// A script that begins with a chronicle's clock.
macro_rules! about_chronicle {
    ($file:literal) => {
        Script::new(concat!(include_str!("scripts/chronicle_clock.lua"), include_str!($file)))
    };
}

pub(crate) struct Scripts {
    pub(crate) write: Script,
    pub(crate) renew: Script,
    pub(crate) read: Script,
    pub(crate) history: Script,
    pub(crate) give_back: Script,
    pub(crate) charge: Script,
    pub(crate) attend: Script,
    pub(crate) set_exposure: Script,
    pub(crate) tell_chronicle: Script,
    pub(crate) read_chronicle: Script,
    /// The reference of a benchmark.
    pub(crate) write_blindly: Script,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// Redis at `url` (`redis://login:password@host:port/database`), or a cluster of which it names nodes to begin with
    /// (`redis+cluster://login:password@host:port,host:port`). Nothing is connected yet: a server that is away shows at
    /// the first command.
    ///
    /// # Errors
    /// [`Error::Url`] when the URL is none.
    pub fn connect(url: &str) -> Result<Self, Error> {
        let connection = Connection::to(url).map_err(Error::Url)?;
        let scripts = Scripts {
            write: Script::new(include_str!("scripts/write_snapshot.lua")),
            renew: Script::new(include_str!("scripts/renew_snapshot.lua")),
            read: Script::new(include_str!("scripts/read_snapshot.lua")),
            history: Script::new(include_str!("scripts/read_history.lua")),
            give_back: Script::new(include_str!("scripts/give_back_lease.lua")),
            charge: Script::new(include_str!("scripts/charge_limit.lua")),
            attend: Script::new(include_str!("scripts/attend_place.lua")),
            set_exposure: Script::new(include_str!("scripts/set_exposure.lua")),
            tell_chronicle: about_chronicle!("scripts/tell_chronicle.lua"),
            read_chronicle: about_chronicle!("scripts/read_chronicle.lua"),
            write_blindly: Script::new(include_str!("scripts/bench_write.lua")),
        };
        let highest = Arc::new(Cache::new(REMEMBERED_MAX));
        Ok(Self { connection, scripts: Arc::new(scripts), highest })
    }

    /// Connections of its own that hear what is published of markets, or told in chronicles. Nothing is connected yet.
    pub fn subscriber<T: Followed>(&self) -> Subscriber<T> {
        Subscriber::new(self.connection.clone())
    }

    /// Whether the server answers; of a cluster, whether one of its nodes does.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        self.connection.ping().await
    }

    /// The highest version of a market that this process read, wrote or was told of.
    pub fn known(&self, market: MarketId) -> Option<Arc<Snapshot>> {
        self.highest.get(&market)
    }

    /// Notes a version that this process read, wrote or was told of: no lower one is sold here any more.
    pub fn saw(&self, snapshot: &Arc<Snapshot>) {
        let known = self.highest.entry(&snapshot.market_id, None, |_, known| {
            if known.version < snapshot.version {
                *known = Arc::clone(snapshot);
            }
            EntryAction::Retain(())
        });
        if let EntryResult::Vacant(guard) = known {
            drop(guard.insert(Arc::clone(snapshot)));
        }
    }
}
