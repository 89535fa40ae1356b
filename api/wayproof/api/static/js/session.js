// A link to /#key=wp_... signs in. The key leaves the address bar, and so the history, before anything else happens.

const FORM = /^#key=(wp_[\w-]+)$/;

/** Whether the address held a key; if it was accepted, the page is loaded anew. */
export async function signInByAddress(refused) {
  const token = FORM.exec(location.hash)?.[1];
  if (!token) return false;
  history.replaceState(null, "", location.pathname);
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("/session", { method: "POST", headers, body: JSON.stringify({ token }) });
  if (response.ok) location.reload();
  else refused();
  return true;
}
