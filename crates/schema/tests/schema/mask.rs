//! Masks, held against the same rules on message objects.

use std::collections::BTreeMap;

use campus_schema::Mask;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value};

use crate::{
    CAMPUS, KINDS, decoded,
    generate::{Source, decisions, message, runs},
    prop_assert_same,
    scramble::scrambled,
    subjects,
};

/// Paths as a tree; a leaf is a whole field.
#[derive(Default)]
struct Tree(BTreeMap<String, Tree>);

fn random_paths(of: &MessageDescriptor, source: &mut Source<'_>) -> Vec<String> {
    (0..=source.below(4)).map(|_| random_path(of, source)).collect()
}

fn random_path(of: &MessageDescriptor, source: &mut Source<'_>) -> String {
    let fields: Vec<_> = of.fields().collect();
    let field = &fields[source.below(fields.len())];
    let name = if source.once_in(4) { field.json_name() } else { field.name() };
    match field.kind() {
        Kind::Message(inner)
            if !field.is_list() && !field.is_map() && inner.fields().len() > 0 && source.once_in(2) =>
        {
            format!("{name}.{}", random_path(&inner, source))
        }
        _ => name.to_owned(),
    }
}

fn tree(of: &MessageDescriptor, paths: &[String]) -> Tree {
    let mut tree = Tree::default();
    for path in paths {
        let (mut at, mut of) = (&mut tree, of.clone());
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            let field = of.get_field_by_name(step).or_else(|| of.get_field_by_json_name(step)).unwrap();
            let known = at.0.contains_key(field.name());
            let next = at.0.entry(field.name().to_owned()).or_default();
            let leaf = known && next.0.is_empty();
            if steps.peek().is_none() {
                next.0.clear();
            }
            if leaf {
                break;
            }
            at = next;
            if let Kind::Message(inner) = field.kind() {
                of = inner;
            }
        }
    }
    tree
}

fn projected(from: &DynamicMessage, tree: &Tree) -> DynamicMessage {
    let mut to = DynamicMessage::new(from.descriptor());
    for (name, inside) in &tree.0 {
        if from.has_field_by_name(name) {
            let value = from.get_field_by_name(name).unwrap().into_owned();
            to.set_field_by_name(
                name,
                if inside.0.is_empty() {
                    value
                } else {
                    Value::Message(projected(value.as_message().unwrap(), inside))
                },
            );
        }
    }
    to
}

fn merged(stored: &DynamicMessage, patch: &DynamicMessage, tree: &Tree) -> DynamicMessage {
    let mut result = stored.clone();
    let part = |of: &DynamicMessage, name: &str| of.get_field_by_name(name).unwrap().as_message().unwrap().clone();
    for (name, inside) in &tree.0 {
        if inside.0.is_empty() {
            result.clear_field_by_name(name);
        } else if stored.has_field_by_name(name) && !patch.has_field_by_name(name) {
            let stored = part(stored, name);
            let nothing = DynamicMessage::new(stored.descriptor());
            result.set_field_by_name(name, Value::Message(merged(&stored, &nothing, inside)));
        }
    }
    for (name, inside) in tree.0.iter().filter(|(name, _)| patch.has_field_by_name(name)) {
        if inside.0.is_empty() {
            result.set_field_by_name(name, patch.get_field_by_name(name).unwrap().into_owned());
            continue;
        }
        let patch = part(patch, name);
        let had = stored.has_field_by_name(name);
        let stored = if had { part(stored, name) } else { DynamicMessage::new(patch.descriptor()) };
        let inner = merged(&stored, &patch, inside);
        if had || inner.encoded_len() > 0 {
            result.set_field_by_name(name, Value::Message(inner));
        }
    }
    result
}

proptest! {
    #![proptest_config(runs(600))]

    #[test]
    fn projecting_keeps_what_the_mask_names_and_nothing_else(decisions in decisions(), at in any::<prop::sample::Index>()) {
        let (ours, theirs) = at.get(&subjects()).clone();
        let source = &mut Source::new(&decisions);
        let paths = random_paths(&theirs, source);
        let mask = Mask::parse(ours, &paths).unwrap();
        let whole = message(&theirs, source);
        let canonical = ours.canonical(&whole.encode_to_vec()).unwrap();
        let part = ours.project(&canonical, &mask).unwrap();
        prop_assert_same!(decoded(&theirs, &part), projected(&whole, &tree(&theirs, &paths)), paths);
        prop_assert!(ours.is_canonical(&part).unwrap());
    }

    #[test]
    fn merging_takes_from_the_patch_what_the_mask_names(
        decisions in decisions(),
        patch in decisions(),
        at in any::<prop::sample::Index>(),
    ) {
        let (ours, theirs) = at.get(&subjects()).clone();
        let source = &mut Source::new(&decisions);
        let paths = random_paths(&theirs, source);
        let mask = Mask::parse(ours, &paths).unwrap();
        let stored = message(&theirs, source);
        let source = &mut Source::new(&patch);
        let patch = message(&theirs, source);
        let sent = scrambled(ours, &patch.encode_to_vec(), source);
        let result = ours.merge(&stored.encode_to_vec(), &sent, &mask).unwrap();
        let expected = merged(&stored, &patch, &tree(&theirs, &paths));
        prop_assert_same!(decoded(&theirs, &result), expected, paths);
        prop_assert!(ours.is_canonical(&result).unwrap());
    }

    #[test]
    fn leaving_fields_out_leaves_the_others_as_they_are(decisions in decisions(), at in any::<prop::sample::Index>()) {
        let (ours, theirs) = at.get(&subjects()).clone();
        let source = &mut Source::new(&decisions);
        let mut whole = message(&theirs, source);
        let fields: Vec<_> = theirs.fields().filter(|_| source.once_in(2)).collect();
        let numbers: Vec<u32> = fields.iter().map(prost_reflect::FieldDescriptor::number).collect();
        let rest = ours.without(&whole.encode_to_vec(), &numbers).unwrap();
        fields.iter().for_each(|field| whole.clear_field(field));
        prop_assert_same!(decoded(&theirs, &rest), whole);
    }
}

#[test]
fn unknown_fields_of_the_stored_record_survive_an_update() {
    let (ours, _) = KINDS.message("kinds.Tree");
    // name, plain { a_bool, unknown 100000 }, unknown 100001
    let stored = [0x0a, 1, b'a', 0x2a, 6, 8, 1, 0x80, 0xea, 0x30, 7, 0x88, 0xea, 0x30, 9];
    let patch = [0x0a, 1, b'b', 0x90, 0xea, 0x30, 9];
    let mask = Mask::parse(ours, ["name", "plain.a_bool", "plain.a_string"]).unwrap();
    let expected = [0x0a, 1, b'b', 0x2a, 4, 0x80, 0xea, 0x30, 7, 0x88, 0xea, 0x30, 9];
    assert_eq!(ours.merge(&stored, &patch, &mask).unwrap(), expected);
    assert_eq!(ours.merge(&stored, &patch, &Mask::all()).unwrap(), patch);
    assert_eq!(ours.project(&stored, &Mask::all()).unwrap(), stored);
}

#[test]
fn no_path_and_a_star_mean_everything() {
    let employee = CAMPUS.schema.message("campus.employee.v1.Employee").unwrap();
    assert!(Mask::parse(employee, [""; 0]).unwrap().is_all());
    assert!(Mask::parse(employee, ["name", "*", "email"]).unwrap().is_all());
    let mask = Mask::parse(employee, ["create_time.seconds", "givenName"]).unwrap();
    assert!(!mask.is_all());
    assert!(mask.touches(9) && mask.touches(3) && !mask.touches(1));
    assert_eq!(Mask::parse(employee, ["create_time.seconds", "create_time"]), Mask::parse(employee, ["createTime"]));
    assert_eq!(Mask::parse(employee, ["create_time", "create_time.seconds"]), Mask::parse(employee, ["createTime"]));
}

#[test]
fn the_mask_of_what_is_set_names_the_known_fields_of_the_message() {
    let employee = CAMPUS.schema.message("campus.employee.v1.Employee").unwrap();
    let bytes = [&crate::employee()[..], &[0x88, 0xea, 0x30, 9]].concat();
    let mask = Mask::of_set_fields(employee, &bytes).unwrap();
    let paths = ["name", "given_name", "family_name", "gender", "birth_date", "create_time"];
    assert_eq!(mask, Mask::parse(employee, paths).unwrap());
    let nothing = Mask::of_set_fields(employee, &[]).unwrap();
    assert!(!nothing.is_all() && !nothing.touches(1));
    assert_eq!(employee.merge(&bytes, &bytes, &nothing).unwrap(), bytes);
    assert_eq!(employee.project(&bytes, &nothing).unwrap(), b"");
}

#[test]
fn an_unknown_path_is_refused_with_the_nearest() {
    let student = CAMPUS.schema.message("campus.student.v1.Student").unwrap();
    let refused = |path: &str| Mask::parse(student, ["name", path]).unwrap_err();
    assert_eq!(refused("famly_name").nearest.as_deref(), Some("family_name"));
    assert_eq!(refused("create_time.second").nearest.as_deref(), Some("create_time.seconds"));
    assert_eq!(refused("salary").nearest, None);
    assert_eq!(refused("").nearest, None);
    assert_eq!(refused("name.first").nearest, None);
    assert_eq!(refused("enrollments.module").nearest, None);
    assert_eq!(
        refused("famly_name").to_string(),
        "\"famly_name\" is no field of campus.student.v1.Student; did you mean \"family_name\"?"
    );
    let tree = KINDS.schema.message("kinds.Tree").unwrap();
    assert!(Mask::parse(tree, [vec!["left"; 100].join(".")]).is_ok());
    assert!(Mask::parse(tree, [vec!["left"; 101].join(".")]).is_err());
}
