//! From an address in text to a connection with the very address that was checked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::address::Ranges;
use crate::error::{RootsError, SendError};
use crate::resolve::Resolve;

/// The most addresses of a name that are tried.
const ADDRESSES: usize = 8;
/// The longest name in the domain name system.
const NAME: usize = 253;

/// TLS with the roots of Mozilla and those in `roots`, as PEM.
pub(crate) fn tls(roots: &[u8]) -> Result<TlsConnector, RootsError> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(roots) {
        let certificate = certificate.map_err(|error| RootsError(error.to_string()))?;
        store.add(certificate).map_err(|error| RootsError(error.to_string()))?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| RootsError(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Where a request goes.
pub(crate) struct Target {
    authority: Authority,
    is_tls: bool,
}

impl Target {
    /// Of a whole address: `http` or `https`, a host, perhaps a port, nobody's name and password.
    pub(crate) fn of(uri: &Uri) -> Result<Self, SendError> {
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(SendError::Address("it begins with neither https:// nor http://")),
        };
        let authority = uri.authority().ok_or(SendError::Address("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(SendError::Address("it holds a user's name or password"));
        }
        let host = authority.host();
        if host.is_empty() || host.len() > NAME || host.contains('%') {
            return Err(SendError::Address("its host is empty, too long, or bound to an interface of this machine"));
        }
        Ok(Self { authority: authority.clone(), is_tls })
    }

    /// Host and port as they were given.
    pub(crate) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    pub(crate) const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The host in lower case, and the port where it is not the scheme's own.
    pub(crate) fn name(&self) -> String {
        let host = match self.literal() {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            Some(IpAddr::V4(address)) => address.to_string(),
            None => self.host().to_ascii_lowercase(),
        };
        match self.authority.port_u16() {
            Some(port) if port != if self.is_tls { 443 } else { 80 } => format!("{host}:{port}"),
            _ => host,
        }
    }

    fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_tls { 443 } else { 80 })
    }

    fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The host, where it is an address. Other ways to write one, such as `0x7f.1`, are names here, and what the resolver
    /// makes of them is checked as any other answer.
    pub(crate) fn literal(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// Resolves, checks, connects to what was checked, and makes TLS.
    pub(crate) async fn connect(
        &self,
        resolver: &dyn Resolve,
        allowed: &Ranges,
        tls: &TlsConnector,
        patience: Duration,
    ) -> Result<Io, SendError> {
        let addresses = match self.literal() {
            Some(address) => vec![address],
            None => resolver.resolve(self.host()).await.map_err(SendError::Name)?,
        };
        // One that is refused spoils the name: who answers with a public and a private address is up to something.
        for address in &addresses {
            allowed.check(*address).map_err(SendError::Refused)?;
        }
        let tcp = self.dial(&addresses, patience).await?;
        if !self.is_tls {
            return Ok(Io::Plain(tcp));
        }
        let name = ServerName::try_from(self.host().to_owned())
            .map_err(|_| SendError::Address("its host is no name that a certificate could have"))?;
        Ok(Io::Tls(Box::new(tls.connect(name, tcp).await.map_err(SendError::Tls)?)))
    }

    /// Tries one address after the other; each gets its share of the time, so that a dead one does not eat it up.
    async fn dial(&self, addresses: &[IpAddr], patience: Duration) -> Result<TcpStream, SendError> {
        let addresses = &addresses[..addresses.len().min(ADDRESSES)];
        let share = patience / u32::try_from(addresses.len().max(1)).unwrap_or(1);
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match timeout(share, TcpStream::connect(SocketAddr::new(*address, self.port()))).await {
                Ok(Ok(tcp)) => return tcp.set_nodelay(true).map(|()| tcp).map_err(SendError::Connect),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(SendError::Connect(failure))
    }
}

/// A connection, with TLS or without, or one that does not leave the process.
pub(crate) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Staged(DuplexStream),
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buffer),
            Self::Staged(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            Self::Tls(io) => Pin::new(io).poll_write(cx, bytes),
            Self::Staged(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
            Self::Staged(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
            Self::Staged(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
