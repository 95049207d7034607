//! The data folder: private, and open once.

use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use model::Timestamp;
use ports::Blobs;
use store_embedded::{BlobFolder, BlobOptions, BusLog, BusOptions, OpenError, StateStore};

#[tokio::test]
async fn a_folder_is_created_private() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let _state = StateStore::open(&folder).unwrap();
    let _bus = BusLog::open(&folder, BusOptions::default()).unwrap();
    let blobs = BlobFolder::open(&folder, BlobOptions::default()).unwrap();
    let id = blobs.put(Bytes::from_static(b"abc"), Timestamp::from_unix_ms(0)).await.unwrap().to_string();
    let group = folder.join("blobs").join(&id[..2]);
    assert_eq!(group.join(&id[2..]).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for path in [folder.clone(), folder.join("bus"), folder.join("bus/signals"), folder.join("blobs"), group]
    {
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
    let blobs = BlobFolder::open(folder.path(), BlobOptions::default()).unwrap();
    let refused = [
        StateStore::open(folder.path()).err().expect("refused"),
        BusLog::open(folder.path(), BusOptions::default()).err().expect("refused"),
        BlobFolder::open(folder.path(), BlobOptions::default()).err().expect("refused"),
    ];
    for error in refused {
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    }
    drop((state, bus, blobs));
    StateStore::open(folder.path()).unwrap();
    BusLog::open(folder.path(), BusOptions::default()).unwrap();
    BlobFolder::open(folder.path(), BlobOptions::default()).unwrap();
}

#[tokio::test]
async fn what_a_crash_left_half_written_goes_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = BlobFolder::open(folder.path(), BlobOptions::default()).unwrap();
    let id = blobs.put(Bytes::from_static(b"whole"), Timestamp::from_unix_ms(0)).await.unwrap();
    drop(blobs);
    let half = folder.path().join("blobs/new/17");
    std::fs::write(&half, "hal").unwrap();
    std::fs::write(folder.path().join("blobs/README"), "somebody else's").unwrap();

    let blobs = BlobFolder::open(folder.path(), BlobOptions::default()).unwrap();

    assert!(!half.exists());
    assert_eq!(blobs.get(&id).await.unwrap().as_deref(), Some(&b"whole"[..]));
    assert_eq!(blobs.list(None, 10).await.unwrap().items.len(), 1);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let error = StateStore::open(&file.join("data")).err().expect("refused");
    assert!(error.to_string().contains("file/data"), "{error}");
}
