//! Filters of subscriptions: which events of its types somebody wants to hear of.
//!
//! The language is a small part of [CEL](https://cel.dev), so what is written here means the same there:
//!
//! ```text
//! data.total >= 10000 && data.currency == "CNY"
//! type in ["order.placed", "order.paid"] || !has(data.customer)
//! key.startsWith("GIFT-")
//! ```
//!
//! Names are `type`, `key`, `actor` and `data.<field>`; values are whole numbers, texts in double quotes, `true` and
//! `false`. A comparison with a field that is absent, or of values of two kinds, is false (CEL would call it an error).

use serde_json::Value;

use crate::event::Event;

/// The most bytes of a filter.
pub const MAX_FILTER: usize = 1_000;
/// How deep parentheses and negations may be nested.
const MAX_NESTING: usize = 16;
/// The most values of a list.
const MAX_LIST: usize = 100;

/// A filter that was read and found whole. The empty one lets everything through.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    root: Option<Expression>,
}

/// A filter cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter, at byte {at}: {problem}")]
pub struct FilterError {
    /// Where, in bytes from 0.
    pub at: usize,
    /// What was expected there.
    pub problem: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Has(Name),
    StartsWith(Name, String),
    In(Name, Vec<Literal>),
    Compare(Name, Comparison, Literal),
    Is(Name),
}

#[derive(Debug, Clone, PartialEq)]
enum Name {
    Type,
    Key,
    Actor,
    Data(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Number(i64),
    Text(String),
    Flag(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer signs first: `<=` is not `<`.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Filter {
    /// Reads a filter.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > MAX_FILTER {
            return Err(FilterError { at: MAX_FILTER, problem: format!("at most {MAX_FILTER} bytes") });
        }
        if text.trim().is_empty() {
            return Ok(Self { root: None });
        }
        let mut parser = Parser { text, at: 0, depth: 0 };
        let root = parser.any()?;
        parser.space();
        match parser.at == text.len() {
            true => Ok(Self { root: Some(root) }),
            false => Err(parser.expected("`&&`, `||` or the end")),
        }
    }

    /// Whether the event is wanted.
    pub fn matches(&self, event: &Event) -> bool {
        self.root.as_ref().is_none_or(|root| root.holds(event))
    }
}

impl Expression {
    fn holds(&self, event: &Event) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(event)),
            Self::All(parts) => parts.iter().all(|part| part.holds(event)),
            Self::Not(inner) => !inner.holds(event),
            Self::Has(name) => name.value(event).is_some(),
            Self::Is(name) => name.value(event) == Some(Literal::Flag(true)),
            Self::StartsWith(name, start) => {
                matches!(name.value(event), Some(Literal::Text(text)) if text.starts_with(start))
            }
            Self::In(name, list) => name.value(event).is_some_and(|value| list.contains(&value)),
            Self::Compare(name, comparison, literal) => {
                name.value(event).is_some_and(|value| comparison.holds(&value, literal))
            }
        }
    }
}

impl Comparison {
    fn holds(self, left: &Literal, right: &Literal) -> bool {
        let order = match (left, right) {
            (Literal::Number(left), Literal::Number(right)) => left.cmp(right),
            (Literal::Text(left), Literal::Text(right)) => left.cmp(right),
            (Literal::Flag(left), Literal::Flag(right)) => left.cmp(right),
            _ => return false,
        };
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Name {
    fn value(&self, event: &Event) -> Option<Literal> {
        match self {
            Self::Type => Some(Literal::Text(event.kind.clone())),
            Self::Key => Some(Literal::Text(event.key.clone())),
            Self::Actor => Some(Literal::Text(event.actor.clone())),
            Self::Data(path) => {
                let found = path.iter().try_fold(&event.data, |value, name| value.get(name))?;
                match found {
                    Value::Bool(flag) => Some(Literal::Flag(*flag)),
                    Value::Number(number) => number.as_i64().map(Literal::Number),
                    Value::String(text) => Some(Literal::Text(text.clone())),
                    _ => None,
                }
            }
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn expected(&self, what: &str) -> FilterError {
        FilterError { at: self.at, problem: format!("expected {what}") }
    }

    /// Takes a sign, with space before it.
    fn take(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn must(&mut self, sign: &str) -> Result<(), FilterError> {
        if self.take(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    fn any(&mut self) -> Result<Expression, FilterError> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(FilterError { at: self.at, problem: format!("at most {MAX_NESTING} levels of parentheses") });
        }
        let parts = self.joined("||", Self::all)?;
        self.depth -= 1;
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, FilterError> {
        Ok(one_or(self.joined("&&", Self::term)?, Expression::All))
    }

    fn joined(
        &mut self,
        sign: &str,
        part: fn(&mut Self) -> Result<Expression, FilterError>,
    ) -> Result<Vec<Expression>, FilterError> {
        let mut parts = vec![part(self)?];
        while self.take(sign) {
            parts.push(part(self)?);
        }
        Ok(parts)
    }

    fn term(&mut self) -> Result<Expression, FilterError> {
        if self.take("!") {
            self.depth += 1;
            if self.depth > MAX_NESTING {
                return Err(FilterError { at: self.at, problem: format!("at most {MAX_NESTING} negations") });
            }
            let inner = self.term()?;
            self.depth -= 1;
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.take("(") {
            let inner = self.any()?;
            self.must(")")?;
            return Ok(inner);
        }
        if self.take("has(") {
            let name = self.name()?;
            self.must(")")?;
            return Ok(Expression::Has(name));
        }
        let name = self.name()?;
        if self.take(".startsWith(") {
            let Literal::Text(start) = self.literal()? else { return Err(self.expected("a text in double quotes")) };
            self.must(")")?;
            return Ok(Expression::StartsWith(name, start));
        }
        if self.take("in") {
            return Ok(Expression::In(name, self.list()?));
        }
        for (sign, comparison) in COMPARISONS {
            if self.take(sign) {
                return Ok(Expression::Compare(name, comparison, self.literal()?));
            }
        }
        Ok(Expression::Is(name))
    }

    fn word(&mut self) -> Option<String> {
        let end = self.rest().find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let word = self.rest()[..end.unwrap_or(self.rest().len())].to_owned();
        let begins = word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        begins.then(|| {
            self.at += word.len();
            word
        })
    }

    fn name(&mut self) -> Result<Name, FilterError> {
        self.space();
        let begin = self.at;
        match self.word().as_deref() {
            Some("type") => Ok(Name::Type),
            Some("key") => Ok(Name::Key),
            Some("actor") => Ok(Name::Actor),
            Some("data") => {
                let mut path = Vec::new();
                while self.rest().starts_with('.') && !self.rest().starts_with(".startsWith(") {
                    self.at += 1;
                    path.push(self.word().ok_or_else(|| self.expected("the name of a field"))?);
                }
                if path.is_empty() { Err(self.expected("`.` and the name of a field")) } else { Ok(Name::Data(path)) }
            }
            _ => {
                self.at = begin;
                Err(self.expected("`type`, `key`, `actor` or `data.` and a field"))
            }
        }
    }

    fn list(&mut self) -> Result<Vec<Literal>, FilterError> {
        self.must("[")?;
        let mut list = vec![self.literal()?];
        while self.take(",") {
            list.push(self.literal()?);
        }
        self.must("]")?;
        if list.len() > MAX_LIST {
            return Err(FilterError { at: self.at, problem: format!("at most {MAX_LIST} values in a list") });
        }
        Ok(list)
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        self.space();
        if let Some(rest) = self.rest().strip_prefix('"') {
            let (mut text, mut escaped) = (String::new(), false);
            for (place, letter) in rest.char_indices() {
                match letter {
                    letter if escaped => {
                        text.push(letter);
                        escaped = false;
                    }
                    '\\' => escaped = true,
                    '"' => {
                        self.at += place + 2;
                        return Ok(Literal::Text(text));
                    }
                    letter => text.push(letter),
                }
            }
            return Err(self.expected("the closing quote of this text"));
        }
        for (word, flag) in [("true", true), ("false", false)] {
            if self.take(word) {
                return Ok(Literal::Flag(flag));
            }
        }
        let digits = self.rest().find(|letter: char| !letter.is_ascii_digit() && letter != '-');
        let number = self.rest()[..digits.unwrap_or(self.rest().len())].to_owned();
        match number.parse() {
            Ok(value) => {
                self.at += number.len();
                Ok(Literal::Number(value))
            }
            Err(_) => Err(self.expected("a whole number, a text in double quotes, `true` or `false`")),
        }
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ctx::{Actor, Env, Origin};
    use crate::event::NewEvent;
    use crate::locale::Locale;

    fn event() -> Event {
        let data = json!({"total": 12_000, "currency": "CNY", "flag": true, "deep": {"list": [1], "word": "a\"b"}});
        let new = NewEvent {
            kind: "order.placed".to_owned(),
            schema_version: 1,
            key: "ord_1".to_owned(),
            target: None,
            data,
        };
        new.placed(&Origin::new(Actor::Anonymous, Locale::En, Env::fixed(1)), 1)
    }

    #[test]
    fn what_a_filter_lets_through() {
        for (text, expected) in [
            ("", true),
            ("data.total >= 10000", true),
            ("data.total > 12000", false),
            ("data.total <= 12000 && data.currency == \"CNY\"", true),
            ("data.total < 0 || type == \"order.placed\"", true),
            ("data.total < 0 || type == \"order.placed\" && key == \"x\"", false),
            ("(data.total < 0 || type == \"order.placed\") && key != \"x\"", true),
            ("type in [\"order.paid\", \"order.placed\"]", true),
            ("data.total in [1, -2]", false),
            ("!has(data.customer)", true),
            ("has(data.deep.word) && !!data.flag", true),
            ("data.deep.word == \"a\\\"b\"", true),
            ("key.startsWith(\"ord_\")", true),
            ("data.currency.startsWith(\"U\")", false),
            ("actor == \"anonymous\"", true),
            // Absent, or of another kind: false, and so is the opposite.
            ("data.customer == \"x\"", false),
            ("data.customer != \"x\"", false),
            ("data.total == \"12000\"", false),
            ("data.deep.list == 1", false),
            ("data.flag == true", true),
        ] {
            assert_eq!(Filter::parse(text).unwrap().matches(&event()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, expected) in [
            ("data", "at byte 4: expected `.` and the name of a field"),
            ("total > 1", "at byte 0: expected `type`, `key`, `actor`"),
            ("data.total >", "at byte 12: expected a whole number"),
            ("data.total > 1.5", "at byte 14: expected `&&`, `||` or the end"),
            ("key == \"x", "at byte 7: expected the closing quote"),
            ("(key == \"x\"", "at byte 11: expected `)`"),
            ("key in []", "at byte 8: expected a whole number"),
        ] {
            let error = Filter::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Filter::parse(&"(".repeat(500)).unwrap_err().to_string().contains("at most 16 levels"));
        assert!(Filter::parse(&"!".repeat(500)).unwrap_err().to_string().contains("at most 16 negations"));
        assert!(Filter::parse(&" ".repeat(1_001)).unwrap_err().to_string().contains("at most 1000 bytes"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z.\"\\\\()!&|=<>\\[\\], 0-9é-]{0,60}") {
            if let Ok(filter) = Filter::parse(&text) {
                filter.matches(&event());
            }
        }
    }
}
