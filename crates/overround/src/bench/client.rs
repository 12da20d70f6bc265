//! One HTTP/1.1 connection that is kept alive, as cheap as it gets: on a small machine the generator
//! takes its CPU from what it measures.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// A connection. Who awaits an answer drives it, so that an answer costs no second task.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<TcpStream>, Full<Bytes>>,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The server cannot be reached.
    #[error("the server cannot be reached")]
    Connect(#[from] std::io::Error),
    /// The connection does not speak HTTP, or broke.
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    /// The server closed it.
    #[error("the server closed the connection")]
    Closed,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn connect(server: SocketAddr) -> Result<Self, Broken> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection })
    }

    /// Sends a request and waits for its answer: the status and the body.
    ///
    /// # Errors
    /// When the connection broke; it is not to be used again.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Broken> {
        let Self { sender, connection } = self;
        let answered = async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            Ok((status, response.into_body().collect().await?.to_bytes()))
        };
        tokio::select! {
            biased;
            ended = connection => Err(ended.map_or_else(Broken::Http, |()| Broken::Closed)),
            answer = answered => answer,
        }
    }
}
