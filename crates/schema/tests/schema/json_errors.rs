//! What is said about JSON that is refused.

use campus_schema::JsonError;

use crate::{CAMPUS, KINDS};

fn refused(message: &str, text: &str) -> JsonError {
    let both = if message.starts_with("campus") { &CAMPUS } else { &KINDS };
    match both.schema.message(message).unwrap().from_json(text) {
        Err(error) => error,
        Ok(_) => panic!("{text} was accepted"),
    }
}

#[test]
fn an_error_says_where_what_and_what_to_do() {
    let error = refused(
        "campus.student.v1.Student",
        "{\"name\": \"students/1\",\n \"enrollments\": [{}, {\"modul\": \"AAA\"}]}",
    );
    assert_eq!(error.path, "enrollments[1].modul");
    assert_eq!((error.line, error.column), (2, 29));
    assert_eq!(error.message, "is no field of campus.student.v1.Enrollment; did you mean \"module\"?");
    assert_eq!(
        error.to_string(),
        "line 2 column 29: enrollments[1].modul: is no field of campus.student.v1.Enrollment; did you mean \"module\"?"
    );
}

#[test]
fn every_kind_of_fault_is_told_apart() {
    for (message, text, path, problem) in [
        ("Plain", r#"{"aBool":1}"#, "aBool", "expected true or false, found a number"),
        ("Plain", r#"{"aBool":"true"}"#, "aBool", "expected true or false, found a string"),
        ("Plain", r#"{"anInt32":2147483648}"#, "anInt32", "expected a whole number from -2147483648 to 2147483647"),
        ("Plain", r#"{"anInt32":1.5}"#, "anInt32", "expected a whole number"),
        ("Plain", r#"{"anInt32":" 1"}"#, "anInt32", "expected a whole number"),
        ("Plain", r#"{"anInt32":"+1"}"#, "anInt32", "expected a whole number"),
        ("Plain", r#"{"anInt32":"01"}"#, "anInt32", "expected a whole number"),
        ("Plain", r#"{"anInt32":""}"#, "anInt32", "expected a whole number"),
        ("Plain", r#"{"anInt32":[1]}"#, "anInt32", "found a list"),
        ("Plain", r#"{"aUint32":-1}"#, "aUint32", "expected a whole number from 0 to 4294967295"),
        ("Plain", r#"{"anInt64":1.5}"#, "anInt64", "whole number of 64 bits, found a number with a fraction"),
        ("Plain", r#"{"anInt64":-9223372036854775809}"#, "anInt64", "expected a whole number of 64 bits"),
        ("Plain", r#"{"anInt64":"-9223372036854775809"}"#, "anInt64", "expected a whole number of 64 bits"),
        ("Plain", r#"{"aUint64":18446744073709551616}"#, "aUint64", "expected a whole number of 64 bits"),
        ("Plain", r#"{"aFloat":3.5e38}"#, "aFloat", "in the range of a float"),
        ("Plain", r#"{"aDouble":1e400}"#, "aDouble", "number out of range"),
        ("Plain", r#"{"aDouble":"nan"}"#, "aDouble", "expected a number"),
        ("Plain", r#"{"aString":5}"#, "aString", "expected a string, found a number"),
        ("Plain", r#"{"aString":"\ud800"}"#, "aString", "unexpected end of hex escape"),
        ("Plain", r#"{"someBytes":"!"}"#, "someBytes", "base64"),
        ("Plain", r#"{"color":"COLOR_READ"}"#, "color", "or the number of one of them"),
        ("Plain", r#"{"color":1.5}"#, "color", "expected the name of an enum value"),
        ("Plain", r#"{"aBool":true,"aBool":true}"#, "aBool", "is given twice"),
        ("Plain", r#"{"aBool":true,"a_bool":null}"#, "aBool", "is given twice"),
        ("Plain", r#"{"distant":"","far":""}"#, "distant", "is given twice"),
        ("Plain", r#"{"anInt32":}"#, "anInt32", "expected value"),
        ("Plain", r#"{"anInt32":1"#, "", "EOF while parsing an object"),
        ("Plain", r#"{} {}"#, "", "trailing characters"),
        ("Plain", "[]", "", "expected an object, found a list"),
        ("Plain", "null", "", "expected an object, found null"),
        ("Plain", "", "", "EOF while parsing a value"),
        ("Plain", r#"{"aBool":true,}"#, "", "trailing comma"),
        ("Choice", r#"{"number":1,"text":"a"}"#, "text", "is a second member of first, of which one can be set"),
        ("Choice", r#"{"number":1,"nothing":null}"#, "nothing", "is a second member of first"),
        ("Choice", r#"{"choice":{"choice":5}}"#, "choice.choice", "expected an object, found integer"),
        ("Lists", r#"{"int32s":[1,null]}"#, "int32s[1]", "found null"),
        ("Lists", r#"{"int32s":1}"#, "int32s", "expected a list, found integer"),
        ("Lists", r#"{"trees":[{"left":{"nme":1}}]}"#, "trees[0].left.nme", "did you mean \"name\"?"),
        ("Lists", r#"{"trees":[null]}"#, "trees[0]", "found null"),
        ("Maps", r#"{"byInt32":{"a":1}}"#, "byInt32[\"a\"]", "expected a key that is a whole number"),
        ("Maps", r#"{"byInt32":{"01":1}}"#, "byInt32[\"01\"]", "expected a key that is a whole number"),
        ("Maps", r#"{"byBool":{"yes":""}}"#, "byBool[\"yes\"]", "expected a key that is true or false"),
        ("Maps", r#"{"byString":{"k":{},"k":{}}}"#, "byString[\"k\"]", "is given twice"),
        ("Maps", r#"{"byInt32":{"1":null}}"#, "byInt32[\"1\"]", "found null"),
        ("Maps", r#"{"byString":{"k":{"x":1}}}"#, "byString[\"k\"].x", "is no field of kinds.Plain"),
        ("WellKnown", r#"{"timestamp":"2026-02-30T00:00:00Z"}"#, "timestamp", "is a time that does not exist"),
        ("WellKnown", r#"{"timestamp":"2026-01-01 00:00:00Z"}"#, "timestamp", "expected a time such as"),
        ("WellKnown", r#"{"timestamp":"2026-01-01t00:00:00Z"}"#, "timestamp", "expected a time such as"),
        ("WellKnown", r#"{"timestamp":"2026-01-01T00:00:00z"}"#, "timestamp", "expected a time such as"),
        ("WellKnown", r#"{"timestamp":"2026-01-01T00:00:00"}"#, "timestamp", "expected a time such as"),
        ("WellKnown", r#"{"timestamp":"2026-01-01T00:00:00.Z"}"#, "timestamp", "expected a time such as"),
        ("WellKnown", r#"{"timestamp":"2026-01-01T00:00:60Z"}"#, "timestamp", "is a time that does not exist"),
        ("WellKnown", r#"{"timestamp":"0001-01-01T00:00:00+01:00"}"#, "timestamp", "outside of the years 1 to 9999"),
        ("WellKnown", r#"{"timestamp":5}"#, "timestamp", "expected a string, found a number"),
        ("WellKnown", r#"{"duration":"1"}"#, "duration", "expected a duration such as"),
        ("WellKnown", r#"{"duration":"1.s"}"#, "duration", "expected a duration such as"),
        ("WellKnown", r#"{"duration":"+1s"}"#, "duration", "expected a duration such as"),
        ("WellKnown", r#"{"duration":"315576000001s"}"#, "duration", "more than 10,000 years"),
        ("WellKnown", r#"{"fieldMask":"given_name"}"#, "fieldMask", "lowerCamelCase"),
        ("WellKnown", r#"{"fieldMask":"a,,b"}"#, "fieldMask", "lowerCamelCase"),
        ("WellKnown", r#"{"struct":{"a":1,"a":2}}"#, "struct[\"a\"]", "is given twice"),
        ("WellKnown", r#"{"struct":[]}"#, "struct", "expected an object"),
        ("WellKnown", r#"{"list":{}}"#, "list", "expected a list"),
        ("WellKnown", r#"{"empty":{"a":1}}"#, "empty.a", "is no field of google.protobuf.Empty"),
        ("WellKnown", r#"{"aBool":"x"}"#, "aBool", "expected true or false"),
        ("WellKnown", r#"{"any":{"a":1}}"#, "any", "\"@type\" is missing"),
        ("WellKnown", r#"{"any":{"@type":"kinds.Plain"}}"#, "any", "\"kinds.Plain\", which is not a type URL"),
        ("WellKnown", r#"{"any":{"@type":"x/y"}}"#, "any", "\"x/y\", which is not a type URL of a known message"),
        ("WellKnown", r#"{"any":{"@type":"x/kinds.Plain","b":1}}"#, "any.b", "is no field of kinds.Plain"),
        ("WellKnown", r#"{"any":{"@type":"x/kinds.Plain","@type":""}}"#, "any.@type", "is no field of kinds.Plain"),
        ("WellKnown", r#"{"any":{"aBool":true,"@type":"x/kinds.Plain","aBool":true}}"#, "any.aBool", "is given twice"),
        ("WellKnown", r#"{"any":{"aBool":true,"aBool":true}}"#, "any.aBool", "is given twice"),
        (
            "WellKnown",
            r#"{"any":{"plain":{"aBool":true,"aBool":false},"@type":""}}"#,
            "any",
            "\"aBool\" is given twice",
        ),
        ("WellKnown", r#"{"any":{"@type":"x/google.protobuf.Duration"}}"#, "any", "\"value\" is missing"),
        ("WellKnown", r#"{"any":{"@type":"x/google.protobuf.Duration","a":1}}"#, "any.a", "only \"value\" is"),
    ] {
        let error = refused(&format!("kinds.{message}"), text);
        assert_eq!(error.path, path, "{text}: {error}");
        assert!(error.message.contains(problem), "{text}: {error}");
        assert!(error.line == 1 && error.column <= text.len() + 1, "{text}: {error}");
    }
}

#[test]
fn an_error_does_not_repeat_what_the_record_holds() {
    for text in [
        r#"{"name":5,"givenName":"Gheorghe"}"#,
        r#"{"gender":{"Gheorghe":1}}"#,
        r#"{"createTime":"Gheorghe"}"#,
        r#"{"createTime":{"Gheorghe":1}}"#,
        r#"{"name":["Gheorghe"]}"#,
        r#""Gheorghe""#,
    ] {
        let error = refused("campus.employee.v1.Employee", text);
        assert!(!error.to_string().contains("Gheorghe"), "{error}");
    }
}

#[test]
fn text_that_is_nested_too_deep_is_refused() {
    let too_deep = |message, text: &str| {
        let error = refused(message, text);
        assert!(error.message.contains("too deep") || error.message.contains("recursion limit"), "{error}");
        assert!(error.line == 1 && error.column <= text.len(), "not where it is too deep: {error}");
    };
    for (open, close) in [(r#"{"left":"#, "}"), (r#"{"more":["#, "]}"), (r#"{"named":{"a":"#, "}}")] {
        too_deep("kinds.Tree", &format!("{}{{}}{}", open.repeat(101), close.repeat(101)));
    }
    too_deep("kinds.WellKnown", &format!(r#"{{"value":{}{}}}"#, "[".repeat(60), "]".repeat(60)));
    too_deep("kinds.WellKnown", &format!(r#"{{"value":{}1{}}}"#, r#"{"a":"#.repeat(40), "}".repeat(40)));
    too_deep("kinds.WellKnown", &format!(r#"{{"any":{{"a":{}"#, "[".repeat(1_000_000)));
    let any = r#"{"@type":"a/google.protobuf.Any","value":"#;
    too_deep("kinds.WellKnown", &format!(r#"{{"any":{}{{}}{}}}"#, any.repeat(110), "}".repeat(110)));
}
