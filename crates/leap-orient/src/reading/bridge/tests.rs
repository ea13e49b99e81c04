//! Small changes by hand, and random ones that must add up.

use super::*;

fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

fn product(service: &str, unit: &str, sku: &str) -> Product {
    Product { service: service.to_owned(), unit: unit.to_owned(), sku: sku.to_owned() }
}

fn products(list: &[(&str, &str, &str, &str, &str)]) -> Products {
    let mut products = Products::new();
    for (service, unit, sku, cost, quantity) in list {
        let quantity = (!quantity.is_empty()).then(|| exact(quantity));
        products.entry(product(service, unit, sku)).or_default().add(exact(cost), quantity);
    }
    products
}

fn compared(before: Products, after: Products) -> Compared {
    Compared { owned_before: before.values().map(|used| used.cost).sum(), before, after, shared: [Exact::ZERO; 2] }
}

/// Causes with their amounts, over all services.
fn told(bridge: &Bridge) -> Vec<(&'static str, String)> {
    let totals = Cause::ALL.map(|cause| (cause.word(), bridge.total(cause)));
    let spoken = totals.into_iter().filter(|(_, amount)| !amount.is_zero());
    spoken.map(|(word, amount)| (word, amount.to_string())).collect()
}

fn list(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs.iter().map(|(word, amount)| (*word, (*amount).to_owned())).collect()
}

#[test]
fn price_usage_and_mix_by_hand() {
    // 100 h of small at 1 and 100 h of large at 3; then 100 h of small at 2 and 300 h of large at 3.
    let before = products(&[("EC2", "h", "small", "100", "100"), ("EC2", "h", "large", "300", "100")]);
    let after = products(&[("EC2", "h", "small", "200", "100"), ("EC2", "h", "large", "900", "300")]);
    let bridge = Bridge::of(&compared(before, after));
    // Price: small costs 1 more for 100 h. Usage: twice the hours, at 2 an hour. Mix: 100 more of large than of small.
    assert_eq!(told(&bridge), list(&[("price", "100"), ("usage", "400"), ("mix", "200")]));
    assert_eq!((bridge.before, bridge.after), (exact("400"), exact("1100")));
}

#[test]
fn new_services_and_ended_ones_are_usage_and_a_replaced_sku_is_mix() {
    let before = products(&[("S3", "GB", "standard", "10", "100"), ("SQS", "req", "std", "7", "7")]);
    let after = products(&[("S3", "GB", "cold", "4", "100"), ("SNS", "req", "std", "3", "9")]);
    let bridge = Bridge::of(&compared(before, after));
    assert_eq!(told(&bridge), list(&[("usage", "-4"), ("mix", "-6")]));
    let largest: Vec<_> = bridge.largest(Cause::Usage).iter().map(|part| part.service.clone().unwrap()).collect();
    assert_eq!(largest, ["SQS", "SNS"]);
}

#[test]
fn quantities_of_other_units_are_never_added_and_what_has_none_is_other() {
    let before =
        products(&[("S3", "GB", "a", "10", "100"), ("S3", "req", "b", "5", "1000"), ("S3", "", "tax", "1", "")]);
    let after = products(&[("S3", "GB", "a", "20", "200"), ("S3", "req", "b", "5", "500"), ("S3", "", "tax", "3", "")]);
    let bridge = Bridge::of(&compared(before, after));
    // A request costs twice as much, and half as many were made.
    assert_eq!(told(&bridge), list(&[("price", "2.5"), ("usage", "7.5"), ("other charges", "2")]));
}

#[test]
fn ownership_and_pools_stand_apart() {
    let all = products(&[("EC2", "h", "small", "100", "100")]);
    let mut moved = compared(all.clone(), all);
    moved.owned_before = exact("40");
    moved.shared = [exact("5"), exact("8")];
    let bridge = Bridge::of(&moved);
    assert_eq!(told(&bridge), list(&[("ownership", "60"), ("shared platforms", "3")]));
    assert_eq!((bridge.before, bridge.after), (exact("45"), exact("108")));
}

#[test]
fn a_quotient_is_rounded_half_to_even_and_mix_takes_the_rest() {
    assert_eq!(scaled(exact("1"), exact("1"), exact("3")), exact("0.333333333333333333"));
    assert_eq!(scaled(exact("-2"), exact("1"), exact("3")), exact("-0.666666666666666667"));
    assert_eq!(scaled(exact("0.000000000000000001"), exact("1"), exact("2")), Exact::ZERO);
    assert_eq!(scaled(exact("0.000000000000000003"), exact("1"), exact("2")), exact("0.000000000000000002"));
}

/// Pseudo-random numbers (Knuth's MMIX generator), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn products(&mut self) -> Products {
        let mut products = Products::new();
        for _ in 0..self.below(12) {
            let [service, unit, sku] =
                [("s", 3), ("u", 2), ("k", 4)].map(|(word, of)| format!("{word}{}", self.below(of)));
            let cost = i128::from(self.below(1_000_000)) * 1_234_567_891 - 400_000_000_000_000;
            let cost = Exact::from_parts(cost, i128::from(self.below(999)));
            let quantity = i128::from(self.below(900)) * 100_000_000_000_000_000 - 1_000;
            let quantity = (self.below(6) > 0).then(|| Exact::from_parts(quantity, 7));
            products.entry(product(&service, &unit, &sku)).or_default().add(cost, quantity);
        }
        products
    }
}

#[test]
fn random_changes_add_up_to_the_last_digit_service_by_service() {
    let mut numbers = Numbers(7);
    let mut parts = 0;
    for _ in 0..2_000 {
        let (before, after) = (numbers.products(), numbers.products());
        let bridge = Bridge::of(&compared(before.clone(), after.clone()));
        parts += bridge.parts.len();
        for service in ["s0", "s1", "s2"] {
            let of = |products: &Products| -> Exact {
                products.iter().filter(|(name, _)| name.service == service).map(|(_, used)| used.cost).sum()
            };
            let own = bridge.parts.iter().filter(|part| part.service.as_deref() == Some(service));
            assert_eq!(own.map(|part| part.amount).sum::<Exact>(), of(&after) - of(&before));
        }
    }
    assert!(parts > 10_000, "{parts}");
}
