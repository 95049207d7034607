//! OTLP requests as exporters send them, in both encodings, and as they should not be.

use model::{LogLevel, Signal, SpanKind, Timestamp};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message;
use receive::otlp::{Encoding, Export, receive, refuse, respond};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_252_200_000);

fn json(export: Export, body: &str) -> receive::Received {
    receive(export, Encoding::Json, body.as_bytes(), NOW).unwrap()
}

/// Series as `service name{labels} kind value@ms`, one a line.
fn series(received: &receive::Received) -> Vec<String> {
    let line = |signal: &Signal| {
        let Signal::Metric(m) = signal else { panic!("not a metric: {signal:?}") };
        let labels: Vec<_> = m.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let points: Vec<_> = m.points.iter().map(|p| format!("{}@{}", p.value, p.at.as_unix_ms())).collect();
        format!("{} {}{{{}}} {:?} {}", m.service, m.name, labels.join(","), m.kind, points.join(" "))
    };
    received.signals.iter().map(line).collect()
}

fn metric_request(metric: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
            {{"key":"service.name","value":{{"stringValue":"shop"}}}},
            {{"key":"service.instance.id","value":{{"stringValue":"shop-1"}}}}]}},
            "scopeMetrics":[{{"scope":{{"name":"x"}},"metrics":[{metric}]}}]}}]}}"#
    )
}

#[test]
fn a_gauge_takes_integers_as_text_and_as_numbers() {
    let received = json(
        Export::Metrics,
        &metric_request(
            r#"{"name":"queue_depth","gauge":{"dataPoints":[
                {"timeUnixNano":"1700000000000000000","asInt":"7","attributes":[{"key":"q","value":{"intValue":3}}]},
                {"timeUnixNano":1700000001000000000,"asInt":8,"attributes":[{"key":"q","value":{"intValue":"3"}}]},
                {"asDouble":"NaN"}]}}"#,
        ),
    );
    assert_eq!(
        series(&received),
        [
            "shop queue_depth{instance=shop-1,q=3} Gauge 7@1700000000000 8@1700000001000",
            "shop queue_depth{instance=shop-1} Gauge NaN@1795252200000",
        ]
    );
}

#[test]
fn sums_are_counters_when_they_only_grow_and_deltas_get_their_own_name() {
    let sum = |temporality: &str, monotonic: bool| {
        let received = json(
            Export::Metrics,
            &metric_request(&format!(
                r#"{{"name":"jobs","sum":{{"aggregationTemporality":{temporality},"isMonotonic":{monotonic},
                    "dataPoints":[{{"timeUnixNano":"1000000","asDouble":2.5}}]}}}}"#
            )),
        );
        (series(&received), received.rejected.to_string())
    };
    assert_eq!(sum("2", true).0, ["shop jobs{instance=shop-1} Counter 2.5@1"]);
    assert_eq!(sum("2", false).0, ["shop jobs{instance=shop-1} Gauge 2.5@1"]);
    assert_eq!(sum("1", true).0, ["shop jobs_delta{instance=shop-1} Gauge 2.5@1"]);
    assert_eq!(
        sum("\"AGGREGATION_TEMPORALITY_CUMULATIVE\"", true).0,
        ["shop jobs{instance=shop-1} Counter 2.5@1"]
    );
    let (none, reason) = sum("0", true);
    assert!(none.is_empty());
    assert!(reason.contains("aggregationTemporality"), "{reason}");
}

#[test]
fn a_histogram_becomes_count_sum_and_rising_buckets() {
    let received = json(
        Export::Metrics,
        &metric_request(
            r#"{"name":"d","histogram":{"aggregationTemporality":2,"dataPoints":[
                {"timeUnixNano":"1000000","count":"6","sum":1.5,"bucketCounts":["1","2",3],"explicitBounds":[0.1,1]},
                {"timeUnixNano":"1000000","count":"6","bucketCounts":["1"],"explicitBounds":[0.1,1]}]}}"#,
        ),
    );
    assert_eq!(
        series(&received),
        [
            "shop d_count{instance=shop-1} Counter 6@1",
            "shop d_sum{instance=shop-1} Counter 1.5@1",
            "shop d_bucket{instance=shop-1,le=0.1} Counter 1@1",
            "shop d_bucket{instance=shop-1,le=1} Counter 3@1",
            "shop d_bucket{instance=shop-1,le=+Inf} Counter 6@1",
        ]
    );
    assert_eq!(received.rejected.count(), 1, "buckets that do not fit their bounds");
}

#[test]
fn a_summary_keeps_its_quantiles_and_a_stale_point_is_dropped() {
    let received = json(
        Export::Metrics,
        &metric_request(
            r#"{"name":"s","summary":{"dataPoints":[{"timeUnixNano":"1000000","count":4,"sum":2,
                "quantileValues":[{"quantile":0.5,"value":0.25}]},{"flags":1,"count":0}]}}"#,
        ),
    );
    assert_eq!(
        series(&received),
        [
            "shop s_count{instance=shop-1} Counter 4@1",
            "shop s_sum{instance=shop-1} Counter 2@1",
            "shop s{instance=shop-1,quantile=0.5} Gauge 0.25@1",
        ]
    );
}

#[test]
fn labels_that_would_speak_for_another_service_are_renamed() {
    let received = json(
        Export::Metrics,
        &metric_request(
            r#"{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"1000000","asInt":1,"attributes":[
                {"key":"service","value":{"stringValue":"other"}},
                {"key":"instance","value":{"stringValue":"other-1"}},
                {"key":"empty","value":{"stringValue":""}}]}]}}"#,
        ),
    );
    let expect = "shop g{exported_instance=other-1,exported_service=other,instance=shop-1} Gauge 1@1";
    assert_eq!(series(&received), [expect]);
}

#[test]
fn a_log_record_keeps_level_trace_and_structured_attributes() {
    let received = json(
        Export::Logs,
        r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},
            {"key":"service.version","value":{"stringValue":"1.1.0"}}]},"scopeLogs":[{"logRecords":[
            {"timeUnixNano":"1700000000000000000","severityNumber":17,"body":{"stringValue":"boom"},
             "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",
             "attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"boolValue":true}]}}}]},
            {"observedTimeUnixNano":"1700000001000000000","severityText":"WARNING",
             "body":{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":1.5}}]}}},
            {}]}]}]}"#,
    );
    let logs: Vec<_> = received
        .signals
        .iter()
        .map(|s| match s {
            Signal::Log(log) => log,
            other => panic!("not a log: {other:?}"),
        })
        .collect();
    assert_eq!((logs[0].level, logs[0].body.as_str()), (LogLevel::Error, "boom"));
    assert_eq!(logs[0].trace_id.as_deref(), Some("5b8efff798038103d269b633813fc60c"));
    assert_eq!(logs[0].attributes["span_id"], "eee19b7ec3c1b174");
    assert_eq!(logs[0].attributes["a"], "[1,true]");
    assert_eq!(logs[0].attributes["service.version"], "1.1.0");
    assert_eq!((logs[1].level, logs[1].body.as_str()), (LogLevel::Warn, r#"{"k":1.5}"#));
    assert_eq!(logs[1].at, Timestamp::from_unix_ms(1_700_000_001_000));
    assert_eq!((logs[2].level, logs[2].at, logs[2].body.as_str()), (LogLevel::Info, NOW, ""));
}

const SPANS: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
    "scopeSpans":[{"spans":[
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173",
     "name":"POST /orders","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1700000000000000000",
     "endTimeUnixNano":"1700000000001500000","status":{"code":2,"message":"no stock"},
     "events":[{"name":"exception","attributes":[{"key":"exception.type","value":{"stringValue":"Out"}}]}]},
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175","name":"x","kind":3,
     "parentSpanId":"","startTimeUnixNano":"5","endTimeUnixNano":"4"},
    {"traceId":"","spanId":"eee19b7ec3c1b175","name":"y","startTimeUnixNano":"5","endTimeUnixNano":"6"}]}]}]}"#;

#[test]
fn spans_keep_ids_duration_and_failure_and_bad_ones_are_counted() {
    let received = json(Export::Traces, SPANS);
    let Signal::Span(span) = &received.signals[0] else { panic!() };
    assert_eq!((span.kind, span.duration_us, span.error), (SpanKind::Server, 1_500, true));
    assert_eq!(span.parent_span_id.as_deref(), Some("eee19b7ec3c1b173"));
    assert_eq!(span.attributes["status.message"], "no stock");
    assert_eq!(span.attributes["exception.type"], "Out");
    let Signal::Span(root) = &received.signals[1] else { panic!() };
    assert_eq!((root.kind, root.duration_us, &root.parent_span_id), (SpanKind::Client, 0, &None));
    assert_eq!(received.rejected.count(), 1);
    let answer = String::from_utf8(respond(Export::Traces, Encoding::Json, &received.rejected)).unwrap();
    assert!(
        answer.starts_with(r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"1 x traceId"#),
        "{answer}"
    );
}

#[test]
fn wrong_json_is_refused_with_its_place() {
    let at = |export, body: &str| {
        receive(export, Encoding::Json, body.as_bytes(), NOW).map(|r| r.signals.len()).map_err(|e| e.at)
    };
    assert_eq!(at(Export::Metrics, "{}"), Ok(0));
    assert_eq!(at(Export::Metrics, "{\n  \"resourceMetrics\": oops"), Err("line 2 column 22".to_owned()));
    assert_eq!(at(Export::Metrics, "[]"), Err("/".to_owned()));
    assert_eq!(at(Export::Metrics, r#"{"resourceSpans":[]}"#), Err("/".to_owned()), "sent to a wrong path");
    assert_eq!(
        at(Export::Traces, &SPANS.replace("\"kind\":3", "\"kind\":\"SPAN_KIND_OTHER\"")),
        Err("/resourceSpans/0/scopeSpans/0/spans/1/kind".to_owned())
    );
    assert_eq!(
        at(Export::Traces, &SPANS.replace("\"5\"", "\"-5\"")),
        Err("/resourceSpans/0/scopeSpans/0/spans/1/startTimeUnixNano".to_owned())
    );
    assert_eq!(
        at(Export::Traces, &SPANS.replace("eee19b7ec3c1b174", "xyz")),
        Err("/resourceSpans/0/scopeSpans/0/spans/0/spanId".to_owned())
    );
}

#[test]
fn wrong_protobuf_is_refused_and_answers_exist_in_both_encodings() {
    let refused = receive(Export::Logs, Encoding::Protobuf, b"{\"resourceLogs\":[]}", NOW).unwrap_err();
    assert!(refused.advice.contains("Content-Type"), "{refused}");
    let mut rejected = receive::Rejected::default();
    assert!(respond(Export::Metrics, Encoding::Protobuf, &rejected).is_empty());
    assert_eq!(respond(Export::Metrics, Encoding::Json, &rejected), b"{}");
    rejected.add(3, "too old");
    let answer = respond(Export::Metrics, Encoding::Protobuf, &rejected);
    let answer = ExportMetricsServiceResponse::decode(answer.as_slice()).unwrap().partial_success.unwrap();
    assert_eq!((answer.rejected_data_points, answer.error_message.as_str()), (3, "3 x too old"));
    assert_eq!(refuse(Encoding::Json, 3, "no"), br#"{"code":3,"message":"no"}"#);
    assert_eq!(refuse(Encoding::Protobuf, 3, "no"), [8, 3, 18, 2, b'n', b'o']);
}

#[test]
fn a_small_request_cannot_unpack_to_gigabytes() {
    let value = |text: String| Some(AnyValue { value: Some(any_value::Value::StringValue(text)) });
    let key =
        |key: &str, text: String| KeyValue { key: key.to_owned(), value: value(text), ..Default::default() };
    // Each of the points is 10 bytes or so on the wire, but repeats a long service name.
    let point = NumberDataPoint { value: Some(number_data_point::Value::AsInt(1)), ..Default::default() };
    let metric = |i: usize| Metric {
        name: format!("m{i}"),
        data: Some(metric::Data::Gauge(Gauge { data_points: vec![point.clone(); 200] })),
        ..Default::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: vec![key("service.name", "s".repeat(500))],
                ..Default::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                metrics: (0..2_000).map(metric).collect(),
                ..Default::default()
            }],
            ..Default::default()
        }],
    };
    let received = receive(Export::Metrics, Encoding::Protobuf, &request.encode_to_vec(), NOW).unwrap();
    assert!(received.rejected.to_string().contains("smaller batches"), "{}", received.rejected);
    assert_eq!(received.signals.len() as u64 + received.rejected.count(), 400_000);
}

fn any_metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let text = || prop_oneof!["[a-z.]{0,8}", "\\PC{0,12}"];
    let attribute = (text(), text()).prop_map(|(key, value)| KeyValue {
        key,
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value)) }),
        ..Default::default()
    });
    let number = prop_oneof![
        any::<i64>().prop_map(number_data_point::Value::AsInt),
        // Eighths are exact in short decimals: the JSON reader may be one unit in the last place off.
        any::<i32>().prop_map(|n| number_data_point::Value::AsDouble(f64::from(n) / 8.0))
    ];
    let point = (any::<u64>(), number, prop::collection::vec(attribute, 0..3)).prop_map(
        |(time_unix_nano, value, attributes)| NumberDataPoint {
            time_unix_nano,
            value: Some(value),
            attributes,
            ..Default::default()
        },
    );
    let metric =
        (text(), prop::collection::vec(point, 0..4), 0..4_i32).prop_map(|(name, data_points, kind)| {
            let data = match kind {
                3 => metric::Data::Gauge(Gauge { data_points }),
                temporality => metric::Data::Sum(Sum {
                    data_points,
                    aggregation_temporality: temporality,
                    is_monotonic: true,
                }),
            };
            Metric { name, data: Some(data), ..Default::default() }
        });
    prop::collection::vec(metric, 0..4).prop_map(|metrics| ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics { metrics, ..Default::default() }],
            ..Default::default()
        }],
    })
}

proptest! {
    #[test]
    fn json_and_protobuf_of_one_request_are_the_same_signals(request in any_metrics()) {
        let protobuf = receive(Export::Metrics, Encoding::Protobuf, &request.encode_to_vec(), NOW).unwrap();
        let text = serde_json::to_vec(&request).unwrap();
        let json = receive(Export::Metrics, Encoding::Json, &text, NOW).unwrap();
        prop_assert_eq!(json, protobuf);
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for export in [Export::Metrics, Export::Logs, Export::Traces] {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                let _ = receive(export, encoding, &body, NOW);
            }
        }
    }

    #[test]
    fn damaged_requests_never_panic(
        request in any_metrics(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        for (encoding, mut body) in [
            (Encoding::Protobuf, request.encode_to_vec()),
            (Encoding::Json, SPANS.as_bytes().to_vec()),
        ] {
            if body.is_empty() { continue; }
            let at = at.index(body.len());
            if cut { body.truncate(at) } else { body[at] = byte }
            for export in [Export::Metrics, Export::Logs, Export::Traces] {
                let _ = receive(export, encoding, &body, NOW);
            }
        }
    }
}
