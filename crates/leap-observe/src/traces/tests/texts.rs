//! Small documents of the JSON formats, and what becomes of them.

use leap_terms::{NameId, Span, SpanId, SpanKind, TraceId, Weight};

use super::super::*;

fn read_text(text: &str) -> (Kind, Batch, Vocabulary) {
    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    let kind = read(text.as_bytes(), &ScanLimits::BODY, &mut vocabulary, &mut batch).expect(text);
    (kind, batch, vocabulary)
}

fn span<'a>(batch: &'a Batch, text: &str) -> &'a Span {
    let wanted = batch.spans.iter().find(|arrival| batch.texts.span(arrival.trace, arrival.span.id) == text);
    &wanted.unwrap_or_else(|| panic!("{text} in {batch:?}")).span
}

#[test]
fn otlp_json_is_read_in_every_spelling() {
    let camel = r#"{"resourceSpans":[{"scopeSpans":[{"scope":null,"spans":[{
        "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","parentSpanId":"",
        "traceState":"x=y,ot=rv:1;th:c","name":"GET /","kind":2,"flags":769,
        "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
        "attributes":[{"value":{"stringValue":"db"},"key":"peer.service"},{"key":"db.system","value":{"stringValue":"x"}},
            {"key":"http.request.resend_count","value":{"intValue":"2"}},{"key":"a","value":{"kvlistValue":{"values":[]}}}],
        "events":[{"name":"ignored"}],"status":{"code":2,"message":"m"},"unknown":{"a":[1,{"b":null}]}}]}],
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]}}]}"#;
    let snake = r#"{"resource_spans":[{"resource":{"attributes":[{"key":"service.name","value":{"string_value":"a"}}]},
        "scope_spans":[{"spans":[{
        "trace_id":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174","parent_span_id":null,
        "trace_state":"ot=th:c","name":"GET /","kind":"SPAN_KIND_SERVER","flags":"769",
        "start_time_unix_nano":1544712660000000000,"end_time_unix_nano":"1544712661000000000",
        "attributes":[{"key":"peer.service","value":{"string_value":"db"}},
            {"key":"http.request.resend_count","value":{"int_value":1}}],
        "status":{"code":"STATUS_CODE_ERROR"}}]}]}]}"#;
    for text in [camel, snake] {
        let (kind, batch, vocabulary) = read_text(text);
        assert_eq!((kind, batch.spans.len(), batch.rejected.total()), (Kind::OtlpJson, 1, 0));
        let Arrival { trace, weight, span } = batch.spans[0];
        assert_eq!(trace, TraceId(0x5b8e_fff7_9803_8103_d269_b633_813f_c60c));
        assert_eq!(weight, Weight::Threshold(0xc0_0000_0000_0000));
        assert_eq!((span.id, span.parent), (SpanId::new(0xeee1_9b7e_c3c1_b174), SpanId::NONE));
        assert_eq!((span.start, span.end), (1_544_712_660_000_000_000, 1_544_712_661_000_000_000));
        assert_eq!(span.kind, SpanKind::Server);
        assert_eq!(span.flags, Span::RETRY | Span::ERROR | Span::PARENT_REMOTE | Span::PEER_SERVICE);
        let names = [span.service, span.host, span.operation, span.peer].map(|name| vocabulary.text(name));
        assert_eq!(names, ["a", "a", "GET /", "db"]);
    }
}

#[test]
fn otlp_json_lines_are_one_batch_and_a_broken_line_refuses_all() {
    let line = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","startTimeUnixNano":"5","endTimeUnixNano":"3"}]}]}]}"#
        .replace('\n', " ");
    let (_, batch, vocabulary) = read_text(&format!("{line}\n{line}\n\n"));
    assert_eq!(batch.spans.len(), 2);
    let span = batch.spans[0].span;
    assert_eq!((span.start, span.end, span.flags), (5, 5, Span::NEGATIVE));
    assert_eq!(vocabulary.text(span.service), vocabulary::UNKNOWN_SERVICE);

    let (mut vocabulary, mut batch) = (Vocabulary::default(), Batch::default());
    let broken = format!("{line}\n{line}\n{{\"resourceSpans\":[{{\"scopeSpans\":7}}]}}\n");
    let error = read(broken.as_bytes(), &ScanLimits::BODY, &mut vocabulary, &mut batch).unwrap_err();
    assert!(matches!(&error, TraceError::Json { line: 3, format: "OTLP JSON", .. }), "{error}");
    assert!(error.to_string().starts_with("OTLP JSON, line 3, column 33: invalid type"), "{error}");
    assert!(batch.spans.is_empty());

    let few = ScanLimits { spans: 1, ..ScanLimits::BODY };
    let error = read(format!("{line}{line}").as_bytes(), &few, &mut vocabulary, &mut batch).unwrap_err();
    assert!(error.is_too_much() && batch.spans.is_empty(), "{error}");
}

#[test]
fn spans_that_cannot_be_used_are_counted_by_reason() {
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"spanId":"eee19b7ec3c1b174","startTimeUnixNano":1,"endTimeUnixNano":2},
        {"traceId":"00000000000000000000000000000000","spanId":"eee19b7ec3c1b174","startTimeUnixNano":1,"endTimeUnixNano":2},
        {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"xyz","startTimeUnixNano":1,"endTimeUnixNano":2},
        {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"1",
            "startTimeUnixNano":1,"endTimeUnixNano":2},
        {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","endTimeUnixNano":2}
    ]}]}]}"#;
    let (_, batch, _) = read_text(text);
    assert!(batch.spans.is_empty());
    let expected = Rejected { trace_id: 2, span_id: 1, parent_id: 1, times: 1, partial: 0 };
    assert_eq!((batch.rejected, batch.rejected.total()), (expected, 5));
    assert_eq!(
        batch.rejected.to_string(),
        "2 spans without a trace id of 16 bytes that are not all zero, 1 span without a span id of 8 bytes that are not \
         all zero, 1 span with a parent id that is not 8 bytes, 1 span without a usable start and end"
    );
}

#[test]
fn jaeger_parents_follow_the_first_reference_of_the_same_trace() {
    let text = r#"{"data":[{"traceID":"T","processes":{"p1":{"serviceName":"a","tags":[{"key":"hostname","value":"h"}]}},"spans":[
        {"traceID":"T","spanID":"z","operationName":"root","references":[],"startTime":0,"duration":9,"processID":"p1",
         "tags":[{"key":"span.kind","value":"client"},{"key":"error","type":"bool","value":true},
                 {"key":"db.system","value":"mysql"},{"key":"http.request.resend_count","type":"int64","value":1}]},
        {"traceID":"T","spanID":"b","references":[{"refType":"CHILD_OF","traceID":"U","spanID":"q"},
            {"refType":"FOLLOWS_FROM","traceID":"T","spanID":"z"},{"refType":"CHILD_OF","traceID":"T","spanID":"a"}],
         "startTime":1,"duration":2,"processID":"p2"},
        {"spanID":"a","references":[{"refType":"FOLLOWS_FROM","traceID":"T","spanID":"z"}],"startTime":"3","duration":0},
        {"spanID":"","startTime":1,"duration":1},
        {"spanID":"c","startTime":18446744073709551,"duration":999999}
    ]}],"errors":null}"#;
    let (kind, batch, vocabulary) = read_text(text);
    assert_eq!((kind, batch.spans.len()), (Kind::Jaeger, 3));
    assert_eq!((batch.rejected.span_id, batch.rejected.times), (1, 1));
    let (z, a, b) = (span(&batch, "z"), span(&batch, "a"), span(&batch, "b"));
    assert_eq!((b.parent, a.parent, z.parent), (a.id, z.id, SpanId::NONE));
    assert!(a.id < b.id && b.id < z.id, "ranks in order of text");
    assert_eq!((a.flags, b.flags, z.flags), (Span::FOLLOWS, 0, Span::ERROR | Span::RETRY));
    assert_eq!((z.start, z.end, b.start, b.end), (0, 9_000, 1_000, 3_000));
    let names = [z.service, z.host, z.operation, z.peer, b.service].map(|name| vocabulary.text(name));
    assert_eq!(names, ["a", "h", "root", "mysql", vocabulary::UNKNOWN_SERVICE]);
    assert_eq!(z.kind, SpanKind::Client);
    assert_eq!(batch.texts.trace(batch.spans[0].trace), "T");
}

#[test]
fn a_list_of_jaeger_traces_is_read_too() {
    let text = r#"[{"traceID":"1","spans":[{"spanID":"00000000000000ab","startTime":1,"duration":1}]},
        {"traceID":"2","spans":[{"spanID":"00000000000000cd","startTime":1,"duration":1}]}]"#;
    let (_, batch, _) = read_text(text);
    assert_eq!(batch.spans.iter().map(|arrival| arrival.trace.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(batch.spans[0].span.id, SpanId::new(0xab));
    assert_eq!(batch.texts.trace(TraceId(2)), "2");
}

#[test]
fn zipkin_halves_and_incomplete_reports_keep_the_tree_whole() {
    // Client a with two server halves; c belongs to the second's service; p has no complete report.
    let text = r#"[
        {"traceId":"t","id":"r","kind":"SERVER","timestamp":1,"duration":100,"localEndpoint":{"serviceName":"web"}},
        {"traceId":"t","id":"a","parentId":"r","kind":"SERVER","shared":true,"timestamp":20,"duration":5,
            "localEndpoint":{"serviceName":"one"}},
        {"traceId":"t","id":"a","parentId":"r","kind":"CLIENT","timestamp":10,"duration":50,
            "localEndpoint":{"serviceName":"web"},"remoteEndpoint":{"serviceName":"one"},"tags":{"error":""}},
        {"traceId":"t","id":"a","parentId":"r","kind":"SERVER","shared":true,"timestamp":30,"duration":5,
            "localEndpoint":{"serviceName":"two"}},
        {"traceId":"t","id":"c","parentId":"a","timestamp":31,"duration":2,"localEndpoint":{"serviceName":"two"}},
        {"traceId":"t","id":"d","parentId":"a","timestamp":11,"duration":2,"localEndpoint":{"serviceName":"web"}},
        {"traceId":"t","id":"e","parentId":"a","timestamp":11,"duration":2,"localEndpoint":{"serviceName":"three"}},
        {"traceId":"t","id":"p","parentId":"a","kind":"CLIENT","timestamp":32,"localEndpoint":{"serviceName":"two"}},
        {"traceId":"t","id":"f","parentId":"p","timestamp":33,"duration":1,"localEndpoint":{"serviceName":"two"}},
        {"traceId":"t","id":"a","parentId":"r","kind":"SERVER","shared":true,"timestamp":30,"duration":5,
            "localEndpoint":{"serviceName":"two"}},
        {"traceId":"t","id":"x","parentId":"y","duration":1},
        {"traceId":"t","id":"y","parentId":"x","duration":1},
        {"traceId":"t","id":"g","parentId":"x","timestamp":1,"duration":1}
    ]"#;
    let (kind, batch, vocabulary) = read_text(text);
    assert_eq!((kind, batch.spans.len(), batch.rejected.partial, batch.rejected.total()), (Kind::Zipkin, 10, 3, 0));
    let parent = |text: &str| batch.texts.span(batch.spans[0].trace, span(&batch, text).parent).into_owned();
    assert_eq!(span(&batch, "r").parent, SpanId::NONE);
    assert_eq!(["a", "a/s1", "a/s2"].map(&parent), ["r", "a", "a"]);
    assert_eq!(["c", "d", "e", "f"].map(&parent), ["a/s2", "a", "a/s1", "a/s2"]);
    assert!(batch.spans.iter().all(|arrival| arrival.span.id != span(&batch, "g").parent), "a cycle is an orphan");
    let client = span(&batch, "a");
    assert_eq!((vocabulary.text(client.peer), client.flags), ("one", Span::PEER_SERVICE | Span::ERROR));
    let repeated = batch.spans.iter().filter(|arrival| arrival.span.id == span(&batch, "a/s2").id).count();
    assert_eq!(repeated, 2, "a half sent twice is one id twice");
}

#[test]
fn a_lone_server_half_keeps_its_mark_and_nested_lists_are_read() {
    let text = r#"[[{"traceId":"978883983d506fa5","id":"978883983d506fa5","kind":"SERVER","shared":true,"name":"x",
        "timestamp":1570523661059232,"duration":127115,"localEndpoint":{"ipv4":"169.254.65.45"},
        "tags":{"db.system":"y","http.request.resend_count":"1"}}]]"#;
    let (_, batch, vocabulary) = read_text(text);
    let Arrival { trace, span, .. } = batch.spans[0];
    assert_eq!(batch.texts.span(trace, span.id), "978883983d506fa5/s1");
    assert_eq!((batch.texts.trace(trace).into_owned(), span.parent), ("978883983d506fa5".to_owned(), SpanId::NONE));
    assert_eq!(vocabulary.text(span.service), vocabulary::UNKNOWN_SERVICE);
    assert_eq!((vocabulary.text(span.peer), span.flags), ("y", Span::RETRY));
    assert_ne!(span.host, NameId::NONE);
}

#[test]
fn thresholds_are_found_among_other_vendors() {
    for (state, weight) in [
        ("ot=th:8", Weight::Threshold(1 << 55)),
        ("a=b, ot=rv:123;th:0 ,c=d", Weight::Threshold(0)),
        ("", Weight::Unknown),
        ("notot=th:8", Weight::Unknown),
        ("ot=rv:8", Weight::Unknown),
        ("ot=th:xyz", Weight::Unknown),
    ] {
        assert_eq!(weight_of_trace_state(state.as_bytes()), weight, "{state}");
    }
}

#[test]
fn a_resource_may_stand_behind_its_spans_and_belongs_to_its_own_group_alone() {
    let span = |id: u32| {
        format!(
            r#"{{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"{id:016x}","startTimeUnixNano":"5","endTimeUnixNano":"7"}}"#
        )
    };
    let resource = |name: &str| {
        format!(r#""resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{name}"}}}}]}}"#)
    };
    let text = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}},{{"spans":[{}]}}],{}}},{{{},"scopeSpans":[{{"spans":[{}]}}]}},
        {{"scopeSpans":[{{"spans":[{}],"scope":{{}}}},{{"spans":null}}],"resource":null}}]}}"#,
        span(1),
        span(2),
        resource("a"),
        resource("b"),
        span(3),
        span(4)
    );
    let (_, batch, vocabulary) = read_text(&text);
    let services: Vec<&str> = batch.spans.iter().map(|arrival| vocabulary.text(arrival.span.service)).collect();
    assert_eq!(services, ["a", "a", "b", vocabulary::UNKNOWN_SERVICE]);
    assert_eq!(vocabulary.facts(vocabulary.names().find("a").unwrap())[0].spans, 2);
}
