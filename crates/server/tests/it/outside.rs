//! What workflows reach through the real binary: programs, files, functions of catalogs, messages.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::process::{Server, binary, free_port};

const WORKFLOW: &str = "
document: {dsl: '1.0.3', namespace: test, name: outside, version: '1.0.0'}
use:
  catalogs: {mine: {endpoint: {uri: 'file:///'}}}
do:
  - hello: {call: 'greet:1.0.0@mine', with: {name: Ann}}
  - script: {run: {script: {language: python, source: {endpoint: 'file:///shout.py'}, arguments: ['${ .greeting }']}}}
  - told: {call: 'notify:1.0.0@default', with: {message: '${ . }'}, output: {as: '${ $input }'}}
";

fn homeostat(server: &Server, arguments: &[&str]) -> (bool, String) {
    let output = binary().args(arguments).env("XDG_STATE_HOME", server.dir.join("state")).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn programs_and_functions_from_elsewhere_run_where_the_configuration_allows_it() {
    let dir = tempfile::tempdir().unwrap();
    // Programs run as somebody else, who must get to their folder.
    fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    let resources = dir.path().join("resources");
    fs::create_dir_all(resources.join("functions/greet/1.0.0")).unwrap();
    let function = "set: {greeting: '${ \"hello \" + .name }'}\n";
    fs::write(resources.join("functions/greet/1.0.0/function.yaml"), function).unwrap();
    fs::write(resources.join("shout.py"), "import sys; print(sys.argv[1].upper(), end='')").unwrap();
    let user = if rustix::process::geteuid().is_root() { "user = \"nobody\"" } else { "" };
    let options = format!(
        "[functions]\nresources_dir = {resources:?}\nprograms_dir = {:?}\n\
         [functions.run]\nallow = [\"python\"]\npath = \"/usr/bin:/bin\"\n{user}\n",
        dir.path().join("programs")
    );
    let mut server = Server::new(dir.path(), free_port(), &options);
    server.start();
    server.wait_ready();
    let file = dir.path().join("w.yaml");
    fs::write(&file, WORKFLOW).unwrap();
    let file = file.to_str().unwrap();
    let (fine, said) = homeostat(&server, &["workflow", "validate", file]);
    assert!(fine && said.contains("greet/1.0.0/function.yaml"), "{said}");
    let (fine, said) = homeostat(&server, &["workflow", "save", file]);
    assert!(fine, "{said}");
    let (fine, said) = homeostat(&server, &["workflow", "run", "test.outside", "--wait", "--json"]);
    assert!(fine && said.contains("HELLO ANN"), "{said}");

    // What is elsewhere was pinned when the workflow was stored.
    fs::write(resources.join("functions/greet/1.0.0/function.yaml"), "set: {greeting: other}\n").unwrap();
    let (fine, said) = homeostat(&server, &["workflow", "run", "test.outside", "--wait", "--json"]);
    assert!(fine && said.contains("HELLO ANN"), "{said}");

    let shell = WORKFLOW.replace("name: outside", "name: shell");
    let shell =
        format!("{}do: [{{a: {{run: {{shell: {{command: id}}}}}}}}]", shell.split("do:").next().unwrap());
    let shell =
        shell.replace("  catalogs: {mine: {endpoint: {uri: 'file:///'}}}\n", "").replace("use:\n", "");
    fs::write(file, shell).unwrap();
    let (fine, said) = homeostat(&server, &["workflow", "save", file]);
    assert!(fine, "{said}");
    let (fine, said) = homeostat(&server, &["workflow", "run", "test.shell", "--wait"]);
    assert!(!fine && said.contains("`functions.run.allow`"), "{said}");
}
