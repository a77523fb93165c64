//! The shape of a component: how much of each thing it has, counted before anything validates or compiles it.
//!
//! The compiler's time and memory grow with more than a file's size: 1 MB of nested loops over 200 locals takes it a
//! gigabyte, 200,000 empty functions as much. One pass over the bytes finds that in milliseconds. The limits leave the
//! largest honest components at least twice what they need: Python's interpreter has 13,355 functions in 18 MB, the largest
//! of 427 kB.

use heptad_model::Manifest;
use heptad_model::manifest::MEMORY_MIB;
use wasmparser::{CompositeInnerType, FunctionBody, Operator, Parser, Payload};

use super::PackageError;
use super::inspect::malformed;
use crate::limits::TABLE_ELEMENTS;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Modules,
    Sections,
    Functions,
    BodyBytes,
    Variables,
    Depth,
    Joins,
    Targets,
    Types,
    Imports,
    Exports,
    Items,
    Segments,
    SegmentElements,
    Globals,
    Nesting,
}

/// Each count: its words in the sentence of a refusal, and the most that there may be.
const LIMITS: [(Count, &str, u64); 16] = [
    (Count::Modules, "core modules", 64),
    (Count::Sections, "sections", 5_000),
    (Count::Functions, "functions", 50_000),
    (Count::BodyBytes, "bytes in one function", 768 << 10),
    (Count::Variables, "parameters and locals in one function", 2_000),
    (Count::Depth, "blocks inside each other in one function", 2_000),
    (Count::Joins, "blocks times locals in one function", 200_000),
    (Count::Targets, "branch targets in one function", 100_000),
    (Count::Types, "types", 10_000),
    (Count::Imports, "imports", 10_000),
    (Count::Exports, "exports", 20_000),
    (Count::Items, "instances, aliases and canonical functions", 20_000),
    (Count::Segments, "data and element segments", 30_000),
    (Count::SegmentElements, "elements in segments", 50_000),
    (Count::Globals, "globals", 10_000),
    (Count::Nesting, "components inside each other", 8),
];

/// The counts of a component.
#[derive(Debug)]
pub(super) struct Shape {
    counts: [u64; LIMITS.len()],
    /// The minimums of all linear memories in bytes.
    memory: u64,
    /// The largest minimum of a table in elements.
    table: u64,
}

impl Shape {
    /// Counts; refuses what cannot be read.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, PackageError> {
        let mut shape = Self { counts: [0; LIMITS.len()], memory: 0, table: 0 };
        shape.read(bytes).map_err(malformed)?;
        Ok(shape)
    }

    /// Refuses what has more of anything than a component may.
    pub(super) fn check(&self) -> Result<(), PackageError> {
        for (count, what, most) in LIMITS {
            let found = self.counts[count as usize];
            if found > most {
                return Err(PackageError::TooComplex { what, found, most });
            }
        }
        Ok(())
    }

    /// Refuses memories and tables that begin larger than they may become.
    pub(super) fn check_memory(&self, manifest: &Manifest) -> Result<(), PackageError> {
        let most = u64::from(manifest.memory_mib.unwrap_or(*MEMORY_MIB.start())) << 20;
        if self.memory > most {
            return Err(PackageError::MemoryTooLarge { found: self.memory, most });
        }
        let most = TABLE_ELEMENTS as u64;
        if self.table > most {
            return Err(PackageError::TableTooLarge { found: self.table, most });
        }
        Ok(())
    }

    fn add(&mut self, count: Count, more: u64) {
        let value = &mut self.counts[count as usize];
        *value = value.saturating_add(more);
    }

    fn raise(&mut self, count: Count, to: u64) {
        let value = &mut self.counts[count as usize];
        *value = to.max(*value);
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), wasmparser::BinaryReaderError> {
        let mut module = Module::default();
        let mut nesting = 0_u64;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if !matches!(payload, Payload::CodeSectionEntry(_) | Payload::End(_)) {
                self.add(Count::Sections, 1);
            }
            match payload {
                Payload::ModuleSection { .. } => {
                    module = Module::default();
                    self.add(Count::Modules, 1);
                    nesting += 1;
                }
                Payload::ComponentSection { .. } => {
                    nesting += 1;
                    self.raise(Count::Nesting, nesting);
                }
                Payload::End(_) => nesting = nesting.saturating_sub(1),
                Payload::TypeSection(types) => {
                    for group in types {
                        for kind in group?.into_types() {
                            let parameters = match kind.composite_type.inner {
                                CompositeInnerType::Func(function) => function.params().len() as u64,
                                _ => 0,
                            };
                            module.parameters.push(parameters);
                            self.add(Count::Types, 1);
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    self.add(Count::Functions, functions.count().into());
                    for function in functions {
                        // A type that is not there is refused by the validator.
                        let parameters = module.parameters.get(function? as usize).copied();
                        module.functions.push(parameters.unwrap_or_default());
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let parameters = module.functions.get(module.bodies).copied().unwrap_or_default();
                    module.bodies += 1;
                    self.read_body(&body, parameters)?;
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        let memory = memory?;
                        let page = memory.page_size_log2.unwrap_or(16).min(16);
                        let bytes = memory.initial.saturating_mul(1 << page);
                        self.memory = self.memory.saturating_add(bytes);
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        self.table = self.table.max(table?.ty.initial);
                    }
                }
                Payload::ElementSection(elements) => {
                    self.add(Count::Segments, elements.count().into());
                    for element in elements {
                        self.add(
                            Count::SegmentElements,
                            match element?.items {
                                wasmparser::ElementItems::Functions(items) => items.count().into(),
                                wasmparser::ElementItems::Expressions(_, items) => items.count().into(),
                            },
                        );
                    }
                }
                Payload::DataSection(data) => self.add(Count::Segments, data.count().into()),
                Payload::GlobalSection(globals) => self.add(Count::Globals, globals.count().into()),
                Payload::ImportSection(imports) => self.add(Count::Imports, imports.count().into()),
                Payload::ComponentImportSection(imports) => self.add(Count::Imports, imports.count().into()),
                Payload::ExportSection(exports) => self.add(Count::Exports, exports.count().into()),
                Payload::ComponentExportSection(exports) => self.add(Count::Exports, exports.count().into()),
                Payload::CoreTypeSection(types) => self.add(Count::Types, types.count().into()),
                Payload::ComponentTypeSection(types) => self.add(Count::Types, types.count().into()),
                Payload::InstanceSection(items) => self.add(Count::Items, items.count().into()),
                Payload::ComponentInstanceSection(items) => self.add(Count::Items, items.count().into()),
                Payload::ComponentAliasSection(items) => self.add(Count::Items, items.count().into()),
                Payload::ComponentCanonicalSection(items) => self.add(Count::Items, items.count().into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The compiler gives each loop, and each block where ways meet, a value for each variable that lives there.
    fn read_body(&mut self, body: &FunctionBody<'_>, parameters: u64) -> Result<(), wasmparser::BinaryReaderError> {
        self.raise(Count::BodyBytes, body.range().len() as u64);
        let mut variables = parameters;
        for locals in body.get_locals_reader()? {
            variables = variables.saturating_add(locals?.0.into());
        }
        let (mut blocks, mut depth, mut targets) = (1_u64, 0_u64, 0_u64);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            match operators.read()? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                    blocks += 1;
                    depth += 1;
                    self.raise(Count::Depth, depth);
                }
                Operator::End => depth = depth.saturating_sub(1),
                Operator::BrTable { targets: table } => targets += u64::from(table.len()),
                _ => {}
            }
        }
        self.raise(Count::Variables, variables);
        self.raise(Count::Joins, blocks.saturating_mul(variables));
        self.raise(Count::Targets, targets);
        Ok(())
    }
}

/// What is known of the core module that is being read.
#[derive(Default)]
struct Module {
    /// Parameters by type.
    parameters: Vec<u64>,
    /// Parameters by function.
    functions: Vec<u64>,
    bodies: usize,
}
