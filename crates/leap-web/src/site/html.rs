//! A page as HTML: exactly the classes of the design system (`crates/leap-web/assets/README.md`).

use maud::{DOCTYPE, Markup, html};

use leap_terms::Rights;

use super::assets;
use super::model::{
    Block, Cell, Chart, Clock, Column, DiffLine, Field, Figure, Filters, Frame, Input, InputKind, Link, MARKED, Page,
    PostForm, RATIOS, Row, Table, Tone,
};
use super::person::{Person, Proof};

/// What a person chose for their own eyes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Display {
    /// `auto`, `light` or `dark`.
    pub theme: &'static str,
    /// Patterns over colours.
    pub patterns: bool,
}

impl Default for Display {
    fn default() -> Display {
        Display { theme: "auto", patterns: false }
    }
}

const RAIL: [(&str, &str, &str); 14] = [
    ("charter", "Charter", "/"),
    ("team", "Team", ""),
    ("explore", "Explore", "/explore"),
    ("latency", "Latency", "/latency"),
    ("coverage", "Coverage", "/coverage"),
    ("claims", "Claims", "/claims"),
    ("pools", "Pools", "/pools"),
    ("budgets", "Budgets", "/budgets"),
    ("contracts", "Contracts", "/contracts"),
    ("alerts", "Alerts", "/alerts"),
    ("incidents", "Incidents", "/incidents"),
    ("org", "Org", "/org"),
    ("periods", "Periods", "/periods"),
    ("data", "Data", "/data"),
];

/// The whole document.
pub fn document(page: &Page, frame: &Frame, person: &Person, display: Display) -> String {
    let at = assets::base();
    let theme = |value: &str, words: &str| {
        html! { li { button name="theme" value=(value) aria-pressed=(display.theme == value) { (words) } } }
    };
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(display.theme) data-patterns=[display.patterns.then_some("on")] {
            (head(&page.title, &at))
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href={ "/" (frame.carried) } {
                        svg viewBox="0 0 16 16" aria-hidden="true" {
                            path d="M1 15V1h3v11h11v3z" {}
                            path d="M7 9V6h3V3h3v6z" {}
                        }
                        "leap"
                    }
                    @if !frame.periods.is_empty() { (scope(frame)) }
                    a.fresh.push href="/data" {
                        @if frame.through.is_empty() { "Nothing taken in yet" }
                        @else {
                            "Complete through " b { time { (frame.through) } }
                            @if !frame.unexplained.is_empty() { " · unexplained " b { (frame.unexplained) } }
                        }
                    }
                    a.find href="/search" data-palette="" { "Search " kbd { "Ctrl K" } }
                    details.menu {
                        summary.btn.plain { "Display" span.hush { " and help" } }
                        div {
                            @if person.proof == Proof::Machine { p.label { "One person on this machine: no login" } }
                            @else {
                                p.label { (person.shown) " " span.dim { (roles(&person.rights)) } }
                                ul { li { a href="/account" { "Account: sessions and tokens" } } }
                                form method="post" action="/logout" { button.btn.plain { "Log out" } }
                            }
                            form method="post" action="/preferences" data-preferences {
                                ul {
                                    (theme("auto", "As the system"))
                                    (theme("light", "Light"))
                                    (theme("dark", "Dark"))
                                    li { button name="patterns" value=(if display.patterns { "off" } else { "on" })
                                        aria-pressed=(display.patterns) { "Patterns in charts" } }
                                }
                            }
                            ul { li { a href="/start" { "First steps" } } }
                        }
                    }
                }
                nav.rail aria-label="Pages" {
                    ul {
                        @for (name, words, href) in RAIL {
                            @let href = if name == "team" || href.is_empty() { frame.team.clone() } else { format!("{href}{}", frame.carried) };
                            @if !href.is_empty() && !frame.shut.contains(&name) {
                                li { a href=(href) aria-current=[(name == frame.current).then_some("page")] data-name=(words) {
                                    (words)
                                    @if name == "coverage" && !frame.residual.is_empty() {
                                        span.count title="residual" { (frame.residual) }
                                    }
                                } }
                            }
                        }
                    }
                }
                main #main {
                    @if let Some(broken) = &frame.broken { (notice(Tone::Bad, broken, Some(&Link::new("Proofs", "/data?tab=proofs")))) }
                    @if !page.crumbs.is_empty() {
                        nav.crumbs aria-label="Breadcrumb" { ol { @for crumb in &page.crumbs { li { (link(crumb)) } } } }
                    }
                    header.page {
                        div {
                            h1 { @if page.is_id { span.id { (page.title) } } @else { (page.title) } }
                            p.sub { (page.sub) }
                        }
                        (actions(page, frame))
                    }
                    @if !page.tabs.is_empty() {
                        nav.tabs aria-label="Views" { ul { @for (tab, here) in &page.tabs {
                            li { a href=(tab.href) aria-current=[here.then_some("page")] { (tab.text) } }
                        } } }
                    }
                    (blocks(&page.blocks))
                }
                footer.foot {
                    @if !frame.snapshot.0.is_empty() {
                        span { "Snapshot " a.id href="/data?tab=snapshots" { (short(&frame.snapshot.0)) }
                            ", made " time { (frame.snapshot.1) } }
                    }
                    span { (frame.reading) }
                    a href="/api/v1/openapi.json" { "API" }
                    a href="/licences" { "Licences" }
                    span { "leap " (env!("CARGO_PKG_VERSION")) }
                    @if !assets::has_charts() {
                        p.notice { "This build has no charts: run cargo xtask assets." }
                    }
                }
            }
        }
    }
    .into_string()
}

/// `team-lead@payments, viewer`.
fn roles(rights: &Rights) -> String {
    match rights {
        Rights::Local => String::new(),
        Rights::Granted(grants) if grants.is_empty() => "no role yet".to_owned(),
        Rights::Granted(grants) => grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// A page without anything around it, for what is said when no page can be made.
pub fn bare(title: &str, text: &str, remedy: Option<&Link>, request: &str, display: Display) -> String {
    let at = assets::base();
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(display.theme) {
            (head(title, &at))
            body.bare {
                main #main { div.sheet {
                    h1 { (title) }
                    @for line in text.lines() { p { (line) } }
                    @if let Some(remedy) = remedy { p { (link(remedy)) } }
                    @if !request.is_empty() { p.dim.small { "Request " span.id { (request) } } }
                    p { a href="/" { "Charter" } " · " a href="/search" { "Search" } }
                } }
            }
        }
    }
    .into_string()
}

pub(super) fn head(title: &str, at: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · leap" }
            meta name="htmx-config" content=r#"{"includeIndicatorCSS": false, "history": "reload"}"#;
            link rel="icon" href={ (at) "icon.svg" } type="image/svg+xml";
            link rel="stylesheet" href={ (at) "leap.css" };
            @if assets::has_charts() { script src={ (at) "vendor/htmx.min.js" } defer {} }
            script src={ (at) "leap.js" } type="module" {}
        }
    }
}

fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

fn scope(frame: &Frame) -> Markup {
    html! {
        form.scope method="get" action=(frame.path) data-auto aria-label="Scope" {
            a.btn href="/search?kind=unit" data-palette="unit" { span.hush { "Unit: " } (frame.unit) }
            @for (name, value) in &frame.hidden { input type="hidden" name=(name) value=(value); }
            label { span.hush { "Period" }
                select name="period" data-default=(frame.periods[0].0) {
                    @for (value, words) in &frame.periods {
                        option value=(value) selected[*value == frame.period] { (words) }
                    }
                    @if !frame.periods.iter().any(|(value, _)| *value == frame.period) {
                        option value=(frame.period) selected { (frame.period) }
                    }
                }
            }
            @if frame.measures.len() > 1 {
                label { span.hush { "Measure" }
                    select name="measure" data-default=(frame.measures[0]) {
                        @for value in &frame.measures { option selected[*value == frame.measure] { (value) } }
                    }
                }
            }
            button.btn.apply { "Show" }
        }
    }
}

fn actions(page: &Page, frame: &Frame) -> Markup {
    if page.command.is_none() && page.tables().is_empty() {
        return html! {};
    }
    let download = |format: &str| {
        let join = if frame.path.contains('?') { '&' } else { '?' };
        let mut href = frame.path.clone();
        let mut parameters: Vec<(String, String)> = frame.hidden.clone();
        if frame.periods.first().is_none_or(|(first, _)| *first != frame.period) && !frame.period.is_empty() {
            parameters.push(("period".to_owned(), frame.period.clone()));
        }
        if frame.measures.first().is_none_or(|first| *first != frame.measure) && !frame.measure.is_empty() {
            parameters.push(("measure".to_owned(), frame.measure.clone()));
        }
        parameters.push(("format".to_owned(), format.to_owned()));
        href.push(join);
        href.push_str(&super::query(&parameters));
        href
    };
    html! {
        div.actions {
            details.menu { summary.btn { "Copy" } div { ul {
                li { button type="button" data-copy-link { "Address" } }
                @if let Some(command) = &page.command {
                    li { button type="button" data-copy=(command) { "As command" } }
                    li { code.small { (command) } }
                }
                @match &page.sql {
                    Some(Ok(query)) => { li { button type="button" data-copy=(query) { "As SQL" } } }
                    Some(Err(why)) => { li { span.hush.small { "No SQL: " (why) "." } } }
                    None => {}
                }
            } } }
            @if !page.tables().is_empty() {
                details.menu { summary.btn { "Download" } div { ul {
                    li { a href=(download("csv")) download { "CSV" } }
                    li { a href=(download("parquet")) download { "Parquet" } }
                    li { a href=(download("json")) { "JSON" } }
                } } }
            }
        }
    }
}

fn link(link: &Link) -> Markup {
    html! { @if link.href.is_empty() { (link.text) } @else { a href=(link.href) { (link.text) } } }
}

fn blocks(all: &[Block]) -> Markup {
    html! { @for one in all { (block(one)) } }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Headline { figure, unit, delta, say } => html! {
            section.headline {
                p.big {
                    (figure_link(figure, unit.split(' ').next().filter(|unit| !unit.is_empty())))
                    " " span.u { (unit) }
                    @if !delta.is_empty() {
                        span.delta { @for (at, text) in delta.iter().enumerate() { @if at > 0 { " · " } (text) } }
                    }
                }
                @if !say.is_empty() { p.lead { (say) } }
            }
        },
        Block::Facts(facts) => html! {
            dl.facts { @for (name, value, unit, below) in facts {
                div {
                    dt { (name) }
                    dd.mid { (loose(value, unit)) @if !unit.is_empty() { " " span.u { (unit) } } }
                    @if !below.is_empty() { dd { (below) } }
                }
            } }
        },
        Block::Clock(clock) => clock_of(clock),
        Block::Strip(strip) => strip.markup(),
        Block::Tiles(tiles) => html! {
            div.tiles { @for (title, inner) in tiles { section.tile { h2 { (title) } (blocks(inner)) } } }
        },
        Block::Section { title, say, blocks: inner } => html! {
            section.block {
                header { h2 { (title) } @if !say.is_empty() { p.say { (say) } } }
                (blocks(inner))
            }
        },
        Block::Chart(chart, table) => with_chart(chart, table),
        Block::ChartOf(chart, id, unit) => figure_of(chart, id, unit),
        Block::Table(table) => html! { section.block { (self::table(table)) } },
        Block::Split(left, right) => html! {
            div.split { div { (blocks(left)) } div { (blocks(right)) } }
        },
        Block::Pairs(pairs) => html! {
            dl.pairs { @for (name, value) in pairs { dt { (name) } dd { (loose(value, "")) } } }
        },
        Block::Trail(steps) => html! {
            ol.trail { @for (title, code, say) in steps {
                li { h3 { (title) } @if !code.is_empty() { p { code { (code) } } } @if !say.is_empty() { p.say { (say) } } }
            } }
        },
        Block::Tasks(tasks) => html! {
            ul.tasks { @for task in tasks {
                li { (link(&task.what))
                    @if let Some((figure, unit)) = &task.worth { span.worth { (figure_link(figure, Some(unit))) " " (unit) } }
                    p { (task.say) }
                }
            } }
        },
        Block::Notice(tone, text, to) => notice(*tone, text, to.as_ref()),
        Block::Nothing(text, next) => html! {
            div.empty { p { strong { (text) } } @for next in next { p { (link(next)) } } }
        },
        Block::Filters(form) => filters(form),
        Block::Form(form) => post_form(form),
        Block::Text(text) => html! {
            pre role="region" aria-label="Commands" tabindex="0" { code { (text) } }
        },
        Block::Difference(lines) => html! {
            pre.diff-text role="region" aria-label="Difference of the texts" tabindex="0" {
                @for line in lines {
                    @match line {
                        DiffLine::Same(text) => span { (text) },
                        DiffLine::Gone(text) => del { (text) },
                        DiffLine::New(text) => ins { (text) },
                        DiffLine::Left(count) => span.left { "… " (count) @if *count == 1 { " line" } @else { " lines" } },
                    }
                }
            }
        },
    }
}

fn clock_of(clock: &Clock) -> Markup {
    let used = clock.used();
    let words = format!("{} of {} hours of {} are used", clock.hours, clock.of, clock.what);
    html! {
        div.clock role="group" aria-label=(clock.label) {
            p { span.mid { (clock.hours) " h" } " " span.u { "of " (clock.of) " h " (clock.what) } }
            svg.track.tall viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=(words) {
                rect x="0" width=(format!("{}.{:02}", used / 100, used % 100)) height="10" class="over" {}
            }
            p.dim.small { (clock.say) }
        }
    }
}

fn notice(tone: Tone, text: &str, to: Option<&Link>) -> Markup {
    html! { p class={ "notice " (word(tone)) } { (text) @if let Some(to) = to { " " (link(to)) } } }
}

fn word(tone: Tone) -> &'static str {
    match tone {
        Tone::Ok => "ok",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Info => "info",
    }
}

/// A figure outside a table.
fn figure_link(figure: &Figure, unit: Option<&str>) -> Markup {
    if figure.href.is_empty() {
        return html! { (figure.shown) };
    }
    let kind = unit.filter(|unit| RATIOS.contains(unit)).map(|_| "ratio").or(kind_of(figure));
    html! { a.fig href=(figure.href) data-v=(figure.exact) data-u=[unit] data-k=[kind] { (figure.shown) } }
}

/// How the target makes a figure, where not as the sum of its rows.
fn kind_of(figure: &Figure) -> Option<&'static str> {
    figure.href.ends_with(MARKED).then_some("quantile")
}

/// A cell's content outside a table.
fn loose(cell: &Cell, unit: &str) -> Markup {
    match cell {
        Cell::Figure(figure) => figure_link(figure, Some(unit)),
        _ => content(cell),
    }
}

fn content(cell: &Cell) -> Markup {
    match cell {
        Cell::Empty => html! {},
        Cell::None => html! { "–" },
        Cell::Text(text) => html! { (text) },
        Cell::Link(to) => link(to),
        Cell::Id(to) if to.href.is_empty() => html! { span.id { (to.text) } },
        Cell::Id(to) => html! { a.id href=(to.href) { (to.text) } },
        Cell::Figure(figure) if figure.href.is_empty() => html! { (figure.shown) },
        Cell::Figure(figure) => html! { a.fig href=(figure.href) data-k=[kind_of(figure)] { (figure.shown) } },
        Cell::Ratio(figure, unit) => html! {
            a.fig href=(figure.href) data-k="ratio" data-u=(unit) { (figure.shown) }
        },
        Cell::Number(_, shown) => html! { (shown) },
        Cell::Why(of, to) => html! { a href=(to.href) { (to.text) span.hush { " " (of) } } },
        Cell::Badge(tone, text) => html! { span class={ "badge " (word(*tone)) } { (text) } },
        Cell::Line(heights, text) => line(heights, text),
        Cell::Tick(name, value, label) => html! {
            input type="checkbox" name=(name) value=(value) aria-label=(label);
        },
    }
}

fn filters(form: &Filters) -> Markup {
    html! {
        form.filters method="get" data-auto[!form.is_search] role=[form.is_search.then_some("search")] aria-label=(form.label) {
            @if !form.chips.is_empty() {
                div.field {
                    span.label.small.dim #g-by { "Grouped by" }
                    ul.chips aria-labelledby="g-by" { @for (word, without, first) in &form.chips {
                        li.chip { (word) " "
                            @if let Some(first) = first { a href=(first) aria-label={ "Move " (word) " to the front" } { "←" } }
                            a href=(without) aria-label={ "Remove " (word) } { "×" }
                        }
                    } }
                }
            }
            @for (name, value) in &form.hidden { input type="hidden" name=(name) value=(value); }
            @for field in &form.fields { (field_of(field)) }
            button.btn.apply[!form.is_search] { @if form.is_search { "Search" } @else { "Show" } }
        }
    }
}

/// A form that changes something, or shows first what it would change.
fn post_form(form: &PostForm) -> Markup {
    let is_wide = form.choices.is_some() || form.inputs.iter().any(|input| matches!(input.kind, InputKind::Text(_)));
    html! {
        form class=(if is_wide { "form wide" } else { "form" }) method="post" action=(form.to) aria-label=(form.label) {
            @for (name, value) in &form.hidden { input type="hidden" name=(name) value=(value); }
            @for input in &form.inputs { (input_of(&form.to, input)) }
            @if let Some(table) = &form.choices { (self::table(table)) }
            p { button class={ "btn " (if form.is_grave { "danger" } else { "primary" }) } { (form.button) }
                @if let Some(back) = &form.back { " " (link(back)) } }
        }
    }
}

fn input_of(to: &str, input: &Input) -> Markup {
    // Several forms of a page may ask for the same thing.
    let place: String = to.chars().filter(char::is_ascii_alphanumeric).collect();
    let id = format!("in-{place}-{}", input.name);
    let say = format!("{id}-say");
    let fault = format!("{id}-fault");
    let is_wrong = !input.fault.is_empty();
    let described = match (is_wrong, input.say.is_empty()) {
        (true, true) => Some(fault.clone()),
        (true, false) => Some(format!("{fault} {say}")),
        (false, false) => Some(say.clone()),
        (false, true) => None,
    };
    let invalid = is_wrong.then_some("true");
    html! {
        div.field {
            label for=(id) { (input.label) }
            @match &input.kind {
                InputKind::Line => input id=(id) name=(input.name) value=(input.value) required[input.is_required]
                    placeholder=(input.example) spellcheck="false" aria-invalid=[invalid] aria-describedby=[&described];,
                InputKind::Day => input id=(id) name=(input.name) value=(input.value) required[input.is_required]
                    placeholder="2026-09-16" pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}" title="A day such as 2026-09-16"
                    aria-invalid=[invalid] aria-describedby=[&described];,
                // A line that begins a text is left out by browsers, so there is one more.
                InputKind::Text(lines) => textarea id=(id) name=(input.name) rows=(lines) required[input.is_required]
                    placeholder=(input.example) spellcheck="false" aria-invalid=[invalid]
                    aria-describedby=[&described] { "\n" (input.value) },
                InputKind::Choice(choices) => select id=(id) name=(input.name) required[input.is_required]
                    aria-invalid=[invalid] aria-describedby=[&described] {
                    @for (value, words) in choices { option value=(value) selected[*value == input.value] { (words) } }
                },
            }
            @if is_wrong { pre.error id=(fault) role="alert" { (input.fault) } }
            @if !input.say.is_empty() { p.hint id=(say) { (input.say) } }
        }
    }
}

fn field_of(field: &Field) -> Markup {
    let id = format!("f-{}", field.name);
    html! {
        div.field {
            label for=(id) { (field.label) }
            @if field.choices.is_empty() {
                input id=(id) name=(field.name) value=(field.value) size="24" placeholder=(field.example) spellcheck="false"
                    type=[(field.name == "q").then_some("search")];
            } @else {
                select id=(id) name=(field.name) data-default=(field.default) {
                    @for (value, words) in &field.choices {
                        option value=(value) selected[*value == field.value] { (words) }
                    }
                }
            }
        }
    }
}

fn figure_of(chart: &Chart, id: &str, unit: &str) -> Markup {
    html! {
        figure.chart data-chart=(chart.kind) data-table=(id) data-unit=(unit)
            data-flags=[(!chart.flags.is_empty()).then_some(chart.flags)]
            data-target=[chart.target.as_ref().map(|target| &target.0)]
            data-target-name=[chart.target.as_ref().map(|target| &target.1)] {
            figcaption { h2 { (chart.title) } p { (chart.say) } }
            @if assets::has_charts() { div.plot data-size=[(!chart.size.is_empty()).then_some(chart.size)] {} }
        }
    }
}

/// Longer tables than this are folded away below their chart.
const BESIDE: usize = 15;

fn with_chart(chart: &Chart, table: &Table) -> Markup {
    let drawn = figure_of(chart, &table.id, &table.unit);
    if table.rows.len() <= BESIDE && table.columns.len() <= 5 {
        return html! { section.block { div.pair { (drawn) (self::table(table)) } } };
    }
    html! {
        section.block {
            (drawn)
            details.data open[!assets::has_charts()] { summary { "Show data" } (self::table(table)) }
        }
    }
}

fn table(table: &Table) -> Markup {
    let classes =
        format!("t{}{}", if table.is_cards { " cards" } else { "" }, if table.is_sticky { " sticky" } else { "" });
    html! {
        div.scroll role="region" aria-label=(table.caption) tabindex="0" {
            table class=(classes) id=(table.id) data-sort=[table.next.is_none().then_some("whole")]
                data-sum=[table.sum.as_ref().map(|sum| &sum.0)] data-adds=[table.sum.as_ref().map(|sum| sum.1)]
                data-num=[table.ratio.as_ref().map(|ratio| &ratio.0)] data-den=[table.ratio.as_ref().map(|ratio| &ratio.1)] {
                caption { (table.caption) }
                thead { tr { @for column in &table.columns { (column_head(column)) } } }
                tbody { @for row in &table.rows { (self::row(table, row)) } }
                @if !table.foot.is_empty() { tfoot { @for row in &table.foot { (self::row(table, row)) } } }
            }
        }
        @if let Some(next) = &table.next {
            p.more id={ (table.id) "-more" } { a rel="next" href=(next.href) { (next.text) } }
        }
    }
}

/// A small line of points that are equally far apart.
fn line(heights: &[u8], words: &str) -> Markup {
    let steps = heights.len().max(2) - 1;
    let tenths = |tenths: usize| format!("{}.{}", tenths / 10, tenths % 10);
    let points: Vec<String> = heights
        .iter()
        .enumerate()
        .map(|(at, height)| {
            format!("{},{}", tenths(at * 1_000 / steps), tenths(220 - 2 * usize::from(*height).min(100)))
        })
        .collect();
    html! {
        svg.line viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label=(words) {
            polyline points=(points.join(" ")) {}
        }
    }
}

fn column_head(column: &Column) -> Markup {
    let class = if column.is_line { Some("spark") } else { column.is_figure.then_some("n") };
    html! {
        th scope="col" class=[class] data-role=[column.role] data-c=[column.colour.as_ref()] {
            (column.name)
        }
    }
}

fn row(table: &Table, row: &Row) -> Markup {
    let (id, parent) = row.tree.as_ref().map_or((None, None), |(id, parent)| (Some(id), Some(parent)));
    html! {
        tr id=[row.is_marked.then_some(&MARKED[1..])] aria-current=[row.is_marked.then_some("true")]
            class=[row.is_rest.then_some("rest")] data-last[row.is_rest] data-skip[row.undrawn] data-total[row.is_level]
            data-c=[row.colour.as_ref()] data-id=[id] data-parent=[parent] {
            @for (at, cell) in row.cells.iter().enumerate() {
                @if at == 0 {
                    th scope="row" class=[(row.depth > 0).then(|| format!("i{}", row.depth.min(3)))] { (content(cell)) }
                } @else {
                    (data_cell(table.columns.get(at), table.is_cards, cell))
                }
            }
        }
    }
}

fn data_cell(column: Option<&Column>, cards: bool, cell: &Cell) -> Markup {
    let exact = match cell {
        Cell::Figure(figure) | Cell::Ratio(figure, _) => Some(&figure.exact),
        Cell::Number(exact, _) => Some(exact),
        _ => None,
    };
    let class = match cell {
        Cell::Why(..) => Some("why"),
        _ if column.is_some_and(|column| column.is_line) => Some("spark"),
        _ => column.filter(|column| column.is_figure).map(|_| "n"),
    };
    let label = column.filter(|_| cards).map(|column| &column.name);
    html! { td class=[class] data-v=[exact] data-l=[label] { (content(cell)) } }
}
