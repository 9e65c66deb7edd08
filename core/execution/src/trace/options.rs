//! The options of `debug_trace*`, as geth reads them.

use super::{
    TraceError,
    prestate::Prestate,
    struct_log::{StructLogOptions, StructLogger},
    tracer::Tracer,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use alloy_rpc_types_trace::geth::{CallConfig, FlatCallConfig};
use revm_inspectors::tracing::{FourByteInspector, TracingInspector, TracingInspectorConfig};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// Tracers at once in one `muxTracer`.
const MUX_TRACERS_MAX: usize = 8;

/// Options of a trace. Unknown ones are ignored, as everywhere.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TraceOptions {
    /// Name of the tracer; none is the struct logger.
    pub tracer: Option<String>,
    /// The tracer's own options.
    pub tracer_config: Option<Value>,
    /// Longest duration, in Go's notation (`5s`, `1m30s`, `500ms`).
    pub timeout: Option<String>,
    /// Blocks that geth may execute again for a state that it lacks. Means nothing here.
    pub reexec: Option<u64>,
    /// Struct logger: log the memory.
    pub enable_memory: Option<bool>,
    /// Struct logger: the older way of asking for no memory.
    pub disable_memory: Option<bool>,
    /// Struct logger: leave the stack out.
    pub disable_stack: Option<bool>,
    /// Struct logger: leave the storage out.
    pub disable_storage: Option<bool>,
    /// Struct logger: log the data that the last call returned.
    pub enable_return_data: Option<bool>,
    /// Struct logger: the older way of asking for no return data.
    pub disable_return_data: Option<bool>,
    /// Struct logger: stop logging after so many bytes; zero is no limit.
    pub limit: Option<u64>,
}

impl TraceOptions {
    /// The duration that `timeout` asks for, in milliseconds.
    pub fn timeout_ms(&self) -> Result<Option<u64>, TraceError> {
        let Some(text) = &self.timeout else {
            return Ok(None);
        };
        let ms = go_duration_ms(text).ok_or_else(|| {
            TraceError::Options(format!(
                "timeout {text:?} is not a duration like 5s or 500ms"
            ))
        })?;
        Ok(Some(ms))
    }

    /// A fresh tracer. Fails where the options name none that exists here.
    pub(super) fn tracer(&self) -> Result<Tracer, TraceError> {
        match &self.tracer {
            None => Ok(Tracer::StructLog(StructLogger::new(self.struct_log()))),
            Some(name) => named(name, self.tracer_config.as_ref(), true),
        }
    }

    fn struct_log(&self) -> StructLogOptions {
        let or_older = |on: Option<bool>, off: Option<bool>| on.unwrap_or(off == Some(false));
        StructLogOptions {
            memory: or_older(self.enable_memory, self.disable_memory),
            stack: self.disable_stack != Some(true),
            storage: self.disable_storage != Some(true),
            return_data: or_older(self.enable_return_data, self.disable_return_data),
            limit: self.limit.filter(|limit| *limit > 0),
        }
    }
}

fn named(name: &str, config: Option<&Value>, outermost: bool) -> Result<Tracer, TraceError> {
    Ok(match name {
        "callTracer" => {
            let config: CallConfig = parse(name, config)?;
            let inspector = TracingInspectorConfig::from_geth_call_config(&config);
            Tracer::Calls(TracingInspector::new(inspector), config)
        }
        "flatCallTracer" => {
            let config: FlatCallConfig = parse(name, config)?;
            let inspector = TracingInspectorConfig::from_flat_call_config(&config);
            Tracer::FlatCalls(TracingInspector::new(inspector))
        }
        "prestateTracer" => Tracer::Prestate(parse::<Prestate>(name, config)?.checked()?),
        "4byteTracer" => Tracer::FourByte(FourByteInspector::default()),
        "noopTracer" => Tracer::Noop,
        "muxTracer" if outermost => {
            let parts: BTreeMap<String, Value> = parse(name, config)?;
            if parts.len() > MUX_TRACERS_MAX {
                return Err(TraceError::Options(format!(
                    "muxTracer takes at most {MUX_TRACERS_MAX} tracers"
                )));
            }
            let parts = parts
                .iter()
                .map(|(name, config)| Ok((name.clone(), named(name, Some(config), false)?)))
                .collect::<Result<Vec<_>, TraceError>>()?;
            Tracer::Mux(parts)
        }
        "muxTracer" => {
            return Err(TraceError::Options(
                "muxTracer cannot hold a muxTracer".to_string(),
            ));
        }
        other => {
            let name: String = other.chars().take(40).collect();
            return Err(TraceError::Options(format!(
                "tracer {name:?} is not known here (and JavaScript is not run): use callTracer, \
                 prestateTracer, 4byteTracer, flatCallTracer, muxTracer, noopTracer or none"
            )));
        }
    })
}

fn parse<T: DeserializeOwned + Default>(
    name: &str,
    config: Option<&Value>,
) -> Result<T, TraceError> {
    match config {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|e| TraceError::Options(format!("tracerConfig of {name} is malformed: {e}"))),
    }
}

/// Milliseconds of a duration like Go prints it: numbers with units, one after the other.
fn go_duration_ms(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .filter(|length| *length > 0)?;
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let ms = match unit {
            "ns" => 1e-6,
            "us" | "µs" | "μs" => 1e-3,
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 60e3,
            "h" => 3_600e3,
            _ => return None,
        };
        total += number * ms;
        rest = after;
    }
    // Casting saturates; nothing here is below zero.
    Some(total as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(go_duration_ms("5s"), Some(5_000));
        assert_eq!(go_duration_ms("1m30s"), Some(90_000));
        assert_eq!(go_duration_ms("1.5h"), Some(5_400_000));
        assert_eq!(go_duration_ms("250ms"), Some(250));
        assert_eq!(go_duration_ms("999us"), Some(0));
        for bad in ["", "5", "s", "5 s", "-1s", "1..s", "5x", "é", "1é"] {
            assert_eq!(go_duration_ms(bad), None, "{bad}");
        }
        assert_eq!(go_duration_ms(&"9".repeat(400)), None);
        assert_eq!(
            go_duration_ms(&format!("{}h", "9".repeat(60))),
            Some(u64::MAX)
        );
    }

    #[test]
    fn unknown_tracers_are_named() {
        let of = |json: &str| serde_json::from_str::<TraceOptions>(json).unwrap().tracer();
        assert!(of("{}").is_ok());
        assert!(
            of(r#"{"tracer":"callTracer","tracerConfig":{"withLog":true},"reexec":128}"#).is_ok()
        );
        assert!(
            of(r#"{"tracer":"muxTracer","tracerConfig":{"callTracer":{},"noopTracer":null}}"#)
                .is_ok()
        );
        for bad in [
            r#"{"tracer":"{result: function() {}}"}"#,
            r#"{"tracer":""}"#,
            r#"{"tracer":"callTracer","tracerConfig":{"withLog":"yes"}}"#,
            r#"{"tracer":"callTracer","tracerConfig":7}"#,
            r#"{"tracer":"muxTracer","tracerConfig":{"muxTracer":{}}}"#,
            r#"{"tracer":"prestateTracer","tracerConfig":{"diffMode":true,"includeEmpty":true}}"#,
        ] {
            assert!(matches!(of(bad), Err(TraceError::Options(_))), "{bad}");
        }
    }
}
