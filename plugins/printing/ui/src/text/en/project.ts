/** Choosing a project. */
export const project = {
  label: "Project",
  none: "None",
  choose: "Choose one",
  other: "Another, by its id…",
  id: "The project's id",
  idHint: "As FluxStudio shows it, or its UUID.",
  unknown: "There is no such project, or you have nothing to do with it.",
};
