//! What a component imports, held against what the host has and what the manifest asks for.

use heptad_model::manifest::CONTRACT;
use heptad_model::permission::FREE;
use heptad_model::{Manifest, Permission};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;

use super::{PackageError, quoted};

/// The WASI 0.2 interfaces that the host links; they need no permission and give nothing by default.
const WASI: &[&str] = &[
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/outgoing-handler@",
    "wasi:http/types@",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// Checks all imports; gives the functions of the contract that are among them.
pub(super) fn check_imports(
    names: &[&str],
    types: TypesRef<'_>,
    manifest: &Manifest,
) -> Result<Vec<String>, PackageError> {
    let mut functions = Vec::new();
    for name in names {
        if is_wasi(name) {
            continue;
        }
        let Some(interface) = contract_interface(name)? else {
            return Err(PackageError::UnknownImport(quoted(name)));
        };
        let Some(ComponentEntityType::Instance(instance)) = types.component_item_for_import(name).map(|item| item.ty)
        else {
            return Err(PackageError::UnknownImport(quoted(name)));
        };
        for (function, item) in &types[instance].exports {
            if matches!(item.ty, ComponentEntityType::Func(_)) {
                let function = format!("{interface}#{function}");
                check_function(&function, manifest)?;
                functions.push(function);
            }
        }
    }
    functions.sort_unstable();
    Ok(functions)
}

fn is_wasi(name: &str) -> bool {
    WASI.iter().any(|package| name.starts_with(package))
        && name.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."))
}

/// `heptad:mall/catalog` of `heptad:mall/catalog@0.1.0`; `None` for what is not the contract's.
fn contract_interface(name: &str) -> Result<Option<&str>, PackageError> {
    if !name.starts_with("heptad:") {
        return Ok(None);
    }
    match name.split_once('@') {
        Some((interface, version)) if version.strip_prefix(CONTRACT).is_some_and(|patch| patch.starts_with('.')) => {
            Ok(Some(interface))
        }
        _ => Err(PackageError::ContractVersion(quoted(name))),
    }
}

fn check_function(function: &str, manifest: &Manifest) -> Result<(), PackageError> {
    if FREE.contains(&function) {
        return Ok(());
    }
    let Some(permission) = Permission::opening(function) else {
        return Err(PackageError::UnknownImport(quoted(function)));
    };
    if manifest.wishes().contains(permission) {
        Ok(())
    } else {
        Err(PackageError::PermissionNotAsked { function: function.to_owned(), permission })
    }
}
