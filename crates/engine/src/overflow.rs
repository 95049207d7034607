//! Records that are too large for a journal: kept as blobs that a small record names.

use model::Timestamp;
use ports::{BlobId, Blobs, JournalRecord, Op, Result};
use serde_json::{Value, json};

/// A record of a run's journal with more bytes than this becomes a blob.
const MAX_RECORD_BYTES: usize = 64 * 1024;
/// Type of the record that names a blob.
const BLOB: &str = "blob";
/// Journals whose records may be large.
pub(crate) const PREFIX: &str = "run/";

/// The same ops, with records that name blobs in place of large ones. The blobs are durable when this returns.
///
/// # Errors
/// A blob could not be written.
pub(crate) async fn outline(ops: &[Op], blobs: &dyn Blobs, now: Timestamp) -> Result<Vec<Op>> {
    let mut small = Vec::with_capacity(ops.len());
    for op in ops {
        let mut op = op.clone();
        if let Op::Append { journal, records, .. } = &mut op
            && journal.starts_with(PREFIX)
        {
            for record in records.iter_mut().filter(|r| weighs_more(r, MAX_RECORD_BYTES)) {
                let bytes = serde_json::to_vec(record).map_err(|e| ports::Error::Invalid(e.to_string()))?;
                if bytes.len() > MAX_RECORD_BYTES {
                    let size = bytes.len();
                    let id = blobs.put(bytes.into(), now).await?;
                    *record = json!({"type": BLOB, "blob": id, "bytes": size, "of": record["type"], "at": record["at"]});
                }
            }
        }
        small.push(op);
    }
    Ok(small)
}

/// The blob that a record names.
pub(crate) fn blob_of(record: &JournalRecord) -> Option<BlobId> {
    (record.body["type"] == BLOB).then(|| record.body["blob"].as_str()?.parse().ok()).flatten()
}

/// The record that was written, large or not.
///
/// # Errors
/// The blob is missing or is no record.
pub(crate) async fn inline(mut record: JournalRecord, blobs: &dyn Blobs) -> Result<JournalRecord> {
    if record.body["type"] == BLOB {
        let corrupt = |why: String| ports::Error::Corrupt(format!("record {}: {why}", record.sequence));
        let id: BlobId = record.body["blob"].as_str().unwrap_or_default().parse()?;
        let bytes = blobs.get(&id).await?.ok_or_else(|| corrupt(format!("blob {id} is missing")))?;
        record.body = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
    }
    Ok(record)
}

/// Whether a value may have more bytes than this; stops counting there.
fn weighs_more(value: &Value, limit: usize) -> bool {
    fn count(value: &Value, left: &mut usize) -> bool {
        let own = match value {
            Value::String(text) => text.len(),
            Value::Array(items) => return items.iter().all(|i| count(i, left)),
            Value::Object(map) => return map.iter().all(|(k, v)| spend(k.len() + 4, left) && count(v, left)),
            _ => 8,
        };
        spend(own, left)
    }
    fn spend(bytes: usize, left: &mut usize) -> bool {
        *left = left.saturating_sub(bytes.max(1));
        *left > 0
    }
    // Escapes can make text six times as long as it is here; a second look at the real bytes follows.
    let mut left = limit / 6;
    !count(value, &mut left)
}
