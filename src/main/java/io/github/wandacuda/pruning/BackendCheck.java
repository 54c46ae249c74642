package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.DeltaShape;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.pruning.fit.GramFactor;
import io.github.wandacuda.pruning.fit.LayerRows;
import io.github.wandacuda.pruning.fit.MaskSwaps;
import io.github.wandacuda.pruning.fit.OutputError;
import io.github.wandacuda.pruning.fit.Reconstruction;
import io.github.wandacuda.pruning.fit.RowTile;
import io.github.wandacuda.pruning.fit.SparseGpt;
import io.github.wandacuda.pruning.fit.SquareGram;
import io.github.wandacuda.pruning.mask.PackedMasks;
import io.github.wandacuda.pruning.mask.TileMasks;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.NativeMemory;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Runs the kernels of a backend at small odd sizes, some of many rows, and compares with another
 * backend: bit for bit where all of them give the same bits. Linear layers, attention, norms and
 * cross entropy have sums in an order of their own on some GPUs. Left out are the kernels that only
 * read matrices in a caller's own device memory.
 */
public final class BackendCheck {
  /** How far a sum in another order may be off, of the largest result. */
  private static final double SUMS = 1e-5;

  /**
   * ... and a linear layer of activations that {@code --precision fast} rounds, on a processor to
   * BF16.
   */
  private static final double FAST = 1e-2;

  private static final int TOKENS = 33;
  private static final int WIDTH = 70;

  /** Columns of rows that are worked on: more than a block of SparseGPT. */
  private static final int COLUMNS = 2 * WIDTH;

  private final Map<String, Case> cases = new LinkedHashMap<>();

  /** A case's inputs are those of its seed, on either side. */
  private record Case(double tolerance, Function<Side, float[]> run) {}

  /** A backend, whose results are compared with those of the other side. */
  private static final class Side implements AutoCloseable {
    private final Backend backend;
    private final Operations operations;
    private final Selector selector;
    private final SplittableRandom random = new SplittableRandom(1);
    private final Arena arena = Arena.ofShared();
    private final List<Runnable> closing = new ArrayList<>();

    Side(Backend backend) {
      this.backend = backend;
      operations = backend.operations();
      selector = backend.selector();
    }

    float[] values(int count) {
      return values(count, 1);
    }

    float[] values(int count, float deviation) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = deviation * (float) random.nextGaussian();
      }
      return values;
    }

    Tensor tensor(int rows, int columns, float... values) {
      Tensor tensor = operations.tensor(rows, columns);
      closing.add(tensor::close);
      operations.upload(MemorySegment.ofArray(values), tensor);
      return tensor;
    }

    Tensor tensor(int rows, int columns) {
      return tensor(rows, columns, values(rows * columns));
    }

    /** Returns a matrix in which every third weight is 0 and many are equal. */
    WeightMatrix matrix(DType dtype, int rows, int columns) {
      WeightMatrix matrix = NativeMemory.matrix(arena, dtype, rows, columns);
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
          int tenths = random.nextInt(3) == 0 ? 0 : random.nextInt(-40, 41);
          matrix.set(row, column, tenths / 10f);
        }
      }
      return matrix;
    }

    Weight weight(DType dtype, int rows, int columns, boolean packed) {
      WeightMatrix matrix = matrix(dtype, rows, columns);
      Weight weight =
          packed
              ? operations.sparseWeight(SparseMatrix.pack(matrix, arena))
              : operations.weight(matrix);
      closing.add(weight::close);
      return weight;
    }

    /** Returns codes that are finite, with scales from one on for blocks of 3 x 17. */
    QuantizedMatrix codes(NumberFormat format, int bits, NumberFormat scale, int one) {
      int groups = Math.ceilDiv(WIDTH, 17);
      byte[] codes = new byte[TOKENS * WIDTH];
      byte[] scales = new byte[TOKENS / 3 * groups * scale.bits() / Byte.SIZE];
      for (int i = 0; i < codes.length; i++) {
        codes[i] = (byte) (random.nextInt() & 0xbf);
      }
      for (int i = 0; i < scales.length; i++) {
        int code = i * Byte.SIZE % scale.bits() == 0 ? one + random.nextInt(7) : one;
        scales[i] = (byte) (code >> i * Byte.SIZE % scale.bits());
      }
      return new QuantizedMatrix(
          Codes.of(MemorySegment.ofArray(codes), format, bits, TOKENS, WIDTH, WIDTH),
          Scales.of(MemorySegment.ofArray(scales), scale, 3, 17, groups)
              .withFactor(3, scale == NumberFormat.F32));
    }

    /** Prunes half of the codes on the device and on the host, or where there is one alone. */
    void prune(Weight weight, QuantizedMatrix codes) {
      WeightMatrix rows = WeightMatrix.of(new float[TOKENS * WIDTH], TOKENS, WIDTH);
      float[] values = new float[WIDTH];
      for (int row = 0; row < TOKENS; row++) {
        codes.read(row, 0, WIDTH, values, 0);
        for (int column = 0; column < WIDTH; column++) {
          rows.set(row, column, values[column]);
        }
      }
      long maskRow = Selector.maskRowBytes(WIDTH);
      MemorySegment mask = arena.allocate(TOKENS * maskRow);
      SelectionRule half = new LowestPerRow(WIDTH / 2);
      try (SelectionPlan plan = selector.prepare(DType.F32, WIDTH, null, half)) {
        backend
            .resident(weight)
            .ifPresentOrElse(
                codesThere -> plan.select(codesThere, 0, rows, mask),
                () -> plan.select(rows, null, mask));
      }
      for (int row = 0; row < TOKENS; row++) {
        codes.keep(row, mask.asSlice(row * maskRow, maskRow));
      }
    }

    float[] download(Tensor tensor) {
      float[] values = new float[tensor.rows() * tensor.columns()];
      operations.download(tensor, MemorySegment.ofArray(values));
      return values;
    }

    @Override
    public void close() {
      closing.forEach(Runnable::run);
      arena.close();
    }
  }

  /** Is told what happens. */
  public interface Listener {
    /** A kernel is about to be launched. */
    default void starts(String name) {}

    /**
     * It has run.
     *
     * @param problem what is wrong with its results; empty if nothing is
     */
    default void ended(String name, Optional<String> problem) {}
  }

  private BackendCheck(Backend backend) {
    for (DType dtype : DType.values()) {
      addSelection(dtype);
      addLinear(dtype, backend);
    }
    addCodes(NumberFormat.E4M3, 8, NumberFormat.F32, 0x3f800000);
    addCodes(NumberFormat.E2M1, 4, NumberFormat.E4M3, 0x38);
    addCodes(NumberFormat.UNSIGNED, 3, NumberFormat.BF16, 0x3f80);
    addRows();
    addElementwise();
    addAttention();
    addSums();
    addRowWork();
  }

  /**
   * Checks a backend, until a kernel fails, after which a device may be lost.
   *
   * @param reference what it is compared with
   */
  public static int run(Backend backend, Backend reference, Listener listener) {
    int wrong = 0;
    for (Map.Entry<String, Case> each : new BackendCheck(backend).cases.entrySet()) {
      String name = each.getKey();
      listener.starts(name);
      float[] expected = results(each.getValue(), reference);
      try {
        float[] found = results(each.getValue(), backend);
        Optional<String> problem = difference(found, expected, each.getValue().tolerance);
        listener.ended(name, problem.map("differs, "::concat));
        wrong += problem.isPresent() ? 1 : 0;
      } catch (BackendUnavailableException e) {
        listener.ended(name, Optional.of("failed, " + e.getMessage()));
        return wrong + 1;
      }
    }
    return wrong;
  }

  private static float[] results(Case one, Backend backend) {
    try (Side side = new Side(backend)) {
      return one.run.apply(side);
    }
  }

  private static Optional<String> difference(float[] found, float[] expected, double tolerance) {
    double largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      boolean same = Float.floatToRawIntBits(found[i]) == Float.floatToRawIntBits(expected[i]);
      if (!same && !(Math.abs(found[i] - expected[i]) <= tolerance * largest)) {
        return Optional.of(
            "result %d of %d: expected %s, found %s"
                .formatted(i, expected.length, expected[i], found[i]));
      }
    }
    return Optional.empty();
  }

  private void add(String name, Function<Side, float[]> run) {
    add(name, 0, run);
  }

  private void add(String name, double tolerance, Function<Side, float[]> run) {
    cases.put(name, new Case(tolerance, run));
  }

  private void addSelection(DType dtype) {
    // More rows than blocks run at a time on any GPU: they are guessed from those before.
    addSelection("select_rows: lowest of many rows", dtype, 1201, 519, new LowestPerRow(200));
    // On both sides of what CUDA's kernels hold: in 16 registers, in 32, in none.
    for (int columns : new int[] {37, 8191, 12001, 17001}) {
      String what = "select_rows: lowest of %d columns".formatted(columns);
      addSelection(what, dtype, 7, columns, new LowestPerRow(columns / 3));
    }
    for (int[] n : new int[][] {{2, 4}, {1, 4}, {4, 8}, {3, 8}, {5, 17}, {9, 45}}) {
      String what = "select_groups: lowest %d of %d".formatted(n[0], n[1]);
      addSelection(what, dtype, TOKENS, 11 * n[1], new LowestPerGroup(n[0], n[1]));
    }
    addSelection("select_threshold: scores up to a limit", dtype, TOKENS, 77, new AtMost(0.7f));
    add(
        "magnitudes: counts, " + dtype,
        side -> {
          WeightMatrix matrix = side.matrix(dtype, 5, 301);
          long[] upper = new long[Selector.UPPER_BINS];
          side.selector.countMagnitudes(matrix, OptionalInt.empty(), upper);
          long[] lower = new long[Selector.LOWER_BINS];
          OptionalInt ofOne = OptionalInt.of(Float.floatToIntBits(1) >>> 16);
          side.selector.countMagnitudes(matrix, ofOne, lower);
          float[] counts = new float[upper.length + lower.length];
          for (int i = 0; i < counts.length; i++) {
            counts[i] = i < upper.length ? upper[i] : lower[i - upper.length];
          }
          return counts;
        });
  }

  private void addSelection(String what, DType dtype, int rows, int columns, SelectionRule rule) {
    add(
        what + ", " + dtype,
        side -> {
          WeightMatrix matrix = side.matrix(dtype, rows, columns);
          long maskBytes = rows * Selector.maskRowBytes(columns);
          MemorySegment mask = side.arena.allocate(maskBytes);
          float[] norms = side.values(columns);
          for (int i = 0; i < columns; i++) {
            norms[i] = Math.abs(norms[i]);
          }
          try (SelectionPlan plan = side.selector.prepare(dtype, columns, norms, rule)) {
            plan.select(matrix, matrix, mask);
          }
          float[] results = new float[rows * columns + (int) maskBytes];
          for (int row = 0; row < rows; row++) {
            matrix.read(row, 0, columns, results, row * columns);
          }
          for (int i = 0; i < maskBytes; i++) {
            results[rows * columns + i] = mask.get(ValueLayout.JAVA_BYTE, i);
          }
          return results;
        });
  }

  private void addLinear(DType dtype, Backend backend) {
    double tolerance = backend.precision().filter(Precision.FAST::equals).isPresent() ? FAST : SUMS;
    // A token alone, as many as are multiplied row by row, and more.
    for (int tokens : new int[] {1, 3, 7, TOKENS, 2 * WIDTH}) {
      add(
          "linear: %d tokens, %s".formatted(tokens, dtype),
          tolerance,
          side -> multiplied(side, tokens, dtype, false));
      if (backend.operations().multipliesSparse(dtype)) {
        add(
            "linear_sparse: %d tokens, %s".formatted(tokens, dtype),
            tolerance,
            side -> multiplied(side, tokens, dtype, true));
      }
    }
    add(
        "embed: " + dtype,
        side -> {
          Tensor out = side.tensor(3, WIDTH);
          side.operations.embed(side.weight(dtype, 9, WIDTH, false), new int[] {8, 0, 8}, out);
          return side.download(out);
        });
  }

  private static float[] multiplied(Side side, int tokens, DType dtype, boolean packed) {
    int features = 2 * WIDTH + 1;
    Tensor x = side.tensor(tokens, WIDTH);
    Weight weight = side.weight(dtype, features, WIDTH, packed);
    Tensor out = side.tensor(tokens, features);
    side.operations.linear(x, weight, side.tensor(1, features), out);
    return side.download(out);
  }

  /** They are pruned by half where they lie, and multiplied with many tokens, few and one. */
  private void addCodes(NumberFormat format, int bits, NumberFormat scale, int one) {
    add(
        "widen_codes, linear_codes: %s of %d bits".formatted(format, bits),
        side -> {
          QuantizedMatrix codes = side.codes(format, bits, scale, one);
          Weight weight = side.operations.weight(codes);
          side.closing.add(weight::close);
          side.prune(weight, codes);
          Tensor x = side.tensor(TOKENS, WIDTH);
          Tensor out = side.tensor(TOKENS + 4, TOKENS);
          side.operations.linear(x, weight, null, out.rows(0, TOKENS));
          side.operations.linear(x.rows(0, 3), weight, null, out.rows(TOKENS, 3));
          side.operations.linear(x.rows(5, 1), weight, null, out.rows(TOKENS + 3, 1));
          return side.download(out);
        });
  }

  private void addRows() {
    add(
        "rms_norm",
        SUMS,
        side -> {
          Tensor out = side.tensor(TOKENS, WIDTH);
          side.operations.rmsNorm(side.tensor(TOKENS, WIDTH), side.tensor(1, WIDTH), 1e-6f, out);
          return side.download(out);
        });
    add(
        "layer_norm",
        SUMS,
        side -> {
          Tensor out = side.tensor(TOKENS, WIDTH);
          side.operations.layerNorm(
              side.tensor(TOKENS, WIDTH), side.tensor(1, WIDTH), side.tensor(1, WIDTH), 1e-6f, out);
          return side.download(out);
        });
    add(
        "rotate",
        side -> {
          Tensor x = side.tensor(TOKENS, WIDTH);
          Tensor angles = side.tensor(TOKENS, 5);
          side.operations.rotate(
              x, new RotaryPairs(14, 0, false), side.tensor(TOKENS, 7), side.tensor(TOKENS, 7));
          side.operations.rotate(x, new RotaryPairs(14, 3, true), angles, side.tensor(TOKENS, 5));
          return side.download(x);
        });
    add(
        "gather_columns",
        side -> {
          Tensor out = side.tensor(TOKENS, 15);
          side.operations.gatherColumns(side.tensor(TOKENS, WIDTH), 2, 3, 14, out);
          return side.download(out);
        });
    add(
        "convolve",
        side -> {
          Tensor out = side.tensor(TOKENS - 3, WIDTH);
          side.operations.convolve(
              side.tensor(TOKENS, WIDTH), side.tensor(4, WIDTH), TOKENS - 3, out);
          return side.download(out);
        });
    add(
        "delta_rule",
        side -> {
          DeltaShape shape = new DeltaShape(TOKENS, 2, 4, 5, 7);
          Tensor q = side.tensor(TOKENS, 10);
          Tensor k = side.tensor(TOKENS, 10, side.values(TOKENS * 10, 0.2f));
          Tensor decay = side.tensor(TOKENS, 4, side.values(TOKENS * 4, 0.2f));
          Tensor v = side.tensor(TOKENS, 28);
          Tensor out = side.tensor(TOKENS, 28);
          Tensor state = side.tensor(20, 7);
          Tensor correction = side.tensor(TOKENS, 4);
          side.operations.deltaRule(
              new DeltaOperands<>(q, k, v, decay, correction, shape, state, out));
          return side.download(out);
        });
    add(
        "expert_rows",
        side -> {
          Tensor x = side.tensor(TOKENS, WIDTH);
          Tensor some = side.tensor(3, WIDTH);
          int[] rows = {5, 0, 32};
          side.operations.gatherRows(x, rows, some);
          side.operations.addRows(some, rows, new float[] {0.5f, 2, -1}, x);
          return side.download(x);
        });
    add("route: softmax", side -> routed(side, RoutingRule.softmax(2, true)));
    RoutingRule sigmoids = RoutingRule.of(RoutingRule.Scores.SIGMOID, 2, true);
    add(
        "route: sigmoids in groups",
        side -> routed(side, sigmoids.in(new RoutingRule.Groups(3, 2, 2))));
  }

  private static float[] routed(Side side, RoutingRule rule) {
    Tensor correction = rule.groups().count() == 1 ? null : side.tensor(1, 9);
    Routing routing = side.operations.route(side.tensor(TOKENS, 9), correction, rule);
    float[] results = Arrays.copyOf(routing.weights(), 2 * routing.weights().length);
    for (int i = 0; i < routing.experts().length; i++) {
      results[routing.weights().length + i] = routing.experts()[i];
    }
    return results;
  }

  private void addElementwise() {
    for (Activation activation : Activation.values()) {
      add("activate: " + activation.name(), activation);
      add("activate: gate by " + activation.name(), new Elementwise.Gate(activation));
    }
    add("elementwise: sum", new Elementwise.Add());
    add("elementwise: scale", new Elementwise.Scale(0.3f));
    add("elementwise: clamp", new Elementwise.Clamp(-0.5f, 0.25f));
    add("elementwise: softcap", new Elementwise.Softcap(1.5f));
    add("elementwise: xielu", new Elementwise.Xielu(0.8f, 1.3f, 0.5f, -1e-6f));
    add("activate: clamped gate", new Elementwise.ClampedGate(1.5f));
  }

  private void add(String name, Elementwise operation) {
    add(
        name,
        side -> {
          Tensor x = side.tensor(TOKENS, WIDTH);
          Tensor y = operation.takesTwo() ? side.tensor(TOKENS, WIDTH) : null;
          Tensor out = side.tensor(TOKENS, WIDTH);
          side.operations.elementwise(operation, x, y, out);
          return side.download(out);
        });
  }

  private void addAttention() {
    for (int size : new int[] {16, 80, 128, 200}) {
      AttentionShape shape = new AttentionShape(TOKENS, 0, 4, 2, size, 0.1f, 20, 9);
      add("attention: heads of " + size, SUMS, side -> attended(side, shape));
    }
    AttentionShape last = new AttentionShape(2 * WIDTH, 2 * WIDTH - 1, 4, 2, 64, 0.1f, 0, 0);
    add("attention_rows: the last token", SUMS, side -> attended(side, last));
  }

  private static float[] attended(Side side, AttentionShape shape) {
    int queries = shape.heads() * shape.headSize();
    int keys = shape.keyValueHeads() * shape.headSize();
    int tokens = shape.sequenceLength();
    Tensor out = side.tensor(tokens - shape.past(), queries);
    side.operations.attention(
        new AttentionOperands<>(
            side.tensor(tokens - shape.past(), queries),
            side.tensor(tokens, keys),
            side.tensor(tokens, keys),
            shape,
            null,
            shape.window() == 0 ? null : side.tensor(1, shape.heads()),
            out));
    return side.download(out);
  }

  private void addSums() {
    add(
        "column_squares",
        side -> {
          try (ColumnSquares squares = side.operations.columnSquares(WIDTH)) {
            squares.add(side.tensor(3 * TOKENS, WIDTH));
            return halves(squares.sums());
          }
        });
    add(
        "second_moments",
        side -> {
          try (SecondMoments moments = side.operations.secondMoments(WIDTH)) {
            moments.add(side.tensor(9 * TOKENS, WIDTH));
            float[] triangle = new float[WIDTH * (WIDTH + 1) / 2];
            moments.download(3, MemorySegment.ofArray(triangle));
            return triangle;
          }
        });
    add(
        "cross_entropy",
        SUMS,
        side -> {
          int[] targets = IntStream.range(0, TOKENS).map(t -> t * 2).toArray();
          double[] losses = side.operations.crossEntropy(side.tensor(TOKENS, WIDTH), targets);
          float[] results = new float[losses.length];
          for (int i = 0; i < losses.length; i++) {
            results[i] = (float) losses[i];
          }
          return results;
        });
  }

  /** On a device without float64 this is the CPU's on both sides, but for its products. */
  private void addRowWork() {
    for (OptionalInt group : List.of(OptionalInt.empty(), OptionalInt.of(7))) {
      add(
          "row_swaps: " + (group.isPresent() ? "within groups" : "of any columns"),
          side ->
              pruned(
                  side,
                  (gram, weights, mask) -> {
                    new MaskSwaps(gram).refine(weights, mask, group, OptionalInt.empty());
                    float[] bytes = new float[(int) mask.byteSize()];
                    for (int i = 0; i < bytes.length; i++) {
                      bytes[i] = mask.get(ValueLayout.JAVA_BYTE, i);
                    }
                    return bytes;
                  }));
    }
    add(
        "row_fit",
        side ->
            pruned(
                side,
                (gram, weights, mask) -> {
                  WeightMatrix fitted =
                      WeightMatrix.of(new float[TOKENS * COLUMNS], TOKENS, COLUMNS);
                  new Reconstruction(gram).solve(weights, mask, fitted);
                  float[] result = Arrays.copyOf(values(fitted), TOKENS * COLUMNS + 1);
                  result[TOKENS * COLUMNS] = (float) OutputError.of(gram, weights, fitted).error();
                  return result;
                }));
    addRowWork(
        "row_admm",
        (rows, gram, sparsity, choose) -> {
          rows.moveWhole(RowTile::loadMask);
          rows.forTiles(tile -> tile.alternate(gram, 0.5, 0, 1e-3f));
          rows.forTiles(tile -> tile.alternate(gram, 0.5, 0.8f, 1e-3f));
          rows.keepLargest(sparsity, choose);
          rows.forTiles(tile -> tile.unscale(0.5));
          rows.store();
        });
    addRowWork(
        "sparse_gpt",
        (rows, gram, sparsity, choose) -> {
          GramFactor factor = GramFactor.of(gram.gram(), gram.workers).orElseThrow();
          rows.prune(new SparseGpt(gram.operations(), gram.workers, factor), sparsity);
        });
  }

  /** Work on a whole layer, and what chooses its mask of the largest results elsewhere. */
  @FunctionalInterface
  private interface LayerWork {
    void on(LayerRows rows, SquareGram gram, Sparsity sparsity, Runnable choose);
  }

  private void addRowWork(String name, LayerWork work) {
    for (Sparsity sparsity : List.of(new Sparsity.Ratio(0.5), new Sparsity.GroupPattern(3, 7))) {
      add(
          name + ": " + sparsity,
          side ->
              pruned(
                  side,
                  (gram, weights, mask) -> {
                    WeightMatrix result =
                        WeightMatrix.of(new float[TOKENS * COLUMNS], TOKENS, COLUMNS);
                    TileMasks masks = new TileMasks(side.selector, gram.workers);
                    try (LayerRows rows = new LayerRows(gram, weights, mask, result)) {
                      work.on(
                          rows,
                          gram,
                          sparsity,
                          () -> masks.magnitude(result, sparsity, 1 << 12, mask));
                    }
                    PackedMasks.clear(result, mask, gram.workers);
                    return values(result);
                  }));
    }
  }

  private static float[] values(WeightMatrix matrix) {
    float[] values = new float[TOKENS * COLUMNS];
    for (int row = 0; row < TOKENS; row++) {
      matrix.read(row, 0, COLUMNS, values, row * COLUMNS);
    }
    return values;
  }

  @FunctionalInterface
  private interface RowWork {
    float[] on(SquareGram gram, WeightMatrix weights, MemorySegment mask);
  }

  /** Works on rows of which some columns are pruned, with second moments of some tokens. */
  private static float[] pruned(Side side, RowWork work) {
    float[] tokens = side.values(TOKENS * COLUMNS);
    float[] triangle = new float[(int) Gram.elements(COLUMNS)];
    for (int i = 0, at = 0; i < COLUMNS; i++) {
      for (int j = i; j < COLUMNS; j++, at++) {
        for (int t = 0; t < tokens.length; t += COLUMNS) {
          triangle[at] += tokens[t + i] * tokens[t + j];
        }
      }
    }
    MemorySegment mask = side.arena.allocate(TOKENS * Selector.maskRowBytes(COLUMNS));
    boolean[] kept = new boolean[COLUMNS];
    for (int row = 0; row < TOKENS; row++) {
      for (int column = 0; column < COLUMNS; column++) {
        kept[column] = side.random.nextBoolean();
      }
      PackedMasks.write(kept, mask, row);
    }
    WeightMatrix weights = side.matrix(DType.F32, TOKENS, COLUMNS);
    Gram gram = new Gram(COLUMNS, MemorySegment.ofArray(triangle));
    try (Workers workers = new Workers(1);
        SquareGram square = new SquareGram(side.operations, workers, gram)) {
      return work.on(square, weights, mask);
    }
  }

  /** Returns each number as a float and what that leaves of it. */
  private static float[] halves(double[] values) {
    float[] halves = new float[2 * values.length];
    for (int i = 0; i < values.length; i++) {
      halves[2 * i] = (float) values[i];
      halves[2 * i + 1] = (float) (values[i] - halves[2 * i]);
    }
    return halves;
  }
}
