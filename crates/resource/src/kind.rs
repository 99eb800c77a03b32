//! A kind of record: what the contract says of it, and its rules.

use campus_schema::{EnumType, Mask, MessageType, Schema, wire};
use campus_store::{Column, ColumnKind, Value};

use crate::{
    error::Error,
    rules::{Violation, Violations},
};

/// A kind of record, as its service writes it down.
pub trait Rules {
    /// The message; its options say the name pattern, what is required, and what the server sets.
    type Record: prost::Message + prost::Name + Default;

    /// The fields that filters and orders may name; each is a column of the store. The name and the times are always
    /// among them.
    const COLUMNS: &'static [Declared];

    /// To be counted up when records give other column values than before although [`COLUMNS`](Self::COLUMNS) is the
    /// same; the columns of stored records are filled anew then.
    const DERIVATION: u32 = 0;

    /// Checks what the contract's options do not say: lengths, dates, what must fit together.
    fn check(record: &Self::Record, violations: &mut Violations);
}

/// A field that filters and orders may name.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    field: &'static str,
    unique: bool,
    indexed: bool,
    date: bool,
}

impl Declared {
    /// A field of the record, by its name in the contract.
    pub const fn field(field: &'static str) -> Self {
        Self { field, unique: false, indexed: false, date: false }
    }

    /// A text that holds a date, `YYYY-MM-DD`, or nothing; filters may compare it with a date only.
    #[must_use]
    pub const fn date(self) -> Self {
        Self { date: true, ..self }
    }

    /// No two records have the same value, letter case (ASCII) aside; any number may have none. Filters look for it
    /// whatever its case, too.
    #[must_use]
    pub const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    /// Orders and filters by it are frequent enough to pay for an index at each write.
    #[must_use]
    pub const fn indexed(self) -> Self {
        Self { indexed: true, ..self }
    }
}

/// Why a kind cannot be kept: a fault in the contract or in the definition.
#[derive(Debug, thiserror::Error)]
#[error("{message}: {fault}")]
pub struct KindError {
    message: String,
    fault: String,
}

/// What a column holds, which says how its values are written in filters.
#[derive(Debug, Clone)]
pub(crate) enum ColumnType {
    Text,
    /// A text without regard to the case of ASCII letters: kept in lower case.
    Folded,
    /// A text that is a date or empty.
    Date,
    Integer,
    Bool,
    Enum(EnumType),
    Time,
}

#[derive(Debug, Clone)]
pub(crate) struct KindColumn {
    pub(crate) name: &'static str,
    pub(crate) number: u32,
    pub(crate) holds: ColumnType,
}

/// Numbers of the fields that the server sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerFields {
    pub(crate) name: u32,
    pub(crate) etag: u32,
    pub(crate) create_time: u32,
    pub(crate) update_time: u32,
}

impl ServerFields {
    pub(crate) fn all(self) -> [u32; 4] {
        [self.name, self.etag, self.create_time, self.update_time]
    }
}

/// A kind of record: the message, its name pattern, its columns and its rules.
#[derive(Clone)]
pub struct Kind {
    pub(crate) message: MessageType,
    pub(crate) server: ServerFields,
    pub(crate) columns: Vec<KindColumn>,
    declared: &'static [Declared],
    derivation: u32,
    resource: String,
    singular: String,
    table: &'static str,
    prefix: String,
    check: fn(&[u8], &mut Violations) -> Result<(), prost::DecodeError>,
}

impl Kind {
    /// The kind with the rules `R`, whose records are kept in a table of the name `table`.
    ///
    /// # Errors
    /// If the contract lacks the message, its resource option, one of the standard fields, or a declared column.
    pub fn of<R: Rules>(schema: &Schema, table: &'static str) -> Result<Self, KindError> {
        let full_name = <R::Record as prost::Name>::full_name();
        let fault = |fault: String| KindError { message: full_name.clone(), fault };
        let message = schema.message(&full_name).ok_or_else(|| fault("is not in the descriptors".into()))?;
        let resource = message.resource().ok_or_else(|| fault("has no google.api.resource option".into()))?;
        let prefix = resource
            .pattern
            .split_once('{')
            .map(|(before, _)| before.to_owned())
            .ok_or_else(|| fault(format!("pattern {} has no variable", resource.pattern)))?;
        let (resource, singular) = (resource.type_name.to_owned(), resource.singular.to_owned());
        let number = |name: &str| {
            let field = message.field(name).ok_or_else(|| fault(format!("has no field {name}")))?;
            Ok::<u32, KindError>(field.number)
        };
        let server = ServerFields {
            name: number("name")?,
            etag: number("etag")?,
            create_time: number("create_time")?,
            update_time: number("update_time")?,
        };
        let times = [Declared::field("create_time"), Declared::field("update_time")];
        let columns = R::COLUMNS.iter().chain(&times).map(|declared| column(&message, declared));
        let columns = columns.collect::<Result<_, _>>().map_err(fault)?;
        Ok(Self {
            message,
            server,
            columns,
            declared: R::COLUMNS,
            derivation: R::DERIVATION,
            resource,
            singular,
            table,
            prefix,
            check: check::<R>,
        })
    }

    /// What the store has to know.
    pub fn table(&self) -> campus_store::Table {
        let columns = self.columns.iter().enumerate().map(|(at, column)| {
            let declared = self.declared.get(at);
            Column {
                name: column.name,
                kind: if column.holds.is_text() { ColumnKind::Text } else { ColumnKind::Integer },
                unique: declared.is_some_and(|d| d.unique),
                indexed: declared.is_some_and(|d| d.indexed),
            }
        });
        let columns = columns.collect();
        let kind = self.clone();
        campus_store::Table {
            name: self.table,
            columns,
            derive: std::sync::Arc::new(move |body| kind.values(body)),
            derivation: self.derivation,
        }
    }

    /// What comes before the id in a name, for example `employees/`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The type of the resource, for example `campus/Employee`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The field that holds the record in requests, for example `employee`.
    pub fn singular(&self) -> &str {
        &self.singular
    }

    /// The column values of an encoded record. A field that cannot be read counts as unset.
    pub(crate) fn values(&self, body: &[u8]) -> Vec<Value> {
        let mut values: Vec<Value> = self.columns.iter().map(|column| unset(&column.holds)).collect();
        for (number, sent, _) in wire::fields(body).flatten() {
            for (column, value) in self.columns.iter().zip(&mut values).filter(|(column, _)| column.number == number) {
                if let Some(read) = read(&column.holds, &sent) {
                    *value = read;
                }
            }
        }
        values
    }

    /// Fails with every fault of a record's content at once.
    pub(crate) fn check(&self, content: &[u8]) -> Result<(), Error> {
        let mut violations = Violations::below(format!("{}.", self.singular));
        let is_required = |number: u32| number != self.server.name;
        for field in self.message.fields().iter().filter(|f| f.required && is_required(f.number)) {
            if !wire::fields(content).flatten().any(|(number, ..)| number == field.number) {
                violations.add(field.name, "is required");
            }
        }
        (self.check)(content, &mut violations)
            .map_err(|error| Error::invalid(self.singular.clone(), format!("is not a valid message: {error}")))?;
        if violations.is_empty() { Ok(()) } else { Err(violations.into()) }
    }

    /// A mask of a request, parsed.
    pub(crate) fn mask(&self, mask: Option<&prost_types::FieldMask>, field: &str) -> Result<Mask, Error> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        Mask::parse(self.message, paths).map_err(|_| {
            // One by one, so that every unknown path is named.
            let unknown = paths.iter().filter_map(|path| Mask::parse(self.message, [path]).err());
            let violation = unknown.map(|unknown| {
                let hint = unknown.nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let description = format!("`{}` is not a field of {}{hint}", unknown.path, self.resource);
                Violation { field: field.to_owned(), description }
            });
            Error::Invalid(violation.collect())
        })
    }

    pub(crate) fn missing(&self, name: &str) -> Error {
        Error::Missing { resource: self.resource.clone(), name: name.to_owned() }
    }
}

fn check<R: Rules>(content: &[u8], violations: &mut Violations) -> Result<(), prost::DecodeError> {
    R::check(&prost::Message::decode(content)?, violations);
    Ok(())
}

impl ColumnType {
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Folded | Self::Date)
    }
}

fn column(message: &MessageType, declared: &Declared) -> Result<KindColumn, String> {
    use campus_schema::Kind as Holds;
    let name = declared.field;
    let field = message.field(name).ok_or_else(|| format!("has no field {name}, which is declared as a column"))?;
    let holds = match &field.kind {
        Holds::String if declared.date => ColumnType::Date,
        Holds::String if declared.unique => ColumnType::Folded,
        Holds::String => ColumnType::Text,
        Holds::Bool => ColumnType::Bool,
        Holds::Int32 | Holds::Int64 | Holds::Uint32 => ColumnType::Integer,
        Holds::Enum(of) => ColumnType::Enum(*of),
        Holds::Message(of) if of.full_name() == "google.protobuf.Timestamp" => ColumnType::Time,
        _ => return Err(format!("field {name} is of a kind that cannot be a column")),
    };
    if field.repeated {
        return Err(format!("field {name} is repeated and cannot be a column"));
    }
    Ok(KindColumn { name, number: field.number, holds })
}

fn unset(holds: &ColumnType) -> Value {
    if holds.is_text() { Value::Text(String::new()) } else { Value::Integer(0) }
}

fn read(holds: &ColumnType, value: &wire::WireValue<'_>) -> Option<Value> {
    match (holds, value) {
        (ColumnType::Text | ColumnType::Date, wire::WireValue::Len(bytes)) => {
            Some(Value::Text(str::from_utf8(bytes).ok()?.to_owned()))
        }
        (ColumnType::Folded, wire::WireValue::Len(bytes)) => {
            Some(Value::Text(str::from_utf8(bytes).ok()?.to_ascii_lowercase()))
        }
        (ColumnType::Time, wire::WireValue::Len(bytes)) => Some(Value::Integer(nanoseconds(bytes)?)),
        (ColumnType::Integer | ColumnType::Bool | ColumnType::Enum(_), wire::WireValue::Varint(number)) => {
            Some(Value::Integer(number.cast_signed()))
        }
        _ => None,
    }
}

/// An encoded `google.protobuf.Timestamp` as nanoseconds since 1970.
fn nanoseconds(bytes: &[u8]) -> Option<i64> {
    let time = <prost_types::Timestamp as prost::Message>::decode(bytes).ok()?;
    time.seconds.checked_mul(1_000_000_000)?.checked_add(i64::from(time.nanos))
}
