//! How log lines look, by op-service's flags: lines for people, or fields for programs.
//!
//! Lines for programs begin with `t`, `lvl`, `msg` and `target`, the names that tools for op-node and
//! geth look for; the event's own fields follow in their order.

use clap::{Args, ValueEnum};
use std::{fmt, io::IsTerminal};
use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// Flags about the look of logs.
#[derive(Args)]
pub(crate) struct LookArgs {
    /// How: `text` and `terminal` for people (`bare` without times), `logfmt` and `json` for programs.
    #[arg(long = "log.format", value_enum, default_value_t = Format::Text, global = true)]
    pub(crate) format: Format,
    /// Colour text even if standard error is no terminal.
    #[arg(long = "log.color", global = true)]
    pub(crate) color: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Terminal,
    /// A line without times, for systems that add their own.
    Bare,
    Logfmt,
    /// The same: times have their microseconds in any case.
    Logfmtms,
    Json,
    /// The same: times have their microseconds in any case.
    Jsonms,
}

/// Starts logging to standard error.
pub(crate) fn start(filter: EnvFilter, look: &LookArgs) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(true)
        .with_ansi(look.color || std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match look.format {
        Format::Text | Format::Terminal => builder.init(),
        Format::Bare => builder.without_time().init(),
        Format::Logfmt | Format::Logfmtms => builder.event_format(ForPrograms::Logfmt).init(),
        Format::Json | Format::Jsonms => builder.event_format(ForPrograms::Json).init(),
    }
}

/// Lines that programs read.
#[derive(Clone, Copy)]
enum ForPrograms {
    Logfmt,
    Json,
}

/// The value of a field as it is written.
enum Value {
    /// A number or a truth value.
    Plain(String),
    Text(String),
}

/// The fields of one event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Plain(text) | Value::Text(text)) => self.message = text,
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::Text(value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON knows no other numbers.
        let plain = value.is_finite();
        let text = value.to_string();
        self.add(
            field,
            if plain {
                Value::Plain(text)
            } else {
                Value::Text(text)
            },
        );
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// A text within double quotes, its special characters escaped.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text as a value of logfmt: in quotes if it could be taken for more than one.
fn bare_or_quoted(text: &str) -> String {
    let bare = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(bare) {
        text.into()
    } else {
        quoted(text)
    }
}

impl ForPrograms {
    fn line(self, time: String, event: &Event<'_>) -> String {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let first = [
            ("t", Value::Text(time)),
            ("lvl", Value::Text(level(*metadata.level()).into())),
            ("msg", Value::Text(fields.message)),
            ("target", Value::Text(metadata.target().into())),
        ];
        let all = first.into_iter().chain(fields.others);
        let written = all.map(|(name, value)| match (self, value) {
            (Self::Logfmt, Value::Plain(value)) => format!("{name}={value}"),
            (Self::Logfmt, Value::Text(text)) => format!("{name}={}", bare_or_quoted(&text)),
            (Self::Json, Value::Plain(value)) => format!("{}:{value}", quoted(name)),
            (Self::Json, Value::Text(text)) => format!("{}:{}", quoted(name), quoted(&text)),
        });
        let written: Vec<String> = written.collect();
        match self {
            Self::Logfmt => written.join(" "),
            Self::Json => format!("{{{}}}", written.join(",")),
        }
    }
}

impl<S, N> FormatEvent<S, N> for ForPrograms
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        writer.write_str(&self.line(time, event))?;
        writer.write_char('\n')
    }
}
