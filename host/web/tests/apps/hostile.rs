//! A hostile page in a real browser: it belongs to a plugin, and tries everything against the console, the API, and another
//! plugin, while a person is signed in to the console and has come to the plugin's page for the shop's people.

use crate::chromium::Tab;
use crate::site::Site;
use crate::world::World;

/// Reading what belongs to somebody else: each comes to this text.
const READS: &[(&str, &str, &str)] = &[
    (
        "fetch the console with cookies",
        "return 'read: ' + (await (await fetch('CONSOLE/console', {credentials: 'include'})).text())",
        "refused: TypeError",
    ),
    (
        "fetch the API with cookies",
        "return 'read: ' + (await (await fetch('CONSOLE/v1/me', {credentials: 'include'})).text())",
        "refused: TypeError",
    ),
    (
        "fetch the API with a header",
        "return 'read: ' + (await (await fetch('CONSOLE/v1/products', {method: 'POST', credentials: 'include', headers: {'x-csrf-token': 'x', 'content-type': 'application/json'}, body: '{\"code\":\"EVIL\",\"name\":\"evil\"}'})).text())",
        "refused: TypeError",
    ),
    (
        "fetch the API without CORS",
        "const answer = await fetch('CONSOLE/v1/me', {mode: 'no-cors', credentials: 'include'}); return answer.type + ' ' + (await answer.text())",
        "opaque |refused: TypeError",
    ),
    (
        "fetch another plugin's page for staff",
        "return 'read: ' + (await (await fetch('OTHER/admin/x', {credentials: 'include'})).text())",
        "refused: TypeError",
    ),
    (
        "the console's cookie",
        "return document.cookie.includes('heptad') ? document.cookie : 'no cookie'",
        "no cookie|refused: SecurityError",
    ),
    (
        "XMLHttpRequest to the console",
        "return await new Promise(done => { const ask = new XMLHttpRequest(); ask.open('GET', 'CONSOLE/console'); ask.withCredentials = true; ask.onload = () => done('read: ' + ask.responseText); ask.onerror = () => done('refused'); ask.send() })",
        "refused",
    ),
    (
        "the stream of events of the API",
        "return await new Promise(done => { const source = new EventSource('CONSOLE/v1/events/stream', {withCredentials: true}); source.onopen = () => done('read'); source.onerror = () => done('refused') })",
        "refused",
    ),
    (
        "the stream of events of the console",
        "return await new Promise(done => { const source = new EventSource('CONSOLE/console/shops/flowers/events/live', {withCredentials: true}); source.onopen = () => done('read'); source.onerror = () => done('refused') })",
        "refused",
    ),
    (
        "the console in a frame",
        "return await new Promise(done => { const frame = document.createElement('iframe'); frame.onload = () => { try { done('read: ' + frame.contentDocument.body.innerText) } catch (error) { done('refused: ' + error.name) } }; frame.src = 'CONSOLE/console'; document.body.append(frame) })",
        "refused: ",
    ),
    (
        "the console as a script",
        "return await new Promise(done => { const script = document.createElement('script'); script.onload = () => done('read'); script.onerror = () => done('refused'); script.src = 'CONSOLE/v1/me'; document.head.append(script) })",
        "refused",
    ),
    (
        "a window of the console",
        "const other = window.open('CONSOLE/console'); for (let turn = 0; other && turn < 100; turn++) { await new Promise(done => setTimeout(done, 20)); try { if (other.location.href !== 'about:blank') return 'read: ' + other.document.title } catch (error) { return 'refused: ' + error.name } if (other.closed) return 'refused: closed' } return other ? 'refused: blank' : 'refused: none'",
        "refused: ",
    ),
    (
        "a service worker from the own path",
        "return 'registered: ' + (await navigator.serviceWorker.register('OWN/worker.js', {scope: '/'})).scope",
        "refused: ",
    ),
];

/// Doing something in the person's name: forms, sent into a frame.
const FORMS: &[(&str, &str)] = &[
    ("CONSOLE/v1/products", "code=EVIL&name=evil"),
    ("CONSOLE/console/shops/flowers/plugins/INSTALL/disable", "csrf="),
    ("CONSOLE/console/sign-out", "csrf="),
];

async fn tries_everything(world: &mut World, tab: &Tab) {
    let before = world.harm().await;
    for (what, script, expected) in READS {
        let found = world.attempt(tab, script).await;
        let is_refused = expected.split('|').any(|expected| found.starts_with(expected));
        assert!(is_refused && !found.starts_with("read"), "{what}: {found}");
    }
    for (action, fields) in FORMS {
        let action = action.replace("INSTALL", &world.site.install);
        let script = format!(
            "const frame = document.createElement('iframe'); frame.name = 'f' + Math.random(); document.body.append(frame); \
             const form = document.createElement('form'); form.method = 'post'; form.target = frame.name; form.action = '{action}'; \
             for (const [name, value] of new URLSearchParams('{fields}')) {{ const field = document.createElement('input'); field.name = name; field.value = value; form.append(field) }} \
             document.body.append(form); const sent = new Promise(done => frame.onload = done); form.submit(); \
             await Promise.race([sent, new Promise(done => setTimeout(done, 3000))]); \
             try {{ return 'read: ' + frame.contentDocument.body.innerText }} catch (error) {{ return 'refused: ' + error.name }}"
        );
        let found = world.attempt(tab, &script).await;
        assert!(!found.starts_with("read: ") || found == "read: ", "{action}: {found}");
    }
    assert_eq!(world.harm().await, before, "the page did something in the person's name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_page_on_a_host_of_its_own_gets_nowhere() {
    let mut world = World::start("http://{install}.localhost:PORT").await;
    let console = world.sign_in().await;
    // The person goes to the plugin's page from the console, by its link.
    let plugin = format!("{}/console/shops/flowers/plugins/{}", world.console, world.site.install);
    world.browser.go(&console, &plugin).await;
    let link = world.browser.run(&console, "document.querySelector('a[href*=\"/open?\"]').href").await;
    let tab = world.browser.open(link.as_str().unwrap()).await;
    world.browser.until(&tab, "document.title === 'admin'").await;
    assert_eq!(world.browser.run(&tab, "document.querySelector('#role').innerText").await, "owner");
    // The page's own things work: what is kept out below is kept out by rule and not by accident.
    let own = world.attempt(&tab, "return await (await fetch('/admin/again')).text()").await;
    assert!(own.contains("owner"), "{own}");
    assert_eq!(world.attempt(&tab, "document.cookie = 'own=1'; return document.cookie").await, "own=1");
    tries_everything(&mut world, &tab).await;
    // Opened by the console's own script, neither side reaches the other, though the page says that both may.
    let opened = format!("window.opened = window.open({link}); Boolean(window.opened)");
    assert_eq!(world.browser.run(&console, &opened).await, true);
    let popup = world.browser.opened_by(&console).await;
    world.browser.until(&popup, "document.title === 'admin'").await;
    assert_eq!(world.attempt(&popup, "return String(window.opener)").await, "null");
    assert_eq!(world.browser.run(&console, "window.opened.closed").await, true);
    // Another plugin's page, in another shop, can do no more to this one, though both are one site: the visit does not count.
    let other = world.address(&world.other.clone(), "/page/other");
    let elsewhere = world.browser.open(&other).await;
    let form = "const form = document.createElement('form'); form.method = 'post'; \
                form.action = 'OWN/admin/save?stolen'; document.body.append(form); \
                setTimeout(() => form.submit(), 10); return 'sent'";
    world.attempt(&elsewhere, form).await;
    world.browser.until(&elsewhere, "document.title !== '/page/other'").await;
    assert_eq!(world.site.kept("admin").await, None);
    // The console's session is where it was, and the console alone has it.
    world.browser.go(&console, &plugin).await;
    assert_eq!(world.browser.run(&console, "location.pathname.startsWith('/console/shops/')").await, true);
    for cookie in world.browser.cookies().await {
        let is_consoles = cookie.starts_with("127.0.0.1 / heptad-");
        let is_visit = cookie == format!("{}.localhost / heptad-visit", Site::label(&world.site.install));
        let is_own = cookie.ends_with(" own");
        assert!(is_consoles || is_visit || is_own, "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_page_on_a_shared_host_gets_nowhere_and_reaches_no_other_plugin() {
    let mut world = World::start("http://localhost:PORT").await;
    world.sign_in().await;
    let own = world.address(&world.site.install.clone(), "/page/own");
    let tab = world.browser.open(&own).await;
    assert_eq!(world.attempt(&tab, "return self.origin").await, "null", "the page has no origin");
    for (what, script) in [
        ("its cookies", "return document.cookie"),
        ("its storage", "return String(localStorage.length)"),
        ("its databases", "indexedDB.open('x'); return 'open'"),
        ("another plugin's page", "return await (await fetch('OTHER/visitor')).text()"),
        (
            "another plugin's page in a frame",
            "return await new Promise((done, failed) => { const frame = document.createElement('iframe'); frame.onload = () => { try { done(frame.contentDocument.title) } catch (error) { failed(error) } }; frame.src = 'OTHER/page/other'; document.body.append(frame) })",
        ),
    ] {
        let found = world.attempt(&tab, script).await;
        assert!(found.starts_with("refused: "), "{what}: {found}");
    }
    tries_everything(&mut world, &tab).await;
}
