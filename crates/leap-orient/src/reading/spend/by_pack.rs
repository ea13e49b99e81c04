//! Questions by any dimension that the cube has, from packs: cells are added up by the codes of their texts, and texts are
//! looked at once per group, owner and distinct choice.

use hashbrown::HashMap;
use leap_terms::{Day, Exact, ScopeKey};

use super::{Basis, Dimension, RowFilter, Shown, Spend, not_key, tag};
use crate::org::Reader;
use crate::reading::pack::{Codes, Flat, NO_RESOURCE, Pack, PackWho};

/// Groups that are added up in a list; more of them in a map.
const LISTED: u64 = 1 << 18;
/// Choices whose answers are remembered in a list; more of them in a map.
const CHOICES: u64 = 1 << 22;

/// Where a dimension's value of a cell comes from, and the numbers of its texts.
enum Part<'p> {
    /// All cells of the slice have this one.
    Fixed(u32),
    /// The owner has it: the number at this place.
    Who(usize),
    /// The key has it, as a code.
    Key(std::borrow::Cow<'p, Codes>, Vec<u32>),
    /// The day has it.
    Day(Vec<u32>),
    /// The resource has it.
    Resource(&'p Flat),
}

impl Part<'_> {
    /// How many values it can have; 1 where groups need not tell them apart.
    fn radix(&self) -> u64 {
        match self {
            Part::Fixed(_) | Part::Who(_) => 1,
            Part::Key(_, numbers) | Part::Day(numbers) => numbers.len().max(1) as u64,
            Part::Resource(texts) => texts.len() as u64 + 1,
        }
    }
}

/// The sum of one group.
#[derive(Clone, Copy, Default)]
struct Sum {
    coarse: i128,
    fine: i128,
    rows: u64,
}

impl Sum {
    fn add(&mut self, coarse: i128, rows: u32) {
        self.coarse = self.coarse.checked_add(coarse).expect("an exact number stays within its bounds");
        self.rows += u64::from(rows);
    }
}

/// Sums by code.
enum Sums {
    List { sums: Vec<Sum>, touched: Vec<u32> },
    Map(HashMap<u64, Sum>),
}

impl Sums {
    fn of(count: u64) -> Sums {
        match usize::try_from(count) {
            Ok(places) if count <= LISTED => Sums::List { sums: vec![Sum::default(); places], touched: Vec::new() },
            _ => Sums::Map(HashMap::new()),
        }
    }

    #[inline]
    fn at(&mut self, code: u64) -> &mut Sum {
        match self {
            Sums::List { sums, touched } => {
                let sum = &mut sums[code as usize];
                // Every cell has a charge.
                if sum.rows == 0 {
                    touched.push(code as u32);
                }
                sum
            }
            Sums::Map(sums) => sums.entry(code).or_default(),
        }
    }

    /// Takes all sums out.
    fn take(&mut self) -> Vec<(u64, Sum)> {
        match self {
            Sums::List { sums, touched } => {
                touched.drain(..).map(|code| (u64::from(code), std::mem::take(&mut sums[code as usize]))).collect()
            }
            Sums::Map(sums) => sums.drain().collect(),
        }
    }
}

/// What a filter said of cells that are alike to it.
struct Choice<'p> {
    filter: &'p dyn RowFilter,
    /// The columns of keys that it reads.
    keys: Vec<(&'p str, &'p crate::reading::pack::Coded)>,
    by_resource: bool,
    by_who: bool,
    list: Vec<u8>,
    touched: Vec<u32>,
    map: HashMap<u64, bool>,
}

impl<'p> Choice<'p> {
    /// None where too many cells could differ.
    fn new(filter: &'p dyn RowFilter, pack: &'p Pack) -> Option<Choice<'p>> {
        let columns = filter.columns();
        let of_key = |column: &String| pack.keys.columns.iter().find(|(name, _)| name == column);
        let keys: Vec<_> = columns.iter().filter_map(of_key).map(|(name, coded)| (name.as_str(), coded)).collect();
        let by_resource = columns.iter().any(|column| super::is_resource(column));
        let by_who = columns.iter().any(|column| not_key(column) && !super::is_resource(column));
        let mut count = if by_resource { pack.resources.ids.len() as u64 + 1 } else { 1 };
        for (_, coded) in &keys {
            count = count.checked_mul(coded.texts.len().max(1) as u64)?;
        }
        let places = if count <= CHOICES { count as usize } else { 0 };
        Some(Choice {
            filter,
            keys,
            by_resource,
            by_who,
            list: vec![0; places],
            touched: Vec::new(),
            map: HashMap::new(),
        })
    }

    /// Another owner, or another tree: what was said of the last one says nothing of it.
    fn forget(&mut self) {
        if self.by_who {
            self.touched.drain(..).for_each(|code| self.list[code as usize] = 0);
            self.map.clear();
        }
    }

    /// True when a cell is in.
    #[inline]
    fn takes(&mut self, pack: &Pack, of: &Asked<'_>, key: usize, resource: u32) -> bool {
        let mut code = if !self.by_resource {
            0
        } else if resource == NO_RESOURCE {
            pack.resources.ids.len() as u64
        } else {
            u64::from(resource)
        };
        for (_, coded) in &self.keys {
            code = code * coded.texts.len() as u64 + u64::from(coded.codes.get(key));
        }
        if self.list.is_empty() {
            if let Some(known) = self.map.get(&code) {
                return *known;
            }
        } else if self.list[code as usize] != 0 {
            return self.list[code as usize] == 1;
        }
        let texts =
            |text: &Flat| (resource != NO_RESOURCE).then(|| text.get(resource as usize)).flatten().map(str::to_owned);
        let get = |name: &str| match of.shown.column(name) {
            Some(value) => value,
            None => match name {
                "rule" => of.rule.map(str::to_owned),
                "source" => Some(of.source.to_owned()),
                "ResourceId" => texts(&pack.resources.ids),
                "ResourceName" => texts(&pack.resources.names),
                _ => {
                    let (_, coded) = self.keys.iter().find(|(known, _)| *known == name)?;
                    coded.texts[coded.codes.get(key) as usize].as_deref().map(str::to_owned)
                }
            },
        };
        let takes = self.filter.matches(&get);
        if self.list.is_empty() {
            self.map.insert(code, takes);
        } else {
            self.list[code as usize] = if takes { 1 } else { 2 };
            self.touched.push(code as u32);
        }
        takes
    }
}

/// Whose cells are looked at.
struct Asked<'a> {
    shown: Shown<'a>,
    rule: Option<&'a str>,
    source: &'a str,
}

impl Spend<'_> {
    /// True when cells decide the answer, so that [`Spend::pack`] can give it: no column of single charges is asked for.
    pub fn is_of_cells(&self) -> bool {
        !self.query.by.iter().any(|named| matches!(named.dimension, Dimension::Charge(_)))
    }

    /// True when folded cells of a slice with charges on these days say the same as all of its cells.
    pub fn is_whole(&self, first: Day, last: Day, reader: &Reader<'_>) -> bool {
        let query = &self.query;
        let finer = |dimension: &Dimension| match dimension {
            Dimension::Day | Dimension::Resource(_) => true,
            Dimension::Month => query.basis == Basis::Incurred && first.month() != last.month(),
            _ => false,
        };
        let whole = query.basis == Basis::Invoiced || (query.period.contains(first) && query.period.contains(last));
        let epoch = |day: Day| reader.org().epoch(reader.day_of_tree(day));
        whole
            && epoch(first) == epoch(last)
            && !query.by.iter().any(|named| finer(&named.dimension))
            && !query.filter.is_some_and(|filter| filter.columns().iter().any(|column| super::is_resource(column)))
    }

    /// Adds a packed slice, of the cost that is asked for. False where it would take more than 64 bits to tell its groups apart:
    /// then nothing was added.
    pub fn pack(&mut self, scope: &ScopeKey, pack: &Pack, reader: &Reader<'_>) -> bool {
        let query_filter = self.query.filter;
        let mut choice = match query_filter.map(|filter| Choice::new(filter, pack)) {
            None => None,
            Some(None) => return false,
            Some(Some(choice)) => Some(choice),
        };
        let needs = query_filter.map(RowFilter::needs).unwrap_or_default();
        let parts = self.parts(scope, pack);
        let mut places = pack.currencies.len().max(1) as u64;
        for part in &parts {
            match places.checked_mul(part.radix()) {
                Some(more) => places = more,
                None => return false,
            }
        }
        let wanted = match wanted(&needs, pack) {
            Wanted::Nothing => return true,
            Wanted::All => None,
            Wanted::Resources(resources) => Some(resources),
        };

        let days: Vec<Day> = (0..pack.span).map(|after| pack.first_day.plus(after as i32)).collect();
        let covered: Vec<bool> =
            days.iter().map(|day| self.query.basis.covers(self.query.period, *day, scope)).collect();
        // Days of one tree stand together.
        let mut trees: Vec<(usize, Day, std::ops::Range<usize>)> = Vec::new();
        for (at, day) in days.iter().enumerate().filter(|(at, _)| covered[*at]) {
            let epoch = reader.org().epoch(reader.day_of_tree(*day));
            match trees.last_mut() {
                Some((known, _, range)) if *known == epoch => range.end = at + 1,
                _ => trees.push((epoch, *day, at..at + 1)),
            }
        }
        let currencies: Vec<u32> =
            pack.currencies.iter().map(|currency| self.texts.number(Some(currency.as_str()))).collect();
        let every = covered.iter().all(|covered| *covered) && trees.len() == 1;

        let mut sums = Sums::of(places);
        let mut last: Vec<u32> = Vec::new();
        let (mut start, mut fine) = (0, 0);
        for who in &pack.whos {
            let cells = start..who.end;
            start = who.end;
            for (_, day, range) in &trees {
                let Some((asked, numbers)) = self.asked(who, scope, *day, reader, &needs, choice.as_ref()) else {
                    continue;
                };
                if numbers != last {
                    self.put_all(&mut sums, &parts, &last, &currencies, pack);
                    last = numbers;
                }
                if let Some(choice) = &mut choice {
                    choice.forget();
                }
                let mut add = |at: usize| {
                    let key = pack.key[at] as usize;
                    let day = pack.day.get(at) as usize;
                    if !(every || range.contains(&day) && covered[day]) {
                        return;
                    }
                    let resource = pack.resource.get(at).copied().unwrap_or(NO_RESOURCE);
                    if let Some(choice) = &mut choice
                        && !choice.takes(pack, &asked, key, resource)
                    {
                        return;
                    }
                    let mut code = u64::from(pack.currency.get(at));
                    for part in &parts {
                        match part {
                            Part::Fixed(_) | Part::Who(_) => {}
                            Part::Key(codes, numbers) => {
                                code = code * numbers.len() as u64 + u64::from(codes.get(key));
                            }
                            Part::Day(numbers) => code = code * numbers.len() as u64 + day as u64,
                            Part::Resource(texts) => {
                                let known =
                                    if resource == NO_RESOURCE { texts.len() as u64 } else { u64::from(resource) };
                                code = code * (texts.len() as u64 + 1) + known;
                            }
                        }
                    }
                    let sum = sums.at(code);
                    sum.add(pack.coarse[at], pack.rows[at]);
                    // Digits beyond the 18th are rare and ascend with the cells.
                    if pack.fine.get(fine).is_some_and(|(cell, _)| (*cell as usize) < at) {
                        fine += pack.fine[fine..].partition_point(|(cell, _)| (*cell as usize) < at);
                    }
                    if let Some((cell, digits)) = pack.fine.get(fine)
                        && *cell as usize == at
                    {
                        sum.fine += i128::from(*digits);
                    }
                };
                match &wanted {
                    None => cells.clone().for_each(&mut add),
                    Some(resources) => {
                        for resource in resources {
                            let own = &pack.resource[cells.clone()];
                            let from = own.partition_point(|known| known < resource);
                            let more = own[from..].partition_point(|known| known == resource);
                            (cells.start + from..cells.start + from + more).for_each(&mut add);
                        }
                    }
                }
                if trees.len() > 1 || wanted.is_some() {
                    // The next pass begins before this one's end.
                    fine = 0;
                }
            }
        }
        self.put_all(&mut sums, &parts, &last, &currencies, pack);
        true
    }

    /// Where each dimension's value comes from.
    fn parts<'p>(&mut self, scope: &ScopeKey, pack: &'p Pack) -> Vec<Part<'p>> {
        let mut whos = 0;
        let days = pack.span;
        let texts = &mut self.texts;
        let (by, basis) = (self.query.by, self.query.basis);
        let column = |name: &str| pack.keys.columns.iter().find(|(known, _)| known == name).map(|(_, coded)| coded);
        by.iter()
            .map(|named| match &named.dimension {
                Dimension::Owner | Dimension::Path | Dimension::Level(_) | Dimension::Rule => {
                    whos += 1;
                    Part::Who(whos - 1)
                }
                Dimension::Pool => Part::Fixed(texts.number(None)),
                Dimension::Source => Part::Fixed(texts.number(Some(scope.source.as_str()))),
                Dimension::BillingPeriod => Part::Fixed(texts.number(Some(&scope.billing_period.to_string()))),
                Dimension::Month if basis == Basis::Invoiced => {
                    Part::Fixed(texts.number(Some(&scope.billing_period.to_string())))
                }
                Dimension::Month | Dimension::Day => {
                    let day = |after: usize| pack.first_day.plus(after as i32);
                    let text = |day: Day| match named.dimension {
                        Dimension::Day => day.to_string(),
                        _ => day.month().to_string(),
                    };
                    Part::Day((0..days).map(|after| texts.number(Some(&text(day(after))))).collect())
                }
                Dimension::Key(name) => match column(name) {
                    None => Part::Fixed(texts.number(None)),
                    Some(coded) => {
                        let numbers = coded.texts.iter().map(|text| texts.number(text.as_deref())).collect();
                        Part::Key(std::borrow::Cow::Borrowed(&coded.codes), numbers)
                    }
                },
                Dimension::Tag(key) => {
                    let mut local: HashMap<u32, u32> = HashMap::new();
                    let mut numbers: Vec<u32> = Vec::new();
                    let mut own: [Vec<Option<u32>>; 2] = Default::default();
                    let tags = [column("AllocatedTags"), column("Tags")];
                    for (own, coded) in own.iter_mut().zip(tags) {
                        let found =
                            coded.iter().flat_map(|coded| coded.texts.iter()).map(|text| tag(text.as_deref(), key));
                        *own = found.map(|found| found.map(|found| texts.number(Some(&found)))).collect();
                    }
                    let null = texts.number(None);
                    let codes = (0..pack.keys.count).map(|at| {
                        let found = own.iter().zip(tags).find_map(|(own, coded)| own[coded?.codes.get(at) as usize]);
                        let number = found.unwrap_or(null);
                        *local.entry(number).or_insert_with(|| {
                            numbers.push(number);
                            numbers.len() as u32 - 1
                        })
                    });
                    let codes = Codes::Wide(codes.collect());
                    Part::Key(std::borrow::Cow::Owned(codes), numbers)
                }
                Dimension::Resource(name) if name == "ResourceId" => Part::Resource(&pack.resources.ids),
                Dimension::Resource(_) => Part::Resource(&pack.resources.names),
                Dimension::Charge(name) => unreachable!("{name} is not in the cube; the caller reads the charges"),
            })
            .collect()
    }

    /// An owner in the tree of a day, and the numbers of the dimensions that follow from it; none where it is not asked about.
    fn asked<'a>(
        &mut self,
        who: &'a PackWho,
        scope: &'a ScopeKey,
        day: Day,
        reader: &Reader<'_>,
        needs: &[(String, Vec<String>)],
        choice: Option<&Choice<'_>>,
    ) -> Option<(Asked<'a>, Vec<u32>)> {
        let shown = Shown::new(reader, &who.owner, day);
        if !self.query.holds(&shown) {
            return None;
        }
        let rule = who.rule.as_ref().map(|rule| rule.as_str());
        let source = scope.source.as_str();
        let has = |name: &str, values: &[String]| {
            let value = match name {
                "rule" => rule.map(str::to_owned),
                "source" => Some(source.to_owned()),
                // What comes from no pool has none.
                "pool" => None,
                _ => match shown.column(name) {
                    Some(value) => value,
                    None => return true,
                },
            };
            value.is_some_and(|value| values.contains(&value))
        };
        if !needs.iter().all(|(name, values)| has(name, values)) {
            return None;
        }
        if let Some(choice) = choice.filter(|choice| choice.keys.is_empty() && !choice.by_resource) {
            let get = |name: &str| match name {
                "rule" => rule.map(str::to_owned),
                "source" => Some(source.to_owned()),
                _ => shown.column(name).flatten(),
            };
            if !choice.filter.matches(&get) {
                return None;
            }
        }
        let texts = &mut self.texts;
        let numbers = self.query.by.iter().filter_map(|named| match &named.dimension {
            Dimension::Owner => Some(texts.number(Some(&shown.owner()))),
            Dimension::Path => Some(texts.number(Some(&shown.path()))),
            Dimension::Level(kind) => Some(texts.number(shown.level(kind).as_deref())),
            Dimension::Rule => Some(texts.number(rule)),
            _ => None,
        });
        let numbers = numbers.collect();
        Some((Asked { shown, rule, source }, numbers))
    }

    /// Puts sums where they belong: their codes become texts.
    fn put_all(&mut self, sums: &mut Sums, parts: &[Part<'_>], whos: &[u32], currencies: &[u32], pack: &Pack) {
        let mut group = vec![0; parts.len() + 1];
        for (mut code, sum) in sums.take() {
            for (at, part) in parts.iter().enumerate().rev() {
                let digit = (code % part.radix()) as usize;
                code /= part.radix();
                group[at] = match part {
                    Part::Fixed(number) => *number,
                    Part::Who(place) => whos[*place],
                    Part::Key(_, numbers) | Part::Day(numbers) => numbers[digit],
                    Part::Resource(texts) => {
                        let text = if digit < texts.len() { texts.get(digit) } else { None };
                        self.texts.number(text)
                    }
                };
            }
            group[parts.len()] = currencies[code as usize % pack.currencies.len().max(1)];
            self.put(&group, Exact::from_parts(sum.coarse, sum.fine), sum.rows);
        }
    }
}

/// The cells that a filter can be about.
enum Wanted {
    All,
    Nothing,
    /// Those of these resources, ascending.
    Resources(Vec<u32>),
}

fn wanted(needs: &[(String, Vec<String>)], pack: &Pack) -> Wanted {
    let mut wanted = Wanted::All;
    for (name, values) in needs {
        let texts = match name.as_str() {
            "pool" => return Wanted::Nothing,
            "ResourceId" => &pack.resources.ids,
            "ResourceName" => &pack.resources.names,
            _ => {
                // A value that no key has.
                let coded = pack.keys.columns.iter().find(|(known, _)| known == name).map(|(_, coded)| coded);
                let has = |coded: &crate::reading::pack::Coded| {
                    coded.texts.iter().flatten().any(|text| values.iter().any(|value| **value == **text))
                };
                if coded.is_some_and(|coded| !has(coded)) {
                    return Wanted::Nothing;
                }
                continue;
            }
        };
        let is_one = |at: &u32| texts.get(*at as usize).is_some_and(|text| values.iter().any(|value| value == text));
        wanted = match wanted {
            Wanted::Resources(known) => Wanted::Resources(known.into_iter().filter(is_one).collect()),
            _ => Wanted::Resources((0..texts.len() as u32).filter(is_one).collect()),
        };
    }
    wanted
}
