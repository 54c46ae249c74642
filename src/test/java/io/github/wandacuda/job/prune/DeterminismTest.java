package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.Around;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The same run writes the same bytes, however the work is cut and shared out. */
@Timeout(300)
class DeterminismTest {
  @TempDir Path directory;

  private Path model;
  private Path statistics;
  private List<int[]> samples;

  @BeforeEach
  void write() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(3, 96, 160, 70);
    model = llama.write(directory.resolve("model"));
    statistics = llama.writeStatistics(directory.resolve("statistics"));
    samples = TestData.tokens(llama.writeSamples(directory.resolve("samples"), 3, 17));
  }

  /** Returns a backend that asks for tiles of another size. */
  private static Backend tiles(Backend backend, long bytes) {
    return Around.of(
        Backend.class,
        backend,
        new Object() {
          public long tileBytes() {
            return bytes;
          }

          /** For so few weights, too, by vectors. */
          public Selector selector(long weights) {
            return backend.selector();
          }
        });
  }

  private Path prune(String kind, String amount, int threads, long tileBytes) {
    Path output =
        directory.resolve("%s-%d-%d-%d".formatted(kind, amount.length(), threads, tileBytes));
    Calibration calibration =
        switch (kind) {
          case "statistics" -> Pruning.statistics(statistics);
          case "magnitude" -> new Calibration.None();
          default -> Pruning.samples(samples);
        };
    PruneRequest request =
        Pruning.request(
            output,
            kind.equals("magnitude") ? Method.MAGNITUDE : Method.WANDA,
            Pruning.sparsity(amount),
            calibration);
    try (Backend backend = Pruning.cpu(threads)) {
      Pruning.prune(model, request, tiles(backend, tileBytes));
    }
    return output;
  }

  @ParameterizedTest
  @CsvSource({
    "statistics, 0.5",
    "statistics, 2:4",
    "magnitude, 0.5",
    "magnitude, 4:8",
    "samples, 0.5"
  })
  @FirstCases(1)
  void anyNumberOfThreadsAndAnyTiles(String kind, String amount) {
    Path expected = prune(kind, amount, 1, 1 << 20);
    for (int threads : new int[] {2, 3, 7}) {
      Directories.assertSame(expected, prune(kind, amount, threads, 1 << 20));
    }
    for (long tileBytes : new long[] {1, 1000, 12_345}) {
      Directories.assertSame(expected, prune(kind, amount, 2, tileBytes));
    }
  }

  /** Whoever stops a run may go on with other threads. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void theNumberOfThreadsIsNoPartOfTheRun(int threads) {
    Path expected = prune("samples", "0.5", 2, 1 << 20);
    PruneRequest request =
        Pruning.request(expected, Method.WANDA, Pruning.HALF, Pruning.samples(samples), true, true);
    Pruning.prune(model, request, threads);
    Directories.assertSame(prune("samples", "0.5", threads, 1 << 20), expected);
  }
}
