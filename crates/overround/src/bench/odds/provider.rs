//! A price provider over HTTP that counts how often it is asked.

use crate::failure::Failure;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use overround_domain::markets::SourceMarket;
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A provider of one market. It ends when it is dropped.
pub struct Provider {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Provider {
    /// Starts one on a free port of this machine.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(market: &SourceMarket) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::failed(format!("the benchmark's price provider: {error}"), "report it")
        };
        let body = serde_json::to_vec(&json!({ "age_ms": 0, "market": market }));
        let body = Bytes::from(body.map_err(|error| failed(&error))?);
        let path = format!("/{}", market.key);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let asked = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (body, path, counted) = (body.clone(), path.clone(), Arc::clone(&counted));
                let answer = service_fn(move |request: Request<Incoming>| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut response = Response::new(Full::new(body.clone()));
                    if request.uri().path() != path {
                        *response.status_mut() = StatusCode::NOT_FOUND;
                    }
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Ok(Self { address, asked, serving })
    }

    /// How often it was asked so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
