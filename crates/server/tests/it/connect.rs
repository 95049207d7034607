//! `homeostat connect` as people and programs meet it: by what it prints, what it ends with, and what is in the folder.

mod hostile;
mod mock;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Owned, binary, wait_for};

const MANIFEST: &str = ".homeostat-connect.json";

pub(crate) const PETS: &str = "openapi: 3.1.0
info: {title: Pet Shop, version: 2.1.0}
servers: [{url: 'https://pets.example/v2'}]
paths:
  /pets:
    get:
      operationId: listPets
      parameters: [{name: limit, in: query, schema: {type: integer, maximum: 100}}]
      responses:
        '200':
          description: Pets
          content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Pet'}}, example: [{id: p1, name: Rex}]}}
        '404': {description: None, content: {application/json: {schema: {type: object, properties: {why: {type: string}}}}}}
    post:
      operationId: createPet
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}
      responses: {'201': {description: Made, content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}}
components:
  schemas:
    Pet: {type: object, required: [id], properties: {id: {type: string}, name: {type: string}}}
";

/// A folder with documents and packages.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `homeostat connect …`, in the folder.
    pub(crate) fn connect(&self, arguments: &[&str]) -> Said {
        self.fed(arguments, None)
    }

    fn fed(&self, arguments: &[&str], input: Option<&str>) -> Said {
        let mut child = binary();
        child.arg("connect").args(arguments).current_dir(self.dir.path());
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = child.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let Some(input) = input {
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        }
        Said::of(child.wait_with_output().unwrap())
    }

    /// Every file of a folder with its text, the manifest apart.
    fn files(&self, folder: &str) -> BTreeMap<String, String> {
        fn walk(root: &Path, at: &Path, found: &mut BTreeMap<String, String>) {
            for entry in fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else {
                    let name = path.strip_prefix(root).unwrap().display().to_string();
                    found.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        let root = self.path(folder);
        walk(&root, &root, &mut found);
        found.remove(MANIFEST);
        found
    }
}

/// What a command printed, and the code it ended with.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }

    /// It failed, and says so on standard error only.
    #[track_caller]
    pub(crate) fn failed(self, why: &str) -> Self {
        let said = self.ends(1);
        assert!(said.out.is_empty() && said.err.contains(why), "{}{}", said.out, said.err);
        said
    }
}

#[test]
fn a_package_is_made_and_brought_up_to_date() {
    let bench = Bench::new();
    bench.put("pets.yaml", PETS);
    let first = bench
        .connect(&["pets.yaml", "-o", "pets", "--name", "@acme/pets", "--license", "Apache-2.0"])
        .ends(0);
    assert!(first.out.starts_with("@acme/pets is in pets: 2 operations of Pet Shop 2.1.0"), "{}", first.out);
    assert!(first.out.contains("cd pets && npm install && npm test"), "{}", first.out);
    assert!(first.err.is_empty(), "{}", first.err);
    let made = bench.files("pets");
    assert!(made.contains_key("src/client.ts") && made["package.json"].contains("Apache-2.0"));
    let manifest: Value = serde_json::from_str(&bench.read(&format!("pets/{MANIFEST}"))).unwrap();
    assert_eq!(
        (&manifest["source"], &manifest["options"]["name"]),
        (&"pets.yaml".into(), &"@acme/pets".into())
    );
    assert_eq!(manifest["files"].as_object().unwrap().len(), made.len());
    assert!(manifest["pending"].is_null(), "{manifest}");

    // The same again: nothing is written, options are those of the last time.
    let again = bench.connect(&["pets.yaml", "-o", "pets"]).ends(0);
    assert!(again.out.contains("(0 new files, 0 changed, 0 removed,"), "{}", again.out);
    assert_eq!(bench.files("pets"), made);

    // Files of the user stay; what is new in the document comes, what is gone goes.
    bench.put("pets/notes.md", "mine");
    bench.put("pets/src/mine.ts", "export {};");
    let changed = PETS
        .replace("  /pets:", "  /owners:")
        .replace("listPets", "listOwners")
        .replace("createPet", "createOwner");
    bench.put("pets.yaml", &changed);
    let report = bench.connect(&["pets.yaml", "-o", "pets", "--json"]).ends(0).json();
    assert!(!report["created"].as_array().unwrap().is_empty(), "{report}");
    assert!(!report["deleted"].as_array().unwrap().is_empty(), "{report}");
    assert_eq!(report["package"], "@acme/pets");
    let now = bench.files("pets");
    assert_eq!((now["notes.md"].as_str(), now["src/mine.ts"].as_str()), ("mine", "export {};"));
    for gone in report["deleted"].as_array().unwrap() {
        assert!(!now.contains_key(gone.as_str().unwrap()), "{gone}");
    }
    assert!(!bench.path("pets/.homeostat-connect.tmp").exists());
}

#[test]
fn edited_files_are_named_and_left_alone() {
    let bench = Bench::new();
    bench.put("pets.yaml", PETS);
    bench.connect(&["pets.yaml", "-o", "pets"]).ends(0);
    let before = bench.files("pets");
    bench.put("pets/README.md", "mine now");
    bench.put("pets.yaml", &PETS.replace("2.1.0", "2.2.0").replace("Pet Shop", "Pet Store"));
    let refused = bench.connect(&["pets.yaml", "-o", "pets"]).failed("nothing was written to pets");
    assert!(refused.err.contains("README.md (edited since it was generated)"), "{}", refused.err);
    assert!(refused.err.contains("--keep") && refused.err.contains("--force"), "{}", refused.err);
    let mut expect = before.clone();
    expect.insert("README.md".to_owned(), "mine now".to_owned());
    assert_eq!(bench.files("pets"), expect, "nothing was written");
    let report = bench.connect(&["pets.yaml", "-o", "pets", "--json"]).ends(1).json();
    assert_eq!(report["conflicts"][0]["path"], "README.md", "{report}");

    let planned = bench.connect(&["pets.yaml", "-o", "pets", "--dry-run", "--force"]).ends(0);
    assert!(planned.out.contains("update README.md"), "{}", planned.out);
    assert_eq!(bench.files("pets"), expect, "a dry run writes nothing");

    for _ in 0..2 {
        let kept = bench.connect(&["pets.yaml", "-o", "pets", "--keep"]).ends(0);
        assert!(kept.out.contains("kept README.md (edited"), "{}", kept.out);
        assert_eq!(bench.read("pets/README.md"), "mine now");
    }
    assert_ne!(bench.files("pets")["src/client.ts"], before["src/client.ts"]);
    bench.connect(&["pets.yaml", "-o", "pets", "--force"]).ends(0);
    assert!(bench.read("pets/README.md").contains("Pet Store"));
}

#[test]
fn a_folder_of_others_is_not_overwritten() {
    let bench = Bench::new();
    bench.put("pets.yaml", PETS);
    bench.put("app/package.json", "{}");
    let refused =
        bench.connect(&["pets.yaml", "-o", "app"]).failed("package.json (was not written by homeostat)");
    assert!(refused.err.contains("--force"), "{}", refused.err);
    assert_eq!(bench.files("app").len(), 1, "nothing was written");
    bench.put("file", "x");
    bench.connect(&["pets.yaml", "-o", "file"]).failed("file is a file; name a folder");
    bench.put("broken/.homeostat-connect.json", "{");
    bench.connect(&["pets.yaml", "-o", "broken"]).failed("is not what homeostat wrote");
    let sly = r#"{"files": {"../pets.yaml": "x"}}"#;
    bench.put("sly/.homeostat-connect.json", sly);
    bench.connect(&["pets.yaml", "-o", "sly", "--force"]).failed("leads out of the folder");
    assert_eq!(bench.read("pets.yaml"), PETS);
}

#[test]
fn a_kill_in_the_middle_is_completed_by_the_next_run() {
    let bench = Bench::new();
    let large = |version: &str| {
        let mut text = format!("openapi: 3.1.0\ninfo: {{title: Large, version: '{version}'}}\npaths:\n");
        for n in 0..150 {
            text.push_str(&format!("  /things{n}:\n    get: {{operationId: list{n}v{version}, tags: [t{n}], responses: {{'200': {{description: x}}}}}}\n"));
        }
        text
    };
    bench.put("wanted.yaml", &large("3"));
    bench.connect(&["wanted.yaml", "-o", "whole"]).ends(0);
    let mut torn = 0;
    for round in 0..6 {
        let version = ["1", "2"][round % 2];
        bench.put("large.yaml", &large(version));
        let mut command = binary();
        command.args(["connect", "large.yaml", "-o", "made", "--json"]).current_dir(bench.dir.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut child = Owned(child);
        // Killed while it writes: as soon as the folder for drafts is there, and a little later each round.
        let beside = bench.path("made/.homeostat-connect.tmp");
        let written = wait_for("it to write or to end", std::time::Duration::from_secs(60), || {
            if beside.exists() {
                return Some(true);
            }
            child.0.try_wait().unwrap().map(|_| false)
        });
        if written {
            let until = std::time::Instant::now() + std::time::Duration::from_micros(500 * round as u64);
            while std::time::Instant::now() < until {
                std::hint::spin_loop();
            }
        }
        drop(child);
        torn += usize::from(beside.exists());
    }
    assert!(torn > 0, "no run was killed while it wrote");
    bench.connect(&["wanted.yaml", "-o", "made", "--name", "large"]).ends(0);
    let (whole, made) = (bench.files("whole"), bench.files("made"));
    assert_eq!(whole.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    assert_eq!(whole["src/client.ts"], made["src/client.ts"]);
}

#[test]
fn documents_come_from_files_addresses_and_standard_input() {
    let bench = Bench::new();
    let split = PETS.replace("'#/components/schemas/Pet'", "'parts/pet.yaml#/Pet'");
    bench.put("api/root.yaml", &split);
    bench.put("api/parts/pet.yaml", "Pet: {type: object, properties: {fromPart: {type: string}}}");
    let found = bench.connect(&["check", "api/root.yaml", "--json"]).ends(0).json();
    assert_eq!((&found["files"], &found["diagnostics"]), (&2.into(), &serde_json::json!([])), "{found}");

    let outside = PETS.replace("'#/components/schemas/Pet'", "'../secret.yaml#/Pet'");
    bench.put("secret.yaml", "Pet: {type: object}");
    bench.put("api/outside.yaml", &outside);
    let found = bench.connect(&["check", "api/outside.yaml"]).ends(1);
    assert!(found.out.contains("outside of the document's folder; add --allow-files"), "{}", found.out);
    bench.connect(&["check", "api/outside.yaml", "--allow-files"]).ends(0);

    let piped = bench.fed(&["check", "-"], Some(PETS)).ends(0);
    assert!(piped.out.contains("Pet Shop 2.1.0 · 2 operations · 1 named schema · 1 file"), "{}", piped.out);
    let broken = bench.fed(&["check", "-"], Some("openapi: [")).failed("<stdin>:");
    assert!(broken.err.contains("neither JSON nor YAML"), "{}", broken.err);

    let site = mock::Site::serve(bench.path("api"));
    let found = bench.connect(&["check", &format!("{}/root.yaml", site.url), "--json"]).ends(0).json();
    assert_eq!(found["files"], 2, "{found}");
    bench.connect(&["check", &format!("{}/none.yaml", site.url)]).failed("404");
    let far = bench.connect(&["check", "http://198.51.100.7/x.yaml"]).failed("add --allow-url 198.51.100.7");
    assert!(far.err.contains("cannot read http://198.51.100.7/x.yaml"), "{}", far.err);
    bench.connect(&["check", "none.yaml"]).failed("cannot read none.yaml: there is no such file");
    bench.connect(&["check", "api"]).failed("it is a folder");
}

#[test]
fn flags_are_checked_and_explained() {
    let bench = Bench::new();
    bench.put("pets.yaml", PETS);
    for (arguments, code, why) in [
        (
            &["pets.yaml", "-o", "x", "--name", "Not A Name"][..],
            1,
            "--name: \"Not A Name\" is no name of a package",
        ),
        (&["pets.yaml", "-o", "x", "--package-version", "1"], 1, "--package-version: \"1\" is no version"),
        (&["pets.yaml", "-o", "x", "--license", "GPL"], 2, "Apache-2.0"),
        (&["pets.yaml"], 2, "--out <DIR>"),
        (&["check", "pets.yaml", "--allow-url", "http://x"], 1, "--allow-url: \"http://x\" is no target"),
        (&["diff", "-", "-"], 1, "only one of the two"),
    ] {
        let said = bench.connect(arguments).ends(code);
        assert!(said.err.contains(why), "{arguments:?}: {}", said.err);
    }
    assert!(!bench.path("x").exists());
}

#[test]
fn faults_are_told_with_line_and_column() {
    let bench = Bench::new();
    bench.put("pets.yaml", &PETS.replace("createPet", "listPets"));
    let found = bench.connect(&["check", "pets.yaml"]).ends(0);
    assert!(found.out.contains("pets.yaml:15:7: warning: another operation has the id"), "{}", found.out);
    assert!(found.out.contains("[duplicate-operation-id]"), "{}", found.out);
    let made = bench.connect(&["pets.yaml", "-o", "pets"]).ends(0);
    assert!(made.err.contains("0 errors, 1 warning"), "{}", made.err);
    assert!(made.err.contains("`homeostat connect check pets.yaml` shows them"), "{}", made.err);
}

#[test]
fn the_end_of_a_comparison_tells_whether_it_breaks() {
    let bench = Bench::new();
    bench.put("old.yaml", PETS);
    bench.put("docs.yaml", &PETS.replace("title: Pet Shop", "title: Shop of Pets"));
    bench.put("harder.yaml", &PETS.replace("required: [id]", "required: [id, name]"));
    let same = bench.connect(&["diff", "old.yaml", "old.yaml"]).ends(0);
    assert!(same.out.contains("nothing changed (0 breaking"), "{}", same.out);
    let breaking = bench.connect(&["diff", "old.yaml", "harder.yaml"]).ends(3);
    assert!(breaking.out.starts_with("breaking:\n  post /pets\n"), "{}", breaking.out);
    assert!(breaking.out.contains("the next version is a major one"), "{}", breaking.out);
    let report = bench.connect(&["diff", "old.yaml", "harder.yaml", "--json"]).ends(3).json();
    assert_eq!((&report["step"], &report["breaking"]), (&"major".into(), &1.into()), "{report}");
    let step = bench.connect(&["diff", "old.yaml", "docs.yaml", "--json"]).ends(0).json();
    assert_eq!(step["step"], "patch", "{step}");
    bench.connect(&["diff", "old.yaml", "none.yaml"]).failed("cannot read none.yaml");
}
