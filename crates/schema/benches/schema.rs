//! Nanoseconds for what the hot paths do with one employee, beside prost doing the like: `cargo bench -p campus-schema`,
//! with `-- NAME` for those whose name has NAME in it.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    env,
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use campus_proto::{DESCRIPTORS, campus::employee::v1::Employee};
use campus_schema::{JsonOptions, Mask, Schema, wire};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::Timestamp;
use serde::Serialize;

const ROUNDS: usize = 300;
/// Short, so that most rounds are not interrupted on a busy machine.
const ROUND: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn Error>> {
    let schema = Schema::from_descriptors(DESCRIPTORS)?;
    let employee = schema.message("campus.employee.v1.Employee").ok_or("no employee")?;
    let bytes = example().encode_to_vec();
    // The same with its first field last.
    let disordered =
        [employee.without(&bytes, &[1])?, employee.project(&bytes, &Mask::parse(employee, ["name"])?)?].concat();
    let options = JsonOptions::default();
    let mut text = String::new();
    employee.to_json(&bytes, &options, &mut text)?;
    let mask = Mask::parse(employee, ["name", "family_name", "update_time"])?;

    println!("one employee: {} bytes, {} bytes of JSON; best of {ROUNDS} rounds", bytes.len(), text.len());
    report("prost decode", || Employee::decode(black_box(&*bytes)).map(|it| it.name.len()));
    report("prost decode, encode", || Employee::decode(black_box(&*bytes)).map(|it| it.encode_to_vec().len()));
    report("wire fields", || wire::fields(black_box(&bytes)).count());
    report("get", || employee.get(black_box(&bytes), 8).map(|it| it.is_some()));
    report("is_canonical", || employee.is_canonical(black_box(&bytes)));
    report("canonical, already", || employee.canonical(black_box(&bytes)).map(|it| it.len()));
    report("canonical, disordered", || employee.canonical(black_box(&disordered)).map(|it| it.len()));
    report("project 3 of 10", || employee.project(black_box(&bytes), &mask).map(|it| it.len()));
    report("merge 3 of 10", || employee.merge(black_box(&bytes), black_box(&bytes), &mask).map(|it| it.len()));
    let mut out = String::with_capacity(text.len());
    report("to_json, disordered", || {
        out.clear();
        employee.to_json(black_box(&disordered), &options, &mut out)
    });
    report("to_json", || {
        out.clear();
        employee.to_json(black_box(&bytes), &options, &mut out)
    });
    let pool = DescriptorPool::decode(DESCRIPTORS)?;
    let other = pool.get_message_by_name("campus.employee.v1.Employee").ok_or("no employee")?;
    let mut theirs = Vec::with_capacity(text.len());
    report("to_json, prost-reflect", || {
        theirs.clear();
        let message = DynamicMessage::decode(other.clone(), black_box(&*bytes)).ok();
        message.map(|message| message.serialize(&mut serde_json::Serializer::new(&mut theirs)).is_ok())
    });
    report("from_json", || employee.from_json(black_box(&text)).map(|it| it.len()));
    let mut read = Vec::with_capacity(bytes.len());
    report("read_json", || {
        read.clear();
        employee.read_json(black_box(&text), &mut read)
    });
    report("from_json, prost-reflect", || {
        let mut json = serde_json::Deserializer::from_str(black_box(&text));
        DynamicMessage::deserialize(other.clone(), &mut json).map(|message| message.encode_to_vec().len())
    });
    report("serde_json to Value", || {
        serde_json::from_str::<serde_json::Value>(black_box(&text)).map(|it| it.is_object())
    });
    Ok(())
}

fn example() -> Employee {
    Employee {
        name: "employees/10001".into(),
        etag: "W/\"18c2f0a4b7d\"".into(),
        given_name: "Georgi".into(),
        family_name: "Facello".into(),
        gender: 2,
        birth_date: "1953-09-02".into(),
        hire_date: "1986-06-26".into(),
        email: "georgi.facello@example.com".into(),
        create_time: Some(Timestamp { seconds: 1_763_716_000, nanos: 123_456_000 }),
        update_time: Some(Timestamp { seconds: 1_763_716_001, nanos: 123_456_789 }),
    }
}

/// Prints what one call of `work` takes in the best round, which is the one that was disturbed least.
fn report<T>(name: &str, mut work: impl FnMut() -> T) {
    let wanted = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if !wanted.is_none_or(|wanted| name.contains(&wanted)) {
        return;
    }
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let (start, mut calls) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            for _ in 0..50 {
                black_box(work());
            }
            calls += 50;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    println!("{name:<26}{best:>8.0} ns");
}
