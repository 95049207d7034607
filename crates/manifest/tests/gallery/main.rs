//! The gallery: runbooks that people, schedules, events and other workflows start. Each plays its scenarios, which
//! are in `scenes/<name>.txt`: what the run asks for, what it is answered, how it ends.

mod scenario;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use manifest::{Runbook, Runbooks};

fn folder(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn texts(folder: &Path, ending: &str) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    entries
        .filter_map(|entry| {
            let path = entry.expect("a folder can be listed").path();
            let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
            Some((name, std::fs::read_to_string(&path).expect("a file can be read")))
        })
        .collect()
}

fn gallery() -> Vec<Runbook> {
    let files: Vec<(String, String)> = texts(&folder("../../runbooks"), ".md")
        .into_iter()
        .map(|(name, text)| (format!("{name}.md"), text))
        .collect();
    let all = Runbooks::load(&files).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    all.iter().filter(|r| r.handles.is_empty()).cloned().collect()
}

#[test]
fn scenarios_play_as_they_are_written() {
    let mut scripts = texts(&folder("tests/gallery/scenes"), ".txt");
    let mut faults = Vec::new();
    for runbook in gallery() {
        let Some(script) = scripts.remove(&runbook.name) else {
            faults.push(format!("{} has no scenario: write tests/gallery/scenes/{0}.txt", runbook.name));
            continue;
        };
        match scenario::play(&runbook.definition, &script) {
            Err((line, fault)) => faults.push(format!("{}.txt:{line}: {fault}", runbook.name)),
            Ok(told) => {
                for (missing, what) in [
                    (told.finished == 0, "ends well"),
                    (told.failed == 0, "fails"),
                    (told.undoable > 0 && told.undone == 0, "is undone"),
                ] {
                    if missing {
                        faults.push(format!("{}.txt: no play of it {what}", runbook.name));
                    }
                }
            }
        }
    }
    faults.extend(scripts.keys().map(|name| format!("{name}.txt: there is no such runbook in the gallery")));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_gallery_is_worth_a_visit() {
    assert!(gallery().len() >= 20);
}

#[test]
fn a_scenario_that_tells_something_else_is_caught() {
    let yaml = "document: { dsl: '1.0.3', namespace: t, name: t, version: '1.0.0' }
do:
  - act:
      call: process.stop
      with: { service: shop, instance: shop-1 }
  - rest:
      wait: { seconds: 5 }
  - tell:
      call: notify
      with: { message: 'all is well here' }
";
    let definition = workflow::Definition::parse("t.yaml", yaml).expect("it can be read");
    let well = "play well\nstart {}\ncall process.stop {\"service\": \"shop\"}\ngives null\nquiet\nafter 5s\n\
                call notify {\"message\": \"all … here\"}\ngives {}\nfinished {}\n";
    let told = scenario::play(&definition, well).expect("it is told as it happens");
    assert_eq!((told.finished, told.failed), (1, 0));
    for (from, to, line, part) in [
        ("\"shop\"", "\"shup\"", 3, "process.stop {\"service\":\"shop\",\"instance\":\"shop-1\"}"),
        ("process.stop", "process.start", 3, "asks for process.stop"),
        ("after 5s", "after 4s", 7, "asks for nothing"),
        ("after 5s", "finished", 6, "has not ended"),
        ("finished {}", "finished {\"ok\": 1}", 9, "finished with"),
        ("quiet\nafter 5s", "after 5s\nquiet", 6, "asks for notify"),
        ("all … here", "all … there", 7, "all is well here"),
        ("finished {}", "failed", 9, "it finished"),
        ("gives {}\n", "", 8, "answered"),
        ("gives null", "gives null undone by process.start {}", 9, "undo"),
        ("gives null", "gives nul", 4, "not JSON"),
        ("quiet", "quite", 5, "no word"),
        ("finished {}\n", "", 8, "how it ends"),
    ] {
        let text = well.replacen(from, to, 1);
        assert_ne!(text, well, "{from}");
        match scenario::play(&definition, &text) {
            Ok(told) if part == "undo" => assert_eq!((told.undoable, told.undone), (1, 0)),
            Ok(_) => panic!("{from} -> {to} was not caught"),
            Err((at, fault)) => assert!(at == line && fault.contains(part), "{from} -> {to}: {at}: {fault}"),
        }
    }
}
