//! Lines of bounded length from a stream of bytes.

use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// The buffer has a line, its end included.
    Line,
    /// The buffer has more of a line than before.
    Part,
    /// The line is longer than it may be.
    TooLong,
    /// There is nothing more to read; a line without an end is dropped.
    Ended,
}

/// Reads what there is of the next line into the buffer, and waits where there is nothing. It may be
/// dropped and called again at any time: what was read until then is in the buffer. The caller clears it
/// after each line.
pub(crate) async fn read_some(
    reader: &mut (impl AsyncBufRead + Unpin),
    buffer: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Read> {
    let chunk = reader.fill_buf().await?;
    if chunk.is_empty() {
        return Ok(Read::Ended);
    }
    let end = chunk.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
    let taken = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
    if buffer.len() + taken.len() > bytes_max {
        return Ok(Read::TooLong);
    }
    buffer.extend_from_slice(taken);
    let length = taken.len();
    reader.consume(length);
    Ok(if end.is_some() { Read::Line } else { Read::Part })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::BufReader;

    /// Everything that is read from these bytes in chunks of this size, each call dropped once before.
    async fn read_all(bytes: &[u8], chunk: usize, bytes_max: usize) -> (Vec<Vec<u8>>, Read) {
        let mut reader = BufReader::with_capacity(chunk, bytes);
        let mut lines = Vec::new();
        let mut buffer = Vec::new();
        loop {
            drop(read_some(&mut reader, &mut buffer, bytes_max));
            match read_some(&mut reader, &mut buffer, bytes_max).await.unwrap() {
                Read::Line => lines.push(std::mem::take(&mut buffer)),
                Read::Part => {}
                ended => return (lines, ended),
            }
        }
    }

    #[tokio::test]
    async fn lines_come_whole_whatever_the_chunks() {
        for chunk in [1, 2, 3, 100] {
            let (lines, ended) = read_all(b"a\r\n\nbcd\nrest", chunk, 10).await;
            assert_eq!(
                (lines, ended),
                (vec![b"a\r\n".to_vec(), b"\n".to_vec(), b"bcd\n".to_vec()], Read::Ended)
            );
        }
    }

    #[tokio::test]
    async fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
        for chunk in [1, 3, 100] {
            assert_eq!(read_all(b"1234\n", chunk, 5).await, (vec![b"1234\n".to_vec()], Read::Ended));
            assert_eq!(read_all(b"12345\n", chunk, 5).await, (vec![], Read::TooLong));
        }
    }
}
