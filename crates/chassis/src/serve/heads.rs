//! Follows the heads of HTTP/1.1 through chunks of any size: where one has begun that is not whole, and what is wrong with
//! one that hyper takes all the same.

/// Ends every line; a carriage return before it belongs to it.
const LINE: u8 = b'\n';

/// What is wrong with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Odd {
    /// Its target has a fragment (RFC 9112, 3.2).
    Fragment = 1,
    /// It says in two ways how long its body is (RFC 9112, 6.1).
    TwoLengths,
}

/// Where in the sequence of requests the next byte stands.
#[derive(Debug)]
pub(super) struct Heads {
    next: Next,
    /// What has come of a head that is not whole.
    begun: Vec<u8>,
    /// No more of it is kept.
    limit: usize,
    /// Heads that were whole.
    count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Head,
    /// So many bytes of a body.
    Body(u64),
    /// A body whose end is not known here. The next head begins when its request is answered.
    Unknown,
}

impl Heads {
    pub(super) fn new(limit: usize) -> Self {
        Self { next: Next::Head, begun: Vec::new(), limit, count: 0 }
    }

    /// Whether a head has begun that is not whole.
    pub(super) fn has_begun(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Takes the next chunk, where so many requests have been answered if none runs; `seen` gets what is wrong with the head
    /// of which request, from 1.
    pub(super) fn feed(&mut self, mut chunk: &[u8], answered: Option<u64>, mut seen: impl FnMut(u64, Odd)) {
        if let (Next::Unknown, Some(answered)) = (self.next, answered) {
            (self.next, self.count) = (Next::Head, answered);
        }
        while !chunk.is_empty() {
            match &mut self.next {
                Next::Unknown => return,
                Next::Body(left) => {
                    let skip = usize::try_from(*left).unwrap_or(usize::MAX).min(chunk.len());
                    *left -= skip as u64;
                    if *left == 0 {
                        self.next = Next::Head;
                    }
                    chunk = chunk.get(skip..).unwrap_or_default();
                }
                Next::Head => chunk = self.head(chunk, &mut seen),
            }
        }
    }

    /// Takes a chunk that begins in a head; gives back what is behind it.
    fn head<'a>(&mut self, chunk: &'a [u8], seen: &mut impl FnMut(u64, Odd)) -> &'a [u8] {
        let mut whole = std::mem::take(&mut self.begun);
        let before = whole.len();
        // Empty lines before a request are passed over (RFC 9112, 2.2).
        let chunk = if before == 0 { chunk.trim_ascii_start() } else { chunk };
        let read = if before == 0 {
            Read::of(chunk)
        } else {
            whole.extend_from_slice(chunk);
            Read::of(&whole)
        };
        let Some(read) = read else {
            whole = if before == 0 { chunk.to_vec() } else { whole };
            // hyper refuses what is larger.
            whole.truncate(self.limit);
            self.begun = whole;
            return &[];
        };
        self.count += 1;
        if let Some(odd) = read.odd {
            seen(self.count, odd);
        }
        self.next = read.next;
        chunk.get(read.size.saturating_sub(before)..).unwrap_or_default()
    }
}

/// What is known of a head that is whole.
struct Read {
    size: usize,
    next: Next,
    odd: Option<Odd>,
}

impl Read {
    fn of(bytes: &[u8]) -> Option<Self> {
        let (mut start, mut length, mut coded, mut fragment) = (0, None, false, false);
        for end in memchr::memchr_iter(LINE, bytes) {
            let line = bytes.get(start..end)?;
            match line {
                [] | [b'\r'] => {
                    let odd = match (fragment, length, coded) {
                        (_, Some(_), true) => Some(Odd::TwoLengths),
                        (true, ..) => Some(Odd::Fragment),
                        _ => None,
                    };
                    let next = match (coded, length) {
                        (true, _) | (_, Some(None)) => Next::Unknown,
                        (false, Some(Some(length))) if length > 0 => Next::Body(length),
                        _ => Next::Head,
                    };
                    return Some(Self { size: end + 1, next, odd });
                }
                _ if start == 0 => fragment = memchr::memchr(b'#', line).is_some(),
                [b'c' | b'C', ..] => {
                    length = value(line, b"content-length").map(|v| str::from_utf8(v).ok()?.parse().ok()).or(length);
                }
                [b't' | b'T', ..] => coded |= value(line, b"transfer-encoding").is_some(),
                _ => {}
            }
            start = end + 1;
        }
        None
    }
}

/// The value of a field, if it is this one.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (field, value) = line.split_at_checked(name.len())?;
    value.strip_prefix(b":").filter(|_| field.eq_ignore_ascii_case(name)).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_head_is_seen_however_the_bytes_are_cut_and_bodies_are_none() {
        let bytes = b"\r\nGET /a#b HTTP/1.1\r\nhost: x\r\n\r\nPOST /c HTTP/1.1\r\nContent-Length: 22\r\n\r\nGET /#c HTTP/1.1\r\n\r\nxy\
            POST /d HTTP/1.1\nContent-length: 5\nTransfer-encoding: chunked\n\n0\r\n\r\n";
        let expected = [(1, Odd::Fragment), (3, Odd::TwoLengths)];
        for piece in 1..=bytes.len() {
            let (mut heads, mut seen) = (Heads::new(1024), Vec::new());
            for chunk in bytes.chunks(piece) {
                heads.feed(chunk, None, |number, odd| seen.push((number, odd)));
            }
            assert_eq!((seen.as_slice(), heads.has_begun()), (&expected[..], false), "in pieces of {piece}");
            // Its end is not known; its answer tells.
            heads.feed(b"GET ", None, |_, _| {});
            assert!(!heads.has_begun());
            heads.feed(b"GET ", Some(3), |_, _| {});
            assert!(heads.has_begun());
        }
    }

    #[test]
    fn no_more_is_kept_of_a_head_than_its_limit() {
        let mut heads = Heads::new(100);
        for _ in 0..10 {
            heads.feed(&[b'x'; 99], None, |_, _| {});
        }
        assert_eq!(heads.begun.len(), 100);
    }
}
