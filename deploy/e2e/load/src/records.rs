//! Employees and students: each record is created, read, changed, read, listed and deleted.

use bytes::Bytes;
use campus_proto::campus::{
    employee::v1::{
        CreateEmployeeRequest, DeleteEmployeeRequest, Employee, GetEmployeeRequest, ListEmployeesRequest,
        UpdateEmployeeRequest, employee_service_client::EmployeeServiceClient,
    },
    student::v1::{
        CreateStudentRequest, DeleteStudentRequest, GetStudentRequest, ListStudentsRequest, Student,
        UpdateStudentRequest, student_service_client::StudentServiceClient,
    },
};
use hyper::body::Body as HttpBody;
use prost_types::FieldMask;
use tonic::{body::Body, client::GrpcService, codegen::StdError};
use uuid::Uuid;

use crate::tally::Tally;

macro_rules! worker {
    ($(#[$doc:meta])* $work:ident, $client:ident, $record:ident, $field:ident, $id:ident,
     $create:ident $Create:ident, $get:ident $Get:ident, $update:ident $Update:ident, $list:ident $List:ident,
     $delete:ident $Delete:ident) => {
        $(#[$doc])*
        pub(crate) async fn $work<C>(channel: C, tally: Tally)
        where
            C: GrpcService<Body, ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static>,
            C::Error: Into<StdError>,
        {
            let mut client = $client::new(channel);
            loop {
                let $id = format!("load-{}", Uuid::new_v4());
                let name = format!("{}/{}", stringify!($work), $id);
                let person = |given_name: &str| {
                    Some($record { given_name: given_name.into(), family_name: "Load".into(), ..Default::default() })
                };
                let request = $Create { $field: person("One"), $id, request_id: Uuid::new_v4().into() };
                if tally.grpc("Create", client.$create(request)).await.is_none() {
                    continue;
                }
                let request = $Get { name: name.clone(), ..Default::default() };
                tally.grpc("Get", client.$get(request.clone())).await;
                let $field = person("Two").map(|person| $record { name: name.clone(), ..person });
                let mask = Some(FieldMask { paths: vec!["given_name".into()] });
                tally.grpc("Update", client.$update($Update { $field, update_mask: mask, ..Default::default() })).await;
                tally.grpc("Get", client.$get(request)).await;
                tally.grpc("List", client.$list($List { page_size: 10, ..Default::default() })).await;
                // A delete that failed may have been done.
                tally.grpc("Delete", client.$delete($Delete { name, allow_missing: true, ..Default::default() })).await;
            }
        }
    };
}

worker!(
    /// A worker for employees, without an end.
    employees, EmployeeServiceClient, Employee, employee, employee_id, create_employee CreateEmployeeRequest,
    get_employee GetEmployeeRequest, update_employee UpdateEmployeeRequest, list_employees ListEmployeesRequest,
    delete_employee DeleteEmployeeRequest
);
worker!(
    /// A worker for students, without an end.
    students, StudentServiceClient, Student, student, student_id, create_student CreateStudentRequest,
    get_student GetStudentRequest, update_student UpdateStudentRequest, list_students ListStudentsRequest,
    delete_student DeleteStudentRequest
);
