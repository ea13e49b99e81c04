//! Packs as bytes, so that they outlive the process that made them.
//!
//! ```text
//! "leap pack 1\n" · keys · resources · owners · cells        numbers little-endian, lists with their length before them
//! ```
//! Whoever reads bytes compares their digest first; what is checked here makes sure that no bytes at all can make a pack that
//! breaks while it is read.

use std::sync::Arc;

use leap_terms::{Currency, Day, RuleId};

use super::{Coded, Codes, Flat, Keys, NO_RESOURCE, Pack, PackWho, Resources};

const MAGIC: &[u8] = b"leap pack 1\n";

/// Bytes that are no pack.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the bytes are no pack: {0}")]
pub struct PackError(&'static str);

impl Pack {
    /// The pack as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes() + 4096);
        out.extend_from_slice(MAGIC);
        put_number(&mut out, self.keys.count as u64);
        put_number(&mut out, self.keys.columns.len() as u64);
        for (name, column) in &self.keys.columns {
            put_text(&mut out, name);
            put_coded(&mut out, column);
        }
        put_flat(&mut out, &self.resources.ids);
        put_flat(&mut out, &self.resources.names);
        put_number(&mut out, u64::from(self.first_day.days() as u32));
        put_number(&mut out, self.span as u64);
        put_number(&mut out, self.currencies.len() as u64);
        self.currencies.iter().for_each(|currency| put_text(&mut out, currency.as_str()));
        put_number(&mut out, self.whos.len() as u64);
        for who in &self.whos {
            put_text(&mut out, &who.owner.to_string());
            put_text(&mut out, who.rule.as_ref().map_or("", RuleId::as_str));
            put_number(&mut out, who.end as u64);
        }
        put_wide(&mut out, &self.resource);
        put_wide(&mut out, &self.key);
        put_codes(&mut out, &self.day);
        put_codes(&mut out, &self.currency);
        put_coded(&mut out, &self.evidence);
        put_number(&mut out, self.coarse.len() as u64);
        self.coarse.iter().for_each(|amount| out.extend_from_slice(&amount.to_le_bytes()));
        put_number(&mut out, self.fine.len() as u64);
        for (cell, digits) in &self.fine {
            out.extend_from_slice(&cell.to_le_bytes());
            out.extend_from_slice(&digits.to_le_bytes());
        }
        put_wide(&mut out, &self.rows);
        out
    }

    /// The pack that some bytes are.
    ///
    /// # Errors
    /// Bytes that are no pack.
    pub fn from_bytes(bytes: &[u8]) -> Result<Pack, PackError> {
        let mut from = Bytes(bytes.strip_prefix(MAGIC).ok_or(PackError("they begin otherwise"))?);
        let count = from.length(0)?;
        let mut columns = Vec::new();
        for _ in 0..from.length(1)? {
            columns.push((from.text()?.to_owned(), from.coded(count)?));
        }
        let keys = Keys { count, columns };
        let resources = Resources { ids: from.flat()?, names: from.flat()? };
        let first_day = u32::try_from(from.number()?).map_err(|_| PackError("a day is too large"))?;
        let span = from.length(0)?;
        let mut currencies = Vec::new();
        for _ in 0..from.length(1)? {
            currencies.push(Currency::new(from.text()?).map_err(|_| PackError("a currency is none"))?);
        }
        let mut whos: Vec<PackWho> = Vec::new();
        for _ in 0..from.length(1)? {
            let owner = from.text()?.parse().map_err(|_| PackError("an owner is none"))?;
            let rule = match from.text()? {
                "" => None,
                rule => Some(RuleId::new(rule).map_err(|_| PackError("a rule is none"))?),
            };
            let end = from.length(0)?;
            if whos.last().is_some_and(|last| last.end > end) {
                return Err(PackError("owners do not ascend"));
            }
            whos.push(PackWho { owner, rule, end });
        }
        let (resource, key) = (from.wide()?, from.wide()?);
        let cells = key.len();
        let (day, currency, evidence) = (from.codes(cells)?, from.codes(cells)?, from.coded(cells)?);
        let length = from.length(16)?;
        let coarse: Vec<i128> =
            from.take(length * 16)?.chunks_exact(16).map(|bytes| i128::from_le_bytes(array(bytes))).collect();
        let length = from.length(12)?;
        let fine: Vec<(u32, i64)> = from
            .take(length * 12)?
            .chunks_exact(12)
            .map(|bytes| (u32::from_le_bytes(array(&bytes[..4])), i64::from_le_bytes(array(&bytes[4..]))))
            .collect();
        let rows = from.wide()?;
        if !from.0.is_empty() {
            return Err(PackError("more follows"));
        }
        let known = |number: &u32| *number == NO_RESOURCE || (*number as usize) < resources.ids.len();
        if whos.last().map_or(0, |last| last.end) != cells
            || (resource.len() != cells && !resource.is_empty())
            || coarse.len() != cells
            || rows.len() != cells
            || resources.ids.len() != resources.names.len()
            || !resource.iter().all(known)
            || !key.iter().all(|key| (*key as usize) < count)
            || !(0..cells).all(|cell| (day.get(cell) as usize) < span)
            || span > 100_000
            || !(0..cells).all(|cell| (currency.get(cell) as usize) < currencies.len())
            || !fine.windows(2).all(|pair| pair[0].0 < pair[1].0)
            || fine.last().is_some_and(|(cell, _)| *cell as usize >= cells)
        {
            return Err(PackError("its lists do not fit each other"));
        }
        Ok(Pack {
            keys: Arc::new(keys),
            resources: Arc::new(resources),
            first_day: Day::from_days(first_day as i32),
            span,
            currencies,
            whos,
            resource,
            key,
            day,
            currency,
            evidence,
            coarse,
            fine,
            rows,
        })
    }
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_wide(out: &mut Vec<u8>, numbers: &[u32]) {
    put_number(out, numbers.len() as u64);
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

fn put_codes(out: &mut Vec<u8>, codes: &Codes) {
    let (width, length) = match codes {
        Codes::Same(_) => (0, codes.len()),
        Codes::Narrow(_) => (1, codes.len()),
        Codes::Middle(_) => (2, codes.len()),
        Codes::Wide(_) => (4, codes.len()),
    };
    out.push(width);
    put_number(out, length as u64);
    match codes {
        Codes::Same(_) => {}
        Codes::Narrow(codes) => out.extend_from_slice(codes),
        Codes::Middle(codes) => codes.iter().for_each(|code| out.extend_from_slice(&code.to_le_bytes())),
        Codes::Wide(codes) => codes.iter().for_each(|code| out.extend_from_slice(&code.to_le_bytes())),
    }
}

fn put_coded(out: &mut Vec<u8>, coded: &Coded) {
    put_number(out, coded.texts.len() as u64);
    for text in &coded.texts {
        out.push(u8::from(text.is_some()));
        put_text(out, text.as_deref().unwrap_or_default());
    }
    put_codes(out, &coded.codes);
}

fn put_flat(out: &mut Vec<u8>, flat: &Flat) {
    put_text(out, &flat.text);
    put_wide(out, &flat.ends);
    out.extend(flat.nulls.iter().map(|null| u8::from(*null)));
}

/// Some bytes as an array; the caller took as many.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("chunks have the length that was asked for")
}

/// What is not read yet.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], PackError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(PackError("they end too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, PackError> {
        Ok(u64::from_le_bytes(array(self.take(8)?)))
    }

    /// A length of things that take so many bytes each: no more than are left.
    fn length(&mut self, each: usize) -> Result<usize, PackError> {
        let length = usize::try_from(self.number()?).map_err(|_| PackError("a length is too large"))?;
        if each > 0 && length > self.0.len() / each {
            return Err(PackError("a length is too large"));
        }
        Ok(length)
    }

    fn text(&mut self) -> Result<&'b str, PackError> {
        let length = self.length(1)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| PackError("a text is no UTF-8"))
    }

    fn wide(&mut self) -> Result<Vec<u32>, PackError> {
        let length = self.length(4)?;
        Ok(self.take(length * 4)?.chunks_exact(4).map(|bytes| u32::from_le_bytes(array(bytes))).collect())
    }

    fn codes(&mut self, rows: usize) -> Result<Codes, PackError> {
        let width = self.take(1)?[0];
        let length = self.length(usize::from(width))?;
        if length != rows {
            return Err(PackError("its lists do not fit each other"));
        }
        Ok(match width {
            0 => Codes::Same(length),
            1 => Codes::Narrow(self.take(length)?.to_vec()),
            2 => {
                let bytes = self.take(length * 2)?.chunks_exact(2);
                Codes::Middle(bytes.map(|bytes| u16::from_le_bytes(array(bytes))).collect())
            }
            4 => {
                let bytes = self.take(length * 4)?.chunks_exact(4);
                Codes::Wide(bytes.map(|bytes| u32::from_le_bytes(array(bytes))).collect())
            }
            _ => return Err(PackError("codes have a width that is none")),
        })
    }

    fn coded(&mut self, rows: usize) -> Result<Coded, PackError> {
        let mut texts = Vec::new();
        for _ in 0..self.length(9)? {
            let present = self.take(1)?[0] != 0;
            let text = self.text()?;
            texts.push(present.then(|| Box::from(text)));
        }
        let codes = self.codes(rows)?;
        if !(0..rows).all(|row| (codes.get(row) as usize) < texts.len()) {
            return Err(PackError("a code has no text"));
        }
        Ok(Coded { texts, codes })
    }

    fn flat(&mut self) -> Result<Flat, PackError> {
        let text = self.text()?.to_owned();
        let ends = self.wide()?;
        let nulls = self.take(ends.len())?.iter().map(|null| *null != 0).collect();
        let fits = ends.is_sorted() && ends.iter().all(|end| text.is_char_boundary(*end as usize));
        fits.then_some(Flat { text, ends, nulls }).ok_or(PackError("its lists do not fit each other"))
    }
}
