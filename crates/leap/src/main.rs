//! leap
fn main(){}
