package io.github.wandacuda.bench.cases;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.bench.common.MixtureFiles;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;
import java.util.List;

/** Calibrates a generated mixture, as a process or in this one. */
public final class CalibrateCase implements AutoCloseable {
  private final Path directory;
  private final Program program;
  private final List<int[]> samples;
  private final Backend backend =
      Backends.open("cpu", 0, Runtime.getRuntime().availableProcessors()).backend();
  private final double flops;

  /**
   * Writes the model and samples.
   *
   * @param directory where all of it goes
   * @param jar the program
   * @param mixture what {@link MixtureFiles} takes, with weights in BF16
   * @param sizes samples x tokens of each
   */
  public CalibrateCase(Path directory, Path jar, String mixture, String sizes) {
    this.directory = directory;
    program = new Program(directory, jar);
    int[] counts = Matrices.sizes(sizes);
    MixtureFiles files = new MixtureFiles(mixture);
    files.write(directory.resolve("model"));
    MixtureFiles.writeSamples(directory.resolve("samples.json"), counts[0], counts[1]);
    samples = BlockCase.tokens(counts[0], counts[1]);
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

  /** Measures them in this process: opens the model, and takes the samples through its blocks. */
  public void calibrateHere() {
    try (ModelDirectory model = ModelDirectory.open(directory.resolve("model"));
        Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
      Statistics unused = DenseCalibration.run(decoder, samples, List.of(), Progress.NONE);
    }
  }

  /** Returns the floating-point operations of the linear layers of a run. */
  public double flops() {
    return flops;
  }

  /** Returns what a run writes, which mustn't be there before one. */
  public Path statistics() {
    return directory.resolve("statistics.safetensors");
  }

  @Override
  public void close() {
    backend.close();
  }
}
