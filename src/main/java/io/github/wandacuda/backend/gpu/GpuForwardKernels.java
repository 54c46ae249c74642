package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.DeltaShape;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.RoutingRule;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * The kernels of the forward pass, queued in order. Formulas and shapes are those of {@link
 * Operations}; whole numbers are int32, factors float32, and what there may be none of is null.
 * Sums are added in a fixed order, so that results repeat to the bit. Tensors are dense float32
 * matrices (stride = columns) that start at a multiple of 4 bytes; weights are in a checkpoint's
 * type, their rows start at a multiple of 16 bytes. There are elements, and shapes fit: {@link
 * io.github.wandacuda.forward.CheckedOperations} saw to that.
 *
 * <p>Kernels that go over a matrix in one of three ways, or over packed weights, are a table here,
 * the same with every driver: which file, which kernel, over what, and its arguments.
 */
public abstract class GpuForwardKernels implements AutoCloseable {
  /** Floats of a row of {@link #crossEntropy}. */
  public static final int LOSS_FLOATS = 3;

  /** Bytes of a running sum of {@link #secondMoments}. */
  public static final int MOMENT_BYTES = 8;

  /** Sums of runs of rows' squares, kept from one call to the next. */
  protected final GrowingBuffer squareSums;

  /** What kernels of attention keep of places. */
  private final GrowingBuffer places;

  /** Queues kernels on a device's queue. */
  protected GpuForwardKernels(GpuDevice device, DeviceQueue queue) {
    squareSums = new GrowingBuffer(device, queue);
    places = new GrowingBuffer(device, queue);
  }

  public void embed(DeviceRows table, DevicePointer tokens, DeviceRows out) {
    launch(
        Launch.of(
            table.dtype(),
            "embed",
            Shape.COLUMNS,
            out,
            table.data(),
            table.stride(),
            tokens,
            out.data()));
  }

  public void rmsNorm(DeviceRows x, DevicePointer gain, float epsilon, DeviceRows out) {
    launch("rms_norm", Shape.ROWS, x, x.data(), gain, epsilon, out.data());
  }

  public void layerNorm(
      DeviceRows x, DeviceRows gain, DevicePointer bias, float epsilon, DeviceRows out) {
    launch(
        "layer_norm", Shape.ROWS, x, x.data(), gain.data(), gain.rows(), bias, epsilon, out.data());
  }

  /**
   * See {@link Operations#linear}.
   *
   * @param out its stride may be larger if it is some columns of a wider result
   */
  public abstract void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out);

  /**
   * Returns whether {@link #sparse} and {@link #codes} read packed and quantized weights as fast as
   * others, or faster.
   */
  public abstract boolean multipliesSparse();

  /**
   * A linear layer of a packed weight, accumulated in the order of {@link
   * io.github.wandacuda.SparseKernels}.
   */
  public void sparse(DeviceRows x, DeviceSparse w, DevicePointer bias, DeviceRows out) {
    int tokens = x.rows() == 1 ? 1 : x.rows() <= FEW_TOKENS ? FEW_TOKENS : MOST_TOKENS;
    launchPacked(
        "linear_sparse",
        tokens,
        w,
        x.data(),
        w.values(),
        w.bitmask(),
        w.rowOffsets(),
        bias,
        out.data(),
        out.stride(),
        x.rows(),
        w.rows(),
        w.columns());
  }

  /** Writes a packed weight's elements. */
  public void unpack(DeviceSparse w, DeviceRows out) {
    launchPacked(
        "linear_unpack",
        0,
        w,
        w.values(),
        w.bitmask(),
        w.rowOffsets(),
        out.data(),
        out.stride(),
        w.rows(),
        w.columns());
  }

  /**
   * Writes rows of a quantized weight as float32, with the bits of {@link
   * io.github.wandacuda.QuantizedMatrix}.
   *
   * @param out of its columns
   */
  public void widen(DeviceCodes w, int first, DeviceRows out) {
    launch("widen_codes", Shape.COLUMNS, out, w.arguments(first, out.data(), out.stride()));
  }

  /**
   * Makes codes those of 0 that a mask doesn't keep.
   *
   * @param mask of {@code rows}, as {@link GpuSelectKernels#select} writes it
   * @param rows of the weight's columns; their elements aren't read
   */
  public void prune(DeviceCodes w, int first, DevicePointer mask, DeviceRows rows) {
    launch(Launch.of("widen_codes", "prune_codes", Shape.COLUMNS, rows, w.arguments(first, mask)));
  }

  /**
   * A linear layer of a quantized weight for a few tokens, with the CPU's bits.
   *
   * @param w one whose factor doesn't divide
   */
  public abstract void codes(DeviceRows x, DeviceCodes w, DevicePointer bias, DeviceRows out);

  public abstract void rotate(DeviceRows x, RotaryPairs pairs, DeviceRows cos, DeviceRows sin);

  /**
   * Causal attention: of whole sequences in one pass over the keys inside the window, with an
   * online softmax; of a sequence's last queries with the CPU's bits.
   */
  public void attention(AttentionOperands<DeviceRows> of) {
    AttentionShape shape = of.shape();
    if (shape.past() == 0) {
      launchSequences(of, AttentionPlaces.arguments(of));
      return;
    }
    int chains = AttentionPlaces.runs(shape) * shape.headSize();
    AttentionPlaces.forEachPart(
        of,
        places,
        part -> {
          Object[] arguments = part.arguments(of);
          launchPlaces("attention_row_scores", shape.sequenceLength(), part.count(), arguments);
          launchPlaces("attention_row_softmax", 0, part.count(), arguments);
          launchPlaces("attention_row_values", chains, part.count(), arguments);
          launchPlaces("attention_row_sums", shape.headSize(), part.count(), arguments);
        });
  }

  /** Queues the kernel of attention for whole sequences. */
  protected abstract void launchSequences(
      AttentionOperands<DeviceRows> operands, Object... arguments);

  /**
   * Queues a kernel of {@code attention_rows}.
   *
   * @param items how many threads or work-items a place needs, or 0 for a block or group of them
   */
  protected abstract void launchPlaces(String kernel, int items, int places, Object... arguments);

  public void convolve(DeviceRows x, DeviceRows weights, int sequenceLength, DeviceRows out) {
    launch(
        "convolve",
        Shape.COLUMNS,
        out,
        x.data(),
        weights.data(),
        weights.rows(),
        x.rows() / (out.rows() / sequenceLength) - sequenceLength,
        sequenceLength,
        out.data());
  }

  /** The delta rule, for each feature of a value head of a sequence by itself. */
  public void deltaRule(DeltaOperands<DeviceRows> of) {
    DeltaShape shape = of.shape();
    int heads = of.q().rows() / shape.sequenceLength() * shape.heads();
    launch(
        "delta_rule",
        Shape.COLUMNS,
        of.state().rowRange(0, heads),
        of.q().data(),
        of.k().data(),
        of.v().data(),
        of.decay().data(),
        of.correction().data(),
        of.state().data(),
        of.out().data(),
        shape.sequenceLength(),
        shape.keyHeads(),
        shape.heads(),
        shape.keySize());
  }

  public void elementwise(Elementwise operation, DeviceRows x, DeviceRows y, DeviceRows out) {
    launch(
        switch (operation) {
          case Activation kind -> Launch.of(kind, "activate", out, x.data(), out.data());
          case Elementwise.Gate gate ->
              Launch.of(gate.activation(), "gate", out, x.data(), y.data(), out.data());
          case Elementwise.ClampedGate gate ->
              elementwise("clamped_gate", out, x.data(), y.data(), gate.limit(), out.data());
          case Elementwise.Add add -> elementwise("add", out, x.data(), y.data(), out.data());
          case Elementwise.Scale scale ->
              elementwise("scale", out, x.data(), scale.factor(), out.data());
          case Elementwise.Clamp clamp ->
              elementwise("clamp_to", out, x.data(), clamp.low(), clamp.high(), out.data());
          case Elementwise.Softcap softcap ->
              elementwise("softcap", out, x.data(), softcap.cap(), out.data());
          case Elementwise.Xielu of ->
              elementwise(
                  "xielu",
                  out,
                  x.data(),
                  of.positive(),
                  of.negative(),
                  of.beta(),
                  of.epsilon(),
                  out.data());
        });
  }

  public void gatherColumns(DeviceRows source, ColumnGroups groups, DeviceRows out) {
    launch(
        "gather_columns",
        Shape.COLUMNS,
        out.columnRange(0, groups.columns()),
        source.data(),
        source.columns(),
        groups.from(),
        groups.width(),
        groups.fromStride(),
        out.data(),
        out.columns(),
        groups.to(),
        groups.toStride());
  }

  /**
   * See {@link Operations#route}.
   *
   * @param experts int32 [tokens, rule.expertsPerToken]
   * @param weights float32, as {@code experts}
   */
  public void route(
      DeviceRows logits,
      DevicePointer correction,
      RoutingRule rule,
      DevicePointer experts,
      DevicePointer weights) {
    RoutingRule.Groups groups = rule.groups();
    launchRoute(
        logits.rows(),
        logits.data(),
        correction,
        rule.scores().ordinal(),
        rule.byLogits(correction != null) ? 1 : 0,
        rule.expertsPerToken(),
        groups.count(),
        groups.chosen(),
        groups.best(),
        rule.renormalize() ? 1 : 0,
        rule.least(),
        rule.scale(),
        rule.threshold(),
        experts,
        weights,
        logits.rows(),
        logits.columns());
  }

  protected abstract void launchRoute(int tokens, Object... arguments);

  public void gatherRows(DeviceRows x, DevicePointer rows, DeviceRows out) {
    launch(Launch.of("expert_rows", "gather_rows", Shape.COLUMNS, out, x.data(), rows, out.data()));
  }

  public void addRows(DeviceRows x, DevicePointer rows, DevicePointer factors, DeviceRows out) {
    launch(
        Launch.of(
            "expert_rows", "add_rows", Shape.COLUMNS, x, x.data(), rows, factors, out.data()));
  }

  /** Returns the bytes of the running sums of {@link #columnSquares}. */
  public abstract long columnSquaresBytes(int columns);

  /**
   * Adds the squares of each column, rounded to float32 one by one, to running sums that keep more
   * digits than a float32.
   *
   * @param x [tokens, columns] of any type and stride, at a multiple of an element's size
   * @param state the running sums, {@link #columnSquaresBytes} bytes, all zero at first
   */
  public abstract void columnSquares(DeviceRows x, DevicePointer state);

  /**
   * Writes the running sums as float32.
   *
   * @param state the running sums of {@link #columnSquares}
   * @param sums float32 [2, columns]: the sum of both rows, taken in float64, is a column's sum
   */
  public abstract void columnSums(DevicePointer state, int columns, DevicePointer sums);

  /**
   * Adds the products of each two columns i ≤ j to running sums that keep more digits than a
   * float32. Rows are taken in runs of 256, the products of a run summed in float32.
   *
   * @param state the running sums, {@link #MOMENT_BYTES} each, in the order of {@link
   *     io.github.wandacuda.forward.PackedTriangle}, all zero at first
   */
  public abstract void secondMoments(DeviceRows x, DevicePointer state);

  /**
   * Returns a running sum.
   *
   * @param sums a copy of some running sums of {@link #secondMoments} in host memory
   */
  public abstract double moment(MemorySegment sums, long index);

  /**
   * Computes the terms of cross-entropy: for each row the highest logit m, the sum of exp(logit -
   * m), and the target's logit; the loss is log(sum) + m - logit.
   *
   * @param losses float32 [tokens, {@link #LOSS_FLOATS}]
   */
  public abstract void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses);

  @Override
  public void close() {
    squareSums.close();
    places.close();
  }

  private void launch(String name, Shape shape, DeviceRows over, Object... arguments) {
    launch(Launch.of(name, name, shape, over, arguments));
  }

  private static Launch elementwise(String name, DeviceRows out, Object... arguments) {
    return Launch.of("elementwise", name, Shape.ELEMENTS, out, arguments);
  }

  /** Tokens for which the kernels of packed and of quantized weights are compiled, beside one. */
  static final int FEW_TOKENS = 4;

  private static final int MOST_TOKENS = 8;

  /** What of a matrix a thread or work-item takes. */
  public enum Shape {
    /** Any elements; the kernel's last argument is their number. */
    ELEMENTS,

    /** Any columns of a row; the kernel's last arguments are the sizes. */
    COLUMNS,

    /** A row, together with others; the kernel's last arguments are the sizes. */
    ROWS,

    /** A sixteenth of a row; the kernel's last arguments are the sizes. */
    LANES,

    /** A row, with all others of its block or group; the kernel's last arguments are the sizes. */
    BLOCKS
  }

  /**
   * A kernel that is to go over a matrix.
   *
   * @param name its name, without the variant
   * @param macro what the variant is called where a kernel is compiled for it; null for no variants
   * @param shape how it goes over the matrix
   * @param arguments all but the sizes
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  public record Launch(
      String file,
      String name,
      String macro,
      String variant,
      Shape shape,
      DeviceRows over,
      Object... arguments) {
    static Launch of(String file, String name, Shape shape, DeviceRows over, Object... arguments) {
      return new Launch(file, name, null, null, shape, over, arguments);
    }

    static Launch of(DType dtype, String name, Shape shape, DeviceRows over, Object... arguments) {
      return new Launch(name, name, "WEIGHT_", dtype.name(), shape, over, arguments);
    }

    static Launch of(Activation kind, String name, DeviceRows over, Object... arguments) {
      String function = kind.name().toLowerCase(Locale.ROOT);
      return new Launch("activate", name, "ACTIVATION=", function, Shape.ELEMENTS, over, arguments);
    }

    /** Returns the name of a kernel that is there for each variant. */
    public String function() {
      return macro == null ? name : name + '_' + variant.toLowerCase(Locale.ROOT);
    }

    /** Returns the option with which the kernel is compiled for the variant. */
    public String option() {
      return macro == null ? "" : "-D " + macro + variant;
    }

    public long elements() {
      return (long) over.rows() * over.columns();
    }

    public Object[] with(Object... sizes) {
      return GpuSelectKernels.joined(arguments, sizes);
    }
  }

  protected abstract void launch(Launch kernel);

  /**
   * Queues a kernel of {@code linear_sparse} over the rows of a packed weight.
   *
   * @param tokens for how many tokens the kernel is compiled; 0 if it takes none
   */
  protected abstract void launchPacked(
      String kernel, int tokens, DeviceSparse w, Object... arguments);
}
