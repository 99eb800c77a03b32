//! How messages are compressed, and which side may use what (gRPC over HTTP/2, "Compression").

use bytes::{BufMut, BytesMut};
use flate2::{
    Compression,
    bufread::{GzEncoder, MultiGzDecoder},
};
use http::HeaderValue;
use std::{
    cell::RefCell,
    io::{self, Read},
};

/// What is understood, for `grpc-accept-encoding`.
pub(super) const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,zstd");

/// A frame of zstd that wants a larger window than this, 8 MiB, is refused, as RFC 8878 (3.1.1.1.2) advises: the window is
/// memory, and a few bytes can ask for gigabytes.
pub(super) const ZSTD_WINDOW_LOG: u32 = 23;
/// How zstd says so: its number of the error does not reach us.
const ZSTD_WINDOW_FAULT: &str = "Frame requires too much memory for decoding";
/// A server's time is dearer than the last percent of size.
const ZSTD_LEVEL: i32 = 1;

thread_local! {
    /// The state of the compressor is too large to be made for each message.
    static ZSTD: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// A compression of single messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Zstd,
}

/// Why a message cannot be unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unpack {
    TooLarge,
    /// A frame of zstd wants more memory than it may.
    WindowTooLarge,
    Damaged,
}

impl Encoding {
    /// What `grpc-encoding` names; none for `identity`.
    ///
    /// # Errors
    /// When it is not understood here.
    pub(super) fn named(name: &[u8]) -> Result<Option<Self>, ()> {
        match name {
            b"identity" => Ok(None),
            b"gzip" => Ok(Some(Self::Gzip)),
            b"zstd" => Ok(Some(Self::Zstd)),
            _ => Err(()),
        }
    }

    /// The best of those that `grpc-accept-encoding` lists.
    pub(super) fn best_of(accepted: &HeaderValue) -> Option<Self> {
        [Self::Zstd, Self::Gzip].into_iter().find(|encoding| encoding.is_in(accepted))
    }

    /// Whether `grpc-accept-encoding` lists it.
    pub(super) fn is_in(self, accepted: &HeaderValue) -> bool {
        accepted.as_bytes().split(|byte| *byte == b',').any(|name| name.trim_ascii() == self.name().as_bytes())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// For `grpc-encoding`.
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// Adds the message to `out`, compressed.
    pub(super) fn pack(self, message: &[u8], out: &mut BytesMut) -> io::Result<()> {
        match self {
            Self::Gzip => io::copy(&mut GzEncoder::new(message, Compression::fast()), &mut out.writer()).map(|_| ()),
            Self::Zstd => ZSTD.with_borrow_mut(|compressor| {
                let compressor = match compressor {
                    Some(compressor) => compressor,
                    None => compressor.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
                };
                out.extend_from_slice(&compressor.compress(message)?);
                Ok(())
            }),
        }
    }

    /// Adds the content of a compressed message to `out`; stops when it is seen to be over `limit`.
    pub(super) fn unpack(self, message: &[u8], limit: u32, out: &mut BytesMut) -> Result<(), Unpack> {
        let content: &mut dyn Read = match self {
            Self::Gzip => &mut MultiGzDecoder::new(message),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(message).map_err(|_| Unpack::Damaged)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| Unpack::Damaged)?;
                &mut { decoder }
            }
        };
        match io::copy(&mut content.take(u64::from(limit) + 1), &mut out.writer()) {
            Ok(size) if size > u64::from(limit) => Err(Unpack::TooLarge),
            Ok(_) => Ok(()),
            Err(error) if self == Self::Zstd && error.to_string() == ZSTD_WINDOW_FAULT => Err(Unpack::WindowTooLarge),
            Err(_) => Err(Unpack::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];

    fn packed(encoding: Encoding, message: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        encoding.pack(message, &mut out).unwrap();
        out
    }

    fn unpacked(encoding: Encoding, message: &[u8], limit: u32) -> Result<BytesMut, Unpack> {
        let mut out = BytesMut::new();
        encoding.unpack(message, limit, &mut out).map(|()| out)
    }

    #[test]
    fn what_is_packed_comes_out_again_and_is_smaller() {
        for encoding in BOTH {
            for message in [&b""[..], b"x", &b"campus ".repeat(10_000)] {
                let small = packed(encoding, message);
                assert_eq!(unpacked(encoding, &small, 1 << 20).unwrap(), message, "{encoding:?}");
                assert!(message.len() < 100 || small.len() * 10 < message.len(), "{encoding:?}");
            }
        }
    }

    #[test]
    fn a_message_at_the_limit_passes_and_one_over_it_is_not_unpacked_to_its_end() {
        for encoding in BOTH {
            let bomb = packed(encoding, &vec![0; 16 << 20]);
            assert_eq!(unpacked(encoding, &bomb, 16 << 20).unwrap().len(), 16 << 20);
            let mut out = BytesMut::new();
            assert_eq!(encoding.unpack(&bomb, 1 << 20, &mut out), Err(Unpack::TooLarge));
            assert!(out.len() <= (1 << 20) + 1 && out.capacity() <= 4 << 20, "{encoding:?}: {}", out.capacity());
        }
    }

    #[test]
    fn damaged_cut_or_foreign_bytes_are_told_from_good_ones() {
        for encoding in BOTH {
            let good = packed(encoding, &b"campus ".repeat(1000));
            let mut turned = good.clone();
            turned.iter_mut().skip(12).for_each(|byte| *byte = !*byte);
            let followed = [&good[..], b"more"].concat();
            for bad in [&good[..good.len() - 1], &turned, b"no compression", &followed] {
                assert_eq!(unpacked(encoding, bad, 1 << 20), Err(Unpack::Damaged), "{encoding:?}");
            }
        }
    }

    #[test]
    fn a_zstd_frame_that_wants_a_huge_window_is_refused() {
        // Magic, a descriptor without content size, a window of so many bytes, an empty last block.
        let unpacked = |window| unpacked(Encoding::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0], 1 << 20);
        for (window, bytes) in [(0x88, 1_u64 << 27), (0x70, 1 << 24), (0x69, 9 << 20)] {
            assert_eq!(unpacked(window), Err(Unpack::WindowTooLarge), "{bytes}");
        }
        assert_eq!(unpacked(0x68), Ok(BytesMut::new()), "8 MiB");
        assert_eq!(unpacked(0xf8), Err(Unpack::WindowTooLarge), "2^41 bytes");
    }

    #[test]
    fn the_best_that_is_accepted_is_chosen() {
        for (accepted, best) in [
            ("identity,gzip,zstd", Some(Encoding::Zstd)),
            ("gzip , identity", Some(Encoding::Gzip)),
            ("identity,deflate,gzipped", None),
            ("", None),
        ] {
            assert_eq!(Encoding::best_of(&HeaderValue::from_static(accepted)), best, "{accepted}");
        }
    }
}
