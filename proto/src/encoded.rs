//! Replies that are encoded already, and the codec that puts them on the wire as they are.

use std::{collections::HashMap, fmt, marker::PhantomData};

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::{
    Code, Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tonic_types::{ErrorDetails, StatusExt};

use crate::pieces::joined;

/// Bytes known to be an encoded `T`.
pub struct Encoded<T> {
    bytes: Bytes,
    of: PhantomData<fn() -> T>,
}

impl<T> Encoded<T> {
    /// Takes bytes that the caller knows to be an encoded `T`.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), of: PhantomData }
    }

    /// The encoded message.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl<T: Message> From<&T> for Encoded<T> {
    fn from(message: &T) -> Self {
        Self::new(message.encode_to_vec())
    }
}

impl<T> fmt::Debug for Encoded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content is somebody's record: its size is all that a log may hold.
        f.debug_struct("Encoded").field("len", &self.bytes.len()).finish()
    }
}

/// Writes [`Encoded`] messages as they are and reads messages with prost.
///
/// The type parameters are those that tonic's generated code gives: what is written, what is read; the bytes to set
/// aside for a reply before its size is known; and whether requests hold a record, of which pieces are joined.
pub struct BufferedCodec<W, R, const BUFFER: usize, const RECORD: bool = false>(PhantomData<fn() -> (W, R)>);

/// For replies of one message.
pub type EncodedCodec<W, R> = BufferedCodec<W, R, 512>;

/// For requests with a record and replies of one message.
pub type RecordCodec<W, R> = BufferedCodec<W, R, 512, true>;

/// For replies of many messages, which are gathered and written in large pieces.
pub type EncodedStreamCodec<W, R> = BufferedCodec<W, R, { 80 << 10 }>;

/// Bytes of gathered messages that are written at once.
const PIECE: usize = 64 << 10;

impl<W, R, const BUFFER: usize, const RECORD: bool> Default for BufferedCodec<W, R, BUFFER, RECORD> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: 'static, R: Message + Default + 'static, const BUFFER: usize, const RECORD: bool> Codec
    for BufferedCodec<Encoded<T>, R, BUFFER, RECORD>
{
    type Encode = Encoded<T>;
    type Decode = R;
    type Encoder = WriteEncoded<T, BUFFER>;
    type Decoder = ReadMessage<R, RECORD>;

    fn encoder(&mut self) -> WriteEncoded<T, BUFFER> {
        WriteEncoded(PhantomData)
    }

    fn decoder(&mut self) -> ReadMessage<R, RECORD> {
        ReadMessage(PhantomData)
    }
}

/// The writing half of [`BufferedCodec`].
pub struct WriteEncoded<T, const BUFFER: usize>(PhantomData<fn() -> T>);

impl<T, const BUFFER: usize> Encoder for WriteEncoded<T, BUFFER> {
    type Item = Encoded<T>;
    type Error = Status;

    fn encode(&mut self, item: Encoded<T>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item.bytes);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER, PIECE)
    }
}

/// The reading half of [`BufferedCodec`].
pub struct ReadMessage<R, const RECORD: bool>(PhantomData<fn() -> R>);

impl<R: Message + Default, const RECORD: bool> Decoder for ReadMessage<R, RECORD> {
    type Item = R;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<R>, Status> {
        let read = if RECORD { R::decode(joined(from.copy_to_bytes(from.remaining()))) } else { R::decode(from) };
        read.map(Some).map_err(|error| malformed(&error))
    }
}

/// What a caller is told whose bytes are no message of the method.
fn malformed(error: &prost::DecodeError) -> Status {
    let details = ErrorDetails::with_error_info("MALFORMED_MESSAGE", "campus", HashMap::new());
    let message = format!("the message is not what the method takes: {error}");
    Status::with_error_details(Code::InvalidArgument, message, details)
}
