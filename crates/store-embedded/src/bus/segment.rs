//! Segment files: a header, then frames.
//!
//! Header (16 bytes): magic `HSBUS\0\0` and format version 1, then a salt (u64). Frame: length of the record
//! (u32), CRC-32 (u32), offset (u64), the record. All integers little endian. The checksum covers salt,
//! length, offset and record, so bytes of another segment, or a record that contains what looks like a
//! frame, do not pass.
//!
//! The topmost bit of a frame's offset says that everything before it in the file was on disk when it was
//! written. It tells a torn tail (nothing durable follows: it may be cut off) from damage (something does).

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ports::Offset;

/// Bytes before the first frame.
pub(super) const HEADER: u64 = 16;

/// Bytes of a frame before its record.
pub(super) const FRAME: u64 = 16;

/// Largest record.
pub(super) const MAX_RECORD: usize = 64 << 20;

const MAGIC: [u8; 8] = *b"HSBUS\0\0\x01";
const DURABLE_BEFORE: u64 = 1 << 63;

/// The header of a new segment, with its salt.
pub(super) fn new_header() -> ([u8; HEADER as usize], u64) {
    // RandomState is seeded by the system; nothing here needs more than "differs from file to file".
    let salt = RandomState::new().build_hasher().finish();
    let mut header = [0; HEADER as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..].copy_from_slice(&salt.to_le_bytes());
    (header, salt)
}

/// Reads the salt from a header; none when it is not one.
pub(super) fn salt_of(header: &[u8]) -> Option<u64> {
    let (magic, salt) = header.split_at_checked(8)?;
    if magic == MAGIC { Some(u64::from_le_bytes(salt.get(..8)?.try_into().ok()?)) } else { None }
}

/// Adds a frame to a buffer. `durable_before` marks the first frame of each write.
pub(super) fn push_frame(
    buffer: &mut Vec<u8>,
    salt: u64,
    offset: Offset,
    record: &[u8],
    durable_before: bool,
) {
    let length = u32::try_from(record.len()).expect("publish refuses records above MAX_RECORD");
    let marked = if durable_before { offset | DURABLE_BEFORE } else { offset };
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&checksum(salt, length, marked, record).to_le_bytes());
    buffer.extend_from_slice(&marked.to_le_bytes());
    buffer.extend_from_slice(record);
}

fn checksum(salt: u64, length: u32, marked: u64, record: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&salt.to_le_bytes());
    crc.update(&length.to_le_bytes());
    crc.update(&marked.to_le_bytes());
    crc.update(record);
    crc.finalize()
}

/// A frame's first 16 bytes.
#[derive(Clone, Copy)]
struct FrameHead {
    length: u32,
    crc: u32,
    marked: u64,
}

impl FrameHead {
    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            length: u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?),
            crc: u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?),
            marked: u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?),
        })
    }

    fn offset(self) -> Offset {
        self.marked & !DURABLE_BEFORE
    }

    fn passes(self, salt: u64, record: &[u8]) -> bool {
        self.crc == checksum(salt, self.length, self.marked, record)
    }
}

/// The frame at the start of `bytes`, when it is whole: its head and its record.
fn whole_frame(bytes: &[u8], salt: u64) -> Option<(FrameHead, &[u8])> {
    let head = FrameHead::parse(bytes)?;
    let record = bytes.get(FRAME as usize..)?.get(..head.length as usize)?;
    (record.len() <= MAX_RECORD && head.passes(salt, record)).then_some((head, record))
}

/// What the newest segment holds.
pub(super) struct Scan {
    /// Salt of the segment.
    pub(super) salt: u64,
    /// Where its last whole frame ends; what follows is a torn tail.
    pub(super) end: u64,
    /// Where each record's frame starts, from the first offset on.
    pub(super) frames: Vec<u64>,
}

/// Why a file cannot be read: where, and what is wrong there.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The file system refused.
    Io(io::Error),
    /// What is stored is not what was written.
    Damaged { byte: u64, why: String },
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Scans the newest segment, whose first record has offset `first`. None when not even its header was
/// completed, so that it never held a record.
pub(super) fn scan(path: &Path, first: Offset) -> Result<Option<Scan>, Unreadable> {
    let bytes = std::fs::read(path)?;
    let Some(salt) = salt_of(&bytes) else {
        // The header is synced before the first frame is written, so a file with more than it had one.
        return if bytes.len() as u64 <= HEADER {
            Ok(None)
        } else {
            Err(Unreadable::Damaged { byte: 0, why: "this is not the header of a bus segment".to_owned() })
        };
    };
    let mut frames = Vec::new();
    let mut at = HEADER as usize;
    let mut expected = first;
    while let Some((head, record)) = whole_frame(&bytes[at..], salt)
        && head.offset() == expected
    {
        frames.push(at as u64);
        at += FRAME as usize + record.len();
        expected += 1;
    }
    if let Some(later) = durable_later(&bytes, at, salt, expected) {
        let why =
            format!("the record with offset {expected} is damaged; a later one, at byte {later}, is not");
        return Err(Unreadable::Damaged { byte: at as u64, why });
    }
    Ok(Some(Scan { salt, end: at as u64, frames }))
}

/// Looks behind an unreadable place for a frame that was written when that place was on disk already.
fn durable_later(bytes: &[u8], from: usize, salt: u64, expected: Offset) -> Option<usize> {
    let room = (bytes.len() - from) as u64 / FRAME;
    (from + 1..bytes.len().saturating_sub(FRAME as usize - 1)).find(|at| {
        FrameHead::parse(&bytes[*at..]).is_some_and(|head| {
            head.marked & DURABLE_BEFORE != 0
                && (expected..=expected.saturating_add(room)).contains(&head.offset())
                && whole_frame(&bytes[*at..], salt).is_some()
        })
    })
}

/// A stretch of a segment to read.
pub(super) struct Stretch {
    /// The file.
    pub(super) path: PathBuf,
    /// Where to start, a frame's first byte.
    pub(super) byte: u64,
    /// Offset of the record there.
    pub(super) offset: Offset,
    /// Where the durable part of the file ends.
    pub(super) end: u64,
    /// First offset wanted.
    pub(super) wanted: Offset,
    /// Enough bytes.
    pub(super) max_bytes: usize,
}

/// Records read from a segment, and where the next one starts.
pub(super) struct Records {
    pub(super) items: Vec<(Offset, Bytes)>,
    pub(super) next: (Offset, u64),
}

/// Reads at least one record, and more up to about `max_bytes`.
pub(super) fn read(stretch: &Stretch) -> Result<Records, Unreadable> {
    let mut file = File::open(&stretch.path)?;
    let mut header = [0; HEADER as usize];
    let not_a_header =
        || Unreadable::Damaged { byte: 0, why: "this is not the header of a bus segment".to_owned() };
    file.read_exact(&mut header).map_err(|_| not_a_header())?;
    let salt = salt_of(&header).ok_or_else(not_a_header)?;
    file.seek(SeekFrom::Start(stretch.byte))?;
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let (mut byte, mut offset, mut taken) = (stretch.byte, stretch.offset, 0);
    let mut items = Vec::new();
    while byte < stretch.end && (items.is_empty() || taken < stretch.max_bytes) {
        let record = match read_frame(&mut reader, salt, offset, stretch.end - byte) {
            Ok(record) => record,
            // What was read before is good; the next read starts here and fails.
            Err(_) if !items.is_empty() => break,
            Err(Bad::Io(error)) => return Err(error.into()),
            Err(Bad::Frame(why)) => return Err(Unreadable::Damaged { byte, why }),
        };
        byte += FRAME + record.len() as u64;
        if offset >= stretch.wanted {
            taken += record.len();
            items.push((offset, record));
        }
        offset += 1;
    }
    if items.is_empty() {
        let why = format!("the file ends before the record with offset {}", stretch.wanted);
        return Err(Unreadable::Damaged { byte, why });
    }
    Ok(Records { items, next: (offset, byte) })
}

enum Bad {
    Io(io::Error),
    Frame(String),
}

fn read_frame(reader: &mut impl Read, salt: u64, expected: Offset, left: u64) -> Result<Bytes, Bad> {
    let io = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Bad::Frame("the file ends inside a record".to_owned()),
        _ => Bad::Io(error),
    };
    let mut head = [0; FRAME as usize];
    reader.read_exact(&mut head).map_err(io)?;
    let head = FrameHead::parse(&head).expect("an array of its length");
    // Checked before the record is read: a damaged length must not become a huge allocation.
    if FRAME + u64::from(head.length) > left || head.offset() != expected {
        return Err(Bad::Frame(format!("no frame with offset {expected} here")));
    }
    let mut record = vec![0; head.length as usize];
    reader.read_exact(&mut record).map_err(io)?;
    if head.passes(salt, &record) {
        Ok(record.into())
    } else {
        Err(Bad::Frame(format!("the checksum of the record with offset {expected} is wrong")))
    }
}

/// The name of the segment that starts with an offset. Names sort as offsets do.
pub(super) fn file_name(first: Offset) -> String {
    format!("{first:020}.log")
}

/// The first offset of a segment, from its file name; none when it is no segment.
pub(super) fn first_of(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(".log")?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    if all_digits { digits.parse().ok() } else { None }
}
