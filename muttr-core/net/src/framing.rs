//! One question and one answer on a substream, each with its length before it.

use std::{fmt, io};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};

/// Bytes behind their length as an unsigned varint of at most five bytes (multiformats
/// unsigned-varint), which is how libp2p-kad frames its messages.
///
/// Only what the length announces is read, so it does not matter whether the other side closes
/// its half of the substream, keeps it, or writes another question behind the first.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    bytes_max: usize,
}

/// Why a frame cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// More bytes than the protocol allows.
    TooLarge,
    /// The length is not an unsigned varint in its shortest spelling.
    BadLength,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "frame larger than its protocol allows",
            Self::BadLength => "frame length is not a minimal varint",
        })
    }
}

impl std::error::Error for Trouble {}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        Self::new(io::ErrorKind::InvalidData, trouble)
    }
}

impl Framing {
    /// Frames of at most `bytes_max` bytes, their length not counted.
    #[must_use]
    pub const fn new(bytes_max: usize) -> Self {
        Self { bytes_max }
    }

    async fn read<T: AsyncRead + Unpin + Send>(self, io: &mut T) -> io::Result<Vec<u8>> {
        let len = read_length(io).await?;
        if len > self.bytes_max {
            return Err(Trouble::TooLarge.into());
        }
        // Grows with what arrives: an announced length alone reserves no memory.
        let mut bytes = Vec::new();
        io.take(len as u64).read_to_end(&mut bytes).await?;
        if bytes.len() == len {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    async fn write<T: AsyncWrite + Unpin + Send>(self, io: &mut T, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.bytes_max {
            return Err(Trouble::TooLarge.into());
        }
        let mut framed = Vec::with_capacity(bytes.len() + 5);
        let mut rest = bytes.len();
        while rest > 0x7f {
            framed.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        framed.push(rest as u8);
        framed.extend_from_slice(bytes);
        io.write_all(&framed).await?;
        io.flush().await
    }
}

async fn read_length<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<usize> {
    let mut len = 0_usize;
    for shift in [0, 7, 14, 21] {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        len |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return if byte[0] == 0 && shift > 0 {
                Err(Trouble::BadLength.into())
            } else {
                Ok(len)
            };
        }
    }
    Err(Trouble::TooLarge.into())
}

impl request_response::Codec for Framing {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, &request).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, &response).await
    }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};

    use super::*;

    fn read(framing: Framing, bytes: &[u8]) -> Result<Vec<u8>, String> {
        block_on(framing.read(&mut Cursor::new(bytes.to_vec()))).map_err(|error| error.to_string())
    }

    fn written(bytes: &[u8]) -> Vec<u8> {
        let mut io = Cursor::new(Vec::new());
        block_on(Framing::new(1 << 20).write(&mut io, bytes)).expect("fits");
        io.into_inner()
    }

    #[test]
    fn what_was_written_is_read() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let bytes = vec![7; len];
            assert_eq!(read(Framing::new(len), &written(&bytes)), Ok(bytes));
        }
    }

    #[test]
    fn a_second_question_behind_the_first_is_left_where_it_is() {
        let two = [written(b"first"), written(b"second")].concat();
        assert_eq!(read(Framing::new(10), &two), Ok(b"first".to_vec()));
    }

    #[test]
    fn mallory_announces_more_than_she_sends() {
        let too_large = Trouble::TooLarge.to_string();
        assert_eq!(
            read(Framing::new(4), &written(b"hello")),
            Err(too_large.clone())
        );
        assert_eq!(read(Framing::new(usize::MAX), &[0xff; 12]), Err(too_large));
        assert!(read(Framing::new(10), &[5, 1, 2]).is_err(), "truncated");
        assert!(read(Framing::new(10), &[0x80]).is_err(), "truncated length");
        assert_eq!(
            read(Framing::new(10), &[0x81, 0x00]),
            Err(Trouble::BadLength.to_string())
        );
    }
}
