//! The table: messages, fields, enums and services as the descriptors give them.
//!
//! It is built once at start-up and refers to itself in circles (a message may hold itself), so it is never freed: a
//! handle is one pointer that lives as long as the process.

use std::{collections::BTreeMap, fmt, ptr, sync::OnceLock};

use crate::{ResourceType, Service};

/// Every message, enum and service of one descriptor set.
///
/// Copying it copies one pointer. The table lives as long as the process, so build it once.
#[derive(Clone, Copy)]
pub struct Schema(pub(crate) &'static OnceLock<Contents>);

#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) messages: BTreeMap<&'static str, MessageType>,
    pub(crate) services: Vec<Service>,
    pub(crate) comments: BTreeMap<&'static str, &'static str>,
}

impl Schema {
    fn contents(self) -> &'static Contents {
        self.0.get_or_init(Contents::default)
    }

    /// The message of a full name such as `campus.employee.v1.Employee`.
    pub fn message(self, full_name: &str) -> Option<MessageType> {
        self.contents().messages.get(full_name).copied()
    }

    /// Every message, by full name, the entries of maps left out.
    pub fn messages(self) -> impl Iterator<Item = MessageType> {
        self.contents().messages.values().copied().filter(|message| !message.is_map_entry())
    }

    /// Every service, in the order of the descriptors.
    pub fn services(self) -> &'static [Service] {
        &self.contents().services
    }

    /// What the proto file says of a service, method, message, field, enum or value, by full name, such as
    /// `campus.employee.v1.Employee.name`; a value stands below its enum. None where the descriptors keep no comments.
    pub fn comment(self, full_name: &str) -> Option<&'static str> {
        self.contents().comments.get(full_name).copied()
    }

    /// The service of a full name such as `campus.employee.v1.EmployeeService`.
    pub fn service(self, full_name: &str) -> Option<&'static Service> {
        self.services().iter().find(|service| service.full_name == full_name)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("messages", &self.contents().messages.len()).finish()
    }
}

/// One type of message: a pointer into the table.
#[derive(Clone, Copy)]
pub struct MessageType(pub(crate) &'static OnceLock<Message>);

#[derive(Default)]
pub(crate) struct Message {
    pub(crate) full_name: &'static str,
    /// By number.
    pub(crate) fields: Vec<Field>,
    /// Proto and JSON names, by length and then by letters, each with the place of its field.
    pub(crate) names: Vec<(&'static str, usize)>,
    pub(crate) oneofs: Vec<&'static str>,
    pub(crate) resource: Option<ResourceType>,
    pub(crate) map_entry: bool,
    pub(crate) well_known: Option<WellKnown>,
    /// Where the types of an `Any` are looked up.
    pub(crate) schema: Option<Schema>,
}

impl MessageType {
    pub(crate) fn table(self) -> &'static Message {
        self.0.get_or_init(Message::default)
    }

    /// For example `campus.employee.v1.Employee`.
    pub fn full_name(self) -> &'static str {
        self.table().full_name
    }

    /// The last part of the full name, for example `Employee`.
    pub fn name(self) -> &'static str {
        self.full_name().rsplit('.').next().unwrap_or_default()
    }

    /// The fields, by number.
    pub fn fields(self) -> &'static [Field] {
        &self.table().fields
    }

    /// The field of a proto name or JSON name.
    pub fn field(self, name: &str) -> Option<&'static Field> {
        self.find(name, 0).map(|(_, field)| field)
    }

    /// The field of a number.
    pub fn field_by_number(self, number: u32) -> Option<&'static Field> {
        self.place(number).map(|(_, field)| field)
    }

    /// The field of a number and where it stands in [`Self::fields`].
    pub(crate) fn place(self, number: u32) -> Option<(usize, &'static Field)> {
        // Mostly it stands at the number itself, since most messages count their fields from 1.
        let fields = self.fields();
        let at = (number as usize).wrapping_sub(1);
        match fields.get(at) {
            Some(field) if field.number == number => Some((at, field)),
            _ => {
                let at = fields.binary_search_by_key(&number, |field| field.number).ok()?;
                Some((at, fields.get(at)?))
            }
        }
    }

    /// Names of the oneofs; [`Oneof::index`] counts in this list.
    pub fn oneofs(self) -> &'static [&'static str] {
        &self.table().oneofs
    }

    /// What `google.api.resource` says, if this is a resource.
    pub fn resource(self) -> Option<&'static ResourceType> {
        self.table().resource.as_ref()
    }

    pub(crate) fn is_map_entry(self) -> bool {
        self.table().map_entry
    }

    pub(crate) fn well_known(self) -> Option<WellKnown> {
        self.table().well_known
    }

    /// The field of a name and where it stands in [`Self::fields`]; quickest when it stands where the caller guesses.
    pub(crate) fn find(self, name: &str, guess: usize) -> Option<(usize, &'static Field)> {
        let table = self.table();
        if let Some(field) = table.fields.get(guess)
            && (field.json_name == name || field.name == name)
        {
            return Some((guess, field));
        }
        let at = table.names.binary_search_by_key(&(name.len(), name), |(known, _)| (known.len(), known)).ok()?;
        let (_, place) = table.names.get(at)?;
        Some((*place, table.fields.get(*place)?))
    }
}

impl PartialEq for MessageType {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl Eq for MessageType {}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageType({})", self.full_name())
    }
}

/// One field of a message.
#[derive(Clone, Debug)]
pub struct Field {
    /// Number on the wire.
    pub number: u32,
    /// Name in the proto file.
    pub name: &'static str,
    /// Name in JSON.
    pub json_name: &'static str,
    /// The JSON name as JSON has it behind another member: a comma, the name in quotes, the colon.
    pub(crate) json_key: &'static str,
    /// What one value is.
    pub kind: Kind,
    /// Whether there may be many values. False for a map, which is a kind of its own.
    pub repeated: bool,
    /// Whether many values are written as one packed run.
    pub packed: bool,
    /// Whether being unset differs from being at the default: messages, `optional`, members of a oneof.
    pub presence: bool,
    /// The oneof it belongs to.
    pub oneof: Option<Oneof>,
    /// `google.api.field_behavior` has `REQUIRED`.
    pub required: bool,
    /// `google.api.field_behavior` has `OUTPUT_ONLY`.
    pub output_only: bool,
    /// `google.api.field_behavior` has `INPUT_ONLY`.
    pub input_only: bool,
    /// `google.api.field_behavior` has `IMMUTABLE`.
    pub immutable: bool,
    /// `google.api.field_behavior` has `IDENTIFIER`.
    pub identifier: bool,
    /// The type of resource that the field names (`google.api.resource_reference`).
    pub reference: Option<&'static str>,
}

/// A oneof, seen from one of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oneof {
    /// Its place among the oneofs of the message.
    pub index: usize,
    /// Its name.
    pub name: &'static str,
}

/// What one value of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bool`.
    Bool,
    /// `int32`.
    Int32,
    /// `int64`.
    Int64,
    /// `uint32`.
    Uint32,
    /// `uint64`.
    Uint64,
    /// `sint32`.
    Sint32,
    /// `sint64`.
    Sint64,
    /// `fixed32`.
    Fixed32,
    /// `fixed64`.
    Fixed64,
    /// `sfixed32`.
    Sfixed32,
    /// `sfixed64`.
    Sfixed64,
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// `string`.
    String,
    /// `bytes`.
    Bytes,
    /// An enum.
    Enum(EnumType),
    /// A message.
    Message(MessageType),
    /// `map<key, value>`.
    Map(MapType),
}

/// The two sides of a map. On the wire each entry is a message with the key as field 1 and the value as field 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapType {
    /// The message of one entry.
    pub entry: MessageType,
}

impl MapType {
    /// What a key is.
    pub fn key(self) -> Kind {
        self.side(1)
    }

    /// What a value is.
    pub fn value(self) -> Kind {
        self.side(2)
    }

    fn side(self, number: u32) -> Kind {
        self.entry.field_by_number(number).map_or(Kind::Bytes, |field| field.kind)
    }
}

/// An enum: a pointer into the table. Every enum is treated as open: a number without a name is kept.
#[derive(Clone, Copy)]
pub struct EnumType(pub(crate) &'static Enum);

pub(crate) struct Enum {
    pub(crate) full_name: &'static str,
    pub(crate) values: Vec<EnumValue>,
    /// By number, the first of several.
    pub(crate) names: Vec<EnumValue>,
}

/// One value of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnumValue {
    /// Name in the proto file and in JSON.
    pub name: &'static str,
    /// Number on the wire.
    pub number: i32,
}

impl EnumType {
    /// For example `campus.employee.v1.Gender`.
    pub fn full_name(self) -> &'static str {
        self.0.full_name
    }

    /// The values, in the order of the proto file; the first is the default.
    pub fn values(self) -> &'static [EnumValue] {
        &self.0.values
    }

    /// The number of a name.
    pub fn number(self, name: &str) -> Option<i32> {
        self.values().iter().find(|value| value.name == name).map(|value| value.number)
    }

    /// The name of a number; the first where there are several.
    pub fn name(self, number: i32) -> Option<&'static str> {
        let names = &self.0.names;
        let at = names.binary_search_by_key(&number, |value| value.number).ok()?;
        names.get(at).map(|value| value.name)
    }
}

impl PartialEq for EnumType {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl Eq for EnumType {}

impl fmt::Debug for EnumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnumType({})", self.full_name())
    }
}

/// The messages whose JSON is not an object of their fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WellKnown {
    Any,
    Duration,
    FieldMask,
    ListValue,
    Struct,
    Timestamp,
    Value,
    Wrapper,
    Empty,
}
