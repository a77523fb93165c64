//! `heptad:platform/events`: telling of things.

use heptad_bindings::Failure;
use heptad_bindings::host::heptad::platform::events::{Emission, Host};
use heptad_model::{NewEvent, Permission, PluginEventType};
use heptad_store::Tx;

use crate::call::{Call, HostError, bounded};
use crate::egress::personal::has_phone;

/// The most events of a call.
const MAX_EVENTS: usize = 100;

impl Call {
    /// The event that a plugin tells of, if the manifest lists its word.
    fn told(&self, Emission { kind, key, data }: &Emission) -> Result<NewEvent, HostError> {
        let manifest = &self.installed.serving.manifest;
        if !manifest.emits.contains(kind) {
            let word: String = kind.chars().take(64).collect();
            return Err(HostError::invalid("event-kind", format!("the manifest does not list `{word}` under `emits`")));
        }
        // An event is kept for a month and told to others, whatever they may read.
        if !self.installed.allowed.contains(Permission::PiiExport)
            && [key, data].into_iter().any(|text| has_phone(text))
        {
            let detail = "a phone number is in the event: tell ids, or ask for `pii.export`";
            return Err(HostError::denied("personal-data", detail));
        }
        let kind = PluginEventType { plugin: manifest.name.clone(), word: kind.clone() };
        kind.about(key, data).map_err(|error| HostError::invalid("event", error))
    }
}

impl Host for Call {
    async fn emit(&mut self, events: Vec<Emission>) -> Result<(), Failure> {
        let told = bounded(&events, MAX_EVENTS, "events")
            .and_then(|()| events.iter().map(|event| self.told(event)).collect::<Result<Vec<_>, _>>());
        let write = async |mut tx: Tx| {
            told?.into_iter().for_each(|event| tx.emit(event));
            Ok(())
        };
        self.write(Permission::PlatformEventsEmit, "heptad:platform/events#emit", &events, write).await
    }
}
