//! The comments of the proto files, where the descriptors keep them (`source_code_info`).

use std::collections::BTreeMap;

use prost_reflect::{
    DescriptorPool,
    prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto},
};

/// What stands before each service, method, message, field, enum and value, by full name; that of a value is below its
/// enum.
pub(crate) fn comments(pool: &DescriptorPool) -> BTreeMap<&'static str, &'static str> {
    let mut comments = BTreeMap::new();
    for file in pool.file_descriptor_protos() {
        for location in file.source_code_info.iter().flat_map(|info| &info.location) {
            let text = location.leading_comments.as_deref().map(plain).filter(|text| !text.is_empty());
            if let Some((name, text)) = name(file, &location.path).zip(text) {
                comments.insert(&*name.leak(), &*text.leak());
            }
        }
    }
    comments
}

/// Without the space behind each `//`.
fn plain(comment: &str) -> String {
    let lines = comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Whose comment a path leads to: numbers of fields in the messages of `descriptor.proto`, and places in their lists.
fn name(file: &FileDescriptorProto, path: &[i32]) -> Option<String> {
    let package = file.package();
    match path {
        [4, rest @ ..] => of_message(package, &file.message_type, rest),
        [5, rest @ ..] => of_enum(package, &file.enum_type, rest),
        [6, service, rest @ ..] => {
            let service = at(&file.service, *service)?;
            let name = join(package, service.name());
            match rest {
                [] => Some(name),
                [2, method] => Some(join(&name, at(&service.method, *method)?.name())),
                _ => None,
            }
        }
        _ => None,
    }
}

fn of_message(scope: &str, messages: &[DescriptorProto], path: &[i32]) -> Option<String> {
    let (place, rest) = path.split_first()?;
    let message = at(messages, *place)?;
    let name = join(scope, message.name());
    match rest {
        [] => Some(name),
        [2, field] => Some(join(&name, at(&message.field, *field)?.name())),
        [3, rest @ ..] => of_message(&name, &message.nested_type, rest),
        [4, rest @ ..] => of_enum(&name, &message.enum_type, rest),
        _ => None,
    }
}

fn of_enum(scope: &str, enums: &[EnumDescriptorProto], path: &[i32]) -> Option<String> {
    let (place, rest) = path.split_first()?;
    let it = at(enums, *place)?;
    let name = join(scope, it.name());
    match rest {
        [] => Some(name),
        [2, value] => Some(join(&name, at(&it.value, *value)?.name())),
        _ => None,
    }
}

fn at<T>(list: &[T], place: i32) -> Option<&T> {
    list.get(usize::try_from(place).ok()?)
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
