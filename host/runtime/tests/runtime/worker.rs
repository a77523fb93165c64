//! The compile worker: what it may, what it may not, and that a bomb harms nobody.

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use heptad_runtime::compile::{CompileError, Compiler, WorkerLimits};
use heptad_runtime::package::{inspect, pack};

use crate::bombs::{empty_functions, memory, nested_loops};
use crate::support::guest;

fn program() -> PathBuf {
    PathBuf::from(std::env::var("HEPTAD_BIN").expect("`cargo xtask test` passes the binary"))
}

/// Waits for a line of a file under `/proc` that holds this text.
#[cfg(target_os = "linux")]
fn wait_for(file: &Path, text: &str) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let read = std::fs::read_to_string(file).unwrap();
        if read.contains(text) {
            return read;
        }
        assert!(Instant::now() < until, "no `{text}` in {read}");
        std::thread::yield_now();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_worker_is_confined_before_it_reads() {
    let mut child = Command::new(program())
        .arg("compile-worker")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    // Nothing was sent: it waits for its first byte.
    let status = wait_for(&proc.join("status"), "Seccomp:\t2");
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Threads:\t1"), "{status}");
    let limits = std::fs::read_to_string(proc.join("limits")).unwrap();
    for (name, soft, hard) in [
        ("Max cpu time", "60", "62"),
        ("Max address space", "1073741824", "1073741824"),
        ("Max core file size", "0", "0"),
        ("Max file size", "268435456", "268435456"),
        ("Max open files", "0", "0"),
        ("Max processes", "0", "0"),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..2], [soft, hard], "{name}: {line}");
    }
    assert_eq!(std::fs::read(proc.join("environ")).unwrap(), b"", "no environment");
    // A component that has begun does not change that, and the worker compiles it all the same.
    let component = guest("hello-discount");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&component).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"\x7fELF"), "{output:?}");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn the_worker_inherits_no_descriptor_of_the_process_that_starts_it() {
    // What the server has open: a file and a listener, as the standard library opens them.
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("database")).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // This program lists what it was given and refuses, in the place of the worker.
    let spy = folder.path().join("spy");
    std::fs::write(&spy, "#!/bin/sh\nfor one in /proc/$$/fd/*; do readlink $one; done >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&spy, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let Err(CompileError::Refused(said)) = Compiler::new(spy).compile(Vec::new()).await else { panic!("it refuses") };
    let name = |descriptor: i32| std::fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap();
    let own = [name(file.as_raw_fd()), name(listener.as_raw_fd())];
    assert!(said.contains("pipe:"), "the spy saw its own descriptors: {said}");
    for secret in own {
        assert!(!said.lines().any(|line| Path::new(line) == secret), "{}: {said}", secret.display());
    }
}

#[tokio::test]
async fn a_bomb_dies_in_the_worker_and_the_next_compiles() {
    let limits = WorkerLimits { cpu_seconds: 2, address_space_mib: 400 };
    let compiler = Compiler::with_limits(program(), limits);
    for (name, bomb) in [("loops", nested_loops(700)), ("functions", empty_functions(200_000))] {
        let error = compiler.compile(bomb).await.err().unwrap_or_else(|| panic!("{name} was compiled"));
        assert!(matches!(error, CompileError::Time(2) | CompileError::Memory(400)), "{name}: {error}");
        assert!(!error.is_passing());
    }
    Compiler::new(program()).compile(guest("hello-discount")).await.unwrap();
}

#[tokio::test]
async fn more_uploads_than_may_wait_are_told_to_come_again() {
    let compiler = Compiler::with_limits(program(), WorkerLimits { cpu_seconds: 2, address_space_mib: 1024 });
    let uploads = (0..8).map(|_| compiler.compile_upload(empty_functions(100)));
    let mut busy = 0;
    let mut uploads: Vec<_> = uploads.map(Box::pin).collect();
    // All are asked once before the first is done.
    let mut open = Vec::new();
    for mut upload in uploads.drain(..) {
        match std::future::poll_fn(|context| std::task::Poll::Ready(upload.as_mut().poll(context))).await {
            std::task::Poll::Ready(Err(CompileError::Busy)) => busy += 1,
            std::task::Poll::Ready(other) => panic!("{other:?}"),
            std::task::Poll::Pending => open.push(upload),
        }
    }
    assert_eq!((busy, open.len()), (4, 4));
    for upload in open {
        upload.await.unwrap();
    }
}

#[test]
fn bombs_are_refused_by_their_shape() {
    let start = Instant::now();
    for (bomb, words) in [
        (nested_loops(700), "bytes in one function, at most 786432"),
        (empty_functions(200_000), "200000 functions, at most 50000"),
    ] {
        let error = inspect(&bomb).unwrap_err();
        assert_eq!(error.code(), "too-complex", "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    // A memory is held against the manifest: 16 MiB are 256 pages.
    let manifest = inspect(&guest("hello-discount")).unwrap().manifest;
    let error = pack(&memory(257), &manifest).unwrap_err();
    assert_eq!(error.code(), "memory-too-large", "{error}");
    assert_ne!(pack(&memory(256), &manifest).unwrap_err().code(), "memory-too-large");
}
