//! Bodies of HTTP messages as streams of the standard library.

use std::io::{self, Read, Write};

use crate::bindings::http_handler::wasi::http::types::IncomingBody;
use crate::bindings::http_handler::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// The most bytes that are read at once.
const PIECE: u64 = 64 << 10;

fn broken(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}

/// A body that comes in. It falls in this order: a stream goes before its body.
pub(crate) struct Incoming {
    stream: InputStream,
    _body: IncomingBody,
}

impl Incoming {
    pub(crate) fn of(body: IncomingBody) -> Option<Self> {
        Some(Self { stream: body.stream().ok()?, _body: body })
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.stream.blocking_read(PIECE.min(into.len() as u64)) {
            Ok(bytes) => {
                into[..bytes.len()].copy_from_slice(&bytes);
                // No bytes and no end: nothing came yet.
                if bytes.is_empty() && !into.is_empty() {
                    Err(io::ErrorKind::Interrupted.into())
                } else {
                    Ok(bytes.len())
                }
            }
            Err(StreamError::Closed) => Ok(0),
            Err(error) => Err(broken(error)),
        }
    }
}

/// A body that goes out.
pub(crate) struct Outgoing(OutputStream);

impl Outgoing {
    pub(crate) const fn new(stream: OutputStream) -> Self {
        Self(stream)
    }
}

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        loop {
            let room = self.0.check_write().map_err(broken)?;
            if room > 0 {
                let length = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                self.0.write(&bytes[..length]).map_err(broken)?;
                return Ok(length);
            }
            self.0.subscribe().block();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
