//! What is asked, and the requests and owners that answer it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use leap_book::ServiceFact;
use leap_orient::attribute::{Engine, ServiceOwner, services};
use leap_orient::latency::lcp::Part;
use leap_orient::latency::{RequestRow, Requests, day_of, start_of};
use leap_orient::org::Reader;
use leap_terms::{Day, NameId, Owner, Period};

use super::Hours;
use crate::cli::ReadingArgs;
use crate::failure::Failure;
use crate::home::Home;
use crate::traces;
use crate::view::View;

/// What slices are added up by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// The owner, through the org.
    Team,
    /// The service that owns the time.
    Service,
    /// Why it is the owner's: self, edge, external, retry.
    Kind,
    /// The service that waited.
    Caller,
    /// The nearest unit of a kind.
    Level(String),
}

impl By {
    /// The dimension of a word.
    pub(crate) fn read(word: &str, view: &View) -> Result<By, Failure> {
        let level = view.levels().into_iter().find(|level| level.eq_ignore_ascii_case(word));
        Ok(match (word.to_ascii_lowercase().as_str(), level) {
            ("team" | "owner", _) => By::Team,
            ("service", _) => By::Service,
            ("kind", _) => By::Kind,
            ("caller", _) => By::Caller,
            (_, Some(level)) => By::Level(level),
            (_, None) => {
                let levels: Vec<String> = view.levels().iter().map(|level| format!(", {level}")).collect();
                let levels = levels.concat();
                let why = format!("--by '{word}' is none of team, service, kind, caller{levels}");
                return Err(Failure::usage(why));
            }
        })
    }

    /// The word in JSON and headings.
    pub(crate) fn word(&self) -> &str {
        match self {
            By::Team => "team",
            By::Service => "service",
            By::Kind => "kind",
            By::Caller => "caller",
            By::Level(level) => level,
        }
    }
}

/// Which requests: all, or those of an API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Api {
    /// All that begin their trace.
    All,
    /// A name of the settings, a service, or a service and an operation.
    Of(String),
}

impl Api {
    /// As typed.
    pub(crate) fn shown(&self) -> &str {
        match self {
            Api::All => "*",
            Api::Of(text) => text,
        }
    }

    /// For titles.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Api::All => "all requests".to_owned(),
            Api::Of(text) => text.clone(),
        }
    }

    /// True for requests of it: `name` is that of an API inside other requests, else empty.
    pub(crate) fn is(&self, name: &str, service: &str, operation: &str) -> bool {
        match self {
            Api::All => name.is_empty(),
            Api::Of(text) if !name.is_empty() => text == name,
            Api::Of(text) => {
                let both = text.strip_prefix(service).and_then(|rest| rest.strip_prefix(' '));
                text == service || both == Some(operation) || text == operation
            }
        }
    }

    /// As typed; all where nothing was.
    pub(crate) fn of(text: Option<&str>) -> Api {
        text.filter(|text| *text != "*").map_or(Api::All, |text| Api::Of(text.to_owned()))
    }
}

/// Loaded requests with the owners of their services.
pub(crate) struct Loaded {
    /// Requests of the period and API.
    pub(crate) requests: Requests,
    /// Which.
    pub(crate) api: Api,
    owners: Owners,
}

/// Who owns services, day by day.
pub(crate) struct Owners {
    facts: HashMap<String, Vec<ServiceFact>>,
    owners: HashMap<(String, String, String), Vec<ServiceOwner>>,
}

/// From when until when, in ns; all time without a period.
pub(crate) fn span_of(period: Option<Period>) -> (u64, u64) {
    period.map_or((0, u64::MAX), |period| (start_of(period.from()), start_of(period.until())))
}

/// Loads what a question is about; that there is nothing is a failure that says what there is.
pub(crate) async fn load(
    home: &Home,
    view: &View,
    api: Option<&str>,
    period: Option<Period>,
    with_ids: bool,
) -> Result<Loaded, Failure> {
    match load_any(home, view, api, period, with_ids).await? {
        Some(loaded) => Ok(loaded),
        None => Err(Failure::failed(nothing(home, period).await?)),
    }
}

/// Loads what a question is about; `None` where no request began in the period.
pub(crate) async fn load_any(
    home: &Home,
    view: &View,
    api: Option<&str>,
    period: Option<Period>,
    with_ids: bool,
) -> Result<Option<Loaded>, Failure> {
    let requests = traces::load(home, span_of(period), view.known(), with_ids).await?;
    if requests.rows().is_empty() {
        return Ok(None);
    }
    let (requests, api) = of_api(requests, api)?;
    with_owners(home, view, requests, api).await.map(Some)
}

/// Loads the requests of the traces whose ids `wanted` chooses, also those inside of others; `None` where there are
/// none.
pub(crate) async fn load_traces(
    home: &Home,
    view: &View,
    period: Option<Period>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Option<Loaded>, Failure> {
    let mut requests = traces::load(home, span_of(period), view.known(), true).await?;
    keep_traces(&mut requests, wanted);
    if requests.rows().is_empty() {
        return Ok(None);
    }
    with_owners(home, view, requests, Api::All).await.map(Some)
}

fn keep_traces(requests: &mut Requests, wanted: impl Fn(&str) -> bool) {
    let kept: Vec<bool> =
        (0..requests.rows().len()).map(|at| requests.ids(at).is_some_and(|(trace, _)| wanted(trace))).collect();
    requests.retain(|at, _| kept[at]);
}

async fn with_owners(home: &Home, view: &View, requests: Requests, api: Api) -> Result<Loaded, Failure> {
    let mentioned: HashSet<NameId> = requests
        .rows()
        .iter()
        .flat_map(|row| requests.parts(row))
        .flat_map(|part| [part.owner, part.caller])
        .filter(|name| *name != NameId::NONE)
        .collect();
    let owners = Owners::of(home, view, mentioned.into_iter().map(|name| requests.text(name))).await?;
    Ok(Loaded { requests, api, owners })
}

/// The requests of an API and period, to be counted: what they are made of is not read.
pub(crate) async fn load_counted(
    home: &Home,
    view: &View,
    api: Option<&str>,
    period: Option<Period>,
) -> Result<(Requests, Api), Failure> {
    let requests = traces::load_counted(home, span_of(period), view.known()).await?;
    if requests.rows().is_empty() {
        return Err(Failure::failed(nothing(home, period).await?));
    }
    of_api(requests, api)
}

/// Those of an API; that there are none is a failure that says what there is.
fn of_api(mut requests: Requests, api: Option<&str>) -> Result<(Requests, Api), Failure> {
    let api = Api::of(api);
    let known = apis(&requests);
    let names: Vec<(String, String, String)> = requests
        .rows()
        .iter()
        .map(|row| [row.api, row.service, row.operation].map(|name| requests.text(name).to_owned()).into())
        .collect();
    requests.retain(|at, _| {
        let (name, service, operation) = &names[at];
        api.is(name, service, operation)
    });
    if requests.rows().is_empty() {
        let known = known.join("\n  ");
        return Err(Failure::usage(format!("no request is of the API '{}'; there are\n  {known}", api.shown())));
    }
    Ok((requests, api))
}

/// The APIs of some requests, most requests first.
fn apis(requests: &Requests) -> Vec<String> {
    let mut counts = BTreeMap::<String, u64>::new();
    for row in requests.rows() {
        let name = match requests.text(row.api) {
            "" => format!("{} {}", requests.text(row.service), requests.text(row.operation)),
            api => api.to_owned(),
        };
        *counts.entry(name).or_default() += 1;
    }
    let mut sorted: Vec<(String, u64)> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    sorted.into_iter().take(20).map(|(name, count)| format!("{name}  ({count} requests)")).collect()
}

/// Why there is nothing to show.
pub(super) async fn nothing(home: &Home, period: Option<Period>) -> Result<String, Failure> {
    let (_, files) = home.book.trace_files(0, u64::MAX, None).await.map_err(|error| Failure::from_error(&error))?;
    let first = files.iter().map(|file| file.first_ns).min();
    let last = files.iter().map(|file| file.last_ns).max();
    Ok(match (first.zip(last), period) {
        (Some((first, last)), Some(period)) => {
            format!("no request began in {period}; there are requests from {} to {}", day_of(first), day_of(last))
        }
        _ => "there are no requests yet; take traces in first: leap ingest TRACES.json.gz".to_owned(),
    })
}

impl Owners {
    /// Asks the rules of money about services.
    pub(crate) async fn of(home: &Home, view: &View, services: impl Iterator<Item = &str>) -> Result<Owners, Failure> {
        let mut facts = HashMap::<String, Vec<ServiceFact>>::new();
        let said = home.book.trace_services(view.known()).await.map_err(|error| Failure::from_error(&error))?;
        for fact in said {
            facts.entry(fact.service.clone()).or_default().push(fact);
        }
        let mut owners = HashMap::new();
        let engine = Engine::new(&view.head().rules, &view.head().org);
        let mut run = engine.services();
        for service in services {
            let unknown = [ServiceFact { service: service.to_owned(), ..ServiceFact::default() }];
            for fact in facts.get(service).map_or(&unknown[..], Vec::as_slice) {
                let key = (service.to_owned(), fact.namespace.clone(), fact.team.clone());
                owners.entry(key).or_insert_with(|| {
                    run.owners(|attribute| match attribute {
                        services::NAME => Some(&fact.service),
                        services::NAMESPACE => Some(&fact.namespace),
                        services::TEAM => Some(&fact.team),
                        _ => None,
                    })
                });
            }
        }
        Ok(Owners { facts, owners })
    }

    /// What its resources said of a service on a day: the combination with most spans of those seen around it.
    pub(crate) fn fact(&self, service: &str, day: Day) -> Option<&ServiceFact> {
        let facts = self.facts.get(service)?;
        let there = |fact: &&ServiceFact| day_of(fact.first_ns) <= day && day <= day_of(fact.last_ns);
        let most = |a: &&ServiceFact, b: &&ServiceFact| a.spans.cmp(&b.spans).then_with(|| b.cmp(a));
        facts.iter().filter(there).max_by(most).or_else(|| facts.iter().max_by(most))
    }

    /// Who owns a service on a day, and why.
    pub(crate) fn owner(&self, service: &str, day: Day) -> Option<&ServiceOwner> {
        let fact = self.fact(service, day);
        let (namespace, team) = fact.map_or(("", ""), |fact| (&*fact.namespace, &*fact.team));
        let owners = self.owners.get(&(service.to_owned(), namespace.to_owned(), team.to_owned()))?;
        owners.iter().find(|owner| owner.period.contains(day)).or(owners.last())
    }

    /// The team or level of a service on a day.
    pub(crate) fn team(&self, by: &By, reader: &Reader<'_>, service: &str, day: Day) -> String {
        match (self.owner(service, day).map(|owner| &owner.owner), by) {
            (Some(Owner::Team(team)), By::Level(kind)) => {
                reader.level(team, kind, day).map_or_else(|| format!("(no {kind})"), |unit| unit.to_string())
            }
            (Some(Owner::Team(team)), _) => reader.place(team, day).unit.to_string(),
            (Some(residual), _) => residual.to_string(),
            (None, _) => Owner::Residual(leap_terms::ResidualReason::NoRule).to_string(),
        }
    }
}

impl Loaded {
    /// Whether the traces are a sample, or may be one, and of which services and operations they are.
    pub(crate) fn sampled(&self) -> (bool, BTreeSet<(String, String)>) {
        let rows = self.requests.rows();
        let sampled = rows.iter().any(|row| !row.weight_known || row.weight != leap_orient::tail::Units::ONE);
        let apis: BTreeSet<(NameId, NameId)> = rows.iter().map(|row| (row.service, row.operation)).collect();
        let text = |name| self.requests.text(name).to_owned();
        (sampled, apis.into_iter().map(|(service, operation)| (text(service), text(operation))).collect())
    }

    /// Those that began in some hours of their days; `None` where none did.
    pub(crate) fn only(mut self, hours: Option<Hours>) -> Option<Loaded> {
        if let Some(hours) = hours {
            self.requests.retain(|_, row| hours.hold(row.start_ns));
        }
        (!self.requests.rows().is_empty()).then_some(self)
    }

    /// The requests, one by one.
    pub(crate) fn rows(&self) -> Vec<&RequestRow> {
        self.requests.rows().iter().collect()
    }

    /// Days whose traces are a sample, or may be one, with their services and operations.
    pub(crate) fn sampled_days(&self) -> BTreeSet<(Day, String, String)> {
        let rows = self.requests.rows();
        let sampled = rows.iter().filter(|row| !row.weight_known || row.weight != leap_orient::tail::Units::ONE);
        let days: BTreeSet<Day> = sampled.map(|row| row.day()).collect();
        let keys: BTreeSet<(Day, NameId, NameId)> = rows
            .iter()
            .map(|row| (row.day(), row.service, row.operation))
            .filter(|(day, ..)| days.contains(day))
            .collect();
        let text = |name| self.requests.text(name).to_owned();
        keys.into_iter().map(|(day, service, operation)| (day, text(service), text(operation))).collect()
    }

    /// The requests of one trace.
    pub(crate) fn only_trace(mut self, trace: &str) -> Loaded {
        keep_traces(&mut self.requests, |id| id == trace);
        self
    }

    /// The value of a dimension for a slice, remembered per service and day.
    pub(crate) fn labels<'a>(&'a self, by: &'a By, reader: &'a Reader<'a>) -> Labels<'a> {
        Labels { loaded: self, by, reader, teams: HashMap::new() }
    }
}

/// Values of a dimension.
pub(crate) struct Labels<'a> {
    loaded: &'a Loaded,
    by: &'a By,
    reader: &'a Reader<'a>,
    teams: HashMap<(NameId, Day), String>,
}

impl Labels<'_> {
    /// Of a slice of a request that began on a day.
    pub(crate) fn of(&mut self, part: &Part, day: Day) -> String {
        let requests = &self.loaded.requests;
        match self.by {
            By::Service => requests.text(part.owner).to_owned(),
            By::Kind => part.kind.word().to_owned(),
            By::Caller if part.caller == NameId::NONE => requests.text(part.owner).to_owned(),
            By::Caller => requests.text(part.caller).to_owned(),
            By::Team | By::Level(_) => self.team(part.owner, day),
        }
    }

    /// Of a service on a day, by its name; the name itself where none of the requests has it.
    pub(crate) fn team_named(&mut self, service: &str, day: Day) -> String {
        match self.loaded.requests.names().find(service) {
            Some(service) => self.team(service, day),
            None => service.to_owned(),
        }
    }

    /// Of a service on a day.
    pub(crate) fn team(&mut self, service: NameId, day: Day) -> String {
        if let Some(known) = self.teams.get(&(service, day)) {
            return known.clone();
        }
        let text = self.loaded.requests.text(service);
        let label = self.loaded.owners.team(self.by, self.reader, text, day);
        self.teams.insert((service, day), label.clone());
        label
    }
}

/// The service whose span a slice was, before ownership of edges.
pub(crate) fn own_service(part: &Part) -> NameId {
    if part.caller == NameId::NONE { part.owner } else { part.caller }
}

/// Opens home and view for reading.
pub(crate) async fn open(root: &std::path::Path, args: &ReadingArgs) -> Result<(Home, View), Failure> {
    let home = Home::open(root, crate::home::Access::Read).await?;
    let view = View::open(&home, args).await?;
    Ok((home, view))
}
