//! Which blocks to merge next. Pure: decides on shapes alone.
//!
//! Only neighbours in order of arrival are merged, so that which sample came first stays known.

use std::ops::Range;

use crate::block::Shape;

/// Bounds of blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// So many blocks of one level become one of the next.
    pub(crate) fanout: usize,
    /// A merged block spans at most this, so that expiry finds whole blocks to drop.
    pub(crate) max_span_ms: i64,
    /// A merged block is about this large at most.
    pub(crate) max_bytes: u64,
    /// A merged block holds at most so many samples or records.
    pub(crate) max_items: u64,
    /// Beyond this many blocks, spans and levels no longer matter.
    pub(crate) max_blocks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fanout: 8,
            max_span_ms: 6 * 3_600_000,
            max_bytes: 256 << 20,
            max_items: 16_000_000,
            max_blocks: 256,
        }
    }
}

/// The run of neighbours to merge next; a run of one is rewritten to shed what has expired.
///
/// `damaged` blocks are left alone.
pub(crate) fn pick(
    blocks: &[Shape],
    damaged: &dyn Fn(usize) -> bool,
    limits: &Limits,
    expired_before: i64,
) -> Option<Range<usize>> {
    level_run(blocks, damaged, limits)
        .or_else(|| crowd_run(blocks, damaged, limits))
        .or_else(|| stale(blocks, damaged, limits, expired_before))
}

/// A full run of one level, or one that can grow no more; the lowest level first, it is the cheapest.
fn level_run(blocks: &[Shape], damaged: &dyn Fn(usize) -> bool, limits: &Limits) -> Option<Range<usize>> {
    let mut best: Option<Range<usize>> = None;
    let mut start = 0;
    while start < blocks.len() {
        let mut sum = Sum::of(&blocks[start]);
        let mut end = start + 1;
        let mut hit_a_limit = false;
        while !damaged(start) && end < blocks.len() && !damaged(end) && end - start < limits.fanout {
            if blocks[end].level != blocks[start].level {
                break;
            }
            let grown = sum.and(&blocks[end]);
            hit_a_limit = !grown.within(limits, true);
            if hit_a_limit {
                break;
            }
            sum = grown;
            end += 1;
        }
        let full = end - start >= limits.fanout || (hit_a_limit && end - start >= 2);
        if full && best.as_ref().is_none_or(|b| blocks[start].level < blocks[b.start].level) {
            best = Some(start..end);
        }
        start = end;
    }
    best
}

/// When there are too many blocks: the smallest neighbours, whatever their span. Hostile timestamps would
/// otherwise keep every block apart.
fn crowd_run(blocks: &[Shape], damaged: &dyn Fn(usize) -> bool, limits: &Limits) -> Option<Range<usize>> {
    if blocks.len() <= limits.max_blocks {
        return None;
    }
    let windows = blocks.windows(limits.fanout).enumerate();
    let fit = windows.filter_map(|(start, window)| {
        let sum = window[1..].iter().fold(Sum::of(&window[0]), |sum, block| sum.and(block));
        let whole = (start..start + window.len()).all(|i| !damaged(i));
        (whole && sum.within(limits, false)).then_some((sum.bytes, start..start + window.len()))
    });
    fit.min_by_key(|(bytes, _)| *bytes).map(|(_, run)| run)
}

/// A block that reaches far behind what is wanted: its stale part goes, the rest stays.
fn stale(
    blocks: &[Shape],
    damaged: &dyn Fn(usize) -> bool,
    limits: &Limits,
    expired_before: i64,
) -> Option<Range<usize>> {
    let far = expired_before.saturating_sub(limits.max_span_ms);
    (0..blocks.len()).find(|i| blocks[*i].from < far && !damaged(*i)).map(|i| i..i + 1)
}

struct Sum {
    from: i64,
    to: i64,
    bytes: u64,
    items: u64,
}

impl Sum {
    const fn of(shape: &Shape) -> Self {
        Self { from: shape.from, to: shape.to, bytes: shape.bytes, items: shape.items }
    }

    fn and(&self, shape: &Shape) -> Self {
        Self {
            from: self.from.min(shape.from),
            to: self.to.max(shape.to),
            bytes: self.bytes + shape.bytes,
            items: self.items + shape.items,
        }
    }

    const fn within(&self, limits: &Limits, span: bool) -> bool {
        self.bytes <= limits.max_bytes
            && self.items <= limits.max_items
            && (!span || self.to.saturating_sub(self.from) <= limits.max_span_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { fanout: 3, max_span_ms: 100, max_bytes: 1_000, max_items: 1_000, max_blocks: 10 };

    fn check(blocks: &[(u32, i64, i64, u64)], expect: Option<Range<usize>>) {
        let shapes: Vec<Shape> = blocks
            .iter()
            .map(|&(level, from, to, bytes)| Shape { id: 0, level, from, to, items: 1, bytes })
            .collect();
        assert_eq!(pick(&shapes, &|_| false, &LIMITS, 0), expect, "{blocks:?}");
    }

    #[test]
    fn neighbours_of_one_level_are_merged_when_there_are_enough() {
        check(&[], None);
        check(&[(0, 0, 9, 1), (0, 10, 19, 1)], None);
        check(&[(0, 0, 9, 1), (0, 10, 19, 1), (0, 20, 29, 1)], Some(0..3));
        check(&[(1, 0, 9, 1), (0, 10, 19, 1), (0, 20, 29, 1)], None);
        check(
            &[(1, 0, 9, 1), (1, 0, 9, 1), (1, 0, 9, 1), (0, 9, 9, 1), (0, 9, 9, 1), (0, 9, 9, 1)],
            Some(3..6),
        );
    }

    #[test]
    fn a_run_that_can_grow_no_more_is_merged_early() {
        check(&[(0, 0, 60, 1), (0, 60, 90, 1), (0, 90, 120, 1)], Some(0..2));
        check(&[(0, 0, 60, 400), (0, 60, 90, 500), (0, 90, 99, 600)], Some(0..2));
        check(&[(0, 0, 100, 1), (0, 100, 200, 1), (0, 200, 300, 1)], None);
    }

    #[test]
    fn hostile_spans_cannot_keep_blocks_apart_for_ever() {
        let mut blocks = vec![(0, 0, 1_000_000, 10); 10];
        check(&blocks, None);
        blocks.push((0, 0, 1_000_000, 9));
        check(&blocks, Some(8..11));
    }

    #[test]
    fn a_block_that_reaches_far_behind_is_rewritten() {
        check(&[(4, -101, 50, 1)], Some(0..1));
        check(&[(4, -100, 50, 1)], None);
    }

    #[test]
    fn damaged_blocks_are_left_alone() {
        let shape = Shape { id: 0, level: 0, from: -500, to: 1, items: 1, bytes: 1 };
        assert_eq!(pick(&[shape; 3], &|i| i == 1, &LIMITS, i64::MIN), None);
        assert_eq!(pick(&[shape; 3], &|i| i != 2, &LIMITS, 0), Some(2..3));
    }
}
