// Colours of lines, told apart by most eyes in either theme.
const LIGHT = ["#1d5fbf", "#c2570c", "#0f7f65", "#9b3fa0", "#8a6d00", "#b3261e", "#0b7f9c", "#5b6b7c", "#5a4fcf", "#3f7d20"];
const DARK = ["#6cabf5", "#f0964b", "#4cc9a4", "#d58bdc", "#d9b64a", "#ff8379", "#58c3dd", "#9fb0c2", "#a79bff", "#8fce6a"];

export const colour = (i: number, dark: boolean) => (dark ? DARK : LIGHT)[i % LIGHT.length] ?? "#888888";
