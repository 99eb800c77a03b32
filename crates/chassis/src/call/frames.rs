//! Follows the five-byte prefixes of gRPC messages through chunks of any size.

/// Bytes of a prefix: a flag and a size.
pub(super) const PREFIX: usize = 5;

/// What is wrong with a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The message is larger than the limit.
    TooLarge(u32),
    /// The flag is not one of those allowed: 0, and 1 where the call has named a compression.
    Flag(u8),
}

/// Where in the stream of messages the next byte stands.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Bytes of the current message still to come.
    left: u32,
    /// Bytes of the current message as its prefix says.
    size: u32,
    prefix: [u8; PREFIX],
    /// Bytes of the prefix already seen.
    have: usize,
    /// Messages that have begun.
    messages: u64,
}

impl Frames {
    /// Takes the next chunk of messages of at most `limit` bytes, compressed ones among them or not.
    ///
    /// # Errors
    /// What is wrong, as soon as a prefix is seen.
    pub(crate) fn feed(&mut self, mut chunk: &[u8], limit: u32, compressed: bool) -> Result<(), Fault> {
        loop {
            let skip = chunk.len().min(self.left as usize);
            self.left -= u32::try_from(skip).unwrap_or(u32::MAX);
            chunk = chunk.get(skip..).unwrap_or_default();
            if chunk.is_empty() {
                return Ok(());
            }
            let [flag, size @ ..] = match chunk.split_first_chunk::<PREFIX>() {
                Some((prefix, rest)) if self.have == 0 => {
                    chunk = rest;
                    *prefix
                }
                _ => match self.split_prefix(&mut chunk) {
                    Some(prefix) => prefix,
                    None => return Ok(()),
                },
            };
            self.messages += 1;
            self.size = u32::from_be_bytes(size);
            self.left = self.size;
            if flag > u8::from(compressed) {
                return Err(Fault::Flag(flag));
            }
            if self.size > limit {
                return Err(Fault::TooLarge(self.size));
            }
        }
    }

    /// Messages whose prefixes have been seen.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// Bytes that were taken of a message that is not whole yet, its prefix included.
    pub(crate) fn begun(&self) -> usize {
        match self.left {
            0 => self.have,
            left => self.prefix.len() + (self.size - left) as usize,
        }
    }

    /// A prefix that came in pieces, once it is whole.
    fn split_prefix(&mut self, chunk: &mut &[u8]) -> Option<[u8; PREFIX]> {
        for place in self.prefix.iter_mut().skip(self.have) {
            let (byte, rest) = chunk.split_first()?;
            *place = *byte;
            *chunk = rest;
            self.have += 1;
        }
        self.have = 0;
        Some(self.prefix)
    }
}

/// The messages in `bytes` that are whole, each with whether it is compressed.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    std::iter::from_fn(move || {
        let ([flag, size @ ..], rest) = bytes.split_first_chunk::<PREFIX>()?;
        let (message, rest) = rest.split_at_checked(u32::from_be_bytes(*size) as usize)?;
        bytes = rest;
        Some((*flag == 1, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(size: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0, size];
        bytes.resize(5 + usize::from(size), 7);
        bytes
    }

    #[test]
    fn messages_within_the_limit_pass_however_they_are_cut() {
        let bytes: Vec<u8> = [0, 3, 10, 0, 1, 9].into_iter().flat_map(message).collect();
        for piece in 1..=bytes.len() {
            let mut frames = Frames::default();
            for chunk in bytes.chunks(piece) {
                assert_eq!(frames.feed(chunk, 10, false), Ok(()), "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_is_begun_is_what_came_after_the_last_whole_message() {
        let bytes: Vec<u8> = [3, 0, 4].into_iter().flat_map(message).collect();
        let ends = [0, 8, 13, 22];
        for seen in 0..=bytes.len() {
            let mut frames = Frames::default();
            frames.feed(&bytes[..seen], 10, false).unwrap();
            let whole = ends.into_iter().rfind(|end| *end <= seen).unwrap();
            assert_eq!(frames.begun(), seen - whole, "of {seen} bytes");
        }
    }

    #[test]
    fn a_message_over_the_limit_is_named_by_its_size_however_it_is_cut() {
        let bytes: Vec<u8> = [3, 0, 11].into_iter().flat_map(message).collect();
        for piece in 1..=bytes.len() {
            let mut frames = Frames::default();
            let found = bytes.chunks(piece).find_map(|chunk| frames.feed(chunk, 10, false).err());
            assert_eq!(found, Some(Fault::TooLarge(11)), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_flag_is_allowed_where_a_compression_is_named_and_only_that_one() {
        for (flag, compressed, found) in
            [(0, false, None), (0, true, None), (1, true, None), (1, false, Some(1)), (2, true, Some(2))]
        {
            let outcome = Frames::default().feed(&[flag, 0, 0, 0, 0], 10, compressed);
            assert_eq!(outcome.err(), found.map(Fault::Flag), "{flag} {compressed}");
        }
    }

    #[test]
    fn whole_messages_are_given_one_by_one() {
        let bytes = [&[0, 0, 0, 0, 1, 7, 1, 0, 0, 0, 2, 8, 9][..], &[0, 0, 0, 0, 9, 1]].concat();
        assert_eq!(messages(&bytes).collect::<Vec<_>>(), [(false, &[7][..]), (true, &[8, 9])]);
    }
}
