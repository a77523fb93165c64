//! The wasmtime engine, set up the same way wherever code is compiled or run.

use std::hash::{Hash as _, Hasher};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

use crate::limits::{MAX_MEMORY_BYTES, STACK_BYTES, TABLE_ELEMENTS};

/// How many sandboxes may exist at once in a process.
pub const POOL_SIZE: u32 = 128;

/// How often a running guest lets others run, in fuel. Measured: 100,000 costs 1.5 % and keeps a deadline to 0.1 ms.
pub const YIELD_INTERVAL: u64 = 100_000;

/// Core instances of one component: main and shims make 3 for Rust; JavaScript has 9 and Python 14, and more with each
/// interface that they import.
pub(crate) const CORE_INSTANCES: u32 = 32;
/// Tables of one component.
pub(crate) const TABLES: u32 = 8;
/// Linear memories of one component.
pub(crate) const MEMORIES: u32 = 2;

/// The settings that compiled code depends on: the same in the compile worker and in the server.
fn config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(STACK_BYTES + 256 * 1024)
        .wasm_component_model(true);
    config
}

/// The engine of the compile worker: on-demand allocation, since the pool reserves address space that the worker's
/// limit forbids.
pub fn compiling() -> wasmtime::Result<Engine> {
    let mut config = config();
    config.cranelift_nan_canonicalization(true).parallel_compilation(false);
    Engine::new(&config)
}

/// The engine that runs guests: a pool of slots, with the page-map scan where it is safe. It has no compiler: the serving
/// process cannot compile, whatever it is given.
pub fn running() -> wasmtime::Result<Engine> {
    let scan = page_map_scan_is_safe(Path::new("/proc/swaps"), Path::new("/sys/fs/cgroup"));
    tracing::info!(page_map_scan = scan, pool = POOL_SIZE, "sandbox engine starts");
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(POOL_SIZE)
        .total_core_instances(POOL_SIZE * CORE_INSTANCES)
        .total_memories(POOL_SIZE * MEMORIES)
        .total_tables(POOL_SIZE * TABLES)
        .total_stacks(POOL_SIZE)
        .max_memory_size(MAX_MEMORY_BYTES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(if scan { 1 << 20 } else { 0 })
        .pagemap_scan(if scan { Enabled::Auto } else { Enabled::No });
    let mut config = config();
    config.enable_compiler(false).allocation_strategy(pool);
    Engine::new(&config)
}

/// Names everything that compiled code depends on, in 32 hexadecimal digits: wasmtime's version, the settings, and the
/// features of this machine's processor. Code under one name never loads where another name is expected.
pub(crate) fn fingerprint(compiling: &Engine) -> String {
    let mut hasher = StableHasher(Sha256::new());
    compiling.precompile_compatibility_hash().hash(&mut hasher);
    hex::encode(&hasher.0.finalize()[..16])
}

/// The standard library's own hasher may change from one release to the next.
struct StableHasher(Sha256);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Whether no page of a slot can be swapped out. The scan of wasmtime 48 does not clear dirty pages that were, so that
/// the next guest in the slot could read them (wasmtime pull request 14357).
///
/// Safe where no swap device is listed, or where the cgroup of the process may not swap; when in doubt, it is not.
pub fn page_map_scan_is_safe(swaps: &Path, cgroup: &Path) -> bool {
    let no_device =
        std::fs::read_to_string(swaps).is_ok_and(|text| text.lines().skip(1).all(|line| line.trim().is_empty()));
    let limit = std::fs::read_to_string(cgroup.join("memory.swap.max"));
    no_device || limit.is_ok_and(|text| text.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_serving_engine_cannot_compile() {
        let nothing = b"\0asm\x0d\0\x01\0";
        assert!(compiling().unwrap().precompile_component(nothing).is_ok());
        let error = running().unwrap().precompile_component(nothing).unwrap_err();
        assert!(format!("{error:#}").contains("compiler"), "{error:#}");
    }

    #[test]
    fn other_processors_and_settings_have_other_fingerprints() {
        let own = fingerprint(&compiling().unwrap());
        assert_eq!(own, fingerprint(&compiling().unwrap()));
        // A target that is named explicitly has none of this machine's processor features.
        let mut plain = config();
        plain
            .cranelift_nan_canonicalization(true)
            .target(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
            .unwrap();
        assert_ne!(own, fingerprint(&Engine::new(&plain).unwrap()));
        assert_ne!(own, fingerprint(&Engine::new(&config()).unwrap()), "without the canonical NaN");
    }

    #[test]
    fn the_scan_is_used_only_where_swap_is_off() {
        let folder = tempfile::tempdir().unwrap();
        let (swaps, cgroup) = (folder.path().join("swaps"), folder.path().join("cgroup"));
        std::fs::create_dir(&cgroup).unwrap();
        let head = "Filename\tType\tSize\tUsed\tPriority\n";
        assert!(!page_map_scan_is_safe(&swaps, &cgroup), "unreadable");
        std::fs::write(&swaps, head).unwrap();
        assert!(page_map_scan_is_safe(&swaps, &cgroup), "no device");
        std::fs::write(&swaps, format!("{head}/dev/sda2 partition 8388604 0 -2\n")).unwrap();
        assert!(!page_map_scan_is_safe(&swaps, &cgroup), "a device");
        std::fs::write(cgroup.join("memory.swap.max"), "max\n").unwrap();
        assert!(!page_map_scan_is_safe(&swaps, &cgroup), "a device and no limit");
        std::fs::write(cgroup.join("memory.swap.max"), "0\n").unwrap();
        assert!(page_map_scan_is_safe(&swaps, &cgroup), "a device that the cgroup may not use");
    }
}
