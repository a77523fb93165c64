//! A publisher uploads, an operator decides, a merchant sees it; and the operator's other pages.

use heptad_platform::user::HeldRole;
use heptad_platform::{Role, Scope};
use heptad_store::both_databases;
use heptad_web::testing::{TestHost, guest, repacked};

use crate::browser::Browser;
use crate::fixture::World;

both_databases! {
    async fn an_upload_is_reviewed_before_merchants_see_it(database: TestDatabase) {
        let world = World::start(database).await;
        let publisher = world.host.publisher("heptad").await;
        let maker = world.host.person(&[HeldRole { role: Role::Publisher, scope: Scope::Publisher(publisher.id) }]).await;
        let operator = world.host.person(&[HeldRole { role: Role::Operator, scope: Scope::Platform }]).await;
        let mut maker_browser = Browser::new(&world.host, "en");
        let page = maker_browser.sign_in(&maker.login).await.expect(200);
        page.shows("No plugins yet");
        let page = maker_browser.open("/console/publishers/heptad/upload").await.expect(200);
        let form = page.form("/upload");
        let page = maker_browser.upload(&form, &guest("member-pricing")).await.expect(200);
        page.shows("Submitted.").shows("In review");
        maker_browser.upload(&form, &guest("member-pricing")).await.expect(200).shows("nothing changed");

        let mut merchant = Browser::new(&world.host, "en");
        merchant.sign_in(&world.owner.login).await.expect(200);
        merchant.open(&world.at("/catalog")).await.expect(200).lacks("Member pricing");

        let mut operator_browser = Browser::new(&world.host, "en");
        let page = operator_browser.sign_in(&operator.login).await.expect(200);
        let page = operator_browser.follow(&page, "Member pricing").await.expect(200);
        page.shows("See members' tiers").shows("heptad:members/tiers#get").shows("Functions that it imports");
        let url = page.path.clone();
        operator_browser.send(&page.form(&url).by("Reject")).await.expect(422).shows("A rejection needs a note");
        let page = operator_browser.send(&page.form(&url).set("note", "<fine>").by("Approve")).await.expect(200);
        page.shows("Approved.").shows("Nothing to review");
        operator_browser.open(&url).await.expect(200).shows("<fine>").lacks("Reject");

        merchant.open(&world.at("/catalog")).await.expect(200).shows("Member pricing");
        maker_browser.open("/console/publishers/heptad/plugins/member-pricing").await.expect(200).shows("Approved").shows("<fine>");
    }

    async fn bad_files_are_refused_with_their_codes(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let publisher = host.publisher("heptad").await;
        let maker = host.person(&[HeldRole { role: Role::Publisher, scope: Scope::Publisher(publisher.id) }]).await;
        let mut browser = Browser::new(&host, "en");
        browser.sign_in(&maker.login).await.expect(200);
        let form = browser.open("/console/publishers/heptad/upload").await.expect(200).form("/upload");
        let stranger = repacked("hello-discount", |manifest| manifest.publisher = "somebody-else".to_owned());
        let component = guest("hello-discount");
        for (file, status, code, sentence) in [
            (&b""[..], 422, "no-file", "No file was chosen."),
            (b"hello", 422, "not-wasm", "This is not a WebAssembly file."),
            (b"\0asm\x01\0\0\0", 422, "core-module", "This is a core module."),
            (b"\x7fELF\0\0\0\0", 422, "precompiled", "This is compiled machine code."),
            (&component[..component.len() / 2], 422, "malformed-component", "The component is broken or cut off."),
            (&stranger, 422, "publisher-mismatch", "The manifest names another publisher."),
        ] {
            let page = browser.upload(&form, file).await.expect(status);
            page.shows("The file was refused").shows(code).shows(sentence).shows("Nothing was stored.");
        }
        // More than the form may hold, and a form without its token.
        browser.upload(&form, &vec![0; 33 << 20]).await.expect(413).shows("upload-too-large");
        browser.upload(&form.clone().set("csrf", "x"), &component).await.expect(403);
        browser.open("/console/publishers/heptad").await.expect(200).shows("No plugins yet");
    }

    async fn an_operator_makes_tenants_and_their_people(database: TestDatabase) {
        let host = TestHost::start(database).await;
        let operator = host.person(&[HeldRole { role: Role::Operator, scope: Scope::Platform }]).await;
        let mut browser = Browser::new(&host, "en");
        browser.sign_in(&operator.login).await.expect(200);
        let page = browser.open("/console/operator/tenants").await.expect(200);
        let form = page.form("/tenants").set("name", "Tea <House>").set("slug", "tea-house");
        for (name, value, rule) in [("currency", "yuan", "ISO 4217"), ("slug", "Tea", "lower-case letters"), ("zone", "Moon", "IANA")] {
            let page = browser.send(&form.clone().set(name, value)).await.expect(422);
            page.shows(rule);
            assert_eq!(page.form("/tenants").get("name"), "Tea <House>");
        }
        let page = browser.send(&form.clone().set("currency", "JPY").set("zone", "Asia/Tokyo")).await.expect(200);
        page.shows("People of Tea <House>").shows("Nobody yet");
        let person = page.form(&page.path.split('?').next().unwrap()["/console".len()..]).set("login", "Mei").set("name", "Mei");
        browser.send(&person.clone().set("password", "short")).await.expect(422).shows("at least 12 characters");
        let page = browser.send(&person.set("password", heptad_web::testing::PASSWORD)).await.expect(200);
        page.shows("mei").shows("Owner");
        browser.send(&form).await.expect(422).shows("This name is taken.");
        let mut owner = Browser::new(&host, "en");
        owner.sign_in("mei").await.expect(200).shows("Prices in JPY, times in Asia/Tokyo.");

        let page = browser.open("/console/operator/publishers").await.expect(200);
        let page = browser.send(&page.form("/publishers").set("name", "Makers").set("slug", "makers")).await.expect(200);
        let person = page.form(&page.path.split('?').next().unwrap()["/console".len()..]).set("login", "mei");
        browser.send(&person).await.expect(200).shows("Publisher");
        let page = owner.open("/console/shops/tea-house").await.expect(200);
        owner.follow(&page, "Makers").await.expect(200).shows("What you have submitted");
    }
}
