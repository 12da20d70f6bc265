//! Rate limits over HTTP: which a request is under, by its route's class and by who sends it, and what it is told of them.

mod address;
mod fields;

pub use address::{Forwarding, NoProxies, Proxies, TrustedProxies, UnknownForwarding};
pub use fields::{RateLimitFields, name, seconds};

use crate::ApiSettings;
use crate::auth::Caller;
use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use overround_app::{LimitKey, Policy, Subject};
use overround_domain::rate::Rate;
use std::net::{IpAddr, SocketAddr};

/// What kind of work a route is: requests of one class are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reading.
    Reads,
    /// Placing bets.
    Bets,
    /// Changing anything else: money, markets, accounts.
    Writes,
    /// Opening streams.
    Streams,
}

impl Class {
    /// The class as keys and policies name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Bets => "bets",
            Self::Writes => "writes",
            Self::Streams => "streams",
        }
    }
}

/// The rates of one class; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassRates {
    /// Of each user.
    pub user: Option<Rate>,
    /// Of each machine client, instead of a user's.
    pub client: Option<Rate>,
    /// Of each address, beside the caller's own.
    pub address: Option<Rate>,
}

/// The rates of all classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Of [`Class::Reads`].
    pub reads: ClassRates,
    /// Of [`Class::Bets`].
    pub bets: ClassRates,
    /// Of [`Class::Writes`].
    pub writes: ClassRates,
    /// Of [`Class::Streams`].
    pub streams: ClassRates,
}

impl Rates {
    /// No limits.
    pub const NONE: Self = {
        let none = ClassRates { user: None, client: None, address: None };
        Self { reads: none, bets: none, writes: none, streams: none }
    };

    const fn of(&self, class: Class) -> &ClassRates {
        match class {
            Class::Reads => &self.reads,
            Class::Bets => &self.bets,
            Class::Writes => &self.writes,
            Class::Streams => &self.streams,
        }
    }
}

/// The limits that a request is under.
pub struct Limited {
    class: Class,
    rates: ClassRates,
    address: Option<IpAddr>,
}

impl Limited {
    /// The limits of a request for a route of that class.
    pub fn new(class: Class, settings: &ApiSettings, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let address = peer.map(|peer| address::counted(settings.forwarding().client(peer, headers)));
        Self { class, rates: *settings.rates.of(class), address }
    }

    /// That of the address.
    pub fn of_address(&self) -> Option<Policy> {
        let subject = Subject::Address(self.address?);
        self.rates.address.map(|rate| self.policy(subject, rate))
    }

    /// Those of the address and of the caller.
    pub fn of(&self, caller: Option<&Caller>) -> Vec<Policy> {
        let own = caller.and_then(|caller| {
            let user = caller.user_id();
            let (subject, rate) = match caller.is_machine() {
                true => (Subject::Client(user), self.rates.client),
                false => (Subject::User(user), self.rates.user),
            };
            rate.map(|rate| self.policy(subject, rate))
        });
        self.of_address().into_iter().chain(own).collect()
    }

    const fn policy(&self, subject: Subject, rate: Rate) -> Policy {
        Policy { key: LimitKey { subject, class: self.class.as_str() }, rate }
    }
}
