//! Messages on the wire: five bytes of head, then the message (PROTOCOL-HTTP2, "Length-Prefixed-Message").

use std::pin::Pin;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::poll_fn;
use http_body::Body as _;
use reqwest::header::HeaderMap;
use reqwest::{Body, Response};

/// A message with its head; not compressed.
pub(super) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(message.len() + 5);
    bytes.push(0);
    bytes.extend(length.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

/// The messages of an answer, and what comes after them.
pub(super) struct Frames {
    body: Body,
    buffer: BytesMut,
    trailers: Option<HeaderMap>,
    read: usize,
    most: usize,
}

impl Frames {
    /// Reads at most this many bytes.
    pub(super) fn new(response: Response, most: usize) -> Self {
        Self { body: response.into(), buffer: BytesMut::new(), trailers: None, read: 0, most }
    }

    /// The next message; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await;
            let Some(frame) = frame else {
                let rest = self.buffer.len();
                return if rest == 0 {
                    Ok(None)
                } else {
                    Err("the answer broke off inside a message".to_owned())
                };
            };
            match frame.map_err(|error| crate::http::reason(&error))?.into_data() {
                Ok(data) => {
                    self.read += data.len();
                    if self.read > self.most {
                        return Err(format!("the answer is larger than {} bytes", self.most));
                    }
                    self.buffer.extend_from_slice(&data);
                }
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
        }
    }

    fn whole(&mut self) -> Result<Option<Bytes>, String> {
        let [compressed, a, b, c, d, ..] = self.buffer[..] else { return Ok(None) };
        if compressed != 0 {
            return Err("a message is compressed, though nobody asked for that".to_owned());
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > self.most {
            return Err(format!("a message is larger than {} bytes", self.most));
        }
        if self.buffer.len() < 5 + length {
            return Ok(None);
        }
        self.buffer.advance(5);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// What came after the messages.
    pub(super) fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }
}
