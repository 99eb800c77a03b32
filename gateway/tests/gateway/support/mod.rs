//! Real services with a gateway, and a client of HTTP.

mod browser;
mod echo;
mod http;
mod open;

pub(crate) use browser::{Browser, Wire};
pub(crate) use echo::echo;
pub(crate) use http::{Answer, Client};
pub(crate) use open::Open;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use campus_gateway::{Backend, Gateway, RestConfig};
use campus_host::{Part, Settings};
use campus_schema::Schema;
use campus_testkit::Campus;

/// The services that tests run.
const PARTS: [Part; 1] = [Part::of::<campus_employee::Employees>()];

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Employees, with REST before them in the same process.
pub(crate) struct Rest {
    pub(crate) addr: SocketAddr,
    pub(crate) campus: Campus,
}

pub(crate) fn schema() -> Schema {
    Schema::from_descriptors(campus_proto::DESCRIPTORS).unwrap()
}

impl Rest {
    pub(crate) fn start() -> Self {
        Self::with(|_| ())
    }

    /// With other settings of REST.
    pub(crate) fn with(change: impl FnOnce(&mut RestConfig)) -> Self {
        Self::with_both(change, |_| ())
    }

    /// With other settings of the server.
    pub(crate) fn with_server(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with_both(|_| (), change)
    }

    fn with_both(change: impl FnOnce(&mut RestConfig), server: impl FnOnce(&mut Settings)) -> Self {
        let name = format!("in-process:gateway-test-{}", COUNT.fetch_add(1, Relaxed));
        let mut config = RestConfig::default();
        change(&mut config);
        let gateway = Gateway::new(schema(), &[Backend::new(&name).unwrap()], &config).unwrap();
        Self::started(gateway, |settings| {
            settings.server.listen.0.push(name.parse().unwrap());
            server(settings);
        })
    }

    /// With a gateway to other servers.
    pub(crate) fn of(gateway: Gateway) -> Self {
        Self::started(gateway, |_| ())
    }

    fn started(gateway: Gateway, change: impl FnOnce(&mut Settings)) -> Self {
        let campus = Campus::start_more(&PARTS, change, |app| app.web("127.0.0.1:0".parse().unwrap(), gateway));
        Self { addr: campus.web.unwrap(), campus }
    }

    /// A connection of its own.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.addr).await
    }
}

/// What a new employee needs.
pub(crate) const ADA: &str =
    r#"{"givenName": "Ada", "familyName": "Lovelace", "gender": "GENDER_FEMALE", "birthDate": "1815-12-10"}"#;
