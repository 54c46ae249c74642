package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The second moments of a block's inputs beside their norms. */
class BlockStatisticsTest {
  private static List<int[]> samples(String fixture) {
    return TestData.tokens(TestData.fixture(fixture).resolve("tokens.json"));
  }

  private static Map<String, byte[]> triangles(int threads) {
    Map<String, byte[]> triangles = new HashMap<>();
    try (CpuDecoder cpu = CpuDecoder.fixture("llama-gqa", threads);
        BlockwiseRun run = cpu.run(samples("llama-gqa"));
        Arena memory = Arena.ofShared();
        Block block = cpu.decoder().block(0)) {
      run.observe(block, memory)
          .grams()
          .forEach(
              (module, gram) ->
                  triangles.put(module, gram.triangle().toArray(ValueLayout.JAVA_BYTE)));
    }
    return triangles;
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "mixtral"})
  void theDiagonalIsTheSquareOfTheNorms(String fixture) {
    try (CpuDecoder cpu = CpuDecoder.fixture(fixture, 2);
        BlockwiseRun run = cpu.run(samples(fixture))) {
      for (int index = 0; index < cpu.decoder().blocks(); index++) {
        try (Arena memory = Arena.ofShared();
            Block block = cpu.decoder().block(index)) {
          Map<String, float[]> norms = run.observe(block, null).norms();
          BlockStatistics observed = run.observe(block, memory);
          BlockStatistics advanced =
              run.observeAndAdvance(block, memory, new ExpertSums(List.of()));
          assertThat(observed.norms()).containsExactlyInAnyOrderEntriesOf(norms);
          assertThat(observed.grams()).containsOnlyKeys(block.inputFeatures().keySet());
          observed.grams().forEach((module, gram) -> same(gram, norms.get(module)));
          advanced.grams().forEach((module, gram) -> same(gram, norms.get(module)));
        }
      }
    }
  }

  private static void same(Gram gram, float[] norms) {
    assertThat(gram.columns()).isEqualTo(norms.length);
    for (int column = 0; column < norms.length; column++) {
      double square = (double) norms[column] * norms[column];
      assertThat((double) gram.get(column, column)).isCloseTo(square, within(square * 1e-5));
    }
  }

  private static float[] floats(MemorySegment segment) {
    return segment.toArray(ValueLayout.JAVA_FLOAT);
  }

  /** The samples in reverse stand for the dense model's. */
  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "granite", "mixtral"})
  void whatIsMissingIsSummedBesideTheInputs(String fixture) {
    List<int[]> samples = samples(fixture);
    try (CpuDecoder cpu = CpuDecoder.fixture(fixture, 2);
        BlockwiseRun own = cpu.run(samples);
        BlockwiseRun goal = cpu.run(samples.reversed());
        BlockwiseRun dense = cpu.run(samples.reversed());
        Arena memory = Arena.ofShared();
        Block block = cpu.decoder().block(0)) {
      float[] is = floats(own.states());
      float[] should = floats(goal.states());
      own.alignTo(goal);
      Map<String, OutputMoments> missing = own.observe(block, memory).missing();
      assertThat(floats(own.states())).as("stays").isEqualTo(is);
      dense.advance(block);
      assertThat(floats(goal.states())).as("passes too").isEqualTo(floats(dense.states()));
      int hidden = cpu.decoder().hiddenSize();
      int tokens = is.length / hidden;
      for (Half half : Half.values()) {
        String module = block.outputs(half).getFirst();
        if (block.outputs(half).size() > 1) {
          assertThat(missing).doesNotContainKey(module);
          continue;
        }
        int columns = block.inputFeatures().get(module);
        float[] read = new float[tokens * columns];
        int[] at = {0};
        try (BlockwiseRun inputs = cpu.run(samples)) {
          inputs.advance(
              block,
              (modules, input) -> {
                if (modules.contains(module)) {
                  float[] rows = new float[input.rows() * columns];
                  cpu.decoder().operations().download(input, MemorySegment.ofArray(rows));
                  System.arraycopy(rows, 0, read, at[0], rows.length);
                  at[0] += rows.length;
                }
              });
        }
        OutputMoments found = missing.get(module);
        for (int i = 0; i < columns; i++) {
          double square = 0;
          for (int token = 0; token < tokens; token++) {
            square += (double) read[token * columns + i] * read[token * columns + i] / tokens;
          }
          assertThat((double) found.input(i, i)).isCloseTo(square, within(1e-5 * square));
          for (int row = 0; row < hidden; row++) {
            double sum = 0;
            double size = 0;
            for (int token = 0; token < tokens; token++) {
              double lacks = (double) should[token * hidden + row] - is[token * hidden + row];
              double term = lacks / 2 / block.factor(half) * read[token * columns + i] / tokens;
              sum += term;
              size += Math.abs(term);
            }
            assertThat((double) found.missing(row, i)).isCloseTo(sum, within(1e-5 * size));
          }
        }
      }
    }
  }

  @Test
  void modulesOfOneInputShareOneGram() {
    try (CpuDecoder cpu = CpuDecoder.fixture("llama-gqa", 1);
        BlockwiseRun run = cpu.run(samples("llama-gqa"));
        Arena memory = Arena.ofShared();
        Block block = cpu.decoder().block(1)) {
      Map<String, Gram> grams = run.observe(block, memory).grams();
      String attention = "model.layers.1.self_attn.";
      String mlp = "model.layers.1.mlp.";
      assertThat(grams.get(attention + "k_proj"))
          .isSameAs(grams.get(attention + "q_proj"))
          .isSameAs(grams.get(attention + "v_proj"))
          .isNotSameAs(grams.get(attention + "o_proj"));
      assertThat(grams.get(mlp + "gate_proj"))
          .isSameAs(grams.get(mlp + "up_proj"))
          .isNotSameAs(grams.get(mlp + "down_proj"));
    }
  }

  @Test
  void threadsChangeNoBit() {
    Map<String, byte[]> one = triangles(1);
    triangles(3).forEach((module, triangle) -> assertThat(triangle).isEqualTo(one.get(module)));
  }

  @Test
  void anExpertThatNoTokenReachedHasZeros() {
    try (Backend backend = Pruning.cpu(1);
        Arena memory = Arena.ofShared();
        InputMoments moments = new InputMoments(backend.operations());
        Tensor input = backend.operations().tensor(2, 3)) {
      backend.operations().upload(MemorySegment.ofArray(new float[] {1, 2, 3, 4, 5, 6}), input);
      moments.input(List.of("reached"), input);
      Map<String, Gram> grams =
          moments.grams(Map.of("reached", 3, "other", 3, "third", 4, "fourth", 4), 2, memory);
      assertThat(elements(grams.get("reached"))).containsExactly(8.5, 11.0, 13.5, 14.5, 18.0, 22.5);
      assertThat(elements(grams.get("other"))).hasSize(6).containsOnly(0.0);
      assertThat(grams.get("third").columns()).isEqualTo(4);
      assertThat(grams.get("third")).isSameAs(grams.get("fourth"));
    }
  }

  private static Double[] elements(Gram gram) {
    float[] values = gram.triangle().toArray(ValueLayout.JAVA_FLOAT);
    return Stream.iterate(0, i -> i + 1)
        .limit(values.length)
        .map(i -> (double) values[i])
        .toArray(Double[]::new);
  }

  @Test
  void momentsThatOverflowAreNamed() {
    try (Backend backend = Pruning.cpu(1);
        Arena memory = Arena.ofShared();
        InputMoments moments = new InputMoments(backend.operations());
        Tensor input = backend.operations().tensor(300, 2)) {
      float[] values = new float[600];
      Arrays.fill(values, 1.5e18f);
      for (int token = 0; token < 300; token++) {
        values[2 * token] = 1;
      }
      backend.operations().upload(MemorySegment.ofArray(values), input);
      moments.input(List.of("any"), input);
      assertThatThrownBy(() -> moments.grams(Map.of("any", 2), 1, memory))
          .isInstanceOf(InputException.class)
          .hasMessageContaining(
              "module any: expected a finite second moment of input column 1, found Infinity");
    }
  }
}
