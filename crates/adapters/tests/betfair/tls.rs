//! The same over TLS, with a certificate of the test's own.

use crate::source::{Peer, Source, certified, image, market};
use crate::*;
use rustls::RootCertStore;

#[tokio::test]
async fn a_certified_source_is_heard() {
    let (acceptor, certificate) = certified();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
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
