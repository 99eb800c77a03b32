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
    // Nearly every request has one piece, and is only looked at.
    match fields(&request).filter(|field| matches!(field, Ok(Field::Piece(_)))).count() {
        0 | 1 => request,
        _ => merged(&request).map_or(request, Bytes::from),
    }
}

fn merged(request: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let (mut record, mut whole) = (Vec::new(), Vec::new());
    for field in fields(request) {
        match field? {
            Field::Piece(bytes) => record.extend_from_slice(bytes),
            Field::Other(bytes) => whole.extend_from_slice(bytes),
        }
    }
    encoding::bytes::encode(RECORD, &record, &mut whole);
    Ok(whole)
}

enum Field<'a> {
    /// A piece of the record, without its key and length.
    Piece(&'a [u8]),
    /// Another field as it is.
    Other(&'a [u8]),
}

/// The fields in their order, up to the first that cannot be read.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Result<Field<'_>, DecodeError>> {
    let mut is_broken = false;
    std::iter::from_fn(move || {
        let field = (rest.has_remaining() && !is_broken).then(|| next(&mut rest));
        is_broken = matches!(field, Some(Err(_)));
        field
    })
}

fn next<'a>(rest: &mut &'a [u8]) -> Result<Field<'a>, DecodeError> {
    let field = *rest;
    let (number, kind) = encoding::decode_key(rest)?;
    let value = *rest;
    encoding::skip_field(kind, number, rest, DecodeContext::default())?;
    let all_but_rest = |bytes: &'a [u8]| bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
    if number != RECORD || kind != WireType::LengthDelimited {
        return Ok(Field::Other(all_but_rest(field)));
    }
    let mut piece = all_but_rest(value);
    encoding::decode_varint(&mut piece)?;
    Ok(Field::Piece(piece))
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
