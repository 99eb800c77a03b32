//! Follows HTTP/2 frames through chunks of any size (RFC 9113, 4.1), by their heads alone.

const HEAD: usize = 9;

/// Kinds of frames (RFC 9113, 6).
pub(super) mod kind {
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    /// A kind that there is not; such frames are skipped (RFC 9113, 5.5).
    pub(crate) const NONE: u8 = 0xff;
}

/// The head of a frame, as far as anybody here asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

/// Where the byte that says a frame's kind stands, in bytes before the end of its head.
pub(super) const KIND_FROM_END: usize = 6;

/// Where in the sequence of frames the next byte stands.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Bytes of the current frame's payload still to come.
    left: usize,
    head: [u8; HEAD],
    /// Bytes of the next head already seen.
    have: usize,
}

impl Frames {
    /// Begins after `bytes` that are no frame.
    pub(super) fn after(bytes: usize) -> Self {
        Self { left: bytes, ..Self::default() }
    }

    /// Takes the next chunk; `seen` gets each head that ends in it, and what of the chunk is behind.
    pub(super) fn feed(&mut self, mut chunk: &[u8], mut seen: impl FnMut(Head, &[u8])) {
        loop {
            let skip = chunk.len().min(self.left);
            self.left -= skip;
            chunk = chunk.get(skip..).unwrap_or_default();
            if chunk.is_empty() {
                return;
            }
            let head = match chunk.split_first_chunk::<HEAD>() {
                Some((head, rest)) if self.have == 0 => {
                    chunk = rest;
                    *head
                }
                _ => match self.split_head(&mut chunk) {
                    Some(head) => head,
                    None => return,
                },
            };
            let [a, b, c, kind, flags, stream @ ..] = head;
            self.left = u32::from_be_bytes([0, a, b, c]) as usize;
            seen(Head { kind, flags, stream: u32::from_be_bytes(stream) & u32::MAX >> 1 }, chunk);
        }
    }

    /// At least so many bytes are missing to the end of the current frame; 0 between two frames.
    pub(super) fn missing(&self) -> usize {
        if self.have > 0 { HEAD - self.have } else { self.left }
    }

    /// A head that came in pieces, once it is whole.
    fn split_head(&mut self, chunk: &mut &[u8]) -> Option<[u8; HEAD]> {
        for place in self.head.iter_mut().skip(self.have) {
            let (byte, rest) = chunk.split_first()?;
            *place = *byte;
            *chunk = rest;
            self.have += 1;
        }
        self.have = 0;
        Some(self.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, size: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, size, kind, flags, 0, 0, 0, 1];
        bytes.resize(HEAD + usize::from(size), 0xff);
        bytes
    }

    #[test]
    fn every_head_is_seen_however_the_bytes_are_cut() {
        let frames = [(4, 0, 0), (1, 4, 30), (0, 1, 200), (6, 0, 8), (6, 1, 8)];
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frames.into_iter().flat_map(|(kind, flags, size)| frame(kind, flags, size)));
        let expected = frames.map(|(kind, flags, _)| Head { kind, flags, stream: 1 });
        for piece in 1..=bytes.len() {
            let (mut follow, mut seen) = (Frames::after(24), Vec::new());
            for chunk in bytes.chunks(piece) {
                follow.feed(chunk, |head, _| seen.push(head));
            }
            assert_eq!((seen.as_slice(), follow.missing()), (expected.as_slice(), 0), "in pieces of {piece}");
        }
    }

    #[test]
    fn who_writes_what_is_missing_again_and_again_stands_between_two_frames() {
        let bytes = [frame(0, 0, 100), frame(1, 0, 50)].concat();
        for cut in 1..bytes.len() {
            let mut follow = Frames::default();
            follow.feed(&bytes[..cut], |_, _| {});
            let mut at = cut;
            while follow.missing() > 0 {
                let next = at + follow.missing();
                follow.feed(&bytes[at..next], |_, _| {});
                at = next;
            }
            assert!(at == 109 || at == bytes.len(), "cut at {cut} it ended at {at}");
        }
    }
}
