package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.Pruner;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each example, started as a user starts it. */
class ExamplesTest {
  private static final Path MODEL = Path.of("testdata", "models", "tiny-llama");
  private static final Path GOLDEN = Path.of("testdata", "golden", "tiny-llama");
  private static final Path STATISTICS = GOLDEN.resolve("wanda-50.statistics.safetensors");

  @Test
  void fiveLines() throws IOException, InterruptedException {
    String printed = Devices.run("auto", FiveLines.class);
    assertTrue(printed.contains("524288 of 1048576 pruned"), printed);
  }

  @Test
  void pruneDirectory(@TempDir Path directory) throws IOException, InterruptedException {
    Path pruned = directory.resolve("pruned");
    String printed = Devices.run("cpu", PruneDirectory.class, MODEL, STATISTICS, pruned);
    assertTrue(printed.contains("552960 of 1105920 pruned"), printed);
    assertTrue(Files.exists(pruned.resolve("wanda-cuda.json")), printed);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl", "cuda"})
  void pruneWhileLoading(String backend) throws IOException, InterruptedException {
    String printed = Devices.run(backend, PruneWhileLoading.class, MODEL, STATISTICS, backend);
    assertTrue(printed.contains("57 tensors loaded on " + backend), printed);
    Path masks = GOLDEN.resolve("wanda-50.masks.safetensors");
    report(
        "prune while loading",
        backend,
        Devices.run(backend, LoadedWeights.class, MODEL, STATISTICS, masks, backend),
        1631872);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl", "cuda"})
  void normsOfYourForwardPass(String backend) throws IOException, InterruptedException {
    String printed = Devices.run(backend, NormsOfYourForwardPass.class, backend);
    assertTrue(printed.contains("pruned=3072"), printed);
    report(
        "norms of your forward pass",
        backend,
        Devices.run(backend, ForwardPassWeights.class, backend),
        6144);
  }

  private static void report(String example, String backend, String printed, int weights) {
    System.out.printf("%s, %s: %s%n", example, backend, lastLine(printed));
    assertEquals("weights equal %d of %d".formatted(weights, weights), lastLine(printed));
  }

  private static String lastLine(String printed) {
    return printed.lines().toList().getLast();
  }

  @ParameterizedTest
  @CsvSource({"cuda,example.PruneOnYourCudaMemory", "opencl,example.PruneOnYourOpenClMemory"})
  void pruneOnYourGpu(String backend, Class<?> example) throws IOException, InterruptedException {
    String printed = Devices.run(backend, example);
    assertTrue(printed.contains("pruned=8192"), printed);
    float[] weights = new float[64 * 256];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (i * 7919 % 2003 - 1001) / 1000f;
    }
    float[] norms = new float[256];
    for (int i = 0; i < norms.length; i++) {
      norms[i] = 1 + i % 7;
    }
    try (Pruner pruner = Pruner.builder().backend("cpu").open()) {
      pruner.prune(
          WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 64, 256),
          Criterion.wanda(norms),
          new Sparsity.Ratio(0.5));
    }
    String expected = "weights " + Integer.toHexString(Arrays.hashCode(weights));
    System.out.printf(
        "prune on your GPU, %s: %s, on the CPU %s%n", backend, lastLine(printed), expected);
    assertEquals(expected, lastLine(printed));
  }
}
