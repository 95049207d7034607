//! `homeostat connect`: its verbs and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Make a TypeScript package of an OpenAPI document.
///
/// Run it again to bring a package up to date: files that are not ours stay, generated ones that you edited are named and
/// left alone, and options that are not given are those of the last time.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    override_usage = "homeostat connect <SPEC> -o <DIR> [OPTIONS]\n       homeostat connect <check|diff|mock> …"
)]
pub(crate) struct Connect {
    #[command(subcommand)]
    pub(crate) command: Option<ConnectCommand>,
    #[command(flatten)]
    pub(crate) make: Option<Make>,
}

/// What to do with documents besides making packages.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectCommand {
    /// Say what is wrong with a document, with line and column. Ends with 1 when a part of it cannot be understood.
    Check {
        /// A file, `-` for standard input, or an address.
        spec: String,
        /// Show every finding; else at most five of a kind.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        reading: Reading,
    },
    /// Say what changed between two documents and which step of the version that needs. Ends with 3 when it breaks programs.
    Diff {
        /// The document that programs were written against.
        old: String,
        /// The document that comes.
        new: String,
        #[command(flatten)]
        reading: Reading,
    },
    /// Answer as the API would: requests are held against the document, answers are its examples.
    ///
    /// `Prefer: code=404` asks for another answer, `Prefer: example=name` for another example.
    Mock {
        /// A file, `-` for standard input, or an address.
        spec: String,
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:4010")]
        listen: String,
        #[command(flatten)]
        reading: Reading,
    },
}

/// What may be read.
#[derive(Clone, Debug, Args)]
pub(crate) struct Reading {
    /// Also fetch from this host (`api.example.com`, `*.example.com`); again for each. Without it only from this machine.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_url: Vec<String>,
    /// Also read files outside of the document's folder when it refers to them.
    #[arg(long)]
    pub(crate) allow_files: bool,
}

/// Make a package.
#[derive(Debug, Args)]
pub(crate) struct Make {
    /// A file, `-` for standard input, or an address.
    pub(crate) spec: String,
    /// Folder of the package; made if it is not there.
    #[arg(long = "out", short = 'o', value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// The package's name on npm, such as @acme/billing; made from the API's title unless told.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The package's version; 0.1.0 unless told.
    #[arg(long, value_name = "VERSION")]
    pub(crate) package_version: Option<String>,
    /// The package's licence; MIT unless told.
    #[arg(long, value_parser = ["MIT", "Apache-2.0", "UNLICENSED"])]
    pub(crate) license: Option<String>,
    /// Who holds the copyright.
    #[arg(long)]
    pub(crate) author: Option<String>,
    /// Overwrite generated files that were edited, and files of others that stand in the way.
    #[arg(long)]
    pub(crate) force: bool,
    /// Leave generated files that were edited as they are, and bring all others up to date.
    #[arg(long, conflicts_with = "force")]
    pub(crate) keep: bool,
    /// Only say what would be written.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also fetch from this host (`api.example.com`, `*.example.com`); again for each. Without it only from this machine.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_url: Vec<String>,
    /// Also read files outside of the document's folder when it refers to them.
    #[arg(long)]
    pub(crate) allow_files: bool,
}

impl Make {
    /// What may be read. Not flattened: an optional group with a group inside would never be filled.
    pub(crate) fn reading(&self) -> Reading {
        Reading { allow_url: self.allow_url.clone(), allow_files: self.allow_files }
    }
}
