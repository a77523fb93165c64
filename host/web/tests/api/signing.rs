//! Signing keys: who has one signs, and what a revoked key signs is refused.

use axum::body::Body;
use axum::http::{Request, header};
use ed25519_dalek::SigningKey;
use heptad_runtime::package::signature::{name_of, sign};
use heptad_store::both_databases;
use heptad_web::testing::{Answer, TestHost, guest, repacked};
use serde_json::{Value, json};

async fn upload(host: &TestHost, token: &str, body: Vec<u8>) -> Answer {
    let request = Request::post("/v1/versions")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/wasm");
    host.send(request.body(Body::from(body)).unwrap()).await
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

async fn register(host: &TestHost, token: &str, key: &SigningKey) -> Answer {
    let input = json!({"public_key": hex::encode(key.verifying_key().as_bytes()), "name": "release"});
    host.post(token, "/v1/signing-keys", &input).await
}

fn version(number: &str) -> Vec<u8> {
    repacked("hello-discount", |manifest| manifest.version = number.to_owned())
}

both_databases! {
    async fn a_publisher_with_a_key_signs_rotates_and_revokes(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let (own, other) = (host.publisher("heptad").await, host.publisher("somebody").await);
        // Without a key nothing has to be signed; a signature by a key that nobody registered is worth nothing.
        upload(&host, &own.token, guest("hello-discount")).await.expect(201);
        let stranger = sign(&version("0.2.0"), &key(9)).unwrap();
        assert_eq!(upload(&host, &own.token, stranger.clone()).await.problem(409), "signing-key-unknown");

        let first = register(&host, &own.token, &key(1)).await.expect(201);
        assert_eq!(first["id"], name_of(&key(1)));
        assert_eq!(register(&host, &other.token, &key(1)).await.problem(409), "name-taken");
        let broken = json!({"public_key": "abc", "name": "x"});
        assert_eq!(host.post(&own.token, "/v1/signing-keys", &broken).await.problem(422), "invalid-field");
        assert_eq!(upload(&host, &own.token, version("0.2.0")).await.problem(409), "signature-required");
        assert_eq!(upload(&host, &own.token, stranger).await.problem(409), "signing-key-unknown");
        let signed = upload(&host, &own.token, sign(&version("0.2.0"), &key(1)).unwrap()).await.expect(201);
        assert_eq!(signed["signed_by"], name_of(&key(1)));
        // The same bytes signed by somebody else of the publisher's are the same version.
        register(&host, &own.token, &key(2)).await.expect(201);
        let again = upload(&host, &own.token, sign(&version("0.2.0"), &key(2)).unwrap()).await.expect(200);
        assert_eq!(again["id"], signed["id"]);
        assert_eq!(again["signed_by"], name_of(&key(1)));

        let at = |end: &str| format!("/v1/signing-keys/{}/{end}", name_of(&key(1)));
        assert_eq!(host.post(&other.token, &at("revoke"), &json!({})).await.problem(404), "not-found");
        let future = json!({"from": "2100-01-01T00:00:00Z"});
        assert_eq!(host.post(&own.token, &at("revoke"), &future).await.problem(422), "invalid-field");
        let revoked = host.post(&own.token, &at("revoke"), &json!({})).await.expect(200);
        assert!(revoked["revoked_from"].is_string());
        let late = sign(&version("0.3.0"), &key(1)).unwrap();
        assert_eq!(upload(&host, &own.token, late).await.problem(409), "signing-key-revoked");
        upload(&host, &own.token, sign(&version("0.3.0"), &key(2)).unwrap()).await.expect(201);
        // The operator sees what the revoked key has signed.
        let listed = host.get(&host.operator, &at("versions")).await.expect(200);
        let numbers: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|one| &one["version"]).collect();
        assert_eq!(numbers, ["0.2.0"]);
        assert_eq!(host.get(&other.token, &at("versions")).await.problem(404), "not-found");
        let keys = host.get(&own.token, "/v1/signing-keys").await.expect(200);
        assert_eq!(keys["items"].as_array().unwrap().len(), 2);
    }
}
