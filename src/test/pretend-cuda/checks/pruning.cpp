// Runs the pruning kernels over random matrices and compares each bit of what they write with the scalar specification,
// written down here once more. For a run with AddressSanitizer: buffers are as small as the kernels' contract allows.
//
//   build.sh OUT --asan --program checks/pruning.cpp && OUT/pruning [ROUNDS [SEED]]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "harness.h"

namespace {

using Bits = uint32_t;
std::mt19937_64 generator;
std::map<std::string, int> launches;
int failures = 0;

size_t below(size_t limit) { return generator() % limit; }

Bits bitsOf(float value) {
  Bits bits;
  memcpy(&bits, &value, 4);
  return bits;
}

float floatOf(Bits bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

enum Type { F32, F16, BF16 };
const char *const NAMES[] = {"f32", "f16", "bf16"};

size_t sizeOf(Type type) { return type == F32 ? 4 : 2; }

Bits infinityOf(Type type) { return type == F32 ? 0x7f800000u : type == F16 ? 0x7c00u : 0x7f80u; }

Bits signOf(Type type) { return type == F32 ? 0x80000000u : 0x8000u; }

// The exact magnitude of a finite element.
float magnitudeOf(Type type, Bits bits) {
  bits &= signOf(type) - 1;
  if (type == F32) return floatOf(bits);
  if (type == BF16) return floatOf(bits << 16);
  int exponent = static_cast<int>(bits >> 10);
  int mantissa = static_cast<int>(bits & 0x3ff);
  return exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                       : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

struct Case {
  Type type;
  size_t rows;
  size_t columns;
  size_t stride;
  std::vector<unsigned char> source;
  std::vector<float> norms;

  Bits at(const unsigned char *data, size_t row, size_t column) const {
    Bits bits = 0;
    memcpy(&bits, data + (row * stride + column) * sizeOf(type), sizeOf(type));
    return bits;
  }

  void put(unsigned char *data, size_t row, size_t column, Bits bits) const {
    memcpy(data + (row * stride + column) * sizeOf(type), &bits, sizeOf(type));
  }

  // The elements up to the last one; no padding after it.
  size_t bytes() const { return ((rows - 1) * stride + columns) * sizeOf(type); }

  float score(size_t row, size_t column) const { return magnitudeOf(type, at(source.data(), row, column)) * norms[column]; }
};

Bits randomElement(Type type, int kind) {
  Bits random = static_cast<Bits>(generator());
  Bits sign = random & 1 ? signOf(type) : 0;
  std::normal_distribution<float> normal(0, 0.02f);
  Bits usual = bitsOf(normal(generator));
  Bits value = type == F32 ? usual & 0x7fffffff : type == BF16 ? usual << 1 >> 17 : below(0x5000);
  switch (kind) {
    case 0: return sign | value;
    case 1: return sign | below(infinityOf(type));
    case 2: return sign | (below(2) ? 0 : value);
    case 3: return sign | (infinityOf(type) / 3 + below(3));
    case 4: return sign | infinityOf(type) / 4;
    case 5: return sign;
    case 6: return sign | below(300);
    case 7: return sign | (below(100) ? 0 : value);
    case 8: return sign | (infinityOf(type) / 2 + (type == F32 ? below(70000) : below(9)));
    default: return sign | (below(20) ? infinityOf(type) / 2 : value);
  }
}

float randomNorm(int kind) {
  switch (kind) {
    case 0: return std::exp(std::normal_distribution<float>(0, 1)(generator));
    case 1: return 1.0f;
    case 2: return below(3) ? 0.0f : 1.5f;
    case 3: return floatOf(below(0x7f800000));
    case 4: return floatOf(below(0x1000000));
    default: return 0.0f;
  }
}

// Fills a row with scores on both sides of the end of the search's first range, 16 octaves below the highest, where the
// norms are 1.
void aroundFirstRange(Case &c, size_t row) {
  Bits highest = c.type == F16 ? 0x7400 : bitsOf(1e6f) >> (c.type == F32 ? 0 : 16);
  Bits low = highest - (c.type == F32 ? 16 << 23 : c.type == F16 ? 16 << 10 : 16 << 7);
  for (size_t k = 0; k < c.columns; k++) c.put(c.source.data(), row, k, low + 1 + below(80) - 40);
  c.put(c.source.data(), row, below(c.columns), highest);
}

Case randomCase(Type type, size_t rows, size_t columns) {
  Case c = {type, rows, columns, 0, {}, {}};
  size_t unit = 16 / sizeOf(type);
  c.stride = (columns + unit - 1) / unit * unit + below(3) * unit;
  c.source.resize(rows * c.stride * sizeOf(type));
  for (auto &byte : c.source) byte = static_cast<unsigned char>(generator());
  for (size_t r = 0; r < rows; r++) {
    int kind = static_cast<int>(below(11));
    for (size_t k = 0; k < columns; k++) c.put(c.source.data(), r, k, randomElement(type, kind));
    if (kind == 10) aroundFirstRange(c, r);
    if (below(8) == 0) {
      c.put(c.source.data(), r, below(columns), infinityOf(type) | static_cast<Bits>(below(2)) | (below(2) ? signOf(type) : 0));
      c.put(c.source.data(), r, below(columns), infinityOf(type) + 1);
    }
  }
  int kind = static_cast<int>(below(6));
  for (size_t k = 0; k < columns; k++) c.norms.push_back(randomNorm(kind));
  return c;
}

struct Rule {
  enum Kind { ROW, GROUP, AT_MOST } kind;
  size_t count;
  size_t size;
  float threshold;
};

struct Expected {
  std::vector<unsigned char> result;
  std::vector<Bits> mask;
  std::vector<int> report;
};

Expected expect(const Case &c, const Rule &rule) {
  size_t words = (c.columns + 31) / 32;
  Expected e = {c.source, std::vector<Bits>(c.rows * words), std::vector<int>(c.rows * 3)};
  for (size_t r = 0; r < c.rows; r++) {
    int *report = &e.report[r * 3];
    report[2] = -1;
    for (size_t k = c.columns; k-- > 0;) {
      if ((c.at(c.source.data(), r, k) & (signOf(c.type) - 1)) >= infinityOf(c.type)) report[2] = static_cast<int>(k);
    }
    std::vector<bool> picked(c.columns);
    size_t size = rule.kind == Rule::ROW ? c.columns : rule.size;
    for (size_t from = 0; from < c.columns && rule.kind != Rule::AT_MOST && report[2] < 0; from += size) {
      std::vector<std::pair<float, size_t>> order;
      for (size_t k = from; k < from + size; k++) order.emplace_back(c.score(r, k), k);
      std::sort(order.begin(), order.end());
      for (size_t i = 0; i < rule.count; i++) picked[order[i].second] = true;
    }
    for (size_t k = 0; k < c.columns; k++) {
      if (rule.kind == Rule::AT_MOST && report[2] < 0) picked[k] = c.score(r, k) <= rule.threshold;
      if (picked[k]) c.put(e.result.data(), r, k, 0);
      if (!picked[k]) e.mask[r * words + k / 32] |= 1u << k % 32;
      report[0] += picked[k];
      report[1] += (c.at(e.result.data(), r, k) & (signOf(c.type) - 1)) == 0;
    }
  }
  return e;
}

void fail(const Case &c, const std::string &kernel, size_t row, const char *what) {
  printf("%s %s of %zu x %zu, row %zu: wrong %s\n", kernel.c_str(), NAMES[c.type], c.rows, c.columns, row, what);
  failures++;
}

void compare(
    const Case &c, const std::string &kernel, const Expected &e, const unsigned char *result, const Bits *mask,
    const int *report) {
  size_t words = (c.columns + 31) / 32;
  size_t rowBytes = c.stride * sizeOf(c.type);
  for (size_t r = 0; r < c.rows; r++) {
    if (e.report[r * 3 + 2] != report[r * 3 + 2]) fail(c, kernel, r, "non-finite column");
    size_t used = c.columns * sizeOf(c.type);
    if (r + 1 < c.rows && memcmp(result + r * rowBytes + used, c.source.data() + r * rowBytes + used, rowBytes - used) != 0) {
      fail(c, kernel, r, "padding");
    }
    if (e.report[r * 3 + 2] >= 0) continue;
    if (memcmp(&e.report[r * 3], report + r * 3, 8) != 0) fail(c, kernel, r, "counts");
    if (memcmp(result + r * rowBytes, e.result.data() + r * rowBytes, used) != 0) fail(c, kernel, r, "result");
    if (mask && memcmp(&e.mask[r * words], mask + r * words, words * 4) != 0) fail(c, kernel, r, "mask");
  }
}

unsigned warps(size_t wanted, unsigned most) { return static_cast<unsigned>(std::min<size_t>((wanted + 31) / 32 * 32, most)); }

int binsOf(unsigned threads) {
  int bins = 256;
  while (bins < 2048 && static_cast<unsigned>(bins) * 2 <= threads * 8) bins *= 2;
  return bins;
}

// Device memory: no larger than it has to be, and aligned as the kernels may expect.
struct Exact {
  Exact(const void *from, size_t bytes) {
    // malloc aligns to 16, and lets a sanitizer see the very next byte.
    memory = static_cast<unsigned char *>(malloc(bytes));
    if (from) memcpy(memory, from, bytes);
  }
  Exact(const Exact &) = delete;
  ~Exact() { free(memory); }
  template <class T>
  T *as() const { return reinterpret_cast<T *>(memory); }
  unsigned char *memory;
};

uint64_t launch(
    pretend::Harness &harness, const std::string &path, const Case &c, const Rule &rule, bool inPlace, bool masked,
    unsigned blocks = 0) {
  Expected e = expect(c, rule);
  size_t words = (c.columns + 31) / 32;
  Exact source(c.source.data(), c.bytes());
  Exact destination(c.source.data(), c.bytes());
  Exact norms(c.norms.data(), c.columns * 4);
  Exact maskMemory(nullptr, c.rows * words * 4);
  memset(maskMemory.memory, 0xc3, c.rows * words * 4);
  Exact report(nullptr, c.rows * 12);
  void *out = inPlace ? source.memory : destination.memory;
  const float *normPointer = norms.as<float>();
  unsigned *mask = masked ? maskMemory.as<unsigned>() : nullptr;
  int *reports = report.as<int>();
  const void *in = source.memory;
  int columns = static_cast<int>(c.columns);
  long long stride = static_cast<long long>(c.stride);
  int count = static_cast<int>(rule.count);
  std::string name = path + "_" + NAMES[c.type];
  unsigned vector = static_cast<unsigned>(16 / sizeOf(c.type));
  pretend::Index grid = {static_cast<unsigned>(c.rows), 1, 1};
  harness.order = static_cast<pretend::Order>(below(3));
  harness.seed = generator();
  launches[name]++;
  uint64_t barriers = 0;
  if (path == "select_rows_16" || path == "select_rows_32") {
    size_t items = path == "select_rows_16" ? 16 : 32;
    unsigned threads = warps((c.columns + items - 1) / items, 512);
    int bins = binsOf(threads);
    int rows = static_cast<int>(c.rows);
    // Blocks with several rows each guess from the one before.
    grid.x = blocks != 0 ? blocks : static_cast<unsigned>(1 + below(below(2) ? 1 : c.rows));
    barriers = harness.run(name.c_str(), grid, {threads, 1, 1}, bins * 4, in, normPointer, out, mask, reports, columns, stride, rows, count, bins);
  } else if (path == "select_rows_long") {
    unsigned threads = c.columns < 2000 ? 64 : 512;
    int bins = binsOf(threads);
    size_t row = (c.columns * sizeOf(c.type) + 15) / 16 * 16;
    int staged = row + bins * 4 < 150000 && below(2) ? 1 : 0;
    launches[name + (staged ? " staged" : " read again")]++;
    harness.run(name.c_str(), grid, {threads, 1, 1}, bins * 4 + (staged ? row : 0), in, normPointer, out, mask, reports, columns, stride, count, bins, staged);
  } else if (path == "select_groups_4" || path == "select_groups_8") {
    harness.run(name.c_str(), grid, {warps((c.columns + vector - 1) / vector, 256), 1, 1}, 0, in, normPointer, out, mask, reports, columns, stride, count);
  } else if (path == "select_groups_small") {
    harness.run(name.c_str(), grid, {warps((c.columns + 3) / 4, 256), 1, 1}, 0, in, normPointer, out, mask, reports, columns, stride, count, static_cast<int>(rule.size));
  } else if (path == "select_groups_large") {
    unsigned threads = warps(rule.size, 256);
    int bins = binsOf(threads);
    harness.run(name.c_str(), grid, {threads, 1, 1}, bins * 4, in, normPointer, out, mask, reports, columns, stride, count, static_cast<int>(rule.size), bins);
  } else {
    harness.run(name.c_str(), grid, {warps((c.columns + vector - 1) / vector, 256), 1, 1}, 0, in, normPointer, out, mask, reports, columns, stride, rule.threshold);
  }
  compare(c, path, e, static_cast<unsigned char *>(out), mask, reports);
  return barriers;
}

size_t someCount(size_t columns) {
  switch (below(5)) {
    case 0: return 0;
    case 1: return columns;
    case 2: return columns / 2;
    default: return below(columns + 1);
  }
}

// The bits of any element's magnitude as a float32.
Bits widened(Type type, Bits bits) {
  bits &= signOf(type) - 1;
  if (bits < infinityOf(type)) return bitsOf(magnitudeOf(type, bits));
  return type == F16 ? 0x7f800000u | (bits & 0x3ff) << 13 : type == F32 ? bits : bits << 16;
}

void magnitudes(pretend::Harness &harness, const Case &c) {
  std::vector<unsigned> upper(1 << 15), lower(1 << 16), wantedUpper(1 << 15), wantedLower(1 << 16);
  std::vector<int> report(c.rows * 3);
  int bin = static_cast<int>(widened(c.type, c.at(c.source.data(), below(c.rows), below(c.columns))) >> 16);
  for (size_t r = 0; r < c.rows; r++) {
    for (size_t k = 0; k < c.columns; k++) {
      Bits magnitude = widened(c.type, c.at(c.source.data(), r, k));
      wantedUpper[magnitude >> 16]++;
      if (static_cast<int>(magnitude >> 16) == bin) wantedLower[magnitude & 0xffff]++;
    }
  }
  std::string suffix = std::string("_") + NAMES[c.type];
  Exact source(c.source.data(), c.bytes());
  const void *in = source.memory;
  int rows = static_cast<int>(c.rows), columns = static_cast<int>(c.columns);
  long long stride = static_cast<long long>(c.stride);
  unsigned grid = static_cast<unsigned>(1 + below(c.rows + 1));
  harness.order = static_cast<pretend::Order>(below(3));
  harness.run(("count_upper" + suffix).c_str(), {grid, 1, 1}, {512, 1, 1}, 0, in, rows, columns, stride, upper.data());
  harness.run(("count_lower" + suffix).c_str(), {grid, 1, 1}, {256, 1, 1}, 0, in, rows, columns, stride, bin, lower.data());
  harness.run(("inspect_rows" + suffix).c_str(), {static_cast<unsigned>(c.rows), 1, 1}, {64, 1, 1}, 0, in, columns, stride, report.data());
  if (upper != wantedUpper) fail(c, "count_upper", 0, "counts");
  if (lower != wantedLower) fail(c, "count_lower", 0, "counts");
  Expected e = expect(c, {Rule::ROW, 0, 0, 0});
  for (size_t r = 0; r < c.rows; r++) {
    if (report[r * 3] != 0 || report[r * 3 + 1] != e.report[r * 3 + 1] || report[r * 3 + 2] != e.report[r * 3 + 2]) {
      fail(c, "inspect_rows", r, "report");
    }
  }
}

void wholeRows(pretend::Harness &harness, Type type, size_t rows, size_t columns) {
  Case c = randomCase(type, rows, columns);
  Rule rule = {Rule::ROW, someCount(columns), 0, 0};
  std::vector<std::string> paths = {"select_rows_long"};
  if (columns <= (type == F32 ? 7168u : 8192u)) paths.push_back("select_rows_16");
  if (columns <= 14336 && type != F32) paths.push_back("select_rows_32");
  for (const auto &path : paths) launch(harness, path, c, rule, below(2), below(4));
}

void groups(pretend::Harness &harness, Type type, size_t size, size_t rows, size_t columns) {
  Case c = randomCase(type, rows, columns);
  Rule rule = {Rule::GROUP, below(3) ? size / 2 : below(size), size, 0};
  if (size == 4) launch(harness, "select_groups_4", c, rule, below(2), below(4));
  if (size == 8) launch(harness, "select_groups_8", c, rule, below(2), below(4));
  if (size <= 32) launch(harness, "select_groups_small", c, rule, below(2), below(4));
  launch(harness, "select_groups_large", c, rule, below(2), below(4));
}

void atMost(pretend::Harness &harness, Type type, size_t rows, size_t columns) {
  Case c = randomCase(type, rows, columns);
  float thresholds[] = {0.0f, -0.0f, -1.0f, 0.01f, floatOf(77), c.score(0, below(columns)), 3e38f};
  float threshold = thresholds[below(7)];
  launch(harness, "select_threshold", c, {Rule::AT_MOST, 0, 0, std::isfinite(threshold) ? threshold : 1.0f}, below(2), below(4));
}

// Rows that are much alike: normal weights, whose rows' scales differ by a tenth, and norms that differ as those of a model
// do. Nearly all of them are guessed, with three barriers each, or one more for a second window.
void guesses(pretend::Harness &harness, Type type, const std::string &path, size_t columns) {
  constexpr size_t ROWS = 64;
  Case c = randomCase(type, ROWS, columns);
  std::normal_distribution<float> normal(0, 1);
  for (size_t k = 0; k < columns; k++) c.norms[k] = std::exp(normal(generator));
  for (size_t r = 0; r < ROWS; r++) {
    const float scale = std::exp(0.1f * normal(generator));
    for (size_t k = 0; k < columns; k++) {
      const Bits bits = bitsOf(scale * normal(generator));
      c.put(c.source.data(), r, k, type == F32 ? bits : type == BF16 ? bits >> 16 : 0x3800 | (bits >> 13 & 0x7ff));
    }
  }
  const uint64_t barriers = launch(harness, path, c, {Rule::ROW, columns / 2, 0, 0}, false, true, 1);
  const uint64_t most = 1 + 20 + (ROWS - 1) * 7 / 2;
  printf("%s_%s of %zu columns: %zu barriers for %zu rows\n", path.c_str(), NAMES[type], columns, barriers, ROWS);
  if (barriers > most) fail(c, path, 0, "number of barriers");
}

// Whole rows of F16 in one kernel.
int rowsOfOneKernel(pretend::Harness &harness, int rounds) {
  for (int round = 0; round < rounds; round++) {
    const size_t columns = round % 2 ? 300 + below(700) : 1 + below(300);
    const Case c = randomCase(F16, 6, columns);
    launch(harness, "select_rows_16", c, {Rule::ROW, someCount(columns), 0, 0}, false, true, 1);
  }
  guesses(harness, F16, "select_rows_16", 1024);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argumentCount, char **arguments) {
  int rounds = argumentCount > 1 ? atoi(arguments[1]) : 200;
  generator.seed(argumentCount > 2 ? static_cast<uint64_t>(atoll(arguments[2])) : 1);
  pretend::Harness harness;
  if (argumentCount > 3 && std::string(arguments[3]) == "select_rows") return rowsOfOneKernel(harness, rounds);
  const size_t shapes[] = {4095, 4096, 4097, 7168, 8192, 11008, 14336, 16385, 100003};
  for (int round = 0; round < rounds; round++) {
    Type type = static_cast<Type>(below(3));
    wholeRows(harness, type, 1 + below(4), 1 + below(70));
    wholeRows(harness, type, 6, 100 + below(1500));
    wholeRows(harness, type, 1 + below(3), 1 + below(2500));
    size_t size = round % 34 == 33 ? 64 : 1 + round % 34;
    if (below(4) == 0) size = below(2) ? 4 : 8;
    groups(harness, type, size, 1 + below(4), size * (1 + below(600 / size)));
    atMost(harness, type, 1 + below(4), 1 + below(600));
    magnitudes(harness, randomCase(type, 1 + below(5), 1 + below(900)));
    if (round % 20 == 0) wholeRows(harness, type, 1, shapes[(round / 20) % 9]);
    if (round % 50 == 0) groups(harness, type, 1000, 1, 4000);
  }
  for (Type type : {F32, F16, BF16}) {
    guesses(harness, type, "select_rows_16", 4096);
    if (type != F32) guesses(harness, type, "select_rows_32", 11008);
  }
  for (const auto &[name, count] : launches) printf("%6d %s\n", count, name.c_str());
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
