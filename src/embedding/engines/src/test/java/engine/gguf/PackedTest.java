package engine.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import engine.testing.Agreement;
import engine.testing.TinyLlama;
import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine runs a packed model where its shards are mapped. */
class PackedTest {
  private static final int GENERATED = 64;
  private static final int MATRICES = 42;

  /** Sums are in another order than the engine's own; logits go up to 20. */
  private static final double MOST_DIFFERENCE = 1e-3;

  private record Run(int[] tokens, float[] logits) {}

  @TempDir Path folder;

  @Test
  void itGeneratesWhatTheDenseWeightsDo() throws IOException {
    Path dense = folder.resolve("dense.gguf");
    GgufWriter.write(TinyLlama.pruned(), DType.BF16, dense);
    try (Arena arena = Arena.ofShared()) {
      GgufFile file = map(dense, arena);
      Run expected = run(file, Map.of());
      Map<String, PackedTensor> inMemory =
          file.tensors().entrySet().stream()
              .filter(tensor -> GgufModules.module(tensor.getKey()).isPresent())
              .collect(Collectors.toMap(Map.Entry::getKey, tensor -> packed(tensor.getValue())));
      Map<String, PackedTensor> mapped =
          PackedTensor.of(file, TinyLlama.shards(TinyLlama.packed()));
      assertEquals(MATRICES, mapped.size());
      // Whoever read a dense matrix now would compute NaN.
      mapped.keySet().forEach(name -> file.tensors().get(name).data().fill((byte) 0xff));
      Run found = run(file, mapped);
      Agreement tokens = Agreement.of(found.tokens(), expected.tokens());
      double difference = difference(found.logits(), expected.logits());
      System.out.printf(
          "GGUF, packed: tokens equal to those of dense weights: %s; logits within %.1e%n",
          tokens, difference);
      assertTrue(tokens.isComplete(), tokens.toString());
      assertTrue(difference < MOST_DIFFERENCE, "logits differ by " + difference);
      Agreement logits = Agreement.of(run(file, inMemory).logits(), found.logits());
      System.out.printf("GGUF, packed in memory: logits equal to the mapped shards': %s%n", logits);
      assertTrue(logits.isComplete(), logits.toString());
    }
  }

  private static PackedTensor packed(GgufFile.Tensor tensor) {
    return new PackedTensor(SparseMatrix.pack(GgufModules.matrix(tensor)), 0);
  }

  private static GgufFile map(Path file, Arena arena) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return new GgufFile(channel.map(FileChannel.MapMode.PRIVATE, 0, channel.size(), arena));
    }
  }

  /** Takes the likeliest token each time. */
  private static Run run(GgufFile file, Map<String, PackedTensor> packed) throws IOException {
    int[] prompt = Arrays.copyOf(TinyLlama.samples()[0], 16);
    GgufLlama model = new GgufLlama(file, packed, (tensor, input) -> {});
    int[] tokens = Arrays.copyOf(prompt, prompt.length + GENERATED);
    float[] all = new float[0];
    for (int position = 0; position + 1 < tokens.length; position++) {
      float[] logits = model.forward(tokens[position], position);
      all = Arrays.copyOf(all, all.length + logits.length);
      System.arraycopy(logits, 0, all, all.length - logits.length, logits.length);
      if (position + 1 >= prompt.length) {
        tokens[position + 1] = highest(logits);
      }
    }
    return new Run(Arrays.copyOfRange(tokens, prompt.length, tokens.length), all);
  }

  private static double difference(float[] first, float[] second) {
    double largest = 0;
    for (int i = 0; i < first.length; i++) {
      // Math.max keeps a NaN.
      largest = Math.max(largest, Math.abs(first[i] - second[i]));
    }
    return largest;
  }

  private static int highest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
