//! `campus person`.

use crate::client::Place;

fn numbers(out: &str) -> Vec<String> {
    let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    out.lines().map(|line| value(line)["number"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn people_go_in_by_flags_and_come_out_by_every_command() {
    let place = Place::with(&super::PARTS);
    let line = "person record --id -3 --name Ada --email ada@campus.example --phone home:+441 --phone mobile:+442";
    let recorded = place.run(line).exits(0);
    assert!(recorded.out.starts_with(r#"{"name":"Ada","id":-3,"email":"ada@campus.example","phones":[{"number":"+441","type":"HOME"},{"number":"+442","type":"MOBILE"}],"lastUpdated":""#), "{}", recorded.out);
    assert_eq!(place.run("person list").exits(0).out, recorded.out);
    assert_eq!(place.run("person phone -3 -o ndjson").exits(0).out, "{\"number\":\"+441\",\"type\":\"HOME\"}\n");
    assert_eq!(numbers(&place.run("person route 7 -3").exits(0).out), ["+441", "+442"]);
    let table = place.run("person route -3 -o table").exits(0).out;
    assert_eq!(table, "NUMBER  TYPE\n+441    home\n+442    mobile\n", "zero is a kind of line");
    let csv = place.run("person route -3 -o csv").exits(0).out;
    assert_eq!(csv, "number,type\n+441,HOME\n+442,MOBILE\n");
    assert!(
        place
            .run("person list -o table")
            .exits(0)
            .out
            .starts_with("NAME  ID  EMAIL               PHONES  LAST_UPDATED\n")
    );
}

#[test]
fn people_go_in_by_json_in_as_many_calls_as_are_needed() {
    let place = Place::with(&super::PARTS);
    let example =
        place.run(&format!("person record --json {}", crate::client::examples("people.json").display())).exits(0);
    assert_eq!(example.out.lines().count(), 10);
    assert_eq!(place.run_with_input("person record --json -", &example.out).exits(0).out.lines().count(), 10);
    let many: String = (1..=12_000).map(|id| format!("{{\"id\":{id},\"name\":\"P{id}\"}}\n")).collect();
    assert_eq!(place.run_with_input("person record --json -", &many).exits(0).out.lines().count(), 12_000);
    let ids: String = (0..3).map(|id| format!("{id}\n")).collect();
    assert_eq!(place.run("person list").exits(0).out.lines().count(), 12_000);
    assert_eq!(numbers(&place.run_with_input("person route", &ids).exits(0).out), Vec::<String>::new());
}

#[test]
fn what_fails_says_why_with_its_exit_code() {
    let place = Place::with(&super::PARTS);
    for (line, exit, words) in [
        ("person phone 9", 1, "there is no people/9 (NOT_FOUND)"),
        ("person phone x", 64, "invalid value 'x'"),
        ("person record --id 1", 64, "--name <NAME>"),
        ("person record --id 1 --name Ada --phone 123", 64, "give mobile, home or work, a colon, and the number"),
        ("person record --id 1 --name Ada --email x", 1, "people[0].email: must be an e-mail address"),
        ("person record --json none.json", 74, "cannot read none.json"),
        ("person record --json - --id 1", 64, "cannot be used with"),
        ("person route x", 1, "x: is no id; give a whole number"),
    ] {
        let run = place.run(line).exits(exit);
        assert!(run.err.contains(words), "{line}: {}", run.err);
    }
    let bad = place.run_with_input("person record --json -", "{\"id\":1,\"name\":\"A\"}\n{\"nam\":1}").exits(64);
    assert!(bad.err.contains("--json -: people[1]: ") && bad.err.contains("did you mean \"name\"?"), "{}", bad.err);
    let twice = place
        .run_with_input("person record --json -", "[{\"id\":1,\"name\":\"A\"},{\"id\":1,\"name\":\"B\"}]")
        .exits(64);
    assert!(twice.err.contains("--json -: people[1].id: 1 is that of people[0], too"), "{}", twice.err);
    let nobody = place.run_with_input("person record --json -", "").exits(64);
    assert!(nobody.err.contains("--json -: there is nobody in it"), "{}", nobody.err);
    assert_eq!(place.run("person list").exits(0).out, "");
}
