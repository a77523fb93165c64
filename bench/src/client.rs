//! A connection over HTTP/1.1 that is kept open, for one request at a time.

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to a server.
pub(crate) struct Client {
    address: String,
    token: Option<String>,
    to: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects; each request has the bearer token.
    pub(crate) async fn connect(address: &str, token: Option<&str>) -> Result<Self> {
        let (address, token) = (address.to_owned(), token.map(str::to_owned));
        let to = connect(&address).await?;
        Ok(Self { address, token, to })
    }

    /// Connects anew, after a request that failed.
    pub(crate) async fn reconnect(&mut self) -> Result<()> {
        self.to = connect(&self.address).await?;
        Ok(())
    }

    /// Sends a request with a body of JSON, and waits for the whole answer.
    pub(crate) async fn ask(&mut self, method: Method, path: &str, body: &str) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request =
            request.header("content-type", "application/json").body(Full::new(Bytes::from(body.to_owned())))?;
        self.to.ready().await?;
        let answer = self.to.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("nobody listens on {address}"))?;
    stream.set_nodelay(true)?;
    let (to, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(to)
}
