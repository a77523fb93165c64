//! What depends on the operating system. Linux serves; elsewhere the command line is built for development.

#[cfg(target_os = "linux")]
mod system_calls;

/// Takes from this thread every system call that compiling does not need; one that is made all the same ends the process.
/// The error is a sentence; whoever gets it must not go on.
#[cfg(target_os = "linux")]
pub(crate) fn confine() -> Result<(), String> {
    system_calls::confine().map_err(|error| format!("the kernel refuses to filter system calls (seccomp): {error}"))
}

/// There is no filter of system calls here; the limits of memory and time hold alone.
#[cfg(not(target_os = "linux"))]
pub(crate) fn confine() -> Result<(), String> {
    Ok(())
}
