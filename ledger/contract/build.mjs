// Compiles a contract: node ledger/contract/build.mjs [SOURCE.sol [OUTPUT.json]]. Same sources, same bytes.
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));
const source = process.argv[2] ?? join(here, "WayproofLedger.sol");
const output = process.argv[3] ?? join(here, "../wayproof/ledger/contract.json");
const name = basename(source, ".sol");

const settings = {
  // The oldest rules among the chains that we mean: bytecode for these runs on all newer ones.
  evmVersion: "cancun",
  viaIR: true,
  optimizer: { enabled: true, runs: 200 },
  // A hash of the metadata would make the bytecode depend on comments.
  metadata: { bytecodeHash: "none", appendCBOR: false },
};

const input = {
  language: "Solidity",
  sources: { [basename(source)]: { content: readFileSync(source, "utf8") } },
  settings: {
    ...settings,
    outputSelection: { "*": { "": ["ast"], [name]: ["abi", "evm.bytecode", "evm.deployedBytecode", "storageLayout"] } },
  },
};
const readImport = (path) => ({ contents: readFileSync(join(dirname(source), path), "utf8") });
const compiled = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));

const problems = compiled.errors ?? [];
if (problems.length) {
  process.stderr.write(problems.map((problem) => problem.formattedMessage).join("\n"));
  process.exit(1);
}

const contract = compiled.contracts[basename(source)][name];
const nameOf = new Map();
JSON.stringify(compiled.sources[basename(source)].ast, (_, node) => {
  if (node?.mutability === "immutable") nameOf.set(String(node.id), node.name);
  return node;
});
const immutables = Object.entries(contract.evm.deployedBytecode.immutableReferences ?? {}).map(([id, places]) => [
  nameOf.get(id),
  places.map((place) => place.start),
]);

const artefact = {
  contract: name,
  compiler: solc.version(),
  settings,
  abi: contract.abi,
  bytecode: "0x" + contract.evm.bytecode.object,
  deployedBytecode: "0x" + contract.evm.deployedBytecode.object,
  immutables: Object.fromEntries(immutables),
  storageLayout: contract.storageLayout.storage.map(({ label, slot, offset, type }) => ({
    label,
    slot: Number(slot),
    offset,
    bytes: Number(contract.storageLayout.types[type].numberOfBytes),
  })),
};
writeFileSync(output, JSON.stringify(artefact, null, 1) + "\n");
