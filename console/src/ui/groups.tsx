// Chooses log groups: what is chosen as chips, and a field that completes names.
import { createSignal, createUniqueId, For, Show } from "solid-js";
import { load } from "../load";
import { listGroups } from "../logs";

export function GroupPicker(props: { chosen: string[]; choose: (groups: string[]) => void; max: number }) {
  const [text, setText] = createSignal("");
  const id = createUniqueId();
  const known = load(text, async (containing, signal) => (await listGroups(containing, signal)).items.map((g) => g.logGroupName));
  const add = (name: string) => {
    if (name && known.data()?.includes(name) && !props.chosen.includes(name) && props.chosen.length < props.max) {
      props.choose([...props.chosen, name]);
      setText("");
      return true;
    }
    return false;
  };
  return (
    <>
      <For each={props.chosen}>
        {(name) => (
          <button
            type="button"
            class="chip"
            title={`Leave ${name} out`}
            onClick={() => props.choose(props.chosen.filter((n) => n !== name))}
          >
            {name} ✕
          </button>
        )}
      </For>
      <Show when={props.chosen.length < props.max}>
        <input
          list={id}
          aria-label="Add a log group"
          placeholder={props.chosen.length ? "Add a log group" : "Choose a log group"}
          value={text()}
          spellcheck={false}
          onInput={(event) => {
            // What was pasted, or chosen at once, was never in `text`: so the field itself is emptied.
            if (add(event.currentTarget.value)) event.currentTarget.value = "";
            else setText(event.currentTarget.value);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              add(event.currentTarget.value);
            }
          }}
        />
        <datalist id={id}>
          <For
            each={known
              .data()
              ?.filter((name) => !props.chosen.includes(name))
              .slice(0, 100)}
          >
            {(name) => <option value={name} />}
          </For>
        </datalist>
      </Show>
      <Show when={known.error()}>
        <span class="bad">Log groups cannot be listed.</span>
      </Show>
    </>
  );
}

/** Names in a parameter of the URL; group names hold no commas. */
export const groupsOf = (text: string) => text.split(",").filter(Boolean);
