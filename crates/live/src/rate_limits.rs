//! Rate limits that all processes share: what somebody has spent, on the Redis server's clock.

use crate::{Error, Live, Now};
use overround_domain::ids::UserId;
use overround_domain::rate::Rate;
use redis::ScriptInvocation;
use std::fmt;
use std::net::IpAddr;

/// Whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user's.
    User(UserId),
    /// A machine client's, by the user that it is known as.
    Client(UserId),
    /// Those of an address: of IPv6 its first 64 bits, the rest being zero.
    Address(IpAddr),
}

/// What is counted together: the requests of somebody, of one class. Displayed, it is the key in Redis, whose braces are
/// its hash tag: each is a slot of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitKey {
    /// Whose.
    pub subject: Subject,
    /// The class's name.
    pub class: &'static str,
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::User(user) | Subject::Client(user) => write!(f, "limits:{{{user}}}:{}", self.class),
            Subject::Address(address) => write!(f, "limits:{{{address}}}:{}", self.class),
        }
    }
}

/// What is charged to a limit.
#[derive(Debug, Clone, Copy)]
pub struct Charge {
    /// Which limit.
    pub key: LimitKey,
    /// Its rate.
    pub rate: Rate,
    /// How many requests were taken without asking. They are charged whatever is owed.
    pub spent: u32,
    /// How many more are asked for; they are given all, or none.
    pub asked: u32,
}

/// What a charge came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// Whether what was asked for is given.
    pub given: bool,
    /// What is owed now, in microseconds.
    pub debt_us: i64,
}

impl Live {
    /// Charges limits, all in one round trip; the answers stand in the order of the charges.
    ///
    /// # Errors
    /// When Redis is away or refuses. What was charged by then is.
    pub async fn charge(&self, charges: &[Charge], now: Now) -> Result<Vec<Charged>, Error> {
        let at = match now {
            Now::Server => String::new(),
            Now::At(at) => at.millis().saturating_mul(1_000).to_string(),
        };
        let calls = charges.iter().map(|charge| {
            let rate = charge.rate;
            let mut call = self.scripts.charge.key(charge.key.to_string());
            call.arg(rate.cost_us(charge.spent)).arg(rate.cost_us(charge.asked));
            call.arg(rate.tolerance_us()).arg(rate.owed_max_us()).arg(&at);
            call
        });
        let calls: Vec<ScriptInvocation<'_>> = calls.collect();
        let answers: Vec<(i64, i64)> = self.connection.call_all(&self.scripts.charge, &calls).await?;
        Ok(answers.into_iter().map(|(given, debt_us)| Charged { given: given == 1, debt_us }).collect())
    }
}
