//! One client for every kind of record, so that one table of tests holds for all.

use bytes::Bytes;
use campus_client::Channel;
use campus_proto::standard::{
    BatchGetRequest, CreateRequest, DeleteRequest, GetRequest, ImportRequest, ImportResponse, ListRequest,
    ListResponse, LookupRequest, LookupResponse, StreamRequest, UpdateRequest, WatchRequest, WatchResponse,
};
use prost::Message;
use tokio_stream::Stream;
use tonic::{Request, Status, Streaming, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

/// The fields that every kind of record has, with the same numbers.
#[derive(Clone, PartialEq, Message)]
pub struct Person {
    /// Resource name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Version.
    #[prost(string, tag = "2")]
    pub etag: String,
    /// Given name.
    #[prost(string, tag = "3")]
    pub given_name: String,
    /// Family name.
    #[prost(string, tag = "4")]
    pub family_name: String,
    /// Gender.
    #[prost(int32, tag = "5")]
    pub gender: i32,
    /// Date of birth.
    #[prost(string, tag = "6")]
    pub birth_date: String,
}

impl Person {
    /// The record, encoded.
    pub fn encoded(&self) -> Option<Bytes> {
        Some(self.encode_to_vec().into())
    }
}

/// A kind of record.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Full name of the service.
    pub service: &'static str,
    /// `Employee`.
    pub singular: &'static str,
    /// `Employees`.
    pub plural: &'static str,
    /// `employees/`.
    pub prefix: &'static str,
    /// Field of the record in requests.
    pub field: &'static str,
    /// Number of the field `email`.
    pub email: u32,
}

impl Kind {
    /// Employees.
    pub const EMPLOYEE: Self = Self {
        service: "campus.employee.v1.EmployeeService",
        singular: "Employee",
        plural: "Employees",
        prefix: "employees/",
        field: "employee",
        email: 8,
    };

    /// Students.
    pub const STUDENT: Self = Self {
        service: "campus.student.v1.StudentService",
        singular: "Student",
        plural: "Students",
        prefix: "students/",
        field: "student",
        email: 7,
    };

    /// The name of the record with an id.
    pub fn name(&self, id: impl std::fmt::Display) -> String {
        format!("{}{id}", self.prefix)
    }

    /// A good record; different for each number.
    pub fn person(&self, number: usize) -> Person {
        Person {
            name: self.name(number),
            given_name: format!("Given{number}"),
            family_name: format!("Family{}", number % 7),
            gender: 1 + (number % 2) as i32,
            birth_date: format!("19{:02}-03-0{}", 50 + number % 40, 1 + number % 9),
            ..Person::default()
        }
    }
}

/// A client of one service.
#[derive(Clone, Debug)]
pub struct Client {
    /// What it is a client of.
    pub kind: Kind,
    channel: Channel,
}

type Answer<T> = Result<T, Status>;

impl Client {
    /// A client on a connection.
    pub fn new(kind: Kind, channel: Channel) -> Self {
        Self { kind, channel }
    }

    fn path(&self, method: &str) -> PathAndQuery {
        format!("/{}/{method}", self.kind.service).parse().unwrap()
    }

    async fn ready(&self) -> Answer<Grpc<Channel>> {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }

    async fn unary<Q, A>(&self, method: &str, request: Q) -> Answer<A>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let reply = self.ready().await?.unary(Request::new(request), self.path(method), ProstCodec::default()).await?;
        Ok(reply.into_inner())
    }

    async fn server_stream<Q, A>(&self, method: &str, request: Q) -> Answer<Streaming<A>>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        let reply = grpc.server_streaming(Request::new(request), self.path(method), ProstCodec::default()).await?;
        Ok(reply.into_inner())
    }

    /// Create.
    pub async fn create(&self, request: CreateRequest) -> Answer<Person> {
        self.unary(&format!("Create{}", self.kind.singular), request).await
    }

    /// Create with an id and nothing else.
    pub async fn add(&self, id: &str, person: &Person) -> Answer<Person> {
        self.create(CreateRequest { record: person.encoded(), id: id.into(), ..CreateRequest::default() }).await
    }

    /// Get.
    pub async fn get(&self, name: impl Into<String>) -> Answer<Person> {
        self.get_with(GetRequest { name: name.into(), read_mask: None }).await
    }

    /// Get with everything a request can say.
    pub async fn get_with(&self, request: GetRequest) -> Answer<Person> {
        self.unary(&format!("Get{}", self.kind.singular), request).await
    }

    /// BatchGet.
    pub async fn batch_get(&self, request: BatchGetRequest) -> Answer<Vec<Person>> {
        let reply: ListResponse = self.unary(&format!("BatchGet{}", self.kind.plural), request).await?;
        Ok(people(&reply.records))
    }

    /// List.
    pub async fn list(&self, request: ListRequest) -> Answer<(Vec<Person>, String)> {
        let reply: ListResponse = self.unary(&format!("List{}", self.kind.plural), request).await?;
        Ok((people(&reply.records), reply.next_page_token))
    }

    /// The first record of the first page as it came, with its name.
    ///
    /// # Panics
    /// If there is none.
    pub async fn list_raw(&self) -> (String, Bytes) {
        let method = format!("List{}", self.kind.plural);
        let reply: ListResponse = self.unary(&method, ListRequest::default()).await.unwrap();
        let record = reply.records.first().cloned().unwrap();
        (Person::decode(record.clone()).unwrap().name, record)
    }

    /// Update.
    pub async fn update(&self, request: UpdateRequest) -> Answer<Person> {
        self.unary(&format!("Update{}", self.kind.singular), request).await
    }

    /// Delete.
    pub async fn delete(&self, request: DeleteRequest) -> Answer<()> {
        self.unary(&format!("Delete{}", self.kind.singular), request).await
    }

    /// Stream.
    pub async fn stream(&self, request: StreamRequest) -> Answer<Streaming<Person>> {
        self.server_stream(&format!("Stream{}", self.kind.plural), request).await
    }

    /// Watch.
    pub async fn watch(&self, request: WatchRequest) -> Answer<Streaming<WatchResponse>> {
        self.server_stream(&format!("Watch{}", self.kind.plural), request).await
    }

    /// Import.
    pub async fn import(&self, records: impl Stream<Item = ImportRequest> + Send + 'static) -> Answer<ImportResponse> {
        let path = self.path(&format!("Import{}", self.kind.plural));
        let mut grpc = self.ready().await?;
        Ok(grpc.client_streaming(Request::new(records), path, ProstCodec::default()).await?.into_inner())
    }

    /// Import of people.
    pub async fn import_all(&self, people: Vec<Person>) -> Answer<ImportResponse> {
        let requests = people.into_iter().map(|person| ImportRequest { record: person.encoded() });
        self.import(tokio_stream::iter(requests.collect::<Vec<_>>())).await
    }

    /// Lookup.
    pub async fn lookup(
        &self,
        names: impl Stream<Item = String> + Send + 'static,
    ) -> Answer<Streaming<LookupResponse>> {
        use tokio_stream::StreamExt;
        let path = self.path(&format!("Lookup{}", self.kind.plural));
        let requests = names.map(|name| LookupRequest { name });
        let mut grpc = self.ready().await?;
        Ok(grpc.streaming(Request::new(requests), path, ProstCodec::default()).await?.into_inner())
    }
}

fn people(records: &[Bytes]) -> Vec<Person> {
    records.iter().map(|record| Person::decode(record.clone()).unwrap()).collect()
}
