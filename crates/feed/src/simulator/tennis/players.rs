//! Players who do not exist.

/// Names of players.
pub(super) const PLAYERS: [&str; 20] = [
    "A Marlowe",
    "T Okonjo",
    "L Vestergaard",
    "D Quennell",
    "R Sarmiento",
    "J Halvorsen",
    "P Lindqvist",
    "M Tanabe",
    "C Abernathy",
    "S Ferreira Lobo",
    "N Kowalczyk",
    "I Drobny",
    "E Castellane",
    "H Yilmazer",
    "B Thackeray",
    "K Obuya",
    "G Morvan",
    "V Petrescu",
    "F Oyelaran",
    "W Sandoval",
];
