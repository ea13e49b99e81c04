//! Small bills in FOCUS, written as people would: one line per charge.
//!
//! ```text
//! 2026-09-10  i-1  team=payments  100.00
//! ```

use std::fmt::Write;

/// The header of the bills below: the mandatory columns of FOCUS 1.2 and a few more.
const HEADER: &str = "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,ChargePeriodEnd,ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,PricingQuantity,PricingUnit,ProviderName,PublisherName,ResourceId,ServiceCategory,ServiceName,SubAccountId,Tags";

/// A charge: day, resource, tag `team` (empty for none), and the amount of all four costs.
pub(crate) type Line<'a> = (&'a str, &'a str, &'a str, &'a str);

/// A bill of one billing period (`2026-09`) in US dollars.
pub(crate) fn bill(period: &str, lines: &[Line]) -> String {
    bill_in("USD", period, lines)
}

/// A bill in another currency.
pub(crate) fn bill_in(currency: &str, period: &str, lines: &[Line]) -> String {
    let mut out = format!("{HEADER}\n");
    for line in lines {
        row(&mut out, currency, period, "Usage", line);
    }
    out
}

/// One row.
pub(crate) fn row(
    out: &mut String,
    currency: &str,
    period: &str,
    category: &str,
    (day, resource, team, amount): &Line,
) {
    let start = format!("{period}-01T00:00:00Z");
    let (year, month) = period.split_once('-').expect("a period such as 2026-09");
    let (year, month): (u32, u32) = (year.parse().expect("a year"), month.parse().expect("a month"));
    let end = if month == 12 {
        format!("{}-01-01T00:00:00Z", year + 1)
    } else {
        format!("{year}-{:02}-01T00:00:00Z", month + 1)
    };
    let tags = if team.is_empty() { String::new() } else { format!("\"{{\"\"team\"\": \"\"{team}\"\"}}\"") };
    writeln!(
        out,
        "{amount},acc,Acme,{currency},{end},{start},{category},,a charge,{day}T01:00:00Z,{day}T00:00:00Z,{amount},{amount},AWS,{amount},1,Hours,AWS,AWS,{resource},Compute,Amazon EC2,sub-1,{tags}"
    )
    .expect("writing to a string");
}

/// An org of teams a, b and c under acme.
pub(crate) const ORG: &str = "units:
  - {id: acme, name: Acme, kind: company}
  - {id: a, name: Team A, kind: team, parent: acme, aliases: [alpha]}
  - {id: b, name: Team B, kind: team, parent: acme}
  - {id: c, name: Team C, kind: team, parent: acme}
";

/// Rules that follow the tag `team`.
pub(crate) const RULES: &str = "rules:
  - id: team-tag
    when: \"Tags['team'] IS NOT NULL\"
    owner: {from: \"Tags['team']\"}
residual: {steward: cloud-efficiency}
";
