//! The gateway in a real browser: REST and events from a page, and the API page.
//!
//! The driver of Chromium speaks JSON over HTTP, so that nothing but the two programs is needed.

mod calls;

use serde_json::json;

use crate::support::{Browser, Rest, Wire};

const CREATE: &str = r#"
    const create = (id, givenName) => fetch(`/v1/employees?employee_id=${id}`, {
        method: 'POST', headers: {'content-type': 'application/json'},
        body: JSON.stringify({givenName, familyName: 'Lovelace'}),
    });
"#;

#[test]
fn a_page_reads_writes_and_watches_and_loses_no_change_when_its_connection_breaks() {
    let Some(browser) = Browser::start() else { return };
    let rest = Rest::start();
    let wire = Wire::to(rest.addr);
    browser.open(&format!("http://127.0.0.1:{}/", wire.port));
    let made = browser.run(&format!(
        "{CREATE} const made = await create('ada', 'Ada'); return [made.status, made.headers.get('etag'), await made.json()];"
    ));
    assert_eq!((&made[0], &made[2]["name"]), (&json!(200), &json!("employees/ada")));
    let read =
        "const read = await fetch('/v1/employees/none'); return [read.status, (await read.json()).error.status];";
    assert_eq!(browser.run(read), json!([404, "NOT_FOUND"]));

    browser.run(
        r"window.changes = []; window.source = new EventSource('/v1/employees:watch');
        source.onmessage = ({data}) => { const it = JSON.parse(data); changes.push(it.employee ? it.employee.givenName : 'mark'); };",
    );
    browser.until("return changes.length > 0");
    browser.run(&format!("{CREATE} await create('one', 'One');"));
    browser.until("return changes.includes('One')");
    wire.cut();
    browser.until("return source.readyState === EventSource.CONNECTING");
    browser.run(&format!("{CREATE} await create('two', 'Two');"));
    browser.until("return source.readyState === EventSource.OPEN && changes.includes('Two')");
    browser.run(&format!("{CREATE} await create('three', 'Three');"));
    browser.until("return changes.includes('Three')");
    assert_eq!(browser.run("return changes.filter((it) => it !== 'mark')"), json!(["One", "Two", "Three"]));

    // A stream with an end is read once, and then the browser is told that there is no more.
    browser.run(
        r"source.close(); window.names = []; window.stream = new EventSource('/v1/employees:stream');
        stream.onmessage = ({data}) => names.push(JSON.parse(data).name);",
    );
    browser.until("return stream.readyState === EventSource.CLOSED");
    assert_eq!(browser.run("return names").as_array().unwrap().len(), 4);
}

#[test]
fn the_api_page_sends_calls_and_shows_what_comes() {
    let Some(browser) = Browser::start() else { return };
    let rest = Rest::start();
    let status = "return document.getElementById('status')?.textContent.startsWith('200')";
    browser.open(&format!("http://{}/", rest.addr));
    browser.until("return document.querySelectorAll('nav a').length > 20");
    browser.picture("overview");
    browser.click("a[href='#EmployeeService_CreateEmployee']");
    browser.fill("#query-employee_id", "10001");
    browser.click("#send");
    browser.until(status);
    assert!(
        browser.run("return document.getElementById('result').innerText").as_str().unwrap().contains("employees/10001")
    );
    assert!(browser.run("return document.getElementById('command').textContent").as_str().unwrap().starts_with("curl"));
    browser.picture("create");

    // By keyboard: find, go to, send.
    browser.keys("body", "/");
    browser.fill("#filter", "watch employees");
    browser.keys("#filter", "\u{e015}\u{e007}");
    browser.until("return location.hash === '' ? false : location.hash.includes('Watch')");
    browser.click("a[href='#EmployeeService_WatchEmployees']");
    browser.keys("#query-filter", "\u{e009}\u{e007}");
    browser.until("return document.querySelectorAll('#events li').length === 1");
    browser.run(
        r#"await fetch('/v1/employees/10001', {
            method: 'PATCH', headers: {'content-type': 'application/json'}, body: '{"givenName": "Augusta"}',
        });"#,
    );
    browser.until("return document.getElementById('events').innerText.includes('Augusta')");
    browser.picture("watch");
    browser.click("#stop");

    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.command("Emulation.setEmulatedMedia", &dark);
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.command("Emulation.setDeviceMetricsOverride", &phone);
    browser.picture("phone-watch");
    browser.click("#menu");
    browser.fill("#filter", "list");
    browser.picture("phone-menu");
    browser.click("a[href='#EmployeeService_ListEmployees']");
    browser.click("#send");
    browser.until(status);
    browser.picture("phone-list");
    // Nothing is wider than the phone.
    assert_eq!(browser.run("return document.documentElement.scrollWidth"), 390);
    assert_eq!(browser.complaints(), [""; 0]);
}
