import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

// Compiles the AssemblyScript of `lib/analysis/umap/kernels/` to the `kernels.wasm` beside it: node scripts/build-kernels.ts
// The binary is kept in the repository, so that nothing has to be compiled at install; a test rebuilds it and compares the bytes.

const source = new URL('../lib/analysis/umap/kernels/index.ts', import.meta.url);
const binary = new URL('../lib/analysis/umap/kernels.wasm', import.meta.url);

/** No runtime and no imports: the caller owns the memory. No relaxed SIMD: its results differ between processors. */
const OPTIONS = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--use', 'abort=', '--enable', 'simd'];

export async function compileKernels(): Promise<Uint8Array> {
  const outputs = new Map<string, string | Uint8Array>();
  const { error, stderr } = await main([fileURLToPath(source), '--outFile', 'kernels.wasm', ...OPTIONS], {
    writeFile: (name, contents) => void outputs.set(name, contents),
  });
  const built = outputs.get('kernels.wasm');
  if (error || !(built instanceof Uint8Array)) throw new Error(`The kernels do not compile: ${stderr.toString()}`, { cause: error });
  return built;
}

if (import.meta.main) await writeFile(binary, await compileKernels());
