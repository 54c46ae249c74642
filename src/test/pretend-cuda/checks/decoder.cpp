// Runs the kernels in which decoders differ (norms, activations, positions, attention, experts) over odd sizes and compares
// what they write with sums in float64. For a run with AddressSanitizer: buffers are as small as the kernels' contract
// allows, and start where it allows.
//
//   build.sh OUT --asan --program checks/decoder.cpp && OUT/decoder [ROUNDS [SEED]]
#include <numeric>

#include "checks.h"

namespace {

std::vector<float> valuesOf(Buffer<float> &buffer) { return {buffer.get(), buffer.get() + buffer.size()}; }

void layerNorm(pretend::Harness &harness) {
  const int columns = 1 + static_cast<int>(below(below(4) ? 200 : 3000));
  const unsigned rows = 1 + static_cast<unsigned>(below(3));
  const float epsilon = 1e-5f;
  const int gains = 1 + static_cast<int>(below(rows));
  Buffer<float> x(rows * columns, true), gain(gains * columns, true), bias(columns, true), out(rows * columns, true);
  x.fill([] { return 3 + normal(); });
  gain.fill(normal);
  bias.fill(normal);
  const bool biased = below(2), inPlace = below(2);
  const int cached = static_cast<int>(below(2));
  const std::vector<float> before = valuesOf(x);
  float *to = inPlace ? x.get() : out.get();
  const float *biases = biased ? bias.get() : nullptr;
  run(harness, "layer_norm", {rows}, rowThreads(columns, 256), cached * columns * sizeof(float), x.get(), gain.get(),
      gains, biases, epsilon, to, columns, cached);
  for (unsigned row = 0; row < rows; row++) {
    const float *from = before.data() + row * columns;
    const double mean = std::accumulate(from, from + columns, 0.0) / columns;
    double squares = 0;
    for (int i = 0; i < columns; i++) squares += (from[i] - mean) * (from[i] - mean);
    const double deviation = std::sqrt(squares / columns + epsilon);
    for (int i = 0; i < columns; i++) {
      const double expected = (from[i] - mean) / deviation * gain[row % gains * columns + i] + (biased ? bias[i] : 0);
      check("layer_norm", to[row * columns + i], expected, 10);
    }
  }
}

void scaling(pretend::Harness &harness) {
  const size_t count = 1 + below(5000);
  const unsigned blocks = 1 + static_cast<unsigned>(below(4));
  Buffer<float> x(count, true);
  x.fill([] { return 20 * normal(); });
  const std::vector<float> before = valuesOf(x);
  run(harness, "softcap", {blocks}, 256, 0, x.get(), 7.0f, x.get(), static_cast<long long>(count));
  run(harness, "scale", {blocks}, 256, 0, x.get(), -2.5f, x.get(), static_cast<long long>(count));
  for (size_t i = 0; i < count; i++) check("softcap, scale", x[i], -17.5 * std::tanh(before[i] / 7.0), 20);
  const std::vector<float> scaled = valuesOf(x);
  run(harness, "xielu", {blocks}, 256, 0, x.get(), 0.75f, 1.25f, 0.5f, -1e-6f, x.get(), static_cast<long long>(count));
  run(harness, "clamp_to", {blocks}, 256, 0, x.get(), -5.0f, 60.0f, x.get(), static_cast<long long>(count));
  for (size_t i = 0; i < count; i++) {
    const double value = scaled[i], rest = 1.25 * (std::expm1(std::min(value, -1e-6)) - value);
    const double expected = (value > 0 ? 0.75 * value * value : rest) + 0.5 * value;
    check("xielu, clamp_to", x[i], std::clamp(expected, -5.0, 60.0), 100);
  }
}

struct Kind {
  const char *name;
  double (*of)(double);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

const Kind KINDS[] = {
    {"silu", [](double x) { return x * sigmoid(x); }},
    {"gelu", [](double x) { return x / 2 * std::erfc(-x / std::sqrt(2.0)); }},
    {"gelu_tanh", [](double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
    {"quick_gelu", [](double x) { return x * sigmoid(1.702 * x); }},
    {"relu", [](double x) { return std::max(x, 0.0); }},
    {"sigmoid", sigmoid},
    {"relu_squared", [](double x) { return std::pow(std::max(x, 0.0), 2); }},
};

void activations(pretend::Harness &harness) {
  const Kind &kind = KINDS[below(std::size(KINDS))];
  const size_t count = 1 + below(5000);
  const unsigned blocks = 1 + static_cast<unsigned>(below(4));
  Buffer<float> x(count, true), up(count, true), out(count, true);
  x.fill([] { return 3 * normal(); });
  up.fill(normal);
  const std::string activate = std::string("activate_") + kind.name, gate = std::string("gate_") + kind.name;
  run(harness, activate, {blocks}, 256, 0, x.get(), out.get(), static_cast<long long>(count));
  for (size_t i = 0; i < count; i++) check(activate, out[i], kind.of(x[i]), std::abs(kind.of(x[i])));
  run(harness, gate, {blocks}, 256, 0, x.get(), up.get(), out.get(), static_cast<long long>(count));
  for (size_t i = 0; i < count; i++) check(gate, out[i], kind.of(x[i]) * up[i], std::abs(kind.of(x[i]) * up[i]));
}

void rotate(pretend::Harness &harness) {
  const int pairs = 1 + static_cast<int>(below(40)), headSize = 2 * pairs + static_cast<int>(below(2) ? 0 : below(50));
  const int first = static_cast<int>(below(headSize - 2 * pairs + 1)), interleaved = static_cast<int>(below(2));
  const int heads = 1 + static_cast<int>(below(4)), columns = heads * headSize, positions = 1 + static_cast<int>(below(4));
  const unsigned rows = positions * (1 + static_cast<unsigned>(below(2)));
  Buffer<float> x(rows * columns, true), cos(positions * pairs, true), sin(positions * pairs, true);
  x.fill(normal);
  cos.fill(normal);
  sin.fill(normal);
  const std::vector<float> before = valuesOf(x);
  run(harness, "rotate_pairs", {rows}, rowThreads(columns, 256), 0, x.get(), heads, headSize, first, pairs, interleaved,
      cos.get(), sin.get(), positions);
  for (size_t i = 0; i < x.size(); i++) {
    const int inPairs = static_cast<int>(i % columns % headSize) - first;
    if (inPairs < 0 || inPairs >= 2 * pairs) {
      check("rotate", x[i], before[i], 10);
      continue;
    }
    const int pair = interleaved ? inPairs / 2 : inPairs % pairs;
    const bool second = interleaved ? inPairs % 2 : inPairs >= pairs;
    const size_t other = interleaved ? (second ? i - 1 : i + 1) : (second ? i - pairs : i + pairs);
    const size_t angle = i / columns % positions * pairs + pair;
    const double a = before[second ? other : i], b = before[second ? i : other];
    check("rotate", x[i], second ? b * cos[angle] + a * sin[angle] : a * cos[angle] - b * sin[angle], 10);
  }
}

void gatherColumns(pretend::Harness &harness) {
  const int unit = below(2) ? 4 : 1, width = unit * size(30), groups = size(9);
  const int stride = groups == 1 && below(2) ? 0 : unit * static_cast<int>(below(30)) + width;
  const int offset = unit * static_cast<int>(below(9)), columns = groups * width;
  const int wide = offset + (groups - 1) * stride + width + (below(2) ? 0 : static_cast<int>(below(9)));
  const auto rows = 1 + static_cast<unsigned>(below(3));
  const int to = unit * static_cast<int>(below(3)), toStride = width + unit * static_cast<int>(below(3));
  const int outWide = to + (groups - 1) * toStride + width + (below(2) ? 0 : static_cast<int>(below(9)));
  Buffer<float> source(rows * wide, true), out(rows * outWide, true);
  source.fill(normal);
  out.fill([] { return 7.0f; });
  run(harness, "gather_columns", {rows}, rowThreads(columns, 256), 0, source.get(), wide, offset, width, stride, out.get(),
      outWide, to, toStride, columns);
  for (size_t i = 0; i < out.size(); i++) {
    const long long column = static_cast<long long>(i % outWide) - to;
    const long long group = column < 0 ? groups : column / toStride, inside = column % toStride;
    const bool copied = group < groups && inside < width;
    check("gather_columns", out[i], copied ? source[i / outWide * wide + offset + group * stride + inside] : 7.0, 0);
  }
}

void convolve(pretend::Harness &harness) {
  const int columns = size(300), kernel = size(6), before = below(2) ? 0 : kernel - 1, length = size(9);
  const unsigned sequences = 1 + static_cast<unsigned>(below(2)), rows = sequences * length;
  Buffer<float> x(static_cast<size_t>(sequences) * (before + length) * columns, true), weights(kernel * columns, true);
  Buffer<float> out(rows * columns, true);
  x.fill(normal);
  weights.fill(normal);
  run(harness, "convolve", {rows}, rowThreads(columns, 256), 0, x.get(), weights.get(), kernel, before, length, out.get(), columns);
  for (size_t i = 0; i < out.size(); i++) {
    const int row = static_cast<int>(i) / columns, column = static_cast<int>(i) % columns, end = before + row % length + 1;
    double sum = 0;
    for (int j = std::max(0, kernel - end); j < kernel; j++) {
      const int from = row / length * (before + length) + end - kernel + j;
      sum += static_cast<double>(weights[j * columns + column]) * x[from * columns + column];
    }
    check("convolve", out[i], sum, 10);
  }
}

void deltaRule(pretend::Harness &harness) {
  const int keySize = size(20), columns = size(300), keyHeads = size(3), heads = keyHeads * size(3), length = size(5);
  const int sequences = 1 + static_cast<int>(below(2)), tokens = sequences * length;
  Buffer<float> q(tokens * keyHeads * keySize, true), k(q.size(), true), v(tokens * heads * columns, true);
  Buffer<float> decay(tokens * heads, true), correction(tokens * heads, true), out(v.size(), true);
  Buffer<float> state(static_cast<size_t>(sequences) * heads * keySize * columns, true);
  const float width = 1 / std::sqrt(static_cast<float>(keySize));
  for (Buffer<float> *each : {&q, &k}) each->fill([=] { return width * normal(); });
  for (Buffer<float> *each : {&decay, &correction}) each->fill([] { return below(1000) / 1000.0f; });
  for (Buffer<float> *each : {&v, &state}) each->fill(normal);
  const std::vector<float> before = valuesOf(state);
  std::vector<double> expected(before.begin(), before.end());
  run(harness, "delta_rule", {static_cast<unsigned>(sequences * heads)}, rowThreads(columns, 256), 0, q.get(), k.get(), v.get(),
      decay.get(), correction.get(), state.get(), out.get(), length, keyHeads, heads, keySize, columns);
  for (int head = 0; head < sequences * heads; head++) {
    for (int t = head / heads * length; t < (head / heads + 1) * length; t++) {
      const size_t keys = (t * keyHeads + head % heads / (heads / keyHeads)) * keySize, share = t * heads + head % heads;
      for (int column = 0; column < columns; column++) {
        double *of = expected.data() + static_cast<size_t>(head) * keySize * columns + column, product = 0, result = 0;
        for (int i = 0; i < keySize; i++) product += k[keys + i] * (of[i * columns] *= decay[share]);
        const double change = correction[share] * (v[share * columns + column] - product);
        for (int i = 0; i < keySize; i++) result += q[keys + i] * (of[i * columns] += k[keys + i] * change);
        check("delta_rule", out[share * columns + column], result, 10);
      }
    }
  }
  for (size_t i = 0; i < state.size(); i++) check("delta_rule's state", state[i], expected[i], 10);
}

void expertRows(pretend::Harness &harness) {
  const int columns = size(600), tokens = size(30);
  const auto count = 1 + static_cast<unsigned>(below(tokens));
  Buffer<float> x(tokens * columns, true), some(count * columns, true), factors(count, true), sum(tokens * columns, true);
  x.fill(normal);
  factors.fill(normal);
  sum.fill(normal);
  std::vector<int> all(tokens);
  std::iota(all.begin(), all.end(), 0);
  std::shuffle(all.begin(), all.end(), generator);
  Buffer<int> rows(count, true);
  std::copy_n(all.begin(), count, rows.get());
  run(harness, "gather_rows", {count}, rowThreads(columns, 256), 0, x.get(), rows.get(), some.get(), columns);
  std::vector<double> expected(sum.get(), sum.get() + sum.size());
  for (size_t i = 0; i < some.size(); i++) {
    const size_t at = static_cast<size_t>(rows[i / columns]) * columns + i % columns;
    check("gather_rows", some[i], x[at], 0);
    expected[at] += static_cast<double>(factors[i / columns]) * x[at];
  }
  run(harness, "add_rows", {count}, rowThreads(columns, 256), 0, some.get(), rows.get(), factors.get(), sum.get(), columns);
  for (size_t i = 0; i < sum.size(); i++) check("add_rows", sum[i], expected[i], 10);
}

void route(pretend::Harness &harness) {
  const int tokens = size(40), experts = size(200), k = 1 + static_cast<int>(below(std::min(experts, 20)));
  const int renormalize = static_cast<int>(below(2)), coarse = static_cast<int>(below(2));
  Buffer<float> logits(tokens * experts, true), weights(tokens * k, true);
  Buffer<int> chosen(tokens * k, true);
  logits.fill([=] { return coarse ? std::round(2 * normal()) : 2 * normal(); });
  const float *none = nullptr;
  const float least = 0, factor = 1, threshold = 0;
  run(harness, "route", {static_cast<unsigned>(tokens + 7) / 8}, 128, 0, logits.get(), none, 0, 0, k, 1, 1, 1, renormalize,
      least, factor, threshold, chosen.get(), weights.get(), tokens, experts);
  for (int token = 0; token < tokens; token++) {
    const float *from = logits.get() + token * experts;
    std::vector<int> order(experts);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [=](int a, int b) { return from[a] > from[b]; });
    double sum = 0;
    for (int i = 0; i < (renormalize ? k : experts); i++) sum += std::exp(static_cast<double>(from[order[i]]));
    for (int i = 0; i < k; i++) {
      check("route's expert", chosen[token * k + i], order[i], 0);
      check("route's weight", weights[token * k + i], std::exp(static_cast<double>(from[order[i]])) / sum, 1);
    }
  }
}

// Groups of experts by the sum of their two best sigmoids with corrections, and a sparse mixer.
void routeInGroups(pretend::Harness &harness) {
  const int tokens = size(40), groups = 1 + static_cast<int>(below(20)), inGroup = 2 + static_cast<int>(below(8));
  const int experts = groups * inGroup, chosenGroups = 1 + static_cast<int>(below(groups));
  const int k = 1 + static_cast<int>(below(std::min(chosenGroups * inGroup, 12))), sparse = static_cast<int>(below(2));
  const float least = 1e-20f, factor = 2.5f, threshold = 0.5f;
  Buffer<float> logits(tokens * experts, true), correction(experts, true), weights(tokens * k, true);
  Buffer<int> chosen(tokens * k, true);
  logits.fill(normal);
  correction.fill(normal);
  const float *none = nullptr;
  run(harness, "route", {static_cast<unsigned>(tokens + 7) / 8}, 128, 0, logits.get(), sparse ? none : correction.get(),
      sparse ? 2 : 1, sparse, k, sparse ? 1 : groups, sparse ? 1 : chosenGroups, 2, 1, least, factor, threshold, chosen.get(),
      weights.get(), tokens, experts);
  for (int token = 0; token < tokens; token++) {
    const float *from = logits.get() + token * experts;
    const auto sigmoid = [=](int e) { return 1 / (1 + std::exp(-static_cast<double>(from[e]))); };
    const auto value = [&](int e) { return sparse ? from[e] : sigmoid(e) + correction[e]; };
    std::vector<int> order(experts);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return value(a) > value(b); });
    if (!sparse) {
      std::vector<double> best(groups);
      std::vector<int> seen(groups), ranked(groups);
      for (int e : order) best[e / inGroup] += seen[e / inGroup]++ < 2 ? value(e) : 0;
      std::iota(ranked.begin(), ranked.end(), 0);
      std::stable_sort(ranked.begin(), ranked.end(), [&](int a, int b) { return best[a] > best[b]; });
      ranked.resize(chosenGroups);
      std::erase_if(order, [&](int e) { return std::count(ranked.begin(), ranked.end(), e / inGroup) == 0; });
    }
    std::vector<double> expected(k);
    for (int i = 0; i < k; i++) {
      double near = 0;
      for (size_t e = i; e < order.size(); e++) {
        const double top = from[order[i]], logit = from[order[e]];
        near += (top - logit) / std::max(std::abs(logit), top) <= threshold ? std::exp(logit - top) : 0;
      }
      expected[i] = sparse ? 1 / near : sigmoid(order[i]);
    }
    const double sum = std::accumulate(expected.begin(), expected.end(), 0.0);
    for (int i = 0; i < k; i++) {
      check("route's expert in a group", chosen[token * k + i], order[i], 0);
      check("route's weight in a group", weights[token * k + i], expected[i] / sum * factor, 4);
    }
  }
}

// Attention with or without a window, a bound of scores, biases of keys and sinks.
struct Attention {
  const int variant, queries, headSize, length, groupSize, keyHeads, heads, sequences, window;
  const float scale, cap;
  const bool biased, sunk;
  Buffer<float> q, k, v, bias, sinks, out;

  explicit Attention(int variant)
      : variant(variant), queries(variant == 256 ? 32 : 64), headSize(variant == 256 ? size(300) : size(variant)),
        length(size(140)), groupSize(1 + static_cast<int>(below(3))), keyHeads(1 + static_cast<int>(below(2))),
        heads(keyHeads * groupSize), sequences(1 + static_cast<int>(below(2))), window(below(2) ? length : size(length + 2)),
        scale(1 / std::sqrt(static_cast<float>(headSize))), cap(below(2) ? 0 : 1.5f), biased(below(2)), sunk(below(2)), q(tokens() * wide(), true),
        k(tokens() * narrow(), true), v(tokens() * narrow(), true), bias(static_cast<size_t>(heads) * length, true), sinks(heads, true),
        out(tokens() * wide(), true) {
    for (Buffer<float> *each : {&q, &k, &v, &bias, &sinks}) each->fill(normal);
  }

  size_t tokens() const { return static_cast<size_t>(sequences) * length; }
  size_t wide() const { return static_cast<size_t>(heads) * headSize; }
  size_t narrow() const { return static_cast<size_t>(keyHeads) * headSize; }
  int blocksOfHead() const { return (length + queries - 1) / queries; }
  int slabs() const { return (headSize + variant - 1) / variant; }

  uint64_t launch(pretend::Harness &harness) {
    const pretend::Index grid = {static_cast<unsigned>(sequences * heads * blocksOfHead()), static_cast<unsigned>(slabs())};
    const float *biases = biased ? bias.get() : nullptr;
    return run(harness, name(), grid, 128, 0, q.get(), k.get(), v.get(), biases, sunk ? sinks.get() : nullptr,
               out.get(), length, heads, groupSize, headSize, window, scale, cap);
  }

  std::string name() const { return "attention_" + std::to_string(variant); }

  // Two barriers for each 16 features and each 16 keys of a tile of 64, so they tell whether a hidden tile was computed.
  uint64_t barriers() const {
    uint64_t tiles = 0;
    for (int first = 0; first < length; first += queries) tiles += first / 64 - std::max(0, first + 1 - window) / 64 + 1;
    return tiles * sequences * heads * slabs() * 2 * ((headSize + 15) / 16 + 64 / 16);
  }

  double score(size_t token, size_t other, int head) {
    double dot = 0;
    for (int i = 0; i < headSize; i++) dot += static_cast<double>(q[token * wide() + head * headSize + i]) * key(k, other, head)[i];
    dot *= scale;
    if (cap > 0) dot = cap * std::tanh(dot / cap);
    return biased ? dot + bias[head * length + other % length] : dot;
  }

  const float *key(Buffer<float> &of, size_t other, int head) { return of.get() + other * narrow() + head / groupSize * headSize; }

  void compare(size_t token, int head) {
    const size_t first = std::max<long long>(token / length * length, static_cast<long long>(token) - window + 1);
    std::vector<double> expected(headSize);
    double sum = sunk ? std::exp(static_cast<double>(sinks[head])) : 0;
    for (size_t other = first; other <= token; other++) {
      const double weight = std::exp(score(token, other, head));
      sum += weight;
      for (int i = 0; i < headSize; i++) expected[i] += weight * key(v, other, head)[i];
    }
    for (int i = 0; i < headSize; i++) check(name(), out[token * wide() + head * headSize + i], expected[i] / sum, 1);
  }
};

void attention(pretend::Harness &harness) {
  const int variants[] = {64, 128, 256};
  Attention attention(variants[below(3)]);
  const uint64_t barriers = attention.launch(harness);
  check(attention.name() + "'s barriers", static_cast<double>(barriers), static_cast<double>(attention.barriers()), 0);
  for (size_t token = 0; token < attention.tokens(); token++) {
    for (int head = 0; head < attention.heads; head++) attention.compare(token, head);
  }
}

}  // namespace

int main(int argumentCount, char **arguments) {
  return runChecks(argumentCount, arguments, [](pretend::Harness &harness) {
    for (auto each : {layerNorm, scaling, activations, rotate, gatherColumns, convolve, deltaRule, expertRows, route,
                      routeInGroups, attention}) {
      each(harness);
    }
  });
}
