//! Whatever comes in, nothing panics, and both implementations agree on what is an encoding at all.

use campus_schema::{JsonOptions, Mask, MessageType};
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use crate::{
    generate::{Source, decisions, message, runs},
    subjects,
};

/// Uses the bytes in every way there is; what comes out is not looked at.
fn used(ours: MessageType, bytes: &[u8]) {
    let masks = ours.fields().iter().map(|field| Mask::parse(ours, [field.name]).unwrap());
    for mask in masks.chain([Mask::all()]) {
        let _ = ours.project(bytes, &mask);
        let _ = ours.merge(bytes, bytes, &mask);
    }
    for field in ours.fields() {
        let _ = ours.get(bytes, field.number);
        let _ = ours.without(bytes, &[field.number]);
    }
    let _ = Mask::of_set_fields(ours, bytes);
    for emit_defaults in [false, true] {
        let mut out = String::new();
        let options = JsonOptions { emit_defaults, ..JsonOptions::default() };
        if ours.to_json(bytes, &options, &mut out).is_ok() {
            serde_json::from_str::<serde_json::Value>(&out).unwrap();
        }
    }
    if let Ok(canonical) = ours.canonical(bytes) {
        let text = |bytes: &[u8]| {
            let mut out = String::new();
            ours.to_json(bytes, &JsonOptions::default(), &mut out).ok().map(|()| out)
        };
        assert_eq!(text(bytes), text(&canonical));
        assert!(ours.is_canonical(&canonical).unwrap());
        assert_eq!(ours.canonical(&canonical).unwrap(), canonical);
    }
}

/// Both take the bytes for the same message, or neither takes them for one.
fn agreed(ours: MessageType, theirs: MessageDescriptor, bytes: &[u8]) -> Result<(), TestCaseError> {
    match (ours.canonical(bytes), DynamicMessage::decode(theirs.clone(), bytes)) {
        (Ok(canonical), Ok(decoded)) => {
            // By their bytes, since NaN is not equal to itself.
            let again = DynamicMessage::decode(theirs, &*canonical).unwrap();
            let bytes = |message: &DynamicMessage| ours.canonical(&message.encode_to_vec()).unwrap();
            prop_assert_eq!(bytes(&again), bytes(&decoded));
        }
        (Ok(_), Err(error)) => return Err(TestCaseError::fail(error.to_string())),
        // prost does not look at the wire type of a map.
        (Err(fault), Ok(_)) => prop_assert!(has_map(ours), "{}", fault),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

fn has_map(of: MessageType) -> bool {
    let maps = ["kinds.Maps", "kinds.Lists", "kinds.Tree", "kinds.Choice", "kinds.WellKnown", "kinds.Everything"];
    maps.contains(&of.full_name())
}

/// Tokens that make up JSON, so that random text gets past its first letter.
fn json_like() -> impl Strategy<Value = String> {
    const TOKENS: [&str; 30] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "1",
        "-1.5",
        "1e400",
        "\"\"",
        "\"name\"",
        "\"left\"",
        "\"more\"",
        "\"anInt32\"",
        "\"value\"",
        "\"any\"",
        "\"@type\"",
        "\"x/kinds.Plain\"",
        "\"x/google.protobuf.Any\"",
        "\"number\"",
        "\"timestamp\"",
        "\"2026-01-01T00:00:00Z\"",
        "\"struct\"",
        "\"strings\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        " ",
        "\"byInt32\"",
    ];
    prop::collection::vec(prop::sample::select(&TOKENS[..]), 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(runs(400))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (ours, theirs) in subjects() {
            used(ours, &bytes);
            agreed(ours, theirs, &bytes)?;
        }
    }

    #[test]
    fn damaged_messages_never_panic(
        decisions in decisions(),
        at in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (ours, theirs) = at.get(&subjects()).clone();
        let mut bytes = message(&theirs, &mut Source::new(&decisions)).encode_to_vec();
        for (place, byte) in damage {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        used(ours, &bytes);
        agreed(ours, theirs, &bytes)?;
    }

    #[test]
    fn random_text_never_panics(text in prop_oneof![".{0,40}", json_like()]) {
        for (ours, theirs) in subjects() {
            if let Ok(bytes) = ours.from_json(&text) {
                prop_assert!(ours.is_canonical(&bytes).unwrap());
                prop_assert!(DynamicMessage::decode(theirs, &*bytes).is_ok());
                used(ours, &bytes);
            }
        }
    }

    #[test]
    fn damaged_text_never_panics(
        decisions in decisions(),
        at in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        with in ".{0,2}",
    ) {
        let (ours, theirs) = at.get(&subjects()).clone();
        let bytes = message(&theirs, &mut Source::new(&decisions)).encode_to_vec();
        let mut text = String::new();
        ours.to_json(&bytes, &JsonOptions::default(), &mut text).unwrap();
        let letters: Vec<(usize, char)> = text.char_indices().collect();
        let (start, letter) = letters[place.index(letters.len())];
        text.replace_range(start..start + letter.len_utf8(), &with);
        if let Ok(bytes) = ours.from_json(&text) {
            used(ours, &bytes);
        }
    }
}
