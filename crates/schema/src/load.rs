//! Builds the table out of descriptors. The only place that knows prost-reflect.

use std::{collections::HashMap, sync::OnceLock};

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind as DescriptorKind,
    MessageDescriptor, MethodDescriptor, Value, prost_types::method_options::IdempotencyLevel,
};

use crate::{
    EnumType, EnumValue, Field, HttpRule, Kind, MapType, MessageType, Method, Oneof, ResourceType, Schema, SchemaError,
    Service,
    comments::comments,
    json::quote,
    table::{Contents, Enum, Message, WellKnown},
};

impl Schema {
    /// Builds the table of an encoded `google.protobuf.FileDescriptorSet` that holds its imports.
    ///
    /// # Errors
    /// When the bytes are no such set, when it is not complete in itself, or when a field is a group.
    pub fn from_descriptors(descriptors: &[u8]) -> Result<Self, SchemaError> {
        let pool = DescriptorPool::decode(descriptors).map_err(|error| SchemaError::Unreadable(error.to_string()))?;
        Loader::new(&pool).load()
    }
}

struct Loader<'a> {
    pool: &'a DescriptorPool,
    schema: Schema,
    messages: HashMap<String, MessageType>,
    enums: HashMap<String, EnumType>,
    options: Options,
}

impl<'a> Loader<'a> {
    fn new(pool: &'a DescriptorPool) -> Self {
        let messages = pool.all_messages().map(|message| (message.full_name().to_owned(), empty_message()));
        let enums = pool.all_enums().map(|it| (it.full_name().to_owned(), enum_type(&it)));
        Self {
            pool,
            schema: Schema(Box::leak(Box::default())),
            messages: messages.collect(),
            enums: enums.collect(),
            options: Options::of(pool),
        }
    }

    fn load(&self) -> Result<Schema, SchemaError> {
        let mut contents = Contents { comments: comments(self.pool), ..Contents::default() };
        for descriptor in self.pool.all_messages() {
            let message = self.message(&descriptor)?;
            let handle = self.handle(&descriptor);
            contents.messages.insert(message.full_name, handle);
            handle.0.get_or_init(|| message);
        }
        for descriptor in self.pool.services() {
            let methods = descriptor.methods().map(|method| self.method(&method)).collect();
            contents.services.push(Service { full_name: keep(descriptor.full_name()), methods });
        }
        self.schema.0.get_or_init(|| contents);
        Ok(self.schema)
    }

    fn handle(&self, message: &MessageDescriptor) -> MessageType {
        self.messages.get(message.full_name()).copied().unwrap_or_else(empty_message)
    }

    fn message(&self, descriptor: &MessageDescriptor) -> Result<Message, SchemaError> {
        let oneofs: Vec<&'static str> =
            descriptor.oneofs().filter(|oneof| !oneof.is_synthetic()).map(|oneof| keep(oneof.name())).collect();
        let mut fields = descriptor
            .fields()
            .map(|field| self.field(&field, &oneofs))
            .collect::<Result<Vec<Field>, SchemaError>>()?;
        fields.sort_by_key(|field| field.number);
        let mut names: Vec<(&'static str, usize)> = Vec::with_capacity(fields.len() * 2);
        for (place, field) in fields.iter().enumerate() {
            names.extend([(field.name, place), (field.json_name, place)]);
        }
        names.sort_unstable_by_key(|(name, _)| (name.len(), *name));
        names.dedup();
        Ok(Message {
            full_name: keep(descriptor.full_name()),
            fields,
            names,
            oneofs,
            resource: self.options.resource(descriptor),
            map_entry: descriptor.is_map_entry(),
            well_known: well_known(descriptor.full_name()),
            schema: Some(self.schema),
        })
    }

    fn field(&self, field: &FieldDescriptor, oneofs: &[&'static str]) -> Result<Field, SchemaError> {
        if field.is_group() {
            return Err(SchemaError::Group(field.full_name().to_owned()));
        }
        let behavior = self.options.behavior(field);
        let oneof = field.containing_oneof().and_then(|oneof| {
            let index = oneofs.iter().position(|name| *name == oneof.name())?;
            Some(Oneof { index, name: oneofs.get(index)? })
        });
        Ok(Field {
            number: field.number(),
            name: keep(field.name()),
            json_name: keep(field.json_name()),
            json_key: json_key(field.json_name()),
            kind: self.kind(field),
            repeated: field.is_list(),
            packed: field.is_list() && field.is_packed(),
            // Both sides of an entry are always there.
            presence: field.supports_presence() || field.parent_message().is_map_entry(),
            oneof,
            required: behavior.contains(&2),
            output_only: behavior.contains(&3),
            input_only: behavior.contains(&4),
            immutable: behavior.contains(&5),
            identifier: behavior.contains(&8),
            reference: self.options.reference(field),
        })
    }

    fn kind(&self, field: &FieldDescriptor) -> Kind {
        match field.kind() {
            DescriptorKind::Bool => Kind::Bool,
            DescriptorKind::Int32 => Kind::Int32,
            DescriptorKind::Int64 => Kind::Int64,
            DescriptorKind::Uint32 => Kind::Uint32,
            DescriptorKind::Uint64 => Kind::Uint64,
            DescriptorKind::Sint32 => Kind::Sint32,
            DescriptorKind::Sint64 => Kind::Sint64,
            DescriptorKind::Fixed32 => Kind::Fixed32,
            DescriptorKind::Fixed64 => Kind::Fixed64,
            DescriptorKind::Sfixed32 => Kind::Sfixed32,
            DescriptorKind::Sfixed64 => Kind::Sfixed64,
            DescriptorKind::Float => Kind::Float,
            DescriptorKind::Double => Kind::Double,
            DescriptorKind::String => Kind::String,
            DescriptorKind::Bytes => Kind::Bytes,
            DescriptorKind::Enum(it) => {
                Kind::Enum(self.enums.get(it.full_name()).copied().unwrap_or_else(|| enum_type(&it)))
            }
            DescriptorKind::Message(it) if field.is_map() => Kind::Map(MapType { entry: self.handle(&it) }),
            DescriptorKind::Message(it) => Kind::Message(self.handle(&it)),
        }
    }

    fn method(&self, method: &MethodDescriptor) -> Method {
        let http = self.options.http(method);
        let options = method.method_descriptor_proto().options.as_ref();
        let says_so = options.is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects);
        let is_got =
            http.iter().flat_map(|rule| [rule].into_iter().chain(&rule.additional)).any(|rule| rule.verb == "GET");
        Method {
            name: keep(method.name()),
            path: keep(&format!("/{}/{}", method.parent_service().full_name(), method.name())),
            input: self.handle(&method.input()),
            output: self.handle(&method.output()),
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
            only_reads: says_so || is_got,
            http,
            signatures: self.options.signatures(method),
        }
    }
}

/// The custom options that are read, where the descriptor set defines them.
struct Options {
    behavior: Option<ExtensionDescriptor>,
    http: Option<ExtensionDescriptor>,
    reference: Option<ExtensionDescriptor>,
    resource: Option<ExtensionDescriptor>,
    signature: Option<ExtensionDescriptor>,
}

impl Options {
    fn of(pool: &DescriptorPool) -> Self {
        Self {
            behavior: pool.get_extension_by_name("google.api.field_behavior"),
            http: pool.get_extension_by_name("google.api.http"),
            reference: pool.get_extension_by_name("google.api.resource_reference"),
            resource: pool.get_extension_by_name("google.api.resource"),
            signature: pool.get_extension_by_name("google.api.method_signature"),
        }
    }

    fn behavior(&self, field: &FieldDescriptor) -> Vec<i32> {
        let Some(Value::List(values)) = option(self.behavior.as_ref(), &field.options()) else { return Vec::new() };
        values.iter().filter_map(Value::as_enum_number).collect()
    }

    fn reference(&self, field: &FieldDescriptor) -> Option<&'static str> {
        let Some(Value::Message(reference)) = option(self.reference.as_ref(), &field.options()) else { return None };
        Some(text(&reference, "type")).filter(|name| !name.is_empty())
    }

    fn resource(&self, message: &MessageDescriptor) -> Option<ResourceType> {
        let Some(Value::Message(resource)) = option(self.resource.as_ref(), &message.options()) else { return None };
        let patterns = resource.get_field_by_name("pattern");
        let pattern = patterns.as_ref().and_then(|it| it.as_list()).and_then(|all| all.first()).and_then(Value::as_str);
        Some(ResourceType {
            type_name: text(&resource, "type"),
            pattern: pattern.map_or("", keep),
            plural: text(&resource, "plural"),
            singular: text(&resource, "singular"),
        })
    }

    fn http(&self, method: &MethodDescriptor) -> Option<HttpRule> {
        let Some(Value::Message(rule)) = option(self.http.as_ref(), &method.options()) else { return None };
        http_rule(&rule)
    }

    fn signatures(&self, method: &MethodDescriptor) -> Vec<&'static str> {
        let Some(Value::List(values)) = option(self.signature.as_ref(), &method.options()) else { return Vec::new() };
        values.iter().filter_map(Value::as_str).map(keep).collect()
    }
}

fn option(extension: Option<&ExtensionDescriptor>, options: &DynamicMessage) -> Option<Value> {
    let extension = extension.filter(|extension| options.has_extension(extension))?;
    Some(options.get_extension(extension).into_owned())
}

fn text(message: &DynamicMessage, field: &str) -> &'static str {
    message.get_field_by_name(field).as_ref().and_then(|value| value.as_str()).map_or("", keep)
}

fn http_rule(rule: &DynamicMessage) -> Option<HttpRule> {
    let plain = ["get", "put", "post", "delete", "patch"].into_iter().find(|verb| rule.has_field_by_name(verb));
    let (verb, path) = match plain {
        Some(verb) => (keep(&verb.to_uppercase()), text(rule, verb)),
        None => {
            let custom = rule.get_field_by_name("custom").filter(|_| rule.has_field_by_name("custom"))?;
            let custom = custom.as_message()?;
            (text(custom, "kind"), text(custom, "path"))
        }
    };
    let bindings = rule.get_field_by_name("additional_bindings");
    let bindings = bindings.as_ref().and_then(|it| it.as_list()).unwrap_or_default();
    Some(HttpRule {
        verb,
        path,
        body: text(rule, "body"),
        response_body: text(rule, "response_body"),
        additional: bindings.iter().filter_map(Value::as_message).filter_map(http_rule).collect(),
    })
}

fn empty_message() -> MessageType {
    MessageType(Box::leak(Box::new(OnceLock::new())))
}

fn enum_type(descriptor: &EnumDescriptor) -> EnumType {
    // As the proto file has them: prost-reflect's own list is by number.
    let values = &descriptor.enum_descriptor_proto().value;
    let values = values.iter().map(|value| EnumValue { name: keep(value.name()), number: value.number() });
    let values: Vec<EnumValue> = values.collect();
    let mut names = values.clone();
    names.sort_by_key(|value| value.number);
    names.dedup_by_key(|value| value.number);
    EnumType(Box::leak(Box::new(Enum { full_name: keep(descriptor.full_name()), values, names })))
}

fn json_key(name: &str) -> &'static str {
    let mut key = String::from(",");
    quote(&mut key, name);
    key.push(':');
    key.leak()
}

fn keep(text: &str) -> &'static str {
    text.to_owned().leak()
}

fn well_known(full_name: &str) -> Option<WellKnown> {
    match full_name.strip_prefix("google.protobuf.")? {
        "Any" => Some(WellKnown::Any),
        "Duration" => Some(WellKnown::Duration),
        "Empty" => Some(WellKnown::Empty),
        "FieldMask" => Some(WellKnown::FieldMask),
        "ListValue" => Some(WellKnown::ListValue),
        "Struct" => Some(WellKnown::Struct),
        "Timestamp" => Some(WellKnown::Timestamp),
        "Value" => Some(WellKnown::Value),
        "BoolValue" | "BytesValue" | "DoubleValue" | "FloatValue" | "Int32Value" | "Int64Value" | "StringValue"
        | "UInt32Value" | "UInt64Value" => Some(WellKnown::Wrapper),
        _ => None,
    }
}
