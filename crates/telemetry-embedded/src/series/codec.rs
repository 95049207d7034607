//! Samples of one series as bytes: pco for long runs, plain differences for short ones, where the tables of
//! pco would cost more than they save. Lossless for every bit of every value.

use std::sync::LazyLock;

use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use crate::wire::{Malformed, Reader, put_signed, put_varint};

/// Shorter runs are stored plainly.
const PCO_FROM: usize = 32;

const PLAIN: u8 = 0;
const PCO: u8 = 1;

static TIMES: LazyLock<ChunkConfig> = LazyLock::new(|| {
    let config = ChunkConfig::default().with_compression_level(4);
    config.with_mode_spec(ModeSpec::Classic).with_delta_spec(DeltaSpec::TryConsecutive(2))
});
static VALUES: LazyLock<ChunkConfig> = LazyLock::new(|| ChunkConfig::default().with_compression_level(6));

/// The samples as bytes. How many there are is for the caller to keep.
pub(crate) fn encode(times: &[i64], values: &[f64]) -> Vec<u8> {
    if times.len() >= PCO_FROM
        && let (Ok(packed_times), Ok(packed_values)) =
            (simple_compress(times, &TIMES), simple_compress(values, &VALUES))
    {
        let mut out = vec![PCO];
        put_varint(&mut out, packed_times.len() as u64);
        out.extend_from_slice(&packed_times);
        out.extend_from_slice(&packed_values);
        return out;
    }
    let mut out = Vec::with_capacity(1 + times.len() * 10);
    out.push(PLAIN);
    let (mut last, mut step) = (0i64, 0i64);
    for at in times {
        let next = at.wrapping_sub(last);
        put_signed(&mut out, next.wrapping_sub(step));
        (last, step) = (*at, next);
    }
    out.extend(values.iter().flat_map(|value| value.to_bits().to_le_bytes()));
    out
}

/// Appends `count` samples.
pub(crate) fn decode(
    bytes: &[u8],
    count: usize,
    times: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), Malformed> {
    let (format, rest) = bytes.split_first().ok_or(Malformed("a chunk is empty"))?;
    let mut reader = Reader::new(rest);
    match *format {
        PLAIN => {
            let (mut last, mut step) = (0i64, 0i64);
            for _ in 0..count {
                step = step.wrapping_add(reader.signed()?);
                last = last.wrapping_add(step);
                times.push(last);
            }
            for bits in reader.take(count * 8)?.as_chunks().0 {
                values.push(f64::from_bits(u64::from_le_bytes(*bits)));
            }
            Ok(())
        }
        PCO => {
            let packed_times = reader.bytes()?;
            unpack(packed_times, count, times)?;
            unpack(&rest[reader.position()..], count, values)
        }
        _ => Err(Malformed("a chunk is of an unknown format; was it written by a newer release?")),
    }
}

fn unpack<T: pco::data_types::Number + Default>(
    packed: &[u8],
    count: usize,
    out: &mut Vec<T>,
) -> Result<(), Malformed> {
    let start = out.len();
    out.resize(start + count, T::default());
    let progress = simple_decompress_into(packed, &mut out[start..])
        .map_err(|_| Malformed("a chunk does not decompress"))?;
    if progress.n_processed == count {
        Ok(())
    } else {
        Err(Malformed("a chunk holds fewer samples than it should"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_bit_comes_back(samples in prop::collection::vec((any::<i64>(), any::<u64>()), 0..200), regular: bool) {
            let times: Vec<i64> =
                samples.iter().enumerate().map(|(i, s)| if regular { i as i64 * 1_000 } else { s.0 }).collect();
            let values: Vec<f64> = samples.iter().map(|s| f64::from_bits(s.1)).collect();
            let bytes = encode(&times, &values);
            let (mut t, mut v) = (Vec::new(), Vec::new());
            decode(&bytes, times.len(), &mut t, &mut v).unwrap();
            prop_assert_eq!(t, times);
            let bits = |v: &[f64]| v.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&v), bits(&values));
        }

        #[test]
        fn hostile_bytes_are_refused_or_read(bytes in any::<Vec<u8>>(), count in 0usize..5_000) {
            let _ = decode(&bytes, count, &mut Vec::new(), &mut Vec::new());
        }
    }

    #[test]
    fn a_steady_series_takes_few_bytes() {
        let times: Vec<i64> = (0..4_096).map(|i| 1_700_000_000_000 + i * 1_000).collect();
        let values = vec![1.0; times.len()];
        assert!(encode(&times, &values).len() < 200);
    }
}
