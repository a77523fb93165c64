//! The functions that the targets run. They are the runtime's tests, taken in as they are: what a target finds, a test
//! with a seed can hold.
#![expect(dead_code, unused_imports, reason = "the modules are those of the tests, of which this uses a part")]

#[path = "../../host/runtime/tests/runtime/fuzz.rs"]
mod fuzz;
#[path = "../../host/runtime/tests/runtime/hostile/mod.rs"]
mod hostile;
#[path = "../../host/runtime/tests/runtime/support.rs"]
mod support;

use std::sync::OnceLock;

use tokio::runtime::Runtime;

/// Reads the bytes as a manifest.
pub fn manifests(data: &[u8]) {
    fuzz::manifests(data);
}

/// Edits a good plugin as the bytes say, and inspects it.
pub fn mutations(data: &[u8]) {
    fuzz::mutations(data);
}

/// Inspects a random component.
pub fn components(data: &[u8]) {
    fuzz::components(data);
}

/// Publishes, installs and asks a random plugin.
pub fn calls(data: &[u8]) {
    static HOST: OnceLock<(Runtime, hostile::Scene)> = OnceLock::new();
    let (runtime, scene) = HOST.get_or_init(|| {
        let runtime = Runtime::new().expect("the runtime of the host starts");
        let scene = runtime.block_on(fuzz::scene());
        (runtime, scene)
    });
    runtime.block_on(fuzz::calls(data, scene));
}
