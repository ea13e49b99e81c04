//! `Tags['team']`: looking up a key in a column of JSON text.
//!
//! Works on every text column that holds a JSON object (`Tags`, `AllocatedTags`, `SkuPriceDetails` …). A key that is
//! absent, and a text that is no object, give null. A value that is not a string is given as its JSON text.

use std::sync::Arc;

use arrow::array::{Array, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, GetFieldAccess, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    lit,
};

/// The function `leap_tag(json, key)`.
pub(super) fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Lookup { signature: Signature::string(2, Volatility::Immutable) }))
}

/// The planner that turns `text['key']` into `leap_tag(text, 'key')`.
pub(super) fn planner() -> Arc<dyn ExprPlanner> {
    Arc::new(TextSubscript)
}

#[derive(Debug)]
struct TextSubscript;

impl ExprPlanner for TextSubscript {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let key = match &access.field_access {
            GetFieldAccess::NamedStructField { name } => lit(name.clone()),
            GetFieldAccess::ListIndex { key } => key.as_ref().clone(),
            GetFieldAccess::ListRange { .. } => return Ok(PlannerResult::Original(access)),
        };
        Ok(match access.expr.get_type(schema) {
            Ok(DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) => {
                PlannerResult::Planned(function().call(vec![access.expr, key]))
            }
            _ => PlannerResult::Original(access),
        })
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Lookup {
    signature: Signature,
}

impl ScalarUDFImpl for Lookup {
    fn name(&self) -> &str {
        "leap_tag"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let text = |value: ColumnarValue| {
            arrow::compute::cast(&value.into_array(rows)?, &DataType::Utf8).map_err(DataFusionError::from)
        };
        let [json, key] = <[ColumnarValue; 2]>::try_from(call.args)
            .map_err(|_| DataFusionError::Plan("leap_tag takes a text and a key".to_owned()))?;
        let constant = match &key {
            ColumnarValue::Scalar(
                ScalarValue::Utf8(key) | ScalarValue::Utf8View(key) | ScalarValue::LargeUtf8(key),
            ) => Some(key.clone()),
            _ => None,
        };
        let json = text(json)?;
        let json = json.as_string::<i32>();
        let mut out = StringBuilder::with_capacity(rows, rows * 8);
        if let Some(key) = constant {
            // Neighbours often have the same tags: remember the last answer.
            let mut last: Option<(&str, Option<String>)> = None;
            for row in 0..rows {
                let Some(key) = key.as_deref().filter(|_| json.is_valid(row)) else {
                    out.append_null();
                    continue;
                };
                let tags = json.value(row);
                if last.as_ref().is_none_or(|(seen, _)| *seen != tags) {
                    last = Some((tags, look_up(tags, key)));
                }
                out.append_option(last.as_ref().and_then(|(_, value)| value.as_deref()));
            }
        } else {
            let keys = text(key)?;
            let keys = keys.as_string::<i32>();
            for row in 0..rows {
                let known = json.is_valid(row) && keys.is_valid(row);
                out.append_option(if known { look_up(json.value(row), keys.value(row)) } else { None });
            }
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

/// The value of a key in a JSON object.
fn look_up(json: &str, key: &str) -> Option<String> {
    // Most rows lack the key; a search is far cheaper than a parse. Keys with escapes are rare and always parsed.
    if !json.contains(key) && !json.contains('\\') {
        return None;
    }
    let object: serde_json::Value = serde_json::from_str(json).ok()?;
    match object.as_object()?.get(key)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::look_up;

    #[test]
    fn a_tag_is_found_by_its_exact_key() {
        let tags = r#"{" org":"a","env":"prod","n":7,"quote\"d":"x","team":"payments"}"#;
        assert_eq!(look_up(tags, "team").as_deref(), Some("payments"));
        assert_eq!(look_up(tags, " org").as_deref(), Some("a"));
        assert_eq!(look_up(tags, "org"), None);
        assert_eq!(look_up(tags, "quote\"d").as_deref(), Some("x"));
        assert_eq!(look_up(tags, "n").as_deref(), Some("7"));
        assert_eq!(look_up(tags, "prod"), None);
        assert_eq!(look_up("no object: team", "team"), None);
    }
}
