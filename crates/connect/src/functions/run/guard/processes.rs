//! Who is below whom, and what they use together, of `/proc` (proc(5)).

use std::collections::{HashMap, HashSet};

use rustix::process::Pid;

use crate::process::ticks_per_s;

/// One process as `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    /// Its own CPU time and that of children it waited for.
    cpu_ticks: u64,
    tasks: u64,
    resident_pages: u64,
}

/// What some processes use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    pub tasks: u64,
    pub cpu_s: u64,
    pub resident_bytes: u64,
}

/// All processes of the machine that may be seen.
pub(super) struct Processes(Vec<Process>);

impl Processes {
    pub(super) fn read() -> Self {
        Self(each("stat").filter_map(|text| parse(&text)).collect())
    }

    /// The processes whose parent this is.
    pub(super) fn children(&self, of: Pid) -> Vec<Pid> {
        let of = of.as_raw_nonzero().get();
        self.0.iter().filter(|p| p.parent == of).filter_map(|p| Pid::from_raw(p.pid)).collect()
    }

    /// What all processes below this one use, with what those used that it waited for.
    pub(super) fn below(&self, top: Pid) -> Use {
        let top = top.as_raw_nonzero().get();
        let mut by_parent: HashMap<i32, Vec<&Process>> = HashMap::new();
        for process in &self.0 {
            by_parent.entry(process.parent).or_default().push(process);
        }
        // A process can be seen twice while it moves to another parent.
        let (mut seen, mut open, mut used) = (HashSet::from([top]), vec![top], Use::default());
        let mut ticks = self.0.iter().find(|p| p.pid == top).map_or(0, |p| p.cpu_ticks);
        while let Some(parent) = open.pop() {
            for process in by_parent.get(&parent).into_iter().flatten() {
                if seen.insert(process.pid) {
                    open.push(process.pid);
                    ticks = ticks.saturating_add(process.cpu_ticks);
                    used.tasks += process.tasks;
                    used.resident_bytes = used.resident_bytes.saturating_add(
                        process.resident_pages.saturating_mul(rustix::param::page_size() as u64),
                    );
                }
            }
        }
        used.cpu_s = (ticks as f64 / ticks_per_s()) as u64;
        used
    }
}

/// How many tasks (processes and threads) a user has now.
pub(super) fn tasks_of(user: u32) -> u64 {
    let field = |text: &str, name: &str| {
        text.lines().find_map(|l| l.strip_prefix(name)?.split_ascii_whitespace().next()?.parse::<u64>().ok())
    };
    each("status")
        .filter(|text| field(text, "Uid:") == Some(u64::from(user)))
        .map(|text| field(&text, "Threads:").unwrap_or(1))
        .sum()
}

fn each(file: &'static str) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit))
        .filter_map(move |entry| std::fs::read(entry.path().join(file)).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads `/proc/<pid>/stat`. The name, in parentheses, may hold anything: fields count from its end.
fn parse(text: &str) -> Option<Process> {
    let pid = text.split_ascii_whitespace().next()?.parse().ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // Numbers of proc(5); the first after the name is field 3.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let cpu = [14, 15, 16, 17].iter().try_fold(0_u64, |sum, field| sum.checked_add(number(*field)?))?;
    // A process that ended and was not waited for holds nothing.
    let ended = fields.first().is_some_and(|state| *state == "Z");
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        cpu_ticks: cpu,
        tasks: if ended { 0 } else { number(20)? },
        resident_pages: number(24)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(pid: i32, parent: i32, ticks: u64) -> String {
        format!("{pid} (a) S 1) (b) R {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 2 0 5 1000 3 0")
    }

    #[test]
    fn sums_are_of_descendants_alone_and_a_hostile_name_moves_no_field() {
        let all = [line(1, 0, 900), line(5, 1, 100), line(6, 5, 200), line(7, 6, 300), line(8, 1, 5000)];
        let all = Processes(all.iter().filter_map(|text| parse(text)).collect());
        let top = Pid::from_raw(5).unwrap();
        let used = all.below(top);
        assert_eq!((used.tasks, used.cpu_s), (4, (600.0 / ticks_per_s()) as u64));
        assert_eq!(used.resident_bytes, 6 * rustix::param::page_size() as u64);
        assert_eq!(all.children(top), [Pid::from_raw(6).unwrap()]);
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let all = Processes([line(5, 6, 1), line(6, 5, 1)].iter().filter_map(|text| parse(text)).collect());
        assert_eq!(all.below(Pid::from_raw(5).unwrap()).tasks, 2);
    }

    #[test]
    fn this_process_has_tasks() {
        assert!(tasks_of(rustix::process::getuid().as_raw()) >= 1);
    }

    proptest! {
        #[test]
        fn no_text_is_fatal(text in "\\PC{0,120}") {
            let _ = parse(&text);
        }
    }
}
