//! The other side: a source of Betfair's protocol, moved by hand.

use super::soon;
use overround_adapters::betfair::{Endpoint, Transport};
use rcgen::CertifiedKey;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A source's side of TLS as `localhost`, and the certificate that vouches for it.
pub(crate) fn certified() -> (TlsAcceptor, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), cert.der().clone())
}

/// Where connections come in.
pub(crate) struct Source {
    listener: TcpListener,
}

/// One connection, seen from the source.
pub(crate) struct Peer<S> {
    stream: BufReader<S>,
}

impl Source {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind(("127.0.0.1", 0)).await.unwrap() }
    }

    pub(crate) fn endpoint(&self, transport: Transport) -> Endpoint {
        let port = self.listener.local_addr().unwrap().port();
        Endpoint { host: "localhost".to_owned(), port, transport }
    }

    pub(crate) async fn accept_raw(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    pub(crate) async fn accept(&self) -> Peer<TcpStream> {
        Peer::new(self.accept_raw().await)
    }

    /// Accepts a connection as far as the subscription. Returns what was asked for.
    pub(crate) async fn subscribed(&self) -> (Peer<TcpStream>, Value) {
        let mut peer = self.accept().await;
        let asked = peer.greet().await;
        (peer, asked)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) async fn send(&mut self, line: &str) {
        soon(self.stream.write_all(format!("{line}\r\n").as_bytes())).await.unwrap();
        soon(self.stream.flush()).await.unwrap();
    }

    /// Sends as much of a line as the other side takes.
    pub(crate) async fn send_what_is_taken(&mut self, line: &str) {
        let sent = soon(self.stream.write_all(line.as_bytes())).await;
        drop(sent);
    }

    pub(crate) async fn receive(&mut self) -> Value {
        let mut line = String::new();
        soon(self.stream.read_line(&mut line)).await.unwrap();
        assert!(line.ends_with("\r\n"));
        serde_json::from_str(&line).unwrap()
    }

    /// Waits until the other side has closed the connection.
    pub(crate) async fn closed(mut self) {
        let mut rest = String::new();
        // A connection that is reset was closed, too.
        let read = soon(self.stream.read_line(&mut rest)).await;
        assert!(read.is_err() || rest.is_empty(), "{rest}");
    }

    /// Takes authentication and subscription. Returns the latter.
    pub(crate) async fn greet(&mut self) -> Value {
        self.send(r#"{"op":"connection","connectionId":"002-1"}"#).await;
        let authentication = self.receive().await;
        assert_eq!(authentication.get("op"), Some(&json!("authentication")));
        self.succeed(&authentication).await;
        let subscription = self.receive().await;
        assert_eq!(subscription.get("op"), Some(&json!("marketSubscription")));
        self.succeed(&subscription).await;
        subscription
    }

    async fn succeed(&mut self, request: &Value) {
        let id = request.get("id").unwrap();
        self.send(&json!({"op": "status", "id": id, "statusCode": "SUCCESS"}).to_string()).await;
    }
}

/// A market with one runner at a price, whole.
pub(crate) fn market(id: &str, price: &str) -> String {
    format!(
        r#"{{"id":"{id}","img":true,"marketDefinition":{{"eventId":"9","status":"OPEN","marketType":"MATCH_ODDS","bettingType":"ODDS","runners":[{{"id":5,"status":"ACTIVE"}}]}},"rc":[{{"id":5,"bdatb":[[0,{price},10]]}}]}}"#
    )
}

/// A change of that market's price, conflated or not.
pub(crate) fn delta(price: &str, conflated: bool) -> String {
    format!(r#"{{"id":"1.1","con":{conflated},"rc":[{{"id":5,"bdatb":[[0,{price},10]]}}]}}"#)
}

pub(crate) fn image(clk: &str, markets: &str) -> String {
    format!(
        r#"{{"op":"mcm","id":2,"pt":1,"ct":"SUB_IMAGE","initialClk":"i-{clk}","clk":"{clk}","mc":[{markets}]}}"#
    )
}

pub(crate) fn resumption(clk: &str, markets: &str) -> String {
    format!(
        r#"{{"op":"mcm","id":2,"pt":2,"ct":"RESUB_DELTA","initialClk":"i-{clk}","clk":"{clk}","mc":[{markets}]}}"#
    )
}

pub(crate) fn update(clk: &str, markets: &str) -> String {
    format!(r#"{{"op":"mcm","id":2,"pt":3,"clk":"{clk}","mc":[{markets}]}}"#)
}

pub(crate) fn heartbeat(clk: &str) -> String {
    format!(r#"{{"op":"mcm","id":2,"pt":4,"clk":"{clk}","ct":"HEARTBEAT"}}"#)
}
