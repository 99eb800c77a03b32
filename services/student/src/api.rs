//! The student service: the generated trait on the standard methods, and how it is mounted.

use campus_host::{Opened, Opening, Service, StartError};
use campus_proto::{
    campus::student::v1::{
        BatchGetStudentsResponse, ImportStudentsResponse, ListStudentsResponse, LookupStudentsResponse, Student,
        WatchStudentsResponse,
        student_service_server::{StudentService, StudentServiceServer},
    },
    standard::{
        BatchGetRequest, CreateRequest, DeleteRequest, GetRequest, ImportRequest, ListRequest, LookupRequest,
        StreamRequest, UpdateRequest, WatchRequest,
    },
};
use campus_resource::{Api, Replies, Reply};
use tonic::{Request, Response, Status, Streaming};

use crate::rules::StudentRules;

/// `campus.student.v1.StudentService`.
pub struct Students(Api<Student>);

impl Service for Students {
    const NAME: &'static str = "student";

    async fn open(opening: Opening<'_>) -> Result<Opened, StartError> {
        // The chassis holds messages to their limit.
        let serve = |api| StudentServiceServer::new(Self(api)).max_decoding_message_size(usize::MAX);
        opening.standard::<StudentRules, _>(serve).await
    }
}

type Stream<T> = Result<Response<Replies<T>>, Status>;

#[tonic::async_trait]
impl StudentService for Students {
    type StreamStudentsStream = Replies<Student>;
    type WatchStudentsStream = Replies<WatchStudentsResponse>;
    type LookupStudentsStream = Replies<LookupStudentsResponse>;

    async fn create_student(&self, request: Request<CreateRequest>) -> Reply<Student> {
        self.0.create(request).await
    }

    async fn get_student(&self, request: Request<GetRequest>) -> Reply<Student> {
        self.0.get(request).await
    }

    async fn batch_get_students(&self, request: Request<BatchGetRequest>) -> Reply<BatchGetStudentsResponse> {
        self.0.batch_get(request).await
    }

    async fn list_students(&self, request: Request<ListRequest>) -> Reply<ListStudentsResponse> {
        self.0.list(request).await
    }

    async fn update_student(&self, request: Request<UpdateRequest>) -> Reply<Student> {
        self.0.update(request).await
    }

    async fn delete_student(&self, request: Request<DeleteRequest>) -> Reply<()> {
        self.0.delete(request).await
    }

    async fn stream_students(&self, request: Request<StreamRequest>) -> Stream<Student> {
        self.0.stream(request).await
    }

    async fn watch_students(&self, request: Request<WatchRequest>) -> Stream<WatchStudentsResponse> {
        self.0.watch(request).await
    }

    async fn import_students(&self, request: Request<Streaming<ImportRequest>>) -> Reply<ImportStudentsResponse> {
        self.0.import(request).await
    }

    async fn lookup_students(&self, request: Request<Streaming<LookupRequest>>) -> Stream<LookupStudentsResponse> {
        self.0.lookup(request).await
    }
}
