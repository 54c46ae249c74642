package engine.onnx;

import static engine.testing.Agreement.HALF;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import engine.testing.Agreement;
import io.github.wandacuda.Criterion;
import io.github.wandacuda.library.ColumnNorms;
import io.github.wandacuda.library.Pruner;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Initializers that stay the program's own memory, pruned before a session and under one. */
class OnnxTest {
  private static final int TOKENS = 16;
  private static final int IN = 64;
  private static final int HIDDEN = 128;
  private static final int OUT = 32;

  private static final long UP_BYTES = 4L * IN * HIDDEN;
  private static final long DOWN_BYTES = 4L * HIDDEN * OUT;

  private final Random random = new Random(7);
  private final float[] input = numbers(TOKENS * IN);
  private final float[] up = numbers(IN * HIDDEN);
  private final float[] down = numbers(HIDDEN * OUT);

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void prunedBeforeTheSessionIsMade(boolean packed) throws OrtException, IOException {
    Path model = model(folder);
    byte[] file = Files.readAllBytes(folder.resolve("weights"));
    try (Arena arena = Arena.ofShared()) {
      MemorySegment weights = map(folder.resolve("weights"), arena);
      float[] dense = run(model, weights, packed);
      prune(weights);
      float[] pruned = run(model, weights, packed);
      Agreement same = Agreement.of(pruned, ofFile(weights, packed));
      System.out.printf(
          "ONNX Runtime, %s: outputs equal to those of a file of the pruned weights: %s; of the"
              + " dense ones: %s%n",
          packed ? "weights packed" : "not packed", same, Agreement.of(pruned, dense));
      assertTrue(same.isComplete(), same.toString());
      assertTrue(Agreement.of(pruned, dense).fraction() < 0.05);
      assertArrayEquals(file, Files.readAllBytes(folder.resolve("weights")));
    }
  }

  @Test
  void prunedUnderASessionThatDoesNotPack() throws OrtException, IOException {
    Path model = model(folder);
    try (Arena arena = Arena.ofShared();
        PrunedInitializers initializers = new PrunedInitializers()) {
      MemorySegment weights = map(folder.resolve("weights"), arena);
      add(initializers, weights);
      try (OrtSession session = initializers.open(model, false)) {
        float[] dense = run(session);
        prune(weights);
        float[] pruned = run(session);
        Agreement same = Agreement.of(pruned, ofFile(weights, false));
        System.out.printf(
            "ONNX Runtime, pruned under a session: outputs equal to a fresh session's: %s; to"
                + " before: %s%n",
            same, Agreement.of(pruned, dense));
        assertTrue(same.isComplete(), same.toString());
        assertTrue(Agreement.of(pruned, dense).fraction() < 0.05);
      }
    }
  }

  private Path model(Path to) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate((int) (UP_BYTES + DOWN_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(up).put(down);
    Path weights = Files.write(to.resolve("weights"), bytes.array());
    Path model = to.resolve("model.onnx");
    OnnxModel.write(model, weights, TOKENS, IN, HIDDEN, OUT);
    return model;
  }

  /** Private, so the file stays as it is. */
  private static MemorySegment map(Path file, Arena arena) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return channel.map(FileChannel.MapMode.PRIVATE, 0, channel.size(), arena);
    }
  }

  private static void add(PrunedInitializers initializers, MemorySegment weights)
      throws OrtException {
    initializers.add("up", weights.asSlice(0, UP_BYTES), IN, HIDDEN);
    initializers.add("down", weights.asSlice(UP_BYTES, DOWN_BYTES), HIDDEN, OUT);
  }

  /** Norms of the first MatMul's input are known, those of the second's are its output's. */
  private void prune(MemorySegment weights) {
    MemorySegment first = weights.asSlice(0, UP_BYTES);
    MemorySegment second = weights.asSlice(UP_BYTES, DOWN_BYTES);
    try (Pruner pruner = Pruner.open();
        ColumnNorms ofInput = pruner.columnNorms(IN);
        ColumnNorms ofHidden = pruner.columnNorms(HIDDEN)) {
      Criterion criterion = ofInput.add(input, 0, TOKENS).toCriterion(1);
      Criterion next = ofHidden.add(hidden(), 0, TOKENS).toCriterion(1);
      long pruned =
          PrunedInitializers.prune(pruner, first, IN, HIDDEN, criterion, HALF).pruned()
              + PrunedInitializers.prune(pruner, second, HIDDEN, OUT, next, HALF).pruned();
      assertEquals((IN * HIDDEN + HIDDEN * OUT) / 2, pruned);
    }
  }

  private float[] hidden() {
    float[] hidden = new float[TOKENS * HIDDEN];
    for (int i = 0; i < hidden.length; i++) {
      for (int c = 0; c < IN; c++) {
        hidden[i] += input[i / HIDDEN * IN + c] * up[c * HIDDEN + i % HIDDEN];
      }
      hidden[i] = Math.max(0, hidden[i]);
    }
    return hidden;
  }

  private float[] run(Path model, MemorySegment weights, boolean packed) throws OrtException {
    try (PrunedInitializers initializers = new PrunedInitializers()) {
      add(initializers, weights);
      try (OrtSession session = initializers.open(model, packed)) {
        return run(session);
      }
    }
  }

  /** Runs a session that reads the weights from a file by itself. */
  private float[] ofFile(MemorySegment weights, boolean packed) throws OrtException, IOException {
    Path other = Files.createDirectories(folder.resolve("pruned"));
    Path model = model(other);
    Files.write(other.resolve("weights"), weights.toArray(ValueLayout.JAVA_BYTE));
    try (PrunedInitializers none = new PrunedInitializers();
        OrtSession session = none.open(model, packed)) {
      return run(session);
    }
  }

  private float[] run(OrtSession session) throws OrtException {
    long[] shape = {TOKENS, IN};
    try (OnnxTensor x =
            OnnxTensor.createTensor(
                OrtEnvironment.getEnvironment(), FloatBuffer.wrap(input), shape);
        OrtSession.Result result = session.run(Map.of("x", x))) {
      float[] y = new float[TOKENS * OUT];
      ((OnnxTensor) result.get(0)).getFloatBuffer().get(y);
      return y;
    }
  }

  private float[] numbers(int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }
}
