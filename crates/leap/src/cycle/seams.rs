//! Shapes of what is not merged yet.

pub(crate) mod contracts {
    use std::sync::Arc;

    use leap_decide::contract::clock::History;
    use leap_decide::contract::{Clause, Contract};
    use leap_terms::Instant;

    use crate::failure::Failure;
    use crate::home::Home;
    use crate::view::View;

    pub(crate) struct ClauseState {
        pub(crate) contract: Arc<Contract>,
        pub(crate) clause: usize,
        pub(crate) history: Option<History>,
    }

    impl ClauseState {
        pub(crate) fn clause(&self) -> &Clause {
            &self.contract.clauses[self.clause]
        }
    }

    pub(crate) async fn watched(_: &Home, _: &View, _: Instant) -> Result<Vec<ClauseState>, Failure> {
        Ok(Vec::new())
    }
}

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
