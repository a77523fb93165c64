//! `heptad doctor`: what this machine has of the tools that plugins are made with, and what to install.

use std::process::{Command, Stdio};

use serde::Serialize;

use crate::error::Result;
use crate::output::Output;

/// The options of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    output: Output,
}

/// A tool, and what it is for.
struct Tool {
    name: &'static str,
    arguments: &'static [&'static str],
    /// What the tool's output has when all is well; anything where that is empty.
    wanted: &'static str,
    purpose: &'static str,
    hint: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "cargo",
        arguments: &["--version"],
        wanted: "",
        purpose: "plugins in Rust",
        hint: "https://rustup.rs",
    },
    Tool {
        name: "rustup",
        arguments: &["target", "list", "--installed"],
        wanted: "wasm32-wasip2",
        purpose: "plugins in Rust",
        hint: "rustup target add wasm32-wasip2",
    },
    Tool {
        name: "node",
        arguments: &["--version"],
        wanted: "",
        purpose: "plugins in JavaScript and TypeScript",
        hint: "https://nodejs.org",
    },
    Tool {
        name: "npm",
        arguments: &["--version"],
        wanted: "",
        purpose: "plugins in JavaScript and TypeScript",
        hint: "https://nodejs.org",
    },
    Tool {
        name: "python3",
        arguments: &["-c", "import ensurepip, sys, venv; print(sys.version)"],
        wanted: "",
        purpose: "plugins in Python",
        hint: "https://python.org, with the module venv (Debian: apt install python3-venv)",
    },
];

#[derive(Serialize)]
struct Report {
    program: &'static str,
    contract: &'static str,
    tools: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    tool: &'static str,
    purpose: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

/// Looks at each tool. What is missing is told and is no failure: nobody needs all languages.
pub(crate) fn run(args: &DoctorArgs) -> Result {
    let tools = TOOLS.iter().map(|tool| {
        let ok = is_there(tool);
        Row { tool: tool.name, purpose: tool.purpose, ok, hint: (!ok).then_some(tool.hint) }
    });
    let report = Report {
        program: env!("CARGO_PKG_VERSION"),
        contract: heptad_model::manifest::CONTRACT,
        tools: tools.collect(),
    };
    args.output.print(&report, |report| {
        let line = |row: &Row| {
            let state = if row.ok { "ok" } else { "missing" };
            let hint = row.hint.map(|hint| format!("\n             hint: {hint}")).unwrap_or_default();
            format!("{:<12} {state:<8} {}{hint}", row.tool, row.purpose)
        };
        let tools: Vec<String> = report.tools.iter().map(line).collect();
        format!("heptad {}, contract {}\n{}", report.program, report.contract, tools.join("\n"))
    })
}

fn is_there(tool: &Tool) -> bool {
    let mut command = Command::new(tool.name);
    let output = command.args(tool.arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|done| {
        done.status.success() && (tool.wanted.is_empty() || String::from_utf8_lossy(&done.stdout).contains(tool.wanted))
    })
}
