//! A collection in the terms of tonic: what a generated service trait is adapted to, one line a method.

use std::{marker::PhantomData, pin::Pin};

use bytes::Bytes;
use campus_proto::{
    Encoded,
    standard::{
        BatchGetRequest, CreateRequest, DeleteRequest, GetRequest, ImportRequest, ListRequest, LookupRequest,
        StreamRequest, UpdateRequest, WatchRequest,
    },
};
use futures_util::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status, Streaming};

use crate::{collection::Collection, error::Error};

/// What a unary method answers with.
pub type Reply<T> = Result<Response<Encoded<T>>, Status>;

/// What a streaming method answers with.
pub type Replies<T> = Pin<Box<dyn Stream<Item = Result<Encoded<T>, Status>> + Send>>;

/// The standard methods of records of type `R`.
///
/// The reply types of List, BatchGet, Watch, Import and Lookup are those of the service trait; all that is asked of them
/// is that their fields are numbered as in [`campus_proto::standard`].
pub struct Api<R> {
    collection: Collection,
    of: PhantomData<fn() -> R>,
}

impl<R: 'static> Api<R> {
    /// Serves a collection.
    pub fn new(collection: Collection) -> Self {
        Self { collection, of: PhantomData }
    }

    /// AIP-133.
    pub async fn create(&self, request: Request<CreateRequest>) -> Reply<R> {
        reply(self.collection.create(request.get_ref()).await)
    }

    /// AIP-131.
    pub async fn get(&self, request: Request<GetRequest>) -> Reply<R> {
        reply(self.collection.get(request.get_ref()).await)
    }

    /// AIP-231.
    pub async fn batch_get<T>(&self, request: Request<BatchGetRequest>) -> Reply<T> {
        reply(self.collection.batch_get(request.get_ref()).await)
    }

    /// AIP-132.
    pub async fn list<T>(&self, request: Request<ListRequest>) -> Reply<T> {
        reply(self.collection.list(request.get_ref()).await)
    }

    /// AIP-134.
    pub async fn update(&self, request: Request<UpdateRequest>) -> Reply<R> {
        reply(self.collection.update(request.get_ref()).await)
    }

    /// AIP-135.
    pub async fn delete(&self, request: Request<DeleteRequest>) -> Reply<()> {
        reply(self.collection.delete(request.get_ref()).await.map(|()| Bytes::new()))
    }

    /// Every record that matches, in key order.
    pub async fn stream(&self, request: Request<StreamRequest>) -> Result<Response<Replies<R>>, Status> {
        let records = self.collection.stream(request.get_ref())?;
        let records = records.flat_map(|chunk| {
            let (bodies, failed) = match chunk {
                Ok(bodies) => (bodies, None),
                Err(error) => (Vec::new(), Some(Err(Status::from(error)))),
            };
            stream::iter(bodies.into_iter().map(|body| Ok(Encoded::new(body))).chain(failed))
        });
        Ok(Response::new(records.boxed()))
    }

    /// Every change, in commit order.
    pub async fn watch<T: 'static>(&self, request: Request<WatchRequest>) -> Result<Response<Replies<T>>, Status> {
        let changes = self.collection.watch(request.get_ref()).await?;
        Ok(Response::new(changes.map(|change| change.map(|c| encode(&c)).map_err(Status::from)).boxed()))
    }

    /// Writes a stream of records.
    pub async fn import<T>(&self, request: Request<Streaming<ImportRequest>>) -> Reply<T> {
        let summary = self.collection.import::<_, Status>(request.into_inner()).await?;
        Ok(Response::new(encode(&summary)))
    }

    /// Answers names as they come.
    pub async fn lookup<T: 'static>(
        &self,
        request: Request<Streaming<LookupRequest>>,
    ) -> Result<Response<Replies<T>>, Status> {
        let collection = self.collection.clone();
        let answers = request.into_inner().then(move |name| {
            let collection = collection.clone();
            async move { Ok(encode(&collection.lookup(name?).await?)) }
        });
        Ok(Response::new(answers.boxed()))
    }
}

fn reply<T>(done: Result<Bytes, Error>) -> Reply<T> {
    done.map(|bytes| Response::new(Encoded::new(bytes))).map_err(Status::from)
}

fn encode<T>(message: &impl prost::Message) -> Encoded<T> {
    Encoded::new(message.encode_to_vec())
}
