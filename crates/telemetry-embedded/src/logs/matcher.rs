//! A log query made ready: every condition on one record.

use memchr::memmem::Finder;
use model::{LogLevel, LogRecord, TimeRange};
use ports::LogQuery;

use super::filter::FilterQuery;

/// Conditions of a query, all of which must hold.
pub(crate) struct Matcher {
    pub(crate) service: Option<String>,
    /// Bit `n` is set when level `n` is wanted.
    pub(crate) levels: u8,
    /// In lower case, the longest first: it is the rarest, most likely.
    pub(crate) words: Vec<Finder<'static>>,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) range: TimeRange,
    pub(crate) filter: FilterQuery,
}

impl Matcher {
    pub(crate) fn new(query: &LogQuery) -> Self {
        let mut words: Vec<String> = query.text.split_whitespace().map(str::to_ascii_lowercase).collect();
        words.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        words.dedup();
        let attributes = query.attributes.clone();
        let pairs = attributes.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        Self {
            service: query.service.clone(),
            levels: query.level.map_or(0xff, |floor| 0xff << level_number(floor)),
            filter: FilterQuery::new(words.iter().map(String::as_bytes), pairs),
            words: words.iter().map(|word| Finder::new(word.as_bytes()).into_owned()).collect(),
            attributes,
            range: query.range,
        }
    }

    /// Whether a record in memory matches. `buffer` is scratch space.
    pub(crate) fn matches(&self, record: &LogRecord, buffer: &mut Vec<u8>) -> bool {
        self.range.contains(record.at)
            && self.levels & (1 << level_number(record.level)) != 0
            && self.service.as_ref().is_none_or(|service| *service == record.service)
            && self.attributes.iter().all(|(name, value)| record.attributes.get(name) == Some(value))
            && self.matches_body(record.body.as_bytes(), buffer)
    }

    pub(crate) fn matches_body(&self, body: &[u8], buffer: &mut Vec<u8>) -> bool {
        if self.words.is_empty() {
            return true;
        }
        buffer.clear();
        buffer.extend_from_slice(body);
        buffer.make_ascii_lowercase();
        self.words.iter().all(|word| word.find(buffer).is_some())
    }
}

pub(crate) const fn level_number(level: LogLevel) -> u8 {
    level as u8
}
