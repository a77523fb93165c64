//! An event as CloudEvents 1.0 in its JSON format, as the API shows it and webhooks carry it.

use serde_json::{Value, json};

use crate::event::Event;
use crate::id::TenantId;

impl Event {
    /// The event as a JSON object of CloudEvents; what is absent is left out.
    pub fn cloud(&self, tenant: TenantId) -> Value {
        let mut cloud = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": format!("/tenants/{tenant}"),
            "type": self.kind,
            "subject": self.key,
            "time": self.at.rfc3339(),
            "datacontenttype": "application/json",
            "tenant": tenant,
            // As text, as CloudEvents has it.
            "sequence": self.seq.to_string(),
            "schemaversion": self.schema_version,
            "actor": self.actor,
            "correlation": self.correlation,
            "depth": self.depth,
            "data": self.data,
        });
        if let Some(causation) = self.causation {
            cloud["causation"] = json!(causation);
        }
        if let Some(traceparent) = &self.traceparent {
            cloud["traceparent"] = json!(traceparent);
        }
        cloud
    }
}
