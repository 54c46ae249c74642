package engine.python;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import engine.testing.Agreement;
import engine.testing.Program;
import engine.testing.TinyLlama;
import io.github.wandacuda.library.Pruner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Statistics that {@code src/python/wanda_statistics.py} wrote, and what PyTorch prunes by them.
 */
class PyTorchTest {
  private static final Path SCRIPT =
      Path.of("src", "embedding", "engines", "src", "test", "python", "tiny_llama.py");

  private static String interpreter;

  @BeforeAll
  static void torchIsThere() {
    interpreter =
        Stream.of("python3", "/usr/bin/python3")
            .filter(PyTorchTest::hasTorch)
            .findFirst()
            .orElse("");
    assumeTrue(!interpreter.isEmpty(), "no python3 has PyTorch: apt-get install python3-torch");
  }

  private static boolean hasTorch(String python) {
    try {
      Program.run(List.of(python, "-c", "import torch, numpy"));
      return true;
    } catch (IllegalStateException | UncheckedIOException e) {
      return false;
    }
  }

  @Test
  void itsStatisticsGiveTheMasksOfCalibrate() throws IOException {
    Path statistics = TinyLlama.WORK.resolve("torch.statistics.safetensors");
    python("statistics", TinyLlama.MODEL, TinyLlama.tokens(), statistics);
    Path pruned = TinyLlama.WORK.resolve("torch-pruned");
    String digest = TinyLlama.maskDigest(TinyLlama.prune(statistics, pruned));
    Agreement masks;
    try (Pruner pruner = Pruner.open()) {
      masks =
          Agreement.ofMasks(
              pruner,
              TinyLlama.matrices(TinyLlama.MODEL),
              TinyLlama.criteria(statistics),
              TinyLlama.criteria(TinyLlama.statistics()));
    }
    System.out.printf(
        "PyTorch: mask bits equal to calibrate's: %s; digest %s, calibrate's %s%n",
        masks, digest, TinyLlama.maskDigest());
    assertTrue(masks.fraction() > 0.9999, masks.toString());
    assertEquals(masks.isComplete(), digest.equals(TinyLlama.maskDigest()));
  }

  @Test
  void prunedByTheSameStatisticsTheWeightsAreEqual() {
    String weights =
        python("compare", TinyLlama.MODEL, TinyLlama.statistics(), TinyLlama.pruned()).strip();
    System.out.println("PyTorch: weights equal to what it prunes itself: " + weights);
    assertEquals("1631872 of 1631872", weights);
  }

  private static String python(Object... arguments) {
    return Program.run(
        Stream.concat(Stream.of(interpreter, "-B", SCRIPT), Stream.of(arguments)).toList());
  }
}
