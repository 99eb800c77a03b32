//! ProtoJSON, held against prost-reflect and against the published rules.

use campus_schema::{JsonOptions, wire};
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, SerializeOptions};
use serde_json::Value;

use crate::{
    CAMPUS, KINDS, decoded, employee,
    generate::{Source, decisions, message, runs},
    prop_assert_same,
    scramble::scrambled,
    subjects,
};

fn theirs(message: &DynamicMessage, options: &SerializeOptions) -> String {
    let mut out = serde_json::Serializer::new(Vec::new());
    message.serialize_with_options(&mut out, options).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn written(message: &str, bytes: &[u8], options: &JsonOptions) -> String {
    let mut out = String::new();
    KINDS.schema.message(message).unwrap().to_json(bytes, options, &mut out).unwrap();
    out
}

/// JSON in, canonical bytes, JSON out.
fn around(message: &str, text: &str) -> String {
    let ours = KINDS.schema.message(message).unwrap();
    written(message, &ours.from_json(text).unwrap(), &JsonOptions::default())
}

proptest! {
    #![proptest_config(runs(500))]

    #[test]
    fn json_is_what_the_other_implementation_writes(
        decisions in decisions(),
        order in decisions(),
        at in any::<prop::sample::Index>(),
        flags in any::<[bool; 3]>(),
    ) {
        let (ours, of) = at.get(&subjects()).clone();
        let original = message(&of, &mut Source::new(&decisions));
        let [emit_defaults, enum_numbers, proto_names] = flags;
        let options = JsonOptions { emit_defaults, enum_numbers, proto_names, ..JsonOptions::default() };
        let other = SerializeOptions::new()
            .skip_default_fields(!emit_defaults)
            .use_enum_numbers(enum_numbers)
            .use_proto_field_name(proto_names);
        let mut text = String::new();
        let bytes = scrambled(ours, &original.encode_to_vec(), &mut Source::new(&order));
        ours.to_json(&bytes, &options, &mut text).unwrap();
        let expected = theirs(&original, &other);
        prop_assert_eq!(parsed(&text), parsed(&expected));
        if of.full_name().starts_with("campus.") {
            // Neither maps, which they write in any order, nor floats, for which there is more than one right text.
            prop_assert_eq!(text, expected);
        }
    }

    #[test]
    fn json_of_either_implementation_is_read_as_the_message_it_was(
        decisions in decisions(),
        at in any::<prop::sample::Index>(),
        indent in prop::option::of(0_usize..4),
    ) {
        let (ours, of) = at.get(&subjects()).clone();
        let original = message(&of, &mut Source::new(&decisions));
        let canonical = ours.canonical(&original.encode_to_vec()).unwrap();
        let mut text = String::new();
        ours.to_json(&canonical, &JsonOptions { indent, ..JsonOptions::default() }, &mut text).unwrap();
        prop_assert_eq!(&ours.from_json(&text).unwrap(), &canonical);
        let other = theirs(&original, &SerializeOptions::new());
        prop_assert_eq!(&ours.from_json(&other).unwrap(), &canonical);
        prop_assert_eq!(&ours.from_json_value(&parsed(&other)).unwrap(), &canonical);
        prop_assert_same!(decoded(&of, &canonical), original);
    }
}

/// A text with one to four of its bytes changed, left out or put in.
fn changed(text: &str, source: &mut Source<'_>) -> String {
    const LETTERS: &[u8] = b"0123456789.-+eE\"{}[]:,ntfTZs_/ \\";
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=source.below(4) {
        let at = (source.below(256) * 256 + source.below(256)) % (bytes.len() + 1);
        let letter = LETTERS[source.below(LETTERS.len())];
        match source.below(3) {
            0 => bytes.insert(at, letter),
            1 if at < bytes.len() => bytes[at] = letter,
            _ if at < bytes.len() => drop(bytes.remove(at)),
            _ => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #![proptest_config(runs(700))]

    #[test]
    fn a_text_that_both_implementations_take_means_the_same_to_both(
        decisions in decisions(),
        changes in decisions(),
        at in any::<prop::sample::Index>(),
    ) {
        let (ours, of) = at.get(&subjects()).clone();
        let original = message(&of, &mut Source::new(&decisions));
        let text = changed(&theirs(&original, &SerializeOptions::new()), &mut Source::new(&changes));
        let mut json = serde_json::Deserializer::from_str(&text);
        let read = DynamicMessage::deserialize(of, &mut json);
        if let (Ok(canonical), Ok(read), Ok(())) = (ours.from_json(&text), read, json.end()) {
            // As JSON, since the bytes within an `Any` may be in another order.
            let json = |bytes: &[u8]| {
                let mut out = String::new();
                ours.to_json(bytes, &JsonOptions::default(), &mut out).map(|()| parsed(&out))
            };
            prop_assert_eq!(json(&canonical), json(&read.encode_to_vec()), "{}", text);
        }
    }
}

#[test]
fn a_record_reads_as_people_expect_it() {
    let employee_type = CAMPUS.schema.message("campus.employee.v1.Employee").unwrap();
    let mut text = String::from("> ");
    employee_type.to_json(&employee(), &JsonOptions::default(), &mut text).unwrap();
    let expected = r#"> {"name":"employees/10001","givenName":"Georgi","familyName":"Facello","gender":"GENDER_MALE","#;
    assert_eq!(text, format!(r#"{expected}"birthDate":"1953-09-02","createTime":"2023-11-14T22:13:20.500Z"}}"#));
    let options = JsonOptions { indent: Some(2), proto_names: true, ..JsonOptions::default() };
    let mut text = String::new();
    employee_type.to_json(&employee()[..25], &options, &mut text).unwrap();
    assert_eq!(text, "{\n  \"name\": \"employees/10001\",\n  \"given_name\": \"Georgi\"\n}");
}

#[test]
fn pretty_text_has_a_line_for_each_member_and_none_inside_what_is_empty() {
    let text = r#"{"lists":{"int32s":[1,2],"trees":[{}]},"maps":{"byString":{"a":{},"b":{"aBool":true}}}}"#;
    let bytes = KINDS.schema.message("kinds.Everything").unwrap().from_json(text).unwrap();
    let pretty = written("kinds.Everything", &bytes, &JsonOptions { indent: Some(1), ..JsonOptions::default() });
    let expected = r#"{
 "lists": {
  "int32s": [
   1,
   2
  ],
  "trees": [
   {}
  ]
 },
 "maps": {
  "byString": {
   "a": {},
   "b": {
    "aBool": true
   }
  }
 }
}"#;
    assert_eq!(pretty, expected);
    assert_eq!(written("kinds.Everything", &[], &JsonOptions { indent: Some(1), ..JsonOptions::default() }), "{}");
}

#[test]
fn numbers_are_accepted_in_each_form_the_rules_allow() {
    for (given, expected) in [
        (r#"{"anInt32":1e2}"#, r#"{"anInt32":100}"#),
        (r#"{"anInt32":-5.0}"#, r#"{"anInt32":-5}"#),
        (r#"{"anInt32":"7"}"#, r#"{"anInt32":7}"#),
        (r#"{"anInt32":"1e2"}"#, r#"{"anInt32":100}"#),
        (r#"{"anInt32":-2147483648}"#, r#"{"anInt32":-2147483648}"#),
        (r#"{"anInt64":9007199254740993}"#, r#"{"anInt64":"9007199254740993"}"#),
        (r#"{"anInt64":"-9223372036854775808"}"#, r#"{"anInt64":"-9223372036854775808"}"#),
        (r#"{"aUint64":18446744073709551615}"#, r#"{"aUint64":"18446744073709551615"}"#),
        (r#"{"aUint32":-0}"#, "{}"),
        (r#"{"aDouble":"1.5"}"#, r#"{"aDouble":1.5}"#),
        (r#"{"aDouble":"NaN"}"#, r#"{"aDouble":"NaN"}"#),
        (r#"{"aDouble":"-Infinity"}"#, r#"{"aDouble":"-Infinity"}"#),
        (r#"{"aFloat":"Infinity"}"#, r#"{"aFloat":"Infinity"}"#),
        (r#"{"aFloat":0.1}"#, r#"{"aFloat":0.1}"#),
        (r#"{"aFloat":3.4028235e38}"#, r#"{"aFloat":3.4028235e38}"#),
        (r#"{"aDouble":4.35}"#, r#"{"aDouble":4.35}"#),
        (r#"{"aDouble":-0.0}"#, r#"{"aDouble":-0.0}"#),
        (r#"{"aDouble":1e300}"#, r#"{"aDouble":1e300}"#),
        (r#"{"color":1}"#, r#"{"color":"COLOR_RED"}"#),
        (r#"{"color":99}"#, r#"{"color":99}"#),
        (r#"{"color":"COLOR_CRIMSON"}"#, r#"{"color":"COLOR_RED"}"#),
        (r#"{"someBytes":"-_8"}"#, r#"{"someBytes":"+/8="}"#),
        (r#"{"someBytes":"+/8"}"#, r#"{"someBytes":"+/8="}"#),
        (r#"{"someBytes":"AB"}"#, r#"{"someBytes":"AA=="}"#),
        (r#"{"a_string":"\u00fc\ud83e\udd80"}"#, r#"{"aString":"ü🦀"}"#),
        (r#"{"far":"a"}"#, r#"{"distant":"a"}"#),
        (r#"{"aString":null,"color":null,"aBool":null}"#, "{}"),
    ] {
        assert_eq!(around("kinds.Plain", given), expected);
    }
}

#[test]
fn presence_lists_and_oneofs_follow_null_and_defaults() {
    for (message, given, expected) in [
        ("kinds.Present", r#"{"anInt32":0,"aString":""}"#, r#"{"anInt32":0,"aString":""}"#),
        ("kinds.Lists", r#"{"int32s":null,"strings":[]}"#, "{}"),
        ("kinds.Lists", r#"{"values":[null,1.0,[{}]]}"#, r#"{"values":[null,1.0,[{}]]}"#),
        ("kinds.Maps", r#"{"byInt32":{"10":1,"-2":"3"}}"#, r#"{"byInt32":{"-2":"3","10":"1"}}"#),
        ("kinds.Maps", r#"{"byBool":{"true":"a","false":""}}"#, r#"{"byBool":{"false":"","true":"a"}}"#),
        ("kinds.Maps", r#"{"values":{"a":null}}"#, r#"{"values":{"a":null}}"#),
        ("kinds.Choice", r#"{"number":null,"text":"a"}"#, r#"{"text":"a"}"#),
        ("kinds.Choice", r#"{"nothing":null}"#, r#"{"nothing":null}"#),
        ("kinds.Choice", r#"{"nothing":"NULL_VALUE"}"#, r#"{"nothing":null}"#),
        ("kinds.Choice", r#"{"anything":null}"#, r#"{"anything":null}"#),
        ("kinds.Choice", r#"{"number":0,"flag":false}"#, r#"{"number":0,"flag":false}"#),
    ] {
        assert_eq!(around(message, given), expected, "{given}");
    }
    let options = JsonOptions { emit_defaults: true, ..JsonOptions::default() };
    assert_eq!(written("kinds.Choice", &[], &options), r#"{"before":"","between":0}"#);
    assert_eq!(written("kinds.Present", &[], &options), "{}");
    assert!(written("kinds.Lists", &[], &options).starts_with(r#"{"bools":[],"int32s":[],"#));
    assert!(written("kinds.Maps", &[], &options).starts_with(r#"{"byBool":{},"#));
}

#[test]
fn one_field_is_written_as_it_is_or_as_what_it_is_unset() {
    let field = |message: &str, field: &str, text: &str| {
        let message = KINDS.schema.message(message).unwrap();
        let bytes = message.from_json(text).unwrap();
        let mut out = String::from("> ");
        message.field_to_json(message.field(field).unwrap(), &bytes, &JsonOptions::default(), &mut out).unwrap();
        out
    };
    assert_eq!(field("kinds.Lists", "int32s", r#"{"strings":["a"],"int32s":[1,0]}"#), "> [1,0]");
    assert_eq!(field("kinds.Lists", "int32s", "{}"), "> []");
    assert_eq!(field("kinds.Maps", "byBool", r#"{"byBool":{"true":"a"}}"#), r#"> {"true":"a"}"#);
    assert_eq!(field("kinds.Maps", "byBool", "{}"), "> {}");
    assert_eq!(field("kinds.Plain", "anInt64", "{}"), r#"> "0""#);
    assert_eq!(field("kinds.Present", "anInt64", "{}"), "> null");
    assert_eq!(field("kinds.Present", "anInt64", r#"{"anInt64":0}"#), r#"> "0""#);
    assert_eq!(field("kinds.Tree", "left", "{}"), "> {}");
    assert_eq!(field("kinds.Tree", "left", r#"{"left":{"name":"x"}}"#), r#"> {"name":"x"}"#);
    assert_eq!(field("kinds.WellKnown", "timestamp", "{}"), "> null");
    assert_eq!(field("kinds.WellKnown", "aString", r#"{"aString":""}"#), r#"> """#);
}

#[test]
fn bytes_that_say_a_thing_twice_are_written_once_with_what_was_said_last() {
    let twice = |message: &str, one: &str, other: &str| {
        let ours = KINDS.schema.message(message).unwrap();
        let bytes = [ours.from_json(one).unwrap(), ours.from_json(other).unwrap()].concat();
        written(message, &bytes, &JsonOptions::default())
    };
    let expected = r#"{"byInt32":{"1":"6","2":"7"}}"#;
    assert_eq!(twice("kinds.Maps", r#"{"byInt32":{"2":7,"1":5}}"#, r#"{"byInt32":{"1":6}}"#), expected);
    assert_eq!(
        twice("kinds.Plain", r#"{"anInt32":1,"aString":"a"}"#, r#"{"anInt32":2}"#),
        r#"{"anInt32":2,"aString":"a"}"#
    );
    assert_eq!(twice("kinds.Choice", r#"{"text":"a"}"#, r#"{"number":1}"#), r#"{"number":1}"#);
    assert_eq!(
        twice("kinds.Lists", r#"{"int32s":[1],"strings":["a"]}"#, r#"{"int32s":[2]}"#),
        r#"{"int32s":[1,2],"strings":["a"]}"#
    );
    assert_eq!(
        twice("kinds.Tree", r#"{"left":{"name":"a"}}"#, r#"{"left":{"right":{}}}"#),
        r#"{"left":{"name":"a","right":{}}}"#
    );
}

#[test]
fn a_piece_of_a_message_is_judged_only_with_the_pieces_behind_it() {
    let piece = |field: u32, number: u32, payload: &[u8]| {
        let (mut inner, mut out) = (Vec::new(), Vec::new());
        wire::put_len(&mut inner, number, payload);
        wire::put_len(&mut out, field, &inner);
        out
    };
    let url = piece(9, 1, b"type.googleapis.com/kinds.Plain");
    let value = piece(9, 2, &[0x10, 7]);
    let expected = r#"{"any":{"@type":"type.googleapis.com/kinds.Plain","anInt32":7}}"#;
    let options = JsonOptions::default();
    assert_eq!(written("kinds.WellKnown", &[&*value, &*url].concat(), &options), expected);
    assert_eq!(written("kinds.WellKnown", &[&*url, &*value].concat(), &options), expected);
    let fault =
        KINDS.schema.message("kinds.WellKnown").unwrap().to_json(&value, &options, &mut String::new()).unwrap_err();
    assert!(fault.to_string().contains("has the type \"\""), "{fault}");
}

#[test]
fn well_known_messages_have_their_own_forms() {
    for (given, expected) in [
        (r#"{"timestamp":"1972-01-01T10:00:20.021+01:00"}"#, r#"{"timestamp":"1972-01-01T09:00:20.021Z"}"#),
        (r#"{"timestamp":"0001-01-01T00:00:00Z"}"#, r#"{"timestamp":"0001-01-01T00:00:00Z"}"#),
        (r#"{"timestamp":"9999-12-31T23:59:59.999999999Z"}"#, r#"{"timestamp":"9999-12-31T23:59:59.999999999Z"}"#),
        (r#"{"timestamp":"2000-02-29T00:00:00.1234Z"}"#, r#"{"timestamp":"2000-02-29T00:00:00.123400Z"}"#),
        (r#"{"duration":"-0.5s"}"#, r#"{"duration":"-0.500s"}"#),
        (r#"{"duration":"315576000000s"}"#, r#"{"duration":"315576000000s"}"#),
        (r#"{"duration":"1.000000001s"}"#, r#"{"duration":"1.000000001s"}"#),
        (r#"{"fieldMask":"givenName,a.bC"}"#, r#"{"fieldMask":"givenName,a.bC"}"#),
        (r#"{"fieldMask":""}"#, r#"{"fieldMask":""}"#),
        (r#"{"struct":{"b":[1,"x",null],"a":{}}}"#, r#"{"struct":{"a":{},"b":[1.0,"x",null]}}"#),
        (r#"{"value":null,"null":null}"#, r#"{"value":null}"#),
        (r#"{"value":true,"list":[]}"#, r#"{"value":true,"list":[]}"#),
        (r#"{"empty":{}}"#, r#"{"empty":{}}"#),
        (r#"{"aBool":false,"anInt64":"0","aString":""}"#, r#"{"aBool":false,"anInt64":"0","aString":""}"#),
        (r#"{"aFloat":"NaN","someBytes":"AA"}"#, r#"{"aFloat":"NaN","someBytes":"AA=="}"#),
        (r#"{"any":{}}"#, r#"{"any":{}}"#),
    ] {
        assert_eq!(around("kinds.WellKnown", given), expected, "{given}");
    }
}

#[test]
fn an_any_is_read_whatever_the_order_of_its_members() {
    let plain = r#"{"any":{"@type":"x.com/kinds.Plain","anInt64":"5","color":"COLOR_BLUE"}}"#;
    assert_eq!(around("kinds.WellKnown", plain), plain);
    let later = r#"{"any":{"color":"COLOR_BLUE","@type":"x.com/kinds.Plain","anInt64":5}}"#;
    assert_eq!(around("kinds.WellKnown", later), plain);
    let special = r#"{"any":{"@type":"x.com/google.protobuf.Duration","value":"1s"}}"#;
    assert_eq!(around("kinds.WellKnown", special), special);
    let later = r#"{"any":{"value":"1s","@type":"x.com/google.protobuf.Duration"}}"#;
    assert_eq!(around("kinds.WellKnown", later), special);
    let within = r#"{"any":{"@type":"a/google.protobuf.Any","value":{"@type":"b/kinds.Tree","name":"x"}}}"#;
    assert_eq!(around("kinds.WellKnown", within), within);
}

#[test]
fn what_json_cannot_say_is_refused_and_nothing_is_written() {
    let ours = KINDS.schema.message("kinds.WellKnown").unwrap();
    let refused = |bytes: &[u8]| {
        let mut out = String::from("before");
        let fault = ours.to_json(bytes, &JsonOptions::default(), &mut out).unwrap_err();
        assert_eq!(out, "before");
        fault.to_string()
    };
    let time = |field, seconds: i64, nanos: i64| {
        let (mut time, mut out) = (Vec::new(), Vec::new());
        wire::put_varint(&mut time, 1, seconds.cast_unsigned());
        wire::put_varint(&mut time, 2, nanos.cast_unsigned());
        wire::put_len(&mut out, field, &time);
        out
    };
    for (seconds, nanos) in [(0, 1_000_000_000), (0, -1), (253_402_300_800, 0), (-62_135_596_801, 0), (i64::MIN, 0)] {
        let expected = "timestamp: is a time outside of the years 1 to 9999";
        assert_eq!(refused(&time(1, seconds, nanos)), expected);
    }
    for (seconds, nanos) in [(1, -1), (-1, 1), (0, 1_000_000_000), (315_576_000_001, 0), (i64::MIN, 0)] {
        assert!(refused(&time(2, seconds, nanos)).starts_with("duration: is a duration of more than"));
    }
    assert_eq!(refused(&[0x1a, 4, 10, 2, b'a', b'_']), "field_mask: has a path that has no lowerCamelCase form");
    let nan = [&[0x2a, 9, 0x11][..], &f64::NAN.to_le_bytes()].concat();
    assert_eq!(refused(&nan), "value.number_value: is not finite, which JSON has no number for");
    assert!(refused(&[0x4a, 5, 10, 3, b'x', b'/', b'y']).contains("\"x/y\""));
}
