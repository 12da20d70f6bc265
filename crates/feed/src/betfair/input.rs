//! One file of a recording: lines, decompressed where they are compressed.

use super::error::FeedError;
use super::message::Message;
use bzip2::read::MultiBzDecoder;
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// The first bytes of every bz2 stream; no JSON text starts with them.
const BZ2_MAGIC: &[u8] = b"BZh";
/// The longest line that is read. The image of a subscription to hundreds of markets takes megabytes.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One file of a recording, plain or bz2, told apart by its first bytes.
pub struct Input {
    name: String,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    line: u64,
    /// Whether any line was what it should be.
    any_message: bool,
    ended: bool,
}

impl Input {
    /// An input over `reader`, which need not be buffered. `name` is what errors call it by.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn new(name: impl Into<String>, mut reader: impl Read + Send + 'static) -> Result<Self, FeedError> {
        let name = name.into();
        let mut first = Vec::new();
        let length = u64::try_from(BZ2_MAGIC.len()).unwrap_or(u64::MAX);
        if let Err(source) = reader.by_ref().take(length).read_to_end(&mut first) {
            return Err(FeedError::Read { input: name, line: 0, source });
        }
        let compressed = first == BZ2_MAGIC;
        let whole = Cursor::new(first).chain(reader);
        let reader: Box<dyn BufRead + Send> = if compressed {
            Box::new(BufReader::new(MultiBzDecoder::new(whole)))
        } else {
            Box::new(BufReader::new(whole))
        };
        Ok(Self { name, reader, buffer: Vec::new(), line: 0, any_message: false, ended: false })
    }

    /// What errors call it by.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The last line read, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next line that is not blank: a message, none for an operation without market data.
    /// The outer none is the end.
    pub(super) fn next_message(&mut self) -> Option<Result<Option<Message>, FeedError>> {
        loop {
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(source) => {
                    self.ended = true;
                    return Some(Err(FeedError::Read { input: self.name.clone(), line: self.line, source }));
                }
            }
            let parsed = match std::str::from_utf8(&self.buffer) {
                Ok(text) => {
                    let text = text.trim_start_matches(BYTE_ORDER_MARK).trim();
                    if text.is_empty() {
                        continue;
                    }
                    Message::parse(text)
                }
                Err(error) => Err(error.to_string()),
            };
            self.any_message |= parsed.is_ok();
            return Some(parsed.map_err(|reason| self.refused(reason)));
        }
    }

    /// What a line that is no message is: torn, when it has no end and messages came before it.
    fn refused(&self, reason: String) -> FeedError {
        let (input, line) = (self.name.clone(), self.line);
        if self.any_message && !self.buffer.ends_with(b"\n") {
            FeedError::Torn { input, line }
        } else {
            FeedError::Malformed { input, line, reason }
        }
    }

    /// Fills the buffer with the next line; false at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.clear();
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            self.ended = true;
            return Ok(false);
        }
        self.line += 1;
        let full = u64::try_from(read).is_ok_and(|read| read == LINE_BYTES_MAX);
        if full && !self.buffer.ends_with(b"\n") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is longer than 256 MiB"));
        }
        Ok(true)
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("name", &self.name).field("line", &self.line).finish_non_exhaustive()
    }
}
