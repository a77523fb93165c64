//! The master key: the host's own secret, from the environment or a file apart from the data.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use heptad_model::Env;
use heptad_platform::vault::{KEY_BYTES, Vault};

use crate::config::Data;
use crate::error::{CliError, Explain as _, Kind, Result};

/// The environment variables that go before the files.
const VARIABLE: &str = "HEPTAD_MASTER_KEY";
const PREVIOUS_VARIABLE: &str = "HEPTAD_PREVIOUS_MASTER_KEY";

/// The key; its file is made, for its owner alone, when it is absent.
pub(crate) fn load(data: &Data, env: &Env) -> Result<[u8; KEY_BYTES]> {
    if let Some(key) = variable(VARIABLE) {
        return key;
    }
    let file = &data.key_file;
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text, &file.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(file, env),
        Err(error) => Err(error).during(|| format!("cannot read the master key {}", file.display())).kind(Kind::Config),
    }
}

/// The key before it, while there is one.
pub(crate) fn previous(data: &Data) -> Result<Option<[u8; KEY_BYTES]>> {
    if let Some(key) = variable(PREVIOUS_VARIABLE) {
        return key.map(Some);
    }
    let file = &data.previous_key_file;
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(file);
    let text = text.during(|| format!("cannot read the previous master key {}", file.display())).kind(Kind::Config)?;
    parse(&text, &file.display().to_string()).map(Some)
}

/// The vault under both.
pub(crate) fn vault(data: &Data, env: &Env) -> Result<Vault> {
    Ok(Vault::new(load(data, env)?, previous(data)?))
}

fn variable(name: &str) -> Option<Result<[u8; KEY_BYTES]>> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(parse(&text, name))
}

fn parse(text: &str, place: &str) -> Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| {
        // The text itself is a secret, wrong as it may be.
        CliError::new(Kind::Config, format!("the master key in {place} is not 64 hexadecimal digits"))
    })?;
    Ok(key)
}

fn create(file: &Path, env: &Env) -> Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    env.fill(&mut key);
    let what = || format!("cannot write the master key {}", file.display());
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).during(what).kind(Kind::Config)?;
    }
    // Complete before it has its name: another process that starts now reads a whole key, and of two that make one,
    // `hard_link` lets the first win.
    let temporary = file.with_extension(format!("new-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(|mut out| {
        out.write_all(format!("{}\n", hex::encode(key)).as_bytes())?;
        out.sync_all()
    });
    let linked = written.and_then(|()| std::fs::hard_link(&temporary, file));
    let _ = std::fs::remove_file(&temporary);
    match linked {
        Ok(()) => {
            tracing::info!(file = %file.display(), "made the master key {}: keep a copy of it apart from the data", file.display());
            Ok(key)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            parse(&std::fs::read_to_string(file).during(what)?, &file.display().to_string())
        }
        Err(error) => Err(error).during(what).kind(Kind::Config),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/heptad.key");
        let env = Env::fixed(0);
        let data =
            Data { folder: folder.path().into(), key_file: file.clone(), previous_key_file: std::path::PathBuf::new() };
        let key = load(&data, &env).unwrap();
        assert_eq!(load(&data, &env).unwrap(), key);
        assert_eq!(previous(&data).unwrap(), None);
        assert_eq!(previous(&Data { previous_key_file: file.clone(), ..data.clone() }).unwrap(), Some(key));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        std::fs::write(&file, "not a key").unwrap();
        let error = load(&data, &env).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(!format!("{error:?}").contains("not a key"), "{error:?}");
    }
}
