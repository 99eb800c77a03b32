//! What `docs/client.md` shows, which has to compile; and its service config, which has to be one.

#![expect(unused_qualifications, clippy::print_stdout, reason = "as the page has it")]

use std::{error::Error, path::Path};

use campus_client::{Blocking, Channel, ServiceConfig};
use campus_proto::campus::employee::v1::{
    Employee, GetEmployeeRequest, WatchEmployeesRequest, employee_service_client::EmployeeServiceClient,
};
use tonic::Status;

type Done<T> = Result<T, Box<dyn Error>>;

const PAGE: &str = include_str!("../../../../docs/client.md");

#[rustfmt::skip]
async fn first() -> Done<Employee> {
    let channel = campus_client::Channel::builder("dns:///employee-headless.campus.svc.cluster.local.:50051")?
        .service_config(include_str!("client.json"))?
        .build();
    let mut client = EmployeeServiceClient::new(channel);
    let request = GetEmployeeRequest { name: "employees/10001".into(), ..Default::default() };
    let employee = client.get_employee(request).await?.into_inner();
    Ok(employee)
}

#[rustfmt::skip]
async fn many(client: EmployeeServiceClient<Channel>) -> Vec<Result<Employee, Status>> {
    use futures_util::StreamExt;

    let requests = ["employees/10001", "employees/10002"]
        .map(|name| GetEmployeeRequest { name: name.into(), ..Default::default() });
    let call = async |mut client: EmployeeServiceClient<Channel>, request| client.get_employee(request).await;
    let employees: Vec<Result<Employee, Status>> = campus_client::many(&client, requests, 32, call).collect().await;
    employees
}

#[rustfmt::skip]
fn blocking(channel: Channel) -> Done<(Employee, Blocking<EmployeeServiceClient<Channel>>)> {
    let client = campus_client::Blocking::new(EmployeeServiceClient::new(channel))?;
    let request = GetEmployeeRequest { name: "employees/10001".into(), ..Default::default() };
    let employee = client.call(async |mut client| client.get_employee(request).await)?;
    for change in client.stream(async |mut client| client.watch_employees(WatchEmployeesRequest::default()).await)? {
        println!("{:?}", change?);
    }
    Ok((employee, client))
}

#[rustfmt::skip]
fn tls() -> Done<Channel> {
    let tls = campus_client::Tls::builder().authorities(Path::new("ca.pem").into()).build("employee.campus.example")?;
    let channel = campus_client::Channel::builder("dns:///employee.campus.example:50051")?.tls(tls).build();
    Ok(channel)
}

/// The blocks of the page that are in this language, without indentation.
fn blocks(language: &str) -> impl Iterator<Item = String> {
    let begin = format!("```{language}\n");
    let blocks: Vec<_> = PAGE.split(&begin).skip(1).map(|rest| flat(rest.split("```").next().unwrap())).collect();
    blocks.into_iter()
}

fn flat(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim())).collect()
}

#[test]
fn every_snippet_of_the_page_compiles() {
    // That they are there is what counts: this is compiled.
    let _ = (first, many, blocking, tls);
    let here = flat(include_str!("docs.rs"));
    for block in blocks("rust") {
        assert!(here.contains(&block), "this module lacks what docs/client.md shows:\n{block}");
    }
    assert_eq!(blocks("rust").count(), 4);
}

#[test]
fn the_service_config_of_the_page_is_one() {
    let config = include_str!("client.json");
    assert_eq!(blocks("json").collect::<Vec<_>>(), [flat(config)]);
    config.parse::<ServiceConfig>().unwrap();
}
