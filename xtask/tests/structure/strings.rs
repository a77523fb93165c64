//! Reads the strings in Rust's source and where they go, for the rules about what stands in them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

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

/// The syntax of a file.
pub(crate) fn parse(file: &str, text: &str) -> syn::File {
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

/// Whether a module is only there for tests.
pub(crate) fn is_test_module(module: &syn::ItemMod) -> bool {
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
                        arguments(group.stream()).iter().for_each(|string| self.push_call(&function, string));
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

    fn push_calls<'a>(&mut self, function: &str, arguments: impl IntoIterator<Item = &'a syn::Expr>) {
        for argument in arguments {
            match argument {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(string), .. }) => self.push_call(function, string),
                syn::Expr::Reference(inside) => self.push_calls(function, [&*inside.expr]),
                syn::Expr::Array(list) => self.push_calls(function, &list.elems),
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

/// The strings among a call's arguments, those of lists included.
fn arguments(tokens: TokenStream) -> Vec<syn::LitStr> {
    let strings = tokens.into_iter().flat_map(|tree| match tree {
        TokenTree::Literal(literal) => as_string(literal).into_iter().collect(),
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => arguments(group.stream()),
        _ => Vec::new(),
    });
    strings.collect()
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
        self.push_calls(&node.method.to_string(), &node.args);
    }

    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        visit::visit_expr_call(self, node);
        if let syn::Expr::Path(path) = &*node.func
            && let Some(last) = path.path.segments.last()
        {
            self.push_calls(&last.ident.to_string(), &node.args);
        }
    }
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
    let calls: Vec<_> =
        found.calls.iter().map(|call| (call.function.as_str(), found.all[call.string].text.as_str())).collect();
    assert_eq!(calls, [("query", "select 1 from x"), ("bind", "b"), ("query", "c")]);
    assert_eq!(strings("a.rs", source).all.len(), 5);
    let inside = strings("a.rs", r#"both! { fn a() { b(&c, "d").e(["f"]); } }"#);
    assert_eq!((inside.all.len(), inside.calls.len(), inside.calls[0].function.as_str()), (2, 2, "b"));
}
