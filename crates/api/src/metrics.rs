//! Requests counted and timed, for `/metrics`.

use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Answered requests, by method, route and status.
const REQUESTS: &str = "http_requests_total";
/// How long they took, in seconds, by method and route.
const SECONDS: &str = "http_request_duration_seconds";
/// Bounds of the histogram's buckets in seconds: half a millisecond to the request timeout.
const BUCKETS_S: &[f64] = &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// How often the recorder folds its samples into buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The process has a recorder already.
    #[error("the recorder of metrics cannot be installed")]
    Recorder(#[from] BuildError),
    /// The system gave no thread for its upkeep.
    #[error("no thread for the upkeep of metrics")]
    Thread(#[source] std::io::Error),
}

/// Makes the process's recorder of metrics, once, and gives the handle that [`router`](crate::router)
/// serves at `/metrics`.
///
/// # Errors
/// When the process has a recorder already, or the system gives no thread.
pub fn install_metrics() -> Result<PrometheusHandle, MetricsError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS_S)?
        .install_recorder()?;
    let upkeep = handle.clone();
    // Without it the samples of histograms pile up until somebody scrapes.
    std::thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(UPKEEP);
                upkeep.run_upkeep();
            }
        })
        .map_err(MetricsError::Thread)?;
    metrics::describe_counter!(REQUESTS, "Answered requests, by method, route and status.");
    metrics::describe_histogram!(SECONDS, "Seconds from a request's head to its answer.");
    Ok(handle)
}

/// The series of answered requests: each is looked for once in the recorder, which takes its labels apart each time.
#[derive(Default)]
pub struct Answered(RwLock<HashMap<Labels, Series>>);

/// Method, route and status.
type Labels = (&'static str, Cow<'static, str>, u16);

#[derive(Clone)]
struct Series {
    requests: Counter,
    seconds: Histogram,
}

impl Answered {
    /// Counts one answered request.
    pub fn count(&self, method: &'static str, route: Cow<'static, str>, status: u16, since: Instant) {
        let key = (method, route, status);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let Series { requests, seconds } = known.unwrap_or_else(|| {
            let (_, route, _) = &key;
            let series = Series {
                requests: metrics::counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string()),
                seconds: metrics::histogram!(SECONDS, "method" => method, "route" => route.clone()),
            };
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, series.clone());
            series
        });
        seconds.record(since.elapsed().as_secs_f64());
        requests.increment(1);
    }
}
