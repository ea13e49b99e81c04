//! scratch
use leap_sim::company::*;
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let dir = std::path::Path::new(&a[1]);
    let t = Instant::now();
    if a.len() > 2 {
        let b = bench_bill(a[2].parse().unwrap(), 1, dir, a[3].parse().unwrap()).unwrap();
        println!("{} rows {:?} in {:?}", b.rows, b.totals, t.elapsed());
        return;
    }
    let c = make(&CompanyOptions::default(), dir).unwrap();
    println!("{:?}", t.elapsed());
    for d in &c.deliveries { println!("{} {} {} current={}", d.label, d.rows, d.totals.billed, d.current); }
    println!("{} deliveries, teams {} units {} moved {} reorg {} accounts {} resources {} rules {} delivered {} current {} effective {} owned {}", c.deliveries.len(), c.teams, c.units, c.moved_teams, c.reorg, c.accounts, c.resources, c.rule_count, c.rows_delivered, c.rows_current, c.effective, c.owned_bps);
}
