//! The data folder: private, and open once.

use std::os::unix::fs::PermissionsExt;

use store_embedded::{BusLog, BusOptions, OpenError, StateStore};

#[test]
fn a_folder_is_created_private() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let _state = StateStore::open(&folder).unwrap();
    let _bus = BusLog::open(&folder, BusOptions::default()).unwrap();
    for path in [folder.clone(), folder.join("bus"), folder.join("bus/signals")] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", path.display());
    }
}

#[test]
fn an_open_folder_becomes_private() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let _state = StateStore::open(folder.path()).unwrap();
    assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_in_use_is_refused_by_name_until_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateStore::open(folder.path()).unwrap();
    let bus = BusLog::open(folder.path(), BusOptions::default()).unwrap();
    let refused = [
        StateStore::open(folder.path()).err().expect("refused"),
        BusLog::open(folder.path(), BusOptions::default()).err().expect("refused"),
    ];
    for error in refused {
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    }
    drop((state, bus));
    StateStore::open(folder.path()).unwrap();
    BusLog::open(folder.path(), BusOptions::default()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let error = StateStore::open(&file.join("data")).err().expect("refused");
    assert!(error.to_string().contains("file/data"), "{error}");
}
