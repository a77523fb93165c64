//! The languages that there are templates for.

use std::path::Path;

/// A language of plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust.
    Rust,
    /// JavaScript.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// Python.
    Python,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::Rust, Self::JavaScript, Self::TypeScript, Self::Python];

    /// The name on the command line, and of the folder of its templates.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Python => "python",
        }
    }

    /// The language with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// What is to be done in a new project before it is built.
    pub const fn first_steps(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &[],
            Self::JavaScript | Self::TypeScript => &["npm install"],
            Self::Python => &["python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"],
        }
    }

    /// What a new project asks for, where the usual memory of a call leaves little beside the engine's own.
    pub(crate) const fn memory_mib(self) -> Option<u32> {
        match self {
            Self::Rust | Self::JavaScript | Self::TypeScript => None,
            Self::Python => Some(32),
        }
    }

    /// How its source files end.
    pub(crate) const fn ending(self) -> &'static str {
        match self {
            Self::Rust => "rs",
            Self::JavaScript => "js",
            Self::TypeScript => "ts",
            Self::Python => "py",
        }
    }

    /// The language of the sources in a folder, by the file that its tools want there.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let has = |name: &str| folder.join(name).is_file();
        match () {
            () if has("Cargo.toml") => Some(Self::Rust),
            () if has("src/plugin.ts") => Some(Self::TypeScript),
            () if has("package.json") => Some(Self::JavaScript),
            () if has("requirements.txt") => Some(Self::Python),
            () => None,
        }
    }
}
