//! `run` tasks of workflows: `run.shell`, `run.script` and `run.container`, off until a policy allows them.
//!
//! A shell command or script runs in a fresh folder of its own, as an unprivileged user, with nothing of our
//! environment or descriptors, below a [`guard`] that outlives none of it. A container runs on a container
//! engine. Each runs at most once for its idempotency key, over our own crash too.
//!
//! Deliberately absent: isolation of network and file system for shell and script. Whoever needs that runs
//! a container.

mod container;
mod folder;
pub mod guard;
mod ledger;
mod policy;
mod process;
mod task;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use model::{ActionCall, ActionSpec, BlastRadius};
use ports::{ActionFailure, ActionResult, Actuator, Clock, FailureKind, Retry, Store};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::container::{Asked, Engine};
use self::folder::Folder;
use self::guard::{Ended, Input, Limit, Order};
use self::ledger::{Begun, Ledger, Ours, interrupted};
use self::policy::Rules;
use self::process::Outcome;
use self::task::{Program, Return, Task};
use super::{ExternalResources, failure, invalid};

pub use self::ledger::KIND;
pub use self::policy::{RunKind, RunPolicy};
pub(super) use self::process::Session;

/// What is needed to run programs.
pub struct RunSettings {
    /// What may run, and with how much.
    pub policy: RunPolicy,
    /// Folder for the folders of programs. Its path must be passable for the user they run as; what is in it
    /// is removed at start, so each Homeostat needs its own.
    pub folder: PathBuf,
    /// Command that starts [`guard::main`] with the arguments after it: program and first arguments.
    pub guard: Vec<String>,
    /// Reads scripts that are kept elsewhere.
    pub resources: Arc<ExternalResources>,
    /// Where results are kept.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Runs programs for workflows.
pub struct RunFunctions {
    shared: Arc<Shared>,
    _sweep: Option<DropGuard>,
}

struct Shared {
    rules: Rules,
    /// Folder of the folders of programs.
    folder: PathBuf,
    /// How many servers were started; tells their folders apart.
    served: AtomicU64,
    guard: Vec<String>,
    resources: Arc<ExternalResources>,
    ledger: Ledger,
    engine: Engine,
}

impl RunFunctions {
    /// Makes the folder ready and removes what an earlier process left there.
    ///
    /// # Errors
    /// The policy names what does not exist, or the folder cannot be used; says which setting to change.
    pub async fn open(settings: RunSettings) -> Result<Self, String> {
        let rules = Rules::new(settings.policy)?;
        let folder = settings.folder;
        let root = folder.clone();
        let opened = tokio::task::spawn_blocking(move || folder::open_root(&root)).await;
        let opened = opened.map_err(|error| error.to_string())?;
        opened.map_err(|error| format!("the folder {} of programs: {error}", folder.display()))?;
        let ledger = Ledger::new(settings.store, settings.clock);
        if let Err(error) = ledger.sweep().await {
            tracing::warn!(%error, "Old results of programs were not removed.");
        }
        let engine = Engine::new(&rules.policy.container_socket)?;
        let served = AtomicU64::new(0);
        let (guard, resources) = (settings.guard, settings.resources);
        let shared = Arc::new(Shared { rules, folder, served, guard, resources, ledger, engine });
        let sweeping = shared.rules.policy.allow.contains(&RunKind::Container).then(|| {
            let stop = CancellationToken::new();
            tokio::spawn(sweep(Arc::clone(&shared), stop.clone()));
            stop.drop_guard()
        });
        Ok(Self { shared, _sweep: sweeping })
    }

    /// Whether a server of the Model Context Protocol may be started here.
    pub(super) fn may_serve(&self, command: &str, arguments: &[String]) -> Result<(), ActionFailure> {
        self.shared.rules.may_serve(command, arguments)
    }

    /// Starts a server that is talked with over standard input and output.
    pub(super) async fn serve(
        &self,
        key: &str,
        command: String,
        arguments: Vec<String>,
        environment: BTreeMap<String, String>,
        output_bytes: usize,
    ) -> Result<Session, ActionFailure> {
        self.may_serve(&command, &arguments)?;
        let (shared, number) = (&self.shared, self.shared.served.fetch_add(1, Ordering::Relaxed));
        // The same call may be made again while the server of the first one is still being ended.
        let name = format!("{}-{number}", id(key));
        let folder = shared.folder(name, None).await.map_err(not_ready)?.0;
        let order = shared.order([vec![command], arguments].concat(), environment, Input::Rest, &folder);
        Session::start(&shared.guard, &order, folder, output_bytes).await.map_err(not_ready)
    }

    async fn read(&self, call: &ActionCall) -> Result<Task, ActionFailure> {
        let mut task = Task::parse(&call.action, &call.parameters)?;
        task.check(&self.shared.rules)?;
        task.load(&self.shared.resources).await?;
        Ok(task)
    }

    async fn carry_out(&self, call: &ActionCall, task: Task) -> Result<ActionResult, ActionFailure> {
        let begun = self.shared.ledger.begin(&call.idempotency_key, &call.action, &call.parameters).await?;
        let ours = match begun {
            Begun::Answered(answer) => return answer,
            // A container can be looked for; a process cannot.
            Begun::Interrupted(ours, at) if !matches!(task.program, Program::Container(_)) => {
                return ours.answer(Err(interrupted(at))).await;
            }
            Begun::Interrupted(ours, _) | Begun::Ours(ours) => ours,
        };
        let stop = CancellationToken::new();
        let (shared, waited_for, token) = (Arc::clone(&self.shared), task.wait, stop.clone());
        // Whoever gives up waiting drops this future; the program is then ended in order, and that is noted.
        let on_drop = stop.drop_guard();
        let work = tokio::spawn(async move { shared.run(ours, task, token).await });
        let answer = work.await.unwrap_or_else(|error| {
            let text = format!("the work was interrupted: {error}");
            Err(failure(FailureKind::Runtime, Retry::Permanent, text))
        });
        if !waited_for {
            on_drop.disarm();
        }
        answer
    }
}

/// Removes containers whose time is over, now and then, until the functions are dropped.
async fn sweep(shared: Arc<Shared>, stop: CancellationToken) {
    let mut rounds = tokio::time::interval(container::SWEEP);
    while stop.run_until_cancelled(rounds.tick()).await.is_some() {
        if let Err(failure) = shared.engine.remove_expired(shared.ledger.now()).await {
            tracing::warn!(
                error = failure.message,
                "Containers that are over were not removed; tried again."
            );
        }
    }
}

#[async_trait]
impl Actuator for RunFunctions {
    fn actions(&self) -> Vec<ActionSpec> {
        let spec = |name: &str, summary: &str, parameters: Value| ActionSpec {
            name: name.to_owned(),
            summary: summary.to_owned(),
            parameters,
            inverse: None,
            blast_radius: BlastRadius::System,
            repeatable: false,
            deploys: false,
        };
        vec![
            spec("run.shell", "Run a shell command on this machine", task::shell_schema()),
            spec("run.script", "Run a script in JavaScript or Python on this machine", task::script_schema()),
            spec("run.container", "Run a container on this machine's engine", task::container_schema()),
        ]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let task = self.read(call).await?;
        self.carry_out(call, task).await
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        let task = self.read(call).await?;
        Ok(task.would())
    }
}

impl Shared {
    async fn run(
        self: Arc<Self>,
        ours: Ours,
        task: Task,
        stop: CancellationToken,
    ) -> Result<ActionResult, ActionFailure> {
        if matches!(task.program, Program::Container(_)) {
            return self.run_container(ours, task, stop).await;
        }
        if !task.wait {
            let answer = ours.answer(Ok(ActionResult { output: Value::Null, inverse: None })).await;
            tokio::spawn(async move {
                unwaited(ours.key(), self.run_process(ours.key(), &task, &stop).await);
            });
            return answer;
        }
        let result = self.run_process(ours.key(), &task, &stop).await;
        ours.answer(result.and_then(|result| task.returns.result(&result))).await
    }

    async fn run_container(
        self: Arc<Self>,
        mut ours: Ours,
        task: Task,
        stop: CancellationToken,
    ) -> Result<ActionResult, ActionFailure> {
        let Program::Container(container) = &task.program else {
            return Err(invalid("this is no container"));
        };
        let cleanup = container.cleanup;
        let key = ours.key().to_owned();
        let asked = Asked { key: &key, container, rules: &self.rules };
        let id = match self.engine.start(&asked, &mut ours).await {
            Ok(id) => id,
            Err(failure) => return ours.answer(Err(failure)).await,
        };
        if !task.wait {
            let answer = ours.answer(Ok(ActionResult { output: Value::Null, inverse: None })).await;
            tokio::spawn(async move {
                unwaited(&key, self.engine.finish(&id, &self.rules, &stop).await);
                self.engine.clean(&id, cleanup).await;
            });
            return answer;
        }
        let result = self.engine.finish(&id, &self.rules, &stop).await;
        let answer = ours.answer(result.and_then(|result| task.returns.result(&result))).await;
        // Only now: until its result is noted, the container is all that tells of it.
        if !matches!(&answer, Err(failure) if failure.retry == Retry::Temporary) {
            self.engine.clean(&id, cleanup).await;
        }
        answer
    }

    async fn run_process(
        &self,
        key: &str,
        task: &Task,
        stop: &CancellationToken,
    ) -> Result<ProcessResult, ActionFailure> {
        let source = task.source().map(|(name, code)| (name, code.to_owned()));
        let (folder, file) = self.folder(id(key), source).await.map_err(not_ready)?;
        let policy = &self.rules.policy;
        let input = task.stdin.clone().map_or(Input::Closed, Input::Text);
        let order =
            self.order(task.command(policy, file.as_deref()), task.environment.clone(), input, &folder);
        let outcome = process::run(&self.guard, &order, policy.output_bytes, stop).await;
        // Emptying a full folder takes its time; nobody needs to wait for it on an async thread.
        let removed = tokio::task::spawn_blocking(move || drop(folder)).await;
        drop(removed);
        judge(outcome, policy)
    }

    /// A fresh folder, with a file beside it that the program can read.
    async fn folder(
        &self,
        name: String,
        file: Option<(&'static str, String)>,
    ) -> std::io::Result<(Folder, Option<PathBuf>)> {
        let (root, owner) = (self.folder.clone(), self.rules.become_user);
        let made = tokio::task::spawn_blocking(move || {
            let folder = Folder::create(&root, &name, owner)?;
            let file = file.map(|(name, content)| folder.put(name, &content)).transpose()?;
            Ok((folder, file))
        });
        made.await.map_err(std::io::Error::other)?
    }

    fn order(
        &self,
        program: Vec<String>,
        mut environment: BTreeMap<String, String>,
        input: Input,
        folder: &Folder,
    ) -> Order {
        environment.entry("PATH".to_owned()).or_insert_with(|| self.rules.policy.path.clone());
        Order {
            program,
            environment,
            input,
            folder: folder.work(),
            report: folder.report(),
            become_user: self.rules.become_user,
            limits: self.rules.limits(),
        }
    }
}

fn not_ready(error: std::io::Error) -> ActionFailure {
    failure(FailureKind::Runtime, Retry::Temporary, format!("nothing was run: {error}"))
}

fn unwaited(key: &str, ended: Result<ProcessResult, ActionFailure>) {
    if let Err(failure) = ended {
        tracing::warn!(key, error = failure.message, "A program that nobody waits for failed.");
    }
}

/// What a program gave (DSL reference, "Process Result").
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProcessResult {
    code: i64,
    stdout: String,
    stderr: String,
}

fn judge(outcome: std::io::Result<Outcome>, policy: &RunPolicy) -> Result<ProcessResult, ActionFailure> {
    let runtime = |text: String| failure(FailureKind::Runtime, Retry::Permanent, text);
    let outcome = outcome.map_err(|error| {
        runtime(format!(
            "it is not known what became of the program: {error}; look at what it changes before a retry"
        ))
    })?;
    if outcome.flooded {
        let most = policy.output_bytes;
        return Err(runtime(format!(
            "the program printed more than {most} bytes and was ended; print less, or raise `functions.run.output_bytes`"
        )));
    }
    let code = match outcome.ended {
        Ended::Exited { code } => i64::from(code),
        // As shells say it.
        Ended::Signalled { signal } => 128 + i64::from(signal),
        Ended::Limit { limit } => return Err(broken(limit, policy)),
        Ended::Stopped => {
            return Err(runtime("the program was ended, because nobody waited for it any more".into()));
        }
        Ended::NotStarted { reason } => {
            let text = format!("the program could not be started: {reason}");
            return Err(failure(FailureKind::Configuration, Retry::Permanent, text));
        }
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(ProcessResult { code, stdout: text(outcome.stdout), stderr: text(outcome.stderr) })
}

fn broken(limit: Limit, policy: &RunPolicy) -> ActionFailure {
    let (kind, what, setting) = match limit {
        Limit::Wall => (FailureKind::Timeout, format!("took longer than {} ms", policy.wall_ms), "wall_ms"),
        Limit::Cpu => {
            (FailureKind::Runtime, format!("used more than {} s of CPU time", policy.cpu_s), "cpu_s")
        }
        Limit::Memory => (
            FailureKind::Runtime,
            format!("used more than {} bytes of memory", policy.memory_bytes),
            "memory_bytes",
        ),
        Limit::Processes => (
            FailureKind::Runtime,
            format!("had more than {} processes and threads", policy.processes),
            "processes",
        ),
    };
    let text = format!(
        "the program {what} and was ended with all its children; the limit is `functions.run.{setting}`"
    );
    failure(kind, Retry::Permanent, text)
}

impl Return {
    /// The output that the task asked for. A program that failed is a failure, unless its code was asked for.
    fn result(self, result: &ProcessResult) -> Result<ActionResult, ActionFailure> {
        let ProcessResult { code, stdout, stderr } = result;
        if *code != 0 && !matches!(self, Self::Code | Self::All) {
            let said = if stderr.trim().is_empty() { stdout } else { stderr };
            let said = receive::limits::cut(said.trim(), 2_000);
            let text = format!("the program ended with code {code}: {said}");
            return Err(failure(FailureKind::Runtime, Retry::Permanent, text));
        }
        let output = match self {
            Self::Stdout => json!(stdout),
            Self::Stderr => json!(stderr),
            Self::Code => json!(code),
            Self::All => json!({"code": code, "stdout": stdout, "stderr": stderr}),
            Self::None => Value::Null,
        };
        Ok(ActionResult { output, inverse: None })
    }
}

/// A name for a key that fits into paths and names: the first 128 bits of its SHA-256.
fn id(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
