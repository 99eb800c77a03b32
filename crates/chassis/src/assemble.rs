//! What is served: the services given, those built in, and the shards that know each method.

use crate::{
    Health, ServerConfig, StartError, Tracer,
    call::{Admission, Buffers, Class, Limits, Method},
    config::{ByteSize, HumanDuration},
    health::{self, HealthService},
    metrics::{Labels, Shards, WebCounters, WebShards},
    reflection::{self, Described},
    serve::{Keepalive, Phase, Plan, Shard},
    service::{MethodInfo, Registered, contract},
    web::{self, Web},
};
use http::HeaderValue;
use prost::DecodeError;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;

const BUILT_IN: [&str; 3] = [health::SERVICE, reflection::V1, reflection::V1ALPHA];

/// Everything that is served, and what is known of it.
pub(crate) struct Services {
    services: Vec<Registered>,
    contract: HashMap<String, Vec<MethodInfo>>,
    pub(crate) health: Health,
    listed: Arc<[&'static str]>,
}

impl Services {
    /// The services given, with health and reflection.
    pub(crate) fn assemble(given: &[Registered], descriptors: &[Vec<u8>]) -> Result<Self, StartError> {
        let broken = |e: DecodeError| StartError::Descriptors(e.to_string());
        let mut sets = descriptors.to_vec();
        sets.push(health::descriptor().map_err(broken)?);
        let contract = contract(sets.iter().map(Vec::as_slice).chain(reflection::DESCRIPTORS)).map_err(broken)?;
        let names: Vec<&'static str> = given.iter().map(|service| service.name).collect();
        for (i, name) in names.iter().enumerate() {
            if names.iter().skip(i + 1).chain(&BUILT_IN).any(|other| other == name) {
                return Err(StartError::Twice(name));
            }
            if !contract.contains_key(*name) {
                return Err(StartError::Undescribed(name));
            }
        }
        let health = Health::new(names.clone().into());
        let listed: Arc<[&'static str]> = names.into_iter().chain(BUILT_IN).collect();
        let reflection = reflection::services(Described { names: Arc::clone(&listed), sets });
        let built_in = reflection.into_iter().chain([Registered::new(HealthService(health.clone()))]);
        let services = given.iter().cloned().chain(built_in).collect();
        Ok(Self { services, contract, health, listed })
    }

    fn methods(&self) -> impl Iterator<Item = (&Registered, &MethodInfo)> {
        self.services.iter().flat_map(|service| {
            self.contract.get(service.name).into_iter().flatten().map(move |method| (service, method))
        })
    }

    /// The shards, each with its own counters.
    pub(crate) fn shards(
        &self,
        config: &ServerConfig,
        plan: Plan,
        tracer: Tracer,
        web: Option<&Arc<dyn web::Erased>>,
    ) -> (Shards, Option<WebShards>, Vec<Arc<Shard>>) {
        let count = match config.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let label = |service: &str, method: &str, kind, class| {
            let (service, method) = (service.to_owned(), method.to_owned());
            Labels { service, method, kind, class }
        };
        let mut labels = vec![label("unknown", "unknown", "unary", Class::Unary)];
        let of_method = |(service, method): (&Registered, &MethodInfo)| {
            label(service.name, &method.name, method.kind(), class(service, method))
        };
        labels.extend(self.methods().map(of_method));
        let admission = Admission::new(config.max_unary_calls, config.max_stream_calls, config.max_web_requests);
        let figures = Shards::new(labels, count, admission, Buffers::new(config.max_buffered.0));
        let web_figures = web.map(|web| web_figures(web, count, &figures));
        let web_open = watch::Sender::new(0);
        let shard = |index| {
            let web = web.zip(web_figures.as_ref()).and_then(|(service, figures)| {
                let counters = Arc::clone(figures.counters.get(index)?);
                let desk = Some(figures.admission.web_desk(count));
                Some(Arc::new(Web {
                    service: service.for_event_loop(),
                    desk,
                    counters,
                    tracer,
                    max_body_pause: config.max_body_pause.get(),
                    served_by: served_by(config),
                }))
            });
            let web_traffic = web_figures.as_ref().and_then(|figures| figures.traffic.get(index).cloned());
            let web_traffic = web_traffic.unwrap_or_default();
            Arc::new(Shard {
                web,
                web_traffic,
                web_open: web_open.clone(),
                ..self.shard(&figures, index, config, plan, tracer)
            })
        };
        let shards = (0..count).map(shard).collect();
        (figures, web_figures, shards)
    }

    fn shard(&self, figures: &Shards, index: usize, config: &ServerConfig, plan: Plan, tracer: Tracer) -> Shard {
        let (limits, served_by) = (limits(config), served_by(config));
        let desks = Class::ALL.map(|class| (class, figures.admission.desk(class, figures.traffic.len())));
        let mut counters = figures.methods.get(index).into_iter().flatten().cloned();
        let mut method = |service: Option<(&Registered, &MethodInfo)>| {
            Arc::new(Method {
                service: service.map(|(service, _)| Arc::clone(&service.service)),
                service_name: service.map_or_else(|| "unknown".to_owned(), |(service, _)| service.name.to_owned()),
                name: service.map_or_else(|| "unknown".to_owned(), |(_, method)| method.name.clone()),
                client_streaming: service.is_some_and(|(_, method)| method.client_streaming),
                server_streaming: service.is_some_and(|(_, method)| method.server_streaming),
                class: service.map_or(Class::Unary, |(service, method)| class(service, method)),
                desk: service.and_then(|(service, method)| {
                    let class = class(service, method);
                    desks.iter().find(|(of, _)| *of == class).and_then(|(_, desk)| desk.clone())
                }),
                counters: counters.next().unwrap_or_default(),
                limits,
                tracer,
                served_by: served_by.clone(),
            })
        };
        let unknown = method(None);
        let named = self.methods().map(|(s, m)| (format!("/{}/{}", s.name, m.name), method(Some((s, m)))));
        Shard {
            methods: named.collect(),
            unknown,
            services: Arc::clone(&self.listed),
            traffic: figures.traffic.get(index).cloned().unwrap_or_default(),
            web: None,
            web_traffic: Arc::default(),
            web_open: watch::Sender::new(0),
            buffers: Arc::clone(&figures.buffers),
            phase: watch::Sender::new(Phase::Serve),
            plan,
            allow: config.allow.clone(),
        }
    }
}

fn web_figures(web: &Arc<dyn web::Erased>, shards: usize, figures: &Shards) -> WebShards {
    let routes = web.routes().into();
    WebShards {
        counters: (0..shards).map(|_| Arc::new(WebCounters::new(&routes))).collect(),
        traffic: (0..shards).map(|_| Arc::default()).collect(),
        admission: Arc::clone(&figures.admission),
        routes,
    }
}

fn class(service: &Registered, method: &MethodInfo) -> Class {
    match (BUILT_IN.contains(&service.name), method.client_streaming || method.server_streaming) {
        (true, _) => Class::System,
        (false, true) => Class::Stream,
        (false, false) => Class::Unary,
    }
}

/// What `x-served-by` says, made for one shard: what shards share, they would wait for.
fn served_by(config: &ServerConfig) -> Option<HeaderValue> {
    let of_environment = || ["POD_NAME", "HOSTNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name = config.name.clone().or_else(of_environment)?;
    HeaderValue::try_from(name).ok().filter(|name| !name.is_empty())
}

fn limits(config: &ServerConfig) -> Limits {
    Limits {
        message_in: config.max_message_in.saturating_u32(),
        message_out: config.max_message_out.map(ByteSize::saturating_u32),
        max_deadline: config.max_deadline.map(HumanDuration::get),
        default_deadline: config.default_deadline.map(HumanDuration::get),
        compress: config.compress_replies,
        compress_over: config.compress_over.saturating_u32(),
    }
}

/// The settings of a connection, once [`ServerConfig::check`] found them within what HTTP/2 allows.
pub(crate) fn plan(config: &ServerConfig) -> Plan {
    Plan {
        stream_window: config.stream_window.saturating_u32(),
        connection_window: config.connection_window.saturating_u32(),
        send_buffer: config.send_buffer.saturating_u32(),
        max_streams: config.max_streams,
        max_frame: config.max_frame.saturating_u32(),
        max_header_list: config.max_header_list.saturating_u32(),
        max_pending_resets: config.max_pending_resets,
        handshake_limit: config.handshake_limit.get(),
        first_call_limit: config.first_call_limit.get(),
        flush_limit: config.flush_limit.get(),
        max_age: config.max_connection_age.some(),
        age_grace: config.max_connection_age_grace.get(),
        max_idle: config.max_connection_idle.some(),
        keepalive: config
            .keepalive_interval
            .some()
            .map(|interval| Keepalive { interval, timeout: config.keepalive_timeout.get() }),
        min_ping_interval: config.min_ping_interval.some(),
        pings_without_calls: config.pings_without_calls,
    }
}
