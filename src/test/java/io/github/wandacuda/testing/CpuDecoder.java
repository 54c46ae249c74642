package io.github.wandacuda.testing;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.DenseCalibration.MomentsCalibration;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** A model's decoder on the CPU, and what is calibrated with it. */
public record CpuDecoder(ModelDirectory model, Backend backend, Decoder decoder)
    implements AutoCloseable {
  /** Opens a model. */
  public static CpuDecoder open(Path path, int threads) {
    ModelDirectory model = ModelDirectory.open(path);
    Backend backend = Pruning.cpu(threads);
    return new CpuDecoder(model, backend, DecoderFamilies.open(model, backend.operations()));
  }

  /** Opens a decoder family's fixture. */
  public static CpuDecoder fixture(String family, int threads) {
    return open(TestData.fixture(family).resolve("model"), threads);
  }

  public Operations operations() {
    return backend.operations();
  }

  /** Embeds samples. */
  public BlockwiseRun run(List<int[]> samples) {
    return new BlockwiseRun(decoder, samples);
  }

  /** Returns the norms of the dense model. */
  public Statistics statistics(List<int[]> samples) {
    return DenseCalibration.run(decoder, samples, List.of(), Progress.NONE);
  }

  /** Returns what writes the second moments of the dense model. */
  public MomentsCalibration moments(List<int[]> samples) {
    Map<String, Integer> features =
        model.modules().stream()
            .collect(Collectors.toMap(LinearModule::name, LinearModule::columns));
    return new MomentsCalibration(
        decoder, samples, false, features::get, Progress.NONE, new TreeMap<>());
  }

  public double perplexity(List<int[]> windows) {
    return Perplexity.of(decoder, windows, Progress.NONE);
  }

  @Override
  public void close() {
    decoder.close();
    backend.close();
    model.close();
  }
}
