//! The contract's types for TypeScript, made of its WIT, as componentize-qjs maps them: every number is a `number`, an absent
//! value is `null`, a variant is `{ tag, val }`, and an error is thrown.

use std::fmt::Write as _;

use wit_parser::{
    Docs, Function, Interface, InterfaceId, PackageId, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner,
    UnresolvedPackageGroup,
};

use crate::embedded;

/// The packages of the contract, each after those that it uses.
const PACKAGES: [&str; 5] = ["types", "mall", "members", "platform", "points"];
/// Words that cannot be the name of a function in TypeScript.
const RESERVED: [&str; 1] = ["delete"];

/// The contract's WIT, as one resolve.
pub(crate) fn contract() -> Result<(Resolve, Vec<PackageId>), String> {
    let mut resolve = Resolve::default();
    let mut packages = Vec::new();
    for package in PACKAGES {
        let folder = format!("wit/{package}");
        let mut sources = wit_parser::SourceMap::default();
        for (path, bytes) in embedded::below(&folder).filter(|(path, _)| path.ends_with(".wit")) {
            sources.push_str(path, String::from_utf8_lossy(bytes));
        }
        let group: UnresolvedPackageGroup = sources.parse().map_err(|(_, error)| error.to_string())?;
        packages.push(resolve.push_group(group).map_err(|error| error.to_string())?);
    }
    Ok((resolve, packages))
}

/// `contract.d.ts`: a module for each interface, by the name by which plugins import it.
pub(crate) fn declarations() -> Result<String, String> {
    let (resolve, packages) = contract()?;
    let mut text = "// The contract's types, made of its WIT: do not edit.\n".to_owned();
    for package in packages {
        for id in resolve.packages[package].interfaces.values() {
            module(&resolve, *id, &mut text);
        }
    }
    Ok(text)
}

fn module(resolve: &Resolve, id: InterfaceId, text: &mut String) {
    let interface = &resolve.interfaces[id];
    let name = resolve.id_of(id).unwrap_or_default();
    let _ = writeln!(text, "\ndeclare module \"{name}\" {{");
    for (from, names) in used(resolve, interface, id) {
        let _ = writeln!(text, "    import type {{ {} }} from \"{from}\";", names.join(", "));
    }
    for (name, id) in &interface.types {
        definition(resolve, name, &resolve.types[*id], text);
    }
    if name.starts_with("heptad:points/") {
        let _ = writeln!(text);
        docs(&interface.docs, "    ", text);
        let _ = writeln!(text, "    export interface {} {{", pascal(interface.name.as_deref().unwrap_or_default()));
        for function in interface.functions.values() {
            docs(&function.docs, "        ", text);
            let _ = writeln!(text, "        {}{};", camel(&function.name), signature(resolve, function));
        }
        let _ = writeln!(text, "    }}");
    } else {
        for function in interface.functions.values() {
            let _ = writeln!(text);
            docs(&function.docs, "    ", text);
            let name = camel(&function.name);
            if RESERVED.contains(&name.as_str()) {
                let _ = writeln!(text, "    function {name}_{};", signature(resolve, function));
                let _ = writeln!(text, "    export {{ {name}_ as {name} }};");
            } else {
                let _ = writeln!(text, "    export function {name}{};", signature(resolve, function));
            }
        }
    }
    // Without this, everything in a declared module would be exported.
    let _ = writeln!(text, "    export {{}};\n}}");
}

/// The types that an interface takes from others, by the module that they are in.
fn used(resolve: &Resolve, interface: &Interface, own: InterfaceId) -> Vec<(String, Vec<String>)> {
    let mut used: Vec<(String, Vec<String>)> = Vec::new();
    for (name, id) in &interface.types {
        let TypeDefKind::Type(Type::Id(other)) = resolve.types[*id].kind else { continue };
        let TypeOwner::Interface(owner) = resolve.types[other].owner else { continue };
        if owner == own {
            continue;
        }
        let from = resolve.id_of(owner).unwrap_or_default();
        match used.iter_mut().find(|(known, _)| *known == from) {
            Some((_, names)) => names.push(pascal(name)),
            None => used.push((from, vec![pascal(name)])),
        }
    }
    used
}

fn definition(resolve: &Resolve, name: &str, of: &TypeDef, text: &mut String) {
    let name = pascal(name);
    // What comes from another interface was imported.
    if matches!(of.kind, TypeDefKind::Type(Type::Id(other)) if resolve.types[other].owner != of.owner) {
        return;
    }
    let _ = writeln!(text);
    docs(&of.docs, "    ", text);
    match &of.kind {
        TypeDefKind::Record(record) => {
            let _ = writeln!(text, "    export interface {name} {{");
            for field in &record.fields {
                docs(&field.docs, "        ", text);
                let mark = if is_option(resolve, &field.ty) { "?" } else { "" };
                let _ = writeln!(text, "        {}{mark}: {};", camel(&field.name), ty(resolve, &field.ty));
            }
            let _ = writeln!(text, "    }}");
        }
        TypeDefKind::Enum(cases) => {
            let _ = writeln!(text, "    export type {name} =");
            for case in &cases.cases {
                docs(&case.docs, "        ", text);
                let _ = writeln!(text, "        | \"{}\"", case.name);
            }
            end(text);
        }
        TypeDefKind::Variant(cases) => {
            let _ = writeln!(text, "    export type {name} =");
            for case in &cases.cases {
                docs(&case.docs, "        ", text);
                let value = case.ty.as_ref().map(|value| format!("; val: {}", ty(resolve, value))).unwrap_or_default();
                let _ = writeln!(text, "        | {{ tag: \"{}\"{value} }}", case.name);
            }
            end(text);
        }
        TypeDefKind::Type(aliased) => {
            let _ = writeln!(text, "    export type {name} = {};", ty(resolve, aliased));
        }
        _ => {}
    }
}

/// Ends a union whose last case ends with a line feed.
fn end(text: &mut String) {
    text.truncate(text.trim_end().len());
    text.push_str(";\n");
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters: Vec<String> = function
        .params
        .iter()
        .map(|parameter| format!("{}: {}", camel(&parameter.name), ty(resolve, &parameter.ty)))
        .collect();
    let result = function.result.as_ref().map_or_else(|| "void".to_owned(), |result| ty(resolve, result));
    format!("({}): {result}", parameters.join(", "))
}

fn ty(resolve: &Resolve, of: &Type) -> String {
    match of {
        Type::Bool => "boolean".to_owned(),
        Type::Char | Type::String | Type::ErrorContext => "string".to_owned(),
        Type::Id(id) => named(resolve, *id),
        _ => "number".to_owned(),
    }
}

fn named(resolve: &Resolve, id: TypeId) -> String {
    let of = &resolve.types[id];
    if let Some(name) = &of.name {
        return pascal(name);
    }
    match &of.kind {
        TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
        TypeDefKind::List(of) => format!("{}[]", ty(resolve, of)),
        TypeDefKind::Option(of) => format!("{} | null", ty(resolve, of)),
        // An error is thrown.
        TypeDefKind::Result(result) => result.ok.as_ref().map_or_else(|| "void".to_owned(), |ok| ty(resolve, ok)),
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> = tuple.types.iter().map(|part| ty(resolve, part)).collect();
            format!("[{}]", parts.join(", "))
        }
        _ => "unknown".to_owned(),
    }
}

fn is_option(resolve: &Resolve, of: &Type) -> bool {
    matches!(of, Type::Id(id) if matches!(resolve.types[*id].kind, TypeDefKind::Option(_)))
}

fn docs(of: &Docs, indent: &str, text: &mut String) {
    let Some(words) = &of.contents else { return };
    let lines: Vec<&str> = words.trim_end().lines().collect();
    match lines.as_slice() {
        [] => {}
        [line] => {
            let _ = writeln!(text, "{indent}/** {line} */");
        }
        lines => {
            let _ = writeln!(text, "{indent}/**");
            for line in lines {
                let _ = writeln!(text, "{}", format!("{indent} * {line}").trim_end());
            }
            let _ = writeln!(text, "{indent} */");
        }
    }
}

fn pascal(name: &str) -> String {
    name.split('-').map(capital).collect()
}

fn camel(name: &str) -> String {
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + &capital(part))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_made_of_the_contract() {
        let text = declarations().unwrap();
        for part in [
            "declare module \"heptad:members/tiers@0.1.0\" {",
            "    export function get(customers: string[]): Membership[];",
            "        | { tag: \"amount\"; val: Money }",
            "        exclusivityGroup?: string | null;",
            "    export interface EventHandler {\n",
            "        discounts(point: string, cart: Cart): Operation[];",
            "    export type Minor = number;",
            "        value: Uint8Array;",
            "    import type { Cart } from \"heptad:mall/types@0.1.0\";",
            "    export { delete_ as delete };",
            "        /** The ISO 4217 code, such as `CNY`. */\n        currency: string;",
        ] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
        assert!(!text.contains(": unknown"), "{text}");
    }
}
