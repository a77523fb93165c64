//! Submitting a version, after the runtime has looked into its bytes.

use heptad_model::id::{PublisherId, VersionId};
use heptad_model::permission::{FREE, Permission};
use heptad_model::{EventType, Manifest, PermissionSet};
use heptad_store::PlatformTx;
use serde_json::json;

use super::{PluginVersion, version_get};
use crate::PlatformError;
use crate::publisher::publisher_get;
use crate::signing_key::signature_check;
use crate::tenant::maker_tell;

/// A version as the runtime found it in the bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionIn {
    /// The manifest in the component's section.
    pub manifest: Manifest,
    /// SHA-256 of the bytes without their signature, in 64 lower-case hexadecimal digits.
    pub digest: String,
    /// The key that has signed them, by its name.
    pub signed_by: Option<String>,
    /// The bytes.
    pub size: u64,
    /// The functions that the component imports, as `package/interface#function`, with or without the interface's version.
    /// Interfaces of which it takes only types are not listed.
    pub imports: Vec<String>,
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// The version.
    pub version: PluginVersion,
    /// Whether it is new; false where the same bytes were submitted before.
    pub created: bool,
}

/// What submitting would refuse, before anything is compiled or stored: `publisher-mismatch`, `plugin-name-taken`,
/// `version-exists`, `signature-required`, `signing-key-unknown`,
/// `signing-key-revoked`, `import-not-permitted` or `import-unknown`. Gives the version of the same bytes, where there is one.
pub async fn version_check(
    tx: &mut PlatformTx,
    publisher: PublisherId,
    input: &VersionIn,
) -> Result<Option<PluginVersion>, PlatformError> {
    let manifest = &input.manifest;
    let publisher = publisher_get(tx, publisher).await?;
    if manifest.publisher != publisher.slug {
        return Err(PlatformError::PublisherMismatch { named: manifest.publisher.clone(), submitter: publisher.slug });
    }
    checked(input)?;
    if owner(tx, &manifest.name).await?.is_some_and(|owner| owner != publisher.id) {
        return Err(PlatformError::PluginNameTaken(manifest.name.clone()));
    }
    signature_check(tx, publisher.id, input.signed_by.as_deref()).await?;
    match present(tx, &manifest.name, &manifest.version).await? {
        Some((id, digest)) if digest == input.digest => Ok(Some(version_get(tx, id).await?)),
        Some(_) => {
            Err(PlatformError::VersionExists { plugin: manifest.name.clone(), version: manifest.version.clone() })
        }
        None => Ok(None),
    }
}

/// Takes a version in for review. The first submission of a plugin claims its name for the publisher; submitting the same
/// bytes again changes nothing. Refused as [`version_check`] says.
pub async fn version_submit(
    tx: &mut PlatformTx,
    publisher: PublisherId,
    input: &VersionIn,
) -> Result<Submitted, PlatformError> {
    const CLAIM: &str = "insert into plugins (name, publisher_id, latest, search, created_at) values ($1, $2, null, '', $3) \
                         on conflict do nothing";
    const INSERT: &str = "insert into plugin_versions (id, plugin, version, digest, size, manifest, imports, state, note, signed_by, submitted_at) \
                          values ($1, $2, $3, $4, $5, $6, $7, 'submitted', '', $8, $9)";
    if let Some(version) = version_check(tx, publisher, input).await? {
        return Ok(Submitted { version, created: false });
    }
    let manifest = &input.manifest;
    let (id, now) = (VersionId::generate(&tx.origin().env), tx.origin().now());
    if tx.query(CLAIM).bind(&manifest.name).text(publisher).bind(now).execute().await? == 1 {
        tx.audit("plugin.created", &manifest.name, &json!({"publisher": publisher})).await?;
    }
    let size = i64::try_from(input.size).map_err(|_| PlatformError::field("size", "is out of range"))?;
    tx.query(INSERT)
        .text(id)
        .bind(&manifest.name)
        .bind(&manifest.version)
        .bind(&input.digest)
        .bind(size)
        .bind(manifest.to_json())
        .json(&input.imports)
        .bind(input.signed_by.as_deref())
        .bind(now)
        .execute()
        .await?;
    let detail = json!({"plugin": manifest.name, "version": manifest.version, "digest": input.digest, "signed_by": input.signed_by});
    tx.audit("version.submitted", id, &detail).await?;
    let data = json!({"version": id, "plugin": manifest.name, "number": manifest.version});
    maker_tell(tx, &manifest.name, EventType::VersionSubmitted.about(&manifest.name, data)).await?;
    Ok(Submitted { version: version_get(tx, id).await?, created: true })
}

/// The publisher that was the first to submit a plugin of this name.
async fn owner(tx: &mut PlatformTx, name: &str) -> Result<Option<PublisherId>, PlatformError> {
    let owner = tx.query("select publisher_id from plugins where name = $1").bind(name);
    Ok(owner.fetch_optional(|row| row.parse("publisher_id")).await?)
}

async fn present(
    tx: &mut PlatformTx,
    plugin: &str,
    version: &str,
) -> Result<Option<(VersionId, String)>, PlatformError> {
    const PRESENT: &str = "select id, digest from plugin_versions where plugin = $1 and version = $2";
    let found = tx.query(PRESENT).bind(plugin).bind(version);
    Ok(found.fetch_optional(|row| Ok((row.parse("id")?, row.text("digest")?))).await?)
}

fn checked(input: &VersionIn) -> Result<(), PlatformError> {
    if semver::Version::parse(&input.manifest.version).is_err() {
        return Err(PlatformError::field("version", "is not a version by semver.org"));
    }
    if input.digest.len() != 64 || !input.digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(PlatformError::field("digest", "64 lower-case hexadecimal digits"));
    }
    input.imports.iter().try_for_each(|import| import_check(import, input.manifest.wishes()))
}

/// A component may import what is free, what its manifest asks for, and WASI, which gives it nothing.
fn import_check(import: &str, wishes: PermissionSet) -> Result<(), PlatformError> {
    let function = unversioned(import);
    if FREE.contains(&function.as_str()) || function.starts_with("wasi:") {
        return Ok(());
    }
    match Permission::opening(&function) {
        Some(permission) if wishes.contains(permission) => Ok(()),
        Some(permission) => Err(PlatformError::ImportWithoutWish { import: function, permission }),
        None => Err(PlatformError::ImportUnknown(function)),
    }
}

/// `package/interface@1.2.3#function` without the version.
fn unversioned(import: &str) -> String {
    let (interface, function) =
        import.split_once('#').map_or((import, None), |(interface, function)| (interface, Some(function)));
    let interface = interface.split('@').next().unwrap_or(interface);
    match function {
        Some(function) => format!("{interface}#{function}"),
        None => interface.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i01_an_import_needs_a_wish_in_the_manifest() {
        let wishes: PermissionSet = [Permission::MallCatalogRead].into_iter().collect();
        let check = |import: &str, expected: Option<(&str, &str)>| match (import_check(import, wishes), expected) {
            (Ok(()), None) => {}
            (Err(error), Some((code, named))) => {
                assert_eq!(error.code(), code, "{import}");
                assert!(error.to_string().contains(named), "{error}");
            }
            (result, _) => panic!("{import}: {result:?}"),
        };
        check("heptad:mall/catalog@0.1.0#skus", None);
        check("heptad:mall/catalog#sku-list", None);
        check("heptad:platform/log@0.1.0#write", None);
        check("wasi:io/streams@0.2.0", None);
        check("heptad:members/profiles@0.1.0#get", Some(("import-not-permitted", "heptad:members/profiles#get")));
        check("heptad:members/profiles@0.1.0#get", Some(("import-not-permitted", "members.profile.read")));
        check(
            "heptad:members/profiles@0.1.0#everything",
            Some(("import-unknown", "heptad:members/profiles#everything")),
        );
        check("other:thing/it", Some(("import-unknown", "other:thing/it")));
    }
}
