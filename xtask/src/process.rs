//! Running other programs so that Ctrl-C ends them first and this program after them, with its clean-up done.
//!
//! Each child leads a process group of its own: a terminal's Ctrl-C reaches only this program, which passes it on once,
//! and a signal sent to this program alone (by a script or a supervisor) has the same effect.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

/// Set once SIGINT, SIGTERM or SIGHUP arrived.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The process group of the child that runs now; 0 for none.
static CHILD: AtomicU32 = AtomicU32::new(0);

/// Makes SIGINT, SIGTERM and SIGHUP end the running child rather than this program.
pub(crate) fn listen_for_interrupts() -> Result<()> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        let group = CHILD.load(Ordering::SeqCst);
        if group != 0 {
            interrupt(group);
        }
    })
    .context("cannot listen for Ctrl-C")
}

/// Whether a signal asked this program to end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Sends SIGINT to a process group that a child of this program leads.
pub(crate) fn interrupt(group: u32) {
    // The shell's own `kill`, since minimal systems have no program of that name. Failure means that it ended already.
    let _ = Command::new("sh")
        .args(["-c", "kill -s INT -- -\"$1\"", "sh", &group.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Runs a program to its end; fails when it does, naming it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let child = spawn(command)?;
    finish(command, child)
}

/// Runs a program to its end, passing each line of its standard output to `line`.
pub(crate) fn run_lines(command: &mut Command, mut line: impl FnMut(&str)) -> Result<()> {
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    if let Some(output) = child.stdout.take() {
        for read in BufReader::new(output).lines() {
            line(&read.with_context(|| format!("cannot read what {} prints", name(command)))?);
        }
    }
    finish(command, child)
}

/// Runs a program that answers at once and gives its standard output; its standard error joins the failure.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        bail!("{} failed ({}): {}", name(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no UTF-8", name(command)))
}

/// Whether a program can be started and succeeds; it prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn spawn(command: &mut Command) -> Result<Child> {
    if interrupted() {
        bail!("interrupted");
    }
    let child = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", name(command)))?;
    CHILD.store(child.id(), Ordering::SeqCst);
    if interrupted() {
        // The signal fell between the check above and the store; the handler saw no child.
        interrupt(child.id());
    }
    Ok(child)
}

fn finish(command: &Command, mut child: Child) -> Result<()> {
    let status = child.wait();
    CHILD.store(0, Ordering::SeqCst);
    let status = status.with_context(|| format!("lost {}", name(command)))?;
    if interrupted() {
        bail!("interrupted");
    }
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// The program and its first words, enough to run it again by hand.
fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    if let Some(program) = std::path::Path::new(&words[0]).file_name() {
        words[0] = program.to_string_lossy().into_owned();
    }
    words.extend(command.get_args().take(4).map(|argument| argument.to_string_lossy().into_owned()));
    format!("`{}`", words.join(" "))
}
