//! Any endpoint, in proportion to the weights.

use std::sync::Arc;

use super::{Ask, Endpoint, Pick, Policy, table::Table};

/// Picks at random.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightedRandom;

impl Policy for WeightedRandom {
    fn picker(&self, endpoints: &Arc<[Arc<Endpoint>]>) -> Box<dyn Pick> {
        let table = Table::new(endpoints.iter().map(|endpoint| endpoint.weight()));
        Box::new(Picker { endpoints: endpoints.clone(), table })
    }
}

struct Picker {
    endpoints: Arc<[Arc<Endpoint>]>,
    table: Table,
}

impl Pick for Picker {
    fn pick(&self, ask: &mut Ask<'_>) -> Option<&Arc<Endpoint>> {
        self.table.accepted(&self.endpoints, ask, None).map(|index| &self.endpoints[index])
    }
}
