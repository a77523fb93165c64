//! Uploads that are refused: each with its own code and a sentence that names the cause, and nothing stored.

use axum::body::Body;
use axum::http::{Request, header};
use heptad_store::both_databases;
use heptad_web::testing::{Answer, TestHost, guest, repacked};
use serde_json::json;
use wasm_encoder::{
    Component, ComponentImportSection, ComponentTypeRef, ComponentTypeSection, CustomSection, InstanceType,
    PrimitiveValType,
};

/// A component that imports this function of this interface, with the manifest of a plugin that asks for nothing.
fn importing(interface: &str, function: &str) -> Vec<u8> {
    let mut instance = InstanceType::new();
    instance.ty().function().params([("x", PrimitiveValType::U32)]).result(None);
    instance.export(function, ComponentTypeRef::Func(0));
    let mut types = ComponentTypeSection::new();
    types.instance(&instance);
    let mut imports = ComponentImportSection::new();
    imports.import(interface, ComponentTypeRef::Instance(0));
    let words = json!({"name": "P", "summary": "S"});
    let manifest = json!({
        "name": "crooked", "version": "0.1.0", "publisher": "heptad", "contract": "0.1", "license": "0BSD",
        "points": ["discount.order"], "locales": {"zh-CN": words, "en": words},
    })
    .to_string();
    let section = CustomSection { name: "heptad:manifest".into(), data: manifest.as_bytes().into() };
    let mut component = Component::new();
    component.section(&types).section(&imports).section(&section);
    component.finish()
}

async fn upload(host: &TestHost, token: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post("/v1/versions")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/wasm");
    host.send(request.body(body.into()).unwrap()).await
}

both_databases! {
    async fn each_bad_upload_is_refused_with_its_own_code_and_nothing_is_stored(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let publisher = host.publisher("heptad").await;
        let good = guest("hello-discount");
        let mut truncated = good.clone();
        truncated.truncate(good.len() / 2);
        let mut elf = b"\x7fELF\x02\x01\x01\0".to_vec();
        elf.resize(4_096, 0);
        for (what, bytes, code, named) in [
            ("not wasm", b"#!/bin/sh\necho hello\n".to_vec(), "not-wasm", "not WebAssembly"),
            ("empty", Vec::new(), "not-wasm", "not WebAssembly"),
            ("a core module", b"\0asm\x01\0\0\0".to_vec(), "core-module", "core module"),
            ("compiled code", elf, "precompiled", "compiled code"),
            ("truncated", truncated, "malformed-component", "malformed at byte"),
            ("no manifest", Component::new().finish(), "no-manifest", "plugin pack"),
            ("unknown import", importing("other:thing/it@1.0.0", "run"), "unknown-import", "other:thing/it@1.0.0"),
            ("unknown function", importing("heptad:mall/catalog@0.1.0", "everything"), "unknown-import", "catalog#everything"),
            ("import beyond the manifest", importing("heptad:mall/catalog@0.1.0", "skus"), "permission-not-asked", "mall.catalog.read"),
            ("another contract", importing("heptad:mall/catalog@0.2.0", "skus"), "contract-version", "0.2.0"),
        ] {
            let answer = upload(&host, &publisher.token, bytes).await;
            assert_eq!(answer.problem(422), code, "{what}: {}", answer.text());
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(named), "{what}: {detail}");
        }
        let stored = host.get(&publisher.token, "/v1/own-plugins").await.expect(200);
        assert_eq!(stored["items"], json!([]));
        assert_eq!(host.get(&host.operator, "/v1/versions").await.expect(200)["items"], json!([]));
        assert_eq!(host.stored_components(), 0);
    }

    async fn an_upload_of_200_megabytes_is_refused_before_it_is_read(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let publisher = host.publisher("heptad").await;
        // By its told length: the body is never asked for.
        let request = Request::post("/v1/versions")
            .header(header::AUTHORIZATION, format!("Bearer {}", publisher.token))
            .header(header::CONTENT_TYPE, "application/wasm")
            .header(header::CONTENT_LENGTH, (200_u64 << 20).to_string());
        let answer = host.send(request.body(Body::from("the rest never comes")).unwrap()).await;
        assert_eq!(answer.problem(413), "upload-too-large");
        // Without a told length: after 32 MiB.
        let answer = upload(&host, &publisher.token, vec![0; 200 << 20]).await;
        assert_eq!(answer.problem(413), "upload-too-large");
        assert_eq!(host.stored_components(), 0);
    }

    async fn only_the_publisher_that_the_manifest_names_may_submit_and_the_same_bytes_change_nothing(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let (own, other) = (host.publisher("heptad").await, host.publisher("somebody").await);
        assert_eq!(upload(&host, &other.token, guest("hello-discount")).await.problem(422), "publisher-mismatch");
        assert_eq!(host.stored_components(), 0);
        let first = upload(&host, &own.token, guest("hello-discount")).await.expect(201);
        assert_eq!(upload(&host, &own.token, guest("hello-discount")).await.expect(200), first);
        let path = format!("/v1/versions/{}", first["id"].as_str().unwrap());
        host.get(&own.token, &path).await.expect(200);
        assert_eq!(host.get(&other.token, &path).await.problem(404), "not-found");
        let versions = "/v1/own-plugins/hello-discount/versions";
        assert_eq!(host.get(&own.token, versions).await.expect(200)["items"][0]["state"], "submitted");
        assert_eq!(host.get(&other.token, versions).await.problem(404), "not-found");
    }

    async fn what_the_catalog_refuses_leaves_nothing_stored(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let (own, other) = (host.publisher("heptad").await, host.publisher("somebody").await);
        upload(&host, &own.token, guest("hello-discount")).await.expect(201);
        let stored = host.stored_components();
        // Other bytes of a version that exists; a name that belongs to somebody else.
        let changed = repacked("hello-discount", |manifest| manifest.license = "MIT".to_owned());
        assert_eq!(upload(&host, &own.token, changed).await.problem(409), "version-exists");
        let taken = repacked("hello-discount", |manifest| manifest.publisher = "somebody".to_owned());
        assert_eq!(upload(&host, &other.token, taken).await.problem(409), "plugin-name-taken");
        assert_eq!(host.stored_components(), stored);
    }

    async fn a_compressed_body_is_refused_and_not_unpacked(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let publisher = host.publisher("heptad").await;
        // A thousand zeros in gzip, and more in its length than there are.
        let bomb = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1\x01\x0d\0\0\0\xc2\xa0\xf7Om\x0e7\xa0\0".to_vec();
        for (path, kind) in [("/v1/versions", "application/wasm"), ("/v1/quotes", "application/json")] {
            let token = if path == "/v1/versions" { &publisher.token } else { &host.shop("tea", "CNY").await.shop };
            let request = Request::post(path)
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(header::CONTENT_TYPE, kind)
                .header(header::CONTENT_ENCODING, "gzip");
            let answer = host.send(request.body(Body::from(bomb.clone())).unwrap()).await;
            assert_eq!(answer.problem(415), "unsupported-encoding", "{path}");
        }
        assert_eq!(host.stored_components(), 0);
    }

    async fn an_upload_says_what_it_is(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let publisher = host.publisher("heptad").await;
        let answer = host.post(&publisher.token, "/v1/versions", &json!({})).await;
        assert_eq!(answer.problem(415), "unsupported-media-type");
    }
}
