//! How bodies are compressed (RFC 9110, 8.4): gzip, br and zstd, both ways.

use std::io::{self, Write};

use flate2::{
    Compression,
    write::{GzEncoder, MultiGzDecoder},
};
use http::{HeaderMap, HeaderValue, header};
use zstd::stream::zio;

use super::accept::listed;

/// What is understood, for `Accept-Encoding` of an answer (RFC 7694).
pub(crate) const UNDERSTOOD: HeaderValue = HeaderValue::from_static("zstd, br, gzip");

/// A server's time is dearer than the last percent of size.
const BROTLI_QUALITY: u32 = 3;
const BROTLI_WINDOW_LOG: u32 = 19;
const ZSTD_LEVEL: i32 = 1;
/// A larger window is refused, as RFC 8878 (3.1.1.1.2) advises: it is memory, and a few bytes can ask for gigabytes.
const ZSTD_WINDOW_LOG: u32 = 23;
/// What brotli works with on its way.
const BROTLI_BUFFER: usize = 4 << 10;

/// A compression of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Zstd,
    Br,
    Gzip,
}

impl Coding {
    const ALL: [Self; 3] = [Self::Zstd, Self::Br, Self::Gzip];

    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }

    /// For `Content-Encoding`.
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// The one of the highest quality that `Accept-Encoding` names, if it is not less than none at all has.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(header::ACCEPT_ENCODING) {
            return None;
        }
        let named = |wanted: &str| {
            let mut all = listed(headers, &header::ACCEPT_ENCODING);
            all.find(|(name, _)| name.strip_prefix("x-").unwrap_or(name).eq_ignore_ascii_case(wanted)).map(|(_, q)| q)
        };
        let others = named("*").unwrap_or(0);
        let best = |best: Option<(Self, u16)>, coding: Self| match named(coding.name()).unwrap_or(others) {
            quality if quality > best.map_or(0, |(_, best)| best) => Some((coding, quality)),
            _ => best,
        };
        let plain = named("identity").unwrap_or(0);
        Self::ALL.into_iter().fold(None, best).filter(|(_, quality)| *quality >= plain).map(|(coding, _)| coding)
    }

    /// How the body of a request is compressed; none if it is not.
    ///
    /// # Errors
    /// When it is in a way that is not understood.
    pub(crate) fn of_request(headers: &HeaderMap) -> Result<Option<Self>, ()> {
        let mut codings = listed(headers, &header::CONTENT_ENCODING).map(|(name, _)| name);
        let coding = match codings.next() {
            None => None,
            Some(name) if name.eq_ignore_ascii_case("identity") => None,
            Some(name) if name.eq_ignore_ascii_case("x-gzip") => Some(Self::Gzip),
            Some(name) => Some(Self::ALL.into_iter().find(|c| name.eq_ignore_ascii_case(c.name())).ok_or(())?),
        };
        if codings.next().is_some() { Err(()) } else { Ok(coding) }
    }

    /// All of it, compressed.
    pub(crate) fn pack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut packer = Packer::new(self)?;
        packer.write(bytes)?;
        packer.finish()
    }

    /// All of it, unpacked, of which there may be no more than `limit` bytes.
    pub(crate) fn unpack(self, bytes: &[u8], limit: usize) -> Result<Vec<u8>, Unpack> {
        let mut unpacker = Unpacker::new(self, limit)?;
        let mut out = unpacker.write(bytes)?;
        out.extend(unpacker.finish()?);
        Ok(out)
    }
}

/// Why a body cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unpack {
    TooLarge,
    Damaged,
}

/// Compresses a body as it is made.
pub(crate) enum Packer {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Br(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Packer {
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
            Coding::Br => {
                let writer =
                    brotli::CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_QUALITY, BROTLI_WINDOW_LOG);
                Self::Br(Box::new(writer))
            }
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Zstd(writer) => writer.write_all(bytes),
            Self::Br(writer) => writer.write_all(bytes),
            Self::Gzip(writer) => writer.write_all(bytes),
        }
    }

    /// What stands for all that was written, so that the other end sees it now.
    pub(crate) fn flush(&mut self) -> io::Result<Vec<u8>> {
        Ok(std::mem::take(match self {
            Self::Zstd(writer) => {
                writer.flush()?;
                writer.get_mut()
            }
            Self::Br(writer) => {
                writer.flush()?;
                writer.get_mut()
            }
            Self::Gzip(writer) => {
                writer.flush()?;
                writer.get_mut()
            }
        }))
    }

    /// The end.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd(writer) => writer.finish(),
            Self::Br(writer) => Ok(writer.into_inner()),
            Self::Gzip(writer) => writer.finish(),
        }
    }
}

/// Takes so many bytes and no more.
pub(crate) struct Limited {
    bytes: Vec<u8>,
    left: usize,
    /// It would have been more.
    over: bool,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            self.over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        self.left = left;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Unpacks a body as it comes.
pub(crate) enum Unpacker {
    Zstd(Box<zio::Writer<Limited, zstd::stream::raw::Decoder<'static>>>),
    Br(Box<brotli::DecompressorWriter<Limited>>),
    Gzip(Box<MultiGzDecoder<Limited>>),
}

impl Unpacker {
    /// All that comes out may be `limit` bytes.
    pub(crate) fn new(coding: Coding, limit: usize) -> Result<Self, Unpack> {
        let out = Limited { bytes: Vec::new(), left: limit, over: false };
        Ok(match coding {
            Coding::Zstd => {
                let mut decoder = zstd::stream::raw::Decoder::new().map_err(|_| Unpack::Damaged)?;
                let window = zstd::stream::raw::DParameter::WindowLogMax(ZSTD_WINDOW_LOG);
                decoder.set_parameter(window).map_err(|_| Unpack::Damaged)?;
                Self::Zstd(Box::new(zio::Writer::new(out, decoder)))
            }
            Coding::Br => Self::Br(Box::new(brotli::DecompressorWriter::new(out, BROTLI_BUFFER))),
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(out))),
        })
    }

    /// So many bytes more may come out, of which no more than `most` are saved up.
    pub(crate) fn allow(&mut self, bytes: usize, most: usize) {
        let limited = self.limited();
        limited.left = limited.left.saturating_add(bytes).min(most);
    }

    /// What comes out of these bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Unpack> {
        let written = match self {
            Self::Zstd(writer) => writer.write_all(bytes).and_then(|()| writer.flush()),
            Self::Br(writer) => writer.write_all(bytes),
            Self::Gzip(writer) => writer.write_all(bytes).and_then(|()| writer.flush()),
        };
        self.out(&written)
    }

    /// What is left, if the body came to its end.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Unpack> {
        let ended = match &mut self {
            Self::Zstd(writer) => writer.finish(),
            Self::Br(writer) => writer.close(),
            Self::Gzip(writer) => writer.try_finish(),
        };
        self.out(&ended)
    }

    fn limited(&mut self) -> &mut Limited {
        match self {
            Self::Zstd(writer) => writer.writer_mut(),
            Self::Br(writer) => writer.get_mut(),
            Self::Gzip(writer) => writer.get_mut(),
        }
    }

    fn out(&mut self, written: &io::Result<()>) -> Result<Vec<u8>, Unpack> {
        let out = self.limited();
        match written {
            _ if out.over => Err(Unpack::TooLarge),
            Ok(()) => Ok(std::mem::take(&mut out.bytes)),
            Err(_) => Err(Unpack::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn what_is_packed_comes_out_again_in_whatever_pieces() {
        let text = b"campus employees ".repeat(10_000);
        for coding in Coding::ALL {
            let packed = coding.pack(&text).unwrap();
            assert!(packed.len() * 10 < text.len(), "{coding:?}: {}", packed.len());
            assert_eq!(coding.unpack(&packed, text.len()).unwrap(), text, "{coding:?}");
            for piece in [1, 7, 100] {
                let (mut unpacker, mut out) = (Unpacker::new(coding, text.len()).unwrap(), Vec::new());
                packed.chunks(piece).for_each(|chunk| out.extend(unpacker.write(chunk).unwrap()));
                out.extend(unpacker.finish().unwrap());
                assert_eq!(out, text, "{coding:?} in pieces of {piece}");
            }
            assert_eq!(coding.unpack(&coding.pack(b"").unwrap(), 0).unwrap(), b"");
        }
    }

    #[test]
    fn what_is_flushed_can_be_read_at_once() {
        for coding in Coding::ALL {
            let (mut packer, mut unpacker) = (Packer::new(coding).unwrap(), Unpacker::new(coding, 100).unwrap());
            for line in ["one\n", "two\n"] {
                packer.write(line.as_bytes()).unwrap();
                assert_eq!(unpacker.write(&packer.flush().unwrap()).unwrap(), line.as_bytes(), "{coding:?}");
            }
            assert_eq!(unpacker.write(&packer.finish().unwrap()).unwrap(), b"");
            unpacker.finish().unwrap();
        }
    }

    #[test]
    fn more_than_the_limit_is_not_unpacked() {
        for coding in Coding::ALL {
            let bomb = coding.pack(&vec![0; 16 << 20]).unwrap();
            assert_eq!(coding.unpack(&bomb, 16 << 20).unwrap().len(), 16 << 20, "{coding:?}");
            assert_eq!(coding.unpack(&bomb, (16 << 20) - 1), Err(Unpack::TooLarge), "{coding:?}");
        }
    }

    #[test]
    fn damaged_and_cut_bytes_are_told_from_good_ones() {
        for coding in Coding::ALL {
            let good = coding.pack(&b"campus ".repeat(1000)).unwrap();
            for bad in [&good[..good.len() - 1], &good[1..], b"no compression"] {
                assert_eq!(coding.unpack(bad, 1 << 20), Err(Unpack::Damaged), "{coding:?}");
            }
        }
        // Magic, a descriptor without content size, a window of 2^41 bytes, an empty last block.
        let huge = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0];
        assert_eq!(Coding::Zstd.unpack(&huge, 1 << 20), Err(Unpack::Damaged));
    }

    #[test]
    fn the_coding_of_the_highest_quality_is_taken_unless_none_is_wanted_more() {
        for (accepted, expected) in [
            ("gzip", Some(Coding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, deflate, br", Some(Coding::Br)),
            ("br;q=0.5, gzip;q=0.8", Some(Coding::Gzip)),
            ("x-gzip", Some(Coding::Gzip)),
            ("*", Some(Coding::Zstd)),
            ("zstd;q=0, *", Some(Coding::Br)),
            ("gzip;q=0.5, identity", None),
            ("gzip, identity;q=0.5", Some(Coding::Gzip)),
            ("identity", None),
            ("gzip;q=0", None),
            ("deflate", None),
            ("", None),
        ] {
            assert_eq!(Coding::accepted(&headers(header::ACCEPT_ENCODING, accepted)), expected, "{accepted}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn one_coding_of_a_request_is_understood() {
        for (coding, expected) in [
            ("gzip", Ok(Some(Coding::Gzip))),
            ("BR", Ok(Some(Coding::Br))),
            ("identity", Ok(None)),
            ("deflate", Err(())),
            ("gzip, br", Err(())),
        ] {
            assert_eq!(Coding::of_request(&headers(header::CONTENT_ENCODING, coding)), expected, "{coding}");
        }
    }
}
