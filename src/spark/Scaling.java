import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * How long runs take on N executors, by arithmetic alone: java src/spark/Scaling.java [NAME=VALUE]...
 *
 * <ul>
 *   <li>disk: GB/s from an executor's own disk, network: GB/s of an executor's card;
 *   <li>shared: GB/s of the shared file system in all;
 *   <li>select: GB/s of weights through an executor's selection;
 *   <li>flops: useful TFLOP/s of an executor in a calibrated run; samples, tokens: how much text;
 *   <li>job: seconds that a job of the cluster costs, start: seconds until executors are there.
 * </ul>
 */
final class Scaling {
  private static final double GIGA = 1e9;
  private static final int BF16 = 2;

  private static final List<Shape> MODELS =
      List.of(
          new Shape("LLaMA 3 70B", 80, 8192, 28672, 1024, 128256),
          new Shape("LLaMA 3 405B", 126, 16384, 53248, 1024, 128256));

  private static final Map<String, Double> SETTINGS =
      new TreeMap<>(
          Map.of(
              "disk", 6.0, "network", 1.25, "shared", 10.0, "select", 4.0, "flops", 200.0,
              "samples", 128.0, "tokens", 2048.0, "job", 0.15, "start", 15.0));

  private Scaling() {}

  /** The sizes of a LLaMA. */
  private record Shape(String name, int blocks, long hidden, long inner, long kv, long vocabulary) {
    /** Linear weights of a block. */
    double weights() {
      return 2.0 * hidden * hidden + 2.0 * hidden * kv + 3.0 * hidden * inner;
    }

    double bytes() {
      return BF16 * (blocks * weights() + 2.0 * vocabulary * hidden);
    }

    /** Operations of a block, once to observe it (all but its last layer) and once to pass it. */
    double operations() {
      double tokens = set("samples") * set("tokens");
      double attention = 4.0 * hidden * set("tokens") / 2;
      return 2 * tokens * (2 * weights() - (double) hidden * inner) + 2 * tokens * attention;
    }

    /** Bytes of the sums of squares of a block's inputs, a double for each column and batch. */
    double sums() {
      return set("samples") * (3.0 * hidden + inner) * Double.BYTES;
    }
  }

  private static double set(String name) {
    return SETTINGS.get(name);
  }

  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT);
    for (String arg : args) {
      String[] parts = arg.split("=", 2);
      if (parts.length != 2 || !SETTINGS.containsKey(parts[0])) {
        throw new IllegalArgumentException("expected one of " + SETTINGS + ", found " + arg);
      }
      SETTINGS.put(parts[0], Double.valueOf(parts[1]));
    }
    System.out.println(SETTINGS);
    MODELS.forEach(Scaling::print);
  }

  private static void print(Shape model) {
    System.out.printf(
        "%n%s, %.0f GB: seconds%n%n", model.name(), model.bytes() / GIGA);
    System.out.println("| executors | statistics, own copies | statistics, shared | calibrated, own copies | calibrated, shared |");
    System.out.println("| ---: | ---: | ---: | ---: | ---: |");
    for (int count = 1; count <= 128; count *= 2) {
      double local = count * set("disk") * GIGA;
      double shared = Math.min(count * set("network"), set("shared")) * GIGA;
      System.out.printf(
          "| %d | %.0f | %.0f | %.0f | %.0f |%n",
          count,
          write(model, count, local, shared),
          write(model, count, shared, shared),
          calibrate(model, count, local) + write(model, count, local, shared),
          calibrate(model, count, shared) + write(model, count, shared, shared));
    }
  }

  /**
   * A run from statistics: the source is read to prune it and again to check it, the output is
   * written and read back; the run's own process reads the masks, a bit for each weight.
   */
  private static double write(Shape model, int count, double source, double output) {
    double bytes = model.bytes();
    double select = bytes / (count * set("select") * GIGA);
    double masks = bytes / BF16 / 8 / (Math.min(set("network"), set("shared")) * GIGA);
    return set("start") + Math.max(select, 2 * bytes / source + 2 * bytes / output) + masks;
  }

  /** Blocks one after the other; every executor reads every block, while it works on the last. */
  private static double calibrate(Shape model, int count, double together) {
    double compute = model.operations() / (count * set("flops") * 1e12);
    double read = BF16 * model.weights() / (together / count);
    double sums = set("job") + model.sums() / (set("network") * GIGA);
    return model.blocks() * (Math.max(compute, read) + sums);
  }
}
