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
 * Operations}; integers are int32, factors float32, and optional operands are null if there are
 * none. Sums are added in a fixed order, so that results repeat to the bit. Tensors are dense
 * float32 matrices (stride = columns) that start at a multiple of 4 bytes; weights are in a
 * checkpoint's type, their rows start at a multiple of 16 bytes. Arguments are not checked here:
 * {@link io.github.wandacuda.forward.CheckedOperations} has made sure that shapes fit and that no
 * matrix is empty.
 *
 * <p>Kernels that go over a matrix in one of a few ways are launched from here with every driver
 * alike: by file, kernel, matrix and arguments. A driver's class launches them, and the kernels
 * that differ between drivers.
 */
public abstract class GpuForwardKernels implements AutoCloseable {
  /** Floats of a row of {@link #crossEntropy}. */
  public static final int LOSS_FLOATS = 3;

  /** Bytes of a running sum of {@link #secondMoments}. */
  public static final int MOMENT_BYTES = 8;

  /** Memory for the sums of runs of squares, kept from one call to the next. */
  protected final GrowingBuffer squareSums;

  /** Memory for what the kernels of attention keep of each place, see {@link AttentionPlaces}. */
  private final GrowingBuffer places;

  /**
   * Creates kernels that are queued on a queue.
   *
   * @param device allocates what kernels need beside their operands
   * @param queue where all of them are queued; stays the caller's to close
   */
  protected GpuForwardKernels(GpuDevice device, DeviceQueue queue) {
    squareSums = new GrowingBuffer(device, queue);
    places = new GrowingBuffer(device, queue);
  }

  /**
   * Looks up the rows of tokens, see {@link Operations#embed}.
   *
   * @param table [vocabulary, columns]
   * @param tokens int32 [out.rows]
   * @param out [tokens, columns]
   */
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

  /**
   * See {@link Operations#rmsNorm}.
   *
   * @param x [tokens, columns]
   * @param gain float32 [columns]
   * @param epsilon added to the mean of squares
   * @param out as {@code x}, or {@code x} itself
   */
  public void rmsNorm(DeviceRows x, DevicePointer gain, float epsilon, DeviceRows out) {
    launch("rms_norm", Shape.ROWS, x, x.data(), gain, epsilon, out.data());
  }

  /**
   * See {@link Operations#layerNorm}.
   *
   * @param x [tokens, columns]
   * @param gain float32 [gains, columns], which rows take in turn
   * @param bias float32, as {@code gain}, or null
   * @param epsilon added to the variance
   * @param out as {@code x}, or {@code x} itself
   */
  public void layerNorm(
      DeviceRows x, DeviceRows gain, DevicePointer bias, float epsilon, DeviceRows out) {
    launch(
        "layer_norm", Shape.ROWS, x, x.data(), gain.data(), gain.rows(), bias, epsilon, out.data());
  }

  /**
   * See {@link Operations#linear}.
   *
   * @param x [tokens, columns]
   * @param w [features, columns], of any type
   * @param bias float32 [features], or null
   * @param out [tokens, features]; its stride may be larger if it is some columns of a wider result
   */
  public abstract void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out);

  /**
   * Returns whether {@link #sparse} and {@link #codes} multiply packed and quantized weights at
   * least as fast as dense ones.
   */
  public abstract boolean multipliesSparse();

  /**
   * Multiplies by a packed weight, adding up in the order of {@link
   * io.github.wandacuda.SparseKernels}.
   *
   * @param x [tokens, columns], at most {@link io.github.wandacuda.SparseMatrix#MOST_ROWS}
   * @param w [features, columns]
   * @param bias float32 [features], or null
   * @param out [tokens, features]
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

  /**
   * Writes a packed weight's elements.
   *
   * @param out of its rows, columns and type; elements that aren't stored become 0
   */
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
   * @param first the number of the first row to widen
   * @param out float32, of the weight's columns; as many rows are widened as it has
   */
  public void widen(DeviceCodes w, int first, DeviceRows out) {
    launch("widen_codes", Shape.COLUMNS, out, w.arguments(first, out.data(), out.stride()));
  }

  /**
   * Replaces the codes that a mask doesn't keep by the code of 0.
   *
   * @param first the number of the mask's first row in the weight
   * @param mask of {@code rows}, as {@link GpuSelectKernels#select} writes it
   * @param rows say how many rows and columns there are; their elements aren't read
   */
  public void prune(DeviceCodes w, int first, DevicePointer mask, DeviceRows rows) {
    launch(Launch.of("widen_codes", "prune_codes", Shape.COLUMNS, rows, w.arguments(first, mask)));
  }

  /**
   * Multiplies a few tokens by a quantized weight, with the CPU's bits.
   *
   * @param x [tokens, columns], at most {@link #FEW_TOKENS}
   * @param w [features, columns], whose factor doesn't divide
   * @param bias float32 [features], or null
   * @param out [tokens, features]
   */
  public abstract void codes(DeviceRows x, DeviceCodes w, DevicePointer bias, DeviceRows out);

  /**
   * Rotates pairs of features in place, see {@link Operations#rotate}.
   *
   * @param x [tokens, heads * headSize]
   * @param pairs which features of a head are rotated together
   * @param cos [positions, pairs], the cosines by which tokens are rotated in turn
   * @param sin as {@code cos}
   */
  public abstract void rotate(DeviceRows x, RotaryPairs pairs, DeviceRows cos, DeviceRows sin);

  /**
   * Computes causal attention. Whole sequences take one pass over the keys inside the window, with
   * an online softmax; a sequence's last queries get the CPU's bits.
   *
   * @param of queries, keys, values and what else {@link Operations#attention} takes
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

  /**
   * Queues the kernel of attention for whole sequences.
   *
   * @param arguments the kernel's
   */
  protected abstract void launchSequences(
      AttentionOperands<DeviceRows> operands, Object... arguments);

  /**
   * Queues a kernel of {@code attention_rows}.
   *
   * @param kernel its name
   * @param items how many threads or work-items a place needs, or 0 for a whole block or group of
   *     them
   * @param places how many places are computed
   * @param arguments the kernel's
   */
  protected abstract void launchPlaces(String kernel, int items, int places, Object... arguments);

  /**
   * Convolves each column of sequences with weights of its own, see {@link Operations#convolve}.
   *
   * @param x [sequences * (before + sequenceLength), columns]: each sequence follows the rows
   *     before it that the kernel reaches
   * @param weights [kernel, columns]
   * @param sequenceLength rows of each sequence in {@code out}
   * @param out [sequences * sequenceLength, columns]
   */
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

  /**
   * Computes the delta rule, see {@link Operations#deltaRule}. Each feature of a sequence's value
   * head is computed by itself.
   */
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

  /**
   * Applies a function to each element.
   *
   * @param y null if the operation takes only {@code x}
   * @param out may be either input
   */
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

  /**
   * Copies groups of columns, see {@link Operations#gatherColumns}.
   *
   * @param groups which columns of the source, and where they go
   * @param out keeps its other columns
   */
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
   * @param logits [tokens, experts]
   * @param correction float32 [experts], added to choose experts only; or null
   * @param rule how many experts a token takes, and their weights
   * @param experts int32 [tokens, rule.expertsPerToken], receives the chosen experts
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

  /**
   * Queues the kernel of {@link #route}.
   *
   * @param tokens rows of logits
   * @param arguments the kernel's
   */
  protected abstract void launchRoute(int tokens, Object... arguments);

  /**
   * Copies rows of a matrix.
   *
   * @param rows int32 [out.rows], the numbers of rows in {@code x}
   */
  public void gatherRows(DeviceRows x, DevicePointer rows, DeviceRows out) {
    launch(Launch.of("expert_rows", "gather_rows", Shape.COLUMNS, out, x.data(), rows, out.data()));
  }

  /**
   * Adds scaled rows to rows of a matrix.
   *
   * @param x the rows to add
   * @param rows int32 [x.rows], the numbers of rows in {@code out}, all different
   * @param factors float32 [x.rows]
   * @param out receives the sums
   */
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
   * @param sums float32 [2, columns]: a column's sum is the sum of its two rows, added in float64
   */
  public abstract void columnSums(DevicePointer state, int columns, DevicePointer sums);

  /**
   * Adds the products of each two columns i ≤ j to running sums that keep more digits than a
   * float32. Rows are taken in runs of 256; the products of a run are summed in float32.
   *
   * @param x [tokens, columns]
   * @param state the running sums, {@link #MOMENT_BYTES} each, in the order of {@link
   *     io.github.wandacuda.forward.PackedTriangle}, all zero at first
   */
  public abstract void secondMoments(DeviceRows x, DevicePointer state);

  /**
   * Reads a running sum of {@link #secondMoments} from host memory.
   *
   * @param sums a copy of consecutive running sums
   * @param index which of these
   */
  public abstract double moment(MemorySegment sums, long index);

  /**
   * Computes the terms of cross-entropy: for each row the highest logit m, the sum of exp(logit -
   * m), and the target's logit. The loss is log(sum) + m - logit.
   *
   * @param logits [tokens, vocabulary]
   * @param targets int32 [tokens]
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

  /**
   * The kernels of packed and quantized weights are compiled for one token and for up to so many.
   */
  static final int FEW_TOKENS = 4;

  private static final int MOST_TOKENS = 8;

  /** How a kernel divides a matrix among threads or work-items. */
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
   * @param file its file, without an ending
   * @param name its name, without the variant
   * @param macro the start of the compiler's option {@code -D} that chooses the variant, such as
   *     {@code WEIGHT_}; null if the kernel has no variants
   * @param variant the weight's type or the function that the kernel is compiled for; null if there
   *     are no variants
   * @param shape how it goes over the matrix
   * @param over the matrix, which is not among the arguments by itself
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

    /**
     * Returns the name of the compiled kernel: with the variant in small letters behind it, if
     * there is one. CUDA's files have a kernel for each variant.
     */
    public String function() {
      return macro == null ? name : name + '_' + variant.toLowerCase(Locale.ROOT);
    }

    /**
     * Returns the option by which OpenCL's source is compiled for the variant, or an empty text.
     */
    public String option() {
      return macro == null ? "" : "-D " + macro + variant;
    }

    /** Returns how many elements the matrix has. */
    public long elements() {
      return (long) over.rows() * over.columns();
    }

    /** Returns the arguments with the sizes behind them. */
    public Object[] with(Object... sizes) {
      return GpuSelectKernels.joined(arguments, sizes);
    }
  }

  /** Queues a kernel of the table. */
  protected abstract void launch(Launch kernel);

  /**
   * Queues a kernel of {@code linear_sparse} over the rows of a packed weight.
   *
   * @param kernel its name
   * @param tokens for how many tokens the kernel is compiled; 0 if it takes none
   * @param w the weight, over whose rows and type the kernel goes
   * @param arguments the kernel's
   */
  protected abstract void launchPacked(
      String kernel, int tokens, DeviceSparse w, Object... arguments);
}
