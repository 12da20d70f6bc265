//! The same over TLS, with a certificate of the test's own.

use crate::source::{Peer, Source, image, market};
use crate::*;
use rcgen::CertifiedKey;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A source's side of TLS as `localhost`, and what vouches for it.
fn certified() -> (TlsAcceptor, RootCertStore) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), roots)
}

#[tokio::test]
async fn a_certified_source_is_heard() {
    let (acceptor, roots) = certified();
    let source = Source::new().await;
    let endpoint = source.endpoint(Transport::tls(roots).unwrap());
    let mut running = Running::start_with(endpoint, session(5_000), 100);
    let mut peer = Peer::new(soon(acceptor.accept(source.accept_raw().await)).await.unwrap());
    peer.greet().await;
    running.turns(State::Down, State::Recovering).await;
    peer.send(&image("c1", &market("1.1", "2.5"))).await;
    assert_eq!(best(running.applied().await.changed.first().unwrap()), price(5, 2));
    running.turns(State::Recovering, State::Up).await;
    running.stopped().await;
}

#[tokio::test]
async fn a_source_that_nobody_vouches_for_is_told_nothing() {
    let (acceptor, _) = certified();
    let source = Source::new().await;
    let running =
        Running::start_with(source.endpoint(Endpoint::betfair().unwrap().transport), session(5_000), 1);
    for _ in 0..2 {
        assert!(soon(acceptor.accept(source.accept_raw().await)).await.is_err());
    }
    running.stopped().await;
}
