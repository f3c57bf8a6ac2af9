import type { Cluster, Redis } from 'ioredis';

/**
 * A cluster's client that keeps nothing for later (`enableOfflineQueue: false`) rejects what is sent while the connection to the node that answers
 * for it is still being made: at the start of a process, after a cut, after a failover. Here it waits for that connection, which is there or given
 * up within `connectTimeout`.
 */
export function waitForNodes(cluster: Cluster): Cluster {
  const send = cluster.sendCommand.bind(cluster);
  cluster.sendCommand = (command, stream, node: unknown) => {
    const nodes = connectingFor(cluster, slotOf(node) ?? command.getSlot());
    if (nodes.length === 0) return send(command, stream, node);
    // All commands of a pipeline wait for the same node, and so keep their order.
    void Promise.all(nodes.map(settled)).then(() => {
      send(command, stream, node);
    });
    return command.promise;
  };
  return cluster;
}

/** Where a pipeline goes: ioredis hands it on with every command of it. */
function slotOf(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null && 'slot' in node && typeof node.slot === 'number' ? node.slot : undefined;
}

/** Of a slot without a known node, and of a command without a key, the client asks any primary. */
function connectingFor(cluster: Cluster, slot: number | null): Redis[] {
  const nodes = cluster.nodes('master');
  const address = slot === null ? undefined : cluster.slots[slot]?.[0];
  const own = nodes.find(({ options }) => `${options.host}:${options.port}` === address);
  return (own ? [own] : nodes).filter(({ status }) => status === 'connecting' || status === 'connect');
}

const settling = new WeakMap<Redis, Promise<void>>();

/** One listener for any number of commands. */
function settled(node: Redis): Promise<void> {
  const known = settling.get(node);
  if (known) return known;
  const settles = new Promise<void>((resolve) => {
    const done = (): void => {
      node.off('ready', done).off('close', done).off('end', done);
      settling.delete(node);
      resolve();
    };
    node.on('ready', done).on('close', done).on('end', done);
  });
  settling.set(node, settles);
  return settles;
}
