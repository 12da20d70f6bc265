//! Known wounds of others.
