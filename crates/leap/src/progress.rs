//! Progress bars: on a terminal only, and only for what takes over two seconds.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr that stays away until two seconds have passed.
pub(crate) struct Bar {
    bar: Mutex<Option<ProgressBar>>,
    visible: bool,
}

impl Bar {
    pub(crate) fn new() -> Bar {
        Bar { bar: Mutex::new(None), visible: std::io::stderr().is_terminal() }
    }

    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        act(&mut self.bar.lock().expect("a bar's lock is never poisoned: drawing does not panic"));
    }
}

const PATIENCE: Duration = Duration::from_secs(2);

impl leap_observe::take_in::Progress for Bar {
    fn start(&self, what: &str, total_bytes: u64) {
        if !self.visible {
            return;
        }
        self.with(|slot| {
            let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::hidden());
            if let Ok(style) = ProgressStyle::with_template("{msg:.bold} {bar:30} {bytes}/{total_bytes} {eta} left") {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            *slot = Some(bar);
        });
    }

    fn advance(&self, bytes: u64) {
        self.with(|slot| {
            if let Some(bar) = slot {
                bar.inc(bytes);
                if bar.is_hidden() && bar.elapsed() > PATIENCE {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                }
            }
        });
    }

    fn done(&self) {
        self.with(|slot| {
            if let Some(bar) = slot.take() {
                bar.finish_and_clear();
            }
        });
    }
}
