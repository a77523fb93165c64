# Events and who is told of them.
nav-events = Events
nav-subscriptions = Subscriptions
done-paused = Paused. Its events are kept, in their order, until you resume it.
done-resumed = Resumed. What was kept is delivered now.
done-skipped = Skipped. The event lies here, and its key goes on.
done-replayed = It is told once more.
done-replay-ended = Ended. What was told stays told.
done-discarded = Put aside for good.
rule-replay = Choose a time with events that this subscription hears of, or give the ids of events, one after another. Nothing was told.

events-lead = What happened in your shop. Events are kept for { $days } days.
events-lead-publisher = What became of your plugins. Events are kept for { $days } days.
events-live = Live
events-type = What happened
events-all-types = Anything
events-key = About
events-key-hint = An id or a code, such as ord_…
events-from = From
events-until = Until
events-unfiltered = Show all
events-none = No events
events-none-why = As soon as a price, a cart, an order or a customer changes, it is told here.
events-none-why-publisher = As soon as a version is reviewed, a merchant installs a plugin, or a notice is posted, it is told here.
events-none-filtered = Nothing that is kept is of this kind.
events-at = When
events-what = What happened
events-about = About
events-about-this = What happened to it
events-by = Who did it
events-by-person = A person in the console
events-by-token = A program with a token
events-by-customer = A customer
events-by-plugin = Plugin { $plugin }
events-by-platform = The platform
event-received = What became of it
event-received-none = No plugin has asked for events of this kind.
event-fate = State
event-again-at = tried again { $time }
event-attempts = Attempts
event-data = Data
event-data-help = Ids and numbers only. What is personal is looked up when it is told, for those who may read it.
event-id = Id
event-seq = Number for what it is about
event-cause = Caused by
event-cause-see = another event
event-correlation = Request in which it began
fate-waiting = Waits for its turn
fate-failing = Failed, is tried again
fate-ok = Told
fate-dead = Given up
fate-skipped = Skipped by a person
fate-passed-by = Not told: its filter or permissions leave this out, or it did not listen then
fate-forgotten = Dealt with; the log of it is gone

install-subscriptions = What it hears of
subscription = Subscription
subscription-owner = Plugin
subscription-tab = State
subscription-tabs = Pages of the subscription
subscription-hears = Hears of
subscription-filter = Only where
subscription-since = Since
subscription-state = State
subscription-waiting = Waiting events
subscription-keys = Things they are about
subscription-blocked = Held up by a failure
subscription-oldest = Waiting longest
subscription-paused = Paused
subscription-paused-why = Nothing is told while it is paused. Events are kept, in their order, for { $days } days; what is older lies with the dead letters.
subscription-failing = { $n ->
    [one] 1 held up
   *[other] { $n } held up
}
subscription-behind = Catching up
subscription-even = Up to date
subscription-pause = Pause
subscription-resume = Resume
subscriptions-lead = Who is told of what happens in your shop, and how far each is.
subscriptions-none = No subscriptions
subscriptions-none-why = Some plugins hear of what happens in your shop. When you install one, its subscriptions stand here.
waiting-title = What waits
waiting-none = Nothing waits: everything was told.
waiting-key = About
waiting-behind = Behind
waiting-why = Why
waiting-next = Next try
waiting-failed = { $n ->
    [one] failed once
   *[other] failed { $n } times
}
waiting-since = since { $time }
waiting-turn = Waits for its turn.
waiting-replay = A replay
waiting-skip = Skip the event
waiting-more = These are the first { $n }.
waiting-help = An event that fails holds up later ones about the same thing, and nothing else. It is tried again for about a day, then given up. A skipped event lies with the dead letters, and can be told again from there.

deliveries-tab = Deliveries
deliveries-all = All
deliveries-none = No such attempts in the last { $days } days.
deliveries-kept = kept for { $days } days
delivery-at = When
delivery-to = To
delivery-of = Event
delivery-outcome = Outcome
delivery-attempt = Attempt
delivery-took = Took
delivery-replayed = told again
delivery-ok = Told
delivery-failed = Failed
delivery-dead = Given up
delivery-skipped = Skipped
letters-tab = Dead letters
letters-lead = Events that could not be told and were given up. They are kept for { $days } days.
letters-n = { $n ->
    [one] 1 dead letter
   *[other] { $n } dead letters
}
letters-open = open
letters-open-only = Open ones only
letters-all = Show those dealt with, too
letters-none = Nothing was given up.
letters-at = Given up
letters-why = Why
letters-attempts = { $n ->
    [0] not tried
    [one] tried once
   *[other] tried { $n } times
}
letters-replay = Tell again
letters-replay-all = Tell all again, in their order
letters-discard = Put aside
letter-replayed = told again
letter-discarded = put aside
notices-about-letters = See the dead letters
notices-about-webhook = See the webhook
replays-tab = Replays
replays-none = No events were told again.
replay-at = Asked for
replay-progress = Progress
replay-figures = { $done } of { $all }
replay-running = Running
replay-done = Done
replay-cancelled = Ended
replay-cancel = End it
replay-new = Tell events again
replay-help = Those of a time, at most { $events }, or at most { $ids } by their ids. They are marked as told again and hold up nothing.
replay-until-now = (now, if empty)
replay-ids = Or these events
replay-ids-help = Ids such as evt_…, with blanks or lines between. If there are any, the time is not looked at.
replay-do = Tell again

outcome-failed-event-refused = It said that it will never take this event.
outcome-failed-loop = It came of itself: plugins answered events with events without end.
outcome-failed-expired = It was kept for as long as events are, and not told in that time.
outcome-failed-skipped = A person skipped it.

# How long things are kept.
nav-retention = Retention
retention-lead = What is kept and for how long. What is older is removed in small batches, every minute.
retention-what = What
retention-time = Kept for
retention-last = Last run
retention-removed = Removed in it
retention-in-all = In all
retention-never = not yet
retention-days = { $n ->
    [one] 1 day
   *[other] { $n } days
}
retention-hours = { $n ->
    [one] 1 hour
   *[other] { $n } hours
}
