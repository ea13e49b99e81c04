//! Who can recover how much: a saving that several teams make together, divided by the Shapley value.
//!
//! ```text
//! B and C run in parallel: v({B}) = 0, v({C}) = 30, v({B, C}) = 80    B = (0 + 50)/2 = 25, C = (30 + 80)/2 = 55
//! ```
//! Exact for at most [`EXACT`] players: each coalition is asked for once. Beyond, over [`SAMPLED`] orders of players
//! from a fixed sequence, each with its reverse: the same input gives the same result, it adds up to v(all) − v(none)
//! all the same, and [`Shapley::orders`] says that it is sampled. It is never for the ledger, which uses
//! [`super::composition`].

use std::collections::BTreeMap;

/// At most so many players are exact: 1,024 coalitions.
pub const EXACT: usize = 10;
/// At most so many players at all: coalitions are sets of 64 bits.
pub const MOST: usize = 64;
/// How many orders are sampled beyond [`EXACT`] players, half of them the reverse of the other half.
pub const SAMPLED: u32 = 512;

/// A set of players, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Coalition(pub u64);

impl Coalition {
    /// True when the player is in it.
    pub fn has(self, player: usize) -> bool {
        self.0 >> player & 1 == 1
    }

    /// The players in it, ascending.
    pub fn players(self) -> impl Iterator<Item = usize> {
        (0..MOST).filter(move |player| self.has(*player))
    }
}

/// Values as exact fractions with one denominator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shapley {
    /// Per player, over [`Shapley::under`].
    pub over: Vec<i128>,
    /// n! where exact, else the number of orders sampled.
    pub under: i128,
    /// How many orders were sampled; `None` where all were taken.
    pub orders: Option<u32>,
}

impl Shapley {
    /// Whole numbers that add up to v(all) − v(none): rounded down, and the units left over to the largest remainders,
    /// ties to the lower player.
    pub fn whole(&self) -> Vec<i128> {
        let mut whole: Vec<i128> = self.over.iter().map(|over| over.div_euclid(self.under)).collect();
        let rest: Vec<i128> = self.over.iter().map(|over| over.rem_euclid(self.under)).collect();
        let left = rest.iter().sum::<i128>() / self.under;
        let mut order: Vec<usize> = (0..whole.len()).collect();
        order.sort_by(|a, b| rest[*b].cmp(&rest[*a]).then(a.cmp(b)));
        for player in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
            whole[player] += 1;
        }
        whole
    }
}

/// The Shapley value of `players` for the value function `v`, which is asked once per coalition it needs. `None` beyond
/// [`MOST`] players.
///
/// Values must be below 2¹⁰⁰ in size (they are nanoseconds of 64 bits).
pub fn shapley(players: usize, mut v: impl FnMut(Coalition) -> i128) -> Option<Shapley> {
    if players > MOST {
        return None;
    }
    let mut known: BTreeMap<Coalition, i128> = BTreeMap::new();
    let mut value = |coalition: Coalition| *known.entry(coalition).or_insert_with(|| v(coalition));
    Some(if players <= EXACT { exact(players, &mut value) } else { sampled(players, &mut value) })
}

fn exact(players: usize, value: &mut impl FnMut(Coalition) -> i128) -> Shapley {
    let factorial = |n: usize| (1..=n as i128).product::<i128>();
    let mut over = vec![0; players];
    for set in 0..1_u64 << players {
        let without = value(Coalition(set));
        let size = set.count_ones() as usize;
        for player in (0..players).filter(|player| !Coalition(set).has(*player)) {
            // The player joins right after this coalition in |S|! · (n − |S| − 1)! of the n! orders.
            let orders = factorial(size) * factorial(players - size - 1);
            over[player] += orders * (value(Coalition(set | 1 << player)) - without);
        }
    }
    Shapley { over, under: factorial(players), orders: None }
}

fn sampled(players: usize, value: &mut impl FnMut(Coalition) -> i128) -> Shapley {
    let mut over = vec![0; players];
    let mut order: Vec<usize> = (0..players).collect();
    let mut sequence = Sequence(0);
    for _ in 0..SAMPLED / 2 {
        for place in (1..players).rev() {
            order.swap(place, sequence.below(place as u64 + 1) as usize);
        }
        for _ in 0..2 {
            let mut set = Coalition(0);
            let mut before = value(set);
            for player in &order {
                set = Coalition(set.0 | 1 << player);
                let after = value(set);
                over[*player] += after - before;
                before = after;
            }
            order.reverse();
        }
    }
    Shapley { over, under: i128::from(SAMPLED), orders: Some(SAMPLED) }
}

/// SplitMix64 from 0 (Steele, Lea and Flood, OOPSLA 2014): numbers that look arbitrary and are always the same.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The bias is below bound / 2^64.
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallel_calls_divide_what_they_save_together() {
        let mut asked = 0;
        let found = shapley(2, |coalition| {
            asked += 1;
            [0, 0, 30, 80][coalition.0 as usize]
        });
        assert_eq!((found.unwrap().whole(), asked), (vec![25, 55], 4));
    }

    #[test]
    fn halves_go_to_the_lower_player_and_losses_add_up_too() {
        let split = shapley(2, |coalition| if coalition.0 == 3 { 5 } else { 0 }).unwrap();
        assert_eq!((split.over.as_slice(), split.under, split.whole()), ([5, 5].as_slice(), 2, vec![3, 2]));
        let loss = shapley(2, |coalition| if coalition.0 == 3 { -5 } else { 0 }).unwrap();
        assert_eq!(loss.whole(), [-2, -3]);
        assert_eq!(shapley(0, |_| 7).unwrap().whole(), [0_i128; 0]);
        assert_eq!(shapley(65, |_| 0), None);
    }

    #[test]
    fn sampled_values_add_up_repeat_and_are_exact_where_players_do_not_interact() {
        let sum = |coalition: Coalition| coalition.players().map(|player| player as i128 * 10).sum::<i128>();
        let found = shapley(12, sum).unwrap();
        assert_eq!((found.whole(), found.orders), ((0..12).map(|player| player * 10).collect(), Some(SAMPLED)));
        // What players can only do together: every pair of neighbors has 100.
        let pairs = |coalition: Coalition| {
            (0..11).filter(|player| coalition.has(*player) && coalition.has(player + 1)).count() as i128 * 100
        };
        let (first, second) = (shapley(12, pairs).unwrap(), shapley(12, pairs).unwrap());
        assert_eq!(first, second);
        assert_eq!(first.whole().iter().sum::<i128>(), 1100);
        // Exact is 50 at the ends and 100 between.
        assert!(first.whole()[1..11].iter().all(|value| (85..=115).contains(value)), "{:?}", first.whole());
    }

    #[test]
    fn ten_players_are_exact() {
        let found = shapley(10, |coalition| if coalition.0.count_ones() >= 5 { 100 } else { 0 }).unwrap();
        assert_eq!((found.orders, found.whole()), (None, vec![10; 10]));
    }
}
