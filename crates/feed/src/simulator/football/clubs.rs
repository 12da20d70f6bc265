//! Clubs that do not exist.

/// Names of clubs.
pub(super) const CLUBS: [&str; 20] = [
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
