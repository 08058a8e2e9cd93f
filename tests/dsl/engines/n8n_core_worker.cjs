// Runs workflows on n8n's own execution engine, without a server: a JSON line with a workflow in, one with its run out.
// `node n8n_core_worker.cjs FOLDER`, FOLDER where `make n8n-core` has installed n8n-core and n8n-nodes-base.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { createRequire } = require('node:module');

const folder = process.argv[2];
const ours = createRequire(path.join(folder, 'package.json'));
ours('reflect-metadata'); // before anything else of n8n
const { Workflow, NodeHelpers } = ours('n8n-workflow');
const core = ours('n8n-core');

// Standard output is for answers; what the engine logs goes elsewhere.
process.stdout.write = process.stderr.write.bind(process.stderr);
process.on('unhandledRejection', (error) => process.stderr.write(`unhandled: ${error?.stack ?? error}\n`));

const NOWHERE = 'http://127.0.0.1:9/';
const BASE = 'n8n-nodes-base.';
const AsyncFunction = (async () => {}).constructor;
let loader;

/** The node types, as `Workflow` wants them. */
const nodeTypes = {
  getByName: (type) => (type.startsWith(BASE) ? loader.getNode(type.slice(BASE.length)).type : undefined),
  getByNameAndVersion: (type, version) => {
    if (!type.startsWith(BASE) || !(type.slice(BASE.length) in loader.known.nodes)) {
      throw new Error(`Unrecognized node type: ${type}`);
    }
    return NodeHelpers.getVersionedNodeType(nodeTypes.getByName(type), version);
  },
  getKnownTypes: () => loader.known.nodes,
};

/** One run of a workflow whose trigger gives these items. */
async function execute({ workflow: source, items, trigger, subflows = {}, credentials = {} }) {
  const workflow = new Workflow({ id: 'w', active: false, settings: {}, ...source, nodeTypes });
  const start = startNode(workflow, trigger);
  const hooks = new core.ExecutionLifecycleHooks('manual', '1', workflow);
  let response = null;
  hooks.addHandler('sendResponse', (sent) => { response = sent; });
  const data = additionalData({ hooks, subflows, credentials });
  const pinData = { ...source.pinData, [start.name]: items.map((json, item) => ({ json, pairedItem: { item } })) };
  const run = await new core.WorkflowExecute(data, 'manual').run({ workflow, startNode: start, pinData });
  return { run, response };
}

/** The node of this name, else the first node that is a trigger. */
function startNode(workflow, name) {
  const nodes = Object.values(workflow.nodes).filter((node) => !node.disabled);
  const isTrigger = (node) => nodeTypes.getByNameAndVersion(node.type, node.typeVersion).description.group.includes('trigger');
  const found = name ? workflow.nodes[name] : nodes.find(isTrigger);
  if (!found) throw new Error(name ? `no node ${name}` : 'the workflow has no trigger');
  return found;
}

/** What a server would give to a run: credentials of the test, sub-workflows of the test, code run in this process. */
function additionalData({ hooks, subflows, credentials }) {
  const subruns = [];
  return {
    credentialsHelper: {
      getParentTypes: () => [],
      getDecrypted: async (_data, _node, type) => credentials[type] ?? {},
      getCredentialsProperties: () => [],
      authenticate: async (_credentials, _type, request) => request,
      preAuthentication: async () => undefined,
      isCredentialUsableByNode: () => true,
    },
    hooks,
    executionId: '1',
    variables: {},
    logAiEvent: () => {},
    setExecutionStatus: () => {},
    sendDataToUI: () => {},
    restApiUrl: NOWHERE,
    instanceBaseUrl: NOWHERE,
    webhookBaseUrl: NOWHERE,
    webhookWaitingBaseUrl: NOWHERE,
    webhookTestBaseUrl: NOWHERE,
    formWaitingBaseUrl: NOWHERE,
    startRunnerTask: (_data, type, settings, functions) => runCode(type, settings, functions),
    executeWorkflow: async (info, _data, { inputData }) => {
      const called = info.code ?? subflows[info.id];
      if (!called) throw new Error(`no workflow ${info.id}`);
      const items = (inputData ?? [{ json: {} }]).map((item) => item.json);
      const { run } = await execute({ workflow: called, items, subflows, credentials });
      if (run.data.resultData.error) throw run.data.resultData.error;
      const executionId = `sub ${subruns.push(run.data) - 1}`;
      return { executionId, data: lastRun(run)?.data?.main ?? [[]] };
    },
    getRunExecutionData: async (executionId) => subruns[Number(executionId.slice(4))],
  };
}

/** A code node's JavaScript, which the server gives to a runner of its own: here it runs in this process. */
async function runCode(type, settings, functions) {
  try {
    if (type !== 'javascript') throw new Error(`this lane runs no ${type}`);
    const all = settings.nodeMode !== 'runOnceForEachItem';
    return { ok: true, result: clone(all ? await runAll(settings, functions) : await runEach(settings, functions)) };
  } catch (error) {
    return { ok: false, error: { name: error?.name, message: String(error?.message ?? error), stack: error?.stack } };
  }
}

const clone = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

function runAll(settings, functions) {
  const proxy = functions.getWorkflowDataProxy(0);
  return call(settings, functions, proxy, { items: proxy.$input.all() });
}

async function runEach({ chunk, ...settings }, functions) {
  const results = [];
  for (let index = chunk.startIndex; index < chunk.startIndex + chunk.count; index++) {
    const proxy = functions.getWorkflowDataProxy(index);
    const result = await call(settings, functions, proxy, { item: proxy.$input.item });
    if (result) results.push({ json: result.json ?? result, pairedItem: { item: index } });
  }
  return results;
}

function call(settings, functions, proxy, more) {
  const known = {
    ...proxy,
    ...more,
    ...settings.additionalProperties,
    $getWorkflowStaticData: (kind) => functions.getWorkflowStaticData(kind),
    require: (name) => { throw new Error(`Cannot find module '${name}'`); },
    process: undefined,
    console: { log: () => {}, warn: () => {}, error: () => {} },
  };
  return new AsyncFunction(...Object.keys(known), settings.code)(...Object.values(known));
}

/** The last run of the node that ran last. */
function lastRun(run) {
  const { runData, lastNodeExecuted } = run.data.resultData;
  return (runData[lastNodeExecuted] ?? []).at(-1);
}

/** A run in the words of `lane.Ran`. */
function told({ run, response }) {
  const { runData, error } = run.data.resultData;
  const items = (lastRun(run)?.data?.main ?? []).find((port) => port?.length)?.map((item) => item.json) ?? [];
  const ended = Object.entries(runData).flatMap(([name, runs]) => runs.map((one) => [one.executionIndex, name]));
  const ports = (one) => (one.data?.main ?? []).map((port) => (port ?? []).map((item) => item.json));
  return {
    status: run.status === 'success' ? 'succeeded' : 'failed',
    outputs: items[0] ?? {},
    items,
    error: error ? reason(error) : '',
    nodes: Object.fromEntries(Object.entries(runData).map(([name, runs]) => [name, ports(runs.at(-1))])),
    order: ended.sort((one, other) => one[0] - other[0]).map(([, name]) => name),
    response: response?.body ?? null,
  };
}

const reason = (error) => [error.node?.name, error.message, error.description].filter(Boolean).join(': ');

/** By node, the parameters that n8n keeps of those in the file: what a node type does not know it leaves out. */
function kept({ workflow }) {
  const nodes = workflow.nodes.filter(({ type }) => type.startsWith(BASE));
  return Object.fromEntries(nodes.map((node) => {
    const { description } = nodeTypes.getByNameAndVersion(node.type, node.typeVersion);
    const known = NodeHelpers.getNodeParameters(description.properties, node.parameters, true, false, node, description);
    return [node.name, known ?? {}];
  }));
}

async function main() {
  const Loader = core.LazyPackageDirectoryLoader ?? core.PackageDirectoryLoader;
  loader = new Loader(path.join(folder, 'node_modules', 'n8n-nodes-base'));
  await loader.loadAll();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      const asked = JSON.parse(line);
      answer = asked.kept ? kept(asked) : told(await execute(asked));
    } catch (error) { // a workflow that cannot even be started
      answer = { status: 'failed', outputs: {}, error: reason(error) };
    }
    fs.writeSync(1, `${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

main();
