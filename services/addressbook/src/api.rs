//! The address book: the generated trait on the book, and how it is opened.

use std::time::Duration;

use campus_host::{Flag, Opened, Opening, Service, Settings, StartError};
use campus_proto::{
    DESCRIPTORS, Encoded, Sent,
    personguide::{
        Adress, Person, PhoneNumber,
        person_guide_server::{PersonGuide, PersonGuideServer},
    },
};
use campus_resource::{Error, Replies, Reply};
use campus_schema::{MessageType, Schema, SchemaError};
use futures_util::{StreamExt, TryStreamExt, stream};
use prost::Name;
use tokio::{sync::watch, time::timeout_at};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    book::Book,
    load,
    record::{Recording, address_book},
};

/// Between two attempts to take over the people of a file.
const PAUSE: Duration = Duration::from_millis(500);

async fn add(people: &[Person], book: &Book) -> Result<(), Error> {
    let added = book.add(people).await?;
    tracing::info!(added, known = people.len() - added, "loaded people");
    Ok(())
}

/// Tries until the people are in the book, and says what became of it last.
async fn keep_adding(people: Vec<Person>, book: Book, tell: watch::Sender<Result<(), String>>) {
    loop {
        let added = add(&people, &book).await;
        let over = matches!(added, Ok(()) | Err(Error::Stopping));
        drop(tell.send_replace(added.map_err(|error| error.to_string())));
        if over {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// `personguide.PersonGuide`.
pub struct AddressBook {
    book: Book,
    person: MessageType,
}

impl Service for AddressBook {
    const NAME: &'static str = "addressbook";

    const FLAGS: &'static [Flag] = &[Flag {
        name: "load",
        value: "FILE",
        setting: "addressbook.load",
        help: "JSON file of people, of whom those that the book does not have are added",
    }];

    fn check(settings: &Settings) -> Result<(), StartError> {
        let Some(path) = &settings.addressbook.load else { return Ok(()) };
        load::people(&Schema::from_descriptors(DESCRIPTORS)?, path).map(drop)
    }

    async fn open(opening: Opening<'_>) -> Result<Opened, StartError> {
        let file = opening.settings.addressbook.load.as_ref();
        let people = file.map(|path| load::people(opening.schema, path)).transpose()?;
        let store = opening.store(Book::table(Self::NAME)).await?;
        let book = Book::new(store.clone());
        let person = opening.schema.message(&Person::full_name());
        let person = person.ok_or_else(|| SchemaError::Unreadable("it has no Person".to_owned()))?;
        // The chassis holds messages to their limit.
        let server = PersonGuideServer::new(Self { book: book.clone(), person }).max_decoding_message_size(usize::MAX);
        let opened = Opened::new(store, server);
        let Some(people) = people else { return Ok(opened) };
        match timeout_at(opening.until, add(&people, &book)).await {
            Ok(Ok(())) => Ok(opened),
            // A database that is not there yet, or many people: not ready until they are in it.
            Ok(Err(Error::Unavailable { .. })) | Err(_) => {
                let (tell, state) = watch::channel(Err("people are being loaded".to_owned()));
                tokio::spawn(keep_adding(people, book, tell));
                Ok(opened.ready_when("addressbook.load", move || std::future::ready(state.borrow().clone())))
            }
            Ok(Err(error)) => Err(error.into()),
        }
    }
}

#[tonic::async_trait]
impl PersonGuide for AddressBook {
    type ListPersonsStream = Replies<Person>;
    type RoutePhonesStream = Replies<PhoneNumber>;

    async fn get_phone(&self, request: Request<Person>) -> Reply<PhoneNumber> {
        Ok(Response::new(Encoded::new(self.book.phone(request.get_ref().id).await?)))
    }

    async fn list_persons(&self, _: Request<Adress>) -> Result<Response<Replies<Person>>, Status> {
        let chunks = stream::try_unfold(self.book.everybody(), async |mut scan| {
            let rows = scan.next().await.map_err(Error::from)?;
            Ok::<_, Status>(rows.map(|rows| (rows.iter().map(|row| row.body).collect(), scan)))
        });
        Ok(Response::new(each(chunks)))
    }

    async fn record_persons(
        &self,
        request: Request<Streaming<Sent<Person>>>,
    ) -> Reply<campus_proto::personguide::AddressBook> {
        let (mut people, mut recording) = (request.into_inner(), Recording::new(self.person));
        while let Some(person) = people.message().await? {
            recording.add(&person)?;
        }
        let people = recording.stamped();
        self.book.replace(&people).await?;
        Ok(Response::new(Encoded::new(address_book(&people))))
    }

    async fn route_phones(
        &self,
        request: Request<Streaming<Person>>,
    ) -> Result<Response<Replies<PhoneNumber>>, Status> {
        let book = self.book.clone();
        let phones = request.into_inner().then(move |person| {
            let book = book.clone();
            async move { Ok(book.phones(person?.id).await?) }
        });
        Ok(Response::new(each(phones)))
    }
}

/// The messages of a stream of many at a time, one by one.
fn each<T: 'static>(
    chunks: impl futures_util::Stream<Item = Result<Vec<bytes::Bytes>, Status>> + Send + 'static,
) -> Replies<T> {
    let each = |chunk: Vec<bytes::Bytes>| stream::iter(chunk.into_iter().map(|message| Ok(Encoded::new(message))));
    chunks.map_ok(each).try_flatten().boxed()
}
