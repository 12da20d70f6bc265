//! The rate limits among the settings.

use super::Config;
use overround_domain::rate::Rate;

/// A rate that nobody reaches.
const UNREACHED: &str = "1000000/1000000";

impl Config {
    /// The settings for a drive from this machine, whose few players act at a pace that no person has: each limit that was
    /// left as it comes is one that nobody reaches. Requests are counted as ever.
    #[must_use]
    pub fn with_limits_lifted(&self) -> Self {
        let (mut lifted, usual) = (self.clone(), Self::default());
        let unreached: Option<Rate> = UNREACHED.parse().ok();
        let limits = [
            (&mut lifted.limit_reads_user, usual.limit_reads_user),
            (&mut lifted.limit_reads_client, usual.limit_reads_client),
            (&mut lifted.limit_reads_address, usual.limit_reads_address),
            (&mut lifted.limit_bets_user, usual.limit_bets_user),
            (&mut lifted.limit_bets_client, usual.limit_bets_client),
            (&mut lifted.limit_bets_address, usual.limit_bets_address),
            (&mut lifted.limit_writes_user, usual.limit_writes_user),
            (&mut lifted.limit_writes_client, usual.limit_writes_client),
            (&mut lifted.limit_writes_address, usual.limit_writes_address),
            (&mut lifted.limit_streams_user, usual.limit_streams_user),
            (&mut lifted.limit_streams_client, usual.limit_streams_client),
            (&mut lifted.limit_streams_address, usual.limit_streams_address),
        ];
        for (limit, usual) in limits {
            if *limit == usual {
                *limit = unreached;
            }
        }
        lifted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_not_lifted() {
        let set: Option<Rate> = "1/1".parse().ok();
        let config = Config { limit_bets_user: set, limit_reads_address: None, ..Config::default() };
        let lifted = config.with_limits_lifted();
        assert_eq!((lifted.limit_bets_user, lifted.limit_reads_address), (set, None));
        assert_eq!(lifted.limit_bets_address, UNREACHED.parse().ok());
    }
}
