//! The application's clock, set back under load.
