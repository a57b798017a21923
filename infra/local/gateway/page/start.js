import { show } from "/docs/docs.js";

const contract = await (await fetch("/docs/openapi.json")).json();
show(contract, location.origin);
