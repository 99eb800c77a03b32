//! Lookups with DNS.

use std::{net::IpAddr, net::SocketAddr, pin::pin, time::Duration};

use futures_util::future::{Either, select};
use hickory_resolver::{
    Hosts, Resolver, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::{Query, ResponseCode},
        rr::{Name, Record, RecordType},
    },
};

use tokio::time::timeout;

use super::{Answer, ResolveError};
use crate::{Address, target::DnsName};

/// The name server where the machine names none (resolv.conf(5)).
const OF_THIS_MACHINE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// How long a name server is waited for before it, or another one, is asked again.
const TRY_LIMIT: Duration = Duration::from_secs(2);
/// How long the addresses of one version of IP are waited for when those of the other are there.
const GRACE: Duration = Duration::from_secs(1);
/// How long what stands in the file of hosts holds.
const HOSTS_TTL: Duration = Duration::from_secs(30);

impl DnsName {
    /// Looks it up once, with the settings that this machine has now.
    pub(super) async fn look_up(&self) -> Result<Answer, ResolveError> {
        let failed = |error: &dyn std::fmt::Display| ResolveError::Failed(format!("{}: {error}", self.host));
        let name = Name::from_str_relaxed(&self.host).map_err(|error| failed(&error))?;
        if self.server.is_none()
            && let Some(found) = in_hosts(&name)
        {
            return Ok(self.answer(found, HOSTS_TTL));
        }
        let resolver = resolver(self.server).map_err(|error| failed(&error))?;
        let of = |kind| resolver.lookup(name.clone(), kind);
        let found = both(of(RecordType::A), of(RecordType::AAAA)).await.map_err(|error| self.words(&error))?;
        let ttl = found.iter().map(|record| record.ttl).min().unwrap_or_default();
        let addresses = found.iter().filter_map(|record| record.data.ip_addr()).collect();
        Ok(self.answer(addresses, Duration::from_secs(ttl.into())))
    }

    fn answer(&self, found: Vec<IpAddr>, ttl: Duration) -> Answer {
        let address = |ip| Address::Tcp(SocketAddr::new(ip, self.port));
        Answer { addresses: found.into_iter().map(address).collect(), ttl }
    }

    fn words(&self, error: &NetError) -> ResolveError {
        let host = &self.host;
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => ResolveError::Empty(match none.response_code {
                ResponseCode::NXDomain => format!("{host}: there is no such name (NXDOMAIN)"),
                _ => format!("{host} has no address"),
            }),
            NetError::Dns(DnsError::ResponseCode(code)) => {
                ResolveError::Failed(format!("{host}: the name server answered {code}"))
            }
            NetError::Timeout => ResolveError::Failed(format!("{host}: no name server answered in time")),
            other => ResolveError::Failed(format!("{host}: no name server could be asked: {other}")),
        }
    }
}

/// The records of both versions of IP. Where there are some of one, the other is waited for a little longer and no more: some
/// name servers say nothing to a question after AAAA.
async fn both(
    one: impl Future<Output = Result<Lookup, NetError>>,
    other: impl Future<Output = Result<Lookup, NetError>>,
) -> Result<Vec<Record>, NetError> {
    let (one, other) = (pin!(one), pin!(other));
    let (first, rest) = match select(one, other).await {
        Either::Left((first, rest)) => (first, Either::Left(rest)),
        Either::Right((first, rest)) => (first, Either::Right(rest)),
    };
    let records = |lookup: Lookup| lookup.answers().to_vec();
    match first {
        Ok(first) => {
            let rest = timeout(GRACE, rest).await.ok().and_then(Result::ok).map(records).unwrap_or_default();
            Ok([records(first), rest].concat())
        }
        Err(error) => match (rest.await, &error) {
            (Ok(rest), _) => Ok(records(rest)),
            // That there is nothing of one version says nothing of the other.
            (Err(other), NetError::Dns(DnsError::NoRecordsFound(_))) => Err(other),
            (Err(_), _) => Err(error),
        },
    }
}

/// What this machine's file of hosts says. The file is small, and read anew each time.
fn in_hosts(name: &Name) -> Option<Vec<IpAddr>> {
    let hosts = Hosts::from_system().ok()?;
    let of = |kind| hosts.lookup_static_host(&Query::query(name.clone(), kind));
    let records = [of(RecordType::A), of(RecordType::AAAA)].into_iter().flatten();
    let ip = |record: &Record| record.data.ip_addr();
    let found: Vec<_> = records.flat_map(|lookup| lookup.answers().iter().filter_map(ip).collect::<Vec<_>>()).collect();
    (!found.is_empty()).then_some(found)
}

/// A resolver that remembers nothing: it is of one lookup.
fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let only = |server| ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let provider = TokioRuntimeProvider::default;
    let mut builder = match server {
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let server = NameServerConfig::new(server.ip(), true, connections.into());
            Resolver::builder_with_config(only(server), provider())
        }
        None => Resolver::builder_tokio().unwrap_or_else(|_| {
            Resolver::builder_with_config(only(NameServerConfig::udp_and_tcp(OF_THIS_MACHINE)), provider())
        }),
    };
    let options = builder.options_mut();
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = 0;
    options.timeout = options.timeout.min(TRY_LIMIT);
    builder.build()
}
