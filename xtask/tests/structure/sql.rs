//! Reads a statement as far as it takes to know which tenant's rows it touches.
//!
//! A table of tenants is *bound* where it is filtered by `tenant_id = $1`, joined on the tenant of one that is, or
//! inserted into with `$1` as its `tenant_id`. Only conditions that always hold count: at the top of `where` or `on`,
//! joined by `and`.

use std::collections::{BTreeMap, BTreeSet};

/// Words after a table's name that are not its alias.
const NO_ALIAS: &[&str] = &[
    "as",
    "where",
    "on",
    "set",
    "join",
    "left",
    "right",
    "inner",
    "cross",
    "full",
    "order",
    "group",
    "limit",
    "returning",
    "union",
    "values",
    "select",
    "using",
    "having",
    "for",
    ",",
    ";",
    "default",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Word(String),
    Group(Vec<Node>),
}

impl Node {
    fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Group(_) => None,
        }
    }

    fn is_query(&self) -> bool {
        matches!(self, Self::Group(nodes) if nodes.first().and_then(Self::word).is_some_and(|word| matches!(word, "select" | "with")))
    }
}

/// Splits a statement into words and groups in parentheses. Texts in quotes become the word `''`.
fn nodes(sql: &str) -> Vec<Node> {
    let mut stack = vec![Vec::new()];
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '(' => stack.push(Vec::new()),
            ')' => {
                let group = stack.pop().unwrap_or_default();
                match stack.last_mut() {
                    Some(outer) => outer.push(Node::Group(group)),
                    None => stack.push(group),
                }
            }
            '\'' => {
                letters.by_ref().find(|next| *next == '\'');
                push(&mut stack, "''".to_owned());
            }
            letter if letter.is_whitespace() || letter == '"' => {}
            letter if is_word(letter) => {
                let mut word = letter.to_string();
                while let Some(next) = letters.next_if(|next| is_word(*next)) {
                    word.push(next);
                }
                push(&mut stack, word.to_lowercase());
            }
            letter => {
                let mut sign = letter.to_string();
                if matches!(letter, '<' | '>' | '!')
                    && let Some(next) = letters.next_if(|next| matches!(next, '=' | '>'))
                {
                    sign.push(next);
                }
                push(&mut stack, sign);
            }
        }
    }
    // An unclosed parenthesis: what was read so far, all in one.
    stack.into_iter().flatten().collect()
}

fn push(stack: &mut [Vec<Node>], word: String) {
    if let Some(nodes) = stack.last_mut() {
        nodes.push(Node::Word(word));
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '$')
}

/// Whether a text is meant as a statement.
pub(crate) fn is_statement(text: &str) -> bool {
    let verbs = ["select", "insert", "update", "delete", "with"];
    text.split_whitespace().next().is_some_and(|word| verbs.contains(&word.to_lowercase().as_str()))
}

/// The columns of each table that a schema creates.
pub(crate) fn tables(schema: &str) -> BTreeMap<String, Vec<String>> {
    let plain: String =
        schema.lines().filter(|line| !line.trim_start().starts_with("--")).map(|line| format!("{line}\n")).collect();
    let mut tables = BTreeMap::new();
    for window in nodes(&plain).windows(4) {
        if let [create, table, name, Node::Group(columns)] = window
            && (create.word(), table.word()) == (Some("create"), Some("table"))
        {
            let first = |part: &[Node]| part.first().and_then(Node::word).map(str::to_owned);
            let columns = columns.split(|node| node.word() == Some(",")).filter_map(first).collect();
            tables.insert(name.word().unwrap_or_default().to_owned(), columns);
        }
    }
    tables
}

/// Which of the tables a statement names after `from`, `join`, `into`, `update`.
pub(crate) fn mentioned<'t>(sql: &str, tables: &'t BTreeSet<String>) -> BTreeSet<&'t str> {
    fn inside<'t>(nodes: &[Node], tables: &'t BTreeSet<String>, found: &mut BTreeSet<&'t str>) {
        found.extend(mentions(nodes, tables).into_iter().map(|mention| mention.table));
        for node in nodes {
            if let Node::Group(nodes) = node {
                inside(nodes, tables, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    inside(&nodes(sql), tables, &mut found);
    found
}

/// A table in a scope.
#[derive(Debug)]
struct Mention<'t> {
    table: &'t str,
    alias: String,
    /// The place behind the name.
    after: usize,
    is_target: bool,
}

fn mentions<'t>(nodes: &[Node], tables: &'t BTreeSet<String>) -> Vec<Mention<'t>> {
    let mut found = Vec::new();
    let mut in_from = false;
    for (place, node) in nodes.iter().enumerate() {
        let Some(word) = node.word() else { continue };
        let names_table = match word {
            "from" => {
                in_from = true;
                true
            }
            "join" | "into" | "update" => true,
            "," => in_from,
            "where" | "on" | "set" | "order" | "group" | "limit" | "returning" | "select" | "values" => {
                in_from = false;
                false
            }
            _ => false,
        };
        let name = nodes.get(place + 1).and_then(Node::word).filter(|_| names_table);
        let Some(table) = name.and_then(|name| tables.get(name)) else { continue };
        let mut next = place + 2;
        if nodes.get(next).and_then(Node::word) == Some("as") {
            next += 1;
        }
        let alias = nodes.get(next).and_then(Node::word).filter(|word| !NO_ALIAS.contains(word));
        found.push(Mention {
            table,
            alias: alias.unwrap_or(table).to_owned(),
            after: place + 2,
            is_target: word == "into",
        });
    }
    found
}

/// What is wrong with a statement on these tables; nothing when every one of them is bound to the tenant in `$1`.
pub(crate) fn unbound(sql: &str, tables: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    scope(&nodes(sql), tables, &BTreeSet::new(), &mut problems);
    problems
}

fn scope(nodes: &[Node], tables: &BTreeSet<String>, outer: &BTreeSet<String>, problems: &mut Vec<String>) {
    let is_set_operation = |node: &Node| matches!(node.word(), Some("union" | "except" | "intersect"));
    for part in nodes.split(is_set_operation) {
        one_scope(part, tables, outer, problems);
    }
}

fn one_scope(nodes: &[Node], tables: &BTreeSet<String>, outer: &BTreeSet<String>, problems: &mut Vec<String>) {
    let (targets, read): (Vec<_>, Vec<_>) = mentions(nodes, tables).into_iter().partition(|mention| mention.is_target);
    for target in &targets {
        problems.extend(insert_problem(nodes, target));
    }
    let conditions = conditions(nodes);
    let mut bound = outer.clone();
    loop {
        let before = bound.len();
        for mention in &read {
            let own = format!("{}.tenant_id", mention.alias);
            let is_own = |side: &str| side == own || (side == "tenant_id" && read.len() == 1);
            let is_tenant =
                |side: &str| side == "$1" || side.strip_suffix(".tenant_id").is_some_and(|alias| bound.contains(alias));
            let binds =
                |(left, right): &(&str, &str)| (is_own(left) && is_tenant(right)) || (is_own(right) && is_tenant(left));
            if conditions.pairs.iter().any(binds) {
                bound.insert(mention.alias.clone());
            }
        }
        if bound.len() == before {
            break;
        }
    }
    // An alias that an outer scope has bound is another one here.
    let here = |mention: &&Mention<'_>| {
        !bound.contains(&mention.alias) || (outer.contains(&mention.alias) && conditions.pairs.is_empty())
    };
    problems.extend(read.iter().filter(here).map(|mention| format!("`{}` is not bound to the tenant", mention.table)));
    if conditions.has_or && !read.is_empty() {
        problems.push("an `or` stands beside the tenant's condition: put it in parentheses".to_owned());
    }
    queries(nodes, &mut |query| scope(query, tables, &bound, problems));
}

/// Calls `visit` for each query in parentheses, at any depth of parentheses that are none.
fn queries(nodes: &[Node], visit: &mut impl FnMut(&[Node])) {
    for node in nodes {
        if let Node::Group(inside) = node {
            if node.is_query() { visit(inside) } else { queries(inside, visit) }
        }
    }
}

/// The equations at the top of `where` and `on`.
#[derive(Default)]
struct Conditions<'n> {
    pairs: Vec<(&'n str, &'n str)>,
    has_or: bool,
}

fn conditions(nodes: &[Node]) -> Conditions<'_> {
    let mut found = Conditions::default();
    let mut inside = false;
    for (place, node) in nodes.iter().enumerate() {
        match node.word() {
            Some("where") => inside = true,
            // `on conflict` is no condition.
            Some("on") => inside = nodes.get(place + 1).and_then(Node::word) != Some("conflict"),
            Some("set" | "select" | "from" | "join" | "group" | "order" | "limit" | "returning" | "values") => {
                inside = false;
            }
            Some("or") if inside => found.has_or = true,
            Some("=") if inside && place > 0 => {
                let negated = place > 1 && nodes[place - 2].word() == Some("not");
                if let (Some(left), Some(right), false) =
                    (nodes[place - 1].word(), nodes.get(place + 1).and_then(Node::word), negated)
                {
                    found.pairs.push((left, right));
                }
            }
            _ => {}
        }
    }
    found
}

/// An insert names `tenant_id` first, gives it `$1`, and conflicts within the tenant.
fn insert_problem(nodes: &[Node], target: &Mention<'_>) -> Option<String> {
    let table = target.table;
    let Some(Node::Group(columns)) = nodes.get(target.after) else {
        return Some(format!("the insert into `{table}` does not name its columns"));
    };
    if columns.first().and_then(Node::word) != Some("tenant_id") {
        return Some(format!("the first column of the insert into `{table}` is not tenant_id"));
    }
    let rest = &nodes[target.after + 1..];
    let is_tenant = |values: &[Node]| {
        values.first().and_then(Node::word) == Some("$1")
            && matches!(values.get(1).map(Node::word), None | Some(Some(",")))
    };
    let conflict = rest.iter().position(|node| node.word() == Some("conflict"));
    let source = &rest[..conflict.unwrap_or(rest.len())];
    let tenant = match source.first().and_then(Node::word) {
        Some("values") => source.iter().all(|node| !matches!(node, Node::Group(values) if !is_tenant(values))),
        Some("select") => is_tenant(&source[1..]),
        _ => false,
    };
    if !tenant {
        return Some(format!("the insert into `{table}` does not give $1 to tenant_id"));
    }
    match conflict.and_then(|place| rest.get(place + 1)) {
        Some(Node::Group(key)) if key.first().and_then(Node::word) != Some("tenant_id") => {
            Some(format!("the insert into `{table}` may conflict with another tenant's row"))
        }
        _ => None,
    }
}
