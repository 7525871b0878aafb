// Starts the console.
import { render } from "solid-js/web";
import { App } from "./app";
import { applyTheme } from "./theme";

applyTheme();
const root = document.getElementById("root");
if (root) render(() => <App />, root);
