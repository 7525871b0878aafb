// Dashboards: the list, one of them, and those that make themselves.
import { Match, Switch } from "solid-js";
import { path } from "../../router";
import { AutomaticBoard } from "./automatic";
import { SavedBoard } from "./board";
import { DashboardList } from "./list";

export default function Dashboards() {
  return (
    <Switch fallback={<DashboardList />}>
      <Match when={path() === "/dashboards/dashboard"}>
        <SavedBoard />
      </Match>
      <Match when={path() === "/dashboards/automatic"}>
        <AutomaticBoard />
      </Match>
    </Switch>
  );
}
