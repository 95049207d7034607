//! Which programs workflows may run here, and with how much. Nothing until somebody allows it.

use std::time::Duration;

use ports::{ActionFailure, FailureKind, Retry};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::guard::Limits;

/// Where the policy stands in the configuration; refusals name it.
const SECTION: &str = "functions.run";
/// Characters that mean something to a shell. A command without them is one program with plain words.
const SHELL: &[char] = &[
    ';', '&', '|', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', ']', '#', '~', '=', '%',
    '!', '{', '}', '\n', '\r', '^',
];

/// What `run` tasks of workflows may do on this machine. Everything is refused by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunPolicy {
    /// Kinds of programs that may run at all.
    pub allow: Vec<RunKind>,
    /// Programs that `run: shell` may start by name with plain words: `df` allows `df -h /`, and nothing with a
    /// pipe, quote, variable or other sign that a shell would act on. Also commands of MCP servers.
    pub programs: Vec<String>,
    /// Shell commands that may run: regular expressions, one of which must match the whole command as it is
    /// after expressions were evaluated. `(?s).*` allows everything.
    pub commands: Vec<String>,
    /// Images that `run: container` may run: regular expressions, one of which must match the whole name.
    pub images: Vec<String>,
    /// What containers may have: folders of this machine with what is below them, and names of volumes.
    pub volumes: Vec<String>,
    /// User that programs run as, by name or number. Needed when Homeostat runs as root; otherwise programs
    /// run as its own user.
    pub user: Option<String>,
    /// Group that programs run as, by name or number; the user's own when not set.
    pub group: Option<String>,
    /// Where programs are looked for: their `PATH`.
    pub path: String,
    /// The program that runs JavaScript.
    pub javascript: String,
    /// The program that runs Python.
    pub python: String,
    /// Unix socket of the container engine (Docker Engine API).
    pub container_socket: String,
    /// Longest time from start to end.
    pub wall_ms: u64,
    /// Most CPU time, all processes together.
    pub cpu_s: u64,
    /// Most memory, all processes together.
    pub memory_bytes: u64,
    /// Most bytes on standard output, and as many on standard error.
    pub output_bytes: usize,
    /// Most processes and threads at once.
    pub processes: u64,
    /// Most open files of a process.
    pub open_files: u64,
    /// Largest file.
    pub file_bytes: u64,
    /// Time to end by itself after SIGTERM.
    pub grace_ms: u64,
}

/// A kind of program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// `run: shell`.
    Shell,
    /// `run: script` in JavaScript.
    Javascript,
    /// `run: script` in Python.
    Python,
    /// `run: container`.
    Container,
    /// Servers of the Model Context Protocol that `call: mcp` starts.
    Mcp,
}

impl RunKind {
    fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Javascript => "javascript",
            Self::Python => "python",
            Self::Container => "container",
            Self::Mcp => "mcp",
        }
    }
}

impl Default for RunPolicy {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            programs: Vec::new(),
            commands: Vec::new(),
            images: Vec::new(),
            volumes: Vec::new(),
            user: None,
            group: None,
            path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
            javascript: "node".to_owned(),
            python: "python3".to_owned(),
            container_socket: "/var/run/docker.sock".to_owned(),
            wall_ms: 300_000,
            cpu_s: 60,
            memory_bytes: 512 * 1024 * 1024,
            output_bytes: 1024 * 1024,
            processes: 64,
            open_files: 256,
            file_bytes: 64 * 1024 * 1024,
            grace_ms: 2_000,
        }
    }
}

/// A policy whose patterns and users are known to be right.
#[derive(Debug)]
pub(super) struct Rules {
    pub policy: RunPolicy,
    commands: Vec<Regex>,
    images: Vec<Regex>,
    /// User and group to become; none stays who we are.
    pub become_user: Option<(u32, u32)>,
    /// Why nothing may run as whom it would have to.
    nobody: Option<String>,
}

impl Rules {
    /// # Errors
    /// A pattern is none, or a user or group does not exist; says which.
    pub(super) fn new(policy: RunPolicy) -> Result<Self, String> {
        let commands = whole("commands", &policy.commands)?;
        let images = whole("images", &policy.images)?;
        let (become_user, nobody) = user(&policy)?;
        Ok(Self { policy, commands, images, become_user, nobody })
    }

    pub(super) fn limits(&self) -> Limits {
        let policy = &self.policy;
        Limits {
            wall_ms: policy.wall_ms,
            cpu_s: policy.cpu_s,
            memory_bytes: policy.memory_bytes,
            processes: policy.processes,
            open_files: policy.open_files,
            file_bytes: policy.file_bytes,
            grace_ms: policy.grace_ms,
        }
    }

    pub(super) fn wall(&self) -> Duration {
        Duration::from_millis(self.policy.wall_ms)
    }

    /// Whether programs of this kind may run.
    pub(super) fn may_run(&self, kind: RunKind) -> Result<(), ActionFailure> {
        let name = kind.name();
        if !self.policy.allow.contains(&kind) {
            return Err(refused(format!(
                "programs of the kind {name} are not allowed here: to allow them, add \"{name}\" to `{SECTION}.allow`"
            )));
        }
        if cfg!(not(target_os = "linux")) && kind != RunKind::Container {
            let text = format!("programs of the kind {name} run on Linux only; use `run: container` here");
            return Err(refused(text));
        }
        match &self.nobody {
            Some(reason) if kind != RunKind::Container => Err(refused(reason.clone())),
            _ => Ok(()),
        }
    }

    /// Whether this shell command may run.
    pub(super) fn may_command(&self, command: &str) -> Result<(), ActionFailure> {
        self.may_run(RunKind::Shell)?;
        let plain = !command.contains(SHELL);
        let program = command.split_whitespace().next().filter(|_| plain);
        let by_name = program.is_some_and(|program| self.policy.programs.iter().any(|p| p == program));
        if by_name || self.commands.iter().any(|pattern| pattern.is_match(command)) {
            return Ok(());
        }
        Err(refused(format!(
            "this shell command is not allowed here: to allow it, add a pattern that matches it whole to \
             `{SECTION}.commands`, or, when it is one program with plain words, its name to `{SECTION}.programs`"
        )))
    }

    /// Whether this server may be started. No shell is between, so its arguments are plain whatever they hold.
    pub(super) fn may_serve(&self, command: &str, arguments: &[String]) -> Result<(), ActionFailure> {
        self.may_run(RunKind::Mcp)?;
        let whole =
            [command].into_iter().chain(arguments.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        let by_name = self.policy.programs.iter().any(|program| program == command);
        if by_name || self.commands.iter().any(|pattern| pattern.is_match(&whole)) {
            return Ok(());
        }
        Err(refused(format!(
            "this MCP server is not allowed here: to allow it, add its command to `{SECTION}.programs`, or a pattern that \
             matches command and arguments to `{SECTION}.commands`"
        )))
    }

    /// Whether this image may run.
    pub(super) fn may_image(&self, image: &str) -> Result<(), ActionFailure> {
        self.may_run(RunKind::Container)?;
        if self.images.iter().any(|pattern| pattern.is_match(image)) {
            return Ok(());
        }
        let shown = receive::limits::cut(image, 200);
        Err(refused(format!(
            "the image {shown:?} is not allowed here: to allow it, add a pattern that matches its whole name to \
             `{SECTION}.images`"
        )))
    }

    /// Whether a container may have this folder of the host.
    pub(super) fn may_volume(&self, folder: &str) -> Result<(), ActionFailure> {
        // Anything else is the name of a volume of the engine.
        let is_path = folder.starts_with('/');
        if !is_path && self.policy.volumes.iter().any(|allowed| allowed == folder) {
            return Ok(());
        }
        let plain = is_path && folder.split('/').all(|part| part != ".." && part != ".");
        let below = |allowed: &String| {
            let allowed = allowed.trim_end_matches('/');
            folder.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if plain && self.policy.volumes.iter().any(below) {
            return Ok(());
        }
        let shown = receive::limits::cut(folder, 200);
        Err(refused(format!(
            "containers may not have {shown:?}: to allow it, add the folder or volume to `{SECTION}.volumes`"
        )))
    }
}

fn refused(message: String) -> ActionFailure {
    ActionFailure::new(FailureKind::Authorization, Retry::Permanent, message)
}

fn whole(list: &str, patterns: &[String]) -> Result<Vec<Regex>, String> {
    let compile = |pattern: &String| {
        let bounded = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build();
        bounded.map_err(|error| format!("`{SECTION}.{list}`: {pattern:?} is no regular expression: {error}"))
    };
    patterns.iter().map(compile).collect()
}

/// Whom to become, or why nothing may run.
type Becomes = (Option<(u32, u32)>, Option<String>);

fn user(policy: &RunPolicy) -> Result<Becomes, String> {
    let own = rustix::process::geteuid().as_raw();
    let Some(name) = &policy.user else {
        let reason = format!(
            "Homeostat runs as root and does not run programs of workflows as root: name an unprivileged user in \
             `{SECTION}.user`"
        );
        return Ok((None, (own == 0).then_some(reason)));
    };
    let (user, own_group) = find("/etc/passwd", name)
        .ok_or_else(|| format!("`{SECTION}.user`: there is no user {name:?} on this machine"))?;
    let group = match &policy.group {
        None => own_group.ok_or_else(|| format!("`{SECTION}.group` is needed for user {name:?}"))?,
        Some(group) => find("/etc/group", group)
            .map(|(id, _)| id)
            .ok_or_else(|| format!("`{SECTION}.group`: there is no group {group:?} on this machine"))?,
    };
    if user == 0 || group == 0 {
        return Err(format!("`{SECTION}.user` and `{SECTION}.group` must not be root"));
    }
    if own == user {
        return Ok((None, None));
    }
    if own != 0 {
        return Err(format!(
            "`{SECTION}.user`: only root can run programs as another user, and this is not root"
        ));
    }
    Ok((Some((user, group)), None))
}

/// The number of a user or group, and the number after it (a user's group), of passwd(5) or group(5).
fn find(file: &str, name: &str) -> Option<(u32, Option<u32>)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.first() == Some(&name) || fields.get(2) == Some(&name));
    match found {
        Some(fields) => Some((fields.get(2)?.parse().ok()?, fields.get(3).and_then(|f| f.parse().ok()))),
        // A number needs no line: containers run as numbers that nobody named.
        None => name.parse().ok().map(|id| (id, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(change: impl FnOnce(&mut RunPolicy)) -> Rules {
        let mut policy = RunPolicy { user: Some("65534".to_owned()), ..RunPolicy::default() };
        policy.user = (rustix::process::geteuid().as_raw() == 0).then(|| "nobody".to_owned());
        change(&mut policy);
        Rules::new(policy).unwrap()
    }

    #[test]
    fn nothing_is_allowed_by_default_and_the_refusal_says_what_would_allow_it() {
        let rules = rules(|_| {});
        for kind in [RunKind::Shell, RunKind::Javascript, RunKind::Python, RunKind::Container] {
            let failure = rules.may_run(kind).unwrap_err();
            assert_eq!((failure.kind, failure.status), (FailureKind::Authorization, 403));
            assert!(failure.message.contains("`functions.run.allow`"), "{}", failure.message);
        }
        assert!(rules.may_command("ls").unwrap_err().message.contains("functions.run.allow"));
    }

    #[test]
    fn a_program_by_name_is_a_plain_command_and_no_more() {
        let rules = rules(|policy| {
            policy.allow = vec![RunKind::Shell];
            policy.programs = vec!["df".to_owned()];
        });
        for allowed in ["df", "df -h /", "  df  -h "] {
            rules.may_command(allowed).unwrap();
        }
        for refused in [
            "",
            "dfx",
            "/bin/df",
            "df; rm -rf /",
            "df $(id)",
            "df > /tmp/x",
            "df\nid",
            "x=1 df",
            "df 'a'",
            "ls df",
        ] {
            let failure = rules.may_command(refused).unwrap_err();
            assert!(failure.message.contains("`functions.run.commands`"), "{refused}: {}", failure.message);
        }
    }

    #[test]
    fn a_pattern_must_match_the_whole_command() {
        let rules = rules(|policy| {
            policy.allow = vec![RunKind::Shell];
            policy.commands = vec!["echo [a-z]+".to_owned(), "a|b".to_owned()];
        });
        for (command, allowed) in [
            ("echo abc", true),
            ("echo abc; id", false),
            ("xecho abc", false),
            ("echo abc\n", false),
            ("b", true),
            ("ab", false),
        ] {
            assert_eq!(rules.may_command(command).is_ok(), allowed, "{command:?}");
        }
    }

    #[test]
    fn a_folder_of_the_host_is_allowed_with_what_is_below_it() {
        let rules = rules(|policy| policy.volumes = vec!["/srv/data/".to_owned()]);
        let cases = [
            ("/srv/data", true),
            ("/srv/data/x", true),
            ("/srv/database", false),
            ("/srv/data/../..", false),
            ("/", false),
            ("name", false),
        ];
        for (folder, allowed) in cases {
            assert_eq!(rules.may_volume(folder).is_ok(), allowed, "{folder}");
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        let wrong = |change: fn(&mut RunPolicy)| {
            let mut policy = RunPolicy::default();
            change(&mut policy);
            Rules::new(policy).unwrap_err()
        };
        assert!(wrong(|p| p.commands = vec!["(".to_owned()]).contains("`functions.run.commands`"));
        assert!(wrong(|p| p.user = Some("no such user".to_owned())).contains("no user"));
        assert!(wrong(|p| p.user = Some("root".to_owned())).contains("must not be root"));
    }

    #[test]
    fn root_without_a_user_to_become_runs_nothing() {
        let rules = Rules::new(RunPolicy { allow: vec![RunKind::Python], ..RunPolicy::default() }).unwrap();
        let is_root = rustix::process::geteuid().as_raw() == 0;
        assert_eq!(rules.may_run(RunKind::Python).is_err(), is_root);
    }
}
