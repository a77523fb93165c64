//! The description of the API and the page to read it.

use heptad_store::dialect::Dialect;
use heptad_store::testing::TestDatabase;
use heptad_web::testing::TestHost;
use serde_json::Value;

async fn host() -> TestHost {
    TestHost::start(TestDatabase::create(Dialect::Sqlite).await).await
}

#[tokio::test]
async fn the_description_is_whole() {
    let document = host().await.get("", "/openapi.json").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let named = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{named} has no summary");
            assert!(operation["responses"]["default"]["content"]["application/problem+json"].is_object(), "{named}");
            let open = operation.get("security").is_none();
            assert_eq!(open, operation.get("x-roles").is_none(), "{named}");
            for part in path.split('/').filter(|part| part.starts_with('{')) {
                let name = part.trim_matches(['{', '}']);
                let parameters = operation["parameters"].as_array().unwrap();
                assert_eq!(
                    parameters.iter().filter(|parameter| parameter["name"] == name).count(),
                    1,
                    "{named}: {name}"
                );
            }
        }
    }
    // Every reference leads somewhere, every property of ours is explained.
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{reference}");
    }
    for (name, schema) in schemas {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let said =
                property["description"].is_string() || property["$ref"].is_string() || property["oneOf"].is_array();
            assert!(said, "{name}.{field} is not explained");
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_to_read_it_needs_nothing_from_elsewhere() {
    let host = host().await;
    assert_eq!(host.get("", "/docs").await.header("location"), "/docs/");
    let page = host.get("", "/docs/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html"));
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    for line in page.text().lines().filter(|line| line.contains("src=") || line.contains("href=")) {
        assert!(!line.contains("https://"), "{line}");
    }
    let script = host.get("", "/docs/swagger-initializer.js").await;
    assert!(script.text().contains("/openapi.json"), "{}", script.text());
    assert_eq!(host.get("", "/docs/none.js").await.problem(404), "not-found");
}
