//! The house's prices once more: in hundredths, on whole numbers (betting rules, "Prices").

/// Where the steps of the ladder change: from so many hundredths on, steps of so many.
const STEPS: [(u128, u128); 10] = [
    (10_000, 1_000),
    (5_000, 500),
    (3_000, 200),
    (2_000, 100),
    (1_000, 50),
    (600, 20),
    (400, 10),
    (300, 5),
    (200, 2),
    (101, 1),
];

/// The house's prices, in hundredths, of a complete book of which `winners` win; none where it cannot be
/// sold, and none of a runner whose price is below the ladder. With q = 100/back, a price is
/// `sum(q) / (q * winners * margin)`, floored to the ladder and at most the back price.
pub fn book(backs: &[u32], winners: u32, margin_bps: u32) -> Option<Vec<Option<u32>>> {
    let runners = u32::try_from(backs.len()).ok()?;
    if winners == 0 || winners >= runners {
        return None;
    }
    let product = |without: Option<usize>| -> u128 {
        let kept = backs.iter().enumerate().filter(|(place, _)| Some(*place) != without);
        kept.map(|(_, back)| u128::from(*back)).product()
    };
    let (sum_num, sum_den) =
        ((0..backs.len()).map(|place| product(Some(place))).sum::<u128>(), product(None));
    let margin = u128::from(10_000 + margin_bps) * u128::from(winners);
    let priced = backs.iter().map(|back| {
        let fair = 100 * u128::from(*back) * sum_num * 10_000 / (sum_den * margin);
        floor_to_ladder(fair.min(u128::from(*back)))
    });
    Some(priced.collect())
}

fn floor_to_ladder(hundredths: u128) -> Option<u32> {
    let hundredths = hundredths.min(100_000);
    let (bound, step) = STEPS.into_iter().find(|(bound, _)| *bound <= hundredths)?;
    // The first step is counted from 1.00.
    let base = if bound == 101 { 100 } else { bound };
    u32::try_from(base + (hundredths - base) / step * step).ok()
}
