//! What bytes are, told by the bytes: no name, no header is asked.
//!
//! ```text
//! 1f 8b …                 gzip, and what is inside
//! 0a 9c 01 0a …           OTLP protobuf: a resource, a scope, then a span or a metric
//! {"resourceSpans": …     OTLP JSON        {"data":[{"traceID": …   Jaeger        [{"traceId":…,"id": …   Zipkin v2
//! ```
//! The first [`LOOKED_AT`] bytes decide. A refusal names what was seen and what is accepted.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use super::TraceError;

/// So many bytes, decompressed, are looked at.
pub const LOOKED_AT: usize = 1 << 20;

/// A format of traces or metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// OTLP protobuf, one `ExportTraceServiceRequest`.
    OtlpProto,
    /// OTLP protobuf, messages each behind its length (collector's file exporter).
    OtlpProtoFrames,
    /// OTLP JSON: one document or lines.
    OtlpJson,
    /// Jaeger JSON.
    Jaeger,
    /// Zipkin v2 JSON.
    Zipkin,
    /// OTLP protobuf, `ExportMetricsServiceRequest`.
    OtlpMetricsProto,
    /// OTLP JSON with metrics.
    OtlpMetricsJson,
}

impl Kind {
    /// True when it holds spans.
    pub fn is_traces(self) -> bool {
        !matches!(self, Kind::OtlpMetricsProto | Kind::OtlpMetricsJson)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Kind::OtlpProto | Kind::OtlpProtoFrames => "OTLP protobuf",
            Kind::OtlpJson => "OTLP JSON",
            Kind::Jaeger => "Jaeger JSON",
            Kind::Zipkin => "Zipkin JSON",
            Kind::OtlpMetricsProto => "OTLP metrics protobuf",
            Kind::OtlpMetricsJson => "OTLP metrics JSON",
        })
    }
}

/// The bytes themselves, or what their gzip or zstd stream holds.
///
/// # Errors
/// [`TraceError::Compressed`] for a damaged stream, [`TraceError::TooMuch`] beyond `limit` bytes.
pub fn decompress(bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, TraceError> {
    let too_much = || TraceError::TooMuch {
        what: "bytes or more once decompressed",
        found: limit as u64 + 1,
        allowed: limit as u64,
    };
    let Some((container, reader)) = container(bytes)? else {
        return if bytes.len() > limit { Err(too_much()) } else { Ok(Cow::Borrowed(bytes)) };
    };
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(4).min(limit));
    let mut reader = reader.take(limit as u64 + 1);
    reader.read_to_end(&mut out).map_err(|error| TraceError::Compressed { container, reason: error.to_string() })?;
    if out.len() > limit { Err(too_much()) } else { Ok(Cow::Owned(out)) }
}

type Container<'a> = (&'static str, Box<dyn Read + 'a>);

fn container(bytes: &[u8]) -> Result<Option<Container<'_>>, TraceError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Some(("gzip", Box::new(flate2::read::MultiGzDecoder::new(bytes)))));
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::stream::read::Decoder::with_buffer(bytes)
            .map_err(|error| TraceError::Compressed { container: "zstd", reason: error.to_string() })?;
        return Ok(Some(("zstd", Box::new(decoder))));
    }
    Ok(None)
}

/// What the first bytes of a file are, compressed or not; they may end anywhere. 64 KiB are usually enough.
///
/// # Errors
/// [`TraceError::Unknown`]; [`TraceError::Compressed`] when not even the beginning can be decompressed.
pub fn detect_start(bytes: &[u8]) -> Result<Kind, TraceError> {
    let Some((container, reader)) = container(bytes)? else { return detect(bytes) };
    let (mut out, mut reader) = (Vec::new(), reader.take(LOOKED_AT as u64));
    match reader.read_to_end(&mut out) {
        Err(error) if out.is_empty() => Err(TraceError::Compressed { container, reason: error.to_string() }),
        // Cut in the middle of the stream: what came out so far is what is looked at.
        Ok(_) | Err(_) => detect(&out),
    }
}

/// What decompressed bytes are.
///
/// # Errors
/// [`TraceError::Unknown`].
pub fn detect(bytes: &[u8]) -> Result<Kind, TraceError> {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    if let Some(found) = protobuf(bytes) {
        return found.map_err(|seen| TraceError::Unknown { seen: seen.to_owned() });
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    let found = match text.first() {
        Some(b'{' | b'[') => json(text),
        _ => Err(describe(bytes)),
    };
    found.map_err(|seen| TraceError::Unknown { seen })
}

fn describe(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "there is no byte".to_owned();
    }
    for (magic, name) in [
        (&b"PAR1"[..], "a Parquet file"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"SQLite format 3", "an SQLite database"),
        (b"BZh", "a bzip2 stream"),
        (b"\xfd7zXZ", "an xz stream"),
        (b"\x04\x22\x4d\x18", "an lz4 stream"),
        (b"<", "XML or HTML"),
    ] {
        if bytes.starts_with(magic) {
            return format!("they begin like {name}");
        }
    }
    let start = &bytes[..bytes.len().min(40)];
    match std::str::from_utf8(start) {
        Ok(text) if !text.chars().any(|letter| letter.is_control() && !letter.is_ascii_whitespace()) => {
            format!("they begin with the text '{}'", text.lines().next().unwrap_or_default())
        }
        _ => {
            let hex: Vec<String> = start.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("they begin with the bytes {}", hex.join(" "))
        }
    }
}

/// None when the bytes are no OTLP protobuf; an error for OTLP that holds neither traces nor metrics.
fn protobuf(bytes: &[u8]) -> Option<Result<Kind, &'static str>> {
    if let Some((length, rest)) = bytes.split_first_chunk::<4>()
        && length[0] < 4
    {
        let message = &rest[..rest.len().min(u32::from_be_bytes(*length) as usize)];
        return match export(message)? {
            Ok(Kind::OtlpProto) => Some(Ok(Kind::OtlpProtoFrames)),
            Ok(_) => Some(Err("they are OTLP metrics behind their lengths, which only traces may be")),
            Err(seen) => Some(Err(seen)),
        };
    }
    export(bytes)
}

/// The fields of a message that may be cut: keys and what belongs to them. Stops where the wire format is broken.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, &'a [u8]), ()>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(()))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u32, &'a [u8])> {
        let key = u32::try_from(self.varint()?).ok().filter(|key| *key >= 8)?;
        let length = match key & 7 {
            0 => {
                self.varint()?;
                0
            }
            1 => 8,
            2 => usize::try_from(self.varint()?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (content, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        Some((key, content))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut wire = super::wire::Wire::new(self.0);
        let value = wire.varint().ok()?;
        self.0 = &self.0[wire.position()..];
        Some(value)
    }
}

fn export(bytes: &[u8]) -> Option<Result<Kind, &'static str>> {
    if bytes.first() != Some(&0x0a) {
        return None;
    }
    let mut groups = 0_u32;
    // A field that is cut off by the end of what is looked at is no contradiction once one group was whole.
    for group in Fields(bytes) {
        match group {
            Ok((0x0a, content)) => match scopes(content) {
                Ok(Some(kind)) => return Some(kind),
                Ok(None) => groups += 1,
                Err(()) => return None,
            },
            Ok(_) | Err(()) => return None,
        }
    }
    (groups > 0).then_some(Ok(Kind::OtlpProto))
}

type Found = Option<Result<Kind, &'static str>>;

fn scopes(group: &[u8]) -> Result<Found, ()> {
    for field in Fields(group) {
        match field? {
            (0x12, scope) => {
                for field in Fields(scope) {
                    match field? {
                        (0x12, item) => return Ok(Some(item_kind(item)?)),
                        (0x0a | 0x1a, _) => {}
                        _ => return Err(()),
                    }
                }
            }
            (0x0a | 0x1a, _) | (8002, _) => {}
            _ => return Err(()),
        }
    }
    Ok(None)
}

fn item_kind(item: &[u8]) -> Result<Result<Kind, &'static str>, ()> {
    let mut metric = false;
    for field in Fields(item) {
        match field {
            Ok((0x39 | 0x41, _)) => return Ok(Ok(Kind::OtlpProto)),
            Ok((0x0a, id)) if id.len() == 16 && !id.is_ascii() => return Ok(Ok(Kind::OtlpProto)),
            Ok((0x09 | 0x59, _)) => return Ok(Err("they are OTLP logs")),
            Ok((0x3a | 0x52 | 0x5a, _)) => metric = true,
            // Gauge in a metric, name in a span.
            Ok((0x2a, content)) if content.first() == Some(&0x0a) => metric = true,
            Ok(_) => {}
            Err(()) if metric => break,
            Err(()) => return Err(()),
        }
    }
    Ok(Ok(if metric { Kind::OtlpMetricsProto } else { Kind::OtlpProto }))
}

/// By the keys of the document, level by level; values are passed.
fn json(text: &[u8]) -> Result<Kind, String> {
    let list = text.first() == Some(&b'[');
    let mut keys = Keys { text, at: 0, depth: 0 };
    let mut top: Vec<String> = Vec::new();
    let (mut zipkin_trace, mut zipkin_id, mut data) = (false, false, false);
    while let Some((depth, key)) = keys.next_key() {
        match (list, depth, key) {
            (false, 1, b"resourceSpans" | b"resource_spans") => return Ok(Kind::OtlpJson),
            (false, 1, b"resourceMetrics" | b"resource_metrics") => return Ok(Kind::OtlpMetricsJson),
            (false, 1, b"resourceLogs" | b"resource_logs") => return Err("they are OTLP logs in JSON".to_owned()),
            (false, 1, b"traceID" | b"processes") => return Ok(Kind::Jaeger),
            (false, 3, b"traceID" | b"processes") if data => return Ok(Kind::Jaeger),
            (true, 2, b"traceID" | b"processes") => return Ok(Kind::Jaeger),
            (true, 2 | 3, b"traceId") => zipkin_trace = true,
            (true, 2 | 3, b"id") => zipkin_id = true,
            (false, 1, b"data") => data = true,
            _ => {}
        }
        if zipkin_trace && zipkin_id {
            return Ok(Kind::Zipkin);
        }
        let outer = if list { 2 } else { 1 };
        if depth == outer && top.len() < 8 {
            let key = String::from_utf8_lossy(key).into_owned();
            if !top.contains(&key) {
                top.push(key);
            }
        }
    }
    Err(match (list, top.is_empty()) {
        (true, true) => "a JSON list without objects".to_owned(),
        (false, true) => "a JSON object without fields".to_owned(),
        (true, false) => format!("a JSON list of objects with the fields {}", top.join(", ")),
        (false, false) => format!("a JSON object with the fields {}", top.join(", ")),
    })
}

/// The keys of objects with their depth, in a text that may be cut.
struct Keys<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Keys<'a> {
    fn next_key(&mut self) -> Option<(usize, &'a [u8])> {
        loop {
            match self.text.get(self.at)? {
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b'"' => {
                    let string = self.string()?;
                    let rest = self.text.get(self.at..)?;
                    if rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':') {
                        return Some((self.depth, string));
                    }
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// The string at the quote; the position is then behind it.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            at += memchr::memchr2(b'"', b'\\', self.text.get(at..)?)?;
            if self.text[at] == b'"' {
                self.at = at + 1;
                return Some(&self.text[start..at]);
            }
            at += 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_its_keys() {
        for (text, kind) in [
            (r#" {"resourceSpans":[]}"#, Kind::OtlpJson),
            ("\n\u{feff}{\"resource_spans\":[]}", Kind::OtlpJson),
            (r#"{"resourceMetrics":[{"#, Kind::OtlpMetricsJson),
            (r#"{"_comment":"a \"traceId\": b","traceID":"A","spans":[]}"#, Kind::Jaeger),
            (r#"{"total":0,"data":[{"spans":[{"x":1}],"traceID":"A"}]}"#, Kind::Jaeger),
            (r#"[{"traceID":"A"}]"#, Kind::Jaeger),
            (r#"[{"tags":{"id":"1"},"id":"2","traceId":"3"}]"#, Kind::Zipkin),
            (r#"[[{"traceId":"3","id":"2""#, Kind::Zipkin),
        ] {
            let text = text.trim_start_matches('\n');
            assert_eq!(detect(text.as_bytes()), Ok(kind), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_seen() {
        for (bytes, words) in [
            (&b""[..], "there is no byte"),
            (b"PAR1....", "a Parquet file"),
            (b"[]", "a JSON list without objects"),
            (b"{\"BilledCost\":1,\"Tags\":{}}", "a JSON object with the fields BilledCost, Tags"),
            (b"[{\"BilledCost\":1}]", "a JSON list of objects with the fields BilledCost"),
            (b"{\"resourceLogs\":[]}", "OTLP logs"),
            (b"lineItem/Id,x\n", "they begin with the text 'lineItem/Id,x'"),
            (b"\xff\x00\x01", "they begin with the bytes ff 00 01"),
        ] {
            let error = detect(bytes).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("accepted are OTLP"), "{error}");
        }
    }

    #[test]
    fn compressed_bytes_are_bounded_and_damage_is_named() {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&[b' '; 10_000]).unwrap();
        gzip.write_all(br#"{"resourceSpans":[]}"#).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(decompress(&gzip, 10_020).unwrap().len(), 10_020);
        assert!(decompress(&gzip, 10_019).unwrap_err().is_too_much());
        assert_eq!(detect_start(&gzip), Ok(Kind::OtlpJson));
        let cut = decompress(&gzip[..gzip.len() - 9], 1 << 20).unwrap_err();
        assert!(matches!(cut, TraceError::Compressed { container: "gzip", .. }), "{cut}");
        let zstd = zstd::encode_all(&br#"[{"traceId":"1","id":"2"}]"#[..], 1).unwrap();
        assert_eq!(detect_start(&zstd), Ok(Kind::Zipkin));
    }
}
