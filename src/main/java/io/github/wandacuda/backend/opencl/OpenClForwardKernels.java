package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceCodes;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.DeviceSparse;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.backend.gpu.GrowingBuffer;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.RotaryPairs;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Launches the kernels of the forward pass. All but attention, column squares and second moments
 * give the CPU's bits on devices that round quotients and roots as IEEE 754 does.
 */
final class OpenClForwardKernels extends GpuForwardKernels {
  /**
   * Work-items of a tile of attention or of a linear layer in dimension 0; and of one of second
   * moments in each, in the largest groups and others.
   */
  private static final int SIDE = 16;

  private static final int SMALL_SIDE = 8;

  /** Columns of a tile of second moments for each work-item of a side. */
  private static final int COLUMNS = 4;

  /** Tokens whose squares a work-item adds. */
  private static final int SQUARES_BLOCK = 256;

  /** Work-items of a group for a feature of packed weights. */
  private static final int SPARSE_LANES = 32;

  /** Queries of a work-item of tiled attention. */
  private static final int QUERIES = 4;

  /** Features of a head that one group of tiled attention computes. */
  private static final int HEAD_FEATURES = 256;

  /** Tokens that {@code linear_rows.cl} takes. */
  private static final int FEWEST = 4;

  /**
   * Products of so many columns are added up one after the other; the sums of these chains follow.
   */
  private static final int RUN = 256;

  private static final int TILE_FEATURES = 64;

  /** Tokens of a work-item of a linear layer's tile, if there are many. */
  private static final int MANY_ROWS = 8;

  private static final int FEW_ROWS = 4;

  /**
   * Tokens of a group of {@code linear_vectors.cl}, which packs a panel of weights once for all of
   * them.
   */
  private static final int TOKENS_PER_GROUP = 516;

  /** Groups for each compute unit, so that all units end at about the same time. */
  private static final int GROUPS_PER_UNIT = 4;

  /**
   * A packed panel is used for at least so many blocks of tokens, a block being as many as have
   * their sums in registers.
   */
  private static final int FEWEST_BLOCKS = 4;

  private final OpenClQueue queue;
  private final MatrixVariant variant;

  /** Memory for the sums of chains of products, in linear layers for few tokens. */
  private final GrowingBuffer chains;

  OpenClForwardKernels(OpenClQueue queue) {
    this(queue, MatrixVariant.of(queue.device()));
  }

  OpenClForwardKernels(OpenClQueue queue, MatrixVariant variant) {
    super(queue.device(), queue);
    this.queue = queue;
    this.variant = variant;
    this.chains = new GrowingBuffer(queue.device(), queue);
  }

  private OpenClKernel kernel(String file, String name) {
    return kernel(file, name, "");
  }

  private OpenClKernel kernel(String file, String name, String options) {
    return queue.device().kernel(file, name, options);
  }

  @Override
  protected void launch(Launch kernel) {
    DeviceRows over = kernel.over();
    OpenClKernel compiled = kernel(kernel.file() + ".cl", kernel.name(), kernel.option());
    Object[] sizes = kernel.with(over.rows(), over.columns());
    switch (kernel.shape()) {
      case ELEMENTS -> queue.elements(compiled, kernel.elements(), kernel.with(kernel.elements()));
      case COLUMNS -> queue.columns(compiled, over.columns(), over.rows(), sizes);
      case ROWS, LANES -> queue.rows(compiled, over.rows(), sizes);
      case BLOCKS -> {
        long items = compiled.items();
        queue.launch(compiled, new long[] {over.rows() * items}, new long[] {items}, sizes);
      }
    }
  }

  /**
   * Launches {@code linear_tiles.cl}, {@code linear_rows.cl} for up to four tokens, or {@code
   * linear_vectors.cl}, which give the CPU's bits.
   */
  @Override
  public void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    if (variant.tiles() && x.rows() <= FEWEST) {
      linearRows(x, w, bias, out);
      return;
    }
    Object[] operands = {
      x.data(),
      w.data(),
      w.stride(),
      bias,
      out.data(),
      out.stride(),
      x.rows(),
      x.columns(),
      w.rows()
    };
    if (variant.tiles()) {
      linearTiles(x.rows(), w, operands);
    } else {
      linearVectors(x.rows(), w, operands);
    }
  }

  private void linearRows(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    DevicePointer memory = chains(x, out);
    queue.columns(
        kernel("linear_rows.cl", "linear_row_runs", weightOption(w.dtype())),
        w.rows(),
        runs(x),
        x.data(),
        w.data(),
        w.stride(),
        memory,
        x.rows(),
        x.columns(),
        w.rows());
    addChains(x, memory, bias, out);
  }

  @Override
  public void codes(DeviceRows x, DeviceCodes w, DevicePointer bias, DeviceRows out) {
    DevicePointer memory = chains(x, out);
    queue.columns(
        kernel("linear_codes.cl", "linear_code_runs"),
        w.rows(),
        runs(x),
        w.arguments(0, x.data(), memory, x.rows(), x.columns(), w.rows()));
    addChains(x, memory, bias, out);
  }

  private static int runs(DeviceRows x) {
    return Math.ceilDiv(x.columns(), RUN);
  }

  private DevicePointer chains(DeviceRows x, DeviceRows out) {
    return chains.atLeast((long) runs(x) * x.rows() * out.columns() * Float.BYTES);
  }

  private void addChains(DeviceRows x, DevicePointer memory, DevicePointer bias, DeviceRows out) {
    queue.columns(
        kernel("linear_rows.cl", "linear_row_sums", weightOption(DType.F32)),
        out.columns(),
        x.rows(),
        memory,
        bias,
        out.data(),
        out.stride(),
        x.rows(),
        x.columns(),
        out.columns());
  }

  private void linearTiles(int tokens, DeviceRows w, Object... operands) {
    int rows = tokens > SIDE * FEW_ROWS ? MANY_ROWS : FEW_ROWS;
    OpenClKernel kernel =
        kernel(
            "linear_tiles.cl",
            "linear_tiles",
            "%s -D ROWS=%d".formatted(weightOption(w.dtype()), rows));
    long featureTiles = Math.ceilDiv(w.rows(), TILE_FEATURES);
    int down = kernel.items() / SIDE;
    long tokenTiles = Math.ceilDiv(tokens, down * rows);
    long[] global = {featureTiles * SIDE, tokenTiles * down};
    queue.launch(kernel, global, new long[] {SIDE, down}, operands);
  }

  private void linearVectors(int tokens, DeviceRows w, Object... operands) {
    String options = weightOption(w.dtype()) + ' ' + variant.vectorOptions();
    OpenClKernel kernel = queue.device().single("linear_vectors.cl", "linear_vectors", options);
    int panels = Math.ceilDiv(w.rows(), variant.panel());
    Integer together = tokensPerGroup(tokens, panels);
    long[] global = {panels, Math.ceilDiv(tokens, together)};
    Object[] group = {together};
    queue.launch(kernel, global, new long[] {1, 1}, GpuSelectKernels.joined(operands, group));
  }

  /**
   * Returns the tokens of a group. Tokens are divided evenly, among more groups if there are too
   * few panels to occupy all compute units.
   */
  private int tokensPerGroup(int tokens, int panels) {
    int rows = variant.rows();
    int wanted = Math.ceilDiv(GROUPS_PER_UNIT * queue.device().facts().computeUnits(), panels);
    int most = Math.ceilDiv(tokens, FEWEST_BLOCKS * rows);
    int groups = Math.max(Math.ceilDiv(tokens, TOKENS_PER_GROUP), Math.min(wanted, most));
    return Math.ceilDiv(Math.ceilDiv(tokens, groups), rows) * rows;
  }

  private static String weightOption(DType dtype) {
    return "-D WEIGHT_" + dtype.name();
  }

  @Override
  protected void launchPacked(String kernel, int tokens, DeviceSparse w, Object... arguments) {
    String options = weightOption(w.dtype()) + (tokens == 0 ? "" : " -D TOKENS=" + tokens);
    OpenClKernel compiled = kernel("linear_sparse.cl", kernel, options);
    int features = compiled.items() / SPARSE_LANES;
    long[] global = {SPARSE_LANES, (long) Math.ceilDiv(w.rows(), features) * features};
    queue.launch(compiled, global, new long[] {SPARSE_LANES, features}, arguments);
  }

  /** Processors, whose work-items aren't threads, have faster code for dense weights. */
  @Override
  public boolean multipliesSparse() {
    return variant.tiles();
  }

  @Override
  public void rotate(DeviceRows x, RotaryPairs pairs, DeviceRows cos, DeviceRows sin) {
    int count = cos.columns();
    queue.columns(
        kernel("rotate.cl", "rotate_pairs"),
        x.columns() / pairs.headSize() * count,
        x.rows(),
        x.data(),
        cos.data(),
        sin.data(),
        x.rows(),
        x.columns(),
        pairs.headSize(),
        pairs.first(),
        count,
        pairs.step(),
        pairs.distance(count),
        cos.rows());
  }

  @Override
  protected void launchSequences(AttentionOperands<DeviceRows> operands, Object... arguments) {
    if (variant.tiles()) {
      tiles(operands, arguments);
    } else {
      vectors(operands, arguments);
    }
  }

  private void tiles(AttentionOperands<DeviceRows> operands, Object... arguments) {
    AttentionShape shape = operands.shape();
    int features = Math.min(shape.headSize(), HEAD_FEATURES);
    long parts = Math.ceilDiv(shape.headSize(), HEAD_FEATURES);
    String options =
        "-D PARTS=%d %s".formatted(Math.ceilDiv(features, SIDE), scoreOptions(operands));
    OpenClKernel kernel = kernel("attention_tiles.cl", "attention_tiles", options);
    int down = kernel.items() / SIDE;
    long tiles = Math.ceilDiv(shape.sequenceLength(), QUERIES * down);
    queue.launch(
        kernel,
        new long[] {
          tiles * SIDE, shape.heads() * parts * down, operands.q().rows() / shape.sequenceLength()
        },
        new long[] {SIDE, down, 1},
        arguments);
  }

  private void vectors(AttentionOperands<DeviceRows> operands, Object... arguments) {
    AttentionShape shape = operands.shape();
    int length = shape.sequenceLength();
    String options =
        "-D HEAD_SIZE=%d %s %s"
            .formatted(shape.headSize(), scoreOptions(operands), variant.vectorOptions());
    queue.launch(
        queue.device().single("attention_vectors.cl", "attention_vectors", options),
        new long[] {
          Math.ceilDiv(length, variant.panel()), shape.heads(), operands.q().rows() / length
        },
        new long[] {1, 1, 1},
        arguments);
  }

  /** Returns the compiler options for the scores: window, softcap and key bias. */
  private static String scoreOptions(AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    // A window as long as the sequence hides nothing.
    boolean windowed = shape.window() > 0 && shape.window() < shape.sequenceLength();
    return "-D WINDOWED=%d -D BOUNDED=%d -D BIASED=%d"
        .formatted(
            windowed ? 1 : 0, shape.softcap() > 0 ? 1 : 0, operands.keyBias() == null ? 0 : 1);
  }

  @Override
  protected void launchPlaces(String kernel, int items, int places, Object... arguments) {
    OpenClKernel compiled = kernel("attention_rows.cl", kernel);
    if (items == 0) {
      queue.rows(compiled, places, arguments);
    } else {
      queue.columns(compiled, items, places, arguments);
    }
  }

  @Override
  protected void launchRoute(int tokens, Object... arguments) {
    queue.rows(kernel("route.cl", "route"), tokens, arguments);
  }

  /** A sum is a pair of floats. */
  @Override
  public long columnSquaresBytes(int columns) {
    return 2L * columns * Float.BYTES;
  }

  @Override
  public void columnSquares(DeviceRows x, DevicePointer state) {
    int blocks = Math.ceilDiv(x.rows(), SQUARES_BLOCK);
    DevicePointer sums = squareSums.atLeast(blocks * columnSquaresBytes(x.columns()));
    queue.columns(
        squares("column_squares_blocks", x.dtype()),
        x.columns(),
        blocks,
        x.data(),
        sums,
        x.rows(),
        x.columns(),
        x.stride());
    queue.elements(
        squares("column_squares_fold", DType.F32), x.columns(), sums, blocks, state, x.columns());
  }

  @Override
  public void columnSums(DevicePointer state, int columns, DevicePointer sums) {
    queue.elements(squares("column_sums", DType.F32), 2L * columns, state, sums, 2L * columns);
  }

  private OpenClKernel squares(String name, DType dtype) {
    return kernel("column_squares.cl", name, weightOption(dtype));
  }

  @Override
  public void secondMoments(DeviceRows x, DevicePointer state) {
    OpenClKernel kernel = kernel("second_moments.cl", "second_moments");
    int side = kernel.items() >= SIDE * SIDE ? SIDE : SMALL_SIDE;
    long items = (long) Math.ceilDiv(x.columns(), COLUMNS * side) * side;
    queue.launch(
        kernel,
        new long[] {items, items},
        new long[] {side, side},
        x.data(),
        state,
        x.rows(),
        x.columns());
  }

  @Override
  public double moment(MemorySegment sums, long index) {
    double high = sums.getAtIndex(ValueLayout.JAVA_FLOAT, 2 * index);
    return high + sums.getAtIndex(ValueLayout.JAVA_FLOAT, 2 * index + 1);
  }

  @Override
  public void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses) {
    queue.rows(
        kernel("cross_entropy.cl", "cross_entropy"),
        logits.rows(),
        logits.data(),
        targets,
        losses,
        logits.rows(),
        logits.columns());
  }

  @Override
  public void close() {
    chains.close();
    super.close();
  }
}
