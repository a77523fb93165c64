//! The network's stand-in, for tests of plugins on their maker's machine.

use std::io;

use tokio::io::DuplexStream;

/// Answers in the place of all servers.
pub trait Stage: Send + Sync {
    /// A connection to a host, as a manifest names it; TLS is left out. The other end speaks HTTP/1.1.
    fn connect(&self, host: &str) -> io::Result<DuplexStream>;
}
