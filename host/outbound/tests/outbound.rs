//! Requests to servers on this machine, which the tests allow as an operator would.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heptad_outbound::{Bounds, By, Outbound, Ranges, Resolve, Resolving, SendError};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

const AUTHORITY: &[u8] = include_bytes!("tls/authority.pem");
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A server that reads a head and gives the same answer to each connection, then keeps the connection open.
struct Server {
    address: SocketAddr,
    /// The heads that it read, in order.
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Into<String>) -> Self {
        Self::listen(answer.into(), None).await
    }

    async fn with_tls(answer: impl Into<String>) -> Self {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::listen(answer.into(), Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(answer: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let seen = heads.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (answer, tls, seen) = (answer.clone(), tls.clone(), seen.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(tcp, &answer, &seen).await,
                        Some(tls) => serve(tls.accept(tcp).await?, &answer, &seen).await,
                    }
                });
            }
        });
        Self { address, heads }
    }

    fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}/hook?a=1", self.address.port())
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut io: impl AsyncRead + AsyncWrite + Unpin, answer: &str, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await?);
    }
    seen.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    io.write_all(answer.as_bytes()).await?;
    io.flush().await?;
    // Until the other side ends it.
    tokio::io::copy(&mut io, &mut tokio::io::sink()).await.map(drop)
}

/// A resolver that gives one answer after the other, the last one for ever.
struct Answers(Vec<Vec<IpAddr>>, AtomicUsize);

impl Answers {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect());
        Arc::new(Self(answers.collect(), AtomicUsize::new(0)))
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

impl Resolve for Answers {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        let at = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
        Box::pin(async move { Ok(self.0[at].clone()) })
    }
}

fn outbound(allowed: &[&str], resolver: Arc<dyn Resolve>) -> Outbound {
    Outbound::with_resolver(Ranges::parse(allowed).unwrap(), AUTHORITY, resolver).unwrap()
}

/// This machine is allowed, and every name is this machine.
fn here() -> Outbound {
    outbound(&["127.0.0.0/8"], Answers::new(&[&["127.0.0.1"]]))
}

fn post(url: &str) -> Request<Bytes> {
    Request::post(url).body(Bytes::from_static(b"{}")).unwrap()
}

async fn code(outbound: &Outbound, request: Request<Bytes>, bounds: &Bounds) -> &'static str {
    outbound.send(By::Webhook, request, bounds).await.unwrap_err().code()
}

#[tokio::test]
async fn a_request_goes_out_and_its_answer_comes_back() {
    let server = Server::start(OK).await;
    let mut request = post(&server.url("http", "partner.example"));
    for name in ["host", "connection", "transfer-encoding", "keep-alive", "upgrade", "content-length"] {
        request.headers_mut().insert(name, "7".parse().unwrap());
    }
    request.headers_mut().insert("x-own", "kept".parse().unwrap());
    let answer = here().send(By::Webhook, request, &Bounds::default()).await.unwrap();
    assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, b"hello".as_slice()));
    let mut lines: Vec<_> = server.heads()[0].trim_end().lines().map(str::to_owned).collect();
    lines[1..].sort();
    let host = format!("host: partner.example:{}", server.address.port());
    assert_eq!(lines, ["POST /hook?a=1 HTTP/1.1", "content-length: 2", &host, "x-own: kept"]);
}

#[tokio::test]
async fn tls_is_by_the_roots_and_for_the_name() {
    let server = Server::with_tls(OK).await;
    let bounds = Bounds::default();
    for host in ["partner.example", "localhost", "127.0.0.1"] {
        let answer = here().send(By::Webhook, post(&server.url("https", host)), &bounds).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{host}");
    }
    assert_eq!(code(&here(), post(&server.url("https", "other.example")), &bounds).await, "outbound-tls");
    let names: Arc<dyn Resolve> = Answers::new(&[&["127.0.0.1"]]);
    let without = Outbound::with_resolver(Ranges::parse(&["127.0.0.0/8"]).unwrap(), b"", names).unwrap();
    assert_eq!(code(&without, post(&server.url("https", "partner.example")), &bounds).await, "outbound-tls");
    assert!(Outbound::new(Ranges::NONE, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
}

#[tokio::test]
async fn private_addresses_are_refused_as_text_and_as_answers() {
    let server = Server::start(OK).await;
    let bounds = Bounds::default();
    let strict = |answer: &[&str]| outbound(&[], Answers::new(&[answer]));
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1"] {
        let url = server.url("http", host);
        assert_eq!(code(&strict(&["8.8.8.8"]), post(&url), &bounds).await, "outbound-refused", "{host}");
        assert!(strict(&[]).check(&url.parse().unwrap()).is_err(), "{host}");
    }
    // Names, other ways to write an address, and answers of which one is private.
    for (host, answer) in [
        ("partner.example", &["127.0.0.1"] as &[&str]),
        ("0x7f.1", &["127.0.0.1"]),
        ("2130706433", &["127.0.0.1"]),
        ("partner.example", &["8.8.8.8", "10.0.0.1"]),
        ("partner.example", &["::ffff:169.254.169.254"]),
    ] {
        assert_eq!(code(&strict(answer), post(&server.url("http", host)), &bounds).await, "outbound-refused", "{host}");
    }
    assert_eq!(code(&strict(&[]), post(&server.url("http", "nowhere.example")), &bounds).await, "outbound-connect");
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn a_name_that_changes_its_answer_leads_nowhere() {
    // 127.0.0.2 is this machine, too, and not allowed.
    let server = Server::start(OK).await;
    let answers = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let outbound = outbound(&["127.0.0.1/32"], answers.clone());
    let url = server.url("http", "rebinding.example");
    assert_eq!(outbound.send(By::Webhook, post(&url), &Bounds::default()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(answers.asked(), 1, "the address that was checked is the one that is connected to");
    assert_eq!(code(&outbound, post(&url), &Bounds::default()).await, "outbound-refused");
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_the_next_request_is_checked_like_the_first() {
    let target = Server::start(OK).await;
    let location = format!("http://127.0.0.2:{}/", target.address.port());
    let server =
        Server::start(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")).await;
    let outbound = outbound(&["127.0.0.1/32"], Answers::new(&[&["127.0.0.1"]]));
    let answer = outbound.send(By::Plugin, post(&server.url("http", "a.example")), &Bounds::default()).await.unwrap();
    assert_eq!((answer.status(), answer.headers()["location"].to_str().unwrap()), (StatusCode::FOUND, &*location));
    assert_eq!(code(&outbound, post(&location), &Bounds::default()).await, "outbound-refused");
    assert!(target.heads().is_empty());
}

#[tokio::test]
async fn each_request_has_a_connection_of_its_own() {
    let server = Server::start(OK).await;
    let outbound = here();
    for _ in 0..3 {
        outbound.send(By::Webhook, post(&server.url("http", "a.example")), &Bounds::default()).await.unwrap();
    }
    // The server reads one head of each connection.
    assert_eq!(server.heads().len(), 3);
}

#[tokio::test]
async fn heads_bodies_and_time_are_bounded() {
    let ok = Server::start(OK).await;
    let long = Server::start(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(20_000))).await;
    let wide =
        Server::start(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n400\r\n{}\r\n", "a".repeat(1_024)))
            .await;
    let mute = Server::start("").await;
    let slow = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal").await;
    let garbage = Server::start("220 mail.example ESMTP\r\n").await;
    let short = Duration::from_millis(200);
    let bounds = Bounds { answer_bytes: 1_000, request_bytes: 100, head_bytes: 9_000, ..Bounds::default() };
    let brief = Bounds { total: short, ..bounds };
    let heavy = |url: String| Request::post(url).body(Bytes::from(vec![0; 101])).unwrap();
    let headed = |url: String| Request::post(url).header("x", "a".repeat(9_000)).body(Bytes::new()).unwrap();
    for (request, bounds, expected) in [
        (post(&long.url("http", "a")), bounds, "outbound-too-large"),
        (post(&wide.url("http", "a")), bounds, "outbound-too-large"),
        (heavy(ok.url("http", "a")), bounds, "outbound-too-large"),
        (headed(ok.url("http", "a")), bounds, "outbound-too-large"),
        (post(&mute.url("http", "a")), brief, "outbound-timeout"),
        (post(&mute.url("http", "a")), Bounds { head: short, ..bounds }, "outbound-timeout"),
        (post(&mute.url("https", "a")), Bounds { connect: short, ..bounds }, "outbound-timeout"),
        (post(&slow.url("http", "a")), brief, "outbound-timeout"),
        (post(&garbage.url("http", "a")), bounds, "outbound-http"),
        (post("ftp://a.example/"), bounds, "outbound-address"),
        (post("/only/a/path"), bounds, "outbound-address"),
        (post("http://user:word@a.example/"), bounds, "outbound-address"),
        (post("http://[fe80::1%25eth0]/"), bounds, "outbound-address"),
    ] {
        let url = request.uri().to_string();
        assert_eq!(code(&here(), request, &bounds).await, expected, "{url} {bounds:?}");
    }
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let endless = Server::start("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    let (chunks, body) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, io::Error>>(1);
    chunks.send(Ok(Frame::data(Bytes::from_static(b"first")))).await.unwrap();
    let body = futures_util::stream::unfold(body, async |mut body| body.recv().await.map(|frame| (frame, body)));
    let request = Request::put(endless.url("http", "a.example")).body(StreamBody::new(body)).unwrap();
    let mut answer = here().stream(By::Plugin, request, &Bounds::default()).await.unwrap();
    // The answer's first part is here although neither body has ended.
    let frame = answer.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(frame.data_ref().unwrap().as_ref(), b"abc");
    assert!(endless.heads()[0].contains("transfer-encoding: chunked"));
    drop(answer);
    // The connection is gone, so nobody takes what the guest still sends.
    chunks.closed().await;

    let slow = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal").await;
    let request = post(&slow.url("http", "a")).map(http_body_util::Full::new);
    let answer = here().stream(By::Plugin, request, &Bounds::default()).await.unwrap();
    assert_eq!(answer.into_body().start(2).await.unwrap(), b"ha");
}

#[test]
fn what_may_pass_by_itself_is_tried_again() {
    assert!(SendError::TimedOut("").is_transient());
    assert!(!SendError::Address("").is_transient());
}
