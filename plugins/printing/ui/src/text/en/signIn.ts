export const signIn = {
  title: "Sign in to print",
  about: "This gateway wants to know who you are.",
  key: "API key or token",
  hint: "Whoever runs the gateway makes one with: fluxgate keys create",
  wrong: "This key isn't valid: mistyped, expired or revoked.",
  action: "Sign in",
};
