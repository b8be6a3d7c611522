/** The design system: what everything is made of. Import from here. */
export { Badge, type Tone } from "./Badge";
export { Button, type ButtonLook, buttonClass, IconButton } from "./Button";
export { Card } from "./Card";
export { colour, watchColours } from "./colours";
export { type Question, useConfirm } from "./confirm";
export { Dialog } from "./Dialog";
export { SelectField, Switch, TextArea, TextField } from "./Field";
export { type Choice, Menu } from "./Menu";
export { Popover } from "./Popover";
export { Progress } from "./Progress";
export { Segments } from "./Segments";
export { Empty, Failed, Loading, Notice } from "./States";
export { Tip } from "./Tip";
export { failed, Toasts, told, undoable } from "./toasts";
export { useMedia } from "./useMedia";
