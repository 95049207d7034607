//! Searches: candidate chunks in the order asked for, each as far as it must be read, until the page is full.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{LogRecord, TimeRange};
use ports::{Error, LogPage, LogQuery, Order, Result};

use super::Records;
use super::block::{self, Chunk, Footer};
use super::columns::{Bodies, Entry, Fields};
use super::cursor::{self, Rank, rank_of_instant};
use super::head::Segment;
use super::matcher::Matcher;
use crate::block::Block;
use crate::shelf::Shelf;

/// Most records of a page and most buckets of a histogram.
const MOST: usize = 1_000;

/// A histogram that takes longer is given up.
const HISTOGRAM_PATIENCE: Duration = Duration::from_secs(20);

/// Something that holds records: a chunk on disk or a batch in memory.
enum Source {
    Chunk(Arc<Block<Footer>>, usize),
    Segment(Arc<Segment>),
    /// The footer of the block is damaged; reading it says so.
    Damaged(Arc<Block<Footer>>),
}

impl Source {
    /// Oldest and newest instant.
    fn extent(&self) -> Result<(i64, i64)> {
        Ok(match self {
            Self::Chunk(block, i) => {
                let chunk = &block.footer()?.chunks[*i];
                (chunk.from, chunk.to)
            }
            Self::Segment(segment) => (segment.from, segment.to),
            Self::Damaged(block) => (block.shape.from, block.shape.to),
        })
    }
}

/// Everything that may hold records of a range, taken at one moment.
fn sources(shelf: &Shelf<Records>, range: TimeRange) -> Result<Vec<Source>> {
    let (blocks, segments) = {
        let live = shelf.read();
        let heads = live.frozen.iter().map(|f| &f.head).chain([&live.active]);
        let segments: Vec<_> = heads.flat_map(|head| head.segments.iter().map(Arc::clone)).collect();
        (Arc::clone(&live.blocks), segments)
    };
    let mut sources: Vec<Source> = segments.into_iter().map(Source::Segment).collect();
    for block in blocks.iter().filter(|b| b.shape.overlaps(range)) {
        match block.footer() {
            Ok(footer) => {
                sources.extend((0..footer.chunks.len()).map(|i| Source::Chunk(Arc::clone(block), i)));
            }
            Err(_) => sources.push(Source::Damaged(Arc::clone(block))),
        }
    }
    let (from, to) = (range.from.as_unix_ms(), range.to.as_unix_ms());
    let mut kept = Vec::with_capacity(sources.len());
    for source in sources {
        let (oldest, newest) = source.extent()?;
        if oldest < to && newest >= from {
            kept.push(source);
        }
    }
    Ok(kept)
}

/// The records of a chunk that match, by their number in the chunk.
struct Matched {
    entries: Vec<Entry>,
    hits: Vec<u32>,
    bodies: Option<Bodies>,
    fields: Option<Fields>,
}

/// Reads as little of a chunk as tells which records match; `wanted` is a condition on time and order.
fn match_chunk(
    matcher: &Matcher,
    block: &Block<Footer>,
    chunk: &Chunk,
    wanted: impl Fn(&Entry) -> bool,
) -> Result<Option<Matched>> {
    if chunk.levels & matcher.levels == 0 {
        return Ok(None);
    }
    let service = match &matcher.service {
        None => None,
        Some(name) => {
            let number = block.footer()?.services.iter().position(|s| s == name).map(|i| i as u32);
            match number.filter(|n| chunk.services.binary_search(n).is_ok()) {
                None => return Ok(None),
                number => number,
            }
        }
    };
    if !matcher.filter.is_empty() && !matcher.filter.may_match(&block.read(chunk.filter)?) {
        return Ok(None);
    }
    let (from, to) = (matcher.range.from.as_unix_ms(), matcher.range.to.as_unix_ms());
    let entries = chunk.entries(block)?;
    let hit = |e: &Entry| {
        from <= e.at
            && e.at < to
            && matcher.levels & (1 << e.level) != 0
            && service.is_none_or(|s| s == e.service)
            && wanted(e)
    };
    let mut hits: Vec<u32> = (0u32..).zip(&entries).filter(|(_, e)| hit(e)).map(|(i, _)| i).collect();
    let mut matched = Matched { entries, hits: Vec::new(), bodies: None, fields: None };
    if !hits.is_empty() && !matcher.words.is_empty() {
        let bodies = matched.bodies.insert(chunk.bodies(block)?);
        hits = match_bodies(matcher, bodies, &hits);
    }
    if !hits.is_empty() && !matcher.attributes.is_empty() {
        let fields = matched.fields.insert(chunk.fields(block)?);
        hits = match_fields(matcher, block, fields, hits)?;
    }
    matched.hits = hits;
    Ok((!matched.hits.is_empty()).then_some(matched))
}

/// Looks for the first word in all bodies at once, then for the others in what is left.
fn match_bodies(matcher: &Matcher, bodies: &Bodies, hits: &[u32]) -> Vec<u32> {
    let [first, others @ ..] = matcher.words.as_slice() else { return hits.to_vec() };
    let mut lower = bodies.all().to_vec();
    lower.make_ascii_lowercase();
    let mut found = Vec::new();
    // The next place of the first word: most bodies before it need no look at all.
    let mut next = 0;
    for i in hits {
        let (start, end) = (bodies.starts[*i as usize], bodies.starts[*i as usize + 1]);
        if next < start {
            let Some(place) = first.find(&lower[start..]) else { break };
            next = start + place;
        }
        if next < end && others.iter().all(|word| word.find(&lower[start..end]).is_some()) {
            found.push(*i);
        }
    }
    found
}

fn match_fields(
    matcher: &Matcher,
    block: &Block<Footer>,
    fields: &Fields,
    hits: Vec<u32>,
) -> Result<Vec<u32>> {
    let mut kept = Vec::with_capacity(hits.len());
    for i in hits {
        let own = fields.get(i as usize).map_err(|e| block.corrupt(&e.to_string()))?;
        let has =
            |(name, value): &(String, String)| own.attributes.contains(&(name.as_str(), value.as_str()));
        if matcher.attributes.iter().all(has) {
            kept.push(i);
        }
    }
    Ok(kept)
}

/// A search of one page.
pub(crate) struct Search {
    matcher: Matcher,
    order: Order,
    limit: usize,
    fingerprint: u64,
    /// Where the page starts.
    start: Rank,
}

type Hit = (Rank, LogRecord);

impl Search {
    pub(crate) fn new(query: &LogQuery) -> Result<Self> {
        if query.limit == 0 || query.limit > MOST {
            return Err(Error::Invalid(format!("a page has 1 to {MOST} records, not {}", query.limit)));
        }
        let fingerprint = cursor::fingerprint(query);
        let start = match &query.cursor {
            None => (i64::MIN, 0),
            Some(text) => cursor::decode(fingerprint, text).ok_or_else(|| {
                Error::Invalid("the cursor is of another query: begin again without a cursor".to_owned())
            })?,
        };
        Ok(Self { matcher: Matcher::new(query), order: query.order, limit: query.limit, fingerprint, start })
    }

    pub(crate) fn page(&self, shelf: &Shelf<Records>, budget: Duration) -> Result<LogPage> {
        let started = Instant::now();
        let mut sources = self.ranked(shelf)?;
        sources.sort_by_key(|(best, _)| *best);
        let frontier = sources.first().map_or(self.start.0, |(best, _)| (*best).max(self.start.0));
        let mut found: Vec<Hit> = Vec::new();
        for (best, source) in &sources {
            // Everything from here on comes after what is found.
            if found.get(self.limit).is_some_and(|(rank, _)| rank.0 < *best) {
                break;
            }
            if *best > frontier && started.elapsed() > budget {
                found.retain(|(rank, _)| rank.0 < *best);
                return Ok(self.end(found, Some((*best, 0))));
            }
            self.scan(source, &mut found)?;
        }
        Ok(self.end(found, None))
    }

    /// Sources by the best rank they can have.
    fn ranked(&self, shelf: &Shelf<Records>) -> Result<Vec<(i64, Source)>> {
        let mut ranked = Vec::new();
        if self.matcher.range.from >= self.matcher.range.to {
            return Ok(ranked);
        }
        for source in sources(shelf, self.matcher.range)? {
            let (oldest, newest) = source.extent()?;
            let (a, b) = (rank_of_instant(self.order, oldest), rank_of_instant(self.order, newest));
            if a.max(b) >= self.start.0 {
                ranked.push((a.min(b), source));
            }
        }
        Ok(ranked)
    }

    /// Adds what matches in a source, keeping one more than the limit.
    fn scan(&self, source: &Source, found: &mut Vec<Hit>) -> Result<()> {
        let worst = found.get(self.limit).map(|(rank, _)| *rank);
        let wanted = |rank: Rank| rank >= self.start && worst.is_none_or(|worst| rank < worst);
        match source {
            Source::Damaged(block) => drop(block.footer()?),
            Source::Segment(segment) => {
                let mut buffer = Vec::new();
                let mut hits: Vec<(Rank, &LogRecord)> = segment
                    .records
                    .iter()
                    .map(|(sequence, record)| (cursor::rank(self.order, record, *sequence), record))
                    .filter(|(rank, record)| wanted(*rank) && self.matcher.matches(record, &mut buffer))
                    .collect();
                hits.sort_unstable_by_key(|(rank, _)| *rank);
                found.extend(
                    hits.into_iter().take(self.limit + 1).map(|(rank, record)| (rank, record.clone())),
                );
            }
            Source::Chunk(block, i) => self.scan_chunk(block, &block.footer()?.chunks[*i], wanted, found)?,
        }
        found.sort_by_key(|(rank, _)| *rank);
        found.truncate(self.limit + 1);
        Ok(())
    }

    fn scan_chunk(
        &self,
        block: &Block<Footer>,
        chunk: &Chunk,
        wanted: impl Fn(Rank) -> bool,
        found: &mut Vec<Hit>,
    ) -> Result<()> {
        let rank = |e: &Entry| (rank_of_instant(self.order, e.at), e.sequence);
        let Some(matched) = match_chunk(&self.matcher, block, chunk, |e| wanted(rank(e)))? else {
            return Ok(());
        };
        let mut hits: Vec<(Rank, u32)> =
            matched.hits.iter().map(|i| (rank(&matched.entries[*i as usize]), *i)).collect();
        hits.sort_unstable();
        let bodies = matched.bodies.map_or_else(|| chunk.bodies(block), Ok)?;
        let fields = matched.fields.map_or_else(|| chunk.fields(block), Ok)?;
        for (rank, i) in hits.into_iter().take(self.limit + 1) {
            let i = i as usize;
            found.push((rank, block::record(block, &matched.entries[i], bodies.get(i), &fields, i)?));
        }
        Ok(())
    }

    fn end(&self, mut found: Vec<Hit>, unfinished: Option<Rank>) -> LogPage {
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let after = found.last().filter(|_| more).map(|(rank, _)| (rank.0, rank.1 + 1));
        let next = after.or(unfinished).map(|rank| cursor::encode(self.fingerprint, rank));
        LogPage { items: found.into_iter().map(|(_, record)| record).collect(), next }
    }
}

/// Counts over time.
pub(crate) struct Histogram {
    matcher: Matcher,
    buckets: usize,
    /// Nothing but time is asked for.
    plain: bool,
}

impl Histogram {
    pub(crate) fn new(query: &LogQuery, buckets: usize) -> Result<Self> {
        if buckets == 0 || buckets > MOST {
            return Err(Error::Invalid(format!("a histogram has 1 to {MOST} buckets, not {buckets}")));
        }
        let matcher = Matcher::new(query);
        let plain = matcher.service.is_none()
            && query.level.is_none()
            && matcher.words.is_empty()
            && matcher.attributes.is_empty();
        Ok(Self { matcher, buckets, plain })
    }

    pub(crate) fn counts(&self, shelf: &Shelf<Records>) -> Result<Vec<u64>> {
        let mut counts = vec![0; self.buckets];
        let range = self.matcher.range;
        if range.from >= range.to {
            return Ok(counts);
        }
        let started = Instant::now();
        let mut buffer = Vec::new();
        for source in sources(shelf, range)? {
            if started.elapsed() > HISTOGRAM_PATIENCE {
                return Err(Error::Overloaded("the histogram took too long: narrow the range".to_owned()));
            }
            match source {
                Source::Damaged(block) => drop(block.footer()?),
                Source::Segment(segment) => {
                    let records = segment.records.iter().map(|(_, record)| record);
                    for record in records.filter(|r| self.matcher.matches(r, &mut buffer)) {
                        counts[self.bucket(record.at.as_unix_ms())] += 1;
                    }
                }
                Source::Chunk(block, i) => {
                    self.count_chunk(&block, &block.footer()?.chunks[i], &mut counts)?
                }
            }
        }
        Ok(counts)
    }

    fn count_chunk(&self, block: &Block<Footer>, chunk: &Chunk, counts: &mut [u64]) -> Result<()> {
        let (from, to) = (self.matcher.range.from.as_unix_ms(), self.matcher.range.to.as_unix_ms());
        if self.plain && from <= chunk.from && chunk.to < to {
            let bucket = self.bucket(chunk.from);
            if bucket == self.bucket(chunk.to) {
                counts[bucket] += u64::from(chunk.count);
                return Ok(());
            }
        }
        if let Some(matched) = match_chunk(&self.matcher, block, chunk, |_| true)? {
            for i in matched.hits {
                counts[self.bucket(matched.entries[i as usize].at)] += 1;
            }
        }
        Ok(())
    }

    /// The bucket of an instant inside the range.
    fn bucket(&self, at: i64) -> usize {
        let (from, to) = (self.matcher.range.from.as_unix_ms(), self.matcher.range.to.as_unix_ms());
        let (since, span) = (i128::from(at) - i128::from(from), i128::from(to) - i128::from(from));
        (since * self.buckets as i128 / span) as usize
    }
}
