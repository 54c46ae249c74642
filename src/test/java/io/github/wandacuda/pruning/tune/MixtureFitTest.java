package io.github.wandacuda.pruning.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.HalfSamples;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.ModuleRequest.HeldWeight;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/**
 * The second block of a trained mixture, of which every third weight of each expert is zeroed, and
 * then fitted.
 */
class MixtureFitTest {
  private static final String OTHERS = ".experts.3.";
  private static final int SAMPLES = 24;
  private static final int LENGTH = 96;

  /** A block with damaged experts, and what it lacks of the dense one. */
  private static final class Damaged implements AutoCloseable {
    final Arena arena = Arena.ofShared();
    final CpuDecoder cpu = CpuDecoder.open(TestData.TINY_MIXTURE, 2);
    final Workers workers = new Workers(2);
    final Products products = new Products(cpu.operations(), workers);
    final Map<String, LinearModule> modules = new HashMap<>();
    final Map<String, ModuleRequest> requests = new HashMap<>();
    final BlockwiseRun samples;
    final BlockwiseRun dense;
    final Block block;

    Damaged(int count, Predicate<String> fitted) {
      List<int[]> tokens = tokens(count);
      samples = cpu.run(tokens);
      dense = cpu.run(tokens);
      dense.keepMiddle();
      samples.alignTo(dense);
      for (BlockwiseRun run : List.of(samples, dense)) {
        try (Block first = cpu.decoder().block(0)) {
          run.advance(first);
        }
      }
      block = cpu.decoder().block(1);
      dense.advance(block);
      cpu.model().modules().forEach(module -> modules.put(module.name(), module));
      block.inputFeatures().keySet().stream().filter(fitted).forEach(this::damage);
    }

    private void damage(String name) {
      LinearModule module = modules.get(name);
      HeldWeight held = HeldWeight.of(module, block, arena);
      if (!held.filled()) {
        module.shard().read(module.tensor(), 0, held.bytes());
      }
      for (long at = 0; at < held.bytes().byteSize(); at += 6) {
        held.bytes().set(ValueLayout.JAVA_SHORT_UNALIGNED, at, (short) 0);
      }
      requests.put(name, ModuleRequest.of(module, null, held));
      requests.get(name).keepIn(block);
    }

    BlockWeights weights() {
      return new BlockWeights(block, modules, requests, products);
    }

    List<PartFit.Fitted> fit(HalfSamples read) {
      return new MixtureFit(weights(), read, 2048)
          .run(block.experts(), new Random(7), passed -> {});
    }

    byte[] bytes(String name) {
      return requests.get(name).held().bytes().toArray(ValueLayout.JAVA_BYTE);
    }

    /** Returns what is missing behind the mixture, all samples' rows one after the other. */
    float[] missing(HalfSamples read) {
      float[] all = new float[read.samples() * LENGTH * read.hiddenSize()];
      int size = LENGTH * read.hiddenSize();
      try (Tensor rows = cpu.operations().tensor(LENGTH, read.hiddenSize())) {
        for (int sample = 0; sample < read.samples(); sample++) {
          read.readTarget(sample, rows);
          cpu.operations()
              .download(rows, MemorySegment.ofArray(all).asSlice(4L * sample * size, 4L * size));
        }
      }
      return all;
    }

    @Override
    public void close() {
      block.close();
      samples.close();
      dense.close();
      workers.close();
      cpu.close();
      arena.close();
    }
  }

  private static List<int[]> tokens(int count) {
    Random random = new Random(3);
    List<int[]> tokens = new ArrayList<>();
    for (int sample = 0; sample < count; sample++) {
      tokens.add(random.ints(LENGTH, 3, 200).toArray());
    }
    return tokens;
  }

  private static boolean isExpert(String name) {
    return name.contains(".experts.") || name.contains(".shared_expert.");
  }

  private static double squares(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return sum;
  }

  @Test
  void whatIsMissingBehindTheFitIsWhatTheBlockLacksThen() {
    try (Damaged damaged = new Damaged(SAMPLES, MixtureFitTest::isExpert)) {
      float[] after;
      double before;
      try (HalfSamples read = damaged.samples.half(damaged.block, Half.MLP)) {
        before = squares(damaged.missing(read));
        List<PartFit.Fitted> fits = damaged.fit(read);
        after = damaged.missing(read);
        assertThat(fits).hasSizeGreaterThan(8).anyMatch(PartFit.Fitted::kept);
      }
      // The block with its fitted weights, computed anew.
      try (HalfSamples read = damaged.samples.half(damaged.block, Half.MLP)) {
        float[] anew = damaged.missing(read);
        assertThat(squares(anew)).isLessThan(0.9 * before);
        for (int at = 0; at < anew.length; at++) {
          assertThat(after[at]).isCloseTo(anew[at], within(1e-3f));
        }
      }
    }
  }

  @Test
  void zerosStayAndTheSameSeedGivesTheSameBytes() {
    Map<String, byte[]> first = new HashMap<>();
    for (int run = 0; run < 2; run++) {
      try (Damaged damaged = new Damaged(SAMPLES, MixtureFitTest::isExpert);
          HalfSamples read = damaged.samples.half(damaged.block, Half.MLP)) {
        damaged.fit(read);
        for (String name : damaged.requests.keySet()) {
          byte[] bytes = damaged.bytes(name);
          assertThat(first.computeIfAbsent(name, own -> bytes)).as(name).isEqualTo(bytes);
          for (int at = 0; at < bytes.length; at += 6) {
            assertThat(bytes[at] | bytes[at + 1]).as(name).isZero();
          }
        }
      }
    }
  }

  @Test
  void onlyRequestedExpertsWithEnoughTokensAreFitted() {
    Predicate<String> one = name -> name.contains(OTHERS);
    try (Damaged damaged = new Damaged(SAMPLES, one);
        HalfSamples read = damaged.samples.half(damaged.block, Half.MLP)) {
      assertThat(damaged.fit(read)).hasSize(1);
    }
    try (Damaged damaged = new Damaged(2, MixtureFitTest::isExpert);
        HalfSamples read = damaged.samples.half(damaged.block, Half.MLP)) {
      long enough =
          damaged.block.experts().stream()
              .filter(expert -> read.tokens(expert.linears().getLast().module()) >= 256)
              .count();
      assertThat(damaged.fit(read)).hasSize((int) enough);
      assertThat(enough).isLessThan(damaged.block.experts().size());
    }
  }
}
