//! The description of what is served.

use std::{env, fs, path::Path};

use serde_json::{Value, json};

use crate::support::Rest;

async fn document() -> Value {
    Rest::start().client().await.get("/openapi.json").await.value()
}

#[tokio::test]
async fn the_document_of_the_contract_is_the_one_in_the_golden_file() {
    let answer = Rest::start().client().await.get("/openapi.yaml").await;
    assert_eq!((answer.code.as_u16(), answer.header("content-type")), (200, "application/yaml"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/golden/openapi.yaml");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, answer.text()).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == answer.text(), "it differs from {}: look at the diff of `make golden`", path.display());
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_operation_has_an_id_of_its_own() {
    let document = document().await;
    let mut open = vec![&document];
    let mut references = 0;
    while let Some(value) = open.pop() {
        if let Some(path) = value["$ref"].as_str() {
            references += 1;
            assert!(document.pointer(path.strip_prefix('#').unwrap()).is_some(), "{path}");
        }
        match value {
            Value::Object(object) => open.extend(object.values()),
            Value::Array(array) => open.extend(array),
            _ => {}
        }
    }
    assert!(references > 50, "{references}");
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut ids: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(ids.contains(&"EmployeeService_GetEmployee"), "{ids:?}");
}

#[tokio::test]
async fn an_operation_says_what_the_proto_file_says() {
    let document = document().await;
    let get = &document["paths"]["/v1/employees/{employee}"]["get"];
    assert_eq!((&get["summary"], &get["tags"]), (&json!("Returns one employee"), &json!(["EmployeeService"])));
    let parameter = |operation: &Value, name: &str| {
        let all = operation["parameters"].as_array().unwrap();
        all.iter().find(|it| it["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(parameter(get, "employee")["example"], "10001");
    assert!(parameter(get, "read_mask")["description"].as_str().unwrap().contains("Fields to return"));
    assert!(!parameter(get, "If-None-Match").is_null());
    assert!(!get["responses"]["304"].is_null());
    let list = &document["paths"]["/v1/employees"]["get"];
    assert!(parameter(list, "filter")["example"].as_str().unwrap().starts_with("family_name ="));
    let watch = &document["paths"]["/v1/employees:watch"]["get"];
    let forms: Vec<&String> = watch["responses"]["200"]["content"].as_object().unwrap().keys().collect();
    assert_eq!(forms, ["application/json", "application/x-ndjson", "text/event-stream"]);
    assert!(!parameter(watch, "Last-Event-ID").is_null());
    let patch = &document["paths"]["/v1/employees/{employee}"]["patch"];
    assert!(!parameter(patch, "If-Match").is_null());
    let import = &document["paths"]["/v1/employees:import"]["post"]["requestBody"]["content"];
    assert_eq!(import["application/json"]["schema"]["type"], "array");
    let gender = &document["components"]["schemas"]["campus.employee.v1.Gender"];
    assert!(gender["description"].as_str().unwrap().contains("- `GENDER_FEMALE`: Female."), "{gender}");
}

/// What the document shows, a client may send.
#[tokio::test]
async fn the_examples_of_the_document_are_taken_by_the_services() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let document = client.get("/openapi.json").await.value();
    let body = |operation: &Value| operation["requestBody"]["content"]["application/json"]["example"].to_string();
    let create = &document["paths"]["/v1/employees"]["post"];
    let created = client.json("POST /v1/employees?employee_id=10001", body(create)).await;
    assert_eq!(created.code, 200, "{created:?}");
    let employee = &document["paths"]["/v1/employees/{employee}"];
    let name = employee["get"]["parameters"][0]["example"].as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/employees/{name}")).await.code, 200);
    let patched = client.json(&format!("PATCH /v1/employees/{name}"), body(&employee["patch"])).await;
    assert_eq!(patched.code, 200, "{patched:?}");
    let import = &document["paths"]["/v1/employees:import"]["post"]["requestBody"]["content"];
    let lines = import["application/x-ndjson"]["example"].as_str().unwrap().to_owned();
    let imported = client.send("POST /v1/employees:import", &[("content-type", "application/x-ndjson")], lines).await;
    assert_eq!(imported.value()["rejectedCount"], Value::Null, "{imported:?}");
}
