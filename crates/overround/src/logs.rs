//! Logs: to standard error, for people on a terminal and JSON otherwise.

use crate::config::{Config, LogFormat};
use crate::failure::Failure;
use overround_api::RequestNames;
use overround_store::NO_NEWS;
use serde_json::json;
use std::fmt;
use std::io::IsTerminal;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{self, Compact, FmtSpan, Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts logging. `quiet` commands show warnings only, unless the filter was set on purpose.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(config: &Config, quiet: bool) -> Result<(), Failure> {
    // That a statement of theirs takes long is no news of commands that examine or measure.
    let wanted = if quiet { "warn,sqlx=error" } else { config.log.as_str() };
    let wanted = if wanted.contains("sqlx") { wanted.to_owned() } else { format!("{wanted},{NO_NEWS}") };
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        Failure::usage(
            format!("the setting log is impossible: {error}"),
            "write it as `info`, or `info,sqlx=warn`; `overround config` says where it was set",
        )
    })?;
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Pretty => false,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(colours);
    // A second start in one process keeps the first one's format.
    let _ = match json {
        true => {
            let format = OfRequest { lines: json_lines(), style: Style::Json };
            builder.fmt_fields(JsonFields::new()).event_format(format).try_init()
        }
        false => {
            let format = OfRequest { lines: compact_lines(colours), style: Style::Compact };
            builder.event_format(format).try_init()
        }
    };
    Ok(())
}

fn json_lines() -> Format<Json> {
    format::format().with_ansi(false).json().flatten_event(true)
}

fn compact_lines(colours: bool) -> Format<Compact> {
    format::format().with_ansi(colours).compact()
}

#[derive(Debug, Clone, Copy)]
enum Style {
    Json,
    Compact,
}

/// Lines that also say which request was being handled, if one was.
struct OfRequest<F> {
    lines: F,
    style: Style,
}

impl<S, N, F> FormatEvent<S, N> for OfRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(request) = overround_api::request_names() else {
            return self.lines.format_event(context, to, event);
        };
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        let RequestNames { trace_id, method, route } = request;
        match self.style {
            Style::Json => {
                let names = json!({ "trace_id": *trace_id, "method": method, "route": route });
                let line = line.trim_end();
                // An object, into which the names go as its last member.
                let body = line.strip_suffix('}').unwrap_or(line);
                writeln!(to, r#"{body},"request":{names}}}"#)
            }
            Style::Compact => {
                writeln!(to, "{} trace_id={trace_id} method={method} route={route}", line.trim_end())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn read(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn names() -> RequestNames {
        RequestNames { trace_id: "4bf9".into(), method: "GET", route: "/v1/markets/{market_id}".into() }
    }

    /// What is logged within a request, and then outside of any.
    fn logged(style: Style) -> String {
        let lines = Lines::default();
        let to = lines.clone();
        let writer = move || to.clone();
        let builder = tracing_subscriber::fmt().with_writer(writer).with_ansi(false);
        let say = || {
            overround_api::in_request(names(), || tracing::warn!(limit = "{1}", "it is away"));
            tracing::warn!("it is {}", "back");
        };
        match style {
            Style::Json => {
                let format = OfRequest { lines: json_lines(), style };
                let builder = builder.fmt_fields(JsonFields::new()).event_format(format);
                tracing::subscriber::with_default(builder.finish(), say);
            }
            Style::Compact => {
                let format = OfRequest { lines: compact_lines(false), style };
                tracing::subscriber::with_default(builder.event_format(format).finish(), say);
            }
        }
        lines.read()
    }

    #[test]
    fn a_line_in_json_says_which_request_it_is_of() {
        let lines: Vec<Value> =
            logged(Style::Json).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [within, outside] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!((&within["message"], &within["limit"]), (&json!("it is away"), &json!("{1}")));
        let named = json!({ "trace_id": "4bf9", "method": "GET", "route": "/v1/markets/{market_id}" });
        assert_eq!(within["request"], named);
        assert_eq!((&outside["message"], outside.get("request")), (&json!("it is back"), None));
    }

    #[test]
    fn a_line_for_people_says_which_request_it_is_of() {
        let text = logged(Style::Compact);
        let (within, outside) = text.split_once('\n').unwrap();
        assert!(within.ends_with(" trace_id=4bf9 method=GET route=/v1/markets/{market_id}"), "{within}");
        assert!(outside.ends_with("it is back\n") && !outside.contains("trace_id"), "{outside}");
    }
}
