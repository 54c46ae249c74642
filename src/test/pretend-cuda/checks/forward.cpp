// Runs the kernels that every decoder needs over odd sizes and compares what they write with sums in float64; decoder.cpp
// has the others. For a run with AddressSanitizer: buffers are as small as the kernels' contract allows, and start where it
// allows.
//
//   build.sh OUT --asan --program checks/forward.cpp && OUT/forward [ROUNDS [SEED]]
//
// OUT/forward ROUNDS SEED sums CAPABILITY prints instead how far linear layers on tensor cores are off.
#include <bit>
#include <memory>

#include "checks.h"

namespace {

struct Type {
  const char *name;
  size_t bytes;
  uint32_t (*toBits)(float);
  float (*fromBits)(uint32_t);
};

uint32_t floatBits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

float bitsFloat(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t toF16(float value) {
  const _Float16 half = static_cast<_Float16>(value);
  uint16_t bits;
  memcpy(&bits, &half, sizeof bits);
  return bits;
}

float fromF16(uint32_t bits) {
  const auto low = static_cast<uint16_t>(bits);
  _Float16 half;
  memcpy(&half, &low, sizeof half);
  return static_cast<float>(half);
}

const Type F32 = {"f32", 4, floatBits, bitsFloat};
const Type F16 = {"f16", 2, toF16, fromF16};
const Type BF16 = {"bf16", 2, [](float value) { return floatBits(value) >> 16; },
                   [](uint32_t bits) { return bitsFloat(bits << 16); }};
const Type *const TYPES[] = {&F32, &F16, &BF16};

// A checkpoint's matrix: rows start at multiples of 16 bytes, and nothing follows the last element.
class Weight {
 public:
  Weight(const Type &type, int rows, int columns)
      : type(type), stride(strideFor(type, columns)), bytes(((rows - 1) * stride + columns) * type.bytes) {
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) set(row, column, normal());
    }
  }

  void set(int row, int column, float value) {
    const uint32_t bits = type.toBits(value);
    memcpy(bytes.get() + (row * stride + column) * type.bytes, &bits, type.bytes);
  }

  double at(int row, int column) {
    uint32_t bits = 0;
    memcpy(&bits, bytes.get() + (row * stride + column) * type.bytes, type.bytes);
    return type.fromBits(bits);
  }

  const float *floats() { return reinterpret_cast<const float *>(bytes.get()); }
  const unsigned short *shorts() { return reinterpret_cast<const unsigned short *>(bytes.get()); }
  bool isFloat() const { return type.bytes == 4; }
  double leastNormal() const { return &type == &F16 ? 0x1p-14 : 0x1p-126; }

  const Type &type;
  const long long stride;

 private:
  static long long strideFor(const Type &type, int columns) {
    const long long unit = 16 / static_cast<long long>(type.bytes);
    return (columns + unit - 1) / unit * unit + static_cast<long long>(below(3)) * unit;
  }

  Buffer<char> bytes;
};

unsigned tiles(int rows, int tileRows, int columns, int tileColumns) {
  return static_cast<unsigned>((rows + tileRows - 1) / tileRows * ((columns + tileColumns - 1) / tileColumns));
}

void embed(pretend::Harness &harness) {
  const int vocabulary = 1 + static_cast<int>(below(9)), columns = 1 + static_cast<int>(below(300));
  const unsigned tokens = 1 + static_cast<unsigned>(below(5));
  Weight table(*TYPES[below(3)], vocabulary, columns);
  Buffer<int> ids(tokens, true);
  ids.fill([&] { return static_cast<int>(below(vocabulary)); });
  Buffer<float> out(tokens * columns, true);
  const std::string name = std::string("embed_") + table.type.name;
  const unsigned threads = rowThreads(columns, 256);
  if (table.isFloat()) {
    run(harness, name, {tokens}, threads, 0, table.floats(), table.stride, ids.get(), out.get(), columns);
  } else {
    run(harness, name, {tokens}, threads, 0, table.shorts(), table.stride, ids.get(), out.get(), columns);
  }
  for (size_t i = 0; i < out.size(); i++) check(name, out[i], table.at(ids[i / columns], static_cast<int>(i % columns)), 0);
}

void rmsNorm(pretend::Harness &harness) {
  const int columns = 1 + static_cast<int>(below(below(4) ? 200 : 3000));
  const unsigned rows = 1 + static_cast<unsigned>(below(3));
  const float epsilon = 1e-5f;
  Buffer<float> x(rows * columns, true), gain(columns, true), out(rows * columns, true);
  x.fill(normal);
  gain.fill(normal);
  const int cached = static_cast<int>(below(2));
  run(harness, "rms_norm", {rows}, rowThreads(columns, 256), cached * columns * sizeof(float), x.get(), gain.get(),
      epsilon, out.get(), columns, cached);
  for (unsigned row = 0; row < rows; row++) {
    double squares = 0;
    for (int i = 0; i < columns; i++) squares += static_cast<double>(x[row * columns + i]) * x[row * columns + i];
    for (int i = 0; i < columns; i++) {
      const double expected = x[row * columns + i] / std::sqrt(squares / columns + epsilon) * gain[i];
      check("rms_norm", out[row * columns + i], expected, std::abs(expected));
    }
  }
}

void add(pretend::Harness &harness) {
  const size_t count = 1 + below(5000);
  Buffer<float> x(count, true), y(count, true);
  x.fill(normal);
  y.fill(normal);
  const std::vector<float> before(x.get(), x.get() + count);
  run(harness, "add", {1 + static_cast<unsigned>(below(4))}, 256, 0, x.get(), y.get(), x.get(), static_cast<long long>(count));
  for (size_t i = 0; i < count; i++) check("add", x[i], static_cast<double>(before[i]) + y[i], 10);
}

void crossEntropy(pretend::Harness &harness) {
  const int vocabulary = 1 + static_cast<int>(below(3000));
  const unsigned rows = 1 + static_cast<unsigned>(below(3));
  Buffer<float> logits(rows * vocabulary, true), losses(rows * 3, true);
  Buffer<int> targets(rows, true);
  logits.fill([] { return 5 * normal(); });
  targets.fill([&] { return static_cast<int>(below(vocabulary)); });
  run(harness, "cross_entropy", {rows}, rowThreads(vocabulary, 512), 0, logits.get(), vocabulary, targets.get(), losses.get());
  for (unsigned row = 0; row < rows; row++) {
    const float *from = logits.get() + row * vocabulary;
    const float highest = *std::max_element(from, from + vocabulary);
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) sum += std::exp(static_cast<double>(from[i]) - highest);
    check("cross_entropy", losses[3 * row], highest, 0);
    check("cross_entropy", losses[3 * row + 1], sum, sum);
    check("cross_entropy", losses[3 * row + 2], from[targets[row]], 0);
  }
}

void columnSquares(pretend::Harness &harness) {
  const int tokens = 1 + static_cast<int>(below(200)), columns = 1 + static_cast<int>(below(150)), runs = (tokens + 31) / 32;
  const long long stride = columns + below(3);
  Buffer<float> x((tokens - 1) * stride + columns, true), sums(runs * columns), written(2 * columns);
  Buffer<double> state(columns);
  x.fill(normal);
  state.fill([] { return 1.0; });
  const unsigned slabs = static_cast<unsigned>(columns + 31) / 32;
  run(harness, "column_squares_runs_f32", {tiles(runs, 4, columns, 32)}, 128, 0, x.get(), tokens, columns, stride, sums.get());
  run(harness, "column_squares_fold", {slabs}, 32, 0, sums.get(), runs, columns, state.get());
  run(harness, "column_sums", {slabs}, 32, 0, state.get(), columns, written.get());
  for (int column = 0; column < columns; column++) {
    double expected = 1;
    for (int token = 0; token < tokens; token++) expected += static_cast<double>(x[token * stride + column]) * x[token * stride + column];
    check("column_sums", static_cast<double>(written[column]) + written[columns + column], expected, expected);
  }
}

struct Linear {
  int tokens, columns, features;
  Weight w;
  Buffer<float> x, bias;
  bool biased;

  Linear(const Type &type, int tokens, int columns, int features)
      : tokens(tokens), columns(columns), features(features), w(type, features, columns), x(tokens * columns, true),
        bias(features, true), biased(below(2)) {
    x.fill(normal);
    bias.fill(normal);
  }

  void compare(const std::string &name, Buffer<float> &result, long long stride) {
    for (int token = 0; token < tokens; token++) {
      for (int feature = 0; feature < features; feature++) {
        double expected = biased ? bias[feature] : 0, magnitude = 1;
        for (int i = 0; i < columns; i++) {
          const double product = x[token * columns + i] * w.at(feature, i);
          expected += product;
          magnitude += std::abs(product);
        }
        check(name, result[token * stride + feature], expected, magnitude);
      }
    }
  }

  const float *biasOrNull() { return biased ? bias.get() : nullptr; }
};

void linearFloat(pretend::Harness &harness) {
  Linear layer(F32, size(200), size(100), size(200));
  const long long stride = layer.features + static_cast<long long>(below(3));
  Buffer<float> out((layer.tokens - 1) * stride + layer.features, true);
  const unsigned blocks = tiles(layer.tokens, 128, layer.features, 128);
  run(harness, "linear_float", {blocks}, 256, 0, layer.x.get(), layer.w.floats(), layer.w.stride, layer.biasOrNull(), out.get(),
      stride, layer.tokens, layer.features, layer.columns);
  layer.compare("linear_float", out, stride);
}

// Puts activations as they were rounded to 16 bits in their place.
void round(Linear &layer, Buffer<unsigned short> &halves, int padded, const float *inverses) {
  for (int token = 0; token < layer.tokens; token++) {
    for (int column = 0; column < layer.columns; column++) {
      float &x = layer.x[token * layer.columns + column];
      const float rounded = F16.fromBits(halves[static_cast<size_t>(token) * padded + column]) * inverses[token];
      if (std::abs(rounded - x) > 0x1p-11 * std::abs(x) + 1e-7) check("linear_split", rounded, x, 0);
      x = rounded;
    }
  }
}

// Multiplies a layer whose activations are then those that were multiplied, and returns the kernel's name.
std::string multiplyOnTensorCores(pretend::Harness &harness, Linear &layer, bool fast, bool few, Buffer<float> &out, long long stride) {
  const int padded = (layer.columns + 31) / 32 * 32, parts = fast ? 1 : 2;
  Buffer<unsigned short> halves(static_cast<size_t>(layer.tokens) * padded * parts);
  Buffer<float> inverses(layer.tokens), weightInverses(layer.features);
  const auto tokens = static_cast<unsigned>(layer.tokens), features = static_cast<unsigned>(layer.features);
  const unsigned threads = rowThreads(padded, 256);
  const long long xStride = layer.columns;
  run(harness, "linear_split_f32", {tokens}, threads, 0, layer.x.get(), xStride, layer.columns, halves.get(), padded, parts,
      inverses.get());
  if (fast) round(layer, halves, padded, inverses.get());
  const bool scaled = &layer.w.type == &BF16;
  Buffer<unsigned short> w(static_cast<size_t>(scaled ? layer.features : 0) * padded);
  if (scaled) {
    run(harness, "linear_split_bf16", {features}, threads, 0, layer.w.shorts(), layer.w.stride, layer.columns, w.get(), padded, 1,
        weightInverses.get());
  }
  const int tile = few ? 32 : 128;
  const size_t shared = static_cast<size_t>(harness.architecture == 75 ? 2 : 3) * (parts * tile + 128) * 64;
  const std::string name = std::string("linear_tensor") + (fast ? "_fast" : "") + (few ? "_few" : "");
  const unsigned short *weights = scaled ? w.get() : layer.w.shorts();
  const long long weightStride = scaled ? padded : layer.w.stride;
  const float *factors = scaled ? weightInverses.get() : nullptr;
  run(harness, name, {tiles(layer.tokens, tile, layer.features, 128)}, fast ? 128u : 256u, shared, halves.get(), inverses.get(),
      weights, weightStride, factors, layer.biasOrNull(), out.get(), stride, layer.tokens, layer.features, layer.columns, padded);
  return name;
}

void linearTensor(pretend::Harness &harness) {
  for (const bool fast : {false, true}) {
    const bool few = below(2);
    Linear layer(below(2) ? F16 : BF16, few ? 1 + static_cast<int>(below(64)) : size(200), size(150), size(200));
    const long long stride = layer.features + static_cast<long long>(below(3));
    Buffer<float> out((layer.tokens - 1) * stride + layer.features, true);
    const std::string name = multiplyOnTensorCores(harness, layer, fast, few, out, stride);
    layer.compare(name, out, stride);
  }
}

// What the terms of a layer's sums have in common.
const char *const KINDS[] = {"normal", "positive", "large-often", "large-first", "cancelling", "subnormal"};

void fill(Linear &layer, const std::string &kind) {
  const double ratio = 16 + 13 * std::uniform_real_distribution()(generator);  // of a large term to a small one, its logarithm
  const int place = static_cast<int>(below(std::min(layer.columns, 32))), half = (layer.columns + 1) / 2;
  const bool beside = kind.starts_with("large");
  const auto value = [&](int column, double smallness) {
    const float size = std::abs(normal());
    if (!beside) return size;
    const bool large = kind == "large-first" ? column == place : column % 32 == place;
    return large ? 1 : static_cast<float>(std::exp2(-smallness) * (1 + below(128) / 128.0) / 2);
  };
  for (int column = 0; column < layer.columns; column++) {
    for (int token = 0; token < layer.tokens; token++) {
      float &x = layer.x[token * layer.columns + column];
      x = value(column, ratio - std::min(ratio / 2, 13.0));
      if (kind == "normal" && below(2)) x = -x;
      if (kind == "cancelling" && column >= half) x = -layer.x[token * layer.columns + column - half];
      if (kind == "subnormal" && &layer.w.type == &BF16) x *= 0x1p40f;
    }
    for (int feature = 0; feature < layer.features; feature++) {
      float w = value(column, std::min(ratio / 2, 13.0));
      if (kind == "normal" && below(2)) w = -w;
      if (kind == "cancelling" && column >= half) w = static_cast<float>(layer.w.at(feature, column - half));
      if (kind == "subnormal") w *= static_cast<float>(layer.w.leastNormal() / 8);
      layer.w.set(feature, column, w);
    }
  }
}

// The largest error of a sum, relative to the sum of its terms' magnitudes, in which activations count as 2^-16 of their row's
// largest at least, F16 weights as their smallest normal number, and BF16 weights as 2^-28 of their row's largest.
double worstError(Linear &layer, Buffer<float> &out, long long stride) {
  std::vector<double> w(layer.columns);
  double worst = 0;
  for (int feature = 0; feature < layer.features; feature++) {
    double leastWeight = &layer.w.type == &F16 ? layer.w.leastNormal() : 0;
    for (int column = 0; column < layer.columns; column++) {
      w[column] = layer.w.at(feature, column);
      if (&layer.w.type == &BF16) leastWeight = std::max(leastWeight, std::abs(w[column]) * 0x1p-28);
    }
    for (int token = 0; token < layer.tokens; token++) {
      const float *x = &layer.x[token * layer.columns];
      double expected = layer.biased ? layer.bias[feature] : 0, magnitude = std::abs(expected), least = 0;
      for (int i = 0; i < layer.columns; i++) least = std::max(least, std::abs(x[i]) * 0x1p-16);
      for (int i = 0; i < layer.columns; i++) {
        expected += x[i] * w[i];
        magnitude += std::max<double>(std::abs(x[i]), least) * std::max(std::abs(w[i]), leastWeight);
      }
      const double error = std::abs(out[token * stride + feature] - expected) / magnitude;
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

// A line for each launch: type, precision, kind, columns, largest error.
int sums(int rounds, int capability) {
  pretend::Harness harness(capability);
  for (int round = 0; round < rounds; round++) {
    const int columns = static_cast<int>(std::exp(std::uniform_real_distribution()(generator) * std::log(11008.5)));
    Linear layer(below(2) ? F16 : BF16, 1 + static_cast<int>(below(32)), columns, 1 + static_cast<int>(below(128)));
    const std::string kind = KINDS[below(std::size(KINDS))];
    fill(layer, kind);
    const bool fast = below(2), few = columns > 500 || below(2);
    Buffer<float> out(static_cast<size_t>(layer.tokens) * layer.features, true);
    multiplyOnTensorCores(harness, layer, fast, few, out, layer.features);
    printf("%s %s %s %d %.9g\n", layer.w.type.name, fast ? "fast" : "high", kind.c_str(), columns,
           worstError(layer, out, layer.features));
  }
  return failures == 0 ? 0 : 1;
}

// A matrix without its zeros: the bits of those that aren't, row by row, their values, and how many come before each row.
class Packed {
 public:
  Packed(const Type &type, int rows, int columns)
      : type(type), rows(rows), columns(columns), dense(static_cast<size_t>(rows) * columns), mask(rows * rowBytes()),
        offsets(rows) {
    mask.fill([] { return static_cast<unsigned char>(0); });
    size_t count = 0;
    for (size_t i = 0; i < dense.size(); i++) {
      const size_t row = i / columns, column = i % columns;
      if (column == 0) offsets[row] = static_cast<long long>(count);
      dense[i] = below(2) ? 0 : type.toBits(normal());
      if (dense[i] == 0) continue;
      mask[row * rowBytes() + column / 8] |= static_cast<unsigned char>(1u << column % 8);
      count++;
    }
    bytes = std::make_unique<Buffer<char>>(count * type.bytes);
    size_t at = 0;
    for (const uint32_t bits : dense) {
      if (bits != 0) memcpy(bytes->get() + at++ * type.bytes, &bits, type.bytes);
    }
  }

  const float *floats() { return reinterpret_cast<const float *>(bytes->get()); }
  const unsigned short *shorts() { return reinterpret_cast<const unsigned short *>(bytes->get()); }
  unsigned blocks() const { return static_cast<unsigned>(rows + 7) / 8; }

  const Type &type;
  const int rows, columns;
  std::vector<uint32_t> dense;
  Buffer<unsigned char> mask;
  Buffer<long long> offsets;

 private:
  size_t rowBytes() const { return static_cast<size_t>(columns + 7) / 8; }

  std::unique_ptr<Buffer<char>> bytes;
};

void linearSparse(pretend::Harness &harness) {
  Packed w(*TYPES[below(3)], size(30), size(1500));
  const int tokens = 1 + static_cast<int>(below(8));
  const long long stride = w.rows + static_cast<long long>(below(3));
  Buffer<float> x(tokens * w.columns, true), bias(w.rows, true), out((tokens - 1) * stride + w.rows, true);
  x.fill(normal);
  bias.fill(normal);
  const char *most = tokens == 1 ? "1_" : tokens <= 4 ? "4_" : "8_";
  const std::string name = std::string("linear_sparse_") + most + w.type.name;
  const auto multiply = [&](auto *values) {
    run(harness, name, {w.blocks()}, 256, 0, x.get(), values, w.mask.get(), w.offsets.get(), bias.get(), out.get(),
        stride, tokens, w.rows, w.columns);
  };
  w.type.bytes == 4 ? multiply(w.floats()) : multiply(w.shorts());
  for (int token = 0; token < tokens; token++) {
    for (int row = 0; row < w.rows; row++) {
      double expected = bias[row], magnitude = 1;
      for (int i = 0; i < w.columns; i++) {
        const double product = x[token * w.columns + i] * w.type.fromBits(w.dense[row * w.columns + i]);
        expected += product;
        magnitude += std::abs(product);
      }
      check(name, out[token * stride + row], expected, magnitude);
    }
  }
}

void linearUnpack(pretend::Harness &harness) {
  Packed w(*TYPES[below(3)], size(30), size(1500));
  const long long stride = w.columns + static_cast<long long>(below(3));
  Buffer<char> out(((w.rows - 1) * stride + w.columns) * w.type.bytes);
  const std::string name = std::string("linear_unpack_") + w.type.name;
  const auto write = [&](auto *values, auto *to) {
    run(harness, name, {w.blocks()}, 256, 0, values, w.mask.get(), w.offsets.get(), to, stride, w.rows, w.columns);
  };
  w.type.bytes == 4 ? write(reinterpret_cast<const unsigned *>(w.floats()), reinterpret_cast<unsigned *>(out.get()))
                    : write(w.shorts(), reinterpret_cast<unsigned short *>(out.get()));
  for (size_t i = 0; i < w.dense.size(); i++) {
    uint32_t bits = 0;
    memcpy(&bits, out.get() + (i / w.columns * stride + i % w.columns) * w.type.bytes, w.type.bytes);
    check(name, bits, w.dense[i], 0);
  }
}

// Whole numbers of 1 to 8 bits, with a float32 scale and a zero point for each block, in memory as small as may be.
void codes(pretend::Harness &harness) {
  const int rows = size(9), columns = size(300), bits = size(8), blockRows = size(3), blockColumns = size(40);
  const bool turned = bits == 8 && below(2);
  const int groups = (columns + blockColumns - 1) / blockColumns, blocks = (rows + blockRows - 1) / blockRows * groups;
  const long long rowBits = turned ? 8 : (columns * bits + 7) / 8 * 8, columnBits = turned ? 8 * rows : bits;
  const long long stride = columns + static_cast<long long>(below(3));
  const int maskWords = (columns + 31) / 32;
  Buffer<unsigned char> data(static_cast<size_t>(turned ? rows * columns : rows * rowBits / 8)), zeros(blocks);
  Buffer<unsigned> mask(static_cast<size_t>(rows) * maskWords);
  Buffer<float> scales(blocks), out((rows - 1) * stride + columns, true);
  data.fill([] { return static_cast<unsigned char>(below(256)); });
  zeros.fill([&] { return static_cast<unsigned char>(below(1u << bits)); });
  scales.fill(normal);
  mask.fill([] { return static_cast<unsigned>(generator()); });
  const auto code = [&](int row, int column) {
    int found = 0;
    for (int i = 0; i < bits; i++) {
      const long long at = row * rowBits + column * columnBits + i;
      found |= (data[at / 8] >> at % 8 & 1) << i;
    }
    return found;
  };
  const auto block = [&](int row, int column) { return row / blockRows * groups + column / blockColumns; };
  const auto compare = [&](const char *name, const std::function<double(int, int)> &found, const std::function<double(int, int)> &expected) {
    for (int i = 0; i < rows * columns; i++) check(name, found(i / columns, i % columns), expected(i / columns, i % columns), 10);
  };
  const int *none = nullptr;
  const auto threads = rowThreads(columns, 256);
  int divides = static_cast<int>(below(2));
  const auto value = [&](int row, int column) {
    return (code(row, column) - zeros[block(row, column)]) * scales[block(row, column)] * (divides == 1 ? 1 / 3.0 : 3.0);
  };
  const auto launch = [&](const char *name, unsigned blocks, unsigned blockThreads, auto... more) {
    run(harness, name, {blocks}, blockThreads, 0, data.get(), rowBits, columnBits, bits, 5,
        reinterpret_cast<unsigned char *>(scales.get()), 8, 0, blockRows, blockColumns, groups, none, zeros.get(), 0, 3.0f,
        divides, more...);
  };
  launch("widen_codes", static_cast<unsigned>(rows), threads, out.get(), stride, columns);
  compare("widen_codes", [&](int row, int column) { return out[row * stride + column]; }, value);
  const int tokens = 1 + static_cast<int>(below(4));
  Buffer<float> x(tokens * columns, true), bias(rows, true), result(tokens * rows, true);
  x.fill(normal);
  bias.fill(normal);
  const char *name = tokens == 1 ? "linear_codes_1" : "linear_codes_4";
  divides = 0;
  launch(name, static_cast<unsigned>(rows + 15) / 16, 256, x.get(), bias.get(), result.get(), static_cast<long long>(rows), tokens,
         rows, columns);
  for (int i = 0; i < tokens * rows; i++) {
    double expected = bias[i % rows], magnitude = 1;
    for (int column = 0; column < columns; column++) {
      const double product = x[i / rows * columns + column] * value(i % rows, column);
      expected += product;
      magnitude += std::abs(product);
    }
    check(name, result[i], expected, magnitude);
  }
  std::vector<int> before;
  for (int i = 0; i < rows * columns; i++) before.push_back(code(i / columns, i % columns));
  launch("prune_codes", static_cast<unsigned>(rows), threads, mask.get(), columns);
  compare("prune_codes", code, [&](int row, int column) {
    const bool kept = mask[row * maskWords + column / 32] >> column % 32 & 1;
    return kept ? before[row * columns + column] : zeros[block(row, column)];
  });
}

void linearFinish(pretend::Harness &harness) {
  const int features = size(600);
  const auto rows = 1 + static_cast<unsigned>(below(3));
  const long long stride = features + static_cast<long long>(below(3));
  Buffer<float> out((rows - 1) * stride + features, true), inverses(rows, true), bias(features, true);
  Buffer<float> weightInverses(features, true);
  const bool scaled = below(2);
  out.fill(normal);
  inverses.fill(normal);
  weightInverses.fill(normal);
  bias.fill(normal);
  const std::vector<float> before(out.get(), out.get() + out.size());
  run(harness, "linear_epilogue", {rows}, rowThreads(features, 256), 0, out.get(), stride, features, inverses.get(),
      scaled ? weightInverses.get() : nullptr, bias.get());
  for (size_t i = 0; i < out.size(); i++) {
    const size_t row = i / stride, feature = i % stride;
    const bool padding = feature >= static_cast<size_t>(features);
    check("linear_epilogue", out[i], padding ? before[i] : static_cast<double>(before[i]) * inverses[row] * (scaled ? weightInverses[feature] : 1) + bias[feature], 10);
  }
}

// Second moments of a few inputs, and rows with masks.
struct Rows {
  const int rows, columns;
  const long long stride;
  Buffer<float> gram, w, kept, products, diagonal;
  Buffer<double> scales, reach;

  Rows()
      : rows(size(20)), columns(2 * size(200)), stride(columns + static_cast<long long>(below(3))),
        gram((columns - 1) * stride + columns, true), w(rows * columns, true), kept(w.size(), true), products(w.size(), true),
        diagonal(columns, true), scales(columns), reach(columns) {
    // Of one input an error vanishes by a swap.
    const int tokens = below(2) ? 9 : 1;
    std::vector<double> inputs(static_cast<size_t>(columns) * tokens);
    for (double &input : inputs) input = normal();
    for (int i = 0; i < columns; i++) {
      for (int j = 0; j < columns; j++) {
        double sum = 0;
        for (int t = 0; t < tokens; t++) sum += inputs[i * tokens + t] * inputs[j * tokens + t];
        gram[i * stride + j] = static_cast<float>(sum);
      }
    }
    w.fill(normal);
    kept.fill([] { return static_cast<float>(below(2)); });
    for (size_t i = 0; i < w.size(); i++) products[i] = static_cast<float>(left(i / columns, i % columns));
  }

  unsigned blocks() const { return static_cast<unsigned>(rows + 15) / 16; }

  // An element of what is pruned of a row, times the second moments.
  double left(size_t row, size_t column) {
    double sum = 0;
    for (int k = 0; k < columns; k++) {
      if (kept[row * columns + k] == 0) sum += static_cast<double>(w[row * columns + k]) * gram[k * stride + column];
    }
    return sum;
  }

  double error(size_t row) {
    double sum = 0;
    for (int k = 0; k < columns; k++) sum += kept[row * columns + k] == 0 ? w[row * columns + k] * left(row, k) : 0;
    return sum;
  }

  void moments(pretend::Harness &harness) {
    run(harness, "row_moments", {static_cast<unsigned>(columns + 15) / 16}, 256, 0, gram.get(), stride, diagonal.get(),
        scales.get(), reach.get(), columns, columns);
    for (int k = 0; k < columns; k++) check("row_moments", scales[k] * gram[k * stride + k], 1, 1);
  }
};

void rowFit(pretend::Harness &harness) {
  Rows of;
  of.moments(harness);
  const size_t count = of.w.size();
  Buffer<float> x(count, true), start(count, true), p(count, true), g(count, true);
  Buffer<double> errors(of.rows), squares(of.rows), dots(of.rows);
  const auto all = static_cast<long long>(count);
  for (Buffer<float> *to : {&x, &start}) {
    run(harness, "row_part", {1 + static_cast<unsigned>(below(4))}, 256, 0, of.w.get(), of.kept.get(), 1.0f, to->get(), all);
  }
  run(harness, "row_difference", {1 + static_cast<unsigned>(below(4))}, 256, 0, of.w.get(), x.get(), p.get(), all);
  for (size_t i = 0; i < count; i++) g[i] = of.products[i];
  run(harness, "row_dots", {of.blocks()}, 256, 0, p.get(), g.get(), dots.get(), of.rows, of.columns);
  run(harness, "row_begin", {of.blocks()}, 256, 0, of.kept.get(), g.get(), p.get(), of.scales.get(), errors.get(),
      squares.get(), of.rows, of.columns);
  for (int row = 0; row < of.rows; row++) check("row_dots", dots[row], of.error(row), 10 + of.error(row));
  for (int step = 0; step < 3; step++) {
    for (int row = 0; row < of.rows; row++) {
      for (int k = 0; k < of.columns; k++) {
        double sum = 0;
        for (int j = 0; j < of.columns; j++) sum += static_cast<double>(p[row * of.columns + j]) * of.gram[j * of.stride + k];
        of.products[row * of.columns + k] = static_cast<float>(sum);
      }
    }
    run(harness, "row_step", {of.blocks()}, 256, 0, of.kept.get(), of.products.get(), x.get(), g.get(), p.get(),
        of.scales.get(), squares.get(), of.rows, of.columns);
  }
  // Half of the rows are taken for ones that didn't get better, which float64 then denies.
  for (int row = 0; row < of.rows; row += 2) errors[row] = 0;
  run(harness, "row_end", {of.blocks()}, 256, 0, of.w.get(), start.get(), g.get(), of.gram.get(), of.stride, errors.get(),
      x.get(), of.rows, of.columns);
  for (int row = 0; row < of.rows; row++) {
    double error = 0;
    for (int i = 0; i < of.columns; i++) {
      for (int j = 0; j < of.columns; j++) {
        const size_t at = row * of.columns;
        error += (static_cast<double>(of.w[at + i]) - x[at + i]) * of.gram[i * of.stride + j] * (of.w[at + j] - x[at + j]);
      }
    }
    check("row_end", std::max(error, dots[row]), dots[row], 1 + dots[row]);
  }
}

void rowSwaps(pretend::Harness &harness) {
  Rows of;
  of.moments(harness);
  const int group = below(2) ? 2 : of.columns;
  std::vector<double> before;
  for (int row = 0; row < of.rows; row++) before.push_back(of.error(row));
  const std::vector<float> marks(of.kept.get(), of.kept.get() + of.kept.size());
  Buffer<double> scratch(3 * of.w.size());
  Buffer<float> kept(of.w.size(), true);
  run(harness, group == 2 ? "row_group_swaps" : "row_swaps", {static_cast<unsigned>(of.rows)}, rowThreads(of.columns, 256), 0,
      of.w.get(), of.products.get(), of.kept.get(), of.gram.get(), of.stride, of.diagonal.get(), of.reach.get(), scratch.get(),
      kept.get(), below(2) ? of.columns : 1, group, of.columns);
  for (int row = 0; row < of.rows; row++) {
    const double after = of.error(row);
    check("row_swaps", std::max(after, before[row]), before[row], 1 + before[row]);
    for (int first = 0; first < of.columns; first += group) {
      const size_t at = static_cast<size_t>(row) * of.columns + first;
      const auto count = [&](const float *from) { return std::count(from + at, from + at + group, 1.0f); };
      check("row_swaps' counts", static_cast<double>(count(of.kept.get())), static_cast<double>(count(marks.data())), 0);
    }
  }
}

void rowAdmm(pretend::Harness &harness) {
  const int rows = size(20), columns = 2 * size(300), group = below(2) ? 2 : columns;
  const size_t count = static_cast<size_t>(rows) * columns;
  const auto all = static_cast<long long>(count);
  const unsigned blocks = 1 + static_cast<unsigned>(below(4));
  Buffer<float> w(count, true), kept(count, true), t(count, true), products(count, true), diagonal(columns, true);
  Buffer<float> scaled(count, true), out(count, true);
  for (Buffer<float> *each : {&w, &t, &products}) each->fill(normal);
  diagonal.fill([] { return below(5) ? 2.25f : 0.0f; });
  kept.fill([] { return static_cast<float>(below(2)); });
  const std::vector<float> before(t.get(), t.get() + count);
  run(harness, "row_scale", {static_cast<unsigned>(rows)}, rowThreads(columns, 256), 0, w.get(), diagonal.get(), 0.5,
      scaled.get(), columns);
  run(harness, "row_admm_input", {blocks}, 256, 0, scaled.get(), kept.get(), t.get(), 0.75f, out.get(), all);
  run(harness, "row_admm_update", {blocks}, 256, 0, scaled.get(), kept.get(), products.get(), 0.75f, 0.5f, t.get(), all);
  for (size_t i = 0; i < count; i++) {
    const float left = kept[i] != 0 ? 0 : before[i] * 0.75f;
    const float scale = diagonal[i % columns] > 0 ? 0.75f : 0;
    check("row_scale", scaled[i], w[i] * scale, 1);
    check("row_admm_input", out[i], (kept[i] != 0 ? before[i] : -left) - scaled[i], 1);
    check("row_admm_update", t[i], scaled[i] + 0.5f * products[i] + left, 1);
  }
  if (group == columns) {
    run(harness, "row_keep", {blocks}, 256, 0, t.get(), 1.0f, kept.get(), all);
  } else {
    run(harness, "row_group_keep", {static_cast<unsigned>(rows)}, rowThreads(columns, 256), 0, t.get(), 1, group, kept.get(),
        columns);
  }
  for (size_t i = 0; i < count; i++) {
    const float lowest = group == columns ? 1.0f : std::min(std::abs(t[i]), std::abs(t[i - i % 2 + 1 - i % 2]));
    check("row_keep", kept[i], std::abs(t[i]) > lowest ? 1 : 0, 0);
  }
  const std::vector<float> result(t.get(), t.get() + count);
  run(harness, "row_unscale", {static_cast<unsigned>(rows)}, rowThreads(columns, 256), 0, w.get(), diagonal.get(), 0.5, t.get(),
      columns);
  for (size_t i = 0; i < count; i++) {
    check("row_unscale", t[i], diagonal[i % columns] > 0 ? result[i] / 0.75f : w[i], 10);
  }
}

// Prunes a row of a block as the kernel does, and returns its changes.
std::vector<float> prunedRow(float *row, float *marks, const float *block, int stride, int columns, float threshold, int group) {
  std::vector<float> changes(columns);
  const float *dead = block + columns * stride;
  const auto score = [&](int c) {
    const float diagonal = block[c * stride + c];
    return dead[c] != 0 ? 0 : row[c] * row[c] / (diagonal * diagonal);
  };
  for (int c = 0; c < columns; c++) {
    if (group == columns && c == 0) {
      for (int k = 0; k < columns; k++) marks[k] = dead[k] != 0 || score(k) <= threshold ? 0 : 1;
    } else if (group == 2 && c % 2 == 0) {
      const bool first = score(c) <= score(c + 1);
      marks[c] = dead[c] != 0 || first ? 0 : 1;
      marks[c + 1] = dead[c + 1] != 0 || !first ? 0 : 1;
    }
    changes[c] = marks[c] == 0 ? -(row[c] / block[c * stride + c]) : 0;
    for (int k = c + 1; k < columns; k++) row[k] = std::fma(changes[c], block[c * stride + k], row[k]);
    row[c] = marks[c] == 0 ? 0 : row[c];
  }
  return changes;
}

void sparseGpt(pretend::Harness &harness) {
  const int rows = size(20), columns = 2 * size(150), upperStride = columns + below(17);
  const int group = below(2) ? 2 : columns, right = size(40);
  const long long stride = columns + right;
  const float threshold = 0.5f;
  Buffer<float> block((columns + 1) * upperStride, true), w(rows * stride, true), kept(rows * stride, true);
  Buffer<float> scores(static_cast<size_t>(rows) * columns, true), changes(scores.size(), true), terms(rows * right, true);
  for (int i = 0; i <= columns; i++) {
    for (int j = i; j < columns; j++) block[i * upperStride + j] = i == j ? 1 + std::abs(normal()) : normal() / 16;
  }
  for (int j = 0; j < columns; j++) block[columns * upperStride + j] = below(9) == 0 ? 1 : 0;
  w.fill(normal);
  kept.fill([] { return 2.0f; });
  terms.fill(normal);
  std::vector<float> expected(w.get(), w.get() + w.size()), marks(kept.get(), kept.get() + kept.size());
  const unsigned blocks = static_cast<unsigned>(rows);
  run(harness, "sparse_gpt_scores", {blocks}, rowThreads(columns, 256), 0, w.get(), stride, block.get(), upperStride,
      scores.get(), columns);
  for (size_t i = 0; i < scores.size(); i++) {
    const int c = static_cast<int>(i % columns);
    const float weight = w[i / columns * stride + c], diagonal = block[c * upperStride + c];
    const bool dead = block[columns * upperStride + c] != 0;
    check("sparse_gpt_scores", scores[i], dead ? 0 : weight * weight / (diagonal * diagonal), 1);
  }
  run(harness, "sparse_gpt_prune", {blocks}, rowThreads(columns, 256), 0, w.get(), kept.get(), stride, block.get(),
      upperStride, group == 2 ? -1 : static_cast<int>(std::bit_cast<unsigned>(threshold)), group == 2 ? 1 : 0, group,
      changes.get(), columns);
  run(harness, "sparse_gpt_add", {blocks}, rowThreads(right, 256), 0, terms.get(), w.get() + columns, stride, right);
  for (int row = 0; row < rows; row++) {
    const std::vector<float> passed =
        prunedRow(&expected[row * stride], &marks[row * stride], block.get(), upperStride, columns, threshold, group);
    for (int c = 0; c < stride; c++) {
      const size_t at = row * stride + c;
      check("sparse_gpt_prune", w[at], c < columns ? expected[at] : expected[at] + terms[row * right + c - columns], 1);
      check("sparse_gpt_prune's marks", kept[at], marks[at], 0);
      if (c < columns) check("sparse_gpt_prune's changes", changes[row * columns + c], passed[c], 1);
    }
  }
}

}  // namespace

int main(int argumentCount, char **arguments) {
  const std::string only = argumentCount > 3 ? arguments[3] : "";
  if (only == "sums") {
    generator.seed(atoi(arguments[2]));
    return sums(atoi(arguments[1]), atoi(arguments[4]));
  }
  return runChecks(argumentCount, arguments, [&](pretend::Harness &harness) {
    if (only == "linear_float") return linearFloat(harness);
    if (only == "linear_tensor") return linearTensor(harness);
    if (only == "row_swaps") return rowSwaps(harness);
    if (only == "sparse_gpt") return sparseGpt(harness);
    for (auto each : {embed, rmsNorm, add, crossEntropy, columnSquares, linearFloat, linearSparse, linearUnpack, codes, linearFinish, rowFit,
                      rowSwaps, rowAdmm, sparseGpt}) {
      each(harness);
    }
    linearTensor(harness);
  });
}
