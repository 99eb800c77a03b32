//! What the table says of the contract.

use campus_schema::{Kind, Schema, SchemaError, Value};

use crate::{CAMPUS, KINDS, compiled, employee};

#[test]
fn every_message_and_field_is_as_the_descriptors_have_it() {
    for both in [&*CAMPUS, &*KINDS] {
        let theirs: Vec<_> = both.pool.all_messages().filter(|message| !message.is_map_entry()).collect();
        assert_eq!(both.schema.messages().count(), theirs.len());
        for theirs in theirs {
            let ours = both.schema.message(theirs.full_name()).unwrap();
            assert_eq!((ours.full_name(), ours.name()), (theirs.full_name(), theirs.name()));
            assert_eq!(ours.fields().len(), theirs.fields().len());
            for (ours, theirs) in theirs.fields().map(|theirs| (ours.field(theirs.name()).unwrap(), theirs)) {
                assert_eq!((ours.number, ours.json_name), (theirs.number(), theirs.json_name()));
                assert_eq!((ours.repeated, ours.packed), (theirs.is_list(), theirs.is_packed()), "{}", theirs.name());
                assert_eq!(ours.presence, theirs.supports_presence());
                let oneof = theirs.containing_oneof().filter(|oneof| !oneof.is_synthetic());
                assert_eq!(
                    ours.oneof.map(|oneof| oneof.name),
                    oneof.as_ref().map(prost_reflect::OneofDescriptor::name)
                );
            }
        }
    }
}

#[test]
fn a_field_is_found_by_either_name_and_by_number() {
    let plain = KINDS.schema.message("kinds.Plain").unwrap();
    for field in plain.fields() {
        assert_eq!(plain.field(field.name).unwrap().number, field.number);
        assert_eq!(plain.field(field.json_name).unwrap().number, field.number);
        assert_eq!(plain.field_by_number(field.number).unwrap().name, field.name);
    }
    assert_eq!(plain.field("distant").unwrap().number, 5000);
    assert!(plain.field("nothing").is_none() && plain.field_by_number(17).is_none());
    assert!(plain.field_by_number(0).is_none());
}

#[test]
fn the_options_of_the_contract_are_in_the_table() {
    let employee = CAMPUS.schema.message("campus.employee.v1.Employee").unwrap();
    let resource = employee.resource().unwrap();
    assert_eq!((resource.type_name, resource.pattern), ("campus/Employee", "employees/{employee}"));
    assert_eq!((resource.plural, resource.singular), ("employees", "employee"));
    let field = |name| employee.field(name).unwrap();
    assert!(field("name").identifier && !field("name").required);
    assert!(field("given_name").required && !field("email").required);
    assert!(field("create_time").output_only && field("create_time").presence);
    let Kind::Enum(gender) = field("gender").kind else { panic!("not an enum") };
    assert_eq!((gender.number("GENDER_FEMALE"), gender.name(2)), (Some(1), Some("GENDER_MALE")));
    assert_eq!((gender.number("FEMALE"), gender.name(9), gender.values().len()), (None, None, 4));
    let get = CAMPUS.schema.message("campus.employee.v1.GetEmployeeRequest").unwrap();
    assert_eq!(get.field("name").unwrap().reference, Some("campus/Employee"));
    let Kind::Enum(color) = KINDS.schema.message("kinds.Plain").unwrap().field("color").unwrap().kind else { panic!() };
    assert_eq!((color.number("COLOR_CRIMSON"), color.name(1)), (Some(1), Some("COLOR_RED")));
    assert_eq!(color.values()[3].name, "COLOR_BLUE");
}

#[test]
fn methods_come_with_their_types_patterns_and_routes() {
    let service = CAMPUS.schema.service("campus.employee.v1.EmployeeService").unwrap();
    assert_eq!(service.methods.len(), 10);
    let update = service.method("UpdateEmployee").unwrap();
    assert_eq!(update.path, "/campus.employee.v1.EmployeeService/UpdateEmployee");
    assert_eq!(update.input.name(), "UpdateEmployeeRequest");
    assert_eq!(update.output, CAMPUS.schema.message("campus.employee.v1.Employee").unwrap());
    assert_eq!(update.signatures, ["employee,update_mask"]);
    let http = update.http.as_ref().unwrap();
    assert_eq!((http.verb, http.path, http.body), ("PATCH", "/v1/{employee.name=employees/*}", "employee"));
    assert!(http.additional.is_empty() && http.response_body.is_empty());
    let reads = |name| service.method(name).map(|it| it.only_reads).unwrap();
    assert_eq!([reads("GetEmployee"), reads("WatchEmployees"), reads("UpdateEmployee")], [true, true, false]);
    let streaming = |name| service.method(name).map(|it| (it.client_streaming, it.server_streaming)).unwrap();
    assert_eq!(streaming("GetEmployee"), (false, false));
    assert_eq!(streaming("WatchEmployees"), (false, true));
    assert_eq!(streaming("ImportEmployees"), (true, false));
    assert_eq!(streaming("LookupEmployees"), (true, true));
    assert_eq!(CAMPUS.schema.services().len(), 3);
    assert!(CAMPUS.schema.service("Nothing").is_none());
}

#[test]
fn descriptors_that_cannot_be_used_are_refused() {
    assert!(matches!(Schema::from_descriptors(b"\xff"), Err(SchemaError::Unreadable(_))));
    let group = Schema::from_descriptors(&compiled("group.proto")).unwrap_err();
    assert_eq!(group, SchemaError::Group("group.Holder.inner".into()));
}

#[test]
fn one_field_is_read_where_it_stands() {
    let message = CAMPUS.schema.message("campus.employee.v1.Employee").unwrap();
    let bytes = employee();
    assert_eq!(message.get(&bytes, 3).unwrap(), Some(Value::Str("Georgi")));
    assert_eq!(message.get(&bytes, 5).unwrap(), Some(Value::Enum(2)));
    let Some(Value::Message(time)) = message.get(&bytes, 9).unwrap() else { panic!("no time") };
    let Kind::Message(timestamp) = message.field("create_time").unwrap().kind else { panic!("no message") };
    assert_eq!(timestamp.get(time, 1).unwrap(), Some(Value::I64(1_700_000_000)));
    assert_eq!(message.get(&bytes, 8).unwrap(), None);
    assert_eq!(message.get(&bytes, 99).unwrap(), None);
    let twice = [&bytes[..], &[0x1a, 1, b'B']].concat();
    assert_eq!(message.get(&twice, 3).unwrap(), Some(Value::Str("B")));
    assert_eq!(message.get(&[0x1a, 1, 0xff], 3).unwrap_err().to_string(), "given_name: is not valid UTF-8");
    let lists = KINDS.schema.message("kinds.Lists").unwrap();
    assert_eq!(lists.get(&[0x12, 2, 1, 5], 2).unwrap(), Some(Value::I64(5)));
    assert_eq!(lists.get(&[0x12, 0], 2).unwrap(), None);
}

#[test]
fn every_kind_of_value_is_read_as_it_was_written() {
    let plain = KINDS.schema.message("kinds.Plain").unwrap();
    let json = r#"{"aBool":true,"anInt32":-2,"anInt64":"-3","aUint32":4,"aUint64":"5","aSint32":-6,"aSint64":"-7",
        "aFixed32":8,"aFixed64":"9","aSfixed32":-10,"aSfixed64":"-11","aFloat":1.5,"aDouble":-2.5,"aString":"s",
        "someBytes":"YQ==","color":"COLOR_BLUE"}"#;
    let bytes = plain.from_json(json).unwrap();
    let expected = [
        Value::Bool(true),
        Value::I64(-2),
        Value::I64(-3),
        Value::U64(4),
        Value::U64(5),
        Value::I64(-6),
        Value::I64(-7),
        Value::U64(8),
        Value::U64(9),
        Value::I64(-10),
        Value::I64(-11),
        Value::F64(1.5),
        Value::F64(-2.5),
        Value::Str("s"),
        Value::Bytes(b"a"),
        Value::Enum(-7),
    ];
    for (number, value) in (1..).zip(expected) {
        assert_eq!(plain.get(&bytes, number).unwrap(), Some(value));
    }
}
