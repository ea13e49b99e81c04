//! The law, in examples and as properties.

use super::*;
use proptest::prelude::*;

fn parts(amount: &str, weights: &[(&str, u128)]) -> Vec<String> {
    let split = split(amount.parse().unwrap(), weights).unwrap();
    split.parts.iter().map(Exact::to_string).collect()
}

#[test]
fn a_zero_weight_gets_zero_and_the_others_share_alike() {
    assert_eq!(parts("15", &[("a", 0), ("b", 1), ("c", 1)]), ["0", "7.5", "7.5"]);
    assert_eq!(parts("-15", &[("a", 0), ("b", 1), ("c", 1)]), ["0", "-7.5", "-7.5"]);
}

#[test]
fn the_last_unit_goes_to_the_lowest_key_whatever_the_order() {
    let unit = "0.000000000000000001";
    assert_eq!(parts(unit, &[("c", 1), ("b", 1), ("a", 1)]), ["0", "0", unit]);
    assert_eq!(parts(unit, &[("a", 1), ("c", 1), ("b", 1)]), [unit, "0", "0"]);
    assert_eq!(parts(unit, &[("a", 1), ("b", 2)]), ["0", unit], "the larger remainder goes before the lower key");
}

#[test]
fn finer_amounts_are_split_in_finer_units() {
    let third = split("0.000000000000000000000000000004".parse().unwrap(), &[("a", 1), ("b", 1), ("c", 1)]).unwrap();
    assert_eq!(third.parts[0].to_string(), "0.000000000000000000000000000002");
    assert_eq!(third.extra, [true, false, false]);
    let large = "999999999999.999999999999999999999999999999";
    assert_eq!(parts(large, &[("a", 1)]), [large]);
}

#[test]
fn without_any_weight_there_is_no_split() {
    assert_eq!(split(Exact::from_whole(1), &[("a", 0)]), None);
    assert_eq!(split::<&str>(Exact::from_whole(1), &[]), None);
    assert_eq!(split_big(Exact::from_whole(1), &[("a", BigUint::ZERO)]), None);
}

#[test]
fn shares_are_shown_in_lowest_terms() {
    let weights = Weights::new([("a", 30), ("b", 60)]).unwrap();
    let numbers = [1_u8, 2].map(BigUint::from);
    assert_eq!(weights.reduced(), (numbers.to_vec(), BigUint::from(3_u8)));
}

fn exact() -> impl Strategy<Value = Exact> {
    let coarse = prop_oneof![-1000_i128..1000, -10_i128.pow(30)..10_i128.pow(30)];
    let fine = prop_oneof![Just(0_i128), 0..10_i128.pow(12)];
    (coarse, fine).prop_map(|(coarse, fine)| Exact::from_parts(coarse, fine))
}

fn weights() -> impl Strategy<Value = Vec<(u16, u128)>> {
    let weight = prop_oneof![Just(0), 1_u128..9, 1_u128..1 << 40, 1..10_u128.pow(33), 0..u128::MAX];
    proptest::collection::vec(weight, 1..12)
        .prop_map(|weights| (0_u16..).zip(weights).collect::<Vec<_>>())
        .prop_filter("some weight", |weights| weights.iter().any(|(_, weight)| *weight > 0))
}

fn big(weights: &[(u16, u128)]) -> Vec<(u16, BigUint)> {
    weights.iter().map(|(key, weight)| (*key, BigUint::from(*weight))).collect()
}

/// Units of 10⁻³⁰.
fn fine_units(amount: Exact) -> BigUint {
    all_units(amount.abs(), true)
}

proptest! {
    #[test]
    fn parts_add_up_and_zero_weights_get_nothing(amount in exact(), weights in weights()) {
        let split = split(amount, &weights).unwrap();
        prop_assert_eq!(split.parts.iter().copied().sum::<Exact>(), amount);
        for ((_, weight), part) in weights.iter().zip(&split.parts) {
            prop_assert!(*weight > 0 || part.is_zero());
            prop_assert!(part.is_zero() || (*part < Exact::ZERO) == (amount < Exact::ZERO));
        }
    }

    #[test]
    fn a_refund_mirrors_its_charge(amount in exact(), weights in weights()) {
        let (charge, refund) = (split(amount, &weights).unwrap(), split(-amount, &weights).unwrap());
        let mirrored: Vec<Exact> = refund.parts.iter().map(|part| -*part).collect();
        prop_assert_eq!(charge.parts, mirrored);
        prop_assert_eq!(charge.extra, refund.extra);
    }

    #[test]
    fn the_order_of_the_input_is_irrelevant(amount in exact(), weights in weights(), turn in 0_usize..12) {
        let mut turned = weights.clone();
        turned.rotate_left(turn % weights.len());
        if turn % 2 == 0 {
            turned.reverse();
        }
        let straight = split(amount, &weights).unwrap();
        let other = split(amount, &turned).unwrap();
        for ((key, _), part) in turned.iter().zip(other.parts) {
            prop_assert_eq!(part, straight.parts[usize::from(*key)]);
        }
    }

    #[test]
    fn no_part_is_a_unit_away_from_its_exact_share(amount in exact(), weights in weights()) {
        let split = split(amount, &weights).unwrap();
        let total: BigUint = weights.iter().map(|(_, weight)| BigUint::from(*weight)).sum();
        let unit = BigUint::from(if amount.fine() == 0 { 10_u128.pow(12) } else { 1 });
        for ((_, weight), part) in weights.iter().zip(&split.parts) {
            let (share, part) = (fine_units(amount) * BigUint::from(*weight), fine_units(*part) * &total);
            let distance = if share > part { share - part } else { part - share };
            prop_assert!(distance < &unit * &total);
        }
    }

    #[test]
    fn both_sizes_of_integers_agree(amount in exact(), weights in weights(), factor in 1_u128..u128::MAX) {
        let small = split(amount, &weights).unwrap();
        prop_assert_eq!(&small, &split_big(amount, &big(&weights)).unwrap());
        let scaled: Vec<(u16, BigUint)> =
            big(&weights).into_iter().map(|(key, weight)| (key, weight * BigUint::from(factor))).collect();
        prop_assert_eq!(&small, &split_big(amount, &scaled).unwrap());
        // Plain integers against big ones: the same numbers, forced down the other road.
        let wide: Vec<BigUint> = weights.iter().map(|(_, weight)| BigUint::from(*weight)).collect();
        let wide = Weights {
            keys: weights.iter().map(|(key, _)| *key).collect(),
            scaled: Scaled::Wide { total: wide.iter().sum(), weights: wide },
        };
        prop_assert_eq!(small, wide.split(amount));
    }
}
