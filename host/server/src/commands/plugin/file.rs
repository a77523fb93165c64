//! `heptad plugin pack`, `key`, `sign` and `inspect`: the file of a plugin, without a server.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use heptad_model::signing::key_name;
use heptad_model::{Env, Manifest};
use heptad_runtime::package::{self, signature};
use heptad_runtime::{Inspected, PackageError};
use serde::Serialize;

use crate::error::{CliError, Explain as _, Kind, Result};
use crate::output::Output;

/// The options of `pack`.
#[derive(Debug, clap::Args)]
pub(crate) struct PackArgs {
    /// The component, from any toolchain
    file: PathBuf,
    /// The manifest
    #[arg(long, default_value = "plugin.toml", value_name = "FILE")]
    manifest: PathBuf,
    /// Where the plugin goes
    #[arg(long = "output", value_name = "FILE")]
    target: PathBuf,
}

/// The options of `inspect`.
#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The plugin
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// The options of `key`.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyArgs {
    /// The file of the private key, which is made; an existing one is only read
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// The options of `sign`.
#[derive(Debug, clap::Args)]
pub(crate) struct SignArgs {
    /// The plugin, which gets the signature in place of one that it has
    file: PathBuf,
    /// The file of the private key, in PEM (PKCS #8)
    #[arg(long, value_name = "FILE", env = "HEPTAD_SIGNING_KEY")]
    key: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Puts a manifest into a component.
pub(crate) fn pack(args: &PackArgs) -> Result {
    let PackArgs { file, manifest, target } = args;
    let component = read(file)?;
    let text = fs::read_to_string(manifest).during(|| cannot_read(manifest)).kind(Kind::Input)?;
    let manifest = Manifest::from_toml(&text).during(|| manifest.display().to_string()).kind(Kind::Input)?;
    let packed = package::pack(&component, &manifest).map_err(|error| refused(file, &error))?;
    write(target, &packed)?;
    crate::output::line(format!("packed {} {} into {}", manifest.name, manifest.version, target.display()))
}

/// What `inspect` prints.
#[derive(Serialize)]
struct Report<'a> {
    digest: &'a str,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    imports: &'a [String],
    manifest: &'a Manifest,
}

/// Prints what a plugin is.
pub(crate) fn inspect(args: &InspectArgs) -> Result {
    let InspectArgs { file, output } = args;
    let Inspected { manifest, digest, signed_by, size, imports } =
        package::inspect(&read(file)?).map_err(|error| refused(file, &error))?;
    let signed_by = signed_by.map(|key| key_name(&key));
    output.print(&Report { digest: &digest, size, signed_by, imports: &imports, manifest: &manifest }, human)
}

fn human(report: &Report<'_>) -> String {
    let manifest = report.manifest;
    let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join("\n             ") };
    let optional = |is_optional: bool| if is_optional { " (optional)" } else { "" };
    let permissions = manifest.permissions.iter();
    let hosts = manifest.hosts.iter().map(|wish| format!("{}{}", wish.name, optional(wish.optional)));
    let routes = manifest
        .routes
        .iter()
        .map(|route| format!("{} {} for {}", route.methods.join(", "), route.path, route.audience.name()));
    let events = manifest.events.iter().map(|wish| format!("{}: {}", wish.name, wish.types.join(", ")));
    let rows: [(&str, String); 17] = [
        ("plugin", format!("{} {}", manifest.name, manifest.version)),
        ("publisher", manifest.publisher.clone()),
        ("licence", manifest.license.clone()),
        ("contract", manifest.contract.clone()),
        ("digest", report.digest.to_owned()),
        ("signed by", report.signed_by.clone().unwrap_or_else(|| "nobody".to_owned())),
        ("size", format!("{} bytes", report.size)),
        ("memory", format!("{} MiB", manifest.memory_mib.unwrap_or(*heptad_model::manifest::MEMORY_MIB.start()))),
        ("points", list(manifest.points.iter().map(|point| point.name().to_owned()).collect())),
        ("permissions", list(permissions.map(|wish| format!("{}{}", wish.name, optional(wish.optional))).collect())),
        ("hosts", list(hosts.collect())),
        ("events", list(events.collect())),
        ("schedules", list(manifest.schedules.iter().map(|wish| format!("{}: {}", wish.name, wish.cron)).collect())),
        ("routes", list(routes.collect())),
        ("imports", list(report.imports.to_vec())),
        ("settings", if manifest.settings.is_some() { "a form" } else { "none" }.to_owned()),
        ("locales", manifest.locales.keys().cloned().collect::<Vec<_>>().join(", ")),
    ];
    rows.map(|(name, value)| format!("{name:<13}{value}")).join("\n")
}

/// What `key` and `sign` print.
#[derive(Serialize)]
struct KeyReport {
    id: String,
    public_key: String,
    file: PathBuf,
}

/// Makes a signing key, or shows the one that is there.
pub(crate) fn key(args: &KeyArgs) -> Result {
    let file = &args.file;
    let key = match file.exists() {
        true => private_key(file)?,
        false => {
            let mut seed = [0; 32];
            Env::system().fill(&mut seed);
            let key = SigningKey::from_bytes(&seed);
            let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| CliError::new(Kind::Failure, error))?;
            write_private(file, pem.as_bytes()).during(|| format!("cannot write {}", file.display()))?;
            key
        }
    };
    args.output.print(&report(&key, file), |report| {
        let KeyReport { id, public_key, file } = report;
        format!("key         {id}\npublic key  {public_key}\nfile        {}\n\nRegister the public key with your publisher account, and keep the file to yourself.", file.display())
    })
}

/// Signs a plugin.
pub(crate) fn sign(args: &SignArgs) -> Result {
    let key = private_key(&args.key)?;
    let signed = signature::sign(&read(&args.file)?, &key).map_err(|error| refused(&args.file, &error))?;
    write(&args.file, &signed)?;
    args.output.print(&report(&key, &args.file), |report| format!("signed {} by {}", report.file.display(), report.id))
}

fn report(key: &SigningKey, file: &Path) -> KeyReport {
    let public_key = hex::encode(key.verifying_key().as_bytes());
    KeyReport { id: signature::name_of(key), public_key, file: file.to_owned() }
}

pub(crate) fn private_key(file: &Path) -> Result<SigningKey> {
    let text = fs::read_to_string(file).during(|| cannot_read(file)).kind(Kind::Input);
    let text = text.or_hint(|| format!("make one by `heptad plugin key {}`", file.display()))?;
    SigningKey::from_pkcs8_pem(&text).map_err(|_| {
        CliError::new(Kind::Input, format!("{} holds no Ed25519 key in PEM (PKCS #8)", file.display()))
            .hint("openssl genpkey -algorithm ed25519 makes one, too")
    })
}

/// Writes a file that nobody else may read.
fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(bytes)
}

pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).during(|| cannot_read(file)).kind(Kind::Input)
}

pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result {
    fs::write(file, bytes).during(|| format!("cannot write {}", file.display()))
}

fn cannot_read(file: &Path) -> String {
    format!("cannot read {}", file.display())
}

pub(crate) fn refused(file: &Path, error: &PackageError) -> CliError {
    CliError::new(Kind::Input, format!("{}: {error} [{}]", file.display(), error.code()))
}
