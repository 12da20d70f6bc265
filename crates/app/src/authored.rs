//! Who does something by hand, and why: kept with what they did.

use crate::{Error, Keyed};
use tokio::time::Instant;

/// The longest reason and the longest actor, in characters.
const REASON_LEN_MAX: usize = 1000;
const ACTOR_LEN_MAX: usize = 255;

/// Refuses an actor without a name, or with one that is too long to be kept.
pub(crate) fn check_actor(actor: &str) -> Result<(), Error> {
    check("/actor", actor, ACTOR_LEN_MAX, "an actor")
}

/// Refuses who has no name, and what is past its deadline.
pub(crate) fn check_author(actor: &str, keyed: &Keyed) -> Result<(), Error> {
    check_actor(actor)?;
    if Instant::now() >= keyed.deadline {
        return Err(Error::Unavailable { part: "postgres", retry_after_s: 1 });
    }
    Ok(())
}

/// Refuses a reason that says nothing, or is too long to be kept.
pub(crate) fn check_reason(reason: &str) -> Result<(), Error> {
    check("/reason", reason.trim(), REASON_LEN_MAX, "a reason")
}

fn check(pointer: &str, text: &str, len_max: usize, what: &str) -> Result<(), Error> {
    if (1..=len_max).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Error::Invalid {
        pointer: pointer.to_owned(),
        detail: format!("{what} has 1 to {len_max} characters"),
    })
}
