// The keyboard: `/` to search, `g` and a letter to go somewhere, `?` for this list.
import { createSignal } from "solid-js";
import { go } from "./router";
import { switchTheme } from "./theme";
import { refresh, switchZone } from "./time";

export const PLACES: [string, string, string][] = [
  ["o", "/", "Overview"],
  ["e", "/events", "Event history"],
  ["w", "/investigate", "Investigate"],
  ["l", "/logs", "Log groups"],
  ["i", "/insights", "Logs Insights"],
  ["t", "/tail", "Live tail"],
  ["m", "/metrics", "Metrics"],
  ["a", "/alarms", "Alarms"],
  ["d", "/dashboards", "Dashboards"],
  ["r", "/trails", "Trails & detections"],
  ["c", "/access", "Access"],
];

export const KEYS: [string, string][] = [
  ["/", "Search on this page"],
  ["?", "Show these keys"],
  ["r", "Fresh data"],
  ["u", "Local time or UTC"],
  ["\\", "Light or dark"],
  ["Esc", "Close what is open"],
  ["↑ ↓ ↵", "Move in a table, open a row"],
];

const [help, setHelp] = createSignal(false);

export { help, setHelp };

let waiting = false;
let timer: ReturnType<typeof setTimeout> | undefined;

/** True where keys are text. */
export function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return (
    !!element && (/^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) || element.isContentEditable || element.shadowRoot !== null)
  );
}

export function listen(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]"))
      return;
    if (waiting) {
      waiting = false;
      clearTimeout(timer);
      const place = PLACES.find(([key]) => key === event.key);
      if (place) {
        event.preventDefault();
        go(place[1]);
      }
      return;
    }
    switch (event.key) {
      case "g":
        waiting = true;
        timer = setTimeout(() => {
          waiting = false;
        }, 1500);
        break;
      case "/": {
        const field = document.querySelector<HTMLElement>("[data-search]");
        if (field) {
          event.preventDefault();
          field.focus();
        }
        break;
      }
      case "?":
        setHelp(true);
        break;
      case "r":
        refresh();
        break;
      case "u":
        switchZone();
        break;
      case "\\":
        switchTheme();
        break;
    }
  });
}
