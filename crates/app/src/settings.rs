//! The use cases' settings.

use overround_domain::betting::Rules;
use overround_domain::markets::{JumpLimit, Margin, PriceProvider};
use std::sync::Arc;
use std::time::Duration;

/// What an operator may set of the use cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The betting rules' numbers.
    pub rules: Rules,
    /// The house's margin, of all markets that have none of their own.
    pub margin: Margin,
    /// How far a price on sale may move in one message before its market is suspended for review; none: any distance.
    pub price_jump: Option<JumpLimit>,
    /// Who is asked for a market's prices where no feed of this process says them.
    pub provider: Option<Arc<dyn PriceProvider>>,
    /// How many lanes run beside each other, on a connection each.
    pub lanes: usize,
    /// The largest number of commands in one transaction of a lane.
    pub batch_max: usize,
    /// The largest number of commands that wait for the lanes; more are answered with "try again".
    pub queue_depth: usize,
    /// For how long a process's word holds that somebody is present: when it died, they are gone after that.
    pub presence_stay: Duration,
    /// The seed of what is random about snapshots' lifetimes; none takes the system's random source.
    pub seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            margin: Margin::HOUSE,
            price_jump: None,
            provider: None,
            lanes: 3,
            batch_max: 128,
            queue_depth: 4096,
            presence_stay: Duration::from_secs(30),
            seed: None,
        }
    }
}
