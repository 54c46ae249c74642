package io.github.wandacuda.parity;

import static io.github.wandacuda.parity.BothOperations.tensor;
import static io.github.wandacuda.parity.BothOperations.values;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Attention with windows, bounded scores and biases, on any backend, against the scalar one. */
@TestInstance(Lifecycle.PER_CLASS)
abstract class AttentionParity {
  private Backend backend;
  private BothOperations both;

  abstract Backend device();

  @BeforeAll
  void open() {
    backend = device();
    both = new BothOperations(backend.operations());
  }

  @AfterAll
  void close() {
    if (backend != null) {
      both.close();
      backend.close();
    }
  }

  /** Inputs, and what they come to on one backend or the other. */
  private record Inputs(AttentionShape shape, float[] q, float[] k, float[] v, float[] bias) {
    int tokens() {
      return q.length / (shape.heads() * shape.headSize());
    }

    float[] attended(Operations operations) {
      int features = shape.heads() * shape.headSize();
      int shared = shape.keyValueHeads() * shape.headSize();
      try (Tensor queries = tensor(operations, tokens(), features, q);
          Tensor keys = tensor(operations, tokens(), shared, k);
          Tensor values = tensor(operations, tokens(), shared, v);
          Tensor keyBias = tensor(operations, shape.heads(), shape.sequenceLength(), bias);
          Tensor out = operations.tensor(tokens(), features)) {
        operations.attention(queries, keys, values, shape, bias[0] == 0 ? null : keyBias, out);
        return values(operations, out);
      }
    }
  }

  /**
   * @param slope of the last head's bias; 0 for none
   */
  private Inputs inputs(AttentionShape shape, int sequences, float slope) {
    int tokens = sequences * shape.sequenceLength();
    float[] bias = new float[shape.heads() * shape.sequenceLength()];
    for (int i = 0; i < bias.length; i++) {
      int head = i / shape.sequenceLength();
      bias[i] = slope * (1 + i % shape.sequenceLength()) * (head + 1) / shape.heads();
    }
    return new Inputs(
        shape,
        both.normal(tokens * shape.heads() * shape.headSize(), 1),
        both.normal(tokens * shape.keyValueHeads() * shape.headSize(), 1),
        both.normal(tokens * shape.keyValueHeads() * shape.headSize(), 1),
        bias);
  }

  private static AttentionShape shape(
      int length, int heads, int shared, int size, float cap, int w) {
    return new AttentionShape(
        length, 0, heads, shared, size, (float) (1 / Math.sqrt(size)), cap, w);
  }

  /** Columns: length, heads, key and value heads, features, window. */
  @ParameterizedTest
  @CsvSource({
    "1,1,1,8,1", "5,2,1,8,1", "33,2,2,16,2", "44,4,2,8,16", "70,2,1,24,15",
    "70,2,1,24,17", "65,1,1,80,64", "65,1,1,128,65", "130,2,1,64,40", "130,1,1,256,100",
    "300,1,1,16,257", "300,1,1,16,1000", "530,1,1,8,20"
  })
  void windowsAgree(int length, int heads, int shared, int size, int window) {
    Inputs inputs = inputs(shape(length, heads, shared, size, 0, window), 2, 0);
    both.close("window", 2e-6, inputs::attended);
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,8,50", "44,4,2,8,4", "70,2,2,64,0.5", "130,2,1,128,50", "33,1,1,256,3"})
  void boundedScoresAgree(int length, int heads, int shared, int size, float cap) {
    Inputs inputs = inputs(shape(length, heads, shared, size, cap, 0), 2, 0);
    both.close("softcap", 2e-6, inputs::attended);
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,8,1", "44,4,4,8,0.25", "70,3,3,64,0.5", "130,2,2,128,0.01", "130,2,1,80,-1"})
  void biasesAgree(int length, int heads, int shared, int size, float slope) {
    Inputs inputs = inputs(shape(length, heads, shared, size, 0, 0), 2, slope);
    both.close("bias", 2e-6, inputs::attended);
  }

  @ParameterizedTest
  @CsvSource({"44,4,2,8,5,16", "130,2,1,64,2,33", "200,1,1,128,50,64"})
  void allAtOnceAgree(int length, int heads, int shared, int size, float cap, int window) {
    Inputs inputs = inputs(shape(length, heads, shared, size, cap, window), 2, 0.1f);
    both.close("all", 2e-6, inputs::attended);
  }

  /** A key that the window hides is left out, rather than multiplied by 0. */
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 16, 40})
  void hiddenKeysReachNoToken(int window) {
    int length = 100;
    int broken = 30;
    AttentionShape shape = shape(length, 1, 1, 16, 0, window);
    Inputs inputs = inputs(shape, 1, 0);
    for (int d = 0; d < 16; d++) {
      inputs.k()[broken * 16 + d] = Float.NaN;
      inputs.v()[broken * 16 + d] = Float.POSITIVE_INFINITY;
    }
    float[] found = inputs.attended(both.own());
    float[] expected = inputs.attended(both.scalar());
    for (int i = 0; i < length; i++) {
      boolean seen = i >= broken && i < broken + window;
      for (int d = 0; d < 16; d++) {
        assertThat(Float.isFinite(found[i * 16 + d])).as("token %d", i).isEqualTo(!seen);
        assertThat(Float.isFinite(expected[i * 16 + d])).as("token %d", i).isEqualTo(!seen);
      }
    }
  }
}
