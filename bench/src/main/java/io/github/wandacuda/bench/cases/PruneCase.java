package io.github.wandacuda.bench.cases;

import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.ModelFiles;
import io.github.wandacuda.bench.common.ModelShape;
import io.github.wandacuda.bench.common.ProgramRun;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Prunes a generated checkpoint as a process. */
public final class PruneCase {
  private static final int LEAST_SHARDS = 2;
  private static final int SHARD_GIBIBYTES = 4;
  private static final double GIBI = 1 << 30;
  private static final String MODEL = "model";
  private static final String NORMS = "norms.safetensors";
  private static final String SAMPLES = "samples.json";

  private final Path directory;
  private final ModelShape shape;
  private final Program program;
  private final List<String> source;
  private JsonNode report;

  private PruneCase(Path directory, Program program, ModelShape shape, List<String> source) {
    this.directory = directory;
    this.shape = shape;
    this.source = source;
    this.program = program;
  }

  /**
   * Writes a checkpoint in shards of 4 GiB or so, two at least, and norms for it.
   *
   * @param directory where all of it goes
   * @param jar the program
   * @param gibibytes of BF16, about
   */
  public static PruneCase fromStatistics(Path directory, Path jar, double gibibytes) {
    return fromStatistics(directory, jar, ModelShape.ofBytes((long) (gibibytes * GIBI)));
  }

  /** Does what the other does, for a model of a given shape. */
  public static PruneCase fromStatistics(Path directory, Path jar, ModelShape shape) {
    ModelFiles files = new ModelFiles(shape);
    files.writeModel(directory.resolve(MODEL), shardBytes(shape, LEAST_SHARDS));
    files.writeStatistics(directory.resolve(NORMS));
    List<String> source = List.of("--statistics", directory.resolve(NORMS).toString());
    return new PruneCase(directory, new Program(directory, jar), shape, source);
  }

  /**
   * Writes a checkpoint and samples for it.
   *
   * @param directory where all of it goes
   * @param jar the program
   * @param model layers x hidden x intermediate x heads x vocabulary
   * @param samples samples x tokens of each
   * @param method as {@code --method} takes it
   */
  public static PruneCase fromSamples(
      Path directory, Path jar, String model, String samples, String method) {
    int[] counts = Matrices.sizes(samples);
    ModelShape shape = shape(model);
    ModelFiles files = new ModelFiles(shape);
    files.writeModel(directory.resolve(MODEL), shardBytes(shape, 1));
    files.writeSamples(directory.resolve(SAMPLES), counts[0], counts[1]);
    List<String> source =
        List.of("--calibration", directory.resolve(SAMPLES).toString(), "--method", method);
    return new PruneCase(directory, new Program(directory, jar), shape, source);
  }

  /** Returns the same over samples by another method, as options say it. */
  public PruneCase by(String... method) {
    List<String> other = new ArrayList<>(List.of("--calibration", samples().toString()));
    other.addAll(List.of(method));
    return new PruneCase(directory, program, shape, other);
  }

  /** Returns the shape that {@code layers x hidden x intermediate x heads x vocabulary} says. */
  public static ModelShape shape(String model) {
    int[] sizes = Matrices.sizes(model);
    return new ModelShape(sizes[0], sizes[1], sizes[2], sizes[3], sizes[3], sizes[4]);
  }

  private static long shardBytes(ModelShape shape, int least) {
    long shards = Math.max(least, Math.round(shape.bytes() / GIBI / SHARD_GIBIBYTES));
    return shape.bytes() / shards + shape.largestTensorBytes();
  }

  /** Prunes without the check, and returns the seconds of the whole process. */
  public double prune() {
    return prune(List.of("--no-verify"));
  }

  /** Does what {@link #prune()} does, until all is on the device. */
  public double pruneToDevice() {
    settle();
    return prune() + program.sync();
  }

  /** Does what {@link #pruneToDevice()} does, with the check. */
  public double pruneChecked() {
    settle();
    return prune(List.of()) + program.sync();
  }

  private double prune(List<String> options) {
    List<String> arguments = new ArrayList<>(List.of("prune", "--model", model().toString()));
    arguments.addAll(source);
    arguments.addAll(List.of("--backend", "cpu", "--json", "--quiet"));
    arguments.addAll(options);
    arguments.addAll(List.of("--output", output().toString()));
    ProgramRun.Ended ended = program.run(arguments);
    report = ended.json();
    return ended.seconds();
  }

  /** Copies the checkpoint with {@code cp -r} and returns the seconds of the whole process. */
  public double copy() {
    return program.other(List.of("cp", "-r", model().toString(), copied().toString())).seconds();
  }

  /** Does what {@link #copy()} does, until all is on the device. */
  public double copyToDevice() {
    settle();
    return copy() + program.sync();
  }

  /** Writes what others have left, outside of any time. */
  private void settle() {
    double unused = program.sync();
  }

  /** Starts and ends a Java that does nothing, and returns the seconds of the whole process. */
  public double startJava() {
    return program.startJava().seconds();
  }

  /**
   * Prunes once, has the program verify the output, and removes it.
   *
   * @throws IllegalStateException if it doesn't hold
   */
  public void check() {
    prune();
    program.run(List.of("verify", "--dense", model().toString(), "--pruned", output().toString()));
    Directories.delete(output());
  }

  /** Returns what the latest run printed. */
  public JsonNode report() {
    return report;
  }

  /** Returns the bytes of the checkpoint's tensors. */
  public long bytes() {
    return shape.bytes();
  }

  /** Returns the number of weights that can be pruned. */
  public long weights() {
    return shape.linearElements();
  }

  /** Returns where the checkpoint is. */
  public Path model() {
    return directory.resolve(MODEL);
  }

  /** Returns where the samples are. */
  public Path samples() {
    return directory.resolve(SAMPLES);
  }

  /** Returns where runs write to, which mustn't be there before one. */
  public Path output() {
    return directory.resolve("output");
  }

  /** Returns where copies go, which mustn't be there before one. */
  public Path copied() {
    return directory.resolve("copied");
  }
}
