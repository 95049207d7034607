//! The two roles of the guard, with what Linux has for them: subreapers, process descriptors and `/proc`.

use std::fs::File;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, getpid, kill_process, kill_process_group,
    pidfd_open, set_child_subreaper, setrlimit, wait,
};

use super::processes::{self, Processes};
use super::{BECOME, Ended, Input, Limit, Limits, Order, encode};

/// How often limits that the kernel does not keep are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Takes limits upon itself, gives up its rights and turns into the program.
pub(super) fn turn_into(order: &Order, stdin: File) -> std::io::Result<()> {
    // Opened while we still may; it closes by itself when the program begins.
    let mut refused = File::create(order.report.with_extension("refused"))?;
    let error = match prepare(order) {
        Err(error) => error,
        Ok(()) => {
            let [program, arguments @ ..] = order.program.as_slice() else {
                return Err(std::io::Error::other("no program was named"));
            };
            let mut command = Command::new(program);
            command.args(arguments).env_clear().envs(&order.environment);
            if matches!(order.input, Input::Closed) {
                command.stdin(Stdio::null());
            }
            if let Some((user, group)) = order.become_user {
                command.uid(user).gid(group);
            }
            drop(stdin);
            command.exec()
        }
    };
    let program = order.program.first().map(String::as_str).unwrap_or_default();
    write!(refused, "{program}: {error}")?;
    Err(error)
}

fn prepare(order: &Order) -> std::io::Result<()> {
    let limits = &order.limits;
    let most = |resource, value: u64| limit(resource, value, value);
    most(Resource::Core, 0)?;
    // A second between the two lets a program that asks for SIGXCPU say that it ran out of time.
    limit(Resource::Cpu, limits.cpu_s, limits.cpu_s + 1)?;
    // Data, not address space: runtimes reserve gigabytes of addresses that they never touch.
    most(Resource::Data, limits.memory_bytes)?;
    most(Resource::Fsize, limits.file_bytes)?;
    most(Resource::Nofile, limits.open_files)?;
    let user = order.become_user.map_or_else(|| rustix::process::getuid().as_raw(), |(user, _)| user);
    // The kernel counts all tasks of a user. The guard counts what is really below it.
    most(Resource::Nproc, processes::tasks_of(user) + limits.processes)?;
    rustix::thread::set_no_new_privs(true)?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // When memory runs out, this goes first.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    close_on_exec()?;
    std::env::set_current_dir(&order.folder)
}

/// Keeps every descriptor but the first three from the program. What we open ourselves is marked already; what whoever
/// started us left open is not, and it may lead anywhere.
#[expect(unsafe_code, reason = "a descriptor that is only a number cannot be marked otherwise")]
fn close_on_exec() -> std::io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if number > 2 {
            // SAFETY: the number is one of this process, which has one thread here, so nobody closes it meanwhile; it is
            // borrowed for this call alone.
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, soft: u64, hard: u64) -> std::io::Result<()> {
    let now = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let wanted = Rlimit { current: Some(soft.min(now)), maximum: Some(hard.min(now)) };
    Ok(setrlimit(resource, wanted)?)
}

/// Starts the program and stays until nothing of it is left.
pub(super) fn watch(mut order: Order, orders: File) -> std::io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    let ended = match start(&mut order, &orders) {
        Ok(child) => Watched::new(child, &order.limits)?.until_gone(&orders),
        Err(error) => Ended::NotStarted { reason: error.to_string() },
    };
    let refused = std::fs::read_to_string(order.report.with_extension("refused")).unwrap_or_default();
    let ended = if refused.is_empty() { ended } else { Ended::NotStarted { reason: refused } };
    let mut file = File::create(&order.report)?;
    file.write_all(&serde_json::to_vec(&ended)?)
}

fn start(order: &mut Order, orders: &File) -> std::io::Result<Child> {
    let mut child = Command::new("/proc/self/exe");
    // Some programs find this role by their first argument only when the ones before it are there too.
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(last) = arguments.last_mut() {
        *last = BECOME.into();
    }
    child.args(arguments).env_clear().stdin(Stdio::piped()).process_group(0);
    let mut child = child.spawn()?;
    let text = match &mut order.input {
        Input::Text(text) => std::mem::take(text),
        Input::Closed | Input::Rest => String::new(),
    };
    let rest = matches!(order.input, Input::Rest).then(|| orders.try_clone()).transpose()?;
    let mut bytes = encode(order)?;
    bytes.extend(text.into_bytes());
    if let Some(mut pipe) = child.stdin.take() {
        // A program that does not read must not keep the guard from watching. Its end breaks the pipe.
        std::thread::spawn(move || {
            let given = pipe.write_all(&bytes);
            if let (Ok(()), Some(mut rest)) = (given, rest) {
                let _ = std::io::copy(&mut rest, &mut pipe);
            }
        });
    }
    Ok(child)
}

/// A program under watch, with all that comes of it.
struct Watched<'a> {
    leader: Pid,
    leader_fd: OwnedFd,
    limits: &'a Limits,
    since: Instant,
    status: Option<Ended>,
}

impl<'a> Watched<'a> {
    fn new(child: Child, limits: &'a Limits) -> std::io::Result<Self> {
        let leader = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let leader = leader.ok_or_else(|| std::io::Error::other("the program has no process id"))?;
        let leader_fd = pidfd_open(leader, PidfdFlags::empty())?;
        Ok(Self { leader, leader_fd, limits, since: Instant::now(), status: None })
    }

    /// Waits for its end or brings it about; nothing of it is left when this returns.
    fn until_gone(mut self, orders: &File) -> Ended {
        let why = self.until_over(orders);
        if why.is_some() {
            self.ask_to_end();
        }
        self.kill_all();
        let status = self.status.unwrap_or(Ended::Stopped);
        // SIGXCPU is how the kernel says it first.
        let cpu = Signal::XCPU.as_raw();
        match (why, status) {
            (Some(why), _) => why,
            (None, Ended::Signalled { signal }) if signal == cpu => Ended::Limit { limit: Limit::Cpu },
            (None, status) => status,
        }
    }

    /// Why it must end; none when the program itself ended.
    fn until_over(&mut self, orders: &File) -> Option<Ended> {
        let mut next_look = Instant::now() + LOOK;
        loop {
            self.reap();
            if self.status.is_some() {
                return None;
            }
            if orders_closed(orders, &self.leader_fd, next_look) {
                return Some(Ended::Stopped);
            }
            if Instant::now() >= next_look {
                if let Some(limit) = self.broken() {
                    return Some(Ended::Limit { limit });
                }
                next_look = Instant::now() + LOOK;
            }
        }
    }

    fn broken(&self) -> Option<Limit> {
        if self.since.elapsed() >= Duration::from_millis(self.limits.wall_ms) {
            return Some(Limit::Wall);
        }
        let used = Processes::read().below(getpid());
        if used.tasks > self.limits.processes {
            return Some(Limit::Processes);
        }
        if used.resident_bytes > self.limits.memory_bytes {
            return Some(Limit::Memory);
        }
        (used.cpu_s > self.limits.cpu_s).then_some(Limit::Cpu)
    }

    /// SIGTERM to the group, and a moment to end by itself.
    fn ask_to_end(&mut self) {
        let _ = kill_process_group(self.leader, Signal::TERM);
        let until = Instant::now() + Duration::from_millis(self.limits.grace_ms);
        while self.status.is_none() && Instant::now() < until {
            wait_for(&mut [PollFd::new(&self.leader_fd, PollFlags::IN)], until.min(Instant::now() + LOOK));
            self.reap();
        }
    }

    /// SIGKILL until nobody is left. Only children of the guard are signalled: their ids cannot pass on to
    /// strangers before the guard reaps them, and what they leave behind becomes a child of the guard.
    fn kill_all(&mut self) {
        // Until the leader is reaped, its id names this group and no other. The kernel kills it at one stroke.
        if self.status.is_none() {
            let _ = kill_process_group(self.leader, Signal::KILL);
        }
        let mut rounds = 0_u32;
        while self.reap() {
            for child in Processes::read().children(getpid()) {
                let _ = kill_process(child, Signal::KILL);
            }
            // At first as fast as they can fork; then somebody hangs in the kernel, and it takes as long as it takes.
            rounds += 1;
            if rounds > 200 {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Takes note of everyone who ended; whether anyone is left.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.leader => {
                    let signal = status.terminating_signal().map(|signal| Ended::Signalled { signal });
                    let code = status.exit_status().map(|code| Ended::Exited { code });
                    self.status = code.or(signal);
                }
                Ok(Some(_)) => {}
                Ok(None) => return true,
                // ECHILD: there is nobody.
                Err(_) => return false,
            }
        }
    }
}

/// Waits until the pipe of orders closes (true), or the program ends or it is time to look (false).
fn orders_closed(orders: &File, leader: &OwnedFd, until: Instant) -> bool {
    // No event is asked for: a closed pipe is always told, and what is still in it is not for us.
    let mut watched = [PollFd::new(orders, PollFlags::empty()), PollFd::new(leader, PollFlags::IN)];
    wait_for(&mut watched, until);
    watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
}

fn wait_for(watched: &mut [PollFd<'_>], until: Instant) {
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos().max(1)) };
    let _ = poll(watched, Some(&timeout));
}
