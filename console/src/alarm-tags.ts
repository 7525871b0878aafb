// Tags of an alarm: as the URL keeps them, and what has to be asked so that the alarm has them.

export interface Tag {
  Key: string;
  Value: string;
}

/** Tags of a resource at most, and characters of their keys and values, as in AWS. */
export const TAGS_MAX = 50;
export const KEY_MAX = 128;
export const VALUE_MAX = 256;

/** The tags that a parameter says; `undefined` where it says none. */
export function tagsOf(text: string): Tag[] | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(said)) return undefined;
  const tags = said.filter((tag): tag is Tag => typeof tag?.Key === "string" && typeof tag?.Value === "string");
  return tags.slice(0, TAGS_MAX).map(({ Key, Value }) => ({ Key, Value }));
}

/** A key that several of the tags have. */
export const twice = (tags: Tag[]): string | undefined =>
  tags.find((tag, i) => tags.findIndex((other) => other.Key === tag.Key) !== i)?.Key;

/** What makes tags of before those of after. */
export function changeOf(before: Tag[], after: Tag[]): { put: Tag[]; remove: string[] } {
  const is = new Map(before.map((tag) => [tag.Key, tag.Value]));
  const stays = new Set(after.map((tag) => tag.Key));
  return {
    put: after.filter((tag) => is.get(tag.Key) !== tag.Value),
    remove: before.map((tag) => tag.Key).filter((key) => !stays.has(key)),
  };
}
