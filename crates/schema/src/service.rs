//! Resources, services and methods, as their options describe them.

use crate::MessageType;

/// What `google.api.resource` says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// For example `campus/Employee`.
    pub type_name: &'static str,
    /// The first pattern of names, for example `employees/{employee}`.
    pub pattern: &'static str,
    /// For example `employees`.
    pub plural: &'static str,
    /// For example `employee`.
    pub singular: &'static str,
}

/// One service.
#[derive(Debug)]
pub struct Service {
    /// For example `campus.employee.v1.EmployeeService`.
    pub full_name: &'static str,
    /// Its methods, in the order of the proto file.
    pub methods: Vec<Method>,
}

impl Service {
    /// The method of a name such as `GetEmployee`.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|method| method.name == name)
    }
}

/// One method of a service.
#[derive(Debug)]
pub struct Method {
    /// For example `GetEmployee`.
    pub name: &'static str,
    /// Where gRPC finds it, for example `/campus.employee.v1.EmployeeService/GetEmployee`.
    pub path: &'static str,
    /// What it takes.
    pub input: MessageType,
    /// What it answers.
    pub output: MessageType,
    /// Whether it takes a stream.
    pub client_streaming: bool,
    /// Whether it answers with a stream.
    pub server_streaming: bool,
    /// Whether it only reads: its `idempotency_level` is `NO_SIDE_EFFECTS`, or one of its rules is a GET.
    pub only_reads: bool,
    /// What `google.api.http` says.
    pub http: Option<HttpRule>,
    /// What `google.api.method_signature` says: lists of fields separated by commas.
    pub signatures: Vec<&'static str>,
}

/// What `google.api.http` says of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// `GET`, `PUT`, `POST`, `DELETE`, `PATCH`, or the kind of a custom one.
    pub verb: &'static str,
    /// Path template, for example `/v1/{name=employees/*}`.
    pub path: &'static str,
    /// The field of the request that is the body, `*` for the whole request, empty for none.
    pub body: &'static str,
    /// The field of the reply that is the body, empty for the whole reply.
    pub response_body: &'static str,
    /// Further ways to reach the method; these have none themselves.
    pub additional: Vec<HttpRule>,
}
