//! The kinds of record, as the descriptors give them.

use campus_schema::{Field, Kind as FieldKind, MessageType, Method, Schema, Value};
use http::uri::PathAndQuery;

/// A standard method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Get,
    BatchGet,
    List,
    Update,
    Delete,
    Stream,
    Watch,
    Import,
    Lookup,
}

const VERBS: [(Verb, &str); 10] = [
    (Verb::Create, "Create"),
    (Verb::Get, "Get"),
    (Verb::BatchGet, "BatchGet"),
    (Verb::List, "List"),
    (Verb::Update, "Update"),
    (Verb::Delete, "Delete"),
    (Verb::Stream, "Stream"),
    (Verb::Watch, "Watch"),
    (Verb::Import, "Import"),
    (Verb::Lookup, "Lookup"),
];

/// Fields that a server sets.
const SET_BY_SERVER: [&str; 3] = ["etag", "create_time", "update_time"];

/// A method of a kind of record.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// For example `GetEmployee`.
    pub(crate) name: &'static str,
    /// Where gRPC finds it.
    pub(crate) path: PathAndQuery,
    /// What it answers.
    pub(crate) output: MessageType,
}

/// A kind of record that some service keeps.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    /// Full name of the service.
    pub(crate) service: &'static str,
    /// What one is called, for example `employee`.
    pub(crate) singular: &'static str,
    /// What many are called, for example `employees`.
    pub(crate) plural: &'static str,
    /// What comes before the id in a name, for example `employees/`.
    pub(crate) prefix: &'static str,
    /// The record.
    pub(crate) message: MessageType,
    calls: Vec<(Verb, Call)>,
}

/// The contract of this build.
pub(crate) fn schema() -> Result<Schema, campus_schema::SchemaError> {
    Schema::from_descriptors(campus_proto::DESCRIPTORS)
}

/// Every kind of record in the contract of this build.
pub(crate) fn kinds() -> Result<Vec<Kind>, campus_schema::SchemaError> {
    Ok(schema()?.services().iter().filter_map(Kind::of).collect())
}

impl Kind {
    /// The kind that a service keeps: its `Get` answers with a resource.
    fn of(service: &'static campus_schema::Service) -> Option<Self> {
        let get = service.methods.iter().find(|method| {
            method.output.resource().is_some() && method.name.strip_prefix("Get") == Some(method.output.name())
        })?;
        let message = get.output;
        let resource = message.resource()?;
        let (prefix, _) = resource.pattern.split_once('{')?;
        let (singular, plural) = (resource.singular, resource.plural);
        let is_of = |rest: &str| rest == message.name() || rest.eq_ignore_ascii_case(plural);
        let call = |method: &Method| {
            let path = PathAndQuery::from_static(method.path);
            Call { name: method.name, path, output: method.output }
        };
        let calls = VERBS.iter().filter_map(|(verb, name)| {
            let method = service.methods.iter().find(|method| method.name.strip_prefix(name).is_some_and(is_of))?;
            Some((*verb, call(method)))
        });
        Some(Self { service: service.full_name, singular, plural, prefix, message, calls: calls.collect() })
    }

    /// The method of a verb, if the service has it.
    pub(crate) fn call(&self, verb: Verb) -> Option<&Call> {
        self.calls.iter().find(|(known, _)| *known == verb).map(|(_, call)| call)
    }

    /// The name of a record: `10001` and `employees/10001` are the same.
    pub(crate) fn name_of(&self, id_or_name: &str) -> String {
        if id_or_name.contains('/') { id_or_name.to_owned() } else { format!("{}{id_or_name}", self.prefix) }
    }

    /// The field that holds the name.
    pub(crate) fn name_field(&self) -> Option<&'static Field> {
        self.message.fields().iter().find(|field| field.identifier).or_else(|| self.message.field("name"))
    }

    /// The name in an encoded record; empty if there is none.
    pub(crate) fn name_in<'a>(&self, record: &'a [u8]) -> &'a str {
        let value = self.name_field().map(|field| self.message.get(record, field.number));
        match value {
            Some(Ok(Some(Value::Str(name)))) => name,
            _ => "",
        }
    }

    /// Whether the field is one that a client may give a value.
    pub(crate) fn is_settable(&self, field: &Field) -> bool {
        !field.output_only && !field.identifier && field.name != "name" && !SET_BY_SERVER.contains(&field.name)
    }

    /// The fields that a client may give a value.
    pub(crate) fn settable(&self) -> impl Iterator<Item = &'static Field> {
        let fields = self.message.fields().iter();
        fields.filter(|field| self.is_settable(field))
    }

    /// Whether the field is only worth showing when everything is asked for.
    pub(crate) fn is_detail(field: &Field) -> bool {
        SET_BY_SERVER.contains(&field.name)
    }

    /// `an employee`, `a student`.
    pub(crate) fn one(&self) -> String {
        let article = if self.singular.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        format!("{article} {}", self.singular)
    }
}

/// Whether a value of the field is written as plain text, not as JSON.
pub(crate) fn is_plain(field: &Field) -> bool {
    !field.repeated && (is_json_string(field) || !matches!(field.kind, FieldKind::Message(_) | FieldKind::Map(_)))
}

/// Whether the JSON form of the field is a string although it is no `string`.
pub(crate) fn is_json_string(field: &Field) -> bool {
    match field.kind {
        FieldKind::Bytes => true,
        FieldKind::Message(message) => matches!(
            message.full_name(),
            "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.FieldMask"
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_contract_is_found_with_all_its_methods() {
        let kinds = kinds().unwrap();
        let names: Vec<_> = kinds.iter().map(|kind| (kind.singular, kind.plural, kind.prefix)).collect();
        assert_eq!(names, [("employee", "employees", "employees/"), ("student", "students", "students/")]);
        for kind in &kinds {
            for (verb, _) in VERBS {
                assert!(kind.call(verb).is_some(), "{} has no {verb:?}", kind.singular);
            }
        }
        let watch = kinds[0].call(Verb::Watch).unwrap();
        assert_eq!(watch.path, "/campus.employee.v1.EmployeeService/WatchEmployees");
    }

    #[test]
    fn an_id_and_a_name_are_the_same_record() {
        let kinds = kinds().unwrap();
        assert_eq!(kinds[0].name_of("10001"), "employees/10001");
        assert_eq!(kinds[0].name_of("employees/10001"), "employees/10001");
    }

    #[test]
    fn what_the_server_sets_cannot_be_set() {
        let kinds = kinds().unwrap();
        let settable: Vec<_> = kinds[0].settable().map(|field| field.name).collect();
        assert_eq!(settable, ["given_name", "family_name", "gender", "birth_date", "hire_date", "email"]);
    }
}
