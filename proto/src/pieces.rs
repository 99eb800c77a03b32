//! A record that stands in a request in several pieces. Protobuf has the pieces of a message merged, which is what putting
//! them one behind the other does; prost does not know that the bytes of a record are a message.

use bytes::{Buf, Bytes};
use prost::{
    DecodeError,
    encoding::{self, DecodeContext, WireType},
};

/// The number that the record has in every request with one.
const RECORD: u32 = 1;

/// The request with its record in one piece. What is no message stays as it is.
pub(crate) fn joined(request: Bytes) -> Bytes {
    match split(&request) {
        Ok((pieces, others)) if pieces.len() > 1 => {
            let mut whole = others;
            encoding::bytes::encode(RECORD, &pieces.concat(), &mut whole);
            whole.into()
        }
        _ => request,
    }
}

/// The pieces of the record, and all other fields as they are.
fn split(request: &[u8]) -> Result<(Vec<&[u8]>, Vec<u8>), DecodeError> {
    let (mut pieces, mut others, mut rest) = (Vec::new(), Vec::new(), request);
    while rest.has_remaining() {
        let field = rest;
        let (number, kind) = encoding::decode_key(&mut rest)?;
        let value = rest;
        encoding::skip_field(kind, number, &mut rest, DecodeContext::default())?;
        let all_but_rest = |bytes: &'_ [u8]| bytes.len() - rest.len();
        if number == RECORD && kind == WireType::LengthDelimited {
            let mut piece = value.get(..all_but_rest(value)).unwrap_or_default();
            encoding::decode_varint(&mut piece)?;
            pieces.push(piece);
        } else {
            others.extend_from_slice(field.get(..all_but_rest(field)).unwrap_or_default());
        }
    }
    Ok((pieces, others))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::CreateRequest;
    use prost::Message;

    fn request(record: &'static [u8], id: &str) -> Vec<u8> {
        let record = Some(Bytes::from_static(record));
        CreateRequest { record, id: id.into(), request_id: String::new() }.encode_to_vec()
    }

    #[test]
    fn pieces_of_a_record_are_joined_and_of_other_fields_the_last_one_counts() {
        let sent = [request(b"\x1a\x01A", "1"), request(b"\x22\x01B", "2")].concat();
        let read = CreateRequest::decode(joined(sent.into())).unwrap();
        assert_eq!((read.record.unwrap().as_ref(), read.id.as_str()), (b"\x1a\x01A\x22\x01B".as_slice(), "2"));
    }

    #[test]
    fn a_record_in_one_piece_is_left_alone_and_so_is_what_is_no_message() {
        let whole = Bytes::from(request(b"\x1a\x01A", "1"));
        assert_eq!(joined(whole.clone()).as_ptr(), whole.as_ptr());
        let broken = Bytes::from_static(b"\x0a\x01A\x0a\x7fB");
        assert_eq!(joined(broken.clone()), broken);
    }
}
