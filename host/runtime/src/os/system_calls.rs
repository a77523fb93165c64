//! The system calls of the compile worker, as a seccomp filter for x86_64 and aarch64.
//!
//! The worker has no use for descriptors but its three pipes: even one that it inherited by accident can be neither read
//! nor mapped. Memory is never executable, so that what it compiles cannot run in it.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Allowed whatever their arguments: memory that shrinks or moves, and what the standard library needs to end, or to
/// report a crash.
const FREE: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

pub(super) fn confine() -> Result<(), Error> {
    let filter = SeccompFilter::new(rules()?, SeccompAction::KillProcess, SeccompAction::Allow, architecture()?)?;
    let program: BpfProgram = filter.try_into()?;
    // This sets `no_new_privs` as well.
    seccompiler::apply_filter(&program)
}

fn architecture() -> Result<TargetArch, BackendError> {
    std::env::consts::ARCH.try_into()
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let argument = |index, operator, value| SeccompCondition::new(index, Dword, operator, value);
    let equal = |index, value| argument(index, SeccompCmpOp::Eq, value);
    let not_executable = || argument(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0);
    let no_file = || equal(4, u64::from(u32::MAX));
    let own = u64::from(std::process::id());
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = FREE.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_read, vec![SeccompRule::new(vec![equal(0, 0)?])?]);
    rules.insert(libc::SYS_write, vec![SeccompRule::new(vec![equal(0, 1)?])?, SeccompRule::new(vec![equal(0, 2)?])?]);
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![not_executable()?, no_file()?])?]);
    rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![not_executable()?])?]);
    // To abort is to send itself a signal.
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![equal(0, own)?, equal(2, libc::SIGABRT as u64)?])?]);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    /// What the child tries, in the environment.
    const TRIES: &str = "HEPTAD_TEST_TRIES";

    /// Something that compiling does not need.
    fn attempt(what: &str) {
        match what {
            "read a file" => drop(std::fs::read("/proc/self/status")),
            "write a file" => drop(std::fs::write("/dev/null", "x")),
            "open a socket" => drop(std::net::UdpSocket::bind("127.0.0.1:0")),
            "start a program" => drop(Command::new("/bin/true").status()),
            "start a thread" => drop(std::thread::spawn(|| {}).join()),
            "nothing" => {}
            other => panic!("no attempt `{other}`"),
        }
    }

    #[test]
    fn a_confined_process_is_killed_by_the_first_system_call_that_it_should_not_make() {
        const SIGSYS: i32 = 31;
        if let Ok(what) = std::env::var(TRIES) {
            confine().expect("the kernel filters system calls");
            attempt(&what);
            std::process::exit(0);
        }
        let name = std::thread::current().name().expect("the harness names its threads").to_owned();
        for (what, signal) in [
            ("nothing", None),
            ("read a file", Some(SIGSYS)),
            ("write a file", Some(SIGSYS)),
            ("open a socket", Some(SIGSYS)),
            ("start a program", Some(SIGSYS)),
            ("start a thread", Some(SIGSYS)),
        ] {
            let mut child = Command::new(std::env::current_exe().expect("this program"));
            let output = child.args(["--exact", &name, "--nocapture"]).env(TRIES, what).output().expect("it starts");
            assert_eq!(output.status.signal(), signal, "{what}: {output:?}");
        }
    }
}
