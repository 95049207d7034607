//! A filter that says which chunks cannot hold a word or an attribute: a Bloom filter (Bloom 1970) of all
//! four-byte pieces of the bodies, ASCII letters in lower case, with one bit a piece. A word of many pieces is
//! looked up by all of them, so one bit each is enough. Attributes take three bits.

/// Bits before folding: 2^18 are one fifth full after 60,000 pieces.
const MAX_BITS: usize = 1 << 18;

const MIN_BITS: usize = 1 << 9;

/// Bytes in a piece. Pieces of three would be useless among hexadecimal ids: there are only 4096 of them.
const PIECE: usize = 4;

/// Collects what a chunk holds.
pub(crate) struct FilterBuilder {
    words: Vec<u64>,
}

impl FilterBuilder {
    pub(crate) fn new() -> Self {
        Self { words: vec![0; MAX_BITS / 64] }
    }

    /// Takes a body in lower case.
    pub(crate) fn body(&mut self, lower: &[u8]) {
        for piece in lower.windows(PIECE) {
            self.set(piece_hash(piece));
        }
    }

    pub(crate) fn attribute(&mut self, name: &str, value: &str) {
        attribute_hashes(name, value).into_iter().for_each(|hash| self.set(hash));
    }

    fn set(&mut self, hash: u32) {
        let bit = hash as usize & (MAX_BITS - 1);
        self.words[bit / 64] |= 1 << (bit % 64);
    }

    /// The filter as bytes, folded in half while it stays at most a quarter full; clears the builder.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut words = std::mem::replace(&mut self.words, vec![0; MAX_BITS / 64]);
        while words.len() > MIN_BITS / 64 {
            let ones: usize = words.iter().map(|w| w.count_ones() as usize).sum();
            if ones * 8 > words.len() * 64 {
                break;
            }
            let (low, high) = words.split_at(words.len() / 2);
            words = low.iter().zip(high).map(|(a, b)| a | b).collect();
        }
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }
}

/// What a search looks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilterQuery {
    hashes: Vec<u32>,
}

impl FilterQuery {
    /// `words` in lower case.
    pub(crate) fn new<'a>(
        words: impl Iterator<Item = &'a [u8]>,
        attributes: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut hashes: Vec<u32> = words.flat_map(|word| word.windows(PIECE).map(piece_hash)).collect();
        hashes.extend(attributes.flat_map(|(name, value)| attribute_hashes(name, value)));
        Self { hashes }
    }

    /// Whether the filter has anything to say about this search.
    pub(crate) const fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// False when the chunk of this filter surely holds nothing that is looked for.
    pub(crate) fn may_match(&self, filter: &[u8]) -> bool {
        let bits = filter.len() * 8;
        if !bits.is_power_of_two() {
            return true;
        }
        self.hashes.iter().all(|hash| {
            let bit = *hash as usize & (bits - 1);
            filter[bit / 8] & (1 << (bit % 8)) != 0
        })
    }
}

/// Multiplicative hashing (Knuth, TAOCP 6.4). Part of the file format.
fn piece_hash(piece: &[u8]) -> u32 {
    let value = piece.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    (value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// FNV-1a, 64 bits, cut in three. Part of the file format.
fn attribute_hashes(name: &str, value: &str) -> [u32; 3] {
    let bytes = name.bytes().chain([0]).chain(value.bytes());
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    [hash as u32, (hash >> 21) as u32, (hash >> 42) as u32]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_there_is_never_denied(
            bodies in prop::collection::vec("[a-z0-9 ]{0,40}", 0..200),
            attributes in prop::collection::vec(("[a-z]{1,5}", "[a-z0-9]{0,9}"), 0..50),
        ) {
            let mut builder = FilterBuilder::new();
            bodies.iter().for_each(|b| builder.body(b.as_bytes()));
            attributes.iter().for_each(|(n, v)| builder.attribute(n, v));
            let filter = builder.finish();
            for body in &bodies {
                let part = &body.as_bytes()[body.len() / 3..];
                prop_assert!(FilterQuery::new([part].into_iter(), std::iter::empty()).may_match(&filter));
            }
            for (n, v) in &attributes {
                let query = FilterQuery::new(std::iter::empty(), [(n.as_str(), v.as_str())].into_iter());
                prop_assert!(query.may_match(&filter));
            }
        }
    }

    #[test]
    fn what_is_not_there_is_mostly_denied() {
        let mut builder = FilterBuilder::new();
        for i in 0..2_000u32 {
            let id = format!("{:016x}", u64::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            builder.body(format!("get /orders/{i} took 12 ms request {id}").as_bytes());
            builder.attribute("request", &id);
        }
        let filter = builder.finish();
        let wrong = (0..1_000).filter(|i| {
            let word = format!("{:016x}", (i + 5_000_u64).wrapping_mul(0x517c_c1b7_2722_0a95));
            FilterQuery::new([word.as_bytes()].into_iter(), std::iter::empty()).may_match(&filter)
        });
        assert!(wrong.count() < 10);
        let wrong = (0..1_000).filter(|i| {
            let pair = [("request", format!("other-{i}"))];
            FilterQuery::new(std::iter::empty(), pair.iter().map(|(n, v)| (*n, v.as_str())))
                .may_match(&filter)
        });
        assert!(wrong.count() < 50);
    }
}
