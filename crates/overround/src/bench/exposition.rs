//! Metrics in Prometheus' text format: those that a report needs.

use std::collections::BTreeMap;

/// The samples of one scrape by their name with labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition(BTreeMap<String, f64>);

impl Exposition {
    /// Reads a scrape; lines that are no samples are left out.
    pub fn read(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// The samples of this scrape and another's, counted together.
    pub fn plus(mut self, other: &Self) -> Self {
        for (name, value) in &other.0 {
            *self.0.entry(name.clone()).or_default() += value;
        }
        self
    }

    /// What was counted since an earlier scrape. For counters, sums and counts only.
    pub fn since(&self, earlier: &Self) -> Self {
        let change = |(name, value): (&String, &f64)| {
            (name.clone(), value - earlier.0.get(name).copied().unwrap_or_default())
        };
        Self(self.0.iter().map(change).collect())
    }

    /// The sum of a metric over all labels.
    pub fn total(&self, metric: &str) -> f64 {
        // Not `sum`, which is -0 where there are none.
        self.labelled(metric).fold(0.0, |total, (_, value)| total + value)
    }

    /// A metric's samples, each with its labels as they stand.
    pub fn labelled<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.iter().filter_map(move |(name, value)| {
            let rest = name.strip_prefix(metric)?;
            (rest.is_empty() || rest.starts_with('{')).then(|| (rest.trim_matches(['{', '}']), *value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_their_labels() {
        let text =
            "# TYPE runs counter\nruns{tx=\"lane\"} 3\nruns{tx=\"publish\"} 2\nruns_other 7\nplain 1.5\n";
        let scrape = Exposition::read(text);
        assert_eq!((scrape.total("runs"), scrape.total("plain")), (5.0, 1.5));
        assert!(scrape.total("none").is_sign_positive());
        let later = Exposition::read("runs{tx=\"lane\"} 10\n");
        assert_eq!(later.since(&scrape).total("runs"), 7.0);
        assert_eq!(later.plus(&scrape).total("runs"), 15.0);
        assert_eq!(scrape.labelled("runs").next(), Some(("tx=\"lane\"", 3.0)));
    }
}
