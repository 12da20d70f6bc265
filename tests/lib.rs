//! Integration tests only.
