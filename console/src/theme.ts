// Light or dark: as the system has it, until the user says otherwise.
import { createSignal } from "solid-js";

const KEY = "trailwatch-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const chosen = () => localStorage.getItem(KEY);
const isDark = () => (chosen() ?? (system.matches ? "dark" : "light")) === "dark";

const [dark, setDark] = createSignal(isDark());

export { dark };

export function applyTheme(): void {
  setDark(isDark());
  document.documentElement.dataset.theme = dark() ? "dark" : "light";
}

export function switchTheme(): void {
  localStorage.setItem(KEY, dark() ? "light" : "dark");
  applyTheme();
}

system.addEventListener("change", applyTheme);
