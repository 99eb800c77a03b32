//! The request message out of path, query and body, and the body of the answer.

use campus_gateway::{
    bind::{Place, Raw, RawBody, Violations},
    route::{Found, Route},
};
use campus_schema::JsonOptions;
use prost::Message;
use serde_json::{Value, json};
use tonic_types::StatusExt;

use crate::route::{KITCHEN, ROUTES};

fn sent(method: &str, uri: &str, body: &str) -> Result<Value, Violations> {
    KITCHEN.request(&ROUTES, method, uri, body)
}

fn queried(query: &str) -> Value {
    sent("GET", &format!("/v1/everything?{query}"), "").unwrap()
}

/// The faults of a request, a line each.
fn refused(method: &str, uri: &str, body: &str) -> Vec<String> {
    sent(method, uri, body).unwrap_err().iter().map(ToString::to_string).collect()
}

fn route(method: &str, path: &str) -> &'static Route {
    match ROUTES.find(&method.parse().unwrap(), path) {
        Found::Route(route, _) => route,
        _ => panic!("no route for {method} {path}"),
    }
}

#[test]
fn one_segment_is_decoded_whole_and_several_keep_their_encoded_slashes() {
    for (path, name) in [
        ("/v1/dishes/soup", "dishes/soup"),
        ("/v1/dishes/a%2Fb%2fc", "dishes/a%2Fb%2fc"),
        ("/v1/dishes/a%20b%3Ac%40d%C3%BC+", "dishes/a b:c@dü+"),
        ("/v1/dishes/%25%32%46", "dishes/%2F"),
        ("/v1/menus/1/dishes/2", "menus/1/dishes/2"),
        ("/v1/files", ""),
        ("/v1/files/", ""),
        ("/v1/files/a", "a"),
        ("/v1/files/a//b/%2e%2e/", "a//b/../"),
        ("/v1/raw/a%2Fb%20c", "a/b c"),
        ("/v1/raw/%2e%2E", ".."),
    ] {
        let expected = if name.is_empty() { json!({}) } else { json!({ "name": name }) };
        assert_eq!(sent("GET", path, "").unwrap(), expected, "{path}");
    }
    let percent = "path: name: has a \"%\" that two hexadecimal digits do not follow";
    assert_eq!(refused("GET", "/v1/raw/100%", ""), [percent]);
    assert_eq!(refused("GET", "/v1/raw/%-1", ""), [percent]);
    assert_eq!(refused("GET", "/v1/raw/%FF", ""), ["path: name: is not valid UTF-8 when it is decoded"]);
}

#[test]
fn a_path_fills_fields_of_every_kind_that_is_text() {
    let numbers = sent("GET", "/v1/numbers/-9223372036854775808/COLOR_RED/true", "").unwrap();
    assert_eq!(numbers, json!({"an_int64": "-9223372036854775808", "color": "COLOR_RED", "a_bool": true}));
    let times = sent("GET", "/v1/at/2026-01-31T12:00:00Z/for/1.5s", "").unwrap();
    assert_eq!(times, json!({"at": "2026-01-31T12:00:00Z", "wait": "1.500s"}));
    let nested = sent("GET", "/v1/inner/x?inner.inner.an_int32=5&inner.text=y", "").unwrap();
    assert_eq!(nested, json!({"inner": {"text": "y", "inner": {"text": "x", "an_int32": 5}}}));
    let found = refused("GET", "/v1/numbers/1.5/COLOR_REED/yes", "");
    let expected = [
        "path: an_int64: expected a whole number of 64 bits",
        "path: color: \"COLOR_REED\" is no value of kitchen.v1.Color; did you mean \"COLOR_RED\"?",
        "path: a_bool: expected true or false",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_query_fills_fields_of_every_kind() {
    for (query, expected) in [
        ("", json!({})),
        ("&&", json!({})),
        ("a_bool=true&aBool2=", json!(null)),
        ("aBool=true", json!({"a_bool": true})),
        ("an_int32=-5&anInt64=9007199254740993", json!({"an_int32": -5, "an_int64": "9007199254740993"})),
        ("aUint64=18446744073709551615", json!({"a_uint64": "18446744073709551615"})),
        ("aDouble=-1.5e3", json!({"a_double": -1500.0})),
        ("a_double=NaN", json!({"a_double": "NaN"})),
        ("text=a+b%2Bc%26%3D&text2", json!(null)),
        ("text=a+b%2Bc%26%3D", json!({"text": "a b+c&="})),
        ("te%78t==%3D=", json!({"text": "==="})),
        ("someBytes=-_8", json!({"some_bytes": "+/8="})),
        ("someBytes=%2B/8%3D", json!({"some_bytes": "+/8="})),
        ("color=COLOR_GREEN", json!({"color": "COLOR_GREEN"})),
        ("color=2", json!({"color": "COLOR_GREEN"})),
        ("color=77", json!({"color": 77})),
        ("ints=3&ints=1&ints=0", json!({"ints": [3, 1, 0]})),
        ("texts=b&texts=&texts=a", json!({"texts": ["b", "", "a"]})),
        ("colors=1&colors=COLOR_GREEN", json!({"colors": ["COLOR_RED", "COLOR_GREEN"]})),
        ("labels[a.b]=1&labels[c%5D]=2&labels[]=3", json!({"labels": {"": "3", "a.b": "1", "c]": "2"}})),
        ("byNumber[-7]=COLOR_RED", json!({"by_number": {"-7": "COLOR_RED"}})),
        (
            "inner.labels[x]=y&inner.inner.ints=1&inner.inner.ints=2",
            json!({"inner": {"labels": {"x": "y"}, "inner": {"ints": [1, 2]}}}),
        ),
        ("at=1972-01-01T10:00:20.021%2B01:00", json!({"at": "1972-01-01T09:00:20.021Z"})),
        ("wait=-3s&waits=1s&waits=0.5s", json!({"wait": "-3s", "waits": ["1s", "0.500s"]})),
        ("mask=text,inner.an_int32,anInt64", json!({"mask": "text,inner.anInt32,anInt64"})),
        ("mask=", json!({"mask": ""})),
        ("maybe=0", json!({"maybe": "0"})),
        ("value=%7B%22a%22:%5B1,null%5D%7D", json!({"value": {"a": [1.0, null]}})),
        ("value=null", json!({"value": null})),
        ("struct=%7B%7D", json!({"struct": {}})),
        ("present=0", json!({"present": 0})),
        ("byId=0", json!({"by_id": 0})),
    ] {
        if expected.is_null() {
            assert!(sent("GET", &format!("/v1/everything?{query}"), "").is_err(), "{query}");
        } else {
            assert_eq!(queried(query), expected, "{query}");
        }
    }
}

#[test]
fn every_fault_of_a_query_is_told_with_its_key_and_what_would_be_right() {
    for (query, expected) in [
        ("txt=1", "query: txt: is no field of kitchen.v1.Everything; did you mean \"text\"?"),
        ("anint32=1", "query: anint32: is no field of kitchen.v1.Everything; did you mean \"anInt32\"?"),
        ("an_int=1", "query: an_int: is no field of kitchen.v1.Everything; did you mean \"an_int32\"?"),
        ("inner.txt=1", "query: inner.txt: is no field of kitchen.v1.Everything; did you mean \"inner.text\"?"),
        ("what=1", "query: what: is no field of kitchen.v1.Everything"),
        ("a_bool", "query: a_bool: expected true or false"),
        ("aBool=1", "query: aBool: expected true or false"),
        ("an_int32=", "query: an_int32: expected a whole number from -2147483648 to 2147483647"),
        ("an_int32=2147483648", "query: an_int32: expected a whole number from -2147483648 to 2147483647"),
        ("aUint64=-1", "query: aUint64: expected a whole number of 64 bits that is not negative"),
        ("aDouble=1x", "query: aDouble: expected a number"),
        ("someBytes=*", "query: someBytes: expected a string in base64"),
        ("color=color_red", "query: color: \"color_red\" is no value of kitchen.v1.Color; did you mean \"COLOR_RED\"?"),
        ("at=yesterday", "query: at: expected a time such as \"2026-01-31T12:00:00Z\""),
        ("wait=1", "query: wait: expected a duration such as \"1.5s\""),
        ("at.seconds=1", "query: at.seconds: \"at\" has no fields that a query could set"),
        ("inner=1", "query: inner: is a message; set its fields, for example inner.aBool"),
        ("inners.text=1", "query: inners.text: \"inners\" has no fields that a query could set"),
        ("inners=1", "query: inners: holds messages, which can only be sent in a body"),
        ("any=1", "query: any: is a message; set its fields, for example any.typeUrl"),
        ("labels=1", "query: labels: is a map; say which entry: labels[KEY]"),
        ("text[a]=1", "query: text[a]: is no map, so it has no entries"),
        ("tree[a]=1", "query: tree[a]: holds messages, which can only be sent in a body"),
        ("by_number[x]=1", "query: by_number[x]: expected a key that is a whole number from -2147483648 to 2147483647"),
        ("text=a&text=b", "query: text: is given twice"),
        ("text=a&inner.text=b&inner.text=b", "query: inner.text: is given twice"),
        ("labels[a]=1&labels[a]=2", "query: labels[a]: is given twice"),
        ("by_name=a&by_id=1", "query: by_id: is a second member of choice, of which one can be set"),
        ("text=%G1", "query: text: has a \"%\" that two hexadecimal digits do not follow"),
        ("text=%C3", "query: text: is not valid UTF-8 when it is decoded"),
        ("=1", "query: is no field of kitchen.v1.Everything"),
        (".=1", "query: .: is no field of kitchen.v1.Everything"),
    ] {
        assert_eq!(refused("GET", &format!("/v1/everything?{query}"), ""), [expected], "{query}");
    }
    let two = refused("GET", "/v1/everything?a=1&text=ok&an_int32=x", "");
    assert_eq!(two.len(), 2, "{two:?}");
    let deep = format!("/v1/everything?{}text=1", "inner.".repeat(101));
    assert!(refused("GET", &deep, "")[0].ends_with("leads through more than 100 messages"));
    let many: String = (0..1000).map(|at| format!("&x{at}=1")).collect();
    assert_eq!(refused("GET", &format!("/v1/everything?{many}"), "").len(), 16);
}

#[test]
fn a_system_parameter_says_how_the_answer_is_written() {
    let options = |query: &str| {
        let Found::Route(route, captured) = ROUTES.find(&http::Method::PUT, "/v1/dishes/1") else { panic!() };
        route.bind(captured, query).map(|bound| bound.json_options(JsonOptions::default()))
    };
    assert_eq!(options("").unwrap(), JsonOptions::default());
    assert_eq!(options("$alt=json").unwrap(), JsonOptions::default());
    let numbers = options("%24alt=json%3Benum-encoding%3Dint&$prettyPrint=true").unwrap();
    assert_eq!(numbers, JsonOptions { enum_numbers: true, indent: Some(2), ..JsonOptions::default() });
    for (query, expected) in [
        ("$alt=proto", "query: $alt: expected json or json;enum-encoding=int"),
        ("$alt=json&$alt=json", "query: $alt: is given twice"),
        ("$prettyprint=true", "query: $prettyprint: is no system parameter; did you mean \"$prettyPrint\"?"),
        ("$key=1", "query: $key: is no system parameter"),
    ] {
        assert_eq!(options(query).unwrap_err().to_string(), expected);
    }
}

#[test]
fn the_faults_are_one_status_with_a_violation_for_each() {
    let faults = sent("GET", "/v1/everything?txt=1&an_int32=x", "").unwrap_err();
    let status = faults.to_status();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let details = status.get_details_bad_request().unwrap();
    let fields: Vec<_> = details.field_violations.iter().map(|it| (&*it.field, &*it.description)).collect();
    assert_eq!(fields[0], ("txt", "query: is no field of kitchen.v1.Everything; did you mean \"text\"?"));
    assert_eq!(fields[1].0, "an_int32");
    assert_eq!(faults.iter().next().unwrap().place, Place::Query);
}

#[test]
fn a_field_of_the_path_or_the_body_is_refused_in_the_query() {
    assert_eq!(refused("GET", "/v1/dishes/1?name=dishes/2", ""), ["query: name: is in the path already"]);
    assert_eq!(sent("GET", "/v1/dishes/1?view=full", "").unwrap(), json!({"name": "dishes/1", "view": "full"}));
    let body = ["query: dish.title: is in the body of this method"];
    assert_eq!(refused("PATCH", "/v1/dishes/1?dish.title=x", "{}"), body);
    let all = ["query: tags: is not expected: every field of this method is in the body"];
    assert_eq!(refused("PUT", "/v1/dishes/1?tags=x", "{}"), all);
}

#[test]
fn a_body_is_the_request_or_one_field_of_any_kind() {
    let put = sent("PUT", "/v1/dishes/1", r#"{"dish":{"title":"Soup"},"tags":["a"]}"#).unwrap();
    assert_eq!(put, json!({"dish": {"name": "dishes/1", "title": "Soup"}, "tags": ["a"]}));
    let tags = sent("POST", "/v1/dishes/1:taste?dish.title=x", r#"["a","b"]"#).unwrap();
    assert_eq!(tags, json!({"dish": {"name": "dishes/1", "title": "x"}, "tags": ["a", "b"]}));
    for empty in ["", " \r\n\t"] {
        assert_eq!(sent("PUT", "/v1/dishes/1", empty).unwrap(), json!({"dish": {"name": "dishes/1"}}));
    }
    assert_eq!(sent("POST", "/v1/dishes/1:taste", "null").unwrap(), json!({"dish": {"name": "dishes/1"}}));
    assert_eq!(sent("POST", "/kitchen.v1.Kitchen/Plain", r#"{"name":"x"}"#).unwrap(), json!({"name": "x"}));
}

#[test]
fn a_fault_of_a_body_is_told_with_its_field_and_its_place() {
    for (method, uri, body, expected) in [
        (
            "PUT",
            "/v1/dishes/1",
            "{\"dish\":\n{\"titel\":1}}",
            "body: dish.titel: is no field of kitchen.v1.Dish; did you mean \"title\"? (line 2 column 8)",
        ),
        (
            "PATCH",
            "/v1/dishes/1",
            r#"{"titel":1}"#,
            "body: dish.titel: is no field of kitchen.v1.Dish; did you mean \"title\"? (line 1 column 8)",
        ),
        (
            "PATCH",
            "/v1/dishes/1",
            r#"{"title":1}"#,
            "body: dish.title: expected a string, found a number (line 1 column 11)",
        ),
        ("PATCH", "/v1/dishes/1", "[]", "body: dish: expected an object, found a list (line 1 column 2)"),
        ("PATCH", "/v1/dishes/1", "{", "body: dish: EOF while parsing an object (line 1 column 1)"),
        ("PATCH", "/v1/dishes/1", "{} x", "body: dish: trailing characters (line 1 column 4)"),
        ("PUT", "/v1/dishes/1", "nonsense", "body: expected ident (line 1 column 2)"),
        ("GET", "/v1/dishes/1", "{}", "body: is not expected: this method takes none"),
    ] {
        assert_eq!(refused(method, uri, body), [expected], "{body}");
    }
    let route = route("PUT", "/v1/dishes/1");
    let found = route.request(&Default::default(), &[0xff], &mut Vec::new()).unwrap_err();
    assert_eq!(found.to_string(), "body: is not valid UTF-8");
}

#[test]
fn a_body_may_repeat_the_path_but_not_contradict_it() {
    let repeated = sent("PUT", "/v1/dishes/1", r#"{"dish":{"name":"dishes/1"}}"#).unwrap();
    assert_eq!(repeated, json!({"dish": {"name": "dishes/1"}}));
    let empty = sent("PUT", "/v1/dishes/1", r#"{"dish":{"name":""}}"#).unwrap();
    assert_eq!(empty, json!({"dish": {"name": "dishes/1"}}));
    let expected = ["body: dish.name: is another one than in the path; leave it out"];
    assert_eq!(refused("PUT", "/v1/dishes/1", r#"{"dish":{"name":"dishes/2"}}"#), expected);
    assert_eq!(refused("PATCH", "/v1/dishes/1", r#"{"name":"dishes/2"}"#), expected);
}

#[test]
fn an_answer_is_the_reply_or_one_field_of_it() {
    let answer = |route: &Route, reply: &[u8]| {
        let mut out = String::from("> ");
        route.reply(reply, &JsonOptions::default(), &mut out).map(|()| out)
    };
    let reply = KITCHEN.schema.message("kitchen.v1.UpdateDishRequest").unwrap();
    let reply = reply.from_json(r#"{"dish":{"title":"Soup"},"tags":["a"]}"#).unwrap();
    assert_eq!(answer(route("POST", "/v1/dishes/1:taste"), &reply).unwrap(), r#"> ["a"]"#);
    assert_eq!(answer(route("POST", "/v1/dishes/1:taste"), &[]).unwrap(), "> []");
    assert_eq!(answer(route("GET", "/v1/dishes/1:smell"), &reply).unwrap(), r#"> {"title":"Soup"}"#);
    assert_eq!(answer(route("GET", "/v1/dishes/1:smell"), &[]).unwrap(), "> {}");
    assert_eq!(
        answer(route("PURGE", "/v1/dishes/1:smell"), &reply).unwrap(),
        r#"> {"dish":{"title":"Soup"},"tags":["a"]}"#
    );
    // Twice in the reply, as some servers encode it: the pieces are one message.
    let pieces = [&reply[..], &reply[..]].concat();
    assert_eq!(answer(route("POST", "/v1/dishes/1:taste"), &pieces).unwrap(), r#"> ["a","a"]"#);
    assert_eq!(answer(route("GET", "/v1/dishes/1:smell"), &pieces).unwrap(), r#"> {"title":"Soup"}"#);
    assert!(answer(route("GET", "/v1/dishes/1:smell"), &[10, 5]).is_err());
}

#[test]
fn a_raw_body_is_passed_on_as_it_is() {
    let upload = route("PUT", "/v1/dishes/1/picture");
    assert_eq!(upload.raw(), Raw { request: true, reply: true });
    let Found::Route(_, captured) = ROUTES.find(&http::Method::PUT, "/v1/dishes/1/picture") else { panic!() };
    let bound = upload.bind(captured, "caption=Soup").unwrap();
    let mut bytes = Vec::new();
    let body = RawBody { content_type: "image/png", data: &[0, 255, 13] };
    upload.raw_request(&bound, body, &mut bytes).unwrap();
    let expected =
        json!({"name": "dishes/1", "image": {"content_type": "image/png", "data": "AP8N"}, "caption": "Soup"});
    assert_eq!(KITCHEN.json("kitchen.v1.Picture", &bytes), expected);

    let print = route("POST", "/v1/print");
    assert_eq!(print.raw(), Raw { request: true, reply: true });
    assert_eq!(print.raw_reply(&bytes).unwrap(), body);
    assert_eq!(print.raw_reply(&[]).unwrap(), RawBody { content_type: "", data: &[] });
    let mut bytes = Vec::new();
    print.raw_request(&Default::default(), body, &mut bytes).unwrap();
    assert_eq!(KITCHEN.json("google.api.HttpBody", &bytes), expected["image"]);
    assert_eq!(upload.raw_reply(&bytes).unwrap(), body);
    assert_eq!(route("GET", "/v1/dishes/1").raw(), Raw::default());
    assert_eq!(KITCHEN.decoded("google.api.HttpBody", &bytes).encode_to_vec(), bytes);
}
