//! Clubs that do not exist.

use super::model::Sides;
use rand::Rng;

const CLUBS: [&str; 20] = [
    "Northbridge Rovers",
    "Eastmoor Athletic",
    "Port Hallow",
    "Silverdale Town",
    "Ravensmere United",
    "Kingsbarrow City",
    "Thornwick Albion",
    "Greyfriars Wanderers",
    "Larkfield County",
    "Westhaven Harriers",
    "Oldcastle Forest",
    "Millbrook Rangers",
    "Stonebeck Villa",
    "Harrowgate Orient",
    "Ashcombe Palace",
    "Dunmere Thistle",
    "Fallowfield Borough",
    "Brackenridge Celtic",
    "Saltmarsh Argyle",
    "Wyvern Vale",
];

/// Two different clubs.
pub(super) fn draw(rng: &mut impl Rng) -> Sides<String> {
    let count = CLUBS.len();
    let first = index(rng, count);
    // One of the others: a step of 1 to count - 1 around the ring.
    let second = (first + 1 + index(rng, count - 1)) % count;
    let name = |place: usize| CLUBS.get(place).copied().unwrap_or_default().to_owned();
    Sides { home: name(first), away: name(second) }
}

fn index(rng: &mut impl Rng, count: usize) -> usize {
    usize::try_from(rng.next_u32()).unwrap_or(0) % count.max(1)
}
