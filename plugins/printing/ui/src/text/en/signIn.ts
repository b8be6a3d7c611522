export const signIn = {
  title: "Sign in to print",
  about: "This gateway wants to know who you are.",
  key: "API key or token",
  hint: "Whoever runs the gateway makes one with: fluxgate keys create",
  wrong: "This key isn't valid: mistyped, expired or revoked.",
  ended: "Your session has ended. Sign in again to go on where you were.",
  action: "Sign in",
};
