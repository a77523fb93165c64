//! Holding what happened against what was expected: of an object every field that was expected, everything else whole.

use serde_json::Value;

/// What differs, each with its path.
pub(super) fn differences(path: &str, expected: &Value, found: &Value) -> Vec<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let of_field = |(name, value): (&String, &Value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match found.get(name) {
                    Some(found) => differences(&path, value, found),
                    None => vec![format!("{path}: expected {value}, there is none; there is {}", names(found))],
                }
            };
            expected.iter().flat_map(of_field).collect()
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs.flat_map(|(at, (expected, found))| differences(&format!("{path}[{at}]"), expected, found)).collect()
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Vec::new(),
        _ if expected == found => Vec::new(),
        _ => vec![format!("{path}: expected {expected}, found {found}")],
    }
}

fn names(of: &serde_json::Map<String, Value>) -> String {
    match of.len() {
        0 => "nothing".to_owned(),
        _ => of.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_were_not_expected_are_free_and_lists_are_whole() {
        let found = json!({"total": 900, "lines": [{"sku": "TEA", "discount": 100}], "log": []});
        let differ = |expected| differences("", &expected, &found);
        assert_eq!(differ(json!({"total": 900, "lines": [{"discount": 100}]})), Vec::<String>::new());
        assert_eq!(differ(json!({"lines": [{"discount": 90}]})), ["lines[0].discount: expected 90, found 100"]);
        assert_eq!(differ(json!({"lines": []})), [format!("lines: expected [], found {}", found["lines"])]);
        assert_eq!(differ(json!({"totl": 1})), ["totl: expected 1, there is none; there is lines, log, total"]);
    }
}
