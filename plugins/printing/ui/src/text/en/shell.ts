export const notFound = {
  title: "There is no such page",
  about: "It may have been about a printer or a file that is gone.",
  action: "To the printers",
};

export const noAccess = {
  title: "Nothing here for you yet",
  about: (name: string) =>
    `${name} may not see any printer. Whoever runs the gateway can give the role viewer or operator, for all printers or some.`,
};
