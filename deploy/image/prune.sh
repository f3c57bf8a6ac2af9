#!/bin/sh
# Leaves out of installed packages what no program reads: types, source maps, documents, builds for browsers. Licences and package.json stay.
set -eu
cd "$1"
find . -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.tsbuildinfo' -o -iname 'readme*' -o -iname 'changelog*' \) -delete
# An optional peer of a schema library: the compiler itself.
rm -rf typescript @typescript
# Bundles; ours is the one named here.
if [ -d echarts/dist ]; then
  find echarts/dist -type f ! -name echarts.esm.min.mjs ! -name package.json -delete
fi
# Text recognition: Node loads the .wasm beside the .js, and only the builds of the newer engine.
if [ -d tesseract.js-core ]; then
  cd tesseract.js-core
  find . -name 'tesseract-core*' ! -name '*-lstm.js' ! -name '*-lstm.wasm' -delete
  cd ..
fi
# Optional, for drawing pages of PDFs; ours are read by PDFium.
rm -rf @napi-rs/canvas @napi-rs/canvas-*
