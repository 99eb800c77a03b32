//! Follows the five-byte prefixes of gRPC messages through chunks of any size.

/// Where in the stream of messages the next byte stands.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Bytes of the current message still to come.
    left: u32,
    prefix: [u8; 5],
    /// Bytes of the prefix already seen.
    have: usize,
}

impl Frames {
    /// Takes the next chunk.
    ///
    /// # Errors
    /// The size of a message that is over `limit`, as soon as its prefix is seen.
    pub(crate) fn feed(&mut self, mut chunk: &[u8], limit: u32) -> Result<(), u32> {
        loop {
            let skip = chunk.len().min(self.left as usize);
            self.left -= u32::try_from(skip).unwrap_or(u32::MAX);
            chunk = chunk.get(skip..).unwrap_or_default();
            if chunk.is_empty() {
                return Ok(());
            }
            let [_, size @ ..] = match chunk.split_first_chunk::<5>() {
                Some((prefix, rest)) if self.have == 0 => {
                    chunk = rest;
                    *prefix
                }
                _ => match self.split_prefix(&mut chunk) {
                    Some(prefix) => prefix,
                    None => return Ok(()),
                },
            };
            self.left = u32::from_be_bytes(size);
            if self.left > limit {
                return Err(self.left);
            }
        }
    }

    /// A prefix that came in pieces, once it is whole.
    fn split_prefix(&mut self, chunk: &mut &[u8]) -> Option<[u8; 5]> {
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
                assert_eq!(frames.feed(chunk, 10), Ok(()), "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_message_over_the_limit_is_named_by_its_size_however_it_is_cut() {
        let bytes: Vec<u8> = [3, 0, 11].into_iter().flat_map(message).collect();
        for piece in 1..=bytes.len() {
            let mut frames = Frames::default();
            let found = bytes.chunks(piece).find_map(|chunk| frames.feed(chunk, 10).err());
            assert_eq!(found, Some(11), "in pieces of {piece}");
        }
    }
}
