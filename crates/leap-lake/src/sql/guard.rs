//! Limits on the text before anything parses it, and the decision on the plan.
//!
//! A flat chain of some 2,000 operators overflows DataFusion's stack and kills the process, so the text is cut into
//! tokens and counted first. Whether a statement only reads is decided on the logical plan: texts can be disguised. The
//! parsed statement is looked at before that for the sake of clear words: what the engine cannot even plan here (it knows
//! no file formats) should be refused by name.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use leap_terms::limits::{SQL_BINARY_OPERATORS, SQL_BYTES, SQL_DEPTH, SQL_TOKENS};

use crate::LakeError;

/// Words that chain expressions or relations: each may add a level to the tree.
const CHAINING_WORDS: [&str; 26] = [
    "AND",
    "OR",
    "XOR",
    "NOT",
    "LIKE",
    "ILIKE",
    "SIMILAR",
    "IN",
    "IS",
    "BETWEEN",
    "DIV",
    "COLLATE",
    "AT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "CASE",
    "WHEN",
    "EXPLAIN",
    "ANALYZE",
    "INTERVAL",
    "PRIOR",
    "WITH",
    "EXISTS",
];

/// Refuses a text that is too long, too deep or too chained.
pub(super) fn limit_text(text: &str) -> Result<(), LakeError> {
    let pass = |limit: &'static str, found: usize, most: usize, what: &str| {
        if found > most {
            Err(LakeError::SqlLimit { limit, detail: format!("it has {found} {what}, at most {most} are allowed") })
        } else {
            Ok(())
        }
    };
    pass("SQL_BYTES", text.len(), SQL_BYTES, "bytes")?;
    let tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize()
        .map_err(|fault| LakeError::Sql { message: fault.to_string() })?;
    let (mut count, mut operators, mut depth, mut deepest) = (0, 0, 0_usize, 0);
    for token in &tokens {
        if matches!(token, Token::Whitespace(_)) {
            continue;
        }
        count += 1;
        match token {
            Token::LParen | Token::LBrace => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            // A subscript chains as well: a[1][2][3].
            Token::LBracket => {
                depth += 1;
                deepest = deepest.max(depth);
                operators += 1;
            }
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::Word(word) if word.quote_style.is_none() => {
                let upper = word.value.to_ascii_uppercase();
                operators += usize::from(CHAINING_WORDS.contains(&upper.as_str()));
            }
            Token::Word(_)
            | Token::Number(..)
            | Token::Char(_)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::Comma
            | Token::Period
            | Token::SemiColon
            | Token::EOF => {}
            // Everything else that the tokeniser knows is an operator or rare enough to count as one.
            _ => operators += 1,
        }
    }
    pass("SQL_TOKENS", count, SQL_TOKENS, "tokens")?;
    pass("SQL_BINARY_OPERATORS", operators, SQL_BINARY_OPERATORS, "operators")?;
    pass("SQL_DEPTH", deepest, SQL_DEPTH, "levels of parentheses")
}

/// Refuses statements that are no query, by their name.
pub(super) fn only_query_statement(statement: &Statement) -> Result<(), LakeError> {
    let refused = match statement {
        Statement::Explain(explain) => return only_query_statement(&explain.statement),
        Statement::Statement(inner) => match inner.as_ref() {
            SqlStatement::Query(_)
            | SqlStatement::ExplainTable { .. }
            | SqlStatement::ShowTables { .. }
            | SqlStatement::ShowColumns { .. } => return Ok(()),
            SqlStatement::Explain { statement, .. } => {
                return only_query_statement(&Statement::Statement(statement.clone()));
            }
            other => other.to_string(),
        },
        Statement::CreateExternalTable(_) => "CREATE EXTERNAL TABLE".to_owned(),
        Statement::CopyTo(_) => "COPY".to_owned(),
        Statement::Reset(_) => "RESET".to_owned(),
    };
    let what = refused.split_whitespace().next().unwrap_or_default().trim_end_matches(';').to_owned();
    Err(LakeError::SqlRefused { what })
}

/// Refuses every plan that is not a query all through.
pub(super) fn only_query(plan: &LogicalPlan) -> Result<(), LakeError> {
    let mut refused = None;
    let walked = plan.apply_with_subqueries(|node| {
        refused = refusal(node);
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    if let Some(what) = refused {
        return Err(LakeError::SqlRefused { what });
    }
    // The engine's own check as well: two doors, both shut.
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    walked.and_then(|_| options.verify_plan(plan)).map_err(|fault| LakeError::SqlRefused { what: plain(&fault) })
}

fn refusal(node: &LogicalPlan) -> Option<String> {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => None,
        LogicalPlan::Statement(statement) => Some(statement.name().to_owned()),
        LogicalPlan::Dml(dml) => Some(dml.op.name().to_owned()),
        LogicalPlan::Ddl(ddl) => Some(ddl.name().to_owned()),
        LogicalPlan::Copy(_) => Some("COPY".to_owned()),
        LogicalPlan::Extension(extension) => Some(extension.node.name().to_owned()),
    }
}

/// The first sentence of the fault, without the names of the engine's layers, settings and catalogs.
pub(super) fn plain(fault: &DataFusionError) -> String {
    let text = fault.find_root().strip_backtrace();
    let known = [
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "Execution error: ",
        "Arrow error: ",
        "This feature is not implemented: ",
    ];
    let text = known.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(&text);
    text.lines().next().unwrap_or_default().replace("leap.lake.", "").replace('"', "")
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::only_query;

    #[tokio::test]
    async fn the_decision_is_made_on_the_plan() {
        // An engine with all features, so that each text gets as far as a plan.
        let context = SessionContext::new();
        for (text, query) in [
            ("SELECT 1", true),
            ("EXPLAIN SELECT 1", true),
            ("EXPLAIN ANALYZE SELECT 1", true),
            ("SELECT 1 WHERE EXISTS (SELECT 2)", true),
            ("COPY (SELECT 1) TO 'x' STORED AS CSV", false),
            ("EXPLAIN COPY (SELECT 1) TO 'x' STORED AS CSV", false),
            ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'x' STORED AS CSV", false),
            ("CREATE TABLE t AS SELECT 1", false),
            ("EXPLAIN CREATE TABLE t AS SELECT 1", false),
            ("CREATE VIEW v AS SELECT 1", false),
            ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'", false),
            ("DROP TABLE t", false),
            ("SET datafusion.execution.batch_size = 1", false),
            ("START TRANSACTION", false),
            ("PREPARE p AS SELECT 1", false),
        ] {
            let plan = context.state().create_logical_plan(text).await.unwrap();
            assert_eq!(only_query(&plan).is_ok(), query, "{text}");
        }
    }
}
