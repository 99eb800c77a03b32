//! `person record`: people from flags or JSON, in as many calls as their number asks for.

use std::{
    collections::HashMap,
    fs,
    io::{Read, stdin},
    path::Path,
};

use bytes::Bytes;
use campus_proto::personguide::{Person, PhoneNumber, PhoneType};
use campus_schema::{JsonError, MessageType, wire};
use clap::Args;
use prost::Message;
use serde::Deserialize;
use serde_json::{Value as Json, value::RawValue};

use super::{method, path};
use crate::{
    context::{ClientArgs, Context},
    failure::{Failure, exit},
    output::{Format, Shape, Sink},
};

/// People, and bytes of them, of one call: less than a server takes at once.
const CALL: usize = 5000;
const CALL_BYTES: usize = 2 << 20;

/// Arguments of `person record`.
#[derive(Debug, Clone, Args)]
pub(super) struct RecordArgs {
    /// Take people from JSON: a person, a list, an object with a list in `people`, or one person a line; from a file,
    /// or from standard input with `-`
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["id", "name", "email", "phones"])]
    json: Option<String>,
    /// Who it is: a whole number other than 0
    #[arg(long, required_unless_present = "json", allow_negative_numbers = true, value_parser = id)]
    id: Option<i32>,
    /// Full name
    #[arg(long, required_unless_present = "json")]
    name: Option<String>,
    /// E-mail address
    #[arg(long, default_value = "", hide_default_value = true)]
    email: String,
    /// A phone: mobile, home or work, a colon, the number; may be given again, the preferred one first
    #[arg(long = "phone", value_name = "KIND:NUMBER", value_parser = phone)]
    phones: Vec<PhoneNumber>,
}

/// Runs `person record`.
///
/// # Errors
/// If the JSON cannot be read, or the server refuses a person.
pub(super) async fn run(client: &ClientArgs, args: RecordArgs) -> Result<(), Failure> {
    let method = method("RecordPersons")?;
    let of = method.input;
    let people = match &args.json {
        Some(json) => parse(of, &load(json)?).map_err(|fault| Failure::usage(format!("--json {json}: {fault}")))?,
        None => vec![from_flags(args)],
    };
    let context = Context::connect(client).await?;
    let mut sink = Sink::stdout(&Shape::many(of, Format::or_default(context.format, Format::Ndjson)))?;
    // Nobody reading the answers any more is no reason to leave people out.
    let (mut done, mut shown) = (0, Ok(()));
    for call in calls(&people) {
        let people = tokio_stream::iter(call.to_vec());
        let book = context.caller.client_stream(&path(method), people, context.stream_deadline()).await;
        let book = match book {
            Ok(book) => book,
            Err(status) => {
                sink.finish()?;
                let failure = context.failure(&status, method.name);
                let told = format!("{done} people before this call are recorded; its people[0] is number {done}");
                return Err(if done == 0 { failure } else { failure.note(told) });
            }
        };
        for (_, value, _) in wire::fields(&book).flatten() {
            if let (wire::WireValue::Len(person), Ok(())) = (value, &shown) {
                shown = sink.record(person);
            }
        }
        done += call.len();
    }
    shown?;
    sink.finish()
}

/// Records people who are part of this program.
///
/// # Errors
/// If the server refuses one.
pub(super) async fn embedded(context: &Context, json: &str) -> Result<(), Failure> {
    let method = method("RecordPersons")?;
    let people = parse(method.input, json).map_err(|fault| Failure::new(exit::INTERNAL, fault))?;
    let done = context.caller.client_stream(&path(method), tokio_stream::iter(people), context.stream_deadline()).await;
    done.map(drop).map_err(|status| context.failure(&status, method.name))
}

fn from_flags(args: RecordArgs) -> Bytes {
    let person = Person {
        id: args.id.unwrap_or_default(),
        name: args.name.unwrap_or_default(),
        email: args.email,
        phones: args.phones,
        last_updated: None,
    };
    person.encode_to_vec().into()
}

fn load(json: &str) -> Result<String, Failure> {
    let mut text = String::new();
    if json == "-" {
        let read = stdin().read_to_string(&mut text);
        read.map_err(|error| Failure::new(exit::FILE, format!("cannot read standard input: {error}")))?;
    } else {
        text = fs::read_to_string(json).map_err(|error| Failure::file("read", Path::new(json), &error))?;
    }
    Ok(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book<'a> {
    #[serde(borrow)]
    people: Vec<&'a RawValue>,
}

/// The people in a text, each encoded. Each says who it is, and no two are the same.
fn parse(of: MessageType, text: &str) -> Result<Vec<Bytes>, String> {
    let mut people = Vec::new();
    // As they are written: what is given twice would be gone from a value.
    for value in serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}')).into_iter::<&RawValue>() {
        let value = value.map_err(|fault| format!("is not valid JSON: {fault}"))?;
        let list = match serde_json::from_str(value.get()) {
            Ok(Json::Array(_)) => serde_json::from_str(value.get()),
            Ok(Json::Object(book)) if book.contains_key("people") => {
                serde_json::from_str(value.get()).map(|Book { people }| people)
            }
            _ => Ok(vec![value]),
        };
        people.extend(list.map_err(|_| "people: must be one list and nothing beside it")?);
    }
    if people.is_empty() {
        return Err("there is nobody in it; give a person, a list of people, or one person a line".to_owned());
    }
    let mut known = HashMap::new();
    let encode = |(at, person): (usize, &&RawValue)| {
        // The line would be one of this person alone.
        let encoded = of.from_json(person.get()).map_err(|fault| JsonError { line: 0, ..fault });
        let encoded = encoded.map_err(|fault| format!("people[{at}]: {fault}"))?;
        let id = Person::decode(encoded.as_slice()).map_err(|fault| format!("people[{at}]: {fault}"))?.id;
        if id == 0 {
            return Err(format!("people[{at}].id: is required, and is a whole number other than 0"));
        }
        match known.insert(id, at) {
            Some(first) => Err(format!("people[{at}].id: {id} is that of people[{first}], too; leave one of them out")),
            None => Ok(Bytes::from(encoded)),
        }
    };
    people.iter().enumerate().map(encode).collect()
}

/// The people of each call.
fn calls(people: &[Bytes]) -> Vec<&[Bytes]> {
    let (mut calls, mut rest) = (Vec::new(), people);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(CALL).take_while(|person| {
            bytes += person.len();
            bytes <= CALL_BYTES
        });
        // One person who is too large as such is for the server to refuse.
        let (call, after) = rest.split_at(fits.count().max(1));
        calls.push(call);
        rest = after;
    }
    calls
}

/// Not 0, which a message cannot tell from no id at all.
fn id(text: &str) -> Result<i32, String> {
    text.parse().ok().filter(|id| *id != 0).ok_or_else(|| "give a whole number other than 0".to_owned())
}

/// `home:+44 20 7946 0017`.
fn phone(text: &str) -> Result<PhoneNumber, String> {
    let form = || "give mobile, home or work, a colon, and the number, for example home:+442079460017".to_owned();
    let (kind, number) = text.split_once(':').ok_or_else(form)?;
    let kind = PhoneType::from_str_name(&kind.to_ascii_uppercase()).ok_or_else(form)?;
    Ok(PhoneNumber { number: number.to_owned(), r#type: kind.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Result<Vec<i32>, String> {
        let people = parse(method("RecordPersons").unwrap().input, text)?;
        Ok(people.into_iter().map(|person| Person::decode(person).unwrap().id).collect())
    }

    #[test]
    fn people_come_alone_in_lists_in_books_and_in_lines() {
        assert_eq!(ids(r#"{"id":1,"name":"Ada"}"#), Ok(vec![1]));
        assert_eq!(ids(r#"[{"id":1},{"id":2}]"#), Ok(vec![1, 2]));
        assert_eq!(ids(r#"{"people":[{"id":3}]}"#), Ok(vec![3]));
        assert_eq!(ids("{\"id\":1}\n{\"id\":-2}\n"), Ok(vec![1, -2]));
        for nobody in ["", " \n", "[]", r#"{"people":[]}"#] {
            assert!(ids(nobody).unwrap_err().starts_with("there is nobody in it"), "{nobody:?}");
        }
        for unknown in [r#"[{"id":1},{"name":"Ada"}]"#, "{\"id\":1}\n{\"id\":null}", r#"[{"id":1},{"id":0}]"#] {
            assert!(ids(unknown).unwrap_err().starts_with("people[1].id: is required"), "{unknown}");
        }
        assert!(id("0").is_err() && id("-3") == Ok(-3));
        let twice = ids(r#"[{"id":1},{"id":2},{"id":1}]"#).unwrap_err();
        assert!(twice.starts_with("people[2].id: 1 is that of people[0], too"), "{twice}");
        let repeated = ids(r#"[{"id":20,"name":"A","id":21}]"#).unwrap_err();
        assert_eq!(repeated, "people[0]: id: is given twice");
        assert!(ids(r#"{"people":[],"people":[{"id":1}]}"#).unwrap_err().starts_with("people: must be one list"));
        assert!(ids(r#"[{"id":1},{"phones":[{"typ":1}]}]"#).unwrap_err().starts_with("people[1]: phones[0]"));
        assert!(ids("[{").unwrap_err().starts_with("is not valid JSON"));
    }

    #[test]
    fn many_people_go_in_several_calls() {
        let people = vec![Bytes::from_static(&[0; 100]); 12_000];
        assert_eq!(calls(&people).iter().map(|call| call.len()).collect::<Vec<_>>(), [5000, 5000, 2000]);
        let large = vec![Bytes::from(vec![0; 1_500_000]); 2];
        assert_eq!(calls(&large).len(), 2);
        assert_eq!(calls(&[Bytes::from(vec![0; 3 << 20])]).len(), 1);
        assert!(calls(&[]).is_empty());
    }

    #[test]
    fn a_phone_is_a_kind_and_a_number() {
        assert_eq!(phone("Home:+44:1").unwrap(), PhoneNumber { number: "+44:1".into(), r#type: 1 });
        assert!(phone("+44").unwrap_err().starts_with("give mobile, home or work"));
        assert!(phone("fax:1").is_err());
    }
}
