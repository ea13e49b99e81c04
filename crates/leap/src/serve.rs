//! `leap serve`: shows the site, takes in traces that OpenTelemetry sends, sends messages, until it is told to stop.
//!
//! ```text
//! $ leap serve
//! leap site  http://127.0.0.1:7171
//! OTLP/HTTP  http://127.0.0.1:4318
//! OTLP/gRPC  http://127.0.0.1:4317
//! ^C leap: stopping: answering what is in flight, storing what is complete (again to end at once)
//! leap: 1200 requests stored, 40 replaced, 3 known already; 2 segments of the spool wait for the next start
//! ```
//!
//! The addresses are those that are really listened on (port 0 is any free one), and are printed when requests are
//! answered. Nothing that was answered is lost, however it ends: [`crate::intake`].

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use leap_web::otlp::{Limits, Receivers};
use leap_web::site::{Door, Listener};
use tokio::sync::watch;

use crate::cli::ServeArgs;
use crate::cycle::Watch;
use crate::failure::Failure;
use crate::home::{Access, Home, ServeSettings};
use crate::intake::{self, Traces};
use crate::messages::Post;
use crate::people::{Doors, LoginSettings, Setup, SignOn};
use crate::site::Pages;

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(root: &Path, args: &ServeArgs) -> Result<(), Failure> {
    let settings = Home::settings(root)?;
    let http = args.otlp_http.unwrap_or(settings.serve.otlp_http);
    let grpc = args.otlp_grpc.unwrap_or(settings.serve.otlp_grpc);
    let mut home = readable(root).await?;
    // Messages link to where the site really is.
    home.settings.serve.public_url = args.public_url.clone().or(home.settings.serve.public_url);
    home.settings.serve.site = args.listen.unwrap_or(home.settings.serve.site);
    let home = Arc::new(home);
    home.settings.cycle.check()?;
    let has_login = home.book.has_accounts().await.map_err(|error| Failure::from_error(&error))?;
    let door = door(args, &settings.serve)?;
    let site = Listener::bind(&door).await;
    let site = site.map_err(|error| Failure::usage(format!("{error}; or set serve.site in leap.toml")))?;
    let receivers = Receivers::bind(http, grpc, limits(&settings.serve)?)
        .await
        .map_err(|error| Failure::usage(format!("{error}; or set serve.otlp_http and serve.otlp_grpc in leap.toml")))?;
    let stop = Signals::listen()?;
    let post = Arc::new(Post::of(&home)?);
    let traces = Arc::new(Traces::start(root, &settings.latency.stream).await?);
    let (doors, token) = doors(&door, &site.url(), has_login, &settings.login)?;
    let book = home.book.clone();
    let pages = Arc::new(Pages::new(home.clone(), doors, post.clone()));
    match &door.public {
        Some(_) => eprintln!("leap site  {}, listening on {}", site.url(), site.address()),
        None => eprintln!("leap site  {}", site.url()),
    }
    if let Some(token) = token {
        eprintln!(
            "leap: nobody has a login yet. Open {}/setup within 15 minutes with this token, shown this once:\n{token}",
            site.url()
        );
    }
    // First pages read much; made now, they are there when somebody comes.
    let first = pages.clone();
    std::thread::spawn(move || first.make_ready());
    if args.open {
        open_browser(&site.url());
    }
    for (what, address) in [("OTLP/HTTP", receivers.http()), ("OTLP/gRPC", receivers.grpc())] {
        eprintln!("{what}  http://{address}");
        if !address.ip().is_loopback() {
            eprintln!("leap: anybody who reaches {address} can send traces, as nobody has to log in");
        }
    }
    let cycle = match settings.cycle.act {
        true => Some(Watch::start(home.clone(), post.clone(), true)?),
        false => None,
    };
    let (stopping, mut told) = watch::channel(false);
    let mut post = tokio::spawn(post.run(book, told.clone()));
    let until = async move {
        // Ends also where the sender is gone.
        let _ = told.wait_for(|stopping| *stopping).await;
    };
    let site = tokio::spawn(site.run(pages, until));
    let stop = async {
        stop.wait().await;
        stopping.send_replace(true);
    };
    let stopped = receivers.run(traces.clone(), stop).await;
    let patience = Duration::from_secs(settings.serve.stop_seconds);
    if tokio::time::timeout(patience, site).await.is_err() {
        eprintln!("leap: pages that were still being made were cut");
    }
    if let Some(cycle) = cycle
        && tokio::task::spawn_blocking(move || cycle.stop()).await.is_err()
    {
        eprintln!("leap: the thread that takes turns did not end");
    }
    if tokio::time::timeout(patience, &mut post).await.is_err() {
        post.abort();
        eprintln!(
            "leap: messages that were being sent were cut; they are sent again after a while, with the same keys"
        );
    }
    if stopped.cut > 0 {
        eprintln!("leap: {} connections were cut; what they had no answer for will be sent again", stopped.cut);
    }
    let (_, stored) = traces.stop().await?;
    let waiting = intake::waiting(&intake::spool_folder(root))?;
    eprintln!(
        "leap: {} requests stored, {} replaced, {} known already; {} segments of the spool wait for the next start",
        stored.new, stored.replaced, stored.known, waiting.segments
    );
    Ok(())
}

/// Where the site listens, by arguments and settings.
fn door(args: &ServeArgs, settings: &ServeSettings) -> Result<Door, Failure> {
    let cert = args.tls_cert.clone().or_else(|| settings.tls_cert.clone());
    let key = args.tls_key.clone().or_else(|| settings.tls_key.clone());
    let tls = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => return Err(Failure::usage("leap.toml: serve.tls_cert and serve.tls_key belong together; one is missing")),
    };
    Ok(Door {
        address: args.listen.unwrap_or(settings.site),
        public: args.public_url.clone().or_else(|| settings.public_url.clone()),
        tls,
    })
}

/// How people come in; and the token of the first one, where nobody has a login beyond this machine.
fn doors(
    door: &Door,
    url: &str,
    has_login: bool,
    settings: &LoginSettings,
) -> Result<(Doors, Option<String>), Failure> {
    let is_beyond = door.is_beyond();
    let sign_on = match &settings.oidc {
        None => None,
        Some(_) if door.public.is_none() && is_beyond => {
            return Err(Failure::usage(
                "leap.toml: login.oidc needs the address that people type, where the provider sends them back to: set \
                 serve.public_url, or --public-url https://…",
            ));
        }
        Some(oidc) => Some(SignOn::new(oidc, url)?),
    };
    let first = (is_beyond && !has_login).then(|| Setup::new(crate::clock::now())).transpose()?;
    let (setup, token) = first.unzip();
    Ok((Doors { is_beyond, setup, sign_on }, token))
}

/// The home, made where there is none yet.
async fn readable(root: &Path) -> Result<Home, Failure> {
    match Home::open(root, Access::Read).await {
        Ok(home) => Ok(home),
        Err(_) => {
            drop(Home::open(root, Access::Write).await?);
            Home::open(root, Access::Read).await
        }
    }
}

/// Opens an address as the desktop does; where there is none, the printed address has to do.
fn open_browser(address: &str) {
    let (program, words): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    if let Err(error) = std::process::Command::new(program).args(words).arg(address).spawn() {
        eprintln!("leap: no browser was opened ({program}: {error}); open {address}");
    }
}

/// The limits that the settings name.
fn limits(settings: &ServeSettings) -> Result<Limits, Failure> {
    let bytes = |name: &str, mib: usize| {
        let bytes = mib.checked_mul(1 << 20).filter(|bytes| *bytes > 0);
        bytes.ok_or_else(|| Failure::usage(format!("leap.toml: serve.{name} = {mib} is no size; write MiB, from 1 on")))
    };
    Ok(Limits {
        body: bytes("body_mib", settings.body_mib)?,
        bodies: bytes("bodies_mib", settings.bodies_mib)?,
        body_time: Duration::from_secs(settings.body_seconds.max(1)),
        stop_time: Duration::from_secs(settings.stop_seconds),
        ..Limits::default()
    })
}

/// The address of the site.
pub(crate) const SITE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7171);
/// The addresses of OTLP.
pub(crate) const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4318);
/// The same for gRPC.
pub(crate) const GRPC: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4317);

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn stopped() -> Result<(), Failure> {
    Signals::listen()?.wait().await;
    Ok(())
}

/// SIGINT and SIGTERM, listened for from the moment that this is made.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Result<Signals, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listened = || Ok::<_, std::io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?));
        let (interrupt, terminate) =
            listened().map_err(|error| Failure::failed(format!("could not listen for signals: {error}")))?;
        Ok(Signals { interrupt, terminate })
    }

    /// Ends with the first signal; a second one ends the process.
    async fn wait(mut self) {
        self.next().await;
        eprintln!("leap: stopping: answering what is in flight, storing what is complete (again to end at once)");
        tokio::spawn(async move { std::process::exit(self.next().await) });
    }

    /// The exit code that a shell gives to the signal that came.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Result<Signals, Failure> {
        Ok(Signals)
    }

    async fn wait(self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_limits_and_no_size_is_refused() {
        let limits = limits(&ServeSettings::default()).unwrap();
        assert_eq!(limits, Limits::default(), "the written settings are what leap-web takes for its own");
        let none = ServeSettings { body_mib: 0, ..ServeSettings::default() };
        assert!(super::limits(&none).unwrap_err().message.starts_with("leap.toml: serve.body_mib = 0 is no size"));
        let endless = ServeSettings { bodies_mib: usize::MAX, ..ServeSettings::default() };
        assert!(super::limits(&endless).unwrap_err().message.contains("serve.bodies_mib"));
    }
}
