//! The address book: one method of each pattern, on a person of its own for each worker.

use campus_client::Channel;
use campus_proto::personguide::{Adress, Person, PhoneNumber, person_guide_client::PersonGuideClient};
use futures_util::{TryStreamExt, stream};
use tonic::{Response, Status, Streaming};

use crate::tally::Tally;

/// Beyond the people of the examples.
const FIRST: i32 = 1_000_000;

/// A worker, without an end.
pub(crate) async fn work(channel: Channel, tally: Tally, worker: i32) {
    let mut client = PersonGuideClient::new(channel);
    let id = FIRST.saturating_add(worker);
    let phone = PhoneNumber { number: id.to_string(), ..Default::default() };
    let person = Person { id, name: "Load".into(), phones: vec![phone], ..Default::default() };
    let who = Person { id, ..Default::default() };
    loop {
        if tally.grpc("RecordPersons", client.record_persons(stream::iter([person.clone()]))).await.is_none() {
            continue;
        }
        tally.grpc("GetPhone", client.get_phone(who.clone())).await;
        tally.grpc("ListPersons", async { all(client.list_persons(Adress::default()).await?).await }).await;
        let asked = stream::iter([who.clone(), who.clone()]);
        tally.grpc("RoutePhones", async { all(client.route_phones(asked).await?).await }).await;
    }
}

/// The answer once its stream has ended well.
async fn all<T>(response: Response<Streaming<T>>) -> Result<Response<usize>, Status> {
    let (metadata, stream, extensions) = response.into_parts();
    let count = stream.try_fold(0, |count, _| async move { Ok(count + 1) }).await?;
    Ok(Response::from_parts(metadata, count, extensions))
}
