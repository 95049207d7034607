//! What a container printed, out of the engine's stream: frames with a header of eight bytes, of which the first
//! says which output and the last four how long (Docker Engine API v1.47, "ContainerAttach", "Stream format").

/// Which output a frame belongs to, and how much of it is still to come.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    head: Vec<u8>,
    to_stderr: bool,
    left: usize,
    most: usize,
}

/// More was printed than may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

impl Output {
    /// Keeps at most this much of each.
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Takes the next piece of the stream, cut anywhere.
    pub(super) fn take(&mut self, mut piece: &[u8]) -> Result<(), TooMuch> {
        while !piece.is_empty() {
            if self.left == 0 {
                let take = (8 - self.head.len()).min(piece.len());
                self.head.extend_from_slice(&piece[..take]);
                piece = &piece[take..];
                if let [kind, _, _, _, a, b, c, d] = self.head[..] {
                    self.to_stderr = kind == 2;
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.head.clear();
                }
                continue;
            }
            let take = self.left.min(piece.len());
            let kept = if self.to_stderr { &mut self.stderr } else { &mut self.stdout };
            let room = self.most - kept.len();
            kept.extend_from_slice(&piece[..take.min(room)]);
            if take > room {
                return Err(TooMuch);
            }
            self.left -= take;
            piece = &piece[take..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn frames_come_out_whole_however_they_are_cut(cuts in prop::collection::vec(1_usize..9, 1..40)) {
            let stream = [frame(1, "hello "), frame(2, "oh"), frame(1, ""), frame(1, "world")].concat();
            let (mut output, mut rest, mut cuts) = (Output::new(100), &stream[..], cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                output.take(piece).unwrap();
                rest = after;
            }
            prop_assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"hello world"[..], &b"oh"[..]));
        }

        #[test]
        fn garbage_is_bounded(piece in prop::collection::vec(any::<u8>(), 0..4_000)) {
            let mut output = Output::new(100);
            let _ = output.take(&piece);
            prop_assert!(output.stdout.len() <= 100 && output.stderr.len() <= 100);
        }
    }

    #[test]
    fn too_much_is_said() {
        let mut output = Output::new(3);
        assert_eq!(output.take(&frame(2, "abcd")), Err(TooMuch));
        assert_eq!(output.stderr, b"abc");
    }
}
