use super::*;

#[test]
fn histograms_add_up() {
    let times = Histogram::default();
    for micros in [50, 100, 101, 3_000, 20_000_000] {
        times.observe(Duration::from_micros(micros));
    }
    let mut page = Page::default();
    page.histogram("t_seconds", "Times", "", &times);
    let text = page.finish();
    for line in [
        "# TYPE t_seconds histogram",
        "t_seconds_bucket{le=\"0.0001\"} 2",
        "t_seconds_bucket{le=\"0.00025\"} 3",
        "t_seconds_bucket{le=\"0.005\"} 4",
        "t_seconds_bucket{le=\"10\"} 4",
        "t_seconds_bucket{le=\"+Inf\"} 5",
        "t_seconds_sum 20.003251",
        "t_seconds_count 5",
    ] {
        assert!(
            text.lines().any(|l| l == line),
            "`{line}` is not in\n{text}"
        );
    }
}

#[test]
fn a_method_has_its_own_lines() {
    let metrics = Metrics::default();
    metrics.called("eth_call", Some(Duration::from_millis(2)), false);
    metrics.called("eth_call", Some(Duration::from_millis(2)), true);
    metrics.called("unknown", None, true);
    let mut page = Page::default();
    calls(&mut page, &metrics);
    let text = page.finish();
    for line in [
        "rpc_failure_total{method=\"eth_call\"} 1",
        "rpc_duration_seconds_bucket{method=\"eth_call\",le=\"0.0025\"} 2",
        "rpc_duration_seconds_count{method=\"eth_call\"} 2",
        "rpc_duration_seconds_sum{method=\"eth_call\"} 0.004",
        "rpc_duration_seconds_count{method=\"unknown\"} 1",
    ] {
        assert!(
            text.lines().any(|l| l == line),
            "`{line}` is not in\n{text}"
        );
    }
}

#[test]
fn hostile_names_do_not_fill_the_memory() {
    let metrics = Metrics::default();
    for number in 0..2 * METHODS_MAX {
        let name: &'static str = format!("m{number}").leak();
        metrics.called(name, None, false);
    }
    assert!(metrics.calls.lock().len() <= METHODS_MAX + 1);
}
