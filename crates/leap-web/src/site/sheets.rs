//! The sheets outside of the site's frame: logging in, proving it once more, the first person of all.

use maud::{DOCTYPE, Markup, html};

use super::html::{Display, head};
use super::{assets, encoded};

/// What the sheet to log in shows.
pub struct Sheet<'s> {
    /// The name that stands in it.
    pub name: &'s str,
    /// Where the login leads.
    pub to: &'s str,
    /// Why the last try did not succeed.
    pub said: Option<&'s str>,
    /// What the provider is called, where one is offered.
    pub provider: Option<&'s str>,
    /// True where a password is asked for.
    pub password: bool,
    /// True where who is logged in proves it once more.
    pub again: bool,
}

fn sheet(title: &str, said: Option<&str>, display: Display, inner: &Markup) -> String {
    let at = assets::base();
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(display.theme) {
            (head(title, &at))
            body.bare {
                main #main { div.sheet {
                    h1 { (title) }
                    @if let Some(said) = said { p.notice.bad role="alert" { (said) } }
                    (inner)
                } }
            }
        }
    }
    .into_string()
}

/// The sheet to log in, or to prove it once more.
pub fn login_sheet(shown: &Sheet<'_>, display: Display) -> String {
    let to = encoded(shown.to);
    let provider = shown.provider.map(|name| {
        let again = if shown.again { "&again=yes" } else { "" };
        html! { p.actions { a.btn.primary href={ "/login/oidc?to=" (to) (again) } { "Continue with " (name) } } }
    });
    let inner = html! {
        @if shown.again { p { "What you are about to do wants to be sure that it is you, " (shown.name) "." } }
        @if let Some(provider) = &provider { (provider) }
        @if shown.password {
            @if provider.is_some() { hr; }
            form.form method="post" action=(if shown.again { "/login/again" } else { "/login" }) {
                input type="hidden" name="to" value=(shown.to);
                div.field {
                    label for="name" { "Name" }
                    input #name name="name" value=(shown.name) autocomplete="username" autocapitalize="none"
                        spellcheck="false" required autofocus[shown.name.is_empty()] readonly[shown.again];
                }
                div.field {
                    label for="password" { "Password" }
                    input #password name="password" type="password" autocomplete="current-password" required
                        autofocus[!shown.name.is_empty()];
                }
                button.btn.primary[provider.is_none()] { "Log in" }
            }
        }
        @if !shown.again {
            p.dim.small {
                "No login, or the password is lost? An administrator makes one on the machine where leap runs: "
                code { "leap user add" } ", " code { "leap user password" } "."
            }
        } @else {
            p { a href=(shown.to) { "Back" } }
        }
    };
    sheet(if shown.again { "Prove that it is you" } else { "Log in" }, shown.said, display, &inner)
}

/// The sheet of the first person of all.
pub fn setup_sheet(name: &str, shown: &str, said: Option<&str>, display: Display) -> String {
    let line = |id: &'static str, label: &str, value: &str, complete: &'static str| {
        html! {
            div.field {
                label for=(id) { (label) }
                input id=(id) name=(id) value=(value) autocomplete=(complete) autocapitalize="none" spellcheck="false"
                    required[id != "shown"];
            }
        }
    };
    let secret = |id: &'static str, label: &str| {
        html! {
            div.field {
                label for=(id) { (label) }
                input id=(id) name=(id) type="password" autocomplete="new-password" required;
            }
        }
    };
    let inner = html! {
        p { "Nobody has a login yet. The first one is an administrator, who gives the others theirs." }
        form.form method="post" action="/setup" {
            (line("token", "The token that the terminal printed", "", "off"))
            (line("name", "Name to log in with", name, "username"))
            (line("shown", "Name that others read", shown, "name"))
            (secret("password", "Password"))
            (secret("again", "The same password again"))
            button.btn.primary { "Make the first administrator" }
        }
        p.dim.small { "The token is good for 15 minutes and for one person. A new start of " code { "leap serve" } " prints another." }
    };
    sheet("First start", said, display, &inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_text() {
        let sheet = Sheet {
            name: "\"><script>",
            to: "/team/a?period=2026&x=\"",
            said: Some("<img src=x>"),
            provider: Some("Acme <b>"),
            password: true,
            again: false,
        };
        let html = login_sheet(&sheet, Display::default());
        assert!(!html.contains("<img") && !html.contains("<b>") && !html.contains("\"><script>"), "{html}");
        assert!(html.contains("href=\"/login/oidc?to=%2Fteam%2Fa%3Fperiod%3D2026%26x%3D%22\""), "{html}");
        let again = login_sheet(&Sheet { again: true, password: false, name: "ana", ..sheet }, Display::default());
        assert!(again.contains("&amp;again=yes") && !again.contains("type=\"password\""), "{again}");
    }
}
