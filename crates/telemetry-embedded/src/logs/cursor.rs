//! Where a page ended. A cursor names a place in the order of records, so it stays exact while records
//! arrive, blocks are merged, and after a restart.

use model::LogRecord;
use ports::{LogQuery, Order};

/// Place of a record in the order asked for: smaller comes first.
///
/// The first part is the instant, negated bit by bit for newest first; the second the sequence of arrival.
pub(crate) type Rank = (i64, u64);

pub(crate) const fn rank_of_instant(order: Order, at: i64) -> i64 {
    match order {
        Order::NewestFirst => !at,
        Order::OldestFirst => at,
    }
}

pub(crate) const fn rank(order: Order, record: &LogRecord, sequence: u64) -> Rank {
    (rank_of_instant(order, record.at.as_unix_ms()), sequence)
}

/// The cursor of a query that goes on at `next`, that place inside.
pub(crate) fn encode(query: u64, next: Rank) -> String {
    format!("{query:016x}{:016x}{:016x}", next.0 as u64, next.1)
}

/// Where to go on; none when this is no cursor of the query.
pub(crate) fn decode(query: u64, cursor: &str) -> Option<Rank> {
    if cursor.len() != 48 || !cursor.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let part = |i: usize| u64::from_str_radix(&cursor[i * 16..(i + 1) * 16], 16).ok();
    (part(0)? == query).then_some((part(1)? as i64, part(2)?))
}

/// What tells one query from another: everything but cursor and limit. FNV-1a, 64 bits.
pub(crate) fn fingerprint(query: &LogQuery) -> u64 {
    let mut attributes: Vec<_> = query.attributes.iter().collect();
    attributes.sort_unstable();
    let text = format!(
        "{:?} {:?} {:?} {:?} {} {} {:?}",
        query.service,
        query.level,
        query.text,
        attributes,
        query.range.from.as_unix_ms(),
        query.range.to.as_unix_ms(),
        query.order
    );
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_belongs_to_its_query() {
        for rank in [(0, 0), (-1, 1), (i64::MIN, u64::MAX), (i64::MAX, 7)] {
            assert_eq!(decode(9, &encode(9, rank)), Some(rank));
            assert_eq!(decode(8, &encode(9, rank)), None);
        }
        for wrong in ["", "x", "é", &"+".repeat(48), &"g".repeat(48)] {
            assert_eq!(decode(9, wrong), None);
        }
    }

    #[test]
    fn newer_ranks_first_when_asked_and_arrival_breaks_ties() {
        assert!(rank_of_instant(Order::NewestFirst, 2) < rank_of_instant(Order::NewestFirst, 1));
        assert!(
            rank_of_instant(Order::NewestFirst, i64::MAX) < rank_of_instant(Order::NewestFirst, i64::MIN)
        );
        assert!(rank_of_instant(Order::OldestFirst, 1) < rank_of_instant(Order::OldestFirst, 2));
    }
}
