//! Leases, in the state's database and through its one writer: two that ask at once cannot both get one.

use async_trait::async_trait;
use model::Timestamp;
use ports::{Lease, Leases, Result};
use rusqlite::{OptionalExtension, params};

use crate::state::{Changes, StateStore, failed, signed, unsigned};

#[async_trait]
impl Leases for StateStore {
    async fn acquire(&self, name: &str, holder: &str, ttl_ms: u64, now: Timestamp) -> Result<Option<Lease>> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write("acquire a lease", move |changes| {
            acquire(changes, name, holder, ttl_ms, now).map_err(failed("acquire a lease"))
        })
        .await
    }

    async fn release(&self, name: &str, holder: &str) -> Result<()> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write("release a lease", move |changes| {
            // The row stays: its fence must not be given out a second time.
            let sql = "UPDATE lease SET holder = NULL, expires_at = 0 WHERE name = ?1 AND holder = ?2";
            let released = changes.connection.execute(sql, params![name, holder]);
            released.map(drop).map_err(failed("release a lease"))
        })
        .await
    }
}

fn acquire(
    changes: &mut Changes<'_>,
    name: String,
    holder: String,
    ttl_ms: u64,
    now: Timestamp,
) -> rusqlite::Result<Option<Lease>> {
    let c = changes.connection;
    let found = c
        .prepare_cached("SELECT holder, fence, expires_at FROM lease WHERE name = ?1")?
        .query_row([&name], |row| {
            Ok((
                row.get::<_, Option<String>>(0)?,
                unsigned(row.get(1)?),
                Timestamp::from_unix_ms(row.get(2)?),
            ))
        })
        .optional()?;
    let fence = match found {
        None => 1,
        Some((Some(held_by), fence, _)) if held_by == holder => fence,
        Some((Some(_), _, expires_at)) if now < expires_at => return Ok(None),
        Some((_, fence, _)) => fence + 1,
    };
    let expires_at = now.plus_ms(signed(ttl_ms));
    let sql = "REPLACE INTO lease (name, holder, fence, expires_at) VALUES (?1, ?2, ?3, ?4)";
    c.prepare_cached(sql)?.execute(params![name, holder, signed(fence), expires_at.as_unix_ms()])?;
    Ok(Some(Lease { name, holder, fence, expires_at }))
}
