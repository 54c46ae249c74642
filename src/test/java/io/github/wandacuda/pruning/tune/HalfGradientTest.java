package io.github.wandacuda.pruning.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.HalfParts;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.tune.HalfGradient.Layer;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.CpuDecoder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Halves of real blocks of many families: forward as the block itself computes it, and the gradient
 * of each linear module against differences of a loss along the gradient and along a random
 * direction.
 */
class HalfGradientTest {
  private static final int LENGTH = 12;
  private static final int SEQUENCES = 2;

  /** How far weights go for a difference, as a share of their size. */
  private static final double STEP = 3e-4;

  private static final double TOLERANCE = 0.01;

  private static float[] numbers(int count, double size, long seed) {
    Random random = new Random(seed);
    float[] numbers = new float[count];
    for (int at = 0; at < count; at++) {
      numbers[at] = (float) (size * random.nextGaussian());
    }
    return numbers;
  }

  /** A half with all its layers tuned, and what it reads. */
  private static final class Opened implements AutoCloseable {
    final CpuDecoder cpu;
    final Block block;
    final Workers workers = new Workers(2);
    final List<Layer> layers = new ArrayList<>();
    final Products products;
    final HalfGradient half;
    final Tensor hidden;
    final Tensor input;

    Opened(String family, int index, Half which) {
      cpu = CpuDecoder.fixture(family, 2);
      block = cpu.decoder().block(index);
      Operations operations = cpu.operations();
      products = new Products(operations, workers);
      HalfParts parts = block.parts(which).orElseThrow();
      parts.linears().forEach(linear -> layers.add(layer(linear, operations)));
      int tokens = SEQUENCES * LENGTH;
      half = HalfGradient.of(parts, layers, products, tokens, LENGTH);
      int width = cpu.decoder().hiddenSize();
      hidden = operations.tensor(tokens, width);
      operations.upload(MemorySegment.ofArray(numbers(tokens * width, 1, 5)), hidden);
      input = operations.tensor(tokens, width);
      block.observe(which, hidden, LENGTH, first(operations));
    }

    private Layer layer(HalfParts.Applied linear, Operations operations) {
      LinearModule module =
          cpu.model().modules().stream()
              .filter(other -> other.name().equals(linear.module()))
              .findFirst()
              .orElseThrow();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment bytes = arena.allocate(module.tensor().bytes(), 64);
        module.shard().read(module.tensor(), 0, bytes);
        return new Layer(linear, new TunedWeight(module.rows(bytes), true, operations));
      }
    }

    private InputObserver first(Operations operations) {
      boolean[] seen = {false};
      return (modules, read) -> {
        if (!seen[0]) {
          operations.gatherColumns(read, 0, read.columns(), 0, input);
          seen[0] = true;
        }
      };
    }

    double loss(float[] by) {
      float[] out = products.values(half.forward(input));
      double sum = 0;
      for (int at = 0; at < out.length; at++) {
        sum += (double) out[at] * by[at];
      }
      return sum;
    }

    @Override
    public void close() {
      hidden.close();
      input.close();
      half.close();
      layers.forEach(layer -> layer.weight().close());
      block.close();
      workers.close();
      cpu.close();
    }
  }

  private static void move(WeightMatrix weights, float[] start, float[] direction, double step) {
    for (int at = 0; at < start.length; at++) {
      weights.set(
          at / weights.columns(),
          at % weights.columns(),
          (float) (start[at] + step * direction[at]));
    }
  }

  private static double size(float[] numbers) {
    double sum = 0;
    for (float number : numbers) {
      sum += (double) number * number;
    }
    return Math.sqrt(sum);
  }

  private static float[] direction(float[] numbers) {
    float size = (float) size(numbers);
    float[] direction = numbers.clone();
    for (int at = 0; at < direction.length; at++) {
      direction[at] /= size;
    }
    return direction;
  }

  @ParameterizedTest
  @CsvSource({
    "llama-mha, ATTENTION",
    "llama-mha, MLP",
    "llama-gqa, ATTENTION",
    "llama3, ATTENTION",
    "llama-yarn, ATTENTION",
    "mistral, ATTENTION",
    "qwen2, ATTENTION",
    "qwen3, ATTENTION",
    "phi3, ATTENTION",
    "phi3, MLP",
    "gemma, MLP",
    "gpt2, ATTENTION",
    "gpt2, MLP",
    "opt, ATTENTION",
    "opt, MLP",
    "bloom, ATTENTION",
    "bloom, MLP",
    "gpt_neox-sequential, ATTENTION",
    "nemotron, MLP",
    "starcoder2, MLP",
    "stablelm, ATTENTION",
    "apertus, ATTENTION",
    "apertus, MLP",
    "gpt_oss, ATTENTION",
    "smollm3, ATTENTION",
    "mixtral, ATTENTION"
  })
  void gradientsAreDifferences(String family, Half which) {
    try (Opened of = new Opened(family, 0, which)) {
      Operations operations = of.cpu.operations();
      int width = of.cpu.decoder().hiddenSize();
      float[] by = numbers(SEQUENCES * LENGTH * width, 1, 11);
      double unused = of.loss(by);
      of.half.backward(of.input, by);
      for (Layer layer : of.layers) {
        String name = layer.of().module();
        WeightMatrix weights = layer.weight().weights();
        float[] gradient = of.products.values(layer.weight().gradient());
        float[] start = new float[gradient.length];
        for (int row = 0; row < weights.rows(); row++) {
          weights.read(row, 0, weights.columns(), start, row * weights.columns());
        }
        double size = size(gradient);
        assertThat(size).as(name).isGreaterThan(0);
        float[] random = direction(numbers(start.length, 1, 17));
        double step = STEP * size(start);
        for (float[] along : List.of(direction(gradient), random)) {
          double expected = 0;
          for (int at = 0; at < along.length; at++) {
            expected += (double) along[at] * gradient[at];
          }
          move(weights, start, along, step);
          double above = of.loss(by);
          move(weights, start, along, -step);
          double below = of.loss(by);
          move(weights, start, along, 0);
          assertThat((above - below) / (2 * step))
              .as(name)
              .isCloseTo(expected, within(TOLERANCE * size));
        }
        operations.clear(layer.weight().gradient());
      }
    }
  }

  /** What the gradient is of is what the block computes. */
  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "qwen3", "phi3", "gpt2", "bloom", "gpt_oss", "llama3"})
  void forwardIsTheBlocksOwn(String family) {
    try (Opened of = new Opened(family, 0, Half.ATTENTION)) {
      float[] before = numbers(of.hidden.rows() * of.hidden.columns(), 1, 5);
      Operations operations = of.cpu.operations();
      operations.upload(MemorySegment.ofArray(before), of.hidden);
      of.block.forward(Half.ATTENTION, of.hidden, LENGTH, InputObserver.NONE);
      float[] expected = of.products.values(of.hidden);
      float[] found = of.products.values(of.half.forward(of.input));
      float factor = of.block.factor(Half.ATTENTION);
      for (int at = 0; at < found.length; at++) {
        assertThat(before[at] + factor * found[at])
            .as("element %d", at)
            .isCloseTo(expected[at], within(1e-5f * Math.max(1, Math.abs(expected[at]))));
      }
    }
  }

  /** Halves with norms behind them, or of another kind, aren't taken apart. */
  @ParameterizedTest
  @CsvSource({
    "gemma2, ATTENTION",
    "gemma2, MLP",
    "olmo2, ATTENTION",
    "falcon, MLP",
    "deepseek_v3, ATTENTION",
    "mixtral, MLP",
    "qwen3_next, ATTENTION"
  })
  void othersHaveNoParts(String family, Half which) {
    try (CpuDecoder cpu = CpuDecoder.fixture(family, 1);
        Block block = cpu.decoder().block(0)) {
      assertThat(block.parts(which)).isEqualTo(Optional.empty());
    }
  }

  /** A layer that stays as it is gets no gradient, and the others get the same. */
  @Test
  void frozenLayersChangeNothingForOthers() {
    try (Opened of = new Opened("llama-gqa", 1, Half.MLP)) {
      float[] by = numbers(SEQUENCES * LENGTH * of.cpu.decoder().hiddenSize(), 1, 11);
      double unused = of.loss(by);
      of.half.backward(of.input, by);
      List<Layer> some = new ArrayList<>(of.layers);
      Layer gate = some.getFirst();
      try (TunedWeight frozen =
          new TunedWeight(gate.weight().weights(), false, of.cpu.operations())) {
        float[] up = of.products.values(some.get(1).weight().gradient());
        of.cpu.operations().clear(some.get(1).weight().gradient());
        some.set(0, new Layer(gate.of(), frozen));
        HalfParts parts = of.block.parts(Half.MLP).orElseThrow();
        try (HalfGradient other =
            HalfGradient.of(parts, some, of.products, SEQUENCES * LENGTH, LENGTH)) {
          Tensor out = other.forward(of.input);
          assertThat(out.rows()).isEqualTo(SEQUENCES * LENGTH);
          other.backward(of.input, by);
        }
        assertThat(of.products.values(some.get(1).weight().gradient())).isEqualTo(up);
      }
    }
  }
}
