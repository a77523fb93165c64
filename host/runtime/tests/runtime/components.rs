//! Where components lie when several machines share them.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use heptad_runtime::components::{Bucket, BucketOptions, ComponentError, Components, digest};
use tempfile::TempDir;

const HINT: &str = "run `cargo xtask test`, which installs an S3 server and passes its program";
const PATIENCE: Duration = Duration::from_secs(30);

/// A machine: its own folder, and the bucket of all.
struct Machine {
    components: Components,
    folder: TempDir,
}

impl Machine {
    fn on(options: &BucketOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bucket = Bucket::open(options).unwrap();
        Self { components: Components::open(folder.path().to_owned(), Some(bucket)).unwrap(), folder }
    }

    fn copies(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count()
    }
}

fn folder(path: &Path) -> BucketOptions {
    BucketOptions { url: format!("file://{}", path.display()), ..BucketOptions::default() }
}

/// What one machine puts, another one gets and keeps.
async fn shared(options: &BucketOptions) {
    let (here, there) = (Machine::on(options), Machine::on(options));
    let bytes = b"a component".repeat(1_000);
    let name = digest(&bytes);
    here.components.put(&name, &bytes).await.unwrap();
    here.components.put(&name, &bytes).await.unwrap();
    assert_eq!(there.components.get(&name).await.unwrap(), bytes);
    assert_eq!((here.copies(), there.copies()), (1, 1));
    let other = digest(b"another one");
    let missing = there.components.get(&other).await.unwrap_err();
    assert!(matches!(missing, ComponentError::Bucket { .. }) && missing.to_string().contains(&other), "{missing}");
    // A copy that was damaged is fetched again.
    std::fs::write(there.folder.path().join(format!("{name}.wasm")), "damaged").unwrap();
    assert_eq!(there.components.get(&name).await.unwrap(), bytes);
    // A backup on a new machine holds all of them, and a restore brings them back.
    here.components.put(&other, b"another one").await.unwrap();
    let third = Machine::on(options);
    assert_eq!(third.components.fetch_all().await.unwrap(), 2);
    assert_eq!((third.components.fetch_all().await.unwrap(), third.copies()), (0, 2));
    assert_eq!(third.components.send_all().await.unwrap(), 2);
}

#[tokio::test]
async fn machines_share_a_folder() {
    let place = tempfile::tempdir().unwrap();
    let options = folder(place.path());
    shared(&options).await;
    // What was changed in the shared place is nobody's component.
    let name = digest(b"another one");
    std::fs::write(place.path().join(format!("{name}.wasm")), "changed").unwrap();
    let changed = Machine::on(&options).components.get(&name).await.unwrap_err();
    assert!(matches!(changed, ComponentError::Changed(_)), "{changed}");
}

/// A server that speaks S3, with a bucket `heptad`.
struct S3 {
    server: Child,
    port: u16,
    _folder: TempDir,
}

impl S3 {
    fn start() -> Self {
        let program = PathBuf::from(std::env::var("HEPTAD_TEST_S3_SERVER").expect(HINT));
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new("node");
        command.arg(program).args(["--silent", "--address", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--no-vhost-buckets", "--configure-bucket", "heptad", "--directory"]).arg(folder.path());
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let s3 = Self { server, port, _folder: folder };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the S3 server does not start");
            std::thread::yield_now();
        }
        s3
    }

    /// As who this is. The server knows one; it reads signatures of version 4 and does not reckon them anew.
    fn options(&self, access_key_id: &str) -> BucketOptions {
        BucketOptions {
            url: "s3://heptad/components".to_owned(),
            endpoint: format!("http://127.0.0.1:{}", self.port),
            region: "us-east-1".to_owned(),
            access_key_id: access_key_id.to_owned(),
            secret_access_key: "S3RVER".to_owned(),
        }
    }

    fn stop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test]
async fn machines_share_a_bucket() {
    let mut s3 = S3::start();
    let options = s3.options("S3RVER");
    shared(&options).await;
    let bytes = b"one that is known".to_vec();
    let name = digest(&bytes);
    let machine = Machine::on(&options);
    machine.components.put(&name, &bytes).await.unwrap();

    // Somebody whom the server does not know gets and puts nothing.
    let stranger = Machine::on(&s3.options("GUESSED"));
    let refused = stranger.components.get(&name).await.unwrap_err().to_string();
    let error = stranger.components.put(&name, &bytes).await.unwrap_err();
    assert!(matches!(error, ComponentError::Bucket { .. }), "{error}");
    assert_eq!(stranger.copies(), 0, "{refused}");

    // Without the bucket a machine has what it has; the rest is an error, and soon.
    s3.stop();
    assert_eq!(machine.components.get(&name).await.unwrap(), bytes);
    let begun = Instant::now();
    let gone = machine.components.get(&digest(b"another one")).await.unwrap_err();
    assert!(matches!(gone, ComponentError::Bucket { .. }) && begun.elapsed() < PATIENCE, "{gone}");
}

#[tokio::test]
async fn a_bucket_that_hangs_is_an_error() {
    // It takes connections, and says nothing.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let options = BucketOptions {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        url: "s3://heptad".to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: "x".to_owned(),
        secret_access_key: "y".to_owned(),
    };
    let hanging = std::thread::spawn(move || {
        let taken: Vec<TcpStream> = listener.incoming().take(1).map_while(Result::ok).collect();
        for mut stream in taken {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let machine = Machine::on(&options);
    let begun = Instant::now();
    let error = machine.components.get(&digest(b"x")).await.unwrap_err();
    assert!(matches!(error, ComponentError::Bucket { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    drop(machine);
    hanging.join().unwrap();
}

#[test]
fn what_is_no_bucket_is_refused() {
    for url in ["", "gs://x", "s3:/x", "/folder"] {
        let options = BucketOptions { url: url.to_owned(), ..BucketOptions::default() };
        let refused = Bucket::open(&options).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("neither s3:// nor file://"), "{url}: {refused}");
    }
}
