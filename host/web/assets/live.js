// Lists that keep up with the shop: an element with `data-live` names a stream of events; when something comes, it is
// asked to load itself again, which htmx does. Without this script the list is as it was when the page was loaded.
(() => {
  const list = () => document.querySelector("[data-live]");
  const first = list();
  if (!first || !window.EventSource || !window.htmx) return;
  const mark = document.querySelector("[data-live-mark]");
  let due = 0;
  let wasOpen = false;
  const changed = () => {
    clearTimeout(due);
    // What comes at the same time is shown at the same time; nobody's focus is taken away.
    due = setTimeout(() => {
      const now = list();
      if (now && !now.contains(document.activeElement)) htmx.trigger(now, "live");
      else changed();
    }, 300);
  };
  const follow = () => {
    const source = new EventSource(first.dataset.live);
    source.onmessage = changed;
    source.addEventListener("gap", changed);
    source.onopen = () => {
      if (mark) mark.hidden = false;
      // What happened while nothing came is shown, too.
      if (wasOpen) changed();
      wasOpen = true;
    };
    source.onerror = () => {
      if (mark) mark.hidden = true;
      // A browser comes back by itself unless it was refused.
      if (source.readyState === EventSource.CLOSED) setTimeout(follow, 10000);
    };
    window.addEventListener("pagehide", () => source.close(), { once: true });
  };
  follow();
})();
