//! A request as it was sent, beside what it says.

use bytes::{Buf, BufMut, Bytes};
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType},
};

/// A message and the bytes that it was read from, in which fields that this build does not know survive.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Sent<T> {
    /// What the bytes say.
    pub message: T,
    /// The message as it was sent.
    pub bytes: Bytes,
}

impl<T: Message + Default> From<T> for Sent<T> {
    fn from(message: T) -> Self {
        Self { bytes: message.encode_to_vec().into(), message }
    }
}

impl<T: Message + Default> Message for Sent<T> {
    fn merge(&mut self, mut from: impl Buf) -> Result<(), DecodeError> {
        let bytes = from.copy_to_bytes(from.remaining());
        self.message.merge(bytes.clone())?;
        self.bytes = if self.bytes.is_empty() { bytes } else { [self.bytes.as_ref(), &bytes].concat().into() };
        Ok(())
    }

    fn merge_field(
        &mut self,
        number: u32,
        kind: WireType,
        from: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.message.merge_field(number, kind, from, context)
    }

    fn encode_raw(&self, to: &mut impl BufMut) {
        to.put(self.bytes.clone());
    }

    fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
