use std::sync::OnceLock;

use campus_store::{ColumnRef, CompareOp, Expr, Op, Query, Store, StoreError, Value};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::{AGE, EMAIL, Folder, NAME, create, table, values};

/// Texts that comparisons trip over: nothing, prefixes of each other, wildcards, zero, the ends of the alphabet.
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "aB",
    "b",
    "ba",
    "aba",
    "%",
    "_",
    "a%",
    "*",
    "[a]",
    "'",
    "\"",
    "\\",
    "\0",
    "a\0",
    "\0a",
    "a\0b",
    "\u{d7ff}",
    "\u{e000}",
    "\u{10ffff}",
    "a\u{10ffff}",
    "é",
    "e\u{301}",
    "ÿ",
    "\u{80}",
    "\u{7f}",
    " ",
    "10",
    "9",
    "日本",
];
const NUMBERS: &[i64] = &[i64::MIN, -10, -1, 0, 1, 9, 10, i64::MAX];

struct Filled {
    runtime: Runtime,
    store: Store,
    records: Vec<(String, Vec<Value>)>,
    _folder: Folder,
}

/// A store on each engine with every text in both columns, filled once.
fn filled() -> &'static [Filled] {
    static FILLED: OnceLock<Vec<Filled>> = OnceLock::new();
    FILLED.get_or_init(|| [Some(Folder::new()), Folder::on_postgres()].into_iter().flatten().map(Filled::new).collect())
}

impl Filled {
    fn new(folder: Folder) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = runtime.block_on(folder.open());
        let mut records = Vec::new();
        for (index, name) in TEXTS.iter().enumerate() {
            for (other, key) in [name, TEXTS[(index * 7 + 3) % TEXTS.len()]].into_iter().enumerate() {
                let email = if other == 0 { TEXTS[(index + 5) % TEXTS.len()] } else { "" };
                let age = NUMBERS[(index + other) % NUMBERS.len()];
                records.push((format!("{key}/{index}-{other}"), values(name, &email.to_lowercase(), age)));
            }
        }
        let ops = records.iter().map(|(key, values)| match create(key, "", "", 0) {
            Op::Put { key, expect, version, body, request, .. } => {
                Op::Put { key, expect, version, body, values: values.clone(), request }
            }
            delete @ Op::Delete { .. } => delete,
        });
        let outcomes = runtime.block_on(store.write(ops.collect())).unwrap();
        let mut outcomes = outcomes.into_iter();
        records.retain(|_| outcomes.next() == Some(campus_store::Outcome::Created));
        assert!(records.len() > TEXTS.len());
        records.sort_by(|left, right| left.0.cmp(&right.0));
        Self { runtime, store, records, _folder: folder }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(TEXTS).prop_map(str::to_owned), 1 => "[ab%_/0-9]{0,3}"]
}

fn text_column() -> impl Strategy<Value = ColumnRef> {
    prop::sample::select(vec![ColumnRef::Key, NAME, EMAIL])
}

fn op() -> impl Strategy<Value = CompareOp> {
    use CompareOp::{Eq, Ge, Gt, Le, Lt, Ne};
    prop::sample::select(vec![Eq, Ne, Lt, Le, Gt, Ge])
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        1 => prop::sample::select(vec![Expr::True, Expr::False]),
        6 => (text_column(), op(), text())
            .prop_map(|(column, op, text)| Expr::Compare { column, op, value: Value::Text(text) }),
        3 => (op(), prop::sample::select(NUMBERS))
            .prop_map(|(op, number)| Expr::Compare { column: AGE, op, value: Value::Integer(number) }),
        2 => (text_column(), text()).prop_map(|(column, text)| Expr::Contains { column, text }),
        2 => (text_column(), text()).prop_map(|(column, text)| Expr::Prefix { column, text }),
        2 => (text_column(), text()).prop_map(|(column, text)| Expr::Suffix { column, text }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::Or),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

/// What `Debug` keeps quiet about.
fn shown(expr: &Expr) -> String {
    match expr {
        Expr::And(parts) => format!("And{:?}", parts.iter().map(shown).collect::<Vec<_>>()),
        Expr::Or(parts) => format!("Or{:?}", parts.iter().map(shown).collect::<Vec<_>>()),
        Expr::Not(part) => format!("Not({})", shown(part)),
        Expr::Compare { column, op, value: Value::Text(text) } => format!("{column:?} {op:?} {text:?}"),
        Expr::Compare { column, op, value: Value::Integer(number) } => format!("{column:?} {op:?} {number}"),
        Expr::Contains { column, text } => format!("{column:?} contains {text:?}"),
        Expr::Prefix { column, text } => format!("{column:?} starts with {text:?}"),
        Expr::Suffix { column, text } => format!("{column:?} ends with {text:?}"),
        constant => format!("{constant:?}"),
    }
}

/// What the first one finds, and it is the same on all.
fn found_on_all(filter: &Expr) -> Result<Vec<String>, StoreError> {
    let all: Vec<_> = filled().iter().map(|filled| found(filled, filter.clone())).collect();
    assert!(all.iter().all(|one| *one == all[0]), "{}", shown(filter));
    all.into_iter().next().unwrap()
}

fn found(filled: &Filled, filter: Expr) -> Result<Vec<String>, StoreError> {
    let query = Query { filter: Some(filter), ..Query::default() };
    let page = filled.runtime.block_on(filled.store.page(&query, 1000))?;
    Ok(page.rows.iter().map(|row| row.key.to_owned()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_expression_matches_what_the_database_finds(expr in expr()) {
        for filled in filled() {
        let matched = filled.records.iter().filter(|(key, values)| expr.matches(key, values));
        let matched: Vec<_> = matched.map(|(key, _)| key.clone()).collect();
        prop_assert_eq!(found(filled, expr.clone()).unwrap(), matched, "{}", shown(&expr));
        }
    }
}

fn compare(column: ColumnRef, op: CompareOp, value: Value) -> Expr {
    Expr::Compare { column, op, value }
}

#[test]
fn a_field_that_is_not_set_is_neither_less_nor_greater() {
    use CompareOp::{Eq, Ge, Gt, Le, Lt, Ne};
    let unset = values("", "", 0);
    for (op, expected) in [(Lt, false), (Le, false), (Gt, false), (Ge, false), (Eq, false), (Ne, true)] {
        assert_eq!(compare(NAME, op, Value::Text("b".to_owned())).matches("k", &unset), expected, "{op:?}");
    }
    assert!(!compare(NAME, Ge, Value::Text(String::new())).matches("k", &unset));
    assert!(compare(NAME, Eq, Value::Text(String::new())).matches("k", &unset));
    assert!(compare(AGE, Lt, Value::Integer(1)).matches("k", &unset), "a number is always set");
}

#[test]
fn wildcards_are_characters_like_any_other() {
    let of = |text: &str| found_on_all(&Expr::Contains { column: NAME, text: text.to_owned() }).unwrap().len();
    assert!(of("%") < of("") / 4);
    assert!(of("_") < of("") / 4);
}

#[test]
fn an_expression_that_does_not_fit_the_table_is_refused() {
    let number = || Value::Integer(1);
    let cases = [
        (compare(NAME, CompareOp::Eq, number()), "person.name is Text, not Integer"),
        (compare(AGE, CompareOp::Eq, Value::Text(String::new())), "person.age is Integer, not Text"),
        (Expr::Contains { column: AGE, text: "1".to_owned() }, "person.age is Integer, not Text"),
        (compare(ColumnRef::Column(3), CompareOp::Eq, number()), "there is no column 3 in person"),
    ];
    for (expr, expected) in cases {
        assert!(!expr.matches("k", &values("a", "b", 1)), "{expected}");
        assert_eq!(found_on_all(&expr).unwrap_err(), StoreError::Invalid(expected.to_owned()));
    }
}

#[test]
fn the_largest_expression_is_answered_and_a_larger_one_refused() {
    let term = || compare(NAME, CompareOp::Lt, Value::Text("b".to_owned()));
    let nested = |depth| (1..depth).fold(term(), |expr, _| Expr::Or(vec![Expr::And(vec![expr])]));
    let deep = |depth| (1..depth).fold(term(), |expr, _| Expr::Not(Box::new(expr)));
    let wide = |terms| Expr::Or(vec![term(); terms - 1]);
    for largest in [deep(Expr::MAX_DEPTH), nested(Expr::MAX_DEPTH / 2), wide(Expr::MAX_TERMS)] {
        assert_eq!(largest.check(&table()), Ok(()));
        found_on_all(&largest).unwrap();
    }
    // As deep as it may be at the end of as long a row as fits.
    let mut row = vec![term(); Expr::MAX_TERMS - Expr::MAX_DEPTH];
    row.push(deep(Expr::MAX_DEPTH - 1));
    found_on_all(&Expr::And(row)).unwrap();
    let refused = |expr| found_on_all(&expr).unwrap_err().to_string();
    assert_eq!(refused(deep(Expr::MAX_DEPTH + 1)), "the filter is nested deeper than 64");
    assert_eq!(refused(wide(Expr::MAX_TERMS + 1)), "the filter has more than 512 terms");
}
