//! The employee service: the generated trait on the standard methods, and how it is mounted.

use campus_host::{Opened, Opening, Service, StartError};
use campus_proto::{
    campus::employee::v1::{
        BatchGetEmployeesResponse, Employee, ImportEmployeesResponse, ListEmployeesResponse, LookupEmployeesResponse,
        WatchEmployeesResponse,
        employee_service_server::{EmployeeService, EmployeeServiceServer},
    },
    standard::{
        BatchGetRequest, CreateRequest, DeleteRequest, GetRequest, ImportRequest, ListRequest, LookupRequest,
        StreamRequest, UpdateRequest, WatchRequest,
    },
};
use campus_resource::{Api, Replies, Reply};
use tonic::{Request, Response, Status, Streaming};

use crate::rules::EmployeeRules;

/// `campus.employee.v1.EmployeeService`.
pub struct Employees(Api<Employee>);

impl Service for Employees {
    const NAME: &'static str = "employee";

    async fn open(opening: Opening<'_>) -> Result<Opened, StartError> {
        // The chassis holds messages to their limit.
        let serve = |api| EmployeeServiceServer::new(Self(api)).max_decoding_message_size(usize::MAX);
        opening.standard::<EmployeeRules, _>(serve).await
    }
}

type Stream<T> = Result<Response<Replies<T>>, Status>;

#[tonic::async_trait]
impl EmployeeService for Employees {
    type StreamEmployeesStream = Replies<Employee>;
    type WatchEmployeesStream = Replies<WatchEmployeesResponse>;
    type LookupEmployeesStream = Replies<LookupEmployeesResponse>;

    async fn create_employee(&self, request: Request<CreateRequest>) -> Reply<Employee> {
        self.0.create(request).await
    }

    async fn get_employee(&self, request: Request<GetRequest>) -> Reply<Employee> {
        self.0.get(request).await
    }

    async fn batch_get_employees(&self, request: Request<BatchGetRequest>) -> Reply<BatchGetEmployeesResponse> {
        self.0.batch_get(request).await
    }

    async fn list_employees(&self, request: Request<ListRequest>) -> Reply<ListEmployeesResponse> {
        self.0.list(request).await
    }

    async fn update_employee(&self, request: Request<UpdateRequest>) -> Reply<Employee> {
        self.0.update(request).await
    }

    async fn delete_employee(&self, request: Request<DeleteRequest>) -> Reply<()> {
        self.0.delete(request).await
    }

    async fn stream_employees(&self, request: Request<StreamRequest>) -> Stream<Employee> {
        self.0.stream(request).await
    }

    async fn watch_employees(&self, request: Request<WatchRequest>) -> Stream<WatchEmployeesResponse> {
        self.0.watch(request).await
    }

    async fn import_employees(&self, request: Request<Streaming<ImportRequest>>) -> Reply<ImportEmployeesResponse> {
        self.0.import(request).await
    }

    async fn lookup_employees(&self, request: Request<Streaming<LookupRequest>>) -> Stream<LookupEmployeesResponse> {
        self.0.lookup(request).await
    }
}
