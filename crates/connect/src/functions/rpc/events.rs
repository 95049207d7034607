//! Server-sent events out of bytes that come cut anywhere
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>).

/// Collects the data of events. Names and times to wait are left out: nobody here uses them.
#[derive(Debug, Default)]
pub(in crate::functions) struct Events {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    after_return: bool,
    most: usize,
    last_id: Option<String>,
}

impl Events {
    /// Takes events of at most this many bytes.
    pub(in crate::functions) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// The newest id of an event; where a stream goes on after it broke off.
    pub(in crate::functions) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Takes the next bytes; gives the data of the events that are whole now.
    ///
    /// # Errors
    /// An event is too large.
    pub(in crate::functions) fn take(&mut self, piece: &[u8]) -> Result<Vec<String>, String> {
        let mut whole = Vec::new();
        for byte in piece {
            // A line ends with CR, LF or both.
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => whole.extend(self.end_line()),
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, Vec::len) > self.most {
                return Err(format!("an event is larger than {} bytes", self.most));
            }
        }
        Ok(whole)
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = self.data.take()?;
            return Some(String::from_utf8_lossy(&data).into_owned());
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (&line[..], &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"id" if !value.contains(&0) && value.len() <= 1_000 => {
                self.last_id = Some(String::from_utf8_lossy(value).into_owned());
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_are_read_as_the_standard_says() {
        let stream = "\u{feff}: hello\ndata: a\n\nevent: x\r\nid: 7\r\ndata:b\r\ndata: c\r\n\r\ndata\n\n: only a comment\n\n\
                      retry: 10\rdata: d\r\rdata: not whole";
        let mut events = Events::new(1_000);
        // The first line begins with a byte order mark and is no comment then; it is ignored all the same.
        assert_eq!(events.take(stream.as_bytes()).unwrap(), ["a", "b\nc", "", "d"]);
        assert_eq!(events.last_id(), Some("7"));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut events = Events::new(100);
        assert!(events.take(&[b'x'; 200]).is_err());
        let mut events = Events::new(100);
        assert!(events.take("data: 0123456789\n".repeat(20).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(cuts in prop::collection::vec(1_usize..7, 1..20), lines in prop::collection::vec("(data: ?[a-z]{0,5}|id: 1|:x|)(\n|\r\n|\r)", 0..20)) {
            let stream = lines.concat();
            let whole = Events::new(1_000).take(stream.as_bytes()).unwrap();
            let (mut events, mut rest, mut pieces) = (Events::new(1_000), stream.as_bytes(), Vec::new());
            let mut cuts = cuts.into_iter().cycle();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                pieces.extend(events.take(piece).unwrap());
                rest = after;
            }
            prop_assert_eq!(pieces, whole);
        }
    }
}
