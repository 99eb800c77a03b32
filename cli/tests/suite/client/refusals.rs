//! What is refused, by whom, and what a user is told to do about it.

use std::{fs, process::Command};

use super::{Place, run};

#[test]
fn a_row_with_too_few_or_too_many_cells_is_rejected_and_the_others_are_stored() {
    let place = Place::new();
    place.file("rows.csv", "id,given_name,family_name\na,Mira,Okafor\nb,Mira\nc,Mira,Okafor,x,y\nd,Mira,Okafor\n");
    let import = place.run("employee import rows.csv --rejects rejected.csv").exits(1);
    assert_eq!(import.last_error_line(), "imported: 2 created, 0 updated, 0 unchanged, 2 rejected");
    assert_eq!(place.run("employee list").exits(0).out.lines().count(), 2);
    let rejected = "id,given_name,family_name,reason\n\
                    b,Mira,,has 2 cells where the header has 3\n\
                    c,Mira,Okafor,has 5 cells where the header has 3,x,y\n";
    assert_eq!(place.read("rejected.csv"), rejected);
    let fixed = rejected.replace("b,Mira,,", "b,Mira,Okafor,");
    place.file("fixed.csv", &fixed);
    let again = place.run("employee import fixed.csv --rejects again.csv").exits(1);
    assert_eq!(again.last_error_line(), "imported: 1 created, 0 updated, 0 unchanged, 1 rejected");
    assert_eq!(
        place.read("again.csv"),
        "id,given_name,family_name,reason\nc,Mira,Okafor,has 6 cells where the header has 4,x,y\n"
    );
}

#[test]
fn input_that_is_no_table_is_refused_with_what_to_do() {
    let place = Place::new();
    fs::create_dir(place.files.path().join("rows.csv")).unwrap();
    let refused = place.run("employee import rows.csv").exits(74);
    assert!(refused.err.contains("it is a folder"), "{}", refused.err);
    fs::write(place.files.path().join("a.csv.gz"), b"\x1f\x8b\x08").unwrap();
    let refused = place.run("employee import a.csv.gz").exits(64);
    assert!(refused.err.contains("gunzip -c a.csv.gz | campus employee import - --format csv"), "{}", refused.err);
    place.file("empty.json", "");
    let refused = place.run("employee import empty.json").exits(74);
    assert!(refused.err.contains("the input is empty"), "{}", refused.err);
}

#[test]
fn a_port_that_does_not_speak_grpc_is_named_as_such() {
    let place = Place::new();
    let admin = place.campus.as_ref().unwrap().admin;
    for command in ["employee list", "employee export", "employee lookup 1"] {
        let refused = place.run(&format!("{command} --server {admin}")).exits(69);
        assert!(
            refused.err.contains("answered HTTP 404 Not Found, which is no answer of gRPC"),
            "{command}: {}",
            refused.err
        );
        assert!(refused.err.contains("is it the right port?"), "{command}: {}", refused.err);
    }
}

#[test]
fn a_refused_token_is_not_offered_to_go_on_from() {
    let place = Place::new();
    let refused = place.run("employee watch --from junk").exits(1);
    assert!(!refused.err.contains("go on from here"), "{}", refused.err);
}

#[test]
fn the_variable_names_the_server_and_is_not_taken_for_an_argument() {
    let place = Place::new();
    let campus = |words: &[&str], server: &str| {
        run(Command::new(env!("CARGO_BIN_EXE_campus")).env("CAMPUS_SERVER", server).args(words))
    };
    let here = place.server.to_string();
    campus(&["health"], &here).exits(0);
    campus(&["health", "--server", &here], "127.0.0.1:1").exits(0);
    campus(&["--server", &here, "employee", "list"], "127.0.0.1:1").exits(0);
    campus(&["employee", "list"], "127.0.0.1:1").exits(69);
    let bare = campus(&[], &here).exits(64);
    assert!(bare.err.contains("Examples:"), "{}", bare.err);
    let refused = campus(&["employee", "get"], &here).exits(64);
    assert!(!refused.err.contains("--server"), "{}", refused.err);
}

#[test]
fn the_settings_of_a_server_are_printed_as_they_would_be_used() {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_campus"));
    let printed = run(serve.args(["serve", "--listen", "127.0.0.1:7000", "--print-config"])).exits(0);
    assert!(printed.out.contains("listen = \"127.0.0.1:7000\""), "{}", printed.out);
}

#[test]
fn the_settings_of_a_server_that_would_not_start_are_refused_instead_of_printed() {
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.json");
    fs::write(&people, "[{\"id\":1}]").unwrap();
    for (name, value, line) in [
        ("CAMPUS__LOG__LEVEL", "loud", "setting log.level in the environment (CAMPUS__LOG__LEVEL) is \"loud\": use"),
        ("CAMPUS__SERVER__MAX_STREAMS", "0", "setting server.max_streams in the environment"),
        ("CAMPUS__SERVER__LISTEN", "127.0.0.1:9090", "setting admin.listen is \"127.0.0.1:9090\": "),
        ("CAMPUS__SERVER__TLS__KEY", "/none", "setting server.tls.certificate is unset"),
        ("CAMPUS__ADDRESSBOOK__LOAD", "", "setting addressbook.load in the environment"),
        ("CAMPUS__ADDRESSBOOK__LOAD", people.to_str().unwrap(), "people[0].name: is required"),
        ("OTEL_TRACES_SAMPLER", "some", "OTEL_TRACES_SAMPLER is \"some\": use always_on"),
    ] {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_campus"));
        let refused = run(serve.args(["serve", "--print-config"]).env(name, value)).exits(64);
        assert!(refused.err.contains(line) && refused.out.is_empty(), "{}", refused.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_import_whose_rejects_cannot_be_written_says_how_far_it_came() {
    let place = Place::new();
    let short = |at: u32| format!("b{at},{}\n", "x".repeat(300));
    let rows = "id,given_name,family_name\na,Mira,Okafor\n".to_owned() + &(0..99).map(short).collect::<String>();
    place.file("rows.csv", &rows);
    let failed = place.run("employee import rows.csv --rejects /dev/full").exits(74);
    assert!(failed.err.contains("cannot write /dev/full"), "{}", failed.err);
    assert!(failed.err.contains("done up to line 101: 1 created"), "{}", failed.err);
}

#[test]
fn what_an_import_came_to_is_there_for_programs_too() {
    let place = Place::new();
    place.file("rows.csv", "id,given_name,family_name\na,Mira,Okafor\nb,Mira,\n");
    let import = place.run("employee import rows.csv -o ndjson").exits(1);
    assert_eq!(import.out, "{\"created\":1,\"rejected\":1,\"unchanged\":0,\"updated\":0}\n");
    assert_eq!(import.last_error_line(), "imported: 1 created, 0 updated, 0 unchanged, 1 rejected");
    let again = place.run("employee import rows.csv -o csv").exits(1);
    assert_eq!(again.out, "created,updated,unchanged,rejected\n0,0,1,1\n");
    assert_eq!(place.run("employee import rows.csv").exits(1).out, "");
}
