//! One HTTP/1.1 connection that is kept alive, as cheap as it gets: on a small machine the generator
//! takes its CPU from what it measures.

use bytes::{Buf, Bytes, BytesMut};
use http::Request;
use http::header::CONTENT_LENGTH;
use httparse::{EMPTY_HEADER, Response, Status};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How many header fields an answer may have.
const FIELDS_MAX: usize = 32;

/// A connection, on which one request at a time is sent.
pub struct Client {
    stream: TcpStream,
    answer: BytesMut,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The server cannot be reached, or the connection broke.
    #[error("the server cannot be reached")]
    Connect(#[from] std::io::Error),
    /// What came is no HTTP.
    #[error("the answer is no HTTP/1.1")]
    Http(#[from] httparse::Error),
    /// How long the answer is was not said.
    #[error("the answer has no content-length")]
    NoLength,
    /// The server closed it.
    #[error("the server closed the connection")]
    Closed,
}

/// The first part of an answer.
struct Head {
    status: u16,
    /// How long it is, and what follows it.
    length: usize,
    body_length: usize,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn connect(server: SocketAddr) -> Result<Self, Broken> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: BytesMut::new() })
    }

    /// Sends a request and waits for its answer: the status and the body.
    ///
    /// # Errors
    /// When the connection broke; it is not to be used again.
    pub async fn send(&mut self, message: &[u8]) -> Result<(u16, Bytes), Broken> {
        self.stream.write_all(message).await?;
        self.answer.clear();
        let head = loop {
            self.receive().await?;
            if let Some(head) = head_of(&self.answer)? {
                break head;
            }
        };
        while self.answer.len() < head.length + head.body_length {
            self.receive().await?;
        }
        self.answer.advance(head.length);
        Ok((head.status, self.answer.copy_to_bytes(head.body_length)))
    }

    async fn receive(&mut self) -> Result<(), Broken> {
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err(Broken::Closed),
            _ => Ok(()),
        }
    }
}

/// A request, whose URI is a path, as it is sent.
pub fn message(request: &Request<Bytes>) -> Vec<u8> {
    let mut message = Vec::with_capacity(1024);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let length = request.body().len().to_string();
    let fields = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    for part in [request.method().as_str(), " ", path, " HTTP/1.1\r\n"] {
        message.extend_from_slice(part.as_bytes());
    }
    for (name, value) in fields.chain([(CONTENT_LENGTH.as_str(), length.as_bytes())]) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            message.extend_from_slice(part);
        }
    }
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(request.body());
    message
}

/// The head of an answer, if all of it has come.
fn head_of(answer: &[u8]) -> Result<Option<Head>, Broken> {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut response = Response::new(&mut fields);
    let Status::Complete(length) = response.parse(answer)? else { return Ok(None) };
    let is_length = |name: &str| name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str());
    let said = response.headers.iter().find(|field| is_length(field.name));
    let said = said.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
    let body_length = said.ok_or(Broken::NoLength)?;
    Ok(Some(Head { status: response.code.unwrap_or_default(), length, body_length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_all_of_it_has_come() {
        let answer = b"HTTP/1.1 201 Created\r\nX-Other: 1\r\nCONTENT-LENGTH: 3\r\n\r\n{}\n";
        let length = answer.len() - 3;
        for cut in 0..length {
            assert!(head_of(&answer[..cut]).unwrap().is_none(), "{cut} bytes");
        }
        for whole in [&answer[..length], answer] {
            let head = head_of(whole).unwrap().unwrap();
            assert_eq!((head.status, head.length, head.body_length), (201, length, 3));
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        assert!(matches!(head_of(b"SSH-2.0-OpenSSH\r\n"), Err(Broken::Http(_))));
        let endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(matches!(head_of(endless), Err(Broken::NoLength)));
    }
}
