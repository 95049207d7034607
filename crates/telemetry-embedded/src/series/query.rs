//! Answers questions for series: what is in blocks, then what is in memory, by arrival.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Point, TimeRange, Timestamp};
use ports::{Error, Result, Selector, SeriesData};

use super::Samples;
use super::block::{self, Footer};
use super::labels::Entry;
use crate::block::Block;
use crate::shelf::Shelf;

/// A query that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Samples of a series from memory, in order of arrival.
struct Recent {
    entry: Entry,
    times: Vec<i64>,
    values: Vec<f64>,
}

/// What a query works on, taken at one moment.
struct Snapshot {
    series: Vec<Recent>,
    blocks: Vec<Arc<Block<Footer>>>,
}

pub(crate) fn samples(
    shelf: &Shelf<Samples>,
    selector: &Selector,
    range: TimeRange,
    max_points: usize,
) -> Result<Vec<SeriesData>> {
    if range.from >= range.to {
        return Ok(Vec::new());
    }
    let started = Instant::now();
    let snapshot = snapshot(shelf, selector, range, max_points)?;
    let mut found = Vec::new();
    let mut room = max_points;
    for recent in snapshot.series {
        if started.elapsed() > PATIENCE {
            return Err(Error::Overloaded(
                "the query took too long: select fewer series or less time".to_owned(),
            ));
        }
        let entry = recent.entry.clone();
        let (times, values) = collect(&snapshot.blocks, recent, range, room, max_points)?;
        if times.is_empty() {
            continue;
        }
        room -= times.len();
        let points =
            times.iter().zip(values).map(|(at, value)| Point { at: Timestamp::from_unix_ms(*at), value });
        found.push(SeriesData { points: points.collect(), ..describe(&entry) });
    }
    Ok(found)
}

pub(crate) fn list(shelf: &Shelf<Samples>, selector: &Selector, limit: usize) -> Vec<SeriesData> {
    let series = shelf.read().index.select(selector);
    series.iter().take(limit).map(describe).collect()
}

fn describe(entry: &Entry) -> SeriesData {
    let key = &entry.key;
    SeriesData {
        service: key.service.to_string(),
        name: key.name.to_string(),
        kind: entry.kind,
        labels: key.labels(),
        points: Vec::new(),
    }
}

fn too_many(max_points: usize) -> Error {
    Error::Invalid(format!("more than {max_points} samples: select fewer series or less time"))
}

fn snapshot(
    shelf: &Shelf<Samples>,
    selector: &Selector,
    range: TimeRange,
    max_points: usize,
) -> Result<Snapshot> {
    let (from, to) = (range.from.as_unix_ms(), range.to.as_unix_ms() - 1);
    let live = shelf.read();
    let heads = [live.frozen.as_ref().map(|f| &f.head), Some(&live.active)];
    let mut copied = 0;
    let mut series = Vec::new();
    for entry in live.index.select(selector) {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        for column in heads.iter().flatten().filter_map(|head| head.column(entry.id)) {
            column.copy(from, to, &mut times, &mut values);
        }
        // The two heads may share instants, so only twice as many are surely too many.
        copied += times.len();
        if copied / 2 > max_points {
            return Err(too_many(max_points));
        }
        series.push(Recent { entry, times, values });
    }
    let blocks = live.blocks.iter().filter(|b| b.shape.overlaps(range)).map(Arc::clone).collect();
    Ok(Snapshot { series, blocks })
}

fn collect(
    blocks: &[Arc<Block<Footer>>],
    recent: Recent,
    range: TimeRange,
    room: usize,
    max_points: usize,
) -> Result<(Vec<i64>, Vec<f64>)> {
    let (from, to) = (range.from.as_unix_ms(), range.to.as_unix_ms());
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let (mut chunk_times, mut chunk_values) = (Vec::new(), Vec::new());
    for block in blocks {
        let chunks = block.footer()?.chunks(recent.entry.id);
        for chunk in chunks.iter().filter(|c| c.from < to && c.to >= from) {
            chunk_times.clear();
            chunk_values.clear();
            block::read(block, chunk, &mut chunk_times, &mut chunk_values)?;
            let start = chunk_times.partition_point(|at| *at < from);
            let end = chunk_times.partition_point(|at| *at < to);
            times.extend_from_slice(&chunk_times[start..end]);
            values.extend_from_slice(&chunk_values[start..end]);
            if times.len() > room {
                block::settle(&mut times, &mut values);
                if times.len() > room {
                    return Err(too_many(max_points));
                }
            }
        }
    }
    times.extend_from_slice(&recent.times);
    values.extend_from_slice(&recent.values);
    block::settle(&mut times, &mut values);
    if times.len() > room { Err(too_many(max_points)) } else { Ok((times, values)) }
}
