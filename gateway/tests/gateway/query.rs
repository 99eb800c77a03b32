//! A query says what JSON says.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::route::{KITCHEN, ROUTES};

/// Keys and values of a query, and the same as JSON.
fn said() -> impl Strategy<Value = (Vec<(String, String)>, Value)> {
    let scalars = (any::<i32>(), any::<i64>(), any::<u64>(), -1e300..1e300_f64, any::<bool>(), 0..3_i32);
    let texts = (any::<String>(), prop::collection::vec(any::<u8>(), 0..9));
    let many = (prop::collection::vec(any::<i32>(), 0..4), prop::collection::vec(any::<String>(), 0..4));
    let labels = prop::collection::btree_map("[^\\[\\]]{0,5}", any::<String>(), 0..4);
    (scalars, texts, many, labels).prop_map(|(scalars, (text, bytes), (ints, texts), labels)| {
        let (int32, int64, uint64, double, flag, color) = scalars;
        let bytes = BASE64_STANDARD.encode(bytes);
        let mut pairs: Vec<(String, String)> = [
            ("anInt32", int32.to_string()),
            ("an_int64", int64.to_string()),
            ("inner.aUint64", uint64.to_string()),
            ("inner.inner.a_double", format!("{double:?}")),
            ("aBool", flag.to_string()),
            ("color", color.to_string()),
            ("text", text.clone()),
            ("someBytes", bytes.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        pairs.extend(ints.iter().map(|value| ("ints".to_owned(), value.to_string())));
        pairs.extend(texts.iter().map(|value| ("inner.texts".to_owned(), value.clone())));
        pairs.extend(labels.iter().map(|(key, value)| (format!("labels[{key}]"), value.clone())));
        let inner = json!({"aUint64": uint64.to_string(), "inner": {"aDouble": double}, "texts": texts});
        let labels: BTreeMap<_, _> = labels.into_iter().collect();
        let json = json!({
            "anInt32": int32, "anInt64": int64.to_string(), "aBool": flag, "color": color, "text": text,
            "someBytes": bytes, "ints": ints, "inner": inner, "labels": labels,
        });
        (pairs, json)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_query_makes_the_message_that_the_same_json_makes((pairs, json) in said(), turn in any::<prop::sample::Index>()) {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%20", "+");
        let mut query: Vec<String> =
            pairs.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
        // The order of keys makes no difference, unless they are the same.
        let at = turn.index(8);
        query.rotate_left(at);
        let found = KITCHEN.request(&ROUTES, "GET", &format!("/v1/everything?{}", query.join("&")), "").unwrap();
        let bytes = KITCHEN.schema.message("kitchen.v1.Everything").unwrap().from_json(&json.to_string()).unwrap();
        prop_assert_eq!(found, KITCHEN.json("kitchen.v1.Everything", &bytes));
    }
}
