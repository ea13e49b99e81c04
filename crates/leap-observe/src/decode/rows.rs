//! CSV text cut into records and fields: quotes, doubled quotes, newlines inside quotes, CRLF.
//!
//! ```text
//! a,"b, ""c""",     three fields: a | b, "c" | (empty)
//! ```
//! One set of rules serves both the reader (which only needs the ends of records) and the mapping (which needs the
//! fields): a quote opens a quoted field only at the field's start; elsewhere it is a character like any other; what
//! follows a closing quote belongs to the field. No field is copied: a doubled quote is closed up in place.

/// Where the scanner is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    FieldStart,
    Bare,
    Quoted,
    /// A quote inside a quoted field: the first half of a doubled quote, or the end.
    QuoteSeen,
}

/// Finds the ends of records in a stream of text.
#[derive(Debug)]
pub struct Cutter {
    state: State,
    delimiter: u8,
    /// Bytes of the open field seen so far.
    field: usize,
    /// True once the open record has a byte other than a carriage return.
    started: bool,
}

/// What a scan found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cut {
    /// Offset behind the last complete record, if one ended.
    pub end: Option<usize>,
    /// Complete records that are not blank lines.
    pub records: u64,
    /// Bytes of the longest field met.
    pub longest_field: usize,
    /// Records complete before the longest field's record.
    pub longest_at: u64,
}

impl Cutter {
    /// For text with this delimiter.
    pub fn new(delimiter: u8) -> Cutter {
        Cutter { state: State::FieldStart, delimiter, field: 0, started: false }
    }

    /// True when the text ended inside a quoted field.
    pub fn inside_quotes(&self) -> bool {
        self.state == State::Quoted
    }

    /// True when a record has begun and not ended.
    pub fn inside_record(&self) -> bool {
        self.started
    }

    /// Scans more text; with `only_first` it stops behind the first record that is no blank line.
    pub fn scan(&mut self, bytes: &[u8], only_first: bool) -> Cut {
        let mut cut = Cut::default();
        let mut at = 0;
        // Offset at which the open field would have started, were it wholly in this text.
        let mut opened = 0_usize.wrapping_sub(self.field);
        while at < bytes.len() {
            match self.state {
                State::Quoted => match memchr::memchr(b'"', &bytes[at..]) {
                    Some(distance) => {
                        at += distance + 1;
                        self.state = State::QuoteSeen;
                        continue;
                    }
                    None => {
                        at = bytes.len();
                        break;
                    }
                },
                State::FieldStart if bytes[at] == b'"' => {
                    self.started = true;
                    self.state = State::Quoted;
                    at += 1;
                    continue;
                }
                State::QuoteSeen if bytes[at] == b'"' => {
                    self.state = State::Quoted;
                    at += 1;
                    continue;
                }
                State::FieldStart | State::Bare | State::QuoteSeen => {}
            }
            let byte = bytes[at];
            at += 1;
            if byte == self.delimiter || byte == b'\n' {
                let length = at.wrapping_sub(1).wrapping_sub(opened);
                if length > cut.longest_field {
                    cut.longest_field = length;
                    cut.longest_at = cut.records;
                }
                opened = at;
                self.state = State::FieldStart;
                if byte == b'\n' {
                    cut.end = Some(at);
                    let counted = std::mem::take(&mut self.started);
                    cut.records += u64::from(counted);
                    if counted && only_first {
                        self.field = 0;
                        return cut;
                    }
                } else {
                    self.started = true;
                }
            } else {
                self.started |= byte != b'\r';
                self.state = State::Bare;
            }
        }
        self.field = at.wrapping_sub(opened);
        if self.field > cut.longest_field {
            cut.longest_field = self.field;
            cut.longest_at = cut.records;
        }
        cut
    }
}

/// The fields of a text of complete records, as byte ranges into it.
#[derive(Debug, Default)]
pub struct Rows {
    fields: Vec<(u32, u32)>,
    ends: Vec<u32>,
}

impl Rows {
    /// Cuts the text; doubled quotes are closed up in place, so `bytes` holds the fields afterwards (and spaces between
    /// them). Blank lines are no rows.
    ///
    /// # Panics
    /// When the text has 4 GiB or more; chunks are bounded far below.
    pub fn cut(bytes: &mut [u8], delimiter: u8) -> Rows {
        let mut rows = Rows::default();
        let length = u32::try_from(bytes.len()).expect("a chunk is far smaller than 4 GiB") as usize;
        let mut at = 0;
        let mut first_field = 0;
        while at < length {
            let start = at;
            if bytes[at] == b'"' {
                at = quoted_field(bytes, at, delimiter, &mut rows.fields);
            } else {
                while at < length && bytes[at] != delimiter && bytes[at] != b'\n' {
                    at += 1;
                }
                let mut end = at;
                if end > start && bytes[end - 1] == b'\r' && (at == length || bytes[at] == b'\n') {
                    end -= 1;
                }
                rows.fields.push((start as u32, end as u32));
            }
            let ended = at >= length || bytes[at] == b'\n';
            at += 1;
            if ended {
                let only = rows.fields.len() == first_field + 1;
                // The same rule as the cutter's: nothing but carriage returns.
                let bare =
                    |(from, to): &(u32, u32)| bytes[*from as usize..*to as usize].iter().all(|byte| *byte == b'\r');
                let blank = only && rows.fields.last().is_some_and(bare) && bytes[start] != b'"';
                if blank {
                    rows.fields.pop();
                } else {
                    rows.ends.push(rows.fields.len() as u32);
                    first_field = rows.fields.len();
                }
            } else if at >= length {
                // The text ends right behind a delimiter: one more, empty, field.
                rows.fields.push((length as u32, length as u32));
                rows.ends.push(rows.fields.len() as u32);
                first_field = rows.fields.len();
            }
        }
        rows
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The ranges of one row's fields.
    pub fn row(&self, at: usize) -> &[(u32, u32)] {
        let from = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.fields[from..self.ends[at] as usize]
    }
}

/// Reads a quoted field that starts at `start`; returns the offset of the delimiter, newline or end behind it.
fn quoted_field(bytes: &mut [u8], start: usize, delimiter: u8, fields: &mut Vec<(u32, u32)>) -> usize {
    let mut read = start + 1;
    let mut write = start + 1;
    let mut moved = false;
    loop {
        let Some(distance) = memchr::memchr(b'"', &bytes[read..]) else {
            // Unclosed: the reader refuses such a file; a chunk from elsewhere keeps what there is.
            let end = bytes.len();
            if moved {
                bytes.copy_within(read..end, write);
            }
            write += end - read;
            bytes[write..end].fill(b' ');
            fields.push((start as u32 + 1, write as u32));
            return end;
        };
        if moved {
            bytes.copy_within(read..read + distance, write);
        }
        write += distance;
        read += distance + 1;
        if bytes.get(read) == Some(&b'"') {
            bytes[write] = b'"';
            write += 1;
            read += 1;
            moved = true;
        } else {
            break;
        }
    }
    let rest = read;
    while read < bytes.len() && bytes[read] != delimiter && bytes[read] != b'\n' {
        read += 1;
    }
    let mut rest_end = read;
    if rest_end > rest && bytes[rest_end - 1] == b'\r' && (read == bytes.len() || bytes[read] == b'\n') {
        rest_end -= 1;
    }
    bytes.copy_within(rest..rest_end, write);
    write += rest_end - rest;
    bytes[write..read].fill(b' ');
    fields.push((start as u32 + 1, write as u32));
    read
}

/// Appends one record as CSV text.
pub fn write_record<'a>(fields: impl IntoIterator<Item = &'a str>, delimiter: u8, out: &mut String) {
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            out.push(char::from(delimiter));
        }
        if field.bytes().any(|byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r')) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(text: &str) -> Vec<Vec<String>> {
        let mut bytes = text.as_bytes().to_vec();
        let rows = Rows::cut(&mut bytes, b',');
        let text = String::from_utf8(bytes).unwrap();
        (0..rows.len())
            .map(|row| rows.row(row).iter().map(|(from, to)| text[*from as usize..*to as usize].to_owned()).collect())
            .collect()
    }

    #[test]
    fn quotes_newlines_and_blank_lines_are_read_as_spreadsheets_write_them() {
        assert_eq!(
            fields("a,\"b, \"\"c\"\"\",\r\n\r\n\"x\ny\",5\" disk\n"),
            [vec!["a", "b, \"c\"", ""], vec!["x\ny", "5\" disk"]]
        );
        assert_eq!(fields("\"\"\n"), [[""]]);
        assert_eq!(fields("a,"), [["a", ""]]);
        assert_eq!(fields("\"é\"\"é\"é,\"\"\"\""), [["é\"éé", "\""]]);
        assert_eq!(fields("\n\n"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn records_are_counted_outside_quotes_only() {
        let mut cutter = Cutter::new(b',');
        let cut = cutter.scan(b"a,\"x\ny\"\n\nb,c\nd", false);
        assert_eq!((cut.end, cut.records), (Some(13), 2));
        assert!(cutter.inside_record() && !cutter.inside_quotes());
        let mut cutter = Cutter::new(b',');
        assert_eq!(cutter.scan(b"\"abc", false).longest_field, 4);
        assert_eq!(cutter.scan(b"defg", false).longest_field, 8);
        assert!(cutter.inside_quotes());
    }

    proptest! {
        #[test]
        fn any_table_reads_back_as_written_in_any_cuts(
            table in prop::collection::vec(prop::collection::vec("[a,\"\n\ré;]{0,6}", 2..5), 1..8),
            cut in 0_usize..200,
        ) {
            let mut text = String::new();
            for row in &table {
                write_record(row.iter().map(String::as_str), b',', &mut text);
                text.push('\n');
            }
            prop_assert_eq!(&fields(&text), &table);
            let mut cutter = Cutter::new(b',');
            let at = cut.min(text.len());
            let records = cutter.scan(&text.as_bytes()[..at], false).records + cutter.scan(&text.as_bytes()[at..], false).records;
            prop_assert_eq!(records, table.len() as u64);
        }

        #[test]
        fn cutter_and_rows_agree_on_any_text(text in "[a,\"\n\ré]{0,40}") {
            let mut bytes = text.clone().into_bytes();
            let rows = Rows::cut(&mut bytes, b',').len() as u64;
            let mut cutter = Cutter::new(b',');
            let cut = cutter.scan(text.as_bytes(), false);
            prop_assert_eq!(rows, cut.records + u64::from(cutter.inside_record()));
        }
    }
}
