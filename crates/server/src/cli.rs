//! The command line: every verb and flag. What they do is in `commands/`.

pub(crate) mod connect;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Watches what you run, explains trouble, repairs it by readable policy, proves the repair.
#[derive(Debug, Parser)]
#[command(name = "homeostat", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Where and how to print.
    #[command(flatten)]
    pub(crate) output: Output,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Output {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Server to talk to; the one started last on this machine unless told.
    #[arg(long, global = true, env = "HOMEOSTAT_URL")]
    pub(crate) url: Option<String>,
    /// API token; the local one unless told.
    #[arg(long, global = true, env = "HOMEOSTAT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server.
    Up(Up),
    /// Start a small shop of real processes, break it on request, watch it being repaired.
    Demo(Demo),
    /// How Homeostat and what it watches are doing.
    Status,
    /// Incidents.
    #[command(subcommand)]
    Incident(Incident),
    /// Silences: for some time, findings that a condition means open no incident.
    #[command(subcommand)]
    Silence(Silence),
    /// Triage: rules of what is muted, inhibited, put together and kept apart.
    #[command(subcommand)]
    Triage(Triage),
    /// Objectives of services: error budgets and how fast they are spent.
    Objectives,
    /// Decisions.
    #[command(subcommand)]
    Decision(Decision),
    Connect(connect::Connect),
    /// Workflows: runbooks and their runs.
    #[command(subcommand)]
    Workflow(Workflow),
    /// Faults of the demo.
    #[command(subcommand)]
    Fault(Fault),
    /// Check that everything needed is there and works.
    Doctor(Doctor),
    /// Run your own processes from a catalog, so that Homeostat can start, stop, restart and roll them back.
    Host(Host),
    /// Print a completion script for your shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// One service of the demo shop.
    #[command(hide = true)]
    Shop {
        /// Which one.
        service: String,
    },
    /// The demo world: host, shop, load and faults.
    #[command(hide = true)]
    World(World),
    /// Print generated reference: `openapi`, `configuration`, `configuration-schema`, `cli`, `errors`.
    #[command(hide = true)]
    Reference {
        /// Which one.
        what: String,
    },
}

/// Start the server.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Configuration file.
    #[arg(long, short, env = "HOMEOSTAT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// Start the demo.
#[derive(Clone, Debug, Args)]
pub(crate) struct Demo {
    /// Folder for the demo's data; emptied at start.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Address of the dashboard.
    #[arg(long, default_value = "127.0.0.1:7070")]
    pub(crate) listen: String,
    /// Inject one fault (or none: `--healthy`), print a report and exit; 0 only when the service is really
    /// healthy again.
    #[arg(long, requires = "what")]
    pub(crate) once: bool,
    /// Fault to inject (with `--once`), or the first one of the tour.
    #[arg(long, group = "what")]
    pub(crate) fault: Option<String>,
    /// With `--once`: break nothing and watch; 0 only when no incident opens.
    #[arg(long, group = "what", requires = "once")]
    pub(crate) healthy: bool,
    /// Minutes to watch with `--healthy`.
    #[arg(long, requires = "healthy", default_value_t = 60.0, value_parser = minutes)]
    pub(crate) minutes: f64,
    /// Inject faults by themselves: the first after the loop has learned, then one every so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) every_s: Option<u64>,
    /// Seconds to wait before the first fault, for the detectors to learn.
    #[arg(long, default_value_t = 12)]
    pub(crate) warm_up_s: u64,
    /// Most seconds for `--once`.
    #[arg(long, default_value_t = 120)]
    pub(crate) timeout_s: u64,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| *minutes > 0.0 && *minutes <= 10_080.0);
    minutes.ok_or_else(|| "give minutes between 0 and 10080 (a week), such as 60 or 0.5".to_owned())
}

/// Incidents.
#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// List incidents, newest first.
    List {
        /// `active`, or a status.
        #[arg(long)]
        status: Option<String>,
        /// Service at fault.
        #[arg(long)]
        service: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// One incident: causes, evidence, decisions, timeline.
    Show {
        /// Its id.
        id: String,
    },
    /// Make an incident part of another one. Learned for the next time.
    Merge {
        /// The one that is over afterwards.
        id: String,
        /// The one that goes on.
        into: String,
    },
    /// Make some findings of an incident an incident of their own. Learned for the next time.
    Split {
        /// The incident.
        id: String,
        /// Findings, by id.
        #[arg(required = true)]
        findings: Vec<String>,
    },
    /// Put findings into an incident. Learned for the next time.
    Move {
        /// The incident.
        to: String,
        /// Findings, by id.
        #[arg(required = true)]
        findings: Vec<String>,
    },
    /// What the language model says of an incident; asks it if it was not asked yet. Decides nothing.
    Explain {
        /// Its id.
        id: String,
        /// Ask again, although there is an answer.
        #[arg(long)]
        again: bool,
        /// Ask this, not for an explanation.
        #[arg(long)]
        question: Option<String>,
    },
}

/// Silences.
#[derive(Debug, Subcommand)]
pub(crate) enum Silence {
    /// List silences, those that end last first.
    List {
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Silence findings: `homeostat silence add "service == 'db'" --for 2h --reason "disks are replaced"`.
    Add {
        /// Which: a CEL condition over service, kind, severity, instance, subject, labels.<name> and others.
        when: String,
        /// How long: `30m`, `2h`, `7d`.
        #[arg(long = "for", value_name = "DURATION")]
        lasts: String,
        /// Why, so that others understand it.
        #[arg(long)]
        reason: String,
        /// Only say which findings it means now.
        #[arg(long)]
        dry_run: bool,
    },
    /// End a silence now.
    End {
        /// Its id.
        id: String,
    },
}

/// Rules for findings.
#[derive(Debug, Subcommand)]
pub(crate) enum Triage {
    /// The rules in force.
    Show,
    /// Where stored findings would have gone under the rules of a file. Changes nothing.
    Test {
        /// A triage file.
        file: PathBuf,
        /// How far back, in hours, 1 to 720.
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
}

/// Decisions.
#[derive(Debug, Subcommand)]
pub(crate) enum Decision {
    /// Why it was decided so: the confidence, every guard, every rule.
    Why {
        /// Id of a decision, or of an incident (its newest decision).
        id: String,
    },
    /// Agree to a proposal.
    Approve {
        /// Its id.
        id: String,
    },
    /// Refuse a proposal.
    Reject {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// Workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    /// Check a workflow document or a runbook page; needs no server.
    Validate {
        /// Files; `-` reads standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Draw a workflow as a Mermaid diagram; needs no server for a file.
    Diagram {
        /// A file, or the name of a workflow the server knows.
        workflow: String,
    },
    /// List workflows: shipped runbooks and your own.
    List,
    /// Store a version of your own workflow.
    Save {
        /// Its file.
        file: PathBuf,
    },
    /// Delete your own workflow in every version; runs under way go on.
    Delete {
        /// Its name: `namespace.name`.
        workflow: String,
    },
    /// List runs, newest first, or do something to all that fit.
    Runs(RunsFilter),
    /// Start a workflow.
    Run {
        /// Its name: a runbook, or `namespace.name` with or without `:version`.
        workflow: String,
        /// Its input: JSON, or `@file` with JSON in it (`@-` reads standard input).
        #[arg(long, default_value = "{}")]
        input: String,
        /// Equal keys start one run.
        #[arg(long)]
        key: Option<String>,
        /// Wait until it is over; then exit with 0 only when it completed.
        #[arg(long)]
        wait: bool,
        /// Only say what it would do.
        #[arg(long)]
        dry_run: bool,
    },
    /// One run with its steps, or one workflow.
    Show {
        /// Id of a run, or name of a workflow.
        id: String,
        /// A run as it was after this record of its journal.
        #[arg(long)]
        at: Option<u64>,
    },
    /// What happened in a run: its journal, line by line.
    Logs {
        /// Its id.
        id: String,
        /// Go on until it is over.
        #[arg(long, short)]
        follow: bool,
    },
    /// Hold a run before its next call, or every run of a service, a workflow, or all.
    #[command(
        override_usage = "homeostat workflow pause <ID> [--reason <REASON>]\n       homeostat workflow pause <--service <SERVICE>|--workflow <WORKFLOW>|--all> [--reason <REASON>]"
    )]
    Pause {
        /// Id of a run.
        #[arg(required_unless_present_any = ["service", "workflow", "all"])]
        id: Option<String>,
        #[command(flatten)]
        scope: HoldScope,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let a held run go on, or lift the hold of a service, a workflow, or all.
    #[command(
        override_usage = "homeostat workflow resume <ID>\n       homeostat workflow resume <--service <SERVICE>|--workflow <WORKFLOW>|--all>"
    )]
    Resume {
        /// Id of a run.
        #[arg(required_unless_present_any = ["service", "workflow", "all"])]
        id: Option<String>,
        #[command(flatten)]
        scope: HoldScope,
    },
    /// Show what is held, by whom and why.
    Holds,
    /// Begin a step of a run again, and everything after it; also of a run that is over.
    Retry {
        /// Its id.
        id: String,
        /// The step; the one that failed unless told.
        #[arg(long)]
        step: Option<usize>,
        /// What to give it in place of what it had: JSON or `@file`.
        #[arg(long)]
        input: Option<String>,
    },
    /// Take a step of a run as done, and go on after it.
    Skip {
        /// Its id.
        id: String,
        /// The step; the one that failed unless told.
        #[arg(long)]
        step: Option<usize>,
        /// What it is taken to have given: JSON or `@file`; its input unless told.
        #[arg(long)]
        output: Option<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Let a run follow another version of its workflow.
    Migrate {
        /// Its id.
        id: String,
        /// The version; the newest unless told.
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
    },
    /// End a run; what it did is undone.
    Cancel {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Questions that runs ask people.
    Approvals {
        /// Also those that are answered.
        #[arg(long)]
        all: bool,
    },
    /// Answer a question with yes.
    Approve {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Answer a question with no.
    Reject {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// List schedules and when they are due; with a name let one start runs, or rest.
    Schedules {
        /// The workflow.
        #[arg(requires = "enabled")]
        workflow: Option<String>,
        /// Whether it shall start runs: true or false.
        #[arg(long, requires = "workflow")]
        enabled: Option<bool>,
    },
}

/// Conditions on runs; all must hold.
#[derive(Debug, Args)]
pub(crate) struct RunsFilter {
    /// Status.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Workflow.
    #[arg(long)]
    pub(crate) workflow: Option<String>,
    /// Service.
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Text in id, workflow, service or error.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
    /// Do this to all of them: pause, resume, cancel or retry.
    #[arg(long, value_parser = ["pause", "resume", "cancel", "retry"])]
    pub(crate) then: Option<String>,
    /// Why, with `--then`.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// What to hold.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct HoldScope {
    /// Every run that touches this service.
    #[arg(long, conflicts_with = "id")]
    pub(crate) service: Option<String>,
    /// Every run of this workflow.
    #[arg(long, conflicts_with = "id")]
    pub(crate) workflow: Option<String>,
    /// Every run.
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
}

/// Faults of the demo.
#[derive(Debug, Subcommand)]
pub(crate) enum Fault {
    /// List faults and which are in effect.
    List,
    /// Inject a fault.
    Inject {
        /// Its name.
        name: String,
        /// The service; the fault's own unless told.
        #[arg(long)]
        service: Option<String>,
    },
    /// Take a fault back.
    Clear {
        /// Its name.
        name: String,
    },
}

/// Check the installation.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Configuration file.
    #[arg(long, short, env = "HOMEOSTAT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// Run processes from a catalog.
#[derive(Debug, Args)]
pub(crate) struct Host {
    /// Catalog of services to run (YAML).
    #[arg(long)]
    pub(crate) catalog: PathBuf,
    /// Folder for releases, configuration, data and logs.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Address of the control API.
    #[arg(long, default_value = "127.0.0.1:7200")]
    pub(crate) listen: String,
    /// Token that control requests must carry.
    #[arg(long, env = "HOMEOSTAT_HOST_TOKEN", hide_env_values = true)]
    pub(crate) host_token: String,
}

/// The demo world.
#[derive(Debug, Args)]
pub(crate) struct World {
    /// Its folder.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Where the shop sends its spans.
    #[arg(long)]
    pub(crate) otlp_url: String,
    /// Address of its control.
    #[arg(long, default_value = "127.0.0.1:7201")]
    pub(crate) listen: String,
}
