//! The one encoding.

use campus_schema::wire;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::DynamicMessage;

use crate::{
    CAMPUS, KINDS, decoded, employee,
    generate::{Source, decisions, message, runs},
    prop_assert_same,
    scramble::scrambled,
    subjects,
};

proptest! {
    #![proptest_config(runs(400))]

    #[test]
    fn the_canonical_encoding_means_what_the_encoding_meant(decisions in decisions(), at in any::<prop::sample::Index>()) {
        let (ours, theirs) = at.get(&subjects()).clone();
        let original = message(&theirs, &mut Source::new(&decisions));
        let canonical = ours.canonical(&original.encode_to_vec()).unwrap();
        prop_assert_same!(decoded(&theirs, &canonical), original);
    }

    #[test]
    fn the_canonical_encoding_is_its_own(decisions in decisions(), at in any::<prop::sample::Index>()) {
        let (ours, theirs) = at.get(&subjects()).clone();
        let source = &mut Source::new(&decisions);
        let canonical = ours.canonical(&message(&theirs, source).encode_to_vec()).unwrap();
        prop_assert!(ours.is_canonical(&canonical).unwrap());
        prop_assert_eq!(ours.canonical(&canonical).unwrap(), canonical);
    }

    #[test]
    fn every_encoding_of_a_message_has_the_same_canonical_one(
        decisions in decisions(),
        order in decisions(),
        at in any::<prop::sample::Index>(),
    ) {
        let (ours, theirs) = at.get(&subjects()).clone();
        let canonical = ours.canonical(&message(&theirs, &mut Source::new(&decisions)).encode_to_vec()).unwrap();
        let scrambled = scrambled(ours, &canonical, &mut Source::new(&order));
        prop_assert_same!(decoded(&theirs, &scrambled), decoded(&theirs, &canonical));
        prop_assert_eq!(ours.canonical(&scrambled).unwrap(), canonical);
    }

    #[test]
    fn unknown_fields_stay_as_they_came(decisions in decisions(), order in decisions(), at in any::<prop::sample::Index>()) {
        let (_, theirs) = at.get(&subjects()).clone();
        let strange = foreign(&message(&theirs, &mut Source::new(&decisions)).encode_to_vec());
        let empty = KINDS.schema.message("google.protobuf.Empty").unwrap();
        prop_assert_eq!(empty.canonical(&strange).unwrap(), &*strange);

        // Inside of a message that is in disorder.
        let tree = KINDS.schema.message("kinds.Tree").unwrap();
        let mut expected = Vec::new();
        wire::put_len(&mut expected, 1, b"name");
        wire::put_len(&mut expected, 5, &[&[8, 1], &*strange].concat());
        expected.extend_from_slice(&strange);
        let canonical = tree.canonical(&scrambled(tree, &expected, &mut Source::new(&order))).unwrap();
        prop_assert_eq!(canonical, expected);
    }
}

/// The same fields under numbers that nobody knows.
fn foreign(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in wire::fields(bytes) {
        match part.unwrap() {
            (number, wire::WireValue::Varint(value), _) => wire::put_varint(&mut out, number + 100_000, value),
            (number, wire::WireValue::Len(value), _) => wire::put_len(&mut out, number + 100_000, value),
            _ => {}
        }
    }
    out
}

#[test]
fn what_prost_writes_is_canonical_already() {
    let message = CAMPUS.schema.message("campus.employee.v1.Employee").unwrap();
    assert!(message.is_canonical(&employee()).unwrap());
}

#[test]
fn of_a_oneof_only_what_was_set_last_remains() {
    let (ours, theirs) = KINDS.message("kinds.Choice");
    let mut bytes = Vec::new();
    wire::put_len(&mut bytes, 4, &[0x0a, 1, b'a']);
    wire::put_varint(&mut bytes, 2, 5);
    wire::put_len(&mut bytes, 4, &[0x0a, 1, b'b']);
    wire::put_len(&mut bytes, 4, &[0x12, 0]);
    let canonical = ours.canonical(&bytes).unwrap();
    assert_eq!(canonical, [0x22, 5, 0x0a, 1, b'b', 0x12, 0]);
    assert!(decoded(&theirs, &canonical) == decoded(&theirs, &bytes));
}

#[test]
fn a_map_stands_by_key_with_both_sides_of_each_entry() {
    let (ours, _) = KINDS.message("kinds.Maps");
    // {3: 1, -1: 2, 3: 9, 0: 0}, the last one an entry without any field.
    let bytes = [0x12, 4, 8, 3, 16, 1, 0x12, 13, 16, 2, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    let bytes = [&bytes[..], &[0x12, 4, 8, 3, 16, 9, 0x12, 0]].concat();
    let expected = [0x12, 13, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 16, 2];
    let expected = [&expected[..], &[0x12, 4, 8, 0, 16, 0, 0x12, 4, 8, 3, 16, 9]].concat();
    assert_eq!(ours.canonical(&bytes).unwrap(), expected);
}

#[test]
fn what_is_almost_canonical_is_not() {
    for (message, bytes, expected) in [
        // Two members of a oneof in the order of their numbers.
        ("Choice", &[0x10, 1, 0x1a, 1, b'a'][..], &[0x1a, 1, b'a'][..]),
        // The same key twice.
        ("Maps", &[0x12, 4, 8, 3, 16, 1, 0x12, 4, 8, 3, 16, 9], &[0x12, 4, 8, 3, 16, 9]),
        ("Maps", &[0x12, 4, 8, 3, 16, 1, 0x12, 4, 8, 2, 16, 9], &[0x12, 4, 8, 2, 16, 9, 0x12, 4, 8, 3, 16, 1]),
        // A packed run of nothing, one that could be shorter, and a single item outside of one.
        ("Lists", &[0x12, 0], &[]),
        ("Lists", &[0x12, 2, 0x81, 0], &[0x12, 1, 1]),
        ("Lists", &[0x10, 1], &[0x12, 1, 1]),
        ("Lists", &[0x1a, 1, 5], &[0x18, 5]),
        // More bits than the field has.
        ("Plain", &[0x08, 2], &[0x08, 1]),
        ("Plain", &[0x10, 0xff, 0xff, 0xff, 0xff, 0x1f], &[0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ("Plain", &[0x20, 0x81, 0x80, 0x80, 0x80, 0x10], &[0x20, 1]),
        ("Plain", &[0x30, 0x81, 0x80, 0x80, 0x80, 0x10], &[0x30, 1]),
        ("Plain", &[0x80, 1, 0x81, 0x80, 0x80, 0x80, 0x10], &[0x80, 1, 1]),
        // A length and a tag that take more bytes than they need; a default that need not be there.
        ("Plain", &[0x72, 0x81, 0, b'a'], &[0x72, 1, b'a']),
        ("Plain", &[0xf2, 0, 1, b'a'], &[0x72, 1, b'a']),
        ("Plain", &[0x08, 0, 0x72, 0], &[]),
    ] {
        let (ours, theirs) = KINDS.message(&format!("kinds.{message}"));
        assert!(!ours.is_canonical(bytes).unwrap(), "{bytes:?}");
        assert_eq!(ours.canonical(bytes).unwrap(), expected);
        assert!(ours.is_canonical(expected).unwrap());
        assert!(decoded(&theirs, bytes) == decoded(&theirs, expected), "{bytes:?}");
    }
}

#[test]
fn unknown_fields_of_a_map_entry_stay_with_it() {
    let (ours, _) = KINDS.message("kinds.Maps");
    let entry = [0x62, 7, 0x2a, 1, b'x', 0x0a, 2, b'k', b'k'];
    assert_eq!(ours.canonical(&entry).unwrap(), [0x62, 9, 0x0a, 2, b'k', b'k', 0x12, 0, 0x2a, 1, b'x']);
}

#[test]
fn minus_zero_is_not_the_default() {
    let (ours, _) = KINDS.message("kinds.Plain");
    let bytes = [&[0x69][..], &(-0.0_f64).to_le_bytes()].concat();
    assert_eq!(ours.canonical(&bytes).unwrap(), bytes);
}

#[test]
fn a_fault_is_named_by_the_path_of_its_field() {
    let student = CAMPUS.schema.message("campus.student.v1.Student").unwrap();
    let mut good = Vec::new();
    wire::put_len(&mut good, 1, b"AAA");
    let mut bad = Vec::new();
    wire::put_len(&mut bad, 2, b"\xff");
    let mut bytes = Vec::new();
    wire::put_len(&mut bytes, 13, &good);
    wire::put_len(&mut bytes, 13, &bad);
    let fault = student.canonical(&bytes).unwrap_err();
    assert_eq!((fault.path(), fault.reason()), ("enrollments[1].presentation", "is not valid UTF-8"));
    // The same by the slower way: a field out of order comes first.
    wire::put_len(&mut bytes, 1, b"students/1");
    let fault = student.canonical(&[&[0x7a, 0][..], &bytes].concat()).unwrap_err();
    assert_eq!(fault.to_string(), "enrollments[1].presentation: is not valid UTF-8");
}

#[test]
fn what_is_not_an_encoding_is_refused() {
    let employee = CAMPUS.schema.message("campus.employee.v1.Employee").unwrap();
    for (bytes, problem) in [
        (&[0x0a, 5, b'a'][..], "ends in the middle of a field"),
        (&[0x0a], "ends in the middle of a field"),
        (&[0x80], "ends in the middle of a field"),
        (&[0x08, 1], "name: has another wire type than the field"),
        (&[0x02, 0], "has a field with the number 0"),
        (&[0x0e, 0], "has a wire type that does not exist"),
        (&[0xa4, 6], "ends a group that was not begun"),
        (&[0xa3, 6, 8, 1], "ends in the middle of a field"),
        (&[0x28, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], "has a varint of more than 64 bits"),
        (&[255, 255, 255, 255, 255, 1, 0], "has a tag of more than 32 bits"),
    ] {
        assert_eq!(employee.canonical(bytes).unwrap_err().to_string(), problem, "{bytes:?}");
    }
}

#[test]
fn a_hundred_messages_deep_is_the_limit() {
    let (ours, theirs) = KINDS.message("kinds.Tree");
    let nested = |levels: usize| {
        (0..levels).fold(Vec::new(), |inner, _| {
            let mut outer = Vec::new();
            wire::put_len(&mut outer, 2, &inner);
            outer
        })
    };
    assert!(ours.canonical(&nested(100)).is_ok());
    assert!(DynamicMessage::decode(theirs.clone(), &*nested(100)).is_ok());
    for bytes in [nested(101), [&nested(101)[..], &nested(1)].concat(), vec![0x3b; 1000]] {
        assert_eq!(ours.canonical(&bytes).unwrap_err().reason(), "is nested too deep");
        assert!(DynamicMessage::decode(theirs.clone(), &*bytes).is_err());
    }
}
