# The audit logs. The sentences of the actions stand in the registry of the model.
install-done = What it did
nav-audit = Audit log
audit-lead = What was done in your shop, by whom. It is kept for { $years } years and never changes.
audit-lead-platform = What was done on the platform, by whom. It is kept for { $years } years and never changes.
audit-action = What was done
audit-all-actions = Anything
audit-actor = By whom
audit-actor-hint = An id, such as usr_…, tok_… or ins_…
audit-none = Nothing was written down
audit-none-why = As soon as somebody changes something, it stands here.
audit-none-filtered = Nothing that is kept is of this kind.
