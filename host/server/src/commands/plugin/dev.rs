//! `heptad plugin dev`: a host on this machine with one shop, in which the project's plugin runs; a change of the sources is
//! built and swapped in, and what calls did and logged is printed. Where a build fails, the plugin that was there runs on.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use heptad_capabilities::extensions::{CallTrace, Outcome};
use heptad_devkit::project::Project;
use heptad_devkit::scenario::{self, Scenario};
use heptad_devkit::watch::fingerprint;
use heptad_model::id::{InstallId, PublisherId};
use heptad_model::{Ctx, Currency, Locale, Origin, PermissionSet};
use heptad_platform::PlatformError;
use heptad_platform::catalog::{Review, VersionIn, version_review, version_submit};
use heptad_platform::install::{
    Grants, InstallIn, UpgradeIn, install_create, install_enable, install_secret_put, install_upgrade,
};
use heptad_platform::publisher::publisher_create;
use heptad_platform::tenant::{TenantIn, tenant_create};
use heptad_platform::token::{TokenIn, token_create};
use heptad_platform::user::{HeldRole, UserIn, user_create};
use heptad_platform::{Principal, Role, Scope};
use heptad_runtime::Package;
use heptad_runtime::package::repack;
use heptad_store::{PlatformTx, Tx, migrate};
use heptad_web::AppState;
use serde::Serialize;
use serde_json::Value;

use super::project::{failed, open};
use crate::base::{Base, Global, platform};
use crate::config::{Config, DEFAULTS};
use crate::error::{CliError, Explain as _, Kind, Result};
use crate::lifecycle::{Server, signal};
use crate::logging;
use crate::telemetry::Telemetry;

/// How often the sources are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The shop's short name, and of the person who may do everything in it.
const SHOP: &str = "dev";

/// The options of `dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct DevArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The port of the API and the console; 0 takes any free one
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// The scenario whose shop, settings and secrets are taken; the first one when absent
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// One line of JSON for each thing that happens
    #[arg(long)]
    json: bool,
}

/// Something that happens; a line of output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
enum Told {
    Ready { url: String, login: String, password: String, token: String },
    Swapped { version: String, digest: String, millis: u128 },
    BuildFailed { error: String },
    Refused { error: String },
    Call { point: &'static str, outcome: String, fuel: u64, micros: u64, log: Vec<String> },
}

impl Told {
    fn print(&self, is_json: bool) {
        let text = match (is_json, self) {
            (true, told) => serde_json::to_string(told).unwrap_or_default(),
            (false, Self::Ready { url, login, password, token }) => {
                format!(
                    "console {url}/console, sign in as {login} with {password}\nstorefront token {token}\nwatching; Ctrl-C ends it"
                )
            }
            (false, Self::Swapped { version, digest, millis }) => {
                format!("running {version} ({}), swapped in {millis} ms", &digest[..12.min(digest.len())])
            }
            (false, Self::BuildFailed { error }) => format!("the build failed, the plugin before runs on: {error}"),
            (false, Self::Refused { error }) => format!("the host refuses it, the plugin before runs on: {error}"),
            (false, Self::Call { point, outcome, fuel, micros, log }) => {
                let head = format!("{point} {outcome}: fuel {fuel}, {}.{} ms", micros / 1_000, micros % 1_000 / 100);
                std::iter::once(head).chain(log.iter().map(|line| format!("  {line}"))).collect::<Vec<_>>().join("\n")
            }
        };
        // A terminal that went away ends the process by its signal.
        let _ = crate::output::line(text);
    }
}

/// Runs the command.
pub(crate) async fn run(global: Global, args: DevArgs) -> Result {
    let project = open(&args.folder)?;
    let folder = project.scratch().join("heptad-dev");
    let config = config(&folder, args.port)?;
    logging::init(&config.log, global.log_format, &Telemetry::off())?;
    // A host of its own, begun afresh.
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    std::fs::create_dir_all(&folder).during(|| format!("cannot make {}", folder.display()))?;
    let scenario = first_scenario(&project.folder, args.scenario.as_deref())?;
    let stop = signal()?;
    let base = Base::of(config);
    migrate(&base.config.database.url, None, &base.env).await?;
    let server = Server::start(&base).await?;
    let mut bench = Bench::begin(&base, &server, &project, &scenario, args.json).await?;
    bench.ready(&server.public_url)?;
    let is_json = args.json;
    server.state.runtime.on_calls(move |trace, _| call(trace).print(is_json));
    let watch = async move {
        let mut seen = 0;
        loop {
            let now = fingerprint(&args.folder);
            if now != seen {
                seen = now;
                bench.swap(&args.folder).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = watch => Ok(()),
        ended = server.run(stop) => ended,
    }
}

/// The defaults, with everything in the project's own folder and on this machine alone.
fn config(folder: &Path, port: u16) -> Result<Config> {
    let mut config: Config = toml::from_str(DEFAULTS)?;
    config.server.listen = format!("127.0.0.1:{port}");
    config.server.metrics_listen = String::new();
    config.apps.listen = "127.0.0.1:0".to_owned();
    config.database.url = format!("sqlite:{}", folder.join("heptad.db").display());
    config.data.folder = folder.join("data");
    config.data.key_file = folder.join("heptad.key");
    config.log.level = "warn".to_owned();
    Ok(config)
}

fn first_scenario(project: &Path, name: Option<&str>) -> Result<Scenario> {
    let files = scenario::files(project).map_err(super::test::refused)?;
    let is_wanted = |file: &&PathBuf| name.is_none_or(|name| file.file_stem().is_some_and(|stem| stem == name));
    match (files.iter().find(is_wanted), name) {
        (Some(file), _) => scenario::read(file).map_err(super::test::refused),
        (None, Some(name)) => Err(CliError::new(Kind::Input, format!("there is no scenario {name}"))),
        // A shop with nothing in it.
        (None, None) => Ok(toml::from_str("steps = []")?),
    }
}

fn call(trace: &CallTrace) -> Told {
    let outcome = match &trace.outcome {
        Outcome::Answered => "answered".to_owned(),
        Outcome::Failed { code, message } | Outcome::Skipped { code, message } => format!("{code}: {message}"),
    };
    let (fuel, micros, log) = (trace.fuel, trace.micros, trace.log.clone());
    Told::Call { point: trace.point.name(), outcome, fuel, micros, log }
}

/// The shop, and what runs in it.
struct Bench {
    state: AppState,
    origin: Origin,
    ctx: Ctx,
    publisher: PublisherId,
    scenario: Scenario,
    install: Option<InstallId>,
    builds: u32,
    is_json: bool,
    login: String,
    password: String,
    token: String,
}

impl Bench {
    async fn begin(
        base: &Base,
        server: &Server,
        project: &Project,
        scenario: &Scenario,
        is_json: bool,
    ) -> Result<Self> {
        let (state, origin) = (server.state.clone(), base.origin("dev"));
        let maker = &project.manifest.publisher;
        let tenant = TenantIn {
            slug: SHOP.to_owned(),
            name: "Dev".to_owned(),
            currency: Currency::parse(&scenario.shop.currency)?,
            time_zone: scenario.shop.time_zone.clone(),
            locale: Locale::parse(&scenario.shop.locale).unwrap_or_default(),
        };
        let create = async |mut tx: PlatformTx| {
            let publisher = publisher_create(&mut tx, maker, maker).await?;
            Ok::<_, PlatformError>((publisher, tenant_create(&mut tx, &tenant).await?))
        };
        let (publisher, record) = state.store.platform_write(&origin, create).await.map_err(platform)?;
        let ctx = crate::base::bound(origin.clone(), &record);
        scenario::furnish(&state.store, &ctx, scenario).await.map_err(super::test::refused)?;
        let scope = Scope::Tenant(record.tenant.id);
        let mut random = [0; 8];
        origin.env.fill(&mut random);
        let password = hex::encode(random);
        let login = format!("owner@{SHOP}");
        let person = UserIn { login: login.clone(), name: "Owner".to_owned(), password: password.clone() };
        let roles = [HeldRole { role: Role::Owner, scope }, HeldRole { role: Role::Operator, scope: Scope::Platform }];
        user_create(&state.store, &origin, &person, &roles).await.map_err(platform)?;
        let input = TokenIn {
            name: "dev storefront".to_owned(),
            role: Role::Shop,
            scope,
            customer: None,
            lifetime_millis: None,
        };
        let by = Principal::system("dev");
        let create = async |mut tx: PlatformTx| token_create(&mut tx, &by, &input).await;
        let (_, secret) = state.store.platform_write(&origin, create).await.map_err(platform)?;
        let token = secret.reveal().to_owned();
        let (publisher, scenario) = (publisher.id, scenario.clone());
        Ok(Self { state, origin, ctx, publisher, scenario, install: None, builds: 0, is_json, login, password, token })
    }

    fn ready(&self, url: &str) -> Result {
        let (login, password, token) = (self.login.clone(), self.password.clone(), self.token.clone());
        Told::Ready { url: url.to_owned(), login, password, token }.print(self.is_json);
        Ok(())
    }

    /// Builds the project and puts it in the place of what runs; says how that went.
    async fn swap(&mut self, folder: &Path) {
        let folder = folder.to_owned();
        let built = tokio::task::spawn_blocking(move || -> Result<Vec<u8>> {
            let built = Project::open(&folder).and_then(|project| project.build()).map_err(failed)?;
            super::file::read(&built.file)
        });
        let told = match built.await {
            Ok(Ok(bytes)) => {
                let begun = Instant::now();
                match self.put(bytes).await {
                    Ok((version, digest)) => Told::Swapped { version, digest, millis: begun.elapsed().as_millis() },
                    Err(error) => Told::Refused { error: error.text() },
                }
            }
            Ok(Err(error)) => Told::BuildFailed { error: error.text() },
            Err(error) => Told::BuildFailed { error: error.to_string() },
        };
        told.print(self.is_json);
    }

    /// Takes the plugin in under a version of its own, with all that it asks for granted.
    async fn put(&mut self, bytes: Vec<u8>) -> Result<(String, String)> {
        self.builds += 1;
        let builds = self.builds;
        // No version is ever changed: each build is a pre-release of its own.
        let bytes = repack(&bytes, |manifest| {
            let number = manifest.version.split('-').next().unwrap_or_default().to_owned();
            manifest.version = format!("{number}-dev.{builds}");
        })?;
        let version = VersionIn::from(self.state.runtime.admit(Package::open(bytes)?).await?);
        let (number, digest) = (version.manifest.version.clone(), version.digest.clone());
        let publisher = self.publisher;
        let publish = async |mut tx: PlatformTx| {
            let submitted = version_submit(&mut tx, publisher, &version).await?;
            version_review(&mut tx, submitted.version.id, Review::Approve, "").await
        };
        self.state.store.platform_write(&self.origin, publish).await.map_err(platform)?;
        let permissions: PermissionSet = version.manifest.wishes();
        let hosts = version.manifest.hosts.iter().map(|wish| wish.name.clone()).collect();
        let granted = Grants { permissions, hosts };
        let install = match self.install {
            Some(id) => {
                let input = UpgradeIn { version: Some(number.clone()), granted, settings: None };
                let upgrade = async |mut tx: Tx| install_upgrade(&mut tx, id, &input).await;
                self.state.store.write(&self.ctx, upgrade).await.map_err(platform)?
            }
            None => {
                let settings = Value::Object(self.scenario.plugin.settings.clone());
                let input = InstallIn {
                    plugin: version.manifest.name.clone(),
                    version: Some(number.clone()),
                    granted,
                    settings: version.manifest.settings.is_some().then_some(settings),
                };
                let (secrets, vault) = (&self.scenario.plugin.secrets, self.state.runtime.vault());
                let create = async |mut tx: Tx| {
                    let install = install_create(&mut tx, &input).await?;
                    for (name, value) in secrets {
                        install_secret_put(&mut tx, vault, install.id, name, value).await?;
                    }
                    install_enable(&mut tx, install.id).await
                };
                self.state.store.write(&self.ctx, create).await.map_err(platform)?
            }
        };
        self.install = Some(install.id);
        self.state.runtime.refresh().await;
        Ok((number, digest))
    }
}
