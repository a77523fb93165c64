//! The wasmtime engine, set up the same way wherever code is compiled or run.

use std::hash::{Hash as _, Hasher};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

use crate::limits::{MAX_MEMORY_BYTES, STACK_BYTES, TABLE_ELEMENTS};

/// How many sandboxes may exist at once in a process.
pub const POOL_SIZE: u32 = 192;
/// How many of them are for plugins that are told of something.
pub const HANDLERS: u32 = 32;
/// How many of them are for HTTP requests, whose senders may be slow.
pub const ROUTES: u32 = 32;

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

/// How the slots of the running engine are made.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// How many sandboxes may exist at once.
    pub slots: u32,
    /// Whether a slot's dirty pages are found by the kernel and zeroed in place; else all its memory goes back to the
    /// kernel after each call. Without effect where the kernel has no such scan.
    pub page_map_scan: bool,
    /// Whether the engine can compile. The serving one cannot; tests of the slots compile guests of their own.
    pub compiler: bool,
}

/// The engine that runs guests: a pool of slots, with the page-map scan where it is safe. It has no compiler: the serving
/// process cannot compile, whatever it is given.
pub fn running() -> wasmtime::Result<Engine> {
    let scan = page_map_scan_is_safe(Path::new("/proc"), Path::new("/sys/fs/cgroup"));
    tracing::info!(page_map_scan = scan, pool = POOL_SIZE, "sandbox engine starts");
    pooled(Pool { slots: POOL_SIZE, page_map_scan: scan, compiler: false })
}

/// An engine with such a pool.
pub fn pooled(pool: Pool) -> wasmtime::Result<Engine> {
    let Pool { slots, page_map_scan, compiler } = pool;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(slots)
        .total_core_instances(slots * CORE_INSTANCES)
        .total_memories(slots * MEMORIES)
        .total_tables(slots * TABLES)
        .total_stacks(slots)
        .max_memory_size(MAX_MEMORY_BYTES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .table_elements(TABLE_ELEMENTS)
        // A table is small and zeroed in place. To give it back to the kernel would be a system call for each of a
        // component's tables at the end of each call, and each of them stops the other threads of the process.
        .table_keep_resident(TABLE_ELEMENTS * size_of::<usize>())
        .linear_memory_keep_resident(if page_map_scan { 1 << 20 } else { 0 })
        .pagemap_scan(if page_map_scan { Enabled::Auto } else { Enabled::No });
    let mut config = config();
    config.enable_compiler(compiler).allocation_strategy(pool);
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
/// Safe where no swap device is listed in `proc`, or where the process's own cgroup, or one above it, may not swap. Only
/// cgroups of version 2 are asked, mounted at `cgroups`; when in doubt, it is not safe.
pub fn page_map_scan_is_safe(proc: &Path, cgroups: &Path) -> bool {
    let no_device = std::fs::read_to_string(proc.join("swaps"))
        .is_ok_and(|text| text.lines().skip(1).all(|line| line.trim().is_empty()));
    no_device || own_cgroup(proc).is_some_and(|own| may_not_swap(cgroups, &own))
}

/// The path of the process's cgroup below the mount: the line `0::` of version 2. `None` where the path leads out of
/// what the process can see.
fn own_cgroup(proc: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(proc.join("self/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = PathBuf::from(path);
    path.components().all(|part| matches!(part, Component::Normal(_))).then_some(path)
}

/// A cgroup swaps only as far as each one above it may.
fn may_not_swap(cgroups: &Path, own: &Path) -> bool {
    let limit = |cgroup: &Path| std::fs::read_to_string(cgroups.join(cgroup).join("memory.swap.max"));
    // A path that is not below the mount belongs to another hierarchy, and its ancestors tell nothing.
    cgroups.join(own).is_dir() && own.ancestors().any(|cgroup| limit(cgroup).is_ok_and(|text| text.trim() == "0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Filename\tType\tSize\tUsed\tPriority\n";
    const DEVICE: &str = "/dev/sda2 partition 8388604 0 -2\n";

    /// The decision for such contents of `/proc/swaps` and `/proc/self/cgroup` and such limits by cgroup.
    fn decide(swaps: Option<&str>, own: &str, limits: &[(&str, &str)]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let (proc, cgroups) = (folder.path().join("proc"), folder.path().join("cgroup"));
        std::fs::create_dir_all(proc.join("self")).unwrap();
        std::fs::create_dir_all(cgroups.join("app/plugin-host")).unwrap();
        if let Some(swaps) = swaps {
            std::fs::write(proc.join("swaps"), swaps).unwrap();
        }
        std::fs::write(proc.join("self/cgroup"), own).unwrap();
        for (cgroup, limit) in limits {
            std::fs::write(cgroups.join(cgroup).join("memory.swap.max"), limit).unwrap();
        }
        page_map_scan_is_safe(&proc, &cgroups)
    }

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
        let device = format!("{HEAD}{DEVICE}");
        let device = Some(device.as_str());
        let nested = "0::/app/plugin-host\n";
        for (why, swaps, own, limits, safe) in [
            ("the list cannot be read", None, nested, &[][..], false),
            ("no device", Some(HEAD), nested, &[], true),
            ("a device and no limit", device, nested, &[], false),
            ("a device and a limit that is none", device, nested, &[("app/plugin-host", "max\n")], false),
            ("some swap is allowed", device, nested, &[("app/plugin-host", "4096\n")], false),
            ("the own cgroup may not swap", device, nested, &[("app/plugin-host", "0\n")], true),
            ("the one above may not", device, nested, &[("app", "0\n"), ("app/plugin-host", "max\n")], true),
            ("in a namespace the own cgroup is the root", device, "0::/\n", &[("", "0\n")], true),
            ("another cgroup's limit is not ours", device, "0::/app\n", &[("app/plugin-host", "0\n")], false),
            ("the path is not below the mount", device, "0::/elsewhere\n", &[("", "0\n")], false),
            ("the path leads out of the namespace", device, "0::/../app\n", &[("app", "0\n")], false),
            ("version 2 beside version 1", device, "4:memory:/app\n0::/app\n", &[("app", "0\n")], true),
            ("version 1 alone", device, "4:memory:/app\n", &[("app", "0\n")], false),
            ("no cgroup is told", device, "", &[("", "0\n")], false),
        ] {
            assert_eq!(decide(swaps, own, limits), safe, "{why}");
        }
    }
}
