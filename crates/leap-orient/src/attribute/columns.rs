//! The lake's batches as plain values.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Decimal128Array, Int32Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int32Type, Int64Type};
use hashbrown::HashMap;
use leap_terms::tables::{self, fine_column};
use leap_terms::{CostKind, Costs, Currency, Day, Exact};

use super::tags::NULL;
use crate::interner::Interner;
use crate::proof::Folded;

/// Why a batch cannot be attributed. Each is our bug or a damaged lake, never the person's.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// A batch lacks a column of its table.
    #[error("cannot attribute: the batch has no column {0}")]
    MissingColumn(String),
    /// A column has another type than its table says.
    #[error("cannot attribute: column {column} is {found}")]
    WrongType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A digest has not 16 bytes.
    #[error("cannot attribute: column {0} holds a digest that has not 16 bytes")]
    BadDigest(String),
    /// A cell of the cube whose key is not in the keys.
    #[error("cannot attribute: the cube has key {0:032x}, which the keys lack")]
    UnknownKey(u128),
    /// A currency, owner or count that cannot be.
    #[error("cannot attribute: {0}")]
    BadValue(String),
}

fn column(batch: &RecordBatch, name: &str) -> Result<ArrayRef, AttributeError> {
    batch.column_by_name(name).cloned().ok_or_else(|| AttributeError::MissingColumn(name.to_owned()))
}

fn cast_to(array: ArrayRef, name: &str, to: &DataType) -> Result<ArrayRef, AttributeError> {
    if array.data_type() == to {
        return Ok(array);
    }
    let wrong = || AttributeError::WrongType { column: name.to_owned(), found: array.data_type().to_string() };
    cast(&array, to).map_err(|_| wrong())
}

/// A text column.
pub(crate) fn text(batch: &RecordBatch, name: &str) -> Result<StringArray, AttributeError> {
    Ok(cast_to(column(batch, name)?, name, &DataType::Utf8)?.as_string::<i32>().clone())
}

/// A column of texts, as the rules' values: plain, or each distinct text once.
pub(super) enum Texts {
    Missing,
    Plain(StringArray),
    Coded {
        codes: Int32Array,
        /// The number of each text.
        numbers: Vec<u32>,
    },
}

impl Texts {
    pub(super) fn new(batch: &RecordBatch, name: &str, values: &mut Interner) -> Result<Texts, AttributeError> {
        let Some(array) = batch.column_by_name(name) else { return Ok(Texts::Missing) };
        let coded = array.as_dictionary_opt::<Int32Type>();
        let texts = coded.and_then(|coded| Some((coded.keys(), coded.values().as_string_opt::<i32>()?)));
        let Some((codes, texts)) = texts else { return Ok(Texts::Plain(text(batch, name)?)) };
        let number = |text: Option<&str>| text.filter(|text| !text.is_empty()).map_or(NULL, |text| values.intern(text));
        Ok(Texts::Coded { codes: codes.clone(), numbers: texts.iter().map(number).collect() })
    }

    /// The codes, where each distinct text has one: equal codes are equal texts.
    pub(super) fn codes(&self) -> Option<Int32Array> {
        match self {
            Texts::Coded { codes, .. } => Some(codes.clone()),
            Texts::Missing | Texts::Plain(_) => None,
        }
    }

    /// The number of a row's text.
    pub(super) fn number(&self, row: usize, values: &mut Interner) -> u32 {
        match self {
            Texts::Missing => NULL,
            Texts::Plain(array) => {
                let text = array.is_valid(row).then(|| array.value(row)).filter(|text| !text.is_empty());
                text.map_or(NULL, |text| values.intern(text))
            }
            Texts::Coded { codes, numbers } => {
                let code = codes.is_valid(row).then(|| usize::try_from(codes.value(row)).ok()).flatten();
                code.and_then(|code| numbers.get(code).copied()).unwrap_or(NULL)
            }
        }
    }
}

/// A column of digests.
pub(crate) fn binary(batch: &RecordBatch, name: &str) -> Result<BinaryArray, AttributeError> {
    Ok(cast_to(column(batch, name)?, name, &DataType::Binary)?.as_binary::<i32>().clone())
}

/// A digest as a number that sorts like its bytes.
pub(super) fn digest(bytes: &[u8], name: &str) -> Result<u128, AttributeError> {
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| AttributeError::BadDigest(name.to_owned()))?;
    Ok(u128::from_be_bytes(bytes))
}

/// A column of days.
pub(super) fn days(batch: &RecordBatch, name: &str) -> Result<arrow::array::Date32Array, AttributeError> {
    Ok(cast_to(column(batch, name)?, name, &DataType::Date32)?.as_primitive::<Date32Type>().clone())
}

/// One cell of the cube, without its quantities.
pub(crate) struct Cell {
    pub(crate) day: Day,
    pub(crate) key: u128,
    pub(crate) resource: Option<u128>,
    /// Number of the currency in [`Currencies`].
    pub(crate) currency: usize,
    pub(crate) folded: Folded,
}

/// Currencies seen, numbered.
#[derive(Default)]
pub(crate) struct Currencies {
    pub(crate) all: Vec<Currency>,
    numbers: HashMap<String, usize>,
}

impl Currencies {
    fn number(&mut self, text: &str) -> Result<usize, AttributeError> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let currency = Currency::new(text).map_err(AttributeError::BadValue)?;
        let number = match self.all.iter().position(|known| *known == currency) {
            Some(number) => number,
            None => {
                self.all.push(currency);
                self.all.len() - 1
            }
        };
        self.numbers.insert(text.to_owned(), number);
        Ok(number)
    }
}

/// A batch of the cube.
pub(crate) struct CubeRows {
    days: arrow::array::Date32Array,
    keys: BinaryArray,
    resources: BinaryArray,
    currencies: StringArray,
    costs: [(Decimal128Array, Option<Decimal128Array>); 4],
    rows: arrow::array::Int64Array,
}

impl CubeRows {
    pub(crate) fn new(batch: &RecordBatch) -> Result<CubeRows, AttributeError> {
        let decimal = |name: &str| -> Result<Decimal128Array, AttributeError> {
            let array = column(batch, name)?;
            array.as_primitive_opt::<Decimal128Type>().cloned().ok_or_else(|| AttributeError::WrongType {
                column: name.to_owned(),
                found: array.data_type().to_string(),
            })
        };
        let cost = |kind: CostKind| -> Result<_, AttributeError> {
            let fine = fine_column(kind.column());
            let fine = if batch.column_by_name(&fine).is_some() { Some(decimal(&fine)?) } else { None };
            Ok((decimal(kind.column())?, fine.filter(|fine| fine.null_count() < fine.len())))
        };
        let [billed, effective, list, contracted] = CostKind::ALL;
        let rows = cast_to(column(batch, tables::ROWS)?, tables::ROWS, &DataType::Int64)?;
        Ok(CubeRows {
            days: days(batch, tables::DAY)?,
            keys: binary(batch, tables::KEY)?,
            resources: binary(batch, tables::RESOURCE)?,
            currencies: text(batch, "BillingCurrency")?,
            costs: [cost(billed)?, cost(effective)?, cost(list)?, cost(contracted)?],
            rows: rows.as_primitive::<Int64Type>().clone(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.days.len()
    }

    pub(crate) fn cell(&self, at: usize, currencies: &mut Currencies) -> Result<Cell, AttributeError> {
        let mut costs = Costs::default();
        for (kind, (coarse, fine)) in CostKind::ALL.into_iter().zip(&self.costs) {
            let fine = fine.as_ref().filter(|fine| fine.is_valid(at)).map_or(0, |fine| fine.value(at));
            costs[kind] = Exact::from_parts(coarse.value(at), fine);
        }
        let rows = self.rows.value(at);
        if rows < 0 {
            return Err(AttributeError::BadValue(format!("a cell of the cube has {rows} rows")));
        }
        let resource =
            self.resources.is_valid(at).then(|| digest(self.resources.value(at), tables::RESOURCE)).transpose()?;
        Ok(Cell {
            day: Day::from_days(self.days.value(at)),
            key: digest(self.keys.value(at), tables::KEY)?,
            resource,
            currency: currencies.number(self.currencies.value(at))?,
            folded: Folded { costs, rows },
        })
    }
}
