package io.github.wandacuda.job;

import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.DecoderDescription;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The traffic and the time of a calibrated run on a GPU, by Wanda and with what may improve its
 * masks and weights, by arithmetic alone: how many bytes cross the bus is what the driver counts,
 * how many operations there are is what the formulas say, and a GPU's rates are given. Nothing of
 * it is measured.
 */
public record GpuRunPlan(List<Line> lines) {
  /** Bytes a second that a host copies, or reads from files that are in memory. */
  private static final double HOST = 10e9;

  /** Samples pass each block dense, and all but the last one pruned. */
  private static final int PASSES = 2;

  /** Weights are read to run samples, to prune and to verify, there beside what was written. */
  private static final int TIMES_IN_FILES = 5;

  /**
   * Looks at kept columns for each column of a row, and swaps: what rows of 128 to 2048 columns
   * took, 0.3 to 2.4 and 0.04 to 0.08.
   */
  private static final double LOOKS = 2;

  private static final double SWAPS = 0.07;

  /** What a look takes for each column: an element of G, the rest from a cache, and arithmetic. */
  private static final int LOOK_BYTES = 4;

  private static final int LOOK_OPERATIONS = 6;

  /** What a swap takes of memory for each column, and a step of reconstruction. */
  private static final int SWAP_BYTES = 64;

  private static final int STEP_BYTES = 36;
  private static final int STEPS = 10;

  /** What ALPS has: steps, what each takes of memory, inverses, and steps of fitting behind it. */
  private static final int ALPS_STEPS = 12;

  private static final int ALPS_BYTES = 60;
  private static final int INVERSES = 4;
  private static final int ALPS_FITTING = 4;

  /** Operations a second in float64 that a host's cores attain. */
  private static final double HOST_DOUBLES = 100e9;

  /** The share of a GPU's memory that hidden states may take. */
  private static final int STATES_SHARE = 2;

  /**
   * Something that takes time.
   *
   * @param formula how the amount comes about, in words
   * @param amount bytes, or operations
   * @param rate how many a second
   * @param seconds in which no other line is at work
   */
  public record Line(String what, String formula, double amount, double rate, double seconds) {
    Line(String what, String formula, double amount, double rate) {
      this(what, formula, amount, rate, amount / rate);
    }

    /** Returns the line of which other lines hide some seconds. */
    Line hidden(double some) {
      return new Line(what, formula, amount, rate, Math.max(0, seconds - some));
    }
  }

  /**
   * Plans a run.
   *
   * @param bytesPerWeight of numbers 2, which are taken for BF16, or 4, of codes less
   * @param precision of linear layers: how many 16-bit halves of each activation they multiply
   * @param swaps whether masks are improved by swaps
   * @param reconstruct whether kept weights are reconstructed
   * @param alps whether they and their mask are chosen by ALPS, and then reconstructed
   */
  public static GpuRunPlan of(
      DecoderDescription model,
      double bytesPerWeight,
      int samples,
      int length,
      Gpu gpu,
      Precision precision,
      boolean swaps,
      boolean reconstruct,
      boolean alps) {
    int halves = precision.passes();
    int blocks = model.shape().blocks();
    BlockDescription block = model.block().apply(0);
    RunTraffic.TokenWork work = RunTraffic.TokenWork.of(block, model.shape().hiddenSize(), halves);
    double weights = (double) blocks * work.weights();
    double bytes = weights * bytesPerWeight;
    double tokens = (double) samples * length;
    double states = tokens * model.shape().hiddenSize() * Float.BYTES;
    boolean fit = states * STATES_SHARE <= gpu.memoryBytes();
    RunTraffic traffic = RunTraffic.of(blocks, work, bytesPerWeight, fit ? 0 : states);
    int pruned = blocks - 1;
    double products = blocks * work.productsToLastInput() + pruned * work.products();
    double scores = 2.0 * (length + 1) * block.attention().queryWidth();
    double floats = blocks * (work.floats() + work.squares()) + pruned * work.floats();
    Line linear =
        new Line(
            "linear layers",
            (halves == 1 ? "2 x tokens" : "2 x %d halves x tokens".formatted(halves))
                + " x (weights before the last inputs + weights of all but the last block)",
            2 * halves * tokens * products,
            gpu.tensorRate());
    Line attention =
        new Line(
            "attention",
            "4 x tokens x (length + 1) / 2 x width of the queries x passes",
            tokens * scores * (PASSES * blocks - 1),
            gpu.floatRate());
    Line rest =
        new Line(
            "norms, rotations, gates, sums, squares and halves",
            "4 x tokens x floats that are read and written",
            Float.BYTES * tokens * floats,
            gpu.memoryRate());
    double batches = bytesPerWeight == Short.BYTES ? Math.ceil(tokens / model.batchTokens()) : 0;
    Line toF16 =
        new Line(
            "BF16 weights to F16",
            "4 x weights x batches of %,d tokens x passes".formatted(model.batchTokens()),
            2 * Short.BYTES * batches * (blocks + pruned) * work.weights(),
            gpu.memoryRate());
    double kernels = linear.seconds() + attention.seconds() + rest.seconds() + toF16.seconds();
    List<Line> lines =
        new ArrayList<>(
            List.of(
                new Line(
                    "files",
                    "5 x weights: read to run, to prune and to compare with what is written and read",
                    TIMES_IN_FILES * bytes,
                    HOST),
                new Line(
                        "weights up",
                        "once, all but the first block's while the block before runs",
                        traffic.weightsUp(),
                        HOST)
                    .hidden(Math.min(kernels, traffic.weightsUp() / HOST * (blocks - 1) / blocks)),
                new Line(
                    "masks, norms and reports down",
                    "a bit for each weight, 8 bytes a column, 12 a row",
                    traffic.resultsDown(),
                    gpu.busBytes()),
                new Line(
                        "hidden states over the bus",
                        fit
                            ? "none, they stay on the GPU"
                            : "3 x states x blocks, while kernels run",
                        traffic.statesUp() + traffic.statesDown(),
                        gpu.busBytes())
                    .hidden(kernels),
                linear,
                attention,
                rest,
                toF16,
                new Line("selection", "weights, read and written", 2 * bytes, gpu.memoryRate())));
    if (swaps || reconstruct || alps) {
      lines.addAll(fits(blocks, work, tokens, gpu, swaps, reconstruct, alps));
    }
    return new GpuRunPlan(lines);
  }

  /** Returns what swaps, reconstruction and ALPS take beside what they follow. */
  private static List<Line> fits(
      int blocks,
      RunTraffic.TokenWork work,
      double tokens,
      Gpu gpu,
      boolean swaps,
      boolean reconstruct,
      boolean alps) {
    double products = blocks * work.gramProducts();
    int steps = alps ? ALPS_FITTING : reconstruct ? STEPS : 0;
    // Of the output and of the error before; after swaps; of ALPS; before, of and after steps.
    int times = 2 + (swaps ? 1 : 0) + (alps ? ALPS_STEPS + 1 : 0) + (steps > 0 ? steps + 1 : 0);
    List<Line> lines = new ArrayList<>();
    lines.add(
        new Line(
            "second moments",
            "2 x tokens x products of two columns of an input",
            2 * blocks * tokens * work.moments(),
            gpu.floatRate()));
    lines.add(
        new Line(
            "products with second moments",
            "2 x %d x weights x columns".formatted(times),
            2.0 * times * products,
            gpu.floatRate()));
    if (swaps) {
      Line elements =
          new Line(
              "swaps",
              "4 bytes of second moments for each of 2 x columns looks, 64 for 0.07 x columns swaps",
              (LOOKS * LOOK_BYTES + SWAPS * SWAP_BYTES) * products,
              gpu.memoryRate());
      lines.add(elements);
      lines.add(
          new Line(
                  "arithmetic of swaps",
                  "6 x columns in float64 for each look",
                  LOOK_OPERATIONS * LOOKS * products,
                  gpu.doubleRate())
              .hidden(elements.seconds()));
    }
    double weights = blocks * work.weights();
    if (alps) {
      double cubes = INVERSES * blocks * work.cubes();
      String formula = "2 / 3 x columns^3 in float64 for each of 4";
      lines.add(
          new Line("triangles of inverses, on the host", formula, 2 * cubes / 3, HOST_DOUBLES));
      lines.add(new Line("inverses", "columns^3 for each of 4", cubes, gpu.floatRate()));
      double bytes = ALPS_STEPS * ALPS_BYTES * weights;
      lines.add(new Line("steps of ALPS", "12 x 60 bytes a weight", bytes, gpu.memoryRate()));
    }
    if (steps > 0) {
      String formula = "%d x 36 bytes a weight".formatted(steps);
      double bytes = steps * STEP_BYTES * weights;
      lines.add(new Line("steps of reconstruction", formula, bytes, gpu.memoryRate()));
    }
    return lines;
  }

  public double seconds() {
    return lines.stream().mapToDouble(Line::seconds).sum();
  }

  /**
   * A GPU by what its kernels and its bus are taken to attain, which is less than its data sheet
   * says.
   *
   * @param busBytes bytes a second each way between it and pinned host memory
   * @param memoryRate bytes a second that kernels read and write
   * @param tensorRate operations a second of the linear layers' kernels, on 16-bit operands
   * @param floatRate operations a second of kernels that compute in float32
   * @param doubleRate operations a second of those that compute in float64
   */
  public record Gpu(
      String name,
      long memoryBytes,
      double busBytes,
      double memoryRate,
      double tensorRate,
      double floatRate,
      double doubleRate) {
    private static final double GIGA = 1e9;
    private static final double TERA = 1e12;

    /**
     * Four fifths of the data sheet's bandwidths, 45 % of its float32 rate, and 65 % of what {@code
     * mma.sync} can do: all of it on the one, 62 % on the other.
     */
    private static final List<Gpu> KNOWN =
        List.of(
            of("h100", 80, 50, 2680, 398, 30).withDoubles(2), of("rtx4090", 24, 25, 806, 107, 37));

    /** Of float64, which GPUs for workstations have a 64th of. */
    private static final double FEW_DOUBLES = 64;

    /**
     * Makes a GPU of numbers.
     *
     * @param memory GB
     * @param bus GB/s
     * @param rate of its memory, GB/s
     * @param tensor TFLOP/s
     * @param floats TFLOP/s
     */
    public static Gpu of(
        String name, double memory, double bus, double rate, double tensor, double floats) {
      return new Gpu(
          name,
          (long) (memory * GIGA),
          bus * GIGA,
          rate * GIGA,
          tensor * TERA,
          floats * TERA,
          floats * TERA / FEW_DOUBLES);
    }

    private Gpu withDoubles(double share) {
      return new Gpu(
          name, memoryBytes, busBytes, memoryRate, tensorRate, floatRate, floatRate / share);
    }

    public static List<Gpu> known() {
      return KNOWN;
    }

    public static Optional<Gpu> named(String name) {
      return KNOWN.stream()
          .filter(gpu -> gpu.name.equals(name.toLowerCase(Locale.ROOT)))
          .findFirst();
    }
  }
}
