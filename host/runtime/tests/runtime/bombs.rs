//! Components that are small and cost the compiler much, made here.

use wasm_encoder::{
    BlockType, CodeSection, Component, Function, FunctionSection, MemorySection, MemoryType, Module, ModuleSection,
    TypeSection, ValType,
};

fn component(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish()
}

fn module(functions: impl ExactSizeIterator<Item = Function>) -> Vec<u8> {
    let (mut types, mut declared, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for function in functions {
        declared.function(0);
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    component(&module)
}

/// One function of loops inside each other, in each of which 200 locals change: about 1.1 MB with 700 loops.
pub(crate) fn nested_loops(loops: u32) -> Vec<u8> {
    const LOCALS: u32 = 200;
    let mut function = Function::new([(LOCALS, ValType::I64)]);
    for _ in 0..loops {
        function.instructions().loop_(BlockType::Empty);
        for local in 0..LOCALS {
            function.instructions().local_get(local).i64_const(1).i64_add().local_set(local);
        }
    }
    for _ in 0..loops {
        function.instructions().local_get(0).i32_wrap_i64().br_if(0).end();
    }
    function.instructions().end();
    module(std::iter::once(function))
}

/// Functions that do nothing.
pub(crate) fn empty_functions(count: usize) -> Vec<u8> {
    let functions = (0..count).map(|_| {
        let mut function = Function::new([]);
        function.instructions().end();
        function
    });
    module(functions)
}

/// A memory that begins with so many pages.
pub(crate) fn memory(pages: u64) -> Vec<u8> {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&memories);
    component(&module)
}
