//! What can go wrong in this crate, by cause.

use heptad_model::page::PageError;
use heptad_model::{Limit, Permission};
use heptad_store::{AsStoreError, StoreError};

use crate::vault::VaultError;

/// What kind of failure it is, so that callers answer alike: the API with a status, the gate with an error's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// It does not exist, or the caller may not know of it.
    NotFound,
    /// The input breaks a rule; another input may pass.
    Invalid,
    /// The input is fine, the present state refuses it.
    Conflict,
    /// Who asks is not known, or is not who it says.
    Unauthenticated,
    /// Who asks is known and may not do this.
    Denied,
    /// A limit is reached.
    Limit,
    /// The database or the host failed; the cause goes to the log, never to the caller.
    Internal,
}

/// A field of an input that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer to the field, such as `/tiers/0/percent`; empty for the input as a whole.
    pub pointer: String,
    /// The rule that it breaks, without the value.
    pub message: String,
}

/// Why an operation of the platform was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// There is no such thing, or none that the caller may know of.
    #[error("there is no {kind} `{name}`")]
    NotFound {
        /// What was looked for, in lower case.
        kind: &'static str,
        /// Its name or id, as given.
        name: String,
    },
    /// A field breaks its rule.
    #[error("`{field}`: {problem}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The rule that it breaks.
        problem: String,
    },
    /// The page was asked for wrongly.
    #[error(transparent)]
    Page(#[from] PageError),
    /// A name that is unique was taken before.
    #[error("the {kind} `{name}` exists already")]
    Taken {
        /// What has the name, in lower case.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The settings break the manifest's schema.
    #[error("the settings are not valid: {}", list(.0))]
    Settings(Vec<FieldError>),
    /// A plugin cannot be enabled before its required settings are made.
    #[error("the plugin needs settings before it can run: {}", list(.0))]
    NeedsSetup(Vec<FieldError>),
    /// A plugin cannot be enabled before it was given its required secrets.
    #[error("the plugin needs secrets before it can run: {}", list(.0))]
    NeedsSecrets(Vec<FieldError>),
    /// Only what is higher than what is there is an upgrade.
    #[error("{to} is no upgrade of {from}")]
    NotAnUpgrade {
        /// The version that is there.
        from: String,
        /// The version that was asked for.
        to: String,
    },
    /// There was no upgrade lately.
    #[error("there is nothing to go back to: the plugin was not upgraded within seven days")]
    NoRollback,
    /// The operator keeps the version from running in any shop.
    #[error("the operator has stopped the version {0} in all shops")]
    VersionStopped(String),
    /// An operator decided about the version, and only an operator decides anew.
    #[error("an operator decided that the version is {0}: ask the operator")]
    OperatorDecided(&'static str),
    /// Only what was approved is deprecated or withdrawn.
    #[error("the version was not approved")]
    NotApproved,
    /// The publisher has keys, and nobody has signed what it submits.
    #[error(
        "the publisher has signing keys and the plugin is not signed: sign it by `heptad plugin sign FILE --key KEY`"
    )]
    SignatureRequired,
    /// What is submitted was signed by a key that is not the publisher's.
    #[error("the plugin is signed by the key `{0}`, which is not registered for its publisher")]
    SigningKeyUnknown(String),
    /// What is submitted was signed by a key that does not count any more.
    #[error("the plugin is signed by the key `{0}`, which was revoked: sign it by another one")]
    SigningKeyRevoked(String),
    /// The manifest's publisher is not the one that submits.
    #[error("the manifest names the publisher `{named}`, submitted by `{submitter}`")]
    PublisherMismatch {
        /// The manifest's.
        named: String,
        /// The one that submits.
        submitter: String,
    },
    /// The plugin's name belongs to another publisher.
    #[error("the plugin name `{0}` belongs to another publisher")]
    PluginNameTaken(String),
    /// The version was submitted before with other bytes; versions are immutable.
    #[error("version {version} of `{plugin}` exists already with other bytes: raise the version")]
    VersionExists {
        /// The plugin's name.
        plugin: String,
        /// The version.
        version: String,
    },
    /// The version was reviewed before, with the other result.
    #[error("the version was reviewed already and is {0}")]
    Reviewed(&'static str),
    /// The component imports a function whose permission its manifest does not ask for.
    #[error("the component imports `{import}`: add `[[permissions]] name = \"{permission}\"` to the manifest")]
    ImportWithoutWish {
        /// The function, as `package/interface#function`.
        import: String,
        /// The permission that opens it.
        permission: Permission,
    },
    /// The component imports a function that no permission opens.
    #[error("the component imports `{0}`, which this host does not know")]
    ImportUnknown(String),
    /// Permissions without which the plugin does not work were not granted.
    #[error("the plugin does not work without {}", opened(.0))]
    PermissionRequired(Vec<Permission>),
    /// Permissions were granted that the manifest does not ask for.
    #[error("the plugin does not ask for {}", names(.0))]
    PermissionNotAsked(Vec<Permission>),
    /// A host without which the plugin does not work was not granted.
    #[error("the plugin does not work without calling `{0}`")]
    HostRequired(String),
    /// So many requests of the plugin wait to be sent already.
    #[error("{0} requests of the plugin wait to be sent already, which is the most")]
    OutboundFull(i64),
    /// A host was granted that the manifest does not name, or twice.
    #[error("the plugin does not ask to call `{0}`, or it is named twice")]
    HostNotAsked(String),
    /// The tenant has the plugin already.
    #[error("`{0}` is installed already")]
    AlreadyInstalled(String),
    /// A point has as many plugins as it may have.
    #[error("the point `{point}` has {most} plugins already, which is the most")]
    PointFull {
        /// The point's name.
        point: &'static str,
        /// The most plugins.
        most: usize,
    },
    /// The new order does not name each install exactly once.
    #[error("the order must name each of the {0} installed plugins exactly once")]
    NotAPermutation(usize),
    /// A key of the plugin's store is empty or too long.
    #[error("a key has 1 to {most} bytes, this one has {found}")]
    KvKey {
        /// Its bytes.
        found: usize,
        /// The most bytes.
        most: usize,
    },
    /// A value of the plugin's store is too long.
    #[error("a value has at most {most} bytes, that of `{key}` has {found}")]
    KvValue {
        /// The key.
        key: String,
        /// The value's bytes.
        found: usize,
        /// The most bytes.
        most: usize,
    },
    /// Too many keys in one call.
    #[error("at most {most} keys a call, {found} were given")]
    KvBatch {
        /// How many were given.
        found: usize,
        /// The most keys.
        most: usize,
    },
    /// A key stands twice among the entries to set.
    #[error("the key `{0}` is given twice")]
    KvDuplicate(String),
    /// The plugin's store would grow beyond its quota in this shop.
    #[error("the plugin's store in this shop holds at most {0} bytes")]
    KvQuota(i64),
    /// The tenant has as many endpoints as it may have.
    #[error("there are {0} webhooks already, which is the most")]
    WebhookFull(i64),
    /// Two secrets of the endpoint sign already.
    #[error("two secrets sign already: retire the old one first")]
    SecretsFull,
    /// The endpoint's newest secret cannot be retired.
    #[error("the newest secret signs on: rotate it instead")]
    SecretLast,
    /// What is sealed cannot be opened.
    #[error(transparent)]
    Vault(VaultError),
    /// The schedule is paused, or its plugin is disabled.
    #[error("the schedule is paused, or its plugin is disabled")]
    ScheduleOff,
    /// As many runs of the schedule wait as may.
    #[error("{0} runs of the schedule wait already, which is the most")]
    ScheduleFull(i64),
    /// The manifest has no such collection.
    #[error("the manifest has no collection `{0}`")]
    CollectionNotFound(String),
    /// The collection does not index the field.
    #[error("the collection `{collection}` does not index `{field}`")]
    NotIndexed {
        /// The collection's name.
        collection: String,
        /// The field's name.
        field: String,
    },
    /// A document has another version than it must have.
    #[error("the document `{id}` has version {found}, not {expected}")]
    DocumentChanged {
        /// The document's id.
        id: String,
        /// The version that it must have.
        expected: i64,
        /// The version that it has; 0 if there is none.
        found: i64,
    },
    /// The plugin's documents would grow beyond their quota in this shop.
    #[error("the plugin's collections in this shop hold at most {documents} documents and {bytes} bytes")]
    CollectionsQuota {
        /// The most documents.
        documents: i64,
        /// The most bytes.
        bytes: i64,
    },
    /// Login and password do not go together. The same for unknown logins.
    #[error("the login or the password is wrong")]
    SignInFailed,
    /// The one-time link is unknown, used or expired.
    #[error("the link is unknown, was used, or has expired")]
    LinkInvalid,
    /// The token is unknown, revoked or expired.
    #[error("the token is unknown, revoked, or has expired")]
    TokenInvalid,
    /// The caller may not make a token of this role or scope.
    #[error("a caller of role `{by}` may not make a token of role `{wanted}` here")]
    TokenDenied {
        /// The caller's role.
        by: &'static str,
        /// The wanted role.
        wanted: &'static str,
    },
    /// Hashing a password failed.
    #[error("hashing a password failed: {0}")]
    Hashing(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PlatformError {
    pub(crate) fn not_found(kind: &'static str, name: impl std::fmt::Display) -> Self {
        Self::NotFound { kind, name: name.to_string().chars().take(128).collect() }
    }

    pub(crate) fn field(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Field { field, problem: problem.into() }
    }

    /// The stable code, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::Field { .. } => "invalid-field",
            Self::Page(_) => "invalid-page",
            Self::Taken { .. } => "name-taken",
            Self::Settings(_) => "settings-invalid",
            Self::NeedsSetup(_) | Self::NeedsSecrets(_) => "needs-setup",
            Self::PublisherMismatch { .. } => "publisher-mismatch",
            Self::PluginNameTaken(_) => "plugin-name-taken",
            Self::VersionExists { .. } => "version-exists",
            Self::NotAnUpgrade { .. } => "not-an-upgrade",
            Self::NoRollback => "no-rollback",
            Self::VersionStopped(_) => "version-stopped",
            Self::OperatorDecided(_) => "operator-decided",
            Self::NotApproved => "not-approved",
            Self::SignatureRequired => "signature-required",
            Self::SigningKeyUnknown(_) => "signing-key-unknown",
            Self::SigningKeyRevoked(_) => "signing-key-revoked",
            Self::Reviewed(_) => "already-reviewed",
            Self::ImportWithoutWish { .. } => "import-not-permitted",
            Self::ImportUnknown(_) => "import-unknown",
            Self::PermissionRequired(_) => "permission-required",
            Self::PermissionNotAsked(_) => "permission-not-asked",
            Self::OutboundFull(_) => "outbound-full",
            Self::HostRequired(_) => "host-required",
            Self::HostNotAsked(_) => "host-not-asked",
            Self::AlreadyInstalled(_) => "already-installed",
            Self::PointFull { .. } => "point-full",
            Self::NotAPermutation(_) => "not-a-permutation",
            Self::KvKey { .. } => "kv-key",
            Self::KvValue { .. } => "kv-value",
            Self::KvBatch { .. } => "kv-batch",
            Self::KvDuplicate(_) => "kv-duplicate",
            Self::KvQuota(_) => "kv-quota",
            Self::WebhookFull(_) => "webhook-full",
            Self::SecretsFull => "secrets-full",
            Self::SecretLast => "secret-last",
            Self::ScheduleOff => "schedule-off",
            Self::ScheduleFull(_) => "schedule-full",
            Self::CollectionNotFound(_) => "collection-not-found",
            Self::NotIndexed { .. } => "field-not-indexed",
            Self::DocumentChanged { .. } => "document-changed",
            Self::CollectionsQuota { .. } => Limit::Documents.code(),
            Self::SignInFailed => "sign-in-failed",
            Self::LinkInvalid => "link-invalid",
            Self::TokenInvalid => "token-invalid",
            Self::TokenDenied { .. } => "token-denied",
            Self::Store(StoreError::Busy(_)) => "busy",
            Self::Hashing(_) | Self::Vault(_) | Self::Store(_) => "internal",
        }
    }

    /// What kind of failure it is.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::NotFound { .. } | Self::CollectionNotFound(_) => ErrorClass::NotFound,
            Self::Field { .. }
            | Self::Page(_)
            | Self::Settings(_)
            | Self::PublisherMismatch { .. }
            | Self::ImportWithoutWish { .. }
            | Self::ImportUnknown(_)
            | Self::PermissionRequired(_)
            | Self::PermissionNotAsked(_)
            | Self::HostRequired(_)
            | Self::HostNotAsked(_)
            | Self::NotAPermutation(_)
            | Self::KvKey { .. }
            | Self::KvValue { .. }
            | Self::KvBatch { .. }
            | Self::KvDuplicate(_)
            | Self::NotIndexed { .. } => ErrorClass::Invalid,
            Self::Taken { .. }
            | Self::NeedsSetup(_)
            | Self::NeedsSecrets(_)
            | Self::PluginNameTaken(_)
            | Self::VersionExists { .. }
            | Self::NotAnUpgrade { .. }
            | Self::NoRollback
            | Self::VersionStopped(_)
            | Self::OperatorDecided(_)
            | Self::NotApproved
            | Self::SignatureRequired
            | Self::SigningKeyUnknown(_)
            | Self::SigningKeyRevoked(_)
            | Self::Reviewed(_)
            | Self::AlreadyInstalled(_)
            | Self::SecretsFull
            | Self::SecretLast
            | Self::ScheduleOff
            | Self::DocumentChanged { .. } => ErrorClass::Conflict,
            Self::SignInFailed | Self::LinkInvalid | Self::TokenInvalid => ErrorClass::Unauthenticated,
            Self::TokenDenied { .. } => ErrorClass::Denied,
            Self::PointFull { .. }
            | Self::KvQuota(_)
            | Self::OutboundFull(_)
            | Self::ScheduleFull(_)
            | Self::WebhookFull(_)
            | Self::CollectionsQuota { .. } => ErrorClass::Limit,
            Self::Hashing(_) | Self::Vault(_) | Self::Store(_) => ErrorClass::Internal,
        }
    }

    /// The fields that are wrong, where the error is about fields.
    pub fn fields(&self) -> Vec<FieldError> {
        let one = |name: &str, message: String| vec![FieldError { pointer: format!("/{name}"), message }];
        match self {
            Self::Field { field, problem } => one(field, problem.clone()),
            Self::Settings(fields) | Self::NeedsSetup(fields) | Self::NeedsSecrets(fields) => fields.clone(),
            Self::PermissionRequired(_) | Self::PermissionNotAsked(_) => one("granted", self.to_string()),
            Self::HostRequired(_) | Self::HostNotAsked(_) => one("hosts", self.to_string()),
            _ => Vec::new(),
        }
    }
}

impl From<VaultError> for PlatformError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(error) => Self::Store(error),
            error => Self::Vault(error),
        }
    }
}

impl AsStoreError for PlatformError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

fn list(fields: &[FieldError]) -> String {
    fields.iter().map(|field| format!("{}: {}", field.pointer, field.message)).collect::<Vec<_>>().join("; ")
}

fn names(permissions: &[Permission]) -> String {
    permissions.iter().map(|permission| format!("`{permission}`")).collect::<Vec<_>>().join(", ")
}

/// The permissions with the interfaces that they open, which is what the plugin's author sees in the component.
fn opened(permissions: &[Permission]) -> String {
    let one = |permission: &Permission| {
        let mut interfaces: Vec<_> =
            permission.row().functions.iter().map(|function| function.split('#').next().unwrap_or(function)).collect();
        interfaces.dedup();
        format!("`{permission}` (interface {})", interfaces.join(", "))
    };
    permissions.iter().map(one).collect::<Vec<_>>().join(", ")
}
