//! Histories of loads and of sales, and what may stand in them: invariants M2 and M3.

use crate::origin::{Load, Telling};
use overround_domain::time::Timestamp;
use overround_live::Window;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a process may load a market before another one may.
pub(crate) const LEASE: Duration = Duration::from_secs(5);

/// What lets two loads of a market overlap.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Redis lost all its leases at some instant between these.
    Lost { from: Instant, to: Instant },
    /// A process was stopped in the midst of a load, until after its lease had ended, which it had not before this instant.
    Outlived { server: usize, stopped: Instant, lease_ended: Instant },
}

impl Fault {
    /// Whether it may be why the second load began before the first had ended.
    fn explains(self, first: &Load, second: &Load) -> bool {
        match self {
            // One lease was taken before the loss and the other after it; each before its load began, and not longer before
            // it than a lease lasts, since nobody asks an origin under a lease that has ended.
            Self::Lost { from, to } => second.begun >= from && first.begun < to + LEASE,
            Self::Outlived { server, stopped, lease_ended } => {
                first.server == server
                    && first.begun <= stopped
                    && first.ended.is_none_or(|ended| ended > stopped)
                    && second.begun >= lease_ended
            }
        }
    }
}

/// The pairs of loads of one market that overlap, though none of these faults lets them. Loads of one process never may.
pub(crate) fn overlapping(loads: &[Load], faults: &[Fault]) -> Vec<(Load, Load)> {
    let mut loads: Vec<&Load> = loads.iter().collect();
    loads.sort_by_key(|load| load.begun);
    let mut found = Vec::new();
    for (place, first) in loads.iter().enumerate() {
        let meanwhile = loads[place + 1..]
            .iter()
            .take_while(|second| first.ended.is_none_or(|ended| second.begun < ended))
            .filter(|second| second.market == first.market);
        for second in meanwhile {
            let may =
                first.server != second.server && faults.iter().any(|fault| fault.explains(first, second));
            if !may {
                found.push(((*first).clone(), (*second).clone()));
            }
        }
    }
    found
}

/// A bet that was taken, at the version that a load made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sale {
    pub(crate) at: Timestamp,
    /// The number of what was told: [`Telling::number`].
    pub(crate) number: i64,
}

/// How long ago the prices of each sale were confirmed when it was made, in milliseconds.
///
/// # Panics
/// When one was made at what nobody had told, or past the longest window that a snapshot may be given.
pub(crate) fn ages_of_sales(sales: &[Sale], tellings: &[Telling]) -> Vec<i64> {
    let window = Window::default();
    let end_ms = window.fresh_ms.end() + window.stale_ms.end();
    let by_number: BTreeMap<i64, Telling> = tellings.iter().map(|one| (one.number, *one)).collect();
    let age = |sale: &Sale| {
        let told = by_number.get(&sale.number).filter(|told| told.at <= sale.at);
        let told = told.unwrap_or_else(|| panic!("{sale:?} is at what nobody had told"));
        let age_ms = told.age_ms_at(sale.at);
        assert!(age_ms < end_ms, "{sale:?} is at prices of {age_ms} ms ago: {told:?}");
        age_ms
    };
    sales.iter().map(age).collect()
}

#[test]
fn loads_that_may_not_overlap_are_found() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let load = |server, begun, ended: Option<u64>| Load {
        market: 0,
        server,
        begun: at(begun),
        ended: ended.map(at),
        told: None,
    };
    let lost = |from, to| Fault::Lost { from: at(from), to: at(to) };
    let outlived =
        |server, stopped, end| Fault::Outlived { server, stopped: at(stopped), lease_ended: at(end) };
    let (first, second) = (load(0, 1_000, Some(9_000)), load(1, 7_000, Some(7_100)));
    let pair = [second.clone(), first.clone()];
    let table: [(&[Load], &[Fault], usize); 14] = [
        (&pair, &[], 1),
        (&[load(0, 1_000, None), second.clone()], &[], 1),
        (&[load(0, 1_000, Some(7_000)), second.clone()], &[], 0),
        (&[first.clone(), Load { market: 1, ..second.clone() }], &[], 0),
        // The one before the loss and the other after it, or not.
        (&pair, &[lost(2_000, 3_000)], 0),
        (&pair, &[lost(7_001, 7_002)], 1),
        (&[load(0, 8_000, Some(9_000)), load(1, 8_500, Some(8_600))], &[lost(2_000, 3_000)], 1),
        (&[load(0, 7_900, Some(9_000)), load(1, 8_500, Some(8_600))], &[lost(2_000, 3_000)], 0),
        // The first was stopped, and its lease had ended.
        (&pair, &[outlived(0, 1_500, 6_000)], 0),
        (&pair, &[outlived(0, 1_500, 7_001)], 1),
        (&pair, &[outlived(0, 900, 6_000)], 1),
        (&pair, &[outlived(0, 9_001, 6_000)], 1),
        (&pair, &[outlived(1, 1_500, 6_000)], 1),
        // A process knows what it loads itself.
        (&[first.clone(), load(0, 7_000, Some(7_100))], &[lost(2_000, 3_000), outlived(0, 1_500, 6_000)], 1),
    ];
    for (place, (loads, faults, wanted)) in table.into_iter().enumerate() {
        assert_eq!(overlapping(loads, faults).len(), wanted, "case {place}");
    }
}

#[test]
fn sales_past_the_window_are_found() {
    let at = Timestamp::from_millis;
    let told = [Telling { number: 3, at: at(100_000), age_ms: 9_000 }];
    let sale = |number, ms| Sale { at: at(ms), number };
    assert_eq!(ages_of_sales(&[sale(3, 100_000), sale(3, 108_999)], &told), [9_000, 17_999]);
    for wrong in [sale(3, 109_000), sale(3, 99_999), sale(4, 100_000)] {
        assert!(std::panic::catch_unwind(|| ages_of_sales(&[wrong], &told)).is_err(), "{wrong:?}");
    }
}
