//! The API page while calls run, fail and are left.

use std::fmt::Write;

use campus_gateway::{Backend, Gateway, RestConfig};
use serde_json::json;

use crate::{
    contract::Contract,
    support::{Browser, Rest, Wire},
};

const MANY: usize = 30;

fn opened(browser: &Browser, at: std::net::SocketAddr, operation: &str) {
    browser.open(&format!("http://{at}/#EmployeeService_{operation}"));
    browser.until("return document.getElementById('send') !== null");
}

fn choose(browser: &Browser, form: &str) {
    browser.run(&format!("document.getElementById('accept').value = '{form}'"));
}

fn status_says(browser: &Browser, words: &str) {
    browser.until(&format!("return document.getElementById('status').textContent.includes('{words}')"));
}

fn create(browser: &Browser, count: usize) {
    browser.run(&format!(
        r"await Promise.all([...Array({count}).keys()].map((id) => fetch(`/v1/employees?employee_id=e${{id}}`, {{
            method: 'POST', headers: {{'content-type': 'application/json'}},
            body: JSON.stringify({{givenName: 'Ada', familyName: `Lovelace ${{id}}`}}),
        }})));"
    ));
}

#[test]
fn a_call_that_is_sent_while_a_stream_runs_takes_its_place_and_lives() {
    let Some(browser) = Browser::start() else { return };
    let rest = Rest::start();
    opened(&browser, rest.addr, "WatchEmployees");
    for form in ["text/event-stream", "application/x-ndjson", "application/json"] {
        choose(&browser, form);
        browser.click("#send");
        status_says(&browser, "200, 1 so far");
        // With Ctrl down: the stream that runs gives way to this one.
        browser.keys("#query-filter", "\u{e009}\u{e007}");
        status_says(&browser, "200, 1 so far");
        let id = form.replace(['/', '+'], "-");
        browser.run(&format!(
            r"window.made = await fetch('/v1/employees?employee_id={id}', {{
                method: 'POST', headers: {{'content-type': 'application/json'}},
                body: JSON.stringify({{givenName: 'Ada', familyName: 'Lovelace'}}),
            }});"
        ));
        status_says(&browser, "200, 2 so far");
        browser.until(&format!("return document.querySelector('#events li').innerText.includes('employees/{id}')"));
        assert_eq!(browser.run("return document.getElementById('stop').disabled"), false, "{form}");
        browser.click("#stop");
        status_says(&browser, "stopped");
        assert_eq!(browser.run("return document.activeElement.id"), "send", "who stops by keyboard stays in the form");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_refused_stream_of_events_is_shown_with_what_the_server_says() {
    let Some(browser) = Browser::start() else { return };
    let rest = Rest::start();
    opened(&browser, rest.addr, "WatchEmployees");
    browser.fill("#query-filter", "nonsense = 1");
    browser.click("#send");
    status_says(&browser, "400");
    let answer = browser.run("return document.getElementById('result').innerText");
    assert!(answer.as_str().unwrap().contains("INVALID_ARGUMENT"), "{answer}");
    assert!(
        browser.run("return document.getElementById('headers').textContent").as_str().unwrap().contains("content-type")
    );
    browser.picture("refused");
}

#[test]
fn an_operation_may_be_left_while_its_stream_runs() {
    let Some(browser) = Browser::start() else { return };
    let rest = Rest::start();
    opened(&browser, rest.addr, "WatchEmployees");
    for form in ["text/event-stream", "application/x-ndjson", "application/json"] {
        browser.run("location.hash = '#EmployeeService_WatchEmployees'");
        browser.until("return document.getElementById('accept')?.options.length === 3");
        choose(&browser, form);
        browser.click("#send");
        status_says(&browser, "200, 1 so far");
        browser.run("location.hash = '#EmployeeService_GetEmployee'");
        browser.until("return document.getElementById('path-employee') !== null");
        // What is shown now is touched by nothing that still comes of the stream.
        create(&browser, 1);
        browser.run("await fetch('/v1/employees/e0', { method: 'DELETE' })");
        assert_eq!(browser.run("return document.getElementById('status').textContent"), "", "{form}");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_stream_with_an_end_is_shown_to_its_end_in_every_form() {
    let Some(browser) = Browser::start() else { return };
    let rest = Rest::start();
    opened(&browser, rest.addr, "StreamEmployees");
    create(&browser, MANY);
    for form in ["application/json", "application/x-ndjson", "text/event-stream"] {
        choose(&browser, form);
        browser.click("#send");
        status_says(&browser, &format!("ended after {MANY}"));
        assert_eq!(browser.run("return document.querySelectorAll('#events li').length"), MANY, "{form}");
        assert_eq!(browser.run("return document.querySelectorAll('#events pre').length"), MANY);
        browser.run("document.querySelectorAll('#events pre').forEach((pre) => JSON.parse(pre.textContent))");
    }
    browser.picture("stream");
}

#[test]
fn events_are_taken_up_again_by_the_page_when_their_connection_breaks() {
    let Some(browser) = Browser::start() else { return };
    let rest = Rest::start();
    let wire = Wire::to(rest.addr);
    opened(&browser, ([127, 0, 0, 1], wire.port).into(), "WatchEmployees");
    browser.click("#send");
    status_says(&browser, "200, 1 so far");
    create(&browser, 1);
    status_says(&browser, "200, 2 so far");
    wire.cut();
    status_says(&browser, "connecting again");
    browser.run("await fetch('/v1/employees/e0', { method: 'DELETE' })");
    browser.until("return document.querySelector('#events li').innerText.includes('CHANGE_TYPE_DELETED')");
    let shown = browser.run("return [...document.querySelectorAll('#events li')].filter((it) => /DELETED|CREATED/.test(it.innerText)).length");
    assert_eq!(shown, json!(2), "none lost, none twice");
}

/// Ten services with ten methods each, and not a word about them.
fn large_contract() -> Contract {
    let mut text = r#"syntax = "proto3"; package large.v1; import "google/api/annotations.proto";
        message Thing { string name = 1; repeated Thing parts = 2; map<string, int32> counts = 3; }"#
        .to_owned();
    for service in 0..10 {
        write!(text, "service Service{service} {{").unwrap();
        for method in 0..10 {
            let reply = if method == 9 { "stream Thing" } else { "Thing" };
            let rule =
                if method == 0 { "" } else { r#"option (google.api.http) = {get: "/v1/sSERVICE/mMETHOD/{name}"};"# };
            let rule = rule.replace("SERVICE", &service.to_string()).replace("METHOD", &method.to_string());
            write!(text, "rpc Method{method}(Thing) returns ({reply}) {{ {rule} }}").unwrap();
        }
        text.push('}');
    }
    Contract::new(&text)
}

#[test]
fn a_contract_of_a_hundred_methods_without_comments_can_be_searched_and_each_opened() {
    let Some(browser) = Browser::start() else { return };
    let backend = Backend::new("static:///127.0.0.1:1").unwrap();
    let rest = Rest::of(Gateway::new(large_contract().schema, &[backend], &RestConfig::default()).unwrap());
    browser.open(&format!("http://{}/", rest.addr));
    browser.until("return document.querySelectorAll('nav a').length === 100");
    browser.picture("large");
    for link in
        browser.run("return [...document.querySelectorAll('nav a')].map((link) => link.hash)").as_array().unwrap()
    {
        browser.run(&format!("location.hash = '{}'", link.as_str().unwrap()));
        let shown = "return document.querySelector('nav a[aria-current]')?.hash";
        browser.until(&format!("{} === '{}'", shown, link.as_str().unwrap()));
        assert_eq!(browser.run("return document.getElementById('send') !== null"), true, "{link}");
        assert_eq!(browser.run("return /undefined|NaN|\\[object/.test(document.body.innerText)"), false, "{link}");
    }
    browser.keys("body", "/");
    browser.fill("#filter", "s7 m3");
    assert_eq!(browser.run("return document.querySelectorAll('nav a').length"), 1);
    browser.keys("#filter", "\u{e015}\u{e007}");
    browser.until("return location.hash.includes('Service7_Method3')");
    browser.fill("#filter", "no such thing");
    browser.until("return document.getElementById('list').innerText.includes('nothing')");
    assert_eq!(browser.complaints(), [""; 0]);
}
