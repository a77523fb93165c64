//! The published formula of fuel, on the engine that serves: about one for an instruction, one for each byte that a bulk
//! operation moves.

use heptad_runtime::engine::{Pool, pooled};
use wasmtime::{Instance, Module, Store};

const GUEST: &str = r#"(module
  (memory 4)
  (table $t 1000 funcref)
  (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))
  (func (export "copy") (param i32) (memory.copy (i32.const 100000) (i32.const 0) (local.get 0)))
  (func (export "count") (param i32)
    (loop $next (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

#[tokio::test]
async fn bulk_operations_cost_one_unit_a_byte_and_a_loop_its_instructions() {
    let engine = pooled(Pool { slots: 1, page_map_scan: false, compiler: true }).unwrap();
    let module = Module::new(&engine, wat::parse_str(GUEST).unwrap()).unwrap();
    for (function, per_unit) in [("fill", 1), ("copy", 1), ("count", 5)] {
        let mut used = Vec::new();
        for argument in [10_000, 50_000] {
            let mut store = Store::new(&engine, ());
            store.set_fuel(1_000_000).unwrap();
            let instance = Instance::new_async(&mut store, &module, &[]).await.unwrap();
            let function = instance.get_typed_func::<i32, ()>(&mut store, function).unwrap();
            function.call_async(&mut store, argument).await.unwrap();
            used.push(1_000_000 - store.get_fuel().unwrap());
        }
        assert_eq!(used[1] - used[0], 40_000 * per_unit, "{function}");
    }
}
