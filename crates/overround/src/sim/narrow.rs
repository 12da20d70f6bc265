//! Narrowing: which steps and operations of a failing run are needed for it to fail.
//!
//! A step is drawn from the seed and its number alone, so a run can be played with any of them left out:
//! first halves of the list, then quarters, and so on down to single steps, then operations. Each try has
//! accounts and markets of its own, which is as good as a database of its own.

use super::workload::{Batch, batch};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::Instant;

/// How many tries, and how long, narrowing takes at most.
const TRIES_MAX: u32 = 120;
const TIME_MAX: Duration = Duration::from_secs(180);

/// Steps to play, each with its operations or with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    steps: BTreeMap<u32, Option<Vec<u32>>>,
}

impl Choice {
    /// All steps up to one.
    pub fn up_to(first: u32, last: u32) -> Self {
        Self { steps: (first..=last).map(|step| (step, None)).collect() }
    }

    /// How many steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// The steps, drawn again.
    pub fn batches(&self, seed: u64) -> impl Iterator<Item = Batch> + Send + use<> {
        self.steps.clone().into_iter().map(move |(step, kept)| {
            let mut batch = batch(seed, step);
            if let Some(kept) = kept {
                batch.ops.retain(|op| kept.contains(&op.id.index));
            }
            batch
        })
    }

    /// Its parts: steps, or one step's operations.
    fn parts(&self, of: Option<u32>, seed: u64) -> Vec<u32> {
        match of {
            None => self.steps.keys().copied().collect(),
            Some(step) => match self.steps.get(&step) {
                Some(Some(kept)) => kept.clone(),
                _ => batch(seed, step).ops.iter().map(|op| op.id.index).collect(),
            },
        }
    }

    /// The same with other parts.
    fn with(&self, of: Option<u32>, parts: &[u32]) -> Self {
        let mut other = self.clone();
        match of {
            None => other.steps.retain(|step, _| parts.contains(step)),
            Some(step) => drop(other.steps.insert(step, Some(parts.to_vec()))),
        }
        other
    }
}

/// `3,17:2+5`: step 3, and of step 17 the operations 2 and 5.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (step, kept)) in self.steps.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{step}")?;
            if let Some(kept) = kept {
                let kept: Vec<String> = kept.iter().map(u32::to_string).collect();
                write!(f, ":{}", kept.join("+"))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Choice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text:?} is no number"));
        let step = |part: &str| match part.split_once(':') {
            None => Ok((number(part)?, None)),
            Some((step, kept)) => {
                let kept = kept.split('+').filter(|one| !one.is_empty()).map(number);
                Ok((number(step)?, Some(kept.collect::<Result<_, _>>()?)))
            }
        };
        Ok(Self { steps: text.split(',').map(step).collect::<Result<_, String>>()? })
    }
}

/// The shortest list found that still fails, by `fails`, which plays one.
///
/// # Errors
/// As `fails`.
pub async fn narrow<E>(
    seed: u64,
    failing: Choice,
    mut fails: impl AsyncFnMut(&Choice) -> Result<bool, E>,
) -> Result<Choice, E> {
    let mut left = Budget { tries: TRIES_MAX, until: Instant::now() + TIME_MAX };
    let mut best = reduce(seed, failing, None, &mut left, &mut fails).await?;
    for step in best.parts(None, seed) {
        best = reduce(seed, best, Some(step), &mut left, &mut fails).await?;
    }
    Ok(best)
}

struct Budget {
    tries: u32,
    until: Instant,
}

impl Budget {
    fn spend(&mut self) -> bool {
        let left = self.tries > 0 && Instant::now() < self.until;
        self.tries = self.tries.saturating_sub(1);
        left
    }
}

/// Leaves out chunks of the parts, smaller and smaller ones, for as long as it still fails without them.
async fn reduce<E>(
    seed: u64,
    failing: Choice,
    of: Option<u32>,
    left: &mut Budget,
    fails: &mut impl AsyncFnMut(&Choice) -> Result<bool, E>,
) -> Result<Choice, E> {
    let (mut best, mut parts) = (failing.clone(), failing.parts(of, seed));
    let mut size = parts.len().div_ceil(2);
    while size > 0 && !parts.is_empty() {
        let mut at = 0;
        while at < parts.len() {
            let kept: Vec<u32> = parts.iter().take(at).chain(parts.iter().skip(at + size)).copied().collect();
            if !left.spend() {
                return Ok(best);
            }
            let candidate = best.with(of, &kept);
            if fails(&candidate).await? {
                (best, parts) = (candidate, kept);
            } else {
                at += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_reads_back() {
        for text in ["2", "2,9", "3,17:2+5,18:"] {
            assert_eq!(text.parse::<Choice>().map(|choice| choice.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "a", "3:x", "3,,4"] {
            assert!(text.parse::<Choice>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_not_needed_is_left_out() {
        // It fails when steps 7 and 30 are played, and of step 30 operation 0.
        let needed = async |choice: &Choice| {
            let played: Vec<(u32, u32)> = choice
                .batches(1)
                .flat_map(|batch| batch.ops.into_iter().map(|op| (op.id.step, op.id.index)))
                .collect();
            Ok::<_, ()>(played.iter().any(|(step, _)| *step == 7) && played.contains(&(30, 0)))
        };
        let found = narrow(1, Choice::up_to(2, 60), needed).await.unwrap();
        assert_eq!(found.len(), 2, "{found}");
        let last = found.batches(1).last().unwrap();
        assert_eq!((last.step, last.ops.len()), (30, 1), "{found}");
    }
}
