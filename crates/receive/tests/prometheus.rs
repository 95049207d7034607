//! Expositions as client libraries write them, and as they should not.

use model::{MetricKind, MetricSeries, Timestamp};
use proptest::prelude::*;
use receive::Origin;
use receive::prometheus::{Format, parse};

const NOW: Timestamp = Timestamp::from_unix_ms(5);

fn origin() -> Origin {
    Origin { service: "shop".to_owned(), instance: Some("shop-1".to_owned()) }
}

fn line(series: &MetricSeries) -> String {
    let labels: Vec<_> = series
        .labels
        .iter()
        .filter(|(key, _)| *key != "instance")
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    let point = series.points[0];
    format!(
        "{}{{{}}} {:?} {}@{}",
        series.name,
        labels.join(","),
        series.kind,
        point.value,
        point.at.as_unix_ms()
    )
}

fn check(format: Format, text: &str, expect: &[&str]) {
    let got = parse(text.as_bytes(), format, &origin(), NOW).unwrap();
    assert!(got.iter().all(|s| s.service == "shop" && s.labels["instance"] == "shop-1"));
    assert_eq!(got.iter().map(line).collect::<Vec<_>>(), expect);
}

#[test]
fn the_example_of_the_format_page() {
    check(
        Format::Text,
        "# HELP http_requests_total The total number of HTTP requests.\n\
         # TYPE http_requests_total counter\n\
         http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n\
         http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000\n\
         # Escaping in label values:\n\
         msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9\n\
         metric_without_timestamp_and_labels 12.47\n\
         something_weird{problem=\"division by zero\"} +Inf -3982045\n\
         # TYPE rpc_duration_seconds summary\n\
         rpc_duration_seconds{quantile=\"0.01\"} 3102\n\
         rpc_duration_seconds_sum 1.7560473e+07\n\
         rpc_duration_seconds_count 2693\r\n",
        &[
            r#"http_requests_total{code="200",method="post"} Counter 1027@1395066363000"#,
            r#"http_requests_total{code="400",method="post"} Counter 3@1395066363000"#,
            r#"msdos_file_access_time_seconds{error="Cannot find file:\n\"FILE.TXT\"",path="C:\\DIR\\FILE.TXT"} Gauge 1458255915@5"#,
            "metric_without_timestamp_and_labels{} Gauge 12.47@5",
            r#"something_weird{problem="division by zero"} Gauge inf@-3982045"#,
            r#"rpc_duration_seconds{quantile="0.01"} Gauge 3102@5"#,
            "rpc_duration_seconds_sum{} Counter 17560473@5",
            "rpc_duration_seconds_count{} Counter 2693@5",
        ],
    );
}

#[test]
fn open_metrics_with_exemplars_created_and_seconds() {
    check(
        Format::OpenMetrics,
        "# TYPE foo counter\n# UNIT foo seconds\nfoo_total 17.0 1520879607.789 # {trace_id=\"x\"} 0.67\nfoo_created 1\n\
         # TYPE h histogram\nh_bucket{le=\"+Inf\",} 17 # {} 9.8\nh_count 17\nh_sum NaN\n# EOF\n",
        &[
            "foo_total{} Counter 17@1520879607789",
            r#"h_bucket{le="+Inf"} Counter 17@5"#,
            "h_count{} Counter 17@5",
            "h_sum{} Counter NaN@5",
        ],
    );
}

#[test]
fn names_in_quotes_and_labels_of_others() {
    check(
        Format::Text,
        "{\"http.requests\",\"a.b\"=\"c\"} 1\n\
         x{service=\"other\",instance=\"other-1\",none=\"\"} 2\n\
         jobs_total 3\n# TYPE y untyped\ny 4\n\t\n z{a = \"\\q\" , } 5 \n",
        &[
            r#"http.requests{a.b="c"} Gauge 1@5"#,
            r#"x{exported_instance="other-1",exported_service="other"} Gauge 2@5"#,
            "jobs_total{} Counter 3@5",
            "y{} Gauge 4@5",
            r#"z{a="\\q"} Gauge 5@5"#,
        ],
    );
}

#[test]
fn a_wrong_line_is_refused_with_its_number() {
    let refused = |text: &str| {
        let error = parse(text.as_bytes(), Format::Text, &origin(), NOW).unwrap_err();
        (error.at, error.reason)
    };
    let at = |text: &str, expect: &str| assert_eq!(refused(text).0, expect, "{text:?}");
    at("ok 1\nbad{a=\"x} 1\n", "line 2");
    at("bad", "line 1");
    at("bad{a=\"b\"}", "line 1");
    at("bad{a=\"b\" c=\"d\"} 1", "line 1");
    at("bad{a=\"1\",a=\"2\"} 1", "line 1");
    at("bad 1 2 3", "line 1");
    at("bad one", "line 1");
    at("9bad 1", "line 1");
    at("{} 1", "line 1");
    at("\n\n# TYPE x strange\n", "line 3");
    at("bad{__name__=\"x\"} 1", "line 1");
    assert_eq!(parse(b"a 1\n\xff", Format::Text, &origin(), NOW).unwrap_err().at, "byte 4");
    assert_eq!(parse(b"# EOF\nx 1", Format::OpenMetrics, &origin(), NOW).unwrap_err().at, "line 2");
    assert!(refused("<html><body>login</body></html>").1.contains("metric name"));
    let many: String = (0..70).map(|i| format!("l{i}=\"x\",")).collect();
    assert_eq!(refused(&format!("x{{{many}}} 1")).1, "more than 64 labels");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        name in "[a-z_:][a-z0-9_:]{0,8}x",
        labels in prop::collection::btree_map("[a-hj-z][a-z0-9_]{0,5}x", "(\\PC|[\"\\\\\n]){1,12}", 0..4),
        value in prop::num::f64::ANY,
        ms in any::<i64>(),
    ) {
        let inside: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escaped(v))).collect();
        // The newline that ends the line is the only one: those in values are escaped.
        let text = format!("{name}{{{}}} {value} {ms}\n", inside.join(","));
        let got = parse(text.as_bytes(), Format::Text, &Origin::default(), NOW).unwrap();
        prop_assert_eq!(got.len(), 1);
        prop_assert_eq!(&got[0].name, &name);
        prop_assert_eq!(&got[0].labels, &labels);
        prop_assert_eq!(got[0].points[0].at.as_unix_ms(), ms);
        let back = got[0].points[0].value;
        prop_assert!(back == value || (back.is_nan() && value.is_nan()));
        prop_assert_eq!(got[0].kind, MetricKind::Gauge);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "(\\PC|[{}=\",#\\\\ \n]|# TYPE |# EOF){0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for format in [Format::Text, Format::OpenMetrics] {
            let _ = parse(text.as_bytes(), format, &origin(), NOW);
            let _ = parse(&bytes, format, &origin(), NOW);
        }
    }
}
