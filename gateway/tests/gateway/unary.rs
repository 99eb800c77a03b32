//! Unary methods over REST, from a socket to the store and back.

use serde_json::json;

use crate::support::{ADA, Rest};

#[tokio::test]
async fn a_record_is_created_read_changed_listed_and_deleted() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let created = client.json("POST /v1/employees?employee_id=ada", ADA).await;
    assert_eq!(created.code, 200, "{created:?}");
    let record = created.value();
    assert_eq!((&record["name"], &record["gender"]), (&json!("employees/ada"), &json!("GENDER_FEMALE")));
    let read = client.get("/v1/employees/ada").await;
    assert_eq!((read.value(), read.header("content-type")), (record.clone(), "application/json"));
    let changed = client.json("PATCH /v1/employees/ada", r#"{"givenName": "Augusta Ada"}"#).await.value();
    assert_eq!((&changed["givenName"], &changed["familyName"]), (&json!("Augusta Ada"), &json!("Lovelace")));
    let listed = client.get("/v1/employees?pageSize=10&filter=family_name%3D%22Lovelace%22").await.value();
    assert_eq!(listed["employees"], json!([changed]));
    let batch = client.get("/v1/employees:batchGet?names=employees/ada&names=employees/ada").await.value();
    assert_eq!(batch["employees"].as_array().unwrap().len(), 2);
    let deleted = client.send("DELETE /v1/employees/ada", &[], "").await;
    assert_eq!((deleted.code.as_u16(), deleted.text()), (200, "{}"));
    let gone = client.get("/v1/employees/ada").await;
    assert_eq!(gone.fault(), (404, "NOT_FOUND".to_owned(), "RESOURCE_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_method_is_reached_by_its_name_too() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    client.json("POST /v1/employees?employee_id=ada", ADA).await;
    let line = "POST /campus.employee.v1.EmployeeService/GetEmployee";
    assert_eq!(client.json(line, r#"{"name": "employees/ada"}"#).await.value()["givenName"], "Ada");
}

#[tokio::test]
async fn an_error_has_code_message_status_and_every_detail() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let answer = client.send("GET /v1/employees/none", &[("x-request-id", "r-42")], "").await;
    let error = &answer.value()["error"];
    assert_eq!(error["message"], "there is no employees/none");
    let types: Vec<&str> =
        error["details"].as_array().unwrap().iter().map(|detail| detail["@type"].as_str().unwrap()).collect();
    for name in ["ErrorInfo", "ResourceInfo", "RequestInfo"] {
        assert!(types.contains(&format!("type.googleapis.com/google.rpc.{name}").as_str()), "{error}");
    }
    assert!(error.to_string().contains(r#""requestId":"r-42""#), "{error}");
    assert_eq!(answer.header("x-request-id"), "r-42");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_by_field_and_place() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let answer = client.json("POST /v1/employees?employee_idd=x&validate=maybe", r#"{"givenNam": "Ada"}"#).await;
    assert_eq!(answer.code, 400);
    let text = answer.text();
    assert!(text.contains("query") && text.contains("employee_id"), "{text}");
    let answer = client.json("POST /v1/employees", r#"{"givenNam": "Ada"}"#).await;
    assert!(answer.text().contains("body") && answer.text().contains("givenName"), "{}", answer.text());
    // What the service itself finds wrong.
    let answer = client.json("POST /v1/employees", "{}").await;
    assert_eq!(answer.fault(), (400, "INVALID_ARGUMENT".to_owned(), "INVALID_FIELD".to_owned()));
    assert!(answer.text().contains("fieldViolations"), "{}", answer.text());
}

#[tokio::test]
async fn a_service_that_the_backend_does_not_have_is_501() {
    let rest = Rest::start();
    let answer = rest.client().await.get("/v1/students/1").await;
    assert_eq!(answer.fault(), (501, "UNIMPLEMENTED".to_owned(), "UNKNOWN_SERVICE".to_owned()));
}
