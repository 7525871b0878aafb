// Tags in the alarm form, a row each.
import { For } from "solid-js";
import { KEY_MAX, TAGS_MAX, type Tag, VALUE_MAX } from "../../alarm-tags";
import { setParams } from "../../router";

export function Tags(props: { tags: Tag[] }) {
  const write = (tags: Tag[]) => setParams({ tags: JSON.stringify(tags) }, true);
  const change = (index: number, patch: Partial<Tag>) =>
    write(props.tags.map((tag, i) => (i === index ? { ...tag, ...patch } : tag)));
  return (
    <div class="field tags" role="group" aria-label="Tags">
      <span aria-hidden="true">Tags</span>
      {/* Not keyed by the tags: a field keeps its focus while its tag changes. */}
      <For each={props.tags.map((_, i) => i)}>
        {(index) => (
          <div class="filters">
            <input
              class="grow"
              aria-label={`Key of tag ${index + 1}`}
              placeholder="Key"
              required
              maxlength={KEY_MAX}
              value={props.tags[index]?.Key ?? ""}
              onInput={(event) => change(index, { Key: event.currentTarget.value })}
            />
            <input
              class="grow"
              aria-label={`Value of tag ${index + 1}`}
              placeholder="Value"
              maxlength={VALUE_MAX}
              value={props.tags[index]?.Value ?? ""}
              onInput={(event) => change(index, { Value: event.currentTarget.value })}
            />
            <button
              type="button"
              class="small"
              aria-label={`Remove tag ${index + 1}`}
              onClick={() => write(props.tags.filter((_, i) => i !== index))}
            >
              Remove
            </button>
          </div>
        )}
      </For>
      <div>
        <button
          type="button"
          class="small"
          disabled={props.tags.length >= TAGS_MAX}
          onClick={() => write([...props.tags, { Key: "", Value: "" }])}
        >
          Add a tag
        </button>
      </div>
    </div>
  );
}
