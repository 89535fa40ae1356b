import { signInByAddress } from "./session.js";

const signIn = () => signInByAddress(() => (document.querySelector(".alert").hidden = false));

addEventListener("hashchange", signIn);
signIn();
