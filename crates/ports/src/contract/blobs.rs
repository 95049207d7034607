//! What every [`Blobs`] must do. [`blobs_contract!`](crate::blobs_contract) makes a test of each function;
//! [`a_damaged_blob_is_never_returned`] needs a way to damage one, and is called by the adapter's own tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;

use crate::blobs::{BlobId, BlobPage, Blobs, Collected};
use crate::error::Error;

/// Makes a test of each check. `$open` is an async closure from a place (`&str`) to `Arc<dyn Blobs>`.
#[macro_export]
macro_rules! blobs_contract {
    ($open:expr) => {
        $crate::contract_tests! { blobs, $open,
            blobs_read_back_as_put
            an_id_is_the_hash_of_the_bytes
            the_same_bytes_are_one_blob
            a_deleted_blob_is_gone
            blobs_are_listed_page_by_page
            a_blob_that_is_too_large_is_refused
            collecting_removes_what_is_old_and_not_kept
            putting_again_saves_from_collection
            blobs_survive_reopening
            many_put_the_same_at_once
            collecting_takes_nothing_that_is_being_put
        }
    };
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_000_000 + ms)
}

async fn put(blobs: &dyn Blobs, text: &str, ms: i64) -> BlobId {
    blobs.put(Bytes::copy_from_slice(text.as_bytes()), at(ms)).await.expect("it is put")
}

async fn check_there(blobs: &dyn Blobs, id: &BlobId, text: &str) {
    assert_eq!(blobs.get(id).await.unwrap().as_deref(), Some(text.as_bytes()));
    assert!(blobs.exists(id).await.unwrap());
}

async fn check_gone(blobs: &dyn Blobs, id: &BlobId) {
    assert_eq!(blobs.get(id).await.unwrap(), None);
    assert!(!blobs.exists(id).await.unwrap());
}

/// Follows the pages to the end.
async fn all(blobs: &dyn Blobs, limit: usize) -> BlobPage {
    let mut all = BlobPage::default();
    loop {
        let page = blobs.list(all.next.as_ref(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        all.items.extend(page.items);
        all.next = page.next;
        if all.next.is_none() {
            return all;
        }
    }
}

/// Any bytes, none included, large ones too.
pub async fn blobs_read_back_as_put(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("bytes").await;
    let cases = [
        Bytes::new(),
        Bytes::from_static(&[0; 100]),
        Bytes::from((0..=255).collect::<Vec<u8>>()),
        Bytes::from(vec![0xa5; 5 << 20]),
    ];
    for bytes in &cases {
        let id = blobs.put(bytes.clone(), at(0)).await.unwrap();
        assert_eq!(blobs.get(&id).await.unwrap().as_ref(), Some(bytes));
    }
    assert_eq!(all(&*blobs, 10).await.items.len(), cases.len());
}

/// Ids are the same everywhere and have one form as text.
pub async fn an_id_is_the_hash_of_the_bytes(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("ids").await;
    let id = put(&*blobs, "abc", 0).await;
    // FIPS 180-4, the example of SHA-256.
    let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!((id.to_string().as_str(), id), (text, BlobId::of(b"abc")));
    assert_eq!(text.parse::<BlobId>().unwrap(), id);
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<BlobId>(&format!("\"{text}\"")).unwrap(), id);
    for noise in ["", "abc", &text[1..], &text.to_uppercase(), "../../../../etc/passwd", &"é".repeat(32)] {
        assert!(matches!(noise.parse::<BlobId>(), Err(Error::Invalid(_))), "{noise:?}");
    }
}

/// Putting twice gives one blob, with the later time; an earlier time takes nothing back.
pub async fn the_same_bytes_are_one_blob(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("same").await;
    for (ms, expect) in [(5, 5), (9, 9), (7, 9)] {
        let id = put(&*blobs, "same", ms).await;
        let items = all(&*blobs, 10).await.items;
        assert_eq!(items.len(), 1);
        assert_eq!((items[0].id, items[0].bytes, items[0].put_at), (id, 4, at(expect)));
    }
}

/// Also when it is put again afterwards; deleting nothing is no error.
pub async fn a_deleted_blob_is_gone(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("delete").await;
    check_gone(&*blobs, &BlobId::of(b"nobody put this")).await;
    blobs.delete(&BlobId::of(b"nobody put this")).await.expect("nothing to delete is no error");
    let (a, b) = (put(&*blobs, "a", 0).await, put(&*blobs, "b", 0).await);
    blobs.delete(&a).await.unwrap();
    check_gone(&*blobs, &a).await;
    check_there(&*blobs, &b, "b").await;
    put(&*blobs, "a", 1).await;
    check_there(&*blobs, &a, "a").await;
}

/// By id, each once, whatever the size of a page; no cursor to an empty page.
pub async fn blobs_are_listed_page_by_page(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("list").await;
    assert_eq!(blobs.list(None, 10).await.unwrap(), BlobPage::default());
    let mut expect = BTreeSet::new();
    for n in 0..60 {
        expect.insert(put(&*blobs, &format!("blob {n}"), n).await);
    }
    for limit in [1, 7, 60, 1000] {
        let found: Vec<_> = all(&*blobs, limit).await.items.into_iter().map(|blob| blob.id).collect();
        assert_eq!(found, expect.iter().copied().collect::<Vec<_>>(), "{limit} a page");
    }
    assert_eq!(blobs.list(None, 60).await.unwrap().next, None);
    // A place in the list is an id, whether there still is a blob or not.
    let between = BlobId::of(b"nobody put this");
    let page = blobs.list(Some(&between), 1000).await.unwrap();
    assert_eq!(page.items.len(), expect.range(between..).count());
    assert!(matches!(blobs.list(None, 0).await, Err(Error::Invalid(_))));
}

/// The error says how large it may be; nothing of it stays.
pub async fn a_blob_that_is_too_large_is_refused(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("large").await;
    let most = usize::try_from(blobs.max_bytes()).expect("a size of memory");
    let error = blobs.put(Bytes::from(vec![0; most + 1]), at(0)).await.expect_err("refused");
    assert!(matches!(&error, Error::Invalid(why) if why.contains(&most.to_string())), "{error:?}");
    assert_eq!(all(&*blobs, 10).await.items, []);
}

/// Old and not kept goes; kept or young stays. The instant itself is not before.
pub async fn collecting_removes_what_is_old_and_not_kept(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("collect").await;
    assert_eq!(blobs.collect(&BTreeSet::new(), at(0)).await.unwrap(), Collected::default());
    let mut ids = Vec::new();
    for (text, ms) in [("old", 1), ("older and kept", 0), ("at the instant", 2), ("young", 3)] {
        ids.push((put(&*blobs, text, ms).await, text));
    }
    let keep = BTreeSet::from([ids[1].0, BlobId::of(b"nobody put this")]);
    assert_eq!(blobs.collect(&keep, at(2)).await.unwrap(), Collected { blobs: 1, bytes: 3 });
    check_gone(&*blobs, &ids[0].0).await;
    for (id, text) in &ids[1..] {
        check_there(&*blobs, id, text).await;
    }
    assert_eq!(blobs.collect(&keep, at(2)).await.unwrap(), Collected::default());
}

/// What is put again is young again.
pub async fn putting_again_saves_from_collection(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("young again").await;
    let id = put(&*blobs, "again", 0).await;
    put(&*blobs, "again", 10).await;
    assert_eq!(blobs.collect(&BTreeSet::new(), at(10)).await.unwrap(), Collected::default());
    check_there(&*blobs, &id, "again").await;
    assert_eq!(blobs.collect(&BTreeSet::new(), at(11)).await.unwrap().blobs, 1);
    check_gone(&*blobs, &id).await;
}

/// Bytes, sizes and times are the same after closing and opening.
pub async fn blobs_survive_reopening(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("reopen").await;
    let (a, b) = (put(&*blobs, "a", 1).await, put(&*blobs, "b", 2).await);
    blobs.delete(&a).await.unwrap();
    let before = all(&*blobs, 10).await;
    drop(blobs);
    let blobs = open("reopen").await;
    assert_eq!(all(&*blobs, 10).await, before);
    check_there(&*blobs, &b, "b").await;
    check_gone(&*blobs, &a).await;
}

/// All get the same id, and the blob is whole at every moment after the first put returned.
pub async fn many_put_the_same_at_once(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("at once").await;
    let text = "x".repeat(100_000);
    let putting: Vec<_> = (0..16)
        .map(|n| {
            let (blobs, text) = (Arc::clone(&blobs), text.clone());
            tokio::spawn(async move {
                let id = put(&*blobs, &text, n).await;
                check_there(&*blobs, &id, &text).await;
                id
            })
        })
        .collect();
    for one in putting {
        assert_eq!(one.await.expect("it is put and there"), BlobId::of(text.as_bytes()));
    }
    assert_eq!(all(&*blobs, 10).await.items.len(), 1);
}

/// While one collects whatever is old, another puts the same bytes with a later and later time: each time it
/// is told that they are there, they are.
pub async fn collecting_takes_nothing_that_is_being_put(open: impl AsyncFn(&str) -> Arc<dyn Blobs>) {
    let blobs = open("race").await;
    for round in 0..30 {
        put(&*blobs, "raced for", round * 10).await;
        let collecting = tokio::spawn({
            let blobs = Arc::clone(&blobs);
            async move { blobs.collect(&BTreeSet::new(), at(round * 10 + 5)).await.unwrap() }
        });
        let id = put(&*blobs, "raced for", round * 10 + 5).await;
        check_there(&*blobs, &id, "raced for").await;
        collecting.await.expect("a collection");
        check_there(&*blobs, &id, "raced for").await;
    }
}

/// `damage` changes what is stored of a blob behind the store's back. It is found and said, never returned;
/// putting the bytes again mends it.
pub async fn a_damaged_blob_is_never_returned(
    open: impl AsyncFn(&str) -> Arc<dyn Blobs>,
    damage: impl AsyncFn(&str, &BlobId),
) {
    let blobs = open("damaged").await;
    let text = "what a crash of the disk may leave half of";
    let id = put(&*blobs, text, 0).await;
    damage("damaged", &id).await;
    let error = blobs.get(&id).await.expect_err("it is damaged");
    assert!(matches!(&error, Error::Corrupt(why) if why.contains(&id.to_string())), "{error:?}");
    assert_eq!(put(&*blobs, text, 1).await, id);
    check_there(&*blobs, &id, text).await;
}
