//! The contract suites.

mod store {
    use std::sync::Arc;

    use ports::Store;
    use store_embedded::StateStore;

    fn open() -> impl AsyncFn(&str) -> Arc<dyn Store> {
        let folder = tempfile::tempdir().unwrap();
        async move |place: &str| {
            Arc::new(StateStore::open(&folder.path().join(place)).unwrap()) as Arc<dyn Store>
        }
    }

    ports::store_contract!(open());
    ports::journals_contract!(open());
}

mod blobs {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use ports::contract::blobs::a_damaged_blob_is_never_returned;
    use ports::{BlobId, Blobs};
    use store_embedded::{BlobFolder, BlobOptions};

    fn open_in(folder: &Path) -> impl AsyncFn(&str) -> Arc<dyn Blobs> {
        async move |place: &str| {
            let options = BlobOptions { max_bytes: 6 << 20 };
            Arc::new(BlobFolder::open(&folder.join(place), options).unwrap()) as Arc<dyn Blobs>
        }
    }

    fn open() -> impl AsyncFn(&str) -> Arc<dyn Blobs> {
        let folder = tempfile::tempdir().unwrap();
        async move |place: &str| open_in(folder.path())(place).await
    }

    ports::blobs_contract!(open());

    fn file(folder: &Path, place: &str, id: &BlobId) -> PathBuf {
        let name = id.to_string();
        folder.join(place).join("blobs").join(&name[..2]).join(&name[2..])
    }

    #[tokio::test]
    async fn a_torn_blob() {
        let folder = tempfile::tempdir().unwrap();
        a_damaged_blob_is_never_returned(open_in(folder.path()), async |place, id| {
            let file = file(folder.path(), place, id);
            let whole = std::fs::read(&file).unwrap();
            std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn a_blob_with_one_wrong_bit() {
        let folder = tempfile::tempdir().unwrap();
        a_damaged_blob_is_never_returned(open_in(folder.path()), async |place, id| {
            let file = file(folder.path(), place, id);
            let mut bytes = std::fs::read(&file).unwrap();
            bytes[7] ^= 0x10;
            std::fs::write(&file, bytes).unwrap();
        })
        .await;
    }
}

mod leases {
    use std::sync::Arc;

    use ports::Leases;
    use store_embedded::StateStore;

    fn open() -> impl AsyncFn(&str) -> Arc<dyn Leases> {
        let folder = tempfile::tempdir().unwrap();
        async move |place: &str| {
            Arc::new(StateStore::open(&folder.path().join(place)).unwrap()) as Arc<dyn Leases>
        }
    }

    ports::leases_contract!(open());
}

mod bus {
    use std::path::Path;
    use std::sync::Arc;

    use ports::Bus;
    use ports::contract::bus::{a_full_bus_takes_nothing, a_torn_tail_is_cut_off};
    use store_embedded::{BusLog, BusOptions};

    fn open_with(folder: &Path, options: BusOptions) -> impl AsyncFn(&str) -> Arc<dyn Bus> {
        async move |place: &str| Arc::new(BusLog::open(&folder.join(place), options).unwrap()) as Arc<dyn Bus>
    }

    fn open() -> impl AsyncFn(&str) -> Arc<dyn Bus> {
        let folder = tempfile::tempdir().unwrap();
        async move |place: &str| open_with(folder.path(), BusOptions::default())(place).await
    }

    ports::bus_contract!(open());

    /// Everything read from files, and many of them.
    mod on_disk {
        use super::*;

        fn open() -> impl AsyncFn(&str) -> Arc<dyn Bus> {
            let folder = tempfile::tempdir().unwrap();
            let options = BusOptions { segment_bytes: 200, cache_bytes: 0, ..BusOptions::default() };
            async move |place: &str| open_with(folder.path(), options)(place).await
        }

        ports::bus_contract!(open());
    }

    #[tokio::test]
    async fn a_full_bus() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            BusOptions { max_backlog_bytes: 64 << 10, segment_bytes: 8 << 10, ..BusOptions::default() };
        a_full_bus_takes_nothing(open_with(folder.path(), options)).await;
    }

    #[tokio::test]
    async fn a_torn_tail() {
        let folder = tempfile::tempdir().unwrap();
        let options = BusOptions { segment_bytes: 500, ..BusOptions::default() };
        a_torn_tail_is_cut_off(open_with(folder.path(), options), async |place, way| {
            let bus = folder.path().join(place).join("bus/signals");
            crate::bus_model::add_to_newest(&bus, &crate::bus_model::leftover(&bus, way));
        })
        .await;
    }
}
