//! `cargo xtask image`: what `ops/Containerfile` does, without a container engine. Its build steps are run as commands, in a
//! folder that stands for the image's root, and the program is started as the image starts it: with the image's environment
//! and nothing else, as the image's user, who may write nowhere but to its volumes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::scratch::Scratch;
use crate::workspace::Workspace;

/// How long it may take until the program is ready, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const POLL: Duration = Duration::from_millis(50);
/// Where the build stage puts what becomes the image.
const OUT: &str = "/out";
/// The program's state: a volume of the image.
const STATE: &str = "/var/lib/heptad";

/// What the file says that can be done without an engine.
#[derive(Debug, Default, PartialEq, Eq)]
struct Recipe {
    steps: Vec<String>,
    environment: Vec<(String, String)>,
    user: String,
    program: String,
    arguments: Vec<String>,
}

impl Recipe {
    fn parse(text: &str) -> Result<Self> {
        let mut recipe = Self::default();
        for line in text.replace("\\\n", " ").lines() {
            let Some((word, rest)) = line.trim().split_once(' ') else { continue };
            let rest = rest.trim();
            match word {
                "RUN" => recipe.steps.push(rest.to_owned()),
                "ENV" => {
                    for pair in rest.split_whitespace() {
                        let (name, value) = pair.split_once('=').with_context(|| format!("ENV {pair}"))?;
                        recipe.environment.push((name.to_owned(), value.to_owned()));
                    }
                }
                "USER" => rest.split(':').next().unwrap_or_default().clone_into(&mut recipe.user),
                "ENTRYPOINT" => recipe.program = words(rest).concat(),
                "CMD" => recipe.arguments = words(rest),
                _ => {}
            }
        }
        if recipe.steps.is_empty() || recipe.user.is_empty() || recipe.program.is_empty() {
            bail!("the Containerfile has no RUN, no USER or nothing to start: {recipe:?}");
        }
        Ok(recipe)
    }
}

/// The words of a list in brackets.
fn words(list: &str) -> Vec<String> {
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Builds and starts the image's program, waits until it is ready, and stops it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let recipe = Recipe::parse(&fs::read_to_string(workspace.root.join("ops/Containerfile"))?)?;
    // Not below the target folder: that one may lie where the image's user cannot go.
    let scratch = Scratch::new(&std::env::temp_dir(), "image")?;
    let root = scratch.path().join("out");
    let here = |text: &str| text.replace(OUT, &root.display().to_string());
    for step in &recipe.steps {
        println!("image: {step}");
        // The steps name the folder of a build that nothing has moved.
        let mut shell = Command::new("sh");
        shell.args(["-ec", &here(step)]).current_dir(&workspace.root).env("CARGO_TARGET_DIR", "target");
        process::run(&mut shell)?;
    }
    start(&recipe, &root)?;
    println!("image: ready as user {}, and ended on SIGTERM", recipe.user);
    Ok(())
}

/// Starts the program, and sees it ready and ended.
fn start(recipe: &Recipe, root: &Path) -> Result<()> {
    let (listen, metrics) = (free()?, free()?);
    let state = format!("{}{STATE}", root.display());
    let environment = recipe.environment.iter().map(|(name, value)| {
        let value = match name.as_str() {
            "HEPTAD_SERVER__LISTEN" => listen.clone(),
            "HEPTAD_SERVER__METRICS_LISTEN" => metrics.clone(),
            _ => value.replace(STATE, &state),
        };
        (name.clone(), value)
    });
    let environment: Vec<(String, String)> = environment.collect();
    let program = format!("{}{}", root.display(), recipe.program);
    // An engine makes the user; here it can be taken by the superuser alone.
    let user = match fs::metadata("/proc/self")?.uid() {
        0 => Some(recipe.user.parse::<u32>().context("USER is a number")?),
        _ => None,
    };
    if user.is_some() {
        process::run(Command::new("chown").args(["-R", &recipe.user, &state]))?;
        process::run(Command::new("chmod").arg("0755").arg(root.parent().unwrap_or(root)))?;
    }
    let command = |arguments: &[String]| {
        let mut command = Command::new(&program);
        command.args(arguments).env_clear().envs(environment.clone()).current_dir("/");
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        command
    };
    process::run(&mut command(&["migrate".to_owned()]))?;
    let mut running = command(&recipe.arguments).spawn().with_context(|| format!("cannot start {program}"))?;
    let ready = until(|| match running.try_wait()? {
        Some(status) => bail!("the program ended at its start: {status}"),
        None => Ok(asked(&listen).then_some(())),
    });
    let ended = ready.and_then(|()| stop(&mut running));
    let _ = running.kill();
    let _ = running.wait();
    ended
}

/// Sends SIGTERM, and waits for a clean end.
fn stop(running: &mut Child) -> Result<()> {
    process::run(Command::new("sh").args(["-c", &format!("kill -s TERM {}", running.id())]))?;
    let status = until(|| Ok(running.try_wait()?)).context("the program did not end in time")?;
    if status.success() { Ok(()) } else { bail!("the program ended with {status}") }
}

fn until<T>(mut check: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(value) = check()? {
            return Ok(value);
        }
        if begun.elapsed() > PATIENCE {
            bail!("nothing within {PATIENCE:?}");
        }
        thread::sleep(POLL);
    }
}

fn free() -> Result<String> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.to_string())
}

/// Whether `/readyz` says that it is ready.
fn asked(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containerfile_is_read() -> Result<()> {
        let text = "FROM a\nRUN cargo build \\\n    && true\nENV A=1 \\\n    B=/var/lib/heptad/x\nUSER 7:7\nENTRYPOINT [\"/p\"]\nCMD [\"serve\", \"now\"]\n";
        let recipe = Recipe::parse(text)?;
        assert_eq!(recipe.steps, ["cargo build      && true"]);
        assert_eq!(recipe.environment[1], ("B".to_owned(), "/var/lib/heptad/x".to_owned()));
        assert_eq!((recipe.user.as_str(), recipe.program.as_str()), ("7", "/p"));
        assert_eq!(recipe.arguments, ["serve", "now"]);
        assert!(Recipe::parse("FROM a\n").is_err());
        Ok(())
    }
}
