//! What no source file does: grow without end, silence a lint, leave a test out, sleep in a test. And a reader of the
//! strings in Rust, for the rules about what stands in them.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::tree::{assert_none, read, those};

/// The most lines of a file: beyond, it is more than one thing.
const LINES: usize = 500;
/// Files that are longer, each with the reason why it is one thing all the same.
const LONGER: &[(&str, &str)] = &[];
/// Guests may do anything: it is the host that must bear it.
const GUESTS: &str = "host/runtime/tests/guests/";

/// A string in a source file.
#[derive(Debug)]
pub(crate) struct StringAt {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The text, escapes resolved.
    pub(crate) text: String,
    /// Whether a function or closure around it takes a `PlatformTx`, or belongs to it.
    pub(crate) is_platform: bool,
    /// The name of the constant that it is the value of.
    pub(crate) constant: Option<String>,
}

/// A call of a function or method with a string, or the name of a constant, among its arguments.
#[derive(Debug)]
pub(crate) struct CallAt {
    /// The function's name, without its path.
    pub(crate) function: String,
    /// Where in [`Strings::all`] the argument is.
    pub(crate) string: usize,
}

/// The strings of a source file, tests inside it left out.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    /// In the order of the file.
    pub(crate) all: Vec<StringAt>,
    /// Calls whose argument is one of them.
    pub(crate) calls: Vec<CallAt>,
    platform: bool,
    constant: Option<String>,
    skip_tests: bool,
}

fn parse(file: &str, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{file}:{}: {error}", error.span().start().line))
}

/// The strings of a file and where they go; comments and docs are left out.
pub(crate) fn strings(file: &str, text: &str) -> Strings {
    let mut found = Strings::default();
    found.visit_file(&parse(file, text));
    found
}

/// The same, tests inside the file left out.
pub(crate) fn strings_outside_tests(file: &str, text: &str) -> Strings {
    let mut found = Strings { skip_tests: true, ..Strings::default() };
    found.visit_file(&parse(file, text));
    found
}

fn mentions(tokens: impl quote::ToTokens, word: &str) -> bool {
    fn inside(tokens: TokenStream, word: &str) -> bool {
        tokens.into_iter().any(|tree| match tree {
            TokenTree::Group(group) => inside(group.stream(), word),
            TokenTree::Ident(ident) => ident == word,
            _ => false,
        })
    }
    inside(tokens.into_token_stream(), word)
}

fn is_test_module(module: &syn::ItemMod) -> bool {
    module.attrs.iter().any(|attribute| attribute.path().is_ident("cfg") && mentions(&attribute.meta, "test"))
}

impl Strings {
    fn within(&mut self, platform: bool, visit: impl FnOnce(&mut Self)) {
        let before = self.platform;
        self.platform |= platform;
        visit(self);
        self.platform = before;
    }

    fn push(&mut self, string: &syn::LitStr) {
        let (line, constant) = (string.span().start().line, self.constant.clone());
        self.all.push(StringAt { line, text: string.value(), is_platform: self.platform, constant });
    }

    /// Inside a macro there is no syntax to go by: a name before a parenthesis is taken for a call.
    fn push_tokens(&mut self, tokens: TokenStream) {
        let mut name: Option<String> = None;
        for tree in tokens {
            let before = name.take();
            match tree {
                TokenTree::Group(group) => {
                    self.push_tokens(group.stream());
                    if let (Some(function), Delimiter::Parenthesis) = (before, group.delimiter()) {
                        let arguments = group.stream().into_iter().filter_map(|tree| match tree {
                            TokenTree::Literal(literal) => as_string(literal),
                            _ => None,
                        });
                        arguments.for_each(|string| self.push_call(&function, &string));
                    }
                }
                TokenTree::Literal(literal) => {
                    if let Some(string) = as_string(literal) {
                        self.push(&string);
                    }
                }
                TokenTree::Ident(ident) => name = Some(ident.to_string()),
                TokenTree::Punct(_) => {}
            }
        }
    }

    fn push_call(&mut self, function: &str, argument: &syn::LitStr) {
        let (line, text) = (argument.span().start().line, argument.value());
        let place = self.all.iter().rposition(|known| known.line == line && known.text == text);
        self.calls.extend(place.map(|string| CallAt { function: function.to_owned(), string }));
    }

    fn push_calls<'a>(&mut self, function: &str, arguments: impl Iterator<Item = &'a syn::Expr>) {
        for argument in arguments {
            match argument {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(string), .. }) => self.push_call(function, string),
                // The nearest constant of that name above: constants of statements stand in their functions.
                syn::Expr::Path(path) => {
                    let name = path.path.get_ident().map(ToString::to_string);
                    let place = self.all.iter().rposition(|known| name.is_some() && known.constant == name);
                    self.calls.extend(place.map(|string| CallAt { function: function.to_owned(), string }));
                }
                _ => {}
            }
        }
    }
}

fn as_string(literal: proc_macro2::Literal) -> Option<syn::LitStr> {
    match syn::Lit::new(literal) {
        syn::Lit::Str(string) => Some(string),
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Strings {
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_lit_str(&mut self, string: &'ast syn::LitStr) {
        self.push(string);
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        self.push_tokens(node.tokens.clone());
    }

    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        if !(self.skip_tests && is_test_module(node)) {
            visit::visit_item_mod(self, node);
        }
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        self.constant = Some(node.ident.to_string());
        visit::visit_item_const(self, node);
        self.constant = None;
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        let platform = mentions(&node.sig.inputs, "PlatformTx");
        self.within(platform, |this| visit::visit_item_fn(this, node));
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        let platform = mentions(&node.sig.inputs, "PlatformTx");
        self.within(platform, |this| visit::visit_impl_item_fn(this, node));
    }

    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        let platform = mentions(&node.self_ty, "PlatformTx");
        self.within(platform, |this| visit::visit_item_impl(this, node));
    }

    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        let platform = mentions(&node.inputs, "PlatformTx");
        self.within(platform, |this| visit::visit_expr_closure(this, node));
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        visit::visit_expr_method_call(self, node);
        self.push_calls(&node.method.to_string(), node.args.iter());
    }

    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        visit::visit_expr_call(self, node);
        if let syn::Expr::Path(path) = &*node.func
            && let Some(last) = path.path.segments.last()
        {
            self.push_calls(&last.ident.to_string(), node.args.iter());
        }
    }
}

#[test]
fn a_file_is_one_thing() {
    let mut found = Vec::new();
    for file in those("", ".rs") {
        let lines = read(file).lines().count();
        match LONGER.iter().any(|(known, _)| *known == file) {
            false if lines > LINES => found.push(format!("{file} has {lines} lines")),
            true if lines <= LINES => found.push(format!("{file} needs no exception any more")),
            _ => {}
        }
    }
    assert_none(&format!("a file has more than {LINES} lines"), &found);
}

/// Lines with one of these, each with its place.
fn lines_with(file: &str, text: &str, needles: &[&str]) -> Vec<String> {
    let code = |line: &str| !line.trim_start().starts_with("//");
    let lines = text.lines().enumerate().filter(|(_, line)| code(line) && needles.iter().any(|needle| line.contains(needle)));
    lines.map(|(number, line)| format!("{file}:{}: {}", number + 1, line.trim())).collect()
}

// In halves, so that this file does not hold what it looks for.
const ALLOW: &[&str] = &[concat!("#[all", "ow("), concat!("#![all", "ow("), concat!(", all", "ow(")];
const IGNORE: &[&str] = &[concat!("#[ign", "ore]"), concat!("#[ign", "ore ="), concat!(", ign", "ore)]")];
const UNSAFE: &[&str] = &[concat!("expect(unsafe", "_code"), concat!("allow(unsafe", "_code")];
const SLEEP: &[&str] = &[concat!("thread::sl", "eep"), concat!("time::sl", "eep("), concat!("time::sl", "eep;")];

fn all_lines_with(needles: &[&str]) -> Vec<String> {
    those("", ".rs").flat_map(|file| lines_with(file, &read(file), needles)).collect()
}

#[test]
fn no_lint_is_silenced_without_being_expected() {
    assert_none("write #[expect(…, reason = …)]", &all_lines_with(ALLOW));
    assert_eq!(lines_with("a.rs", &format!("{}unused)]\n// {}x)]", ALLOW[0], ALLOW[0]), ALLOW).len(), 1);
}

#[test]
fn no_test_is_left_out() {
    assert_none("a test is ignored", &all_lines_with(IGNORE));
    assert_eq!(lines_with("a.rs", IGNORE[0], IGNORE).len(), 1);
}

#[test]
fn compiled_code_is_mapped_in_one_place() {
    let found = all_lines_with(UNSAFE);
    assert_eq!(found.len(), 1, "unsafe code is expected once, where compiled code is mapped: {found:#?}");
    assert!(found[0].starts_with("host/runtime/src/code.rs:"), "{}", found[0]);
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"deny\""), "the workspace denies unsafe code");
    for file in those("", "/Cargo.toml").filter(|file| !file.starts_with("bench/")) {
        assert!(read(file).contains("[lints]\nworkspace = true"), "{file} takes the workspace's lints");
    }
}

/// The lines of the test modules inside a source file.
fn test_modules(file: &str, text: &str) -> Vec<RangeInclusive<usize>> {
    struct Modules(Vec<RangeInclusive<usize>>);
    impl<'ast> Visit<'ast> for Modules {
        fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
            if is_test_module(node) {
                let span = node.span();
                self.0.push(span.start().line..=span.end().line);
            }
        }
    }
    let mut modules = Modules(Vec::new());
    modules.visit_file(&parse(file, text));
    modules.0
}

fn sleeps(file: &str, text: &str) -> Vec<String> {
    let is_test = file.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "testing.rs");
    let modules = if is_test { vec![1..=usize::MAX] } else { test_modules(file, text) };
    let lines = lines_with(file, text, SLEEP).into_iter();
    let number = |line: &String| line[file.len() + 1..].split(':').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    lines.filter(|line| modules.iter().any(|range| range.contains(&number(line)))).collect()
}

#[test]
fn no_test_sleeps() {
    let files = those("", ".rs").filter(|file| !file.starts_with(GUESTS));
    let found: Vec<String> = files.flat_map(|file| sleeps(file, &read(file))).collect();
    assert_none("a test sleeps; wait for what it waits for", &found);
    let sample = format!("fn a() {{ {0}(1) }}\n#[cfg(test)]\nmod tests {{\n fn b() {{ {0}(1) }}\n}}\n", SLEEP[0]);
    assert_eq!(sleeps("a.rs", &sample).len(), 1);
    assert_eq!(sleeps("x/tests/a.rs", &sample).len(), 2);
}

#[test]
fn strings_know_where_they_stand() {
    let source = r#"
        /// doc "not this"
        fn a(tx: &mut PlatformTx) { const GET: &str = "select 1 \
            from x"; tx.query(GET).bind("b"); }
        fn b() { store.write(async |mut tx: PlatformTx| tx.query("c")); format!("d {}", 1); }
        #[cfg(test)] mod tests { const E: &str = "e"; }
    "#;
    let found = strings_outside_tests("a.rs", source);
    let all: Vec<_> = found.all.iter().map(|string| (string.line, string.text.as_str(), string.is_platform)).collect();
    assert_eq!(all, [(3, "select 1 from x", true), (4, "b", true), (5, "c", true), (5, "d {}", false)]);
    let calls: Vec<_> = found.calls.iter().map(|call| (call.function.as_str(), found.all[call.string].text.as_str())).collect();
    assert_eq!(calls, [("query", "select 1 from x"), ("bind", "b"), ("query", "c")]);
    assert_eq!(strings("a.rs", source).all.len(), 5);
    let inside = strings("a.rs", r#"both! { fn a() { b(&c, "d").e(["f"]); } }"#);
    assert_eq!((inside.all.len(), inside.calls.len(), inside.calls[0].function.as_str()), (2, 1, "b"));
}
