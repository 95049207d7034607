//! Stores of secrets: the contract, and what only a folder of files can get wrong.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use connect::secrets::{EnvironmentSecrets, FolderSecrets, LayeredSecrets};
use ports::Secrets;
use serde_json::json;

fn environment(held: &[(String, String)]) -> EnvironmentSecrets {
    let variables = held.iter().map(|(name, text)| (format!("HOMEOSTAT_SECRET_{name}").into(), text.into()));
    EnvironmentSecrets::new(variables.chain([(OsString::from("PATH"), OsString::from("/bin"))]))
}

fn write(folder: &Path, name: &str, text: &str, mode: u32) {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder that disappears with its store.
struct Kept(FolderSecrets, #[allow(dead_code, reason = "deleted when dropped")] tempfile::TempDir);

#[async_trait::async_trait]
impl Secrets for Kept {
    async fn get(&self, name: &str) -> ports::Result<Option<model::Secret>> {
        self.0.get(name).await
    }

    async fn names(&self) -> ports::Result<Vec<String>> {
        self.0.names().await
    }
}

fn folder(held: &[(String, String)]) -> Kept {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in held {
        write(folder.path(), name, text, 0o600);
    }
    Kept(FolderSecrets::new(folder.path().to_owned()), folder)
}

mod in_environment {
    use super::*;
    ports::secrets_contract!(
        async |held: Vec<(String, String)>| Arc::new(environment(&held)) as Arc<dyn Secrets>
    );
}

mod in_folder {
    use super::*;
    ports::secrets_contract!(async |held: Vec<(String, String)>| Arc::new(folder(&held)) as Arc<dyn Secrets>);
}

mod in_layers {
    use super::*;
    ports::secrets_contract!(async |held: Vec<(String, String)>| {
        let (first, second) = held.split_at(held.len() / 2);
        Arc::new(LayeredSecrets::new(vec![Arc::new(environment(first)), Arc::new(folder(second))]))
            as Arc<dyn Secrets>
    });
}

#[tokio::test]
async fn a_variable_is_also_found_as_shells_write_names() {
    let store = environment(&[("GITHUB_TOKEN".into(), "s3cret!".into())]);
    for name in ["GITHUB_TOKEN", "github-token", "github.token"] {
        assert_eq!(store.get(name).await.unwrap().unwrap().expose(), &json!("s3cret!"), "{name}");
    }
    assert!(!format!("{store:?}").contains("s3cret!"));
}

#[tokio::test]
async fn a_file_that_others_can_read_is_no_secret() {
    let held = tempfile::tempdir().unwrap();
    let store = FolderSecrets::new(held.path().to_owned());
    for (mode, good) in
        [(0o600, true), (0o400, true), (0o440, true), (0o644, false), (0o660, false), (0o601, false)]
    {
        write(held.path(), "KEY", "s3cret!", mode);
        match store.get("KEY").await {
            Ok(found) => assert!(good && found.is_some(), "{mode:o} was taken"),
            Err(error) => {
                assert!(!good, "{mode:o} was refused: {error}");
                assert!(
                    error.to_string().contains("chmod 600") && !error.to_string().contains("s3cret"),
                    "{error}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_folder_that_others_can_fill_holds_no_secrets() {
    let held = tempfile::tempdir().unwrap();
    write(held.path(), "KEY", "s3cret!", 0o600);
    let store = FolderSecrets::new(held.path().to_owned());
    for (mode, good) in [(0o777, false), (0o1777, true), (0o755, true), (0o720, false)] {
        fs::set_permissions(held.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(store.get("KEY").await.is_ok(), good, "{mode:o}");
    }
}

#[tokio::test]
async fn only_files_are_secrets_and_links_lead_to_them() {
    let held = tempfile::tempdir().unwrap();
    write(held.path(), "..2026", "s3cret!", 0o600);
    fs::create_dir(held.path().join("FOLDER")).unwrap();
    symlink(held.path().join("..2026"), held.path().join("LINK")).unwrap();
    symlink(held.path().join("nowhere"), held.path().join("DANGLING")).unwrap();
    write(held.path(), "BINARY", "x", 0o600);
    fs::write(held.path().join("BINARY"), [0xff, 0xfe]).unwrap();
    let store = FolderSecrets::new(held.path().to_owned());
    assert_eq!(store.names().await.unwrap(), ["BINARY", "LINK"]);
    assert_eq!(store.get("LINK").await.unwrap().unwrap().expose(), &json!("s3cret!"));
    assert!(store.get("FOLDER").await.unwrap().is_none());
    assert!(store.get("DANGLING").await.unwrap().is_none());
    assert!(store.get("BINARY").await.unwrap_err().to_string().contains("BINARY"));
}

#[tokio::test]
async fn a_rotated_file_is_the_next_secret_and_no_folder_is_no_secret() {
    let held = tempfile::tempdir().unwrap();
    write(held.path(), "KEY", "old", 0o600);
    let store = FolderSecrets::new(held.path().to_owned());
    assert_eq!(store.get("KEY").await.unwrap().unwrap().expose(), &json!("old"));
    write(held.path(), "KEY", "new", 0o600);
    assert_eq!(store.get("KEY").await.unwrap().unwrap().expose(), &json!("new"));
    let nowhere = FolderSecrets::new(held.path().join("nowhere"));
    assert!(nowhere.get("KEY").await.unwrap().is_none());
    assert!(nowhere.names().await.unwrap().is_empty());
}
