//! `leap cycle …`: one turn on the terminal, turns by themselves, and the plans that were performed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use leap_act::send::Receipt;
use leap_book::Acted;
use leap_decide::budget::State as BudgetState;
use leap_decide::contract::State as ClauseState;
use leap_decide::plan::{Finding, Rule, Severity, Step};
use serde_json::{Value, json};

use super::plans::{read, steps as steps_of, words};
use super::{Turn, Watch, held, turn};
use crate::cli::{CycleCommand, CycleListArgs, CycleRunArgs, CycleShowArgs, CycleWatchArgs, OutputFormat};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::home::{Access, Home};
use crate::messages::Post;
use crate::output::{Answer, Cell, emit, print_json};
use crate::{people, publish};

/// What a `leap cycle` command does.
pub(crate) async fn run(root: &Path, command: &CycleCommand) -> Result<(), Failure> {
    match command {
        CycleCommand::Run(args) => once(root, args).await,
        CycleCommand::Watch(args) => watch(root, args).await,
        CycleCommand::List(args) => list(root, args).await,
        CycleCommand::Show(args) => show(root, args).await,
    }
}

/// `plan 31 performed: 6 steps, 4 messages wait to be sent`
pub(super) fn performed(acted: &Acted) -> String {
    let new = acted.messages.iter().filter(|message| message.new).count();
    let messages = match new {
        0 => "no channel has a message to send".to_owned(),
        1 => "1 message waits to be sent".to_owned(),
        count => format!("{count} messages wait to be sent"),
    };
    format!("plan {} performed; {messages}", acted.plan.number)
}

/// What became of a message, in one line.
fn carried(receipt: &Receipt) -> String {
    let (word, next) = crate::messages::outcome(&receipt.next);
    let next = next.map_or_else(String::new, |at| format!(" at {at}"));
    format!("message {} to {}: {word}{next}", receipt.row, receipt.destination)
}

/// `leap cycle run`.
async fn once(root: &Path, args: &CycleRunArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let post = Post::of(&home)?;
    home.settings.cycle.check()?;
    // Nobody asks for the approval of what is being let go.
    let lock = match args.act && args.approved_by.is_some() {
        true => Some(home.lock_for_writing()?),
        false => None,
    };
    let mut turn = turn(&home, clock::now()).await?;
    let approved = approved(&home, args, &turn).await?;
    let cause = match &approved {
        None => "cycle run".to_owned(),
        Some(by) => {
            turn.approve();
            format!("cycle run, held, approved by {by}")
        }
    };
    let is_json = args.format.format == OutputFormat::Json;
    if !is_json {
        emit(&found(&turn))?;
        steps(&turn.plan.steps, &[]).print(args.format.format)?;
        emit(&findings(&turn.findings))?;
    }
    let errors = turn.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let acted = match args.act && errors == 0 {
        true => turn.act(&home, &post, &cause).await?,
        false => None,
    };
    if acted.is_some()
        && let Some(by) = &approved
    {
        held::given(&home, turn.plan.wanted(), by).await?;
    }
    drop(lock);
    // What waits from before goes, too.
    let sent = match args.act && errors == 0 && !args.no_send {
        true => post.deliver(&home.book).await?,
        false => Vec::new(),
    };
    if is_json {
        print_json(&as_json(&turn, acted.as_ref(), &sent))?;
    } else if args.act && errors == 0 {
        if let Some(acted) = &acted {
            emit(&format!("{}\n", performed(acted)))?;
        }
        for receipt in &sent {
            emit(&format!("{}\n", carried(receipt)))?;
        }
    } else if errors == 0 && !turn.plan.steps.is_empty() {
        emit("nothing was done: leap cycle run --act does it\n")?;
    }
    if turn.is_held() && !is_json {
        let wanted = turn.plan.wanted();
        emit(&format!(
            "somebody else who has looked at it lets it go: leap cycle run --act --expect {wanted} --approved-by NAME\n"
        ))?;
    }
    if errors > 0 {
        return Err(Failure {
            message: format!("the check of the plan found {errors} errors; nothing was done"),
            exit: Exit::PolicyBroken,
        });
    }
    if !turn.state.unread.is_empty() {
        let what: Vec<&str> = turn.state.unread.iter().map(|blind| blind.what).collect();
        return Err(Failure::failed(format!("{} cannot be read; see above", what.join(" and "))));
    }
    Ok(())
}

/// Who has approved a plan that is held, where somebody has.
async fn approved(home: &Home, args: &CycleRunArgs, turn: &Turn) -> Result<Option<String>, Failure> {
    let (Some(expect), Some(by)) = (&args.expect, &args.approved_by) else { return Ok(None) };
    if !turn.is_held() {
        return Err(Failure::usage("no plan is held: there is nothing for --expect and --approved-by to let go"));
    }
    if by.trim().is_empty() || by.chars().any(char::is_control) || leap_book::same_person(by, &publish::actor()) {
        return Err(Failure::not_allowed("--approved-by names somebody else than who performs it; nothing was done"));
    }
    let by = people::approver(home, by).await?;
    if *expect != turn.plan.wanted().to_string() {
        return Err(Failure::try_again(
            "what is due is something else by now than what --expect names; nothing was done: look at it again \
             (leap cycle run)",
        ));
    }
    Ok(Some(by))
}

/// What was looked at, one line each.
fn found(turn: &Turn) -> String {
    let state = &turn.state;
    let mut text = match &state.snapshot {
        Some(snapshot) => format!("snapshot {} ({}), {}\n", snapshot.id, snapshot.digest.short(), state.now),
        None => format!("no bills yet, {}\n", state.now),
    };
    let counts = |all: Vec<(usize, &'static str)>| {
        let some: Vec<String> =
            all.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        some.join(", ")
    };
    if let Some(judged) = &state.budgets {
        let states = [
            BudgetState::Breached,
            BudgetState::Waived,
            BudgetState::Projected,
            BudgetState::Warned,
            BudgetState::Within,
        ];
        let mut all: Vec<_> = states.map(|state| (turn.state.budgets_in(state), state.word())).to_vec();
        all.push((judged.missing.len(), "not judged"));
        text += &format!("budgets    {}: {}\n", judged.verdicts.len() + judged.missing.len(), counts(all));
    }
    if !state.clauses.is_empty() {
        let of = |wanted: ClauseState| {
            state
                .clauses
                .iter()
                .filter(|clause| clause.history.as_ref().map(|known| known.state) == Some(wanted))
                .count()
        };
        let unjudged = state.clauses.iter().filter(|clause| clause.history.is_none()).count();
        let all = vec![
            (of(ClauseState::Breached), "breached"),
            (of(ClauseState::Missing), "missing"),
            (of(ClauseState::Ok), "ok"),
            (unjudged, "not judged"),
        ];
        text += &format!("clauses    {}: {}\n", state.clauses.len(), counts(all));
    }
    for blind in &state.unread {
        text += &format!("not looked at: {}, which cannot be read: {}\n", blind.what, blind.problem);
    }
    text += &format!(
        "waivers    {} wait for an answer\ndrift      {} departures on the newest days\nforecasts  {} to be kept\n",
        state.open_waivers(),
        state.drift.len(),
        state.forecasts.len()
    );
    text + &format!("plan {}  {} steps\n", turn.plan.digest().short(), turn.plan.steps.len())
}

/// The steps of a plan, with what came of each.
fn steps(all: &[Step], receipts: &[leap_book::Receipt]) -> Answer {
    let mut columns = vec!["step", "what", "unit", "words", "because"];
    if !receipts.is_empty() {
        columns.push("came of it");
    }
    let mut answer = Answer::new("", &columns);
    for (at, step) in all.iter().enumerate() {
        let number = at + 1;
        let mut row = vec![
            Cell::Count(number as u64),
            Cell::text(step.deed.word()),
            Cell::text(step.unit.as_str()),
            Cell::text(words(step)),
            Cell::text(step.reason.as_str()),
        ];
        if !receipts.is_empty() {
            let receipt = receipts.iter().find(|receipt| usize::try_from(receipt.step) == Ok(number));
            row.push(Cell::text(match receipt {
                Some(receipt) => receipt.note.clone().unwrap_or_else(|| "done".to_owned()),
                None => "not done".to_owned(),
            }));
        }
        answer.rows.push(row);
    }
    answer
}

/// Findings for people; many of one rule are told once.
fn findings(all: &[Finding]) -> String {
    let mut rules = BTreeMap::<Rule, Vec<&Finding>>::new();
    for finding in all.iter().filter(|finding| finding.severity > Severity::Note) {
        rules.entry(finding.rule).or_default().push(finding);
    }
    let mut groups: Vec<(Rule, Vec<&Finding>)> = rules.into_iter().collect();
    groups.sort_by_key(|(rule, _)| std::cmp::Reverse(rule.severity()));
    let mut text = String::new();
    for (rule, found) in groups {
        let word = if rule.severity() == Severity::Error { "error" } else { "warning" };
        match found.as_slice() {
            [one] => text += &format!("{word}: {one}\n"),
            [one, ..] => {
                let (message, more) = (&one.message, found.len() - 1);
                text += &format!("{word}: {message}, and {more} more like this\n  help: {}\n", rule.remedy());
            }
            [] => {}
        }
    }
    text
}

fn as_json(turn: &Turn, acted: Option<&Acted>, sent: &[Receipt]) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "severity": format!("{:?}", finding.severity).to_lowercase(),
            "finding": finding.to_string(),
            "remedy": finding.rule.remedy(),
        })
    };
    json!({
        "snapshot": turn.state.snapshot.as_ref().map(|snapshot| snapshot.id),
        "plan": serde_json::to_value(&turn.plan).unwrap_or_default(),
        "digest": turn.plan.digest().to_string(),
        "wanted": turn.plan.wanted().to_string(),
        "held": turn.is_held(),
        "unread": turn
            .state
            .unread
            .iter()
            .map(|blind| json!({ "what": blind.what, "problem": blind.problem }))
            .collect::<Vec<_>>(),
        "findings": turn.findings.iter().map(finding).collect::<Vec<_>>(),
        "performed": acted.map(|acted| acted.plan.number),
        "messages": acted.map(|acted| acted.messages.iter().filter(|message| message.new).count()),
        "sent": sent.iter().map(carried).collect::<Vec<_>>(),
    })
}

/// `leap cycle watch`.
async fn watch(root: &Path, args: &CycleWatchArgs) -> Result<(), Failure> {
    let home = Arc::new(Home::open(root, Access::Read).await?);
    let post = Arc::new(Post::of(&home)?);
    let watch = Watch::start(home.clone(), post.clone(), args.act)?;
    let (stopping, told) = tokio::sync::watch::channel(false);
    let sending = tokio::spawn({
        let (post, home) = (post.clone(), home.clone());
        async move { post.run(home.book.clone(), told).await }
    });
    eprintln!("leap: cycle: taking turns{}; Ctrl-C stops", if args.act { "" } else { ", doing nothing without --act" });
    crate::serve::stopped().await?;
    stopping.send_replace(true);
    let joined = tokio::task::spawn_blocking(move || watch.stop()).await;
    joined.map_err(|error| Failure::failed(format!("the thread that takes turns did not end: {error}")))?;
    sending.await.map_err(|error| Failure::failed(format!("sending did not end: {error}")))
}

/// `leap cycle list`.
async fn list(root: &Path, args: &CycleListArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let plans = home.book.plans(args.limit).await.map_err(|error| Failure::from_error(&error))?;
    let columns = ["plan", "digest", "snapshot", "performed", "by", "cause", "steps"];
    let mut answer = Answer::new("Plans that were performed", &columns);
    for kept in plans {
        let plan = read(&kept)?;
        answer.rows.push(vec![
            Cell::text(kept.number.to_string()),
            Cell::text(kept.digest.short()),
            kept.snapshot.map_or(Cell::Empty, |snapshot| Cell::text(snapshot.to_string())),
            Cell::text(kept.performed_at.to_string()),
            Cell::text(kept.performed_by),
            Cell::text(kept.cause),
            Cell::Count(steps_of(&plan).len() as u64),
        ]);
    }
    answer.print(args.format.format)
}

/// `leap cycle show`.
async fn show(root: &Path, args: &CycleShowArgs) -> Result<(), Failure> {
    let home = Home::open(root, Access::Read).await?;
    let kept = home.book.plan(args.number).await.map_err(|error| Failure::from_error(&error))?;
    let receipts = home.book.receipts(args.number).await.map_err(|error| Failure::from_error(&error))?;
    let plan = read(&kept)?;
    if args.format.format == OutputFormat::Table {
        emit(&format!(
            "plan {} ({}), performed by {} at {}: {}\n",
            kept.number,
            kept.digest.short(),
            kept.performed_by,
            kept.performed_at,
            kept.cause
        ))?;
    }
    steps(steps_of(&plan), &receipts).print(args.format.format)
}
