//! Log lines that say which call they are of.

use campus_call::Call;
use std::fmt::Write;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Adds the call that is being served to the lines of another format. Lines outside of calls stay as they are.
pub(super) struct Called<F> {
    inner: F,
    is_json: bool,
}

impl<F> Called<F> {
    /// Around a format of JSON objects.
    pub(super) fn json(inner: F) -> Self {
        Self { inner, is_json: true }
    }

    /// Around a format for people.
    pub(super) fn pretty(inner: F) -> Self {
        Self { inner, is_json: false }
    }
}

impl<S, N, F> FormatEvent<S, N> for Called<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        let Some(call) = campus_call::current() else { return self.inner.format_event(ctx, out, event) };
        let mut line = String::with_capacity(512);
        self.inner.format_event(ctx, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        match line.strip_suffix('}').filter(|_| self.is_json) {
            Some(line) => writeln!(out, "{line}{}}}", as_json(&call)),
            None => writeln!(out, "{line}{}", as_text(&call)),
        }
    }
}

fn as_json(call: &Call) -> String {
    let mut text = format!(r#","request_id":{}"#, serde_json::Value::from(call.request_id()));
    if let Some(trace) = call.trace() {
        let _ = write!(text, r#","trace_id":"{:032x}","span_id":"{:016x}""#, trace.trace_id, trace.span_id);
    }
    text
}

fn as_text(call: &Call) -> String {
    let mut text = format!(" request_id={}", call.request_id());
    if let Some(trace) = call.trace() {
        let _ = write!(text, " trace_id={:032x} span_id={:016x}", trace.trace_id, trace.span_id);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use campus_call::{Peer, Trace, Transport};
    use std::{io, sync::Arc, sync::Mutex};
    use tracing_subscriber::{
        fmt::{self, MakeWriter, format::JsonFields},
        prelude::*,
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// One line within a call, one outside.
    fn speak() {
        let trace = Trace { trace_id: 0xabc, span_id: 0xdef, sampled: false };
        let peer = Arc::new(Peer::of(Transport::InProcess));
        let call = Call::builder("a\"quote", peer).trace(Some(trace)).build();
        {
            let _entered = campus_call::enter(&call);
            tracing::info!(answer = 42, "within");
        }
        tracing::info!("outside");
    }

    #[test]
    fn a_line_of_a_call_carries_its_ids_and_other_lines_do_not() {
        let lines = Lines::default();
        let format = Called::json(fmt::format().json().flatten_event(true));
        let json = fmt::layer().with_writer(lines.clone()).fmt_fields(JsonFields::new()).event_format(format);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(json), speak);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&events[0]["message"], &events[0]["answer"]), (&"within".into(), &42.into()));
        assert_eq!(events[0]["request_id"], "a\"quote");
        assert_eq!(events[0]["trace_id"], "00000000000000000000000000000abc");
        assert_eq!(events[0]["span_id"], "0000000000000def");
        assert_eq!((events[1].get("request_id"), events[1].get("trace_id")), (None, None));
    }

    #[test]
    fn a_line_for_people_carries_them_too() {
        let lines = Lines::default();
        let pretty =
            fmt::layer().with_writer(lines.clone()).event_format(Called::pretty(fmt::format().with_ansi(false)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(pretty), speak);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let (within, outside) = text.trim_end().split_once('\n').unwrap();
        let ids = "request_id=a\"quote trace_id=00000000000000000000000000000abc span_id=0000000000000def";
        assert!(within.ends_with(ids) && within.contains("answer=42"), "{within}");
        assert!(outside.ends_with("outside"), "{outside}");
    }
}
