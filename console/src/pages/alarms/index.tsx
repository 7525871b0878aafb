// Alarms: which there are, what one of them saw and did, a form that makes one, and when they are silent.
import { Match, Switch } from "solid-js";
import { path } from "../../router";
import { CreateAlarm } from "./create";
import { AlarmDetail } from "./detail";
import { AlarmList } from "./list";
import { Mutes } from "./mutes";

export default function Alarms() {
  return (
    <Switch fallback={<AlarmList />}>
      <Match when={path() === "/alarms/create"}>
        <CreateAlarm />
      </Match>
      <Match when={path() === "/alarms/alarm"}>
        <AlarmDetail />
      </Match>
      <Match when={path() === "/alarms/mutes"}>
        <Mutes />
      </Match>
    </Switch>
  );
}
