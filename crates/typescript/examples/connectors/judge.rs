//! What the compiler says of a package, and what a call of each operation gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the compiler and the peer are.
pub(crate) struct Tools {
    pub(crate) modules: PathBuf,
}

impl Tools {
    /// Installs them from npm, unless they are there.
    ///
    /// # Errors
    /// npm is not there or fails.
    pub(crate) fn install(cache: &Path) -> Result<Self, String> {
        let folder = cache.join("tools");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let manifest = "{\"private\":true,\"type\":\"module\",\"dependencies\":{\"typescript\":\"~5.9.3\",\"@types/node\":\"^20.19.0\",\
                        \"openapi-typescript-codegen\":\"0.31.0\"}}";
        let file = folder.join("package.json");
        if fs::read_to_string(&file).is_ok_and(|known| known == manifest)
            && folder.join("node_modules/typescript").is_dir()
        {
            return Ok(Self { modules: folder.join("node_modules") });
        }
        fs::write(&file, manifest).map_err(|error| error.to_string())?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund"]).current_dir(&folder).stdout(Stdio::null());
        match npm.status() {
            Ok(status) if status.success() => Ok(Self { modules: folder.join("node_modules") }),
            Ok(status) => Err(format!("npm install ended with {status} in {}", folder.display())),
            Err(error) => Err(format!("npm: {error}; install Node 20 or newer")),
        }
    }
}

/// What was found.
pub(crate) struct Verdict {
    pub(crate) made: bool,
    /// Whether the compiler has nothing to say under every strict setting.
    pub(crate) strict: bool,
    /// Calls that gave what they should, and all calls.
    pub(crate) trips: (usize, usize),
    /// The first thing that is wrong.
    pub(crate) why: String,
}

impl Verdict {
    pub(crate) fn not_made(why: String) -> Self {
        Self { made: false, strict: false, trips: (0, 0), why }
    }
}

/// The settings are those of the package itself; nothing is skipped, and nothing is added but where the tools are.
pub(crate) fn judge(tools: &Tools, package: &Path) -> Verdict {
    let modules = package.join("node_modules");
    if let Err(error) = std::os::unix::fs::symlink(&tools.modules, &modules) {
        return Verdict {
            made: true,
            strict: false,
            trips: (0, 0),
            why: format!("{}: {error}", modules.display()),
        };
    }
    let compiled = output(
        Command::new("node")
            .args(["--max-old-space-size=4096"])
            .arg(tools.modules.join("typescript/bin/tsc"))
            .arg("-p")
            .arg(package.join("tsconfig.test.json")),
    );
    let (ended_well, said) = match compiled {
        Ok(compiled) => compiled,
        Err(why) => return Verdict { made: true, strict: false, trips: (0, 0), why },
    };
    if !ended_well {
        let first = said.lines().next().unwrap_or_default().to_owned();
        return Verdict { made: true, strict: false, trips: (0, 0), why: first };
    }
    let tests = package.join("dist-test/test/operations.test.js");
    let (_, said) = match output(Command::new("node").args(["--test", "--test-reporter=tap"]).arg(tests)) {
        Ok(said) => said,
        Err(why) => return Verdict { made: true, strict: true, trips: (0, 0), why },
    };
    let number = |name: &str| {
        let line = said.lines().rev().find_map(|line| line.strip_prefix(&format!("# {name} ")));
        line.and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or_default()
    };
    let wrong = said
        .lines()
        .find(|line| line.trim_start().starts_with("error:"))
        .unwrap_or_default()
        .trim()
        .to_owned();
    Verdict { made: true, strict: true, trips: (number("pass"), number("tests")), why: wrong }
}

fn output(command: &mut Command) -> Result<(bool, String), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}
