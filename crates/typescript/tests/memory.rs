//! A process that makes packages all day keeps nothing of them. In a process of its own: memory is the process's.

use openapi::Bounds;
use typescript::{Options, package};

const DOCUMENT: &str = include_str!("../../../connectors/samples/crm.yaml");

fn generate(times: usize) {
    for _ in 0..times {
        let nothing = &mut |_: &str| Err("there is nothing else".to_owned());
        let read = openapi::read("crm.yaml", DOCUMENT, nothing, &Bounds::default()).unwrap();
        assert!(!package(&read.api, &Options::default()).files.is_empty());
    }
}

/// Megabytes that this process has now (proc(5), `VmRSS`).
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
}

#[test]
fn generations_in_a_row_keep_nothing() {
    generate(10);
    let before = resident_mb();
    generate(150);
    let after = resident_mb();
    // One package alone has some 300 KB: a tenth of what was made would be seen.
    assert!(after < before + 5.0, "{before:.1} MB after 10 generations, {after:.1} MB after 160");
}
