//! Shapes of what is not merged yet.

pub(crate) mod drift {
    use leap_terms::{Currency, Instant, Money, TeamId};

    use crate::failure::Failure;
    use crate::home::Home;
    use crate::view::View;

    pub(crate) struct Found {
        pub(crate) unit: TeamId,
        pub(crate) series: String,
        pub(crate) currency: Currency,
        pub(crate) alert: leap_decide::drift::Alert,
        pub(crate) drivers: Vec<(String, Money)>,
    }

    pub(crate) async fn found(_: &Home, _: &View, _: Instant) -> Result<Vec<Found>, Failure> {
        Ok(Vec::new())
    }
}

pub(crate) mod forecasts {
    use leap_terms::{Instant, TeamId};

    use crate::failure::Failure;
    use crate::home::Home;
    use crate::view::View;

    pub(crate) struct Due {
        pub(crate) unit: TeamId,
        pub(crate) forecast: leap_book::NewForecast,
    }

    pub(crate) async fn due(_: &Home, _: &View, _: Instant) -> Result<Vec<Due>, Failure> {
        Ok(Vec::new())
    }
}
