//! Packed days against requests: what is added, taken back, put together and read again.

use leap_terms::{NameId, Names, SpanId, TraceId, Weight};
use proptest::prelude::*;

use super::super::Attributed;
use super::*;
use crate::tail::composition::stored::{answer, excess};
use crate::tail::composition::{Band, Composition, Ranked};
use crate::tail::{Quantile, Request};

const DAY_NS: u64 = 86_400_000_000_000;

/// Of a request: API, day, ns of itself, of an edge and of an external call, requests that it stands for (powers of two).
type Drawn = (u8, u8, u64, u64, u64, Option<u32>);

fn requests(drawn: &[Drawn]) -> Requests {
    let mut names = Names::new();
    let services = ["api", "web", "ledger", "mail"].map(|name| names.number(name));
    let mut requests = Requests::new();
    for (at, (api, day, own, edge, external, weight)) in drawn.iter().enumerate() {
        let own_service = services[usize::from(*api)];
        let mut parts = vec![Part { owner: own_service, kind: SliceKind::SelfTime, caller: NameId::NONE, ns: *own }];
        let other = |owner, kind, ns| Part { owner, kind, caller: own_service, ns };
        parts.push(other(services[2], SliceKind::Edge, *edge));
        parts.push(other(services[3], SliceKind::External, *external));
        parts.retain(|part| part.ns > 0);
        let attributed = Attributed {
            trace: TraceId(at as u128 + 1),
            root: SpanId::new(1),
            service: own_service,
            operation: own_service,
            start: u64::from(*day) * DAY_NS + at as u64,
            latency_ns: own + edge + external,
            weight: weight
                .map_or(Weight::Unknown, |count| Weight::Threshold(Weight::ALL - Weight::ALL / u64::from(count))),
            error: false,
            incomplete: false,
            parts: &parts,
            services: &[],
            stats: Default::default(),
        };
        assert!(requests.add(&attributed, 1, &names, (&format!("{at:032x}"), "01"), None));
    }
    requests
}

fn tails_of(requests: &Requests, of: impl Fn(usize) -> bool) -> Vec<DayTail> {
    day_tails(requests, (0..requests.rows().len()).filter(|at| of(*at)).map(|at| at as u32)).unwrap()
}

fn p(text: &str) -> Quantile {
    text.parse().unwrap()
}

fn packed_answer(tails: &[DayTail], quantile: Quantile) -> Option<Composition<String>> {
    let pieces: Vec<Packed<'_>> = tails.iter().map(|tail| tail.packed().unwrap()).collect();
    let pieces: Vec<&Packed<'_>> = pieces.iter().collect();
    answer(&pieces, quantile, Band::Default, |piece, key| tails[piece].owners[*key as usize].owner.clone()).unwrap()
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let weight = prop_oneof![Just(None), Just(Some(1)), (1_u32..4).prop_map(|bits| Some(1 << bits))];
    prop::collection::vec((0_u8..2, 0_u8..3, 1_u64..1 << 33, 0_u64..1 << 36, 0_u64..1 << 20, weight), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn days_of_rows_answer_like_requests_within_the_error_of_their_buckets(drawn in drawn(), level in 1_u64..1000) {
        let quantile = Quantile::new(level, 1000).unwrap();
        let requests = requests(&drawn);
        let packed = packed_answer(&tails_of(&requests, |_| true), quantile).unwrap();
        let parts: Vec<Vec<(String, u64)>> = requests.rows().iter().map(|row| {
            let mut sums = BTreeMap::new();
            for part in requests.parts(row) {
                *sums.entry(requests.text(part.owner).to_owned()).or_insert(0) += part.ns;
            }
            sums.into_iter().collect()
        }).collect();
        let all: Vec<Request<'_, String>> = requests.rows().iter().zip(&parts)
            .map(|(row, parts)| Request { latency_ns: row.latency_ns, parts, weight: row.weight }).collect();
        let exact = Ranked::new(&all).unwrap().compose(quantile, Band::Default).unwrap().unwrap();
        prop_assert_eq!((packed.requests, packed.weight), (exact.requests, exact.weight));
        prop_assert!(packed.latency_ns.abs_diff(exact.latency_ns) <= exact.latency_ns >> 8, "{packed:?} {exact:?}");
        prop_assert_eq!(packed.parts.iter().map(|(_, ns)| ns).sum::<u64>(), packed.latency_ns);
        // The band takes whole buckets: all requests of the exact band, or more.
        prop_assert!(packed.band.h != exact.band.h || packed.band.requests >= exact.band.requests);
        prop_assert!(packed.band.h != exact.band.h || packed.band.at_least_ns <= exact.band.at_least_ns);
    }

    #[test]
    fn rows_add_up_however_they_are_put_together_and_what_is_taken_back_was_never_there(
        drawn in drawn(),
        cuts in prop::collection::vec(0_u8..4, 120),
    ) {
        let requests = requests(&drawn);
        // Cut into four deliveries; the last one is taken back again.
        let mut files: Vec<Vec<DayTail>> = (0..4).map(|cut| tails_of(&requests, |at| cuts[at] == cut)).collect();
        let back = files[3].iter().map(|tail| {
            DayTail { listed: Listed { taken_back: true, ..tail.listed.clone() }, ..tail.clone() }
        });
        let back: Vec<DayTail> = back.collect();
        files.push(back);
        let mut wanted = tails_of(&requests, |at| cuts[at] < 3);
        wanted.retain(|tail| tail.listed.requests > 0);
        let by_key = |rows: Vec<DayTail>| {
            let mut keys = BTreeMap::<ApiDay, Vec<DayTail>>::new();
            rows.into_iter().for_each(|row| keys.entry(row.listed.key.clone()).or_default().push(row));
            keys
        };
        let whole = |rows: Vec<DayTail>| -> Vec<DayTail> {
            by_key(rows).into_values().flat_map(|rows| added_up(&rows).unwrap()).collect()
        };
        prop_assert_eq!(whole(files.concat()), wanted.clone());
        // Taken back before it is added, in another file.
        let first = whole([files[4].clone(), files[0].clone()].concat());
        let second = whole([files[3].clone(), files[2].clone(), files[1].clone()].concat());
        prop_assert_eq!(whole([first, second].concat()), wanted);
    }

    #[test]
    fn rows_are_read_as_they_were_written_and_changed_bytes_are_refused(drawn in drawn(), at: prop::sample::Index) {
        let tails = tails_of(&requests(&drawn), |_| true);
        let batch = batch(&tails);
        prop_assert_eq!(read(&batch).unwrap(), tails.clone());
        prop_assert_eq!(listed(&batch).unwrap(), tails.iter().map(|tail| tail.listed.clone()).collect::<Vec<_>>());
        let mut broken = tails;
        let row = at.index(broken.len());
        let byte = at.index(broken[row].composition.len());
        broken[row].composition[byte] ^= 1;
        let mut columns = batch.columns().to_vec();
        columns[10] = Arc::new(BinaryArray::from_iter_values(broken.iter().map(|row| &row.composition)));
        let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
        prop_assert!(read(&batch).is_err());
    }
}

#[test]
fn an_owner_is_named_once_a_row_and_counts_say_what_is_not_known() {
    let requests = requests(&[(0, 1, 5, 100, 0, None), (0, 1, 7, 0, 9, Some(1)), (0, 1, 5, 0, 0, Some(4))]);
    let tails = tails_of(&requests, |_| true);
    assert_eq!(tails.len(), 1);
    let Listed { key, requests, unknown, weighted, taken_back } = &tails[0].listed;
    assert_eq!((&*key.service, &*key.api, key.day), ("api", "", Day::from_days(1)));
    assert_eq!((*requests, *unknown, *weighted, *taken_back), (3, 1, 1, false));
    let owners: Vec<&str> = tails[0].owners.iter().map(|name| &*name.owner).collect();
    assert_eq!(owners, ["api", "ledger", "mail"]);
    let pieces = [tails[0].packed().unwrap()];
    let found = excess(&[&pieces[0]], p("p90"), Band::Default, |_, key| *key).unwrap().unwrap();
    assert_eq!(found.tail.requests, 3);
}
