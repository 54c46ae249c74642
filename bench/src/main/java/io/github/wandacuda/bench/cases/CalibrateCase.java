package io.github.wandacuda.bench.cases;

import io.github.wandacuda.bench.common.MixtureFiles;
import java.nio.file.Path;
import java.util.List;

/** Calibrates a generated mixture, as a process. */
public final class CalibrateCase {
  private final Path directory;
  private final Program program;
  private final double flops;

  /**
   * Writes the model and samples.
   *
   * @param directory where all of it goes
   * @param jar the program
   * @param mixture what {@link MixtureFiles} takes, with weights in BF16
   * @param samples samples x tokens of each
   */
  public CalibrateCase(Path directory, Path jar, String mixture, String samples) {
    this.directory = directory;
    program = new Program(directory, jar);
    int[] counts = Matrices.sizes(samples);
    MixtureFiles files = new MixtureFiles(mixture);
    files.write(directory.resolve("model"));
    MixtureFiles.writeSamples(directory.resolve("samples.json"), counts[0], counts[1]);
    flops = files.linearFlops(counts[0] * counts[1]);
  }

  /** Measures the norms of all modules' inputs, and returns the seconds of the whole process. */
  public double calibrate() {
    return program
        .run(
            List.of(
                "calibrate",
                "--model",
                directory.resolve("model").toString(),
                "--calibration",
                directory.resolve("samples.json").toString(),
                "--output",
                statistics().toString(),
                "--backend",
                "cpu",
                "--json",
                "--quiet"))
        .seconds();
  }

  /** Returns the floating-point operations of the linear layers of a run. */
  public double flops() {
    return flops;
  }

  /** Returns what a run writes, which mustn't be there before one. */
  public Path statistics() {
    return directory.resolve("statistics.safetensors");
  }
}
