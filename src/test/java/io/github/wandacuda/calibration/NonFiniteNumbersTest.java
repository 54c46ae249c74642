package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.wandacuda.calibration.InputNorms.BatchObserver;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers that aren't finite end a run, and the first of them is named by its place. */
class NonFiniteNumbersTest {
  private static final int HIDDEN = 32;
  private static final List<int[]> SAMPLES =
      List.of(new int[] {5, 6, 7, 8}, new int[] {9, 10, 11, 12}, new int[] {13, 14, 99, 15});

  @TempDir Path directory;
  private Path model;

  @BeforeEach
  void copyModel() {
    model = TestData.copy(TestData.fixture("llama-gqa").resolve("model"), directory.resolve("m"));
  }

  private void set(String tensor, long element, float value) throws IOException {
    Path file;
    long at;
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      Checkpoint.Entry entry = checkpoint.find(tensor).orElseThrow();
      file = entry.shard().path();
      at = entry.shard().dataOffset() + entry.info().begin() + 4 * element;
    }
    int bits = Integer.reverseBytes(Float.floatToRawIntBits(value));
    Damage.put(file, at, ByteBuffer.allocate(4).putInt(bits).array());
  }

  private String failure(Consumer<CpuDecoder> work) {
    InputException failure =
        catchThrowableOfType(
            InputException.class,
            () -> {
              try (CpuDecoder cpu = CpuDecoder.open(model, 2)) {
                work.accept(cpu);
              }
            });
    assertThat(failure).isNotNull();
    return failure.getMessage();
  }

  private String calibrate() {
    return failure(cpu -> cpu.statistics(SAMPLES));
  }

  private String perplexity() {
    return failure(cpu -> cpu.perplexity(SAMPLES));
  }

  private String prune(Method method, String amount, Calibration calibration) {
    Path output = directory.resolve("out");
    InputException failure =
        catchThrowableOfType(
            InputException.class,
            () -> Pruning.prune(model, output, method, Pruning.sparsity(amount), calibration));
    assertThat(output).doesNotExist();
    return failure.getMessage();
  }

  private String prune() {
    return prune(Method.WANDA, "0.5", Pruning.samples(SAMPLES));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void anEmbeddingIsFoundByItsSampleAndToken(float value) throws IOException {
    set("model.embed_tokens.weight", 99L * HIDDEN + 3, value);
    // A norm of the row takes its infinity to one column, and its NaN to all.
    String where =
        "module model.layers.0.self_attn.q_proj: expected finite activations, found NaN at row 2,"
            + " column %d of sample 2".formatted(Float.isNaN(value) ? 0 : 3);
    assertThat(calibrate()).isEqualTo(where);
    assertThat(prune()).isEqualTo(where);
    assertThat(perplexity()).contains("the embedding: ", value + " at row 2, column 3 of window 2");
  }

  @Test
  void aNormThatOverflowsIsFoundInItsBlock() throws IOException {
    set("model.layers.1.post_attention_layernorm.weight", 7, Float.MAX_VALUE);
    String where = "module model.layers.1.mlp.";
    assertThat(calibrate()).contains(where, "column ");
    assertThat(prune()).contains(where, "column ");
    assertThat(perplexity()).contains(where, " of window 0");
  }

  @Test
  void activationsWhoseSquaresOverflowHaveNoNorm() {
    assertThat(
            failure(
                cpu -> {
                  try (BatchObserver squares = new BatchObserver(cpu.operations());
                      Tensor input = cpu.operations().tensor(2, 9)) {
                    float[] values = new float[18];
                    values[16] = 1e25f;
                    cpu.operations().upload(MemorySegment.ofArray(values), input);
                    squares.input(List.of("any"), input);
                    squares.take().requireFinite();
                  }
                }))
        .startsWith("module any: expected a finite norm of input column 7, found Infinity");
  }

  @Test
  void aHeadThatIsNotANumberGivesNoPerplexity() throws IOException {
    set("lm_head.weight", 5, Float.NaN);
    assertThat(perplexity())
        .isEqualTo("the logits: expected a finite loss, found NaN for window 0");
  }

  @ParameterizedTest
  @CsvSource({"NaN, NaN", "Infinity, Infinity"})
  void aWeightIsNamedByItsRowAndColumn(String value, String said) throws IOException {
    set("model.layers.1.mlp.up_proj.weight", 3L * HIDDEN + 4, Float.parseFloat(value));
    assertThat(prune(Method.MAGNITUDE, "2:4", new Calibration.None()))
        .contains(
            "tensor model.layers.1.mlp.up_proj.weight: expected finite weights, found "
                + said
                + " at row 3, column 4");
  }
}
